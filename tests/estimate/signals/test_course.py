"""The course of a city: waves and signals in the order of their days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from barometer.estimate.signals.calibrate import Calibration, calibrate, surveyed
from barometer.estimate.signals.course import Readings, apart, course, silent, together
from barometer.estimate.signals.fit import Parameters
from barometer.estimate.signals.panel import Signals, Survey, signals_panel, survey_panel
from barometer.estimate.signals.scale import Scale
from tests.estimate.signals.cities import Town, signal, survey, truth

TOWN = Town(areas=20, waves=3, gap_weeks=4)
PARAMETERS = Parameters(TOWN.between**2, TOWN.weekly**2, TOWN.citywide**2)
OTHER = Parameters(0.1, 0.02, 0.01)


def town_of(seed: int, names: Sequence[str] = ("first", "second")) -> tuple[Survey, Signals, Calibration]:
    rng = np.random.default_rng(seed)
    levels = truth(TOWN, rng)
    made = survey_panel(survey(TOWN, levels, rng), scale=Scale(), prior=None)
    rows = pl.concat([signal(TOWN, levels, rng, name=name, heard=0.7) for name in names])
    heard = signals_panel(rows, areas=made.areas)
    return made, heard, calibrate(heard, surveyed(made, heard, PARAMETERS))


def last_of(made: Survey, readings: Readings, parameters: Sequence[Parameters] = (PARAMETERS,)) -> np.ndarray:
    """Level and variance (2 x run x area) on the last day."""
    day = TOWN.day(TOWN.weeks - 1)
    given = list(parameters) * (len(readings.lasting) if len(parameters) == 1 else 1)
    ((_, level, variance),) = course(made, given, readings, days=[day])
    return np.stack([level, variance])


def line_of(made: Survey) -> np.ndarray:
    return made.line(len(made.waves))


def test_only_the_days_asked_for_come_back_in_order() -> None:
    made, _, _ = town_of(1)
    asked = [TOWN.day(8), TOWN.day(0), TOWN.day(3), TOWN.day(0) - timedelta(days=3)]
    days = [day for day, _, _ in course(made, [PARAMETERS], silent(1), days=asked)]
    assert days == [TOWN.day(0), TOWN.day(3), TOWN.day(8)]


def test_between_waves_the_level_stays_and_the_doubt_grows_with_the_walk_of_area_and_city() -> None:
    made, _, _ = town_of(2)
    (_, before, doubt), (_, after, more) = course(made, [PARAMETERS], silent(1), days=[TOWN.day(4), TOWN.day(6)])
    np.testing.assert_allclose(before, after)
    np.testing.assert_allclose(more - doubt, 2 * (PARAMETERS.weekly + PARAMETERS.citywide))


def test_a_day_asked_for_in_between_leaves_later_days_as_they_are() -> None:
    made, heard, found = town_of(3)
    readings = apart(heard, found, line_of(made))
    runs = [PARAMETERS] * 3
    odd = TOWN.day(5) + timedelta(days=2)
    (*_, (_, once, _)) = course(made, runs, readings, days=[TOWN.day(8)])
    (*_, (_, twice, _)) = course(made, runs, readings, days=[odd, TOWN.day(8)])
    np.testing.assert_allclose(once, twice, atol=1e-12)


def test_apart_the_first_run_is_the_survey_alone() -> None:
    made, heard, found = town_of(4)
    led = last_of(made, apart(heard, found, line_of(made)))
    np.testing.assert_allclose(led[:, :1], last_of(made, silent(1)), atol=1e-12)


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_signal_apart_is_that_signal_alone_with_full_weight(name: str) -> None:
    """The same signal through the other way in: by itself, in one run, with weight 1."""
    made, heard, found = town_of(5)
    at = heard.names.index(name)
    alone = Calibration(*(getattr(found, part)[[at]] for part in ("slope", "slope_error", "lasting", "noise")))
    line = line_of(made)
    one = last_of(made, apart(heard, found, line))[:, 1 + at]
    other = last_of(made, together(heard.only([name]), alone, np.ones(1), line=line, runs=1))[:, 0]
    np.testing.assert_allclose(one, other, atol=1e-12)


def test_signals_together_leave_less_doubt_than_each_apart() -> None:
    made, heard, found = town_of(6)
    line = line_of(made)
    _, each = last_of(made, apart(heard, found, line))
    _, both = last_of(made, together(heard, found, np.ones(2), line=line, runs=1))
    assert (both <= each.min(axis=0) + 1e-12).all()


def test_less_weight_is_more_doubt_and_none_is_no_signal() -> None:
    made, heard, found = town_of(7)
    line = line_of(made)
    doubts = [
        last_of(made, together(heard, found, np.full(2, weight), line=line, runs=1))[1].mean()
        for weight in (1.0, 0.5, 0.1, 0.0)
    ]
    assert doubts == sorted(doubts)
    nothing = last_of(made, together(heard, found, np.zeros(2), line=line, runs=1))
    np.testing.assert_allclose(nothing, last_of(made, silent(1)), atol=1e-12)


def test_the_order_of_signals_does_not_matter_but_for_what_areas_share() -> None:
    """Signals of a day are taken in one after another: exact but for the small covariances between areas."""
    made, heard, found = town_of(8)
    turned = Signals(heard.names[::-1], heard.times, heard.value[::-1], heard.variance[::-1])
    back = Calibration(*(getattr(found, part)[::-1] for part in ("slope", "slope_error", "lasting", "noise")))
    line = line_of(made)
    one = last_of(made, together(heard, found, np.ones(2), line=line, runs=1))
    other = last_of(made, together(turned, back, np.ones(2), line=line, runs=1))
    np.testing.assert_allclose(one[0], other[0], atol=0.05 * float(np.sqrt(one[1].mean())))


def test_each_run_has_its_own_parameters() -> None:
    made, heard, found = town_of(9)
    both = together(heard, found, np.ones(2), line=line_of(made), runs=2)
    one = together(heard, found, np.ones(2), line=line_of(made), runs=1)
    led = last_of(made, both, (PARAMETERS, OTHER))
    for run, parameters in enumerate((PARAMETERS, OTHER)):
        np.testing.assert_allclose(led[:, run], last_of(made, one, (parameters,))[:, 0], atol=1e-12)


def test_a_slope_of_nothing_moves_no_level() -> None:
    made, heard, found = town_of(10)
    flat = Calibration(np.zeros(2), found.slope_error, found.lasting, found.noise)
    led = last_of(made, together(heard, flat, np.ones(2), line=line_of(made), runs=1))
    np.testing.assert_allclose(led, last_of(made, silent(1)), atol=1e-12)


def test_an_area_without_signals_follows_the_survey_alone() -> None:
    made, heard, found = town_of(11)
    heard.value[:, :, 0] = np.nan
    led = last_of(made, together(heard, found, np.ones(2), line=line_of(made), runs=1))
    alone = last_of(made, silent(1))
    # What it shares with the others, the city's level, may move a little.
    assert np.abs(led[0, 0, 0] - alone[0, 0, 0]) < 0.2 * np.sqrt(alone[1, 0, 0])
    assert led[1, 0, 0] > 1.5 * np.median(led[1, 0, 1:])


def test_a_signal_days_before_a_wave_is_taken_in_before_it() -> None:
    """Day by day, not week by week: a wave and a signal of one day are taken in on that day."""
    made, heard, found = town_of(12, names=("one",))
    early = Signals(heard.names, [day - timedelta(days=3) for day in heard.times], heard.value, heard.variance)
    levels: list[date] = []
    readings = together(early.between(made.waves[0], made.waves[-1]), found, np.ones(1), line=line_of(made), runs=1)
    for day, level, variance in course(made, [PARAMETERS], readings, days=[*early.times, *made.waves]):
        assert np.isfinite(level).all()
        assert (variance > 0).all()
        levels.append(day)
    assert levels == sorted({*early.times, *made.waves} - {early.times[0]})
