"""Outliers: found by skewness and kurtosis, winsorised, else transformed. Cases of COINr's own tests where named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.composite.treat import (
    KURTOSIS_THRESHOLD,
    SKEWNESS_THRESHOLD,
    fit_treatment,
    has_outliers,
    kurtosis,
    skewness,
    winsorise,
)

ONE_HIGH = np.array([*range(1, 11), 100.0])
TWO_HIGH = np.array([*range(1, 21), 100.0, 200.0])


def test_skewness_and_kurtosis_by_hand() -> None:
    """1, 2, 6: mean 3, m2 = 14/3, m3 = 6, g1 = 6/(14/3)^1.5, times sqrt(3·2)/1."""
    assert skewness(np.array([1.0, 2.0, 6.0])) == pytest.approx(6 / (14 / 3) ** 1.5 * 6**0.5)
    # 1, 2, 3, 4: r = 4·(2·1.5^4 + 2·.5^4)/25 = 1.64; ((5)(1.64 - 3) + 6)·3/(2·1) = -1.2
    assert kurtosis(np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(-1.2)


def test_gaps_are_left_out_of_them() -> None:
    assert skewness(np.array([1.0, np.nan, 2.0, 6.0])) == pytest.approx(skewness(np.array([1.0, 2.0, 6.0])))


@pytest.mark.parametrize("values", [[1.0, 2.0], [3.0, 3.0, 3.0, 3.0], [np.nan, np.nan, np.nan, 1.0]])
def test_too_little_or_no_variation_has_no_outliers(values: list[float]) -> None:
    assert np.isnan(skewness(np.array(values)))
    assert not has_outliers(np.array(values))


def test_both_thresholds_must_be_passed() -> None:
    assert has_outliers(ONE_HIGH)
    # An even two-point spread has extreme (negative) kurtosis and no skewness.
    assert not has_outliers(np.array([0.0] * 20 + [1.0] * 20))
    assert not has_outliers(np.arange(50.0))


def test_one_high_outlier_is_moved_to_its_neighbour() -> None:
    """COINr's test `treat_num`: 100 becomes 10, the rest stays."""
    treated = winsorise(ONE_HIGH)
    assert treated.apply(ONE_HIGH).tolist() == [*range(1, 11), 10.0]
    assert treated.winsorised == 1
    assert not has_outliers(treated.apply(ONE_HIGH))


def test_a_low_outlier_is_moved_up() -> None:
    treated = winsorise(-ONE_HIGH)
    assert treated.apply(-ONE_HIGH).tolist() == [*(-float(x) for x in range(1, 11)), -10.0]


def test_no_more_than_the_maximum_are_moved() -> None:
    """COINr's second case: two outliers, one allowed: still an outlier."""
    treated = winsorise(TWO_HIGH, maximum=1)
    assert treated.winsorised == 1
    assert treated.apply(TWO_HIGH).max() == 100
    assert has_outliers(treated.apply(TWO_HIGH))


def test_what_winsorising_cannot_mend_is_logged_from_the_untouched_values() -> None:
    treated = fit_treatment(TWO_HIGH, "winsorise_log", maximum=1)
    assert treated.kind == "log"
    assert treated.apply(TWO_HIGH) == pytest.approx(np.log(TWO_HIGH - 1 + 0.01 * 199))


def test_winsorise_alone_stops_there() -> None:
    assert fit_treatment(TWO_HIGH, "winsorise", maximum=1).kind == "winsorised"


def test_box_cox_brings_the_values_nearer_to_symmetry() -> None:
    heavy = np.exp(np.random.default_rng(3).normal(0, 1.6, 80))
    treated = fit_treatment(heavy, "winsorise_box_cox", maximum=1)
    assert treated.kind == "box_cox"
    assert abs(skewness(treated.apply(heavy))) < 0.5 < abs(skewness(heavy))


@pytest.mark.parametrize("method", ["none", "winsorise", "winsorise_log", "winsorise_box_cox"])
def test_well_behaved_values_are_left_alone(method: str) -> None:
    values = np.linspace(0, 1, 30)
    assert fit_treatment(values, method).apply(values).tolist() == values.tolist()  # type: ignore[arg-type]


def test_none_leaves_even_outliers() -> None:
    assert fit_treatment(ONE_HIGH, "none").apply(ONE_HIGH).tolist() == ONE_HIGH.tolist()


def test_a_yes_or_no_is_never_treated() -> None:
    """Winsorising the few yes would leave nothing of the part."""
    rare = np.array([0.0] * 30 + [1.0])
    assert has_outliers(rare)
    for method in ("winsorise", "winsorise_log", "winsorise_box_cox"):
        assert fit_treatment(rare, method).kind == "none"


def test_a_gap_stays_a_gap() -> None:
    values = np.append(TWO_HIGH, np.nan)
    treated = fit_treatment(values, "winsorise_log", maximum=1).apply(values)
    assert np.isnan(treated[-1])
    assert np.isfinite(treated[:-1]).all()


def test_a_draw_below_the_lowest_value_is_scored_as_the_lowest() -> None:
    treated = fit_treatment(TWO_HIGH, "winsorise_log", maximum=1)
    assert treated.apply(np.array([-5.0])) == pytest.approx(treated.apply(np.array([1.0])))


@given(st.lists(st.floats(-1e3, 1e3), min_size=8, max_size=60), st.integers(1, 5))
def test_order_is_kept_and_gaps_closed_only_at_the_ends(drawn: list[float], maximum: int) -> None:
    values = np.array(drawn)
    treated = fit_treatment(values, "winsorise_log", maximum=maximum).apply(values)
    order = np.argsort(values, kind="stable")
    assert (np.diff(treated[order]) >= -1e-9).all()


@given(st.lists(st.floats(-1e3, 1e3), min_size=8, max_size=60))
def test_either_it_passes_or_the_maximum_was_reached_or_it_is_nearly_a_yes_or_no(drawn: list[float]) -> None:
    values = np.array(drawn)
    found = winsorise(values, maximum=5)
    passes = not has_outliers(found.apply(values))
    assert passes or found.winsorised >= 5 or found.kind == "none"


def test_thresholds_are_those_of_the_jrc() -> None:
    assert (SKEWNESS_THRESHOLD, KURTOSIS_THRESHOLD) == (2.0, 3.5)
