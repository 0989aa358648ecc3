"""The course of a city: waves and signals put in the order of their days, and the filter led along them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from barometer.estimate.intervals import Array
from barometer.estimate.signals import filter as kalman
from barometer.estimate.signals.calibrate import Calibration
from barometer.estimate.signals.fit import Parameters, precision, wave
from barometer.estimate.signals.panel import Signals, Survey, weeks_between


@dataclass(frozen=True)
class Readings:
    """Signals as the filter takes them in: at each time one measurement in which each run has its own signal, or one a
    signal, the same in all runs."""

    times: list[date]
    measured: list[tuple[kalman.Measurement, ...]]
    lasting: Array
    """run x state: variances of the lasting biases; the first state, the level, has none here."""


def silent(runs: int) -> Readings:
    """No signal at all, in every run."""
    return Readings([], [], np.zeros((runs, 1)))


def apart(signals: Signals, calibration: Calibration, line: Array) -> Readings:
    """Each signal in a run of its own, after a first run without any.

    `line`: the city's line on any day; what all areas share in it cancels from a relative measurement.
    """
    size, areas = len(signals.names), signals.value.shape[2]
    nothing = np.full((1, areas), np.nan)
    loading = np.column_stack([np.append(0.0, calibration.slope), np.append(0.0, np.ones(size))])
    error = signals.variance + calibration.noise[:, None, None]
    measured: list[tuple[kalman.Measurement, ...]] = [
        (
            kalman.Measurement(
                value=np.vstack([nothing, signals.value[:, at]]),
                variance=np.vstack([nothing, error[:, at]]),
                loading=loading,
                line=line,
                is_relative=True,
            ),
        )
        for at in range(len(signals.times))
    ]
    lasting = np.column_stack([np.zeros(size + 1), np.append(0.0, calibration.lasting)])
    return Readings(signals.times, measured, lasting)


def together(signals: Signals, calibration: Calibration, weights: Array, *, line: Array, runs: int) -> Readings:
    """All signals in every run; a weight below 1 stretches a signal's error, weight 0 leaves it out."""
    size, shape = len(signals.names), (runs, signals.value.shape[2])
    loadings = np.hstack([calibration.slope[:, None], np.eye(size)])
    stretched = (signals.variance + calibration.noise[:, None, None]) / np.where(weights > 0, weights, 1.0)[
        :, None, None
    ]
    measured = [
        tuple(
            kalman.Measurement(
                np.broadcast_to(signals.value[one, at], shape),
                np.broadcast_to(stretched[one, at], shape),
                np.broadcast_to(loadings[one], (runs, size + 1)),
                line,
                is_relative=True,
            )
            for one in range(size)
            if weights[one] > 0
        )
        for at in range(len(signals.times))
    ]
    return Readings(signals.times, measured, np.tile(np.append(0.0, calibration.lasting), (runs, 1)))


def course(
    survey: Survey, parameters: Sequence[Parameters], readings: Readings, *, days: Sequence[date]
) -> Iterator[tuple[date, Array, Array]]:
    """For each of `days` that the survey has begun by: level and variance (run x area) from what was known that day.

    `parameters`: one for each run. The city moves on unseen between waves; signals say nothing of that.
    """
    runs, states = readings.lasting.shape
    first = np.broadcast_to(readings.lasting[:, None, :], (runs, len(survey.areas), states)).copy()
    first[..., 0] = np.array([one.between for one in parameters])[:, None]
    weekly, citywide = (np.array([getattr(one, name) for one in parameters]) for name in ("weekly", "citywide"))
    state = kalman.start(first, precision=np.stack([precision(survey, one) for one in parameters]))
    asked, before = set(days), None
    for day in sorted({*survey.waves, *readings.times, *asked}):
        waves = survey.waves_until(day)
        measured = [wave(survey, waves - 1, runs=runs, states=states)] if day in survey.waves else []
        if day in readings.times:
            measured += readings.measured[readings.times.index(day)]
        weeks = weeks_between(before, day) if before else 0.0
        kalman.advance(state, kalman.Step(weeks, tuple(measured)), weekly_variance=weekly)
        before = day
        if day in asked and waves:
            level, variance = kalman.level(state, survey.line(waves))
            yield day, level, variance + citywide[:, None] * weeks_between(survey.waves[waves - 1], day)
