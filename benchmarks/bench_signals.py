"""How long back-tests and nowcasts take: 15 indicators, 63 neighbourhoods, 15 weekly signals, a year; then more areas.

Run by `make bench`. Prints seconds and how they grow with the number of areas; asserts nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl

from barometer.estimate.signals import Scale, back_test, nowcast

AREAS, INDICATORS, SIGNALS, WEEKS = 63, 15, 15, 52
RESPONDENTS, ANSWERS_DEVIATION = 30, 2.0
FIRST = date(2025, 1, 5)

Rng = np.random.Generator


def make_levels(rng: Rng, areas: int) -> np.ndarray:
    """Week x area."""
    steps = rng.normal(0, 0.06, (WEEKS, areas))
    steps[0] = rng.normal(6, 0.5, areas)
    return steps.cumsum(axis=0)


def make_survey(rng: Rng, levels: np.ndarray, gap_weeks: int) -> pl.DataFrame:
    """Direct estimates of a wave every so many weeks."""
    error = ANSWERS_DEVIATION / np.sqrt(RESPONDENTS)
    weeks = range(0, WEEKS, gap_weeks)
    columns = {
        "area": [f"T{area:05d}" for _ in weeks for area in range(levels.shape[1])],
        "wave_end": [FIRST + timedelta(weeks=week) for week in weeks for _ in range(levels.shape[1])],
        "value": np.concatenate([levels[week] + rng.normal(0, error, levels.shape[1]) for week in weeks]),
    }
    return pl.DataFrame(columns).with_columns(variance=pl.lit(error**2), n=pl.lit(float(RESPONDENTS)))


def make_signals(rng: Rng, levels: np.ndarray, size: int) -> pl.DataFrame:
    """Every signal in every area and week, from sure to nearly worthless."""
    week, area = (one.ravel() for one in np.indices(levels.shape))
    bias = rng.normal(0, 0.3, (size, levels.shape[1]))
    frames = [
        pl.DataFrame(
            {
                "area": [f"T{one:05d}" for one in area],
                "period_end": [FIRST + timedelta(weeks=int(one)) for one in week],
                "signal": [f"s{number:02d}"] * len(area),
                "value": (levels + bias[number] + rng.normal(0, 0.2 + 0.2 * number, levels.shape)).ravel(),
                "variance": np.full(len(area), (0.2 + 0.2 * number) ** 2),
            }
        )
        for number in range(size)
    ]
    return pl.concat(frames)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes, once."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def time_city(gap_weeks: int) -> None:
    """All indicators of a city with a wave every `gap_weeks` weeks."""
    rng = np.random.default_rng(1)
    periods = [FIRST + timedelta(weeks=week) for week in range(WEEKS)]
    tested, led, admitted = 0.0, 0.0, 0
    for _ in range(INDICATORS):
        levels = make_levels(rng, AREAS)
        survey, signals = make_survey(rng, levels, gap_weeks), make_signals(rng, levels, SIGNALS)
        found = {}
        tested += seconds(
            lambda s=survey, g=signals, f=found: f.update(t=back_test(s, g, indicator="x", scale=Scale()))
        )  # type: ignore[misc]
        led += seconds(lambda s=survey, g=signals, f=found: nowcast(s, g, f["t"], periods=periods, scale=Scale()))  # type: ignore[misc]
        admitted += int((found["t"]["weight"] > 0).sum())
    print(
        f"a wave every {gap_weeks:2d} weeks: back-tests {tested:5.2f} s, nowcasts of {WEEKS} weeks {led:5.2f} s "
        f"({AREAS} areas, {INDICATORS} indicators, {SIGNALS} signals, {admitted / INDICATORS:.1f} admitted each)"
    )


def time_areas(areas: int) -> None:
    """One indicator with one signal, for many areas."""
    rng = np.random.default_rng(2)
    levels = make_levels(rng, areas)
    survey, signals = make_survey(rng, levels, 13), make_signals(rng, levels, 1)
    weights = pl.DataFrame({"signal": ["s00"], "weight": [1.0]})
    periods = [FIRST + timedelta(weeks=WEEKS - 1)]
    tested = seconds(lambda: back_test(survey, signals, indicator="x", scale=Scale()))
    led = seconds(lambda: nowcast(survey, signals, weights, periods=periods, scale=Scale()))
    print(f"{areas:6,d} areas, 1 signal: back-test {tested:6.2f} s, nowcast {led:6.2f} s")


def main() -> None:
    """Time a city with quarterly and with monthly waves, then a growing number of areas."""
    for gap_weeks in (13, 4):
        time_city(gap_weeks)
    for areas in (63, 250, 1000, 6791):
        time_areas(areas)


if __name__ == "__main__":
    main()
