"""Which of many pieces of evidence count, at a stated share of false ones: e-BH.

Wang & Ramdas (2022, JRSS B 84:822-852): of m e-values, reject the k largest, k the largest number for which
the k-th largest is at least m / (k * rate). The false discovery rate is at most `rate`, however the e-values depend on
one another. Two facts make it fit for every night anew:

- e-processes that are valid for all series together (errors of a period independent of the periods before, in whatever
  way they go together within it) may be looked at on any night, also one chosen by what was seen: the rate holds at it.
- Where nothing changes anywhere, any rejection needs the mean of all m e-values to reach 1 / rate. That mean is an
  e-process itself, so by Ville's inequality the chance of even one alert in all nights of a look-back is at most
  `rate`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def e_bh(log_evidence: Array, *, rate: float, weights: Array | None = None) -> npt.NDArray[np.bool_]:
    """Which of m e-values, given by their natural logs (m,), are discoveries at a false discovery rate of `rate`.

    `weights` (m,): above 0 with a sum of at most m, fixed beforehand (ibid., weighted e-values); 1 each by default.
    Raises `ValueError` for a rate outside 0-1 and for weights that are not so.
    """
    if not 0 < rate < 1:
        raise ValueError(f"rate must lie between 0 and 1, not {rate}")
    weighted = log_evidence + np.log(_weights(weights, log_evidence.size))
    ordered = np.sort(weighted)[::-1]
    ranks = np.arange(1, ordered.size + 1)
    passing = np.flatnonzero(ordered >= threshold(size=ordered.size, discoveries=ranks, rate=rate))
    return weighted >= ordered[passing[-1]] if passing.size else np.zeros(weighted.size, dtype=bool)


def threshold(*, size: int, discoveries: npt.NDArray[np.int64] | int, rate: float) -> Array:
    """Log of the weighted e-value that each of `discoveries` among `size` must reach: size / (discoveries * rate)."""
    return np.asarray(np.log(size / (np.asarray(discoveries) * rate)))


def family_weights(families: Sequence[str]) -> Array:
    """Weights (m,) that give each family the same share of the error allowed, however many members it has.

    A city's few figures would otherwise have to stand out as far as any of its many neighbourhoods'.
    """
    names, members, sizes = np.unique(np.asarray(families, dtype=str), return_inverse=True, return_counts=True)
    return np.asarray(len(families) / (names.size * sizes[members]), dtype=np.float64)


def _weights(weights: Array | None, size: int) -> Array:
    if weights is None:
        return np.ones(size)
    if weights.shape != (size,) or np.any(weights <= 0) or weights.sum() > size * (1 + 1e-9):
        raise ValueError(f"weights must be {size} numbers above 0 with a sum of at most {size}")
    return weights
