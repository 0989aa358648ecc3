"""Fisher scoring inside bounds: how every likelihood of the small-area models is climbed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from barometer.estimate.small_area.areas import Array, Mask

# Relative change at which an estimate stands still; R's sae stops at 1e-4, which moves the 6th digit of some estimates.
TOLERANCE = 1e-10
MAX_ITERATIONS = 200

# A parameter near zero is measured against this share of its usual size, below which rounding rules.
_SMALL = 1e-3
_ROUNDING = 1e-12
_HALVINGS = 20

# A step that promises to raise the log-likelihood by less than this, and does not, has found the summit.
_NO_GAIN = 1e-6

# Fisher's steps until all parameters move by less than R would stop at, or for this long; then Newton's, which do not
# take ever shorter steps to the summit.
_NEAR = 1e-4
_FISHER_STEPS = 30


class Evaluation(NamedTuple):
    """A log-likelihood, its gradient (q,), its expected and, where known, its observed information (q, q)."""

    value: float
    score: Array
    information: Array
    observed: Array | None = None


Evaluate = Callable[[Array], Evaluation]


@dataclass(frozen=True, eq=False)
class Box:
    """Where q parameters may lie, and their usual size."""

    lower: Array
    upper: Array
    scale: Array


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where scoring ended. `is_free` is False for a parameter held at its bound."""

    theta: Array
    evaluation: Evaluation
    iterations: int
    converged: bool
    is_free: Mask


def fisher_scoring(
    evaluate: Evaluate,
    *,
    start: Array,
    box: Box,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> Optimum:
    """Climb from `start` by theta + information^-1 score, halving steps that go down, until all but still.

    Still means that no parameter changes by more than `tolerance` of itself.
    Where full steps go up, these are exactly the iterates of R's `sae` from the same start (Molina & Marhuenda 2015,
    The R Journal 7/1:81-98), so that `tolerance=1e-4` stops where R stops.
    """
    theta, here, is_near = start, evaluate(start), False
    for iteration in range(1, max_iterations + 1):
        direction = _direction(theta, here, box, newton=is_near)
        longest = _longest(theta, direction, box)
        reached, there = _climb(evaluate, theta, here, longest * direction, box)
        change = np.abs(reached - theta) / np.maximum(np.abs(theta), _SMALL * box.scale)
        is_stuck = reached is theta and float(direction @ here.score) > _NO_GAIN
        theta, here = reached, there
        is_near = is_near or change.max() < _NEAR or iteration >= _FISHER_STEPS
        if is_stuck or (change.max() < tolerance and longest == 1):
            return Optimum(theta, here, iteration, not is_stuck, free(theta, here.score, box))
    return Optimum(theta, here, max_iterations, converged=False, is_free=free(theta, here.score, box))


def free(theta: Array, score: Array, box: Box) -> Mask:
    """Which parameters the score does not press against their bound."""
    return ~(((theta <= box.lower) & (score <= 0)) | ((theta >= box.upper) & (score >= 0)))


def _longest(theta: Array, direction: Array, box: Box) -> float:
    """The share of a step that keeps every parameter within its bounds: going straight, uphill stays uphill."""
    room = np.where(direction > 0, box.upper - theta, theta - box.lower)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        shares = np.where(direction != 0, room / np.abs(direction), np.inf)
    return float(min(1.0, shares.min()))


def _climb(evaluate: Evaluate, theta: Array, here: Evaluation, step: Array, box: Box) -> tuple[Array, Evaluation]:
    """The next point and its evaluation, halving the step until it goes up; the same point where none does."""
    slack = 1e-12 * (1 + abs(here.value))
    for halving in range(_HALVINGS):
        reached = _snap(theta + step * 0.5**halving, box)
        there = evaluate(reached)
        if there.value >= here.value - slack:
            return reached, there
    return theta, here


def _snap(theta: Array, box: Box) -> Array:
    """`theta` within its bounds, and on them where only rounding keeps it off."""
    near = _ROUNDING * box.scale
    theta = np.where(theta - box.lower <= near, box.lower, theta)
    return np.where(box.upper - theta <= near, box.upper, theta)


def _direction(theta: Array, here: Evaluation, box: Box, *, newton: bool) -> Array:
    """Information^-1 score of the free parameters; one that it would push out of the box is held, and the rest anew."""
    is_free = free(theta, here.score, box)
    while True:
        direction = _unbounded(here, is_free, newton=newton)
        is_blocked = ((theta <= box.lower) & (direction < 0)) | ((theta >= box.upper) & (direction > 0))
        if not is_blocked.any():
            return direction
        is_free = is_free & ~is_blocked


def _unbounded(here: Evaluation, is_free: Mask, *, newton: bool) -> Array:
    direction = np.zeros_like(here.score)
    if is_free.any():
        block = np.ix_(is_free, is_free)
        inverse = symmetric_inverse(here.information[block])
        if newton and here.observed is not None and _is_positive(here.observed[block]):
            inverse = symmetric_inverse(here.observed[block])
        direction[is_free] = inverse @ here.score[is_free]
    return direction


def symmetric_inverse(information: Array) -> Array:
    """(Pseudo-)inverse of an information matrix whose parameters may have very different units."""
    size = _unit_diagonal(information)
    return np.asarray(np.linalg.pinv(information / size, hermitian=True) / size, dtype=np.float64)


def _is_positive(information: Array) -> bool:
    """Whether the likelihood bends down in every direction, so that Newton's step leads up."""
    return bool(
        (np.diag(information) > 0).all() and np.linalg.eigvalsh(information / _unit_diagonal(information))[0] > 0
    )


def _unit_diagonal(information: Array) -> Array:
    """What to divide by for a diagonal of ones."""
    root = np.sqrt(np.abs(np.diag(information)))
    root = np.where(root > 0, root, 1.0)
    return np.outer(root, root)
