"""Gaps filled in, and the errors that filling brings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadInput
from barometer.estimate.composite.impute import impute
from barometer.estimate.composite.structure import Imputation

GAP = np.nan
VALUES = np.array([[1.0, 10.0], [2.0, GAP], [6.0, 40.0], [GAP, 40.0]])
METHODS: list[Imputation] = ["mean", "median", "group_mean", "em"]
LABELS = np.array(["north", "north", "south", "south"])


def test_none_leaves_the_gaps() -> None:
    found = impute(VALUES, "none")
    assert np.array_equal(found.values, VALUES, equal_nan=True)
    assert not found.errors.any()


def test_mean_of_the_part() -> None:
    found = impute(VALUES, "mean")
    assert found.values[3, 0] == pytest.approx(3)
    assert found.values[1, 1] == pytest.approx(30)


def test_median_of_the_part() -> None:
    assert impute(VALUES, "median").values[3, 0] == pytest.approx(2)
    assert impute(VALUES, "median").values[1, 1] == pytest.approx(40)


def test_mean_of_the_group() -> None:
    found = impute(VALUES, "group_mean", groups=LABELS)
    assert found.values[1, 1] == pytest.approx(10)
    assert found.values[3, 0] == pytest.approx(6)


def test_a_group_without_any_value_takes_the_mean_of_all() -> None:
    found = impute(VALUES, "group_mean", groups=np.array(["a", "b", "a", "a"]))
    assert found.values[1, 1] == pytest.approx(30)


def test_group_mean_needs_groups() -> None:
    with pytest.raises(BadInput, match="unit_groups"):
        impute(VALUES, "group_mean")


def test_the_error_of_a_filled_value_is_the_spread_of_the_part() -> None:
    found = impute(VALUES, "mean")
    assert found.errors[3, 0] == pytest.approx(np.std([1, 2, 6], ddof=1))
    assert found.errors[1, 1] == pytest.approx(np.std([10, 40, 40], ddof=1))


@pytest.mark.parametrize("method", METHODS)
def test_measured_values_stay_and_bring_no_error(method: Imputation) -> None:
    found = impute(VALUES, method, groups=LABELS)
    known = np.isfinite(VALUES)
    assert np.array_equal(found.values[known], VALUES[known])
    assert not found.errors[known].any()
    assert np.isfinite(found.values).all()


@pytest.mark.parametrize("method", METHODS)
def test_without_gaps_nothing_changes(method: Imputation) -> None:
    whole = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 9.0], [0.0, 1.0]])
    assert np.array_equal(impute(whole, method, groups=LABELS).values, whole)


class TestExpectationMaximisation:
    """Two parts with correlation .9 tell of one another: the guess follows the regression and its error shrinks."""

    @staticmethod
    def _drawn(units: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(4)
        truth = rng.multivariate_normal([5.0, -3.0], [[4.0, 2.7], [2.7, 2.25]], size=units)
        seen = truth.copy()
        seen[: units // 4, 1] = np.nan
        return truth, seen

    def test_it_follows_the_regression_on_the_known_part(self) -> None:
        truth, seen = self._drawn(2000)
        found = impute(seen, "em").values[:500, 1]
        expected = -3 + 2.7 / 4 * (truth[:500, 0] - 5)
        assert np.abs(found - expected).max() < 0.15

    def test_its_error_is_what_the_regression_leaves(self) -> None:
        _, seen = self._drawn(2000)
        left = np.sqrt(2.25 - 2.7**2 / 4)
        assert impute(seen, "em").errors[:500, 1] == pytest.approx(left, rel=0.08)

    def test_it_errs_less_than_the_mean_and_says_so(self) -> None:
        truth, seen = self._drawn(400)
        by_em, by_mean = impute(seen, "em"), impute(seen, "mean")
        miss = [np.sqrt(((f.values - truth)[:100, 1] ** 2).mean()) for f in (by_em, by_mean)]
        assert miss[0] < 0.6 * miss[1]
        assert by_em.errors[:100, 1].mean() < 0.6 * by_mean.errors[:100, 1].mean()

    def test_few_units_and_many_parts_do_not_break_it(self) -> None:
        values = np.random.default_rng(1).normal(size=(6, 8))
        values[0, :3], values[4, 7] = np.nan, np.nan
        found = impute(values, "em")
        assert np.isfinite(found.values).all()
        assert np.isfinite(found.errors).all()

    @given(shift=st.floats(-50, 50), scale=st.floats(0.1, 20))
    def test_it_follows_a_change_of_units(self, shift: float, scale: float) -> None:
        _, seen = self._drawn(40)
        plain, moved = impute(seen, "em"), impute(seen * scale + shift, "em")
        assert moved.values == pytest.approx(plain.values * scale + shift, rel=1e-5, abs=1e-5)
        assert moved.errors == pytest.approx(plain.errors * scale, rel=1e-5, abs=1e-6)
