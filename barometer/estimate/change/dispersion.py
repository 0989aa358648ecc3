"""Are values more restless than their errors say? Measured on one-step surprises, and reckoned with, never relied on.

News of one week, a changed source or voices that return make estimates wander more than sampling alone. Evidence
divides its squared surprises by the dispersion found here. It is at least 1, so that it can only ever lower evidence:
where errors are right and nothing changes, what is proved of the evidence still holds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# Median of the square of a standard normal: chi-squared with one degree of freedom.
_MEDIAN_OF_SQUARE = 0.454936
# A spread seen in so many surprises, or a persistence seen in so many pairs, is believed by half. Persistence needs
# more: in one series by itself it cannot be told from the change that is looked for.
_SPREAD_BELIEVED_BY_HALF = 10
_PERSISTENCE_BELIEVED_BY_HALF = 50
# A series that mostly repeats itself has hardly any surprises to learn from; beyond this nothing more can be said.
_MOST_PERSISTENCE = 0.9


def innovations(values: Array, errors: Array) -> Array:
    """Standardised surprise of each value against the weighted mean of all before it; NaN where there is none.

    `values`, `errors`: (n, t), NaN in either is a gap. Independent standard normals where nothing changes and errors
    are right: recursive residuals (Brown, Durbin & Evans 1975, JRSS B 37:149-192).
    """
    is_known = np.isfinite(values) & np.isfinite(errors)
    precision = np.where(is_known, 1 / np.where(is_known, errors, 1.0) ** 2, 0.0)
    weighted = precision * np.where(is_known, values, 0.0)
    before = np.cumsum(precision, axis=1) - precision
    with np.errstate(divide="ignore", invalid="ignore"):
        level = (np.cumsum(weighted, axis=1) - weighted) / before
        surprise = (values - level) / np.sqrt(errors**2 + 1 / before)
    return np.where(is_known & (np.cumsum(is_known, axis=1) > 1), surprise, np.nan)


def dispersion(surprises: Array) -> float:
    """How many times as variable as their errors say means of `surprises` (n, t; NaN ignored) are, at least 1.

    Spread times what persistence from one period to the next adds to the variance of a mean, (1 + r) / (1 - r).
    """
    persistence = min(_persistence(surprises), _MOST_PERSISTENCE)
    return _spread(surprises) * (1 + persistence) / (1 - persistence)


def _spread(surprises: Array) -> float:
    """By the median of their squares, so that the few series that did change do not pass as restlessness of all."""
    known = surprises[np.isfinite(surprises)]
    if known.size == 0:
        return 1.0
    excess = float(np.median(known**2)) / _MEDIAN_OF_SQUARE - 1
    return 1 + max(excess, 0.0) * known.size / (known.size + _SPREAD_BELIEVED_BY_HALF)


def _persistence(surprises: Array) -> float:
    """Correlation of neighbouring surprises by their signs alone, at least 0: E = 2/pi arcsin r (Sheppard)."""
    signs = np.sign(surprises[:, 1:] * surprises[:, :-1])
    known = signs[np.isfinite(signs)]
    if known.size == 0:
        return 0.0
    correlation = float(np.sin(np.pi / 2 * known.mean()))
    return max(correlation, 0.0) * known.size / (known.size + _PERSISTENCE_BELIEVED_BY_HALF)
