"""Skill of a signal: how much nearer the next wave it brings the carried-forward survey, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from barometer.estimate.intervals import Array
from barometer.estimate.reliability import FEWEST_AREAS

Flags = npt.NDArray[np.bool_]
Sizes = npt.NDArray[np.int64]

REPLICATES = 2_000
# A signal that was right once may have been lucky once.
FEWEST_ORIGINS = 2
_TAIL_PERCENT = 2.5
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


def skill(scores: Scores, *, seed: int, replicates: int = REPLICATES) -> Skill:
    """1 - MSE(with the signal) / MSE(without), with a 95 % interval.

    The sampling error of the wave predicted is in both squared errors: it cancels from their difference and is taken
    off the denominator. Paired bootstrap in which areas and waves are drawn independently (the pigeonhole bootstrap,
    Owen 2007, Annals of Applied Statistics 1:386-411), which errs on the wide side.
    """
    _, origins, areas = scores.weight.shape
    random = np.random.default_rng(seed)
    drawn_areas = random.multinomial(areas, np.full(areas, 1 / areas), size=replicates).astype(np.float64)
    drawn_origins = random.multinomial(origins, np.full(origins, 1 / origins), size=replicates).astype(np.float64)
    found = _ratio(scores, np.ones((1, areas)), np.ones((1, origins)))[:, 0]
    drawn = _ratio(scores, drawn_areas, drawn_origins)
    lower, upper = np.percentile(drawn, [_TAIL_PERCENT, 100 - _TAIL_PERCENT], axis=1)
    without = _mean_squared_error(scores)
    return Skill(
        skill=found,
        lower=np.minimum(lower, found),
        upper=np.maximum(upper, found),
        error_without=np.sqrt(without),
        error_with=np.sqrt(np.maximum(without * (1 - found), 0.0)),
        n_origins=(scores.weight > 0).any(axis=2).sum(axis=1),
        n_areas=(scores.weight > 0).any(axis=1).sum(axis=1),
    )


def weights(found: Skill) -> Array:
    """0 where the skill's lower bound is not above 0 or the trial was too short, else how much of the skill is sure.

    lower / skill, between 0 and 1: a signal just shown to be of use counts little, a proven one nearly in full.
    """
    is_admitted = (found.lower > 0) & is_tried(found)
    return np.where(is_admitted, found.lower / np.where(is_admitted, found.skill, 1.0), 0.0)


def is_tried(found: Skill) -> Flags:
    """Whether enough waves and areas stand behind a skill."""
    return np.asarray((found.n_origins >= FEWEST_ORIGINS) & (found.n_areas >= FEWEST_AREAS))


def _ratio(scores: Scores, areas: Array, origins: Array) -> Array:
    """Skill of each signal (rows) in each draw (columns); `areas`, `origins`: draw x how often each is in it."""

    def total(values: Array) -> Array:
        return np.asarray(np.einsum("soa,ba,bo->sb", scores.weight * values, areas, origins, optimize=True))

    without = np.maximum(total(scores.without - scores.noise), _LEAST_OF_EXPECTED * total(scores.expected))
    return np.asarray(np.divide(total(scores.gained), without, out=np.zeros_like(without), where=without > 0))


def _mean_squared_error(scores: Scores) -> Array:
    weight = scores.weight.sum(axis=(1, 2))
    raw = (scores.weight * (scores.without - scores.noise)).sum(axis=(1, 2))
    least = _LEAST_OF_EXPECTED * (scores.weight * scores.expected).sum(axis=(1, 2))
    return np.asarray(np.maximum(raw, least) / np.where(weight > 0, weight, 1.0))
