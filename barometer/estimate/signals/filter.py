"""The Kalman filter of a city: every area a level that walks at random, every signal a lasting bias of its own.

State of an area: its departure from the city's line, and one lasting bias for each signal. The line is linear in
coefficients that all areas share (covariates, the city's movement from wave to wave); they are carried along as extra
columns of every area's filter (the augmented filter of de Jong 1991, Annals of Statistics 19:1073-1083), so that areas
stay independent given them and the work is linear in areas. All arrays have the run first: runs are filters over the
same survey with different signals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barometer.estimate.intervals import Array


@dataclass(frozen=True)
class Measurement:
    """One measurement of every area at one time. `value`, `variance`: run x area, NaN where nothing was measured.

    `loading`: run x state. `line`: area x coefficient, the city's line at that time. A relative measurement tells of
    differences between areas only: it has an unknown level of its own, which may change from time to time.
    """

    value: Array
    variance: Array
    loading: Array
    line: Array
    is_relative: bool = False


@dataclass
class State:
    """Where a filter stands. Departure and biases given the coefficients: `mean + slopes @ coefficients`."""

    mean: Array
    """run x area x state"""
    slopes: Array
    """run x area x state x coefficient"""
    covariance: Array
    """run x area x state x state"""
    information: Array
    """run x coefficient x coefficient; prior precision included"""
    score: Array
    """run x coefficient"""
    deviance: Array
    """run: sum of log F + v^2 / F over all measurements"""


def start(variances: Array, *, precision: Array) -> State:
    """A filter before any measurement. `variances`: run x area x state; `precision`, prior: run x coefficient."""
    runs, areas, states = variances.shape
    size = precision.shape[1]
    return State(
        mean=np.zeros((runs, areas, states)),
        slopes=np.zeros((runs, areas, states, size)),
        covariance=variances[..., None] * np.eye(states),
        information=precision[:, :, None] * np.eye(size),
        score=np.zeros((runs, size)),
        deviance=np.zeros(runs),
    )


def walk(state: State, variance: Array | float) -> None:
    """Let every area's level walk: its variance grows, by one figure or one a run. In place."""
    state.covariance[..., 0, 0] += np.asarray(variance).reshape(-1, 1)


def update(state: State, seen: Measurement) -> None:
    """Take in one measurement of every area. In place; areas without one are left as they are.

    The unknown level of a relative measurement is profiled out exactly within the update; the small covariances
    between areas that this brings (of the order of one over their number) are not carried on.
    """
    moved = np.einsum("raij,rj->rai", state.covariance, seen.loading)
    total = np.einsum("rai,ri->ra", moved, seen.loading) + seen.variance
    is_seen = np.isfinite(seen.value) & np.isfinite(total)
    precision = np.where(is_seen, 1 / np.where(is_seen, total, 1.0), 0.0)
    expected = np.einsum("rai,ri->ra", state.mean, seen.loading)
    surprise = np.where(is_seen, seen.value, 0.0) - np.where(is_seen, expected, 0.0)
    columns = seen.loading[:, :1, None] * seen.line + np.einsum("raic,ri->rac", state.slopes, seen.loading)
    kept = total
    if seen.is_relative:
        whole = precision.sum(axis=1, keepdims=True)
        own_level = 1 / np.where(whole > 0, whole, 1.0)
        surprise = surprise - (precision * surprise).sum(axis=1, keepdims=True) * own_level
        columns = columns - (precision[..., None] * columns).sum(axis=1, keepdims=True) * own_level[..., None]
        kept = total - own_level
    gain = moved * precision[..., None]
    weighted = columns * precision[..., None]
    state.mean += gain * surprise[..., None]
    state.slopes -= gain[..., None] * columns[:, :, None, :]
    state.covariance -= gain[..., :, None] * gain[..., None, :] * np.where(is_seen, kept, 0.0)[..., None, None]
    state.information += np.einsum("rac,rad->rcd", weighted, columns)
    state.score += np.einsum("rac,ra->rc", weighted, surprise)
    state.deviance += (np.where(is_seen, np.log(np.where(is_seen, total, 1.0)), 0.0) + precision * surprise**2).sum(1)


def level(state: State, line: Array) -> tuple[Array, Array]:
    """Level of every area (run x area) and its variance, coefficients' uncertainty included."""
    inverse = np.linalg.inv(state.information)
    coefficients = np.einsum("rcd,rd->rc", inverse, state.score)
    columns = line + state.slopes[:, :, 0, :]
    mean = state.mean[..., 0] + np.einsum("rac,rc->ra", columns, coefficients)
    variance = state.covariance[..., 0, 0] + np.einsum("rac,rcd,rad->ra", columns, inverse, columns)
    return mean, variance


def log_likelihood(state: State, precision: Array) -> Array:
    """Log likelihood of each run, coefficients integrated out under their prior, up to a constant.

    With a flat prior this is the restricted likelihood (Harville 1974, Biometrika 61:383-385).
    """
    explained = np.einsum("rc,rc->r", state.score, np.linalg.solve(state.information, state.score[..., None])[..., 0])
    volume = np.linalg.slogdet(state.information)[1] - np.log(precision).sum(axis=1)
    return np.asarray(-0.5 * (state.deviance - explained + volume))


@dataclass(frozen=True)
class Step:
    """One time of a filter: weeks since the step before, and what was measured."""

    weeks: float
    measured: tuple[Measurement, ...]


def advance(state: State, step: Step, *, weekly_variance: Array | float) -> State:
    """Take a step: walk, then take in what was measured. In place; returns the same state."""
    walk(state, weekly_variance * step.weeks)
    for measurement in step.measured:
        update(state, measurement)
    return state
