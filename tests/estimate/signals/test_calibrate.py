"""Calibration of signals: slope, lasting bias and noise as they were put in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.estimate.signals.calibrate import Calibration, Surveyed, calibrate, surveyed
from barometer.estimate.signals.course import course, silent
from barometer.estimate.signals.fit import Parameters, fit
from barometer.estimate.signals.panel import Survey, signals_panel, survey_panel
from barometer.estimate.signals.scale import Scale
from tests.estimate.signals.cities import Town, shuffled, signal, survey, truth

TOWN = Town(areas=63, waves=6, gap_weeks=8)
TRUE = Parameters(TOWN.between**2, TOWN.weekly**2, TOWN.citywide**2)


def surveyed_town(seed: int, town: Town = TOWN) -> tuple[np.random.Generator, np.ndarray, Survey]:
    rng = np.random.default_rng(seed)
    levels = truth(town, rng)
    return rng, levels, survey_panel(survey(town, levels, rng), scale=Scale(), prior=None)


def calibrated(made: Survey, rows: pl.DataFrame) -> Calibration:
    heard = signals_panel(rows, areas=made.areas)
    return calibrate(heard, surveyed(made, heard, fit(made)))


def many(slope: float, lasting: float, noise: float, seeds: range = range(12)) -> dict[str, float]:
    """Mean calibration over cities."""
    found = []
    for seed in seeds:
        rng, levels, made = surveyed_town(seed)
        rows = signal(TOWN, levels, rng, name="one", slope=slope, lasting=lasting, noise=noise)
        # The values come without their noise stated, so that it has to be found.
        found.append(calibrated(made, rows.with_columns(variance=pl.lit(0.0))))
    names = ("slope", "lasting", "noise")
    return {name: float(np.mean([getattr(one, name)[0] for one in found])) for name in names}


def test_slope_bias_and_noise_are_recovered() -> None:
    found = many(slope=1.0, lasting=0.3, noise=0.5)
    assert found["slope"] == pytest.approx(1.0, abs=0.1)
    assert found["lasting"] == pytest.approx(0.09, rel=0.4)
    assert found["noise"] == pytest.approx(0.25, rel=0.1)


def test_a_slope_against_trust_is_found_as_such() -> None:
    assert many(slope=-2.0, lasting=0.3, noise=0.5)["slope"] == pytest.approx(-2.0, abs=0.2)


def test_noise_that_is_stated_is_not_counted_twice() -> None:
    rng, levels, made = surveyed_town(3)
    rows = signal(TOWN, levels, rng, name="one", noise=0.5)
    assert calibrated(made, rows).noise[0] < 0.1 * 0.25


def test_a_shuffled_signal_has_a_slope_near_nothing() -> None:
    rng, levels, made = surveyed_town(4)
    own = signal(TOWN, levels, rng, name="one")
    rows = pl.concat([shuffled(own, rng, name=f"other{number:02d}") for number in range(40)])
    found = calibrated(made, rows)
    assert np.abs(found.slope.mean()) < 0.1
    assert (found.slope == 0).mean() > 0.5


def test_a_storm_over_the_whole_city_counts_for_nothing() -> None:
    rng, levels, made = surveyed_town(5)
    rows = signal(TOWN, levels, rng, name="one")
    storm = rows.with_columns(value=pl.col("value") + 50 * (pl.col("period_end").dt.month() % 3))
    for name in ("slope", "lasting", "noise"):
        one, other = (getattr(calibrated(made, given), name) for given in (rows, storm))
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_a_signal_heard_in_too_few_areas_has_no_slope() -> None:
    rng, levels, made = surveyed_town(6)
    rows = signal(TOWN, levels, rng, name="one").filter(pl.col("area") < "T007")
    found = calibrated(made, rows)
    assert found.slope[0] == 0
    assert np.isfinite(found.lasting).all()


def test_a_signal_heard_once_is_taken_to_be_lasting() -> None:
    rng, levels, made = surveyed_town(7)
    rows = signal(TOWN, levels, rng, name="one", lasting=0.5).filter(pl.col("period_end") == TOWN.day(40))
    assert calibrated(made, rows.with_columns(variance=pl.lit(0.0))).lasting[0] > 0.1


def test_calibration_follows_the_signals_unit() -> None:
    rng, levels, made = surveyed_town(8)
    rows = signal(TOWN, levels, rng, name="one")
    hundredfold = rows.with_columns(value=pl.col("value") * 100, variance=pl.col("variance") * 1e4)
    one, other = calibrated(made, rows), calibrated(made, hundredfold)
    np.testing.assert_allclose(other.slope, 100 * one.slope)
    np.testing.assert_allclose(other.lasting, 1e4 * one.lasting)


def brute(made: Survey, weeks: np.ndarray, area: int, line: np.ndarray, waves: np.ndarray) -> tuple[np.ndarray, ...]:
    """Conditional mean and variance of one area's departures at `weeks`, by the textbook."""
    seen = np.isfinite(made.value[:, area])

    def covariance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return TRUE.between + TRUE.weekly * np.minimum.outer(first, second)

    inner = covariance(waves[seen], waves[seen]) + np.diag(made.variance[seen, area])
    gain = covariance(weeks, waves[seen]) @ np.linalg.inv(inner)
    rest = covariance(weeks, weeks) - gain @ covariance(waves[seen], weeks)
    return gain @ (made.value[seen, area] - line[seen, area]), np.diag(rest)


def test_smoothed_levels_are_the_textbooks() -> None:
    rng, levels, made = surveyed_town(9)
    made.value[2, 5] = np.nan
    heard = signals_panel(signal(TOWN, levels, rng, name="one"), areas=made.areas)
    found = surveyed(made, heard, TRUE)
    waves, weeks = np.array(TOWN.wave_weeks, dtype=float), np.arange(TOWN.weeks, dtype=float)
    # The line does not enter departures from the last wave on: there it is the filter's own level.
    ((_, level, _),) = course(made, [TRUE], silent(1), days=[TOWN.day(TOWN.weeks - 1)])
    np.testing.assert_allclose(found.level[-1], level[0], atol=1e-8)
    line = found.level[np.array(TOWN.wave_weeks)] - _departures(found, made, np.array(TOWN.wave_weeks))
    for area in (0, 5):
        mean, variance = brute(made, weeks, area, line, waves)
        np.testing.assert_allclose(found.variance[:, area], variance, atol=1e-10)
        np.testing.assert_allclose(mean, _departures(found, made, slice(None), line)[:, area], atol=1e-8)


def _departures(found: Surveyed, made: Survey, at: object, line: np.ndarray | None = None) -> np.ndarray:
    """Departures from the city's line as the smoother has them, by its own matrices."""
    own = found.level[np.array(TOWN.wave_weeks)] if line is None else line
    off = np.where(np.isfinite(made.value), made.value - own, 0.0)
    if line is None:
        # The smoothed level is line + reach @ known @ (value - line): solve for the line, area by area.
        solved = np.empty_like(own)
        for area in range(own.shape[1]):
            pull = found.reach[np.array(TOWN.wave_weeks)] @ found.known[area]
            value = np.where(np.isfinite(made.value[:, area]), made.value[:, area], 0.0)
            solved[:, area] = np.linalg.solve(np.eye(len(pull)) - pull, own[:, area] - pull @ value)
        return own - solved
    return np.einsum("tw,awv,va->ta", found.reach[at], found.known, off)


@given(st.integers(0, 10_000), st.floats(0.05, 1.0), st.floats(-3, 3))
@settings(max_examples=25, deadline=None)
def test_whatever_is_heard_the_calibration_is_a_number(seed: int, heard: float, slope: float) -> None:
    """Any part of the areas, any slope: finite, variances not below 0, and shrunk towards 0, never beyond it."""
    rng, levels, made = surveyed_town(seed % 3, Town(areas=12, waves=2, gap_weeks=3))
    town = Town(areas=12, waves=2, gap_weeks=3)
    rows = signal(town, levels, rng, name="one", slope=slope, heard=heard)
    found = calibrated(made, rows)
    for name in ("slope", "lasting", "noise"):
        assert np.isfinite(getattr(found, name)).all()
    assert (found.lasting >= 0).all()
    assert (found.noise >= 0).all()
    assert (found.slope_error > 0).all()


def test_the_order_of_areas_does_not_matter() -> None:
    rng, levels, made = surveyed_town(10)
    heard = signals_panel(signal(TOWN, levels, rng, name="one", heard=0.6), areas=made.areas)
    order = rng.permutation(TOWN.areas)
    turned = replace(made, **{name: getattr(made, name)[:, order] for name in ("value", "variance", "n")})
    other = replace(heard, value=heard.value[:, :, order], variance=heard.variance[:, :, order])
    parameters = fit(made)
    one = calibrate(heard, surveyed(made, heard, parameters))
    two = calibrate(other, surveyed(turned, other, parameters))
    for name in ("slope", "slope_error", "lasting", "noise"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-8)


def test_signals_are_calibrated_each_by_itself() -> None:
    rng, levels, made = surveyed_town(11)
    rows = pl.concat([signal(TOWN, levels, rng, name=name, heard=0.6) for name in ("one", "two")])
    both, alone = calibrated(made, rows), calibrated(made, rows.filter(pl.col("signal") == "two"))
    for name in ("slope", "slope_error", "lasting", "noise"):
        assert getattr(both, name)[1] == pytest.approx(getattr(alone, name)[0])


def test_more_areas_make_a_slope_surer_and_nearer() -> None:
    def found(areas: int) -> tuple[float, float]:
        """Error stated, and true, of slopes over cities."""
        town = Town(areas=areas, waves=3, gap_weeks=8)
        made = [surveyed_town(seed, town) for seed in range(8)]
        slopes = [
            calibrated(panel, signal(town, levels, rng, name="one", slope=1.0, lasting=0.4))
            for rng, levels, panel in made
        ]
        off = np.array([one.slope[0] for one in slopes]) - 1.0
        return float(np.mean([one.slope_error[0] for one in slopes])), float(np.sqrt(np.mean(off**2)))

    few, many_areas = found(30), found(300)
    assert many_areas[0] < 0.5 * few[0]
    assert many_areas[1] < 0.7 * few[1]
    for stated, true in (few, many_areas):
        assert 0.4 < true / stated < 2.5
