"""Skill of a signal: how much nearer the next wave it brings the carried-forward survey, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from barometer.estimate.intervals import Array, t_quantile
from barometer.estimate.reliability import FEWEST_AREAS

Flags = npt.NDArray[np.bool_]
Sizes = npt.NDArray[np.int64]

# A signal that was right once may have been lucky once.
FEWEST_ORIGINS = 2
_CELLS = (1, 2)
# The mean squared error without the signal, cleared of sampling error, is itself uncertain and can come out near 0 or
# below; it is never taken to be less than this part of what the filter itself expects.
_LEAST_OF_EXPECTED = 0.5


@dataclass(frozen=True)
class Scores:
    """Back-tests of the signals: signal x origin x area, all 0 where an area was not surveyed or the signal unheard.

    `weight` is the precision of the direct estimate as a target; `without` and `gained` are squared errors without the
    signal and what it took off them; `noise` the sampling variance in both; `expected` the filter's own variance.
    """

    weight: Array
    without: Array
    gained: Array
    noise: Array
    expected: Array


@dataclass(frozen=True)
class Skill:
    """One entry a signal. Errors are root mean squares on the working scale, cleared of the target's sampling error."""

    skill: Array
    lower: Array
    upper: Array
    error_without: Array
    error_with: Array
    n_origins: Sizes
    n_areas: Sizes


def skill(scores: Scores) -> Skill:
    """1 - MSE(with the signal) / MSE(without), with a 95 % interval.

    The sampling error of the wave predicted is in both squared errors: it cancels from their difference and is taken
    off the denominator. The ratio's variance is linearised and clustered by area and by wave (Cameron, Gelbach & Miller
    2011, J Business & Economic Statistics 29:238-249), never below that of the areas alone; t quantile of the areas.
    """
    gained, without = scores.weight * scores.gained, scores.weight * (scores.without - scores.noise)
    least = _LEAST_OF_EXPECTED * (scores.weight * scores.expected).sum(_CELLS)
    error = np.maximum(without.sum(_CELLS), least)
    found = _over(gained.sum(_CELLS), error)
    influence = _over(gained - found[:, None, None] * without * (without.sum(_CELLS) > least)[:, None, None], error)
    total = (scores.weight > 0).sum(_CELLS)
    n_origins, n_areas = ((scores.weight > 0).any(axis=axis).sum(axis=1) for axis in (2, 1))
    half = t_quantile(n_areas - 1.0) * np.sqrt(_clustered(influence, n_origins, n_areas))
    mean = _over(error, scores.weight.sum(_CELLS))
    return Skill(
        skill=found,
        lower=np.where(total > 0, found - half, 0.0),
        upper=np.where(total > 0, found + half, 0.0),
        error_without=np.sqrt(mean),
        error_with=np.sqrt(np.maximum(mean * (1 - found), 0.0)),
        n_origins=n_origins,
        n_areas=n_areas,
    )


def _clustered(influence: Array, n_origins: Sizes, n_areas: Sizes) -> Array:
    """Variance of a sum of influences (signal x origin x area) that go together within an area and within a wave."""
    of_areas = (influence.sum(axis=1) ** 2).sum(axis=1) * _small_sample(n_areas)
    of_waves = (influence.sum(axis=2) ** 2).sum(axis=1) * _small_sample(n_origins)
    return np.asarray(np.maximum(of_areas, of_areas + of_waves - (influence**2).sum(_CELLS)))


def _small_sample(clusters: Sizes) -> Array:
    return np.asarray(clusters / np.maximum(clusters - 1.0, 1.0))


def _over(top: Array, bottom: Array) -> Array:
    """Each signal's figures divided by its own sum; 0 where there is nothing."""
    spread = bottom.reshape(-1, *[1] * (top.ndim - 1))
    return np.asarray(np.divide(top, spread, out=np.zeros_like(top), where=spread > 0))


def weights(found: Skill) -> Array:
    """0 where the skill's lower bound is not above 0 or the trial was too short, else how much of the skill is sure.

    lower / skill, between 0 and 1: a signal just shown to be of use counts little, a proven one nearly in full.
    """
    is_admitted = (found.lower > 0) & is_tried(found)
    return np.where(is_admitted, found.lower / np.where(is_admitted, found.skill, 1.0), 0.0)


def is_tried(found: Skill) -> Flags:
    """Whether enough waves and areas stand behind a skill."""
    return np.asarray((found.n_origins >= FEWEST_ORIGINS) & (found.n_areas >= FEWEST_AREAS))
