"""Scores of parts to one score. All take scores (..., units, parts) and weights (..., parts); gaps are left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from barometer.errors import BadInput
from barometer.estimate.composite.structure import Aggregation

Array = npt.NDArray[np.float64]

# Geometric and harmonic means cannot take the zero that the worst unit scores: 0-100 is squeezed into 1-100 for them,
# as COINr does, and turned back afterwards.
_FLOOR = 1.0
_SQUEEZE = 0.99


def arithmetic(scores: Array, weights: Array) -> Array:
    """Weighted mean; NaN where no part is known."""
    known = np.isfinite(scores)
    shares = weights[..., None, :] * known
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((shares * np.where(known, scores, 0.0)).sum(-1) / shares.sum(-1), dtype=np.float64)


def geometric(scores: Array, weights: Array) -> Array:
    """Weighted geometric mean; raises `BadInput` unless every score is above zero."""
    _above_zero(scores, "geometric")
    return np.asarray(np.exp(arithmetic(np.log(scores), weights)), dtype=np.float64)


def harmonic(scores: Array, weights: Array) -> Array:
    """Weighted harmonic mean; raises `BadInput` unless every score is above zero."""
    _above_zero(scores, "harmonic")
    return np.asarray(1 / arithmetic(1 / scores, weights), dtype=np.float64)


def copeland(scores: Array, weights: Array) -> Array:
    """Units outranked minus units outranking, by the majority of weight (Copeland 1951; Munda & Nardo 2009).

    Half of a tied part's weight counts for either side; parts that either unit lacks count for neither. Between -(n-1)
    and n-1; NaN where no part is known.
    """
    balance = np.zeros((*scores.shape[:-1], scores.shape[-2]))
    for part in range(scores.shape[-1]):
        column = scores[..., part]
        lead = np.sign(column[..., :, None] - column[..., None, :])
        balance += weights[..., None, None, part] * np.nan_to_num(lead)
    # Sums of weights that ought to cancel may differ in their last bits; such a pair is a tie.
    is_tie = np.abs(balance) < 1e-12 * weights.sum(-1)[..., None, None]
    won = np.where(is_tie, 0.0, np.sign(balance)).sum(-1)
    return np.where(np.isfinite(scores).any(-1), won, np.nan)


def aggregate(scores: Array, weights: Array, method: Aggregation) -> Array:
    """Aggregate scores of roughly 0 to 100 by `method`; the means that need positive scores are given them."""
    return _METHODS[method](scores, weights)


def _squeezed(mean: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    def aggregated(scores: Array, weights: Array) -> Array:
        positive = np.maximum(_FLOOR + _SQUEEZE * scores, _FLOOR)
        return np.asarray((mean(positive, weights) - _FLOOR) / _SQUEEZE, dtype=np.float64)

    return aggregated


def _above_zero(scores: Array, mean: str) -> None:
    if (scores <= 0).any():
        raise BadInput(f"a {mean} mean needs scores above zero: choose another normalisation or aggregation")


_METHODS: dict[Aggregation, Callable[[Array, Array], Array]] = {
    "arithmetic": arithmetic,
    "geometric": _squeezed(geometric),
    "harmonic": _squeezed(harmonic),
    "copeland": copeland,
}
