"""Few covariates out of many: the ones that matter, none out of noise but rarely, nothing that cannot be told apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.small_area import CannotEstimate, choose_covariates, fay_herriot, principal_components
from barometer.estimate.small_area.covariates import standardise
from tests.estimate.small_area.made import make_areas


def candidates(*, areas: int = 63, count: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(areas, count))


class TestStandardise:
    @given(st.integers(0, 500), st.floats(1e-6, 1e6))
    def test_mean_0_and_standard_deviation_1(self, seed: int, unit: float) -> None:
        values, kept = standardise(candidates(seed=seed) * unit + 5)
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(values.std(axis=0), 1)
        assert kept == list(range(12))

    def test_constants_are_left_out_also_those_that_are_so_but_for_rounding(self) -> None:
        values = candidates(count=4)
        values[:, 1] = 7.0
        values[:, 2] = 0.1 + 0.2 * (1 + 1e-16 * np.arange(63))
        assert standardise(values)[1] == [0, 3]

    def test_a_missing_value_is_named(self) -> None:
        values = candidates()
        values[5, 3] = np.nan
        with pytest.raises(CannotEstimate, match="candidate column 3 is missing at row 5"):
            standardise(values)


class TestPrincipalComponents:
    @given(st.integers(0, 500), st.integers(0, 8))
    def test_an_intercept_and_uncorrelated_scores(self, seed: int, at_most: int) -> None:
        design = principal_components(candidates(seed=seed), at_most=at_most)
        assert design.shape[1] <= 1 + at_most
        np.testing.assert_array_equal(design[:, 0], 1)
        np.testing.assert_allclose(design.T @ design / 63, np.eye(design.shape[1]), atol=1e-9)

    def test_as_few_as_hold_the_share_asked_for(self) -> None:
        """Six copies of one column and one other, all but uncorrelated: one component holds 6/7."""
        values = candidates(count=2)
        copies = np.column_stack([values[:, [0] * 6], values[:, 1]])
        assert principal_components(copies, at_most=5).shape[1] == 2
        assert principal_components(copies, at_most=5, share_explained=0.95).shape[1] == 3

    def test_no_component_of_nothing(self) -> None:
        """Two columns that say the same have one component, however much is asked for."""
        values = candidates(count=1)
        assert principal_components(np.hstack([values, -3 * values]), at_most=5, share_explained=1.0).shape[1] == 2

    def test_constants_alone_leave_the_intercept(self) -> None:
        np.testing.assert_array_equal(principal_components(np.ones((10, 3)), at_most=2), np.ones((10, 1)))

    def test_units_and_signs_of_candidates_do_not_matter(self) -> None:
        values = candidates(count=5)
        units = np.array([1, 100, 1e-3, 5, 2.0])
        one, other = (principal_components(v, at_most=3) for v in (values, values * units))
        np.testing.assert_allclose(one, other, atol=1e-9)

    def test_its_largest_loading_is_positive(self) -> None:
        values = np.random.default_rng(0).normal(size=(63, 1)) * [3, 2, 1] + 0.1 * candidates(count=3)
        design = principal_components(values, at_most=1)
        assert np.corrcoef(design[:, 1], values[:, 0])[0, 1] > 0.9

    def test_fit_for_the_model(self) -> None:
        made = make_areas(areas=63)
        design = principal_components(candidates(), at_most=4)
        assert fay_herriot(made.y, design, made.variance).converged


class TestChooseCovariates:
    def test_finds_what_matters_first(self) -> None:
        values = candidates()
        rng = np.random.default_rng(1)
        y = 2 * values[:, 7] + 1 * values[:, 2] + 0.3 * rng.normal(size=63) + 0.5 * rng.normal(size=63)
        chosen = choose_covariates(y, values, np.full(63, 0.25))
        assert chosen[:2] == (7, 2)

    def test_not_more_than_one_per_ten_areas(self) -> None:
        values = candidates(areas=30, count=6)
        y = values @ np.full(6, 3.0) + 0.1 * np.random.default_rng(0).normal(size=30)
        assert len(choose_covariates(y, values, np.full(30, 0.01))) == 3
        assert len(choose_covariates(y, values, np.full(30, 0.01), at_most=5)) == 5

    def test_areas_not_sampled_do_not_count(self) -> None:
        values = candidates(areas=40, count=6)
        y = values @ np.full(6, 3.0) + 0.1 * np.random.default_rng(0).normal(size=40)
        y[20:] = np.nan
        assert len(choose_covariates(y, values, np.full(40, 0.01))) == 2

    def test_noise_enters_rarely(self) -> None:
        """15 columns of noise: something enters in about a twentieth of cities."""
        entered = []
        for seed in range(60):
            made = make_areas(areas=63, covariates=1, seed=seed)
            noise = candidates(count=15, seed=seed + 99)
            entered.append(bool(choose_covariates(made.y, noise, made.variance, at_most=1)))
        assert np.mean(entered) < 0.15

    def test_what_hangs_on_those_chosen_stays_out(self) -> None:
        values = candidates(count=2)
        twice = np.column_stack([values[:, 0], 2 * values[:, 0] + 1, values[:, 1], np.ones(63)])
        y = 3 * values[:, 0] + values[:, 1] + 0.1 * np.random.default_rng(0).normal(size=63)
        chosen = choose_covariates(y, twice, np.full(63, 0.01))
        assert set(chosen) in ({0, 2}, {1, 2})

    def test_units_of_candidates_do_not_matter(self) -> None:
        values = candidates()
        y = values[:, 3] + np.random.default_rng(2).normal(size=63)
        units = np.geomspace(1e-6, 1e6, 12)
        assert choose_covariates(y, values, np.ones(63)) == choose_covariates(y, values * units, np.ones(63))

    def test_nothing_to_choose_from(self) -> None:
        made = make_areas()
        assert choose_covariates(made.y, np.ones((40, 2)), made.variance) == ()

    def test_too_few_areas_even_for_an_intercept(self) -> None:
        with pytest.raises(CannotEstimate, match="1 sampled areas"):
            choose_covariates([1.0, np.nan], np.ones((2, 1)), [1.0, 1.0])

    def test_few_areas_choose_nothing(self) -> None:
        made = make_areas(areas=9)
        assert choose_covariates(made.y, made.X[:, 1:], made.variance) == ()
