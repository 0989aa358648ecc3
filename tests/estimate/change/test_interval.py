"""Intervals of changes that were picked out because they stood out: they cover, and never hold 0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.estimate.change import Detection, detect, e_bh, threshold
from barometer.estimate.change.interval import change_interval
from tests.estimate.change.streams import PERIODS, Table, steady

RATE = 0.05


def picked(values: Table, errors: Table) -> tuple[Table, Table, Table, Detection]:
    """Rows picked by e-BH: their numbers, lower and upper ends, and what was found in them."""
    found = detect(values, errors, horizon=PERIODS)
    rows = np.flatnonzero(e_bh(found.log_evidence[:, -1], rate=RATE))
    needed = np.full(rows.size, float(threshold(size=len(values), discoveries=max(rows.size, 1), rate=RATE)))
    chosen = detect(values[rows], errors[rows], horizon=PERIODS)
    lower, upper = change_interval(
        values[rows], errors[rows], chosen, horizon=PERIODS, dispersion=1.0, log_threshold=needed
    )
    return rows, lower, upper, chosen


def test_at_most_one_in_twenty_misses_where_chance_picks_the_largest() -> None:
    rng, missed, plain_missed, shown = np.random.default_rng(1), 0, 0, 0
    for _ in range(10):
        true = np.where(np.arange(120) < 80, 2.0, 0.0)
        values, errors = rng.standard_normal((120, PERIODS)), np.ones((120, PERIODS))
        values[:, 8:] += true[:, None]
        rows, lower, upper, chosen = picked(values, errors)
        missed += int(((true[rows] < lower) | (upper < true[rows])).sum())
        plain_missed += int((np.abs(chosen.change - true[rows]) > 1.96 * chosen.change_error).sum())
        shown += rows.size
    assert shown > 200
    assert missed <= RATE * shown
    assert plain_missed > missed


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_an_alerts_interval_holds_its_change_and_not_zero(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, errors = steady(rng, series=20)
    values[:5, 7:] += rng.choice([-8.0, 8.0], 5)[:, None]
    _, lower, upper, chosen = picked(values, errors)
    assert np.all((lower < chosen.change) & (chosen.change < upper))
    assert np.all((lower > 0) | (upper < 0))


def test_wider_than_the_plain_interval_and_narrower_with_less_to_reach() -> None:
    values, errors = np.array([[0.0] * 8 + [6.0] * 7]), np.ones((1, PERIODS))
    found = detect(values, errors, horizon=PERIODS)

    def width(needed: float) -> float:
        lower, upper = change_interval(
            values, errors, found, horizon=PERIODS, dispersion=1.0, log_threshold=np.array([needed])
        )
        return float(upper[0] - lower[0])

    assert 2 * 1.96 * found.change_error[0] < width(np.log(20)) < width(np.log(2000))


def test_a_series_that_changed_twice_still_gets_an_interval_without_zero() -> None:
    values = np.array([[0.0] * 5 + [9.0] * 5 + [30.0] * 5])
    errors = np.ones((1, PERIODS))
    found = detect(values, errors, horizon=PERIODS)
    lower, upper = change_interval(
        values, errors, found, horizon=PERIODS, dispersion=1.0, log_threshold=np.array([np.log(1000)])
    )
    width = found.change_error[0] * np.sqrt(2 * np.log(1000))
    assert (upper - lower)[0] == pytest.approx(2 * width)
    assert lower[0] > 0


def test_where_no_moment_can_be_named_there_is_no_interval() -> None:
    values, errors = np.array([[1.0, np.nan, np.nan]]), np.ones((1, 3))
    found = detect(values, errors, horizon=3)
    lower, upper = change_interval(values, errors, found, horizon=3, dispersion=1.0, log_threshold=np.array([3.0]))
    assert np.isnan(lower).all()
    assert np.isnan(upper).all()
