"""What is fit to model: everything else is refused in one line that says which row or column and what to do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BarometerError
from barometer.estimate.small_area.areas import check_areas, rows_of
from barometer.estimate.small_area.errors import CannotEstimate
from tests.estimate.small_area.made import make_areas


def given_areas(areas: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    made = make_areas(areas=areas)
    return made.y.copy(), made.X.copy(), made.variance.copy()


class TestSampled:
    def test_an_area_without_estimate_or_variance_was_not_sampled(self) -> None:
        y, design, variance = given_areas()
        y[1], variance[4] = np.nan, np.nan
        areas = check_areas(y, design, variance)
        assert areas.is_sampled.tolist() == [True, False, True, True, False, True]

    def test_then_neither_of_the_two_is_used(self) -> None:
        y, design, variance = given_areas()
        y[1], variance[4] = np.nan, np.nan
        areas = check_areas(y, design, variance)
        assert np.isnan(areas.y[[1, 4]]).all()
        assert np.isnan(areas.variance[[1, 4]]).all()
        np.testing.assert_array_equal(areas.sampled_y, y[[0, 2, 3, 5]])

    def test_one_covariate_may_be_a_plain_array(self) -> None:
        y, design, variance = given_areas()
        assert check_areas(y, design[:, 0], variance).X.shape == (6, 1)

    def test_lists_do(self) -> None:
        assert check_areas([1, 2, 4], [1, 1, 1], [1, 1, 1]).y.dtype == np.float64


class TestBasis:
    @given(st.integers(0, 1000))
    def test_is_orthonormal_where_sampled_and_spans_x(self, seed: int) -> None:
        made = make_areas(areas=12, seed=seed)
        y = np.where(np.arange(12) % 4 == 0, np.nan, made.y)
        areas = check_areas(y, made.X, made.variance)
        np.testing.assert_allclose(areas.sampled_basis.T @ areas.sampled_basis, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(areas.basis @ areas.triangle, made.X, atol=1e-12)

    def test_coefficients_go_back_to_x(self) -> None:
        made = make_areas(areas=12)
        areas = check_areas(made.y, made.X, made.variance)
        of_basis = np.array([1.0, -2.0, 3.0])
        np.testing.assert_allclose(made.X @ areas.coefficients(of_basis), areas.basis @ of_basis, atol=1e-12)

    def test_so_does_their_covariance(self) -> None:
        made = make_areas(areas=12)
        areas = check_areas(made.y, made.X, made.variance)
        of_basis = np.diag([1.0, 2.0, 3.0])
        there = made.X @ areas.coefficient_covariance(of_basis) @ made.X.T
        np.testing.assert_allclose(there, areas.basis @ of_basis @ areas.basis.T, atol=1e-12)

    def test_columns_of_very_different_size_are_told_apart(self) -> None:
        y, design, variance = given_areas(20)
        areas = check_areas(y, design * [1e9, 1e-9, 1.0], variance)
        np.testing.assert_allclose(areas.sampled_basis.T @ areas.sampled_basis, np.eye(3), atol=1e-10)

    def test_so_are_columns_far_from_zero(self) -> None:
        """A year, 2001 to 2020, beside an intercept: badly conditioned, yet sound."""
        y, _, variance = given_areas(20)
        design = np.column_stack([np.ones(20), np.arange(2001, 2021)])
        areas = check_areas(y, design, variance)
        np.testing.assert_allclose(areas.sampled_basis.T @ areas.sampled_basis, np.eye(2), atol=1e-9)


class TestRefused:
    """One line each; it names the place and says what to do."""

    def refusal(self, y: object, design: object, variance: object) -> str:
        with pytest.raises(CannotEstimate) as refused:
            check_areas(y, design, variance)  # type: ignore[arg-type]
        assert "\n" not in str(refused.value)
        return str(refused.value)

    def test_is_an_error_people_are_shown(self) -> None:
        assert issubclass(CannotEstimate, BarometerError)

    def test_other_lengths(self) -> None:
        y, design, variance = given_areas()
        assert "y has 5 areas, X 6 and variance 6" in self.refusal(y[:5], design, variance)

    def test_tables_for_arrays(self) -> None:
        y, design, variance = given_areas()
        assert "y has 2 dimensions" in self.refusal(y[:, np.newaxis], design, variance)

    def test_no_covariate(self) -> None:
        y, design, variance = given_areas()
        assert "at least a column of ones" in self.refusal(y, design[:, :0], variance)

    @pytest.mark.parametrize("missing", [np.nan, np.inf])
    def test_a_missing_covariate_even_of_an_area_not_sampled(self, missing: float) -> None:
        y, design, variance = given_areas()
        y[3], design[3, 1] = np.nan, missing
        assert "covariate column 1 is missing at row 3" in self.refusal(y, design, variance)

    @pytest.mark.parametrize("wrong", [0.0, -1.0, -np.finfo(float).tiny])
    def test_a_variance_of_zero_or_below(self, wrong: float) -> None:
        y, design, variance = given_areas()
        variance[2] = wrong
        assert "zero or negative at row 2" in self.refusal(y, design, variance)

    @pytest.mark.parametrize("which", ["y", "variance"])
    def test_infinity(self, which: str) -> None:
        y, design, variance = given_areas()
        (y if which == "y" else variance)[5] = np.inf
        assert "infinite at row 5" in self.refusal(y, design, variance)

    def test_a_variance_of_zero_where_there_is_no_estimate_does_no_harm(self) -> None:
        y, design, variance = given_areas()
        y[2], variance[2] = np.nan, 0.0
        assert not check_areas(y, design, variance).is_sampled[2]

    def test_a_second_constant(self) -> None:
        y, design, variance = given_areas()
        design = np.column_stack([design, np.full(6, 7.0)])
        assert "column 3 is a combination" in self.refusal(y, design, variance)

    def test_a_combination_of_others(self) -> None:
        y, design, variance = given_areas(20)
        design = np.column_stack([design, 2 * design[:, 1] - design[:, 2]])
        assert "column 3 is a combination" in self.refusal(y, design, variance)

    def test_a_combination_but_for_rounding(self) -> None:
        y, design, variance = given_areas(20)
        nearly = design[:, 1] * (1 + 1e-12 * np.arange(20))
        assert "column 3 is a combination" in self.refusal(y, np.column_stack([design, nearly]), variance)

    def test_a_column_that_differs_only_where_nobody_was_sampled(self) -> None:
        y, design, variance = given_areas(8)
        y[7] = np.nan
        design = np.column_stack([design, np.eye(8)[7]])
        assert "column 3 is zero in every sampled area" in self.refusal(y, design, variance)

    @pytest.mark.parametrize("sampled", [0, 1, 2, 3])
    def test_no_more_areas_than_covariates(self, sampled: int) -> None:
        y, design, variance = given_areas(6)
        y[sampled:] = np.nan
        message = self.refusal(y, design, variance)
        assert f"{sampled} sampled areas cannot carry 3 covariates" in message
        assert f"use at most {max(sampled - 1, 0)}" in message

    def test_one_area(self) -> None:
        assert "1 sampled areas cannot carry 1 covariates" in self.refusal([1.0], [[1.0]], [1.0])


class TestRowsOf:
    def test_names_each(self) -> None:
        assert rows_of(np.array([True, False, True])) == "row 0, 2"

    def test_but_not_hundreds(self) -> None:
        assert rows_of(np.ones(100, dtype=bool)) == "row 0, 1, 2, 3, 4 and 95 more"
