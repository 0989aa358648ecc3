"""How soon a fall of five points is seen: power and delay, in the whole city and in one neighbourhood of many."""

from __future__ import annotations

import numpy as np
import pytest

from barometer.estimate.change import detect, e_bh, family_weights
from tests.estimate.change.streams import SERIES, Table, falling, share_error, steady

RATE, INDICATORS, AREAS = 0.05, 6, 63
NEVER = 10_000


def delays(values: Table, errors: Table, *, before: int, is_city: bool) -> Table:
    """Periods until each run's series is an alert among the city's 6 x 64, all others steady; NEVER where it is not."""
    families = ["city"] * INDICATORS + ["parts"] * SERIES
    weight = family_weights(families)[0 if is_city else -1]
    found = detect(values, errors, horizon=values.shape[1])
    is_alert = found.log_evidence[:, before:] >= np.log(len(families) / RATE) - np.log(weight)
    return np.where(is_alert.any(axis=1), is_alert.argmax(axis=1) + 1, NEVER)


def city_error(n: int) -> float:
    return share_error(n) / np.sqrt(AREAS)


@pytest.mark.parametrize(("n", "within"), [(60, 1), (150, 1), (400, 1)])
def test_the_whole_city_is_seen_at_once(n: int, within: int) -> None:
    values, errors = falling(np.random.default_rng(n), runs=1000, before=7, since=8, error=city_error(n))
    assert np.median(delays(values, errors, before=7, is_city=True)) <= within


def test_after_three_waves_the_fourth_shows_a_fall_in_the_city() -> None:
    values, errors = falling(np.random.default_rng(1), runs=1000, before=3, since=1, error=city_error(150))
    assert np.mean(delays(values, errors, before=3, is_city=True) == 1) > 0.95


@pytest.mark.parametrize(("n", "median", "seen"), [(400, 14, 0.99), (150, 40, 0.7)])
def test_a_neighbourhood_with_many_voices_is_seen_in_weeks_of_a_two_year_look_back(
    n: int, median: int, seen: float
) -> None:
    values, errors = falling(np.random.default_rng(n), runs=1000, before=52, since=52, error=share_error(n))
    waited = delays(values, errors, before=52, is_city=False)
    assert np.median(waited) <= median
    assert np.mean(waited < NEVER) > seen


def test_five_points_among_sixty_voices_are_beyond_seeing_in_a_year_and_twenty_are_not() -> None:
    """The limits are part of what is promised: too few voices cannot show a small change."""
    rng = np.random.default_rng(2)
    values, errors = falling(rng, runs=1000, before=7, since=8, error=share_error(60))
    assert np.mean(delays(values, errors, before=7, is_city=False) < NEVER) < 0.02
    values[:, 7:] -= 0.20
    assert np.median(delays(values, errors, before=7, is_city=False)) <= 4


def test_a_false_alarm_before_the_change_is_as_rare_as_promised() -> None:
    values, errors = falling(np.random.default_rng(3), runs=2000, before=14, since=1, error=share_error(150))
    found = detect(values, errors, horizon=15)
    assert np.mean(found.log_evidence[:, :14].max(axis=1) >= np.log(1 / RATE)) < RATE


def test_many_neighbourhoods_that_fall_together_are_seen_sooner_than_one() -> None:
    rng, alone, together = np.random.default_rng(4), 0, 0
    for _ in range(20):
        values, errors = steady(rng, series=200)
        one, many = values.copy(), values.copy()
        one[:1, 10:] -= 3 * errors[:1].mean()
        many[:60, 10:] -= 3 * errors[:1].mean()
        alone += bool(e_bh(detect(one, errors, horizon=15).log_evidence[:, -1], rate=RATE)[0])
        together += bool(e_bh(detect(many, errors, horizon=15).log_evidence[:, -1], rate=RATE)[0])
    assert together >= alone
    assert together > 10
