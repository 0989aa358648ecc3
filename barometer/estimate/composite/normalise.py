"""Parts brought to one scale of roughly 0 to 100 on which more is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from barometer.errors import BadInput
from barometer.estimate.composite.structure import Normalisation

Array = npt.NDArray[np.float64]

FULL_SCORE = 100.0
# z scores are published as T scores (mean 50, standard deviation 10), so that no score is negative.
Z_MEAN, Z_SD = 50.0, 10.0


@dataclass(frozen=True)
class Normaliser:
    """A normalisation as fitted to published values: score = base + slope * (sign * value - origin), each (parts,).

    Applied to other draws of the same values it keeps the scale, so that an error stays an error in points and does not
    stretch the scale it is measured on. Ranks alone are taken anew within every draw.
    """

    method: Normalisation
    signs: Array
    origin: Array
    slope: Array
    base: float = 0.0

    def apply(self, values: Array) -> Array:
        """Scores of `values` (..., units, parts)."""
        signed = self.signs * values
        if self.method in ("rank", "percentile_rank"):
            return _ranked(signed, is_percentile=self.method == "percentile_rank")
        if self.method == "distance_to_max":
            return _distances(values, self.signs, self.origin)
        scores = self.base + self.slope * (signed - self.origin)
        return np.clip(scores, 0.0, FULL_SCORE) if self.method == "goalposts" else scores


def fit_normaliser(
    values: Array, method: Normalisation, *, signs: Array, goalposts: Array | None = None, names: Sequence[str] = ()
) -> Normaliser:
    """Fit a normalisation to `values` (units, parts), NaN where missing.

    - min_max: lowest 0, highest 100 · z_score: mean 50, standard deviation (n - 1) 10
    - rank: 1 to n, n best, ties share the lower · percentile_rank: (rank - 1)/(n - 1) of 100
    - goalposts: stated values (2, parts) score 0 and 100, cut there
    - distance_to_max: percent of the best value (lowest over value where less is better); needs values above zero
    `signs`: +1 or -1 of each part. Formulas: OECD/JRC handbook (2008), table 15 and section 5. Raises `BadInput` that
    names the parts which are the same everywhere (they tell nothing), not positive or without goalposts.
    """
    signed, parts = signs * values, values.shape[1]
    if method in ("rank", "percentile_rank"):
        return Normaliser(method, signs, np.zeros(parts), np.ones(parts))
    if method == "distance_to_max":
        _refuse(np.any(values <= 0, axis=0), names, "distance to the maximum needs values above zero")
        return Normaliser(
            method, signs, np.where(signs > 0, np.nanmax(values, 0), np.nanmin(values, 0)), np.ones(parts)
        )
    if method == "goalposts":
        return _between_goalposts(signs, goalposts if goalposts is not None else np.full((2, parts), np.nan), names)
    spread = np.nanstd(signed, axis=0, ddof=1) if method == "z_score" else np.ptp(_known(signed), axis=0)
    _refuse(~(spread > 0), names, "the value is the same everywhere; leave the part out")
    if method == "z_score":
        return Normaliser(method, signs, np.nanmean(signed, axis=0), Z_SD / spread, Z_MEAN)
    return Normaliser(method, signs, np.nanmin(signed, axis=0), FULL_SCORE / spread)


def _between_goalposts(signs: Array, goalposts: Array, names: Sequence[str]) -> Normaliser:
    lower, upper = goalposts
    _refuse(np.isnan(lower) | np.isnan(upper), names, "no goalposts are stated")
    origin = np.where(signs > 0, lower, -upper)
    return Normaliser("goalposts", signs, origin, FULL_SCORE / (upper - lower))


def _known(values: Array) -> Array:
    """Gaps filled with a value of the same part, which changes no range."""
    return np.where(np.isnan(values), np.nanmin(values, axis=0), values)


def _ranked(signed: Array, *, is_percentile: bool) -> Array:
    missing = np.isnan(signed)
    ranks = np.asarray(stats.rankdata(np.where(missing, np.inf, signed), method="min", axis=-2), dtype=np.float64)
    if is_percentile:
        last = np.maximum((~missing).sum(axis=-2, keepdims=True) - 1, 1)
        ranks = FULL_SCORE * (ranks - 1) / last
    return np.where(missing, np.nan, ranks)


def _distances(values: Array, signs: Array, best: Array) -> Array:
    with np.errstate(divide="ignore"):
        ratio = np.where(signs > 0, values / best, best / values)
    return np.asarray(FULL_SCORE * np.clip(ratio, 0.0, None), dtype=np.float64)


def _refuse(wrong: npt.NDArray[np.bool_], names: Sequence[str], why: str) -> None:
    if wrong.any():
        called = [names[i] if len(names) else str(i) for i in map(int, np.flatnonzero(wrong))]
        raise BadInput(f"part {', '.join(called)} cannot be normalised: {why}")
