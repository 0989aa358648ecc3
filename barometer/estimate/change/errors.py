"""Standard errors that may be trusted in the far tails, where alerts are decided.

An error estimated from ten answers is sometimes far too small by luck, and a surprise is then divided by that luck.
Evidence over hundreds of series looks for exactly such surprises, so no error stays below what is usual for as many
voices.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def steadied(errors: Array, effective_n: Array) -> Array:
    """Errors (n, t), none below the usual one for its `effective_n` (n, t); NaN stays NaN.

    Usual variance of one voice: the mean over a series' own periods, or the median of the whole table where that is
    larger (a generalised variance function with one parameter; Wolter 2007, Introduction to Variance Estimation, ch.
    7). Where `effective_n` is not above 0, an error stays as it is. Only ever raises errors, and so only ever lowers
    evidence.
    """
    is_counted = np.isfinite(errors) & (effective_n > 0)
    if not is_counted.any():
        return errors
    of_one = np.where(is_counted, errors**2 * effective_n, 0.0)
    counted = is_counted.sum(axis=1, keepdims=True)
    own = of_one.sum(axis=1, keepdims=True) / np.maximum(counted, 1)
    usual = np.maximum(own, np.median(of_one[is_counted]))
    floor = np.sqrt(usual / np.where(is_counted, effective_n, np.inf))
    return np.where(np.isfinite(errors), np.maximum(errors, floor), np.nan)
