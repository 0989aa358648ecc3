"""How large a change was, with an interval that holds for the changes picked out because they stood out.

Of many changes the ones that stand out are partly those that chance made look large, so a plain 95 % interval covers
too seldom among alerts. Here a step of size d is ruled out when the series with d taken out again still gives the
evidence that an alert needs. These are e-confidence intervals after e-BH: of the intervals of all alerts of a night,
at most the rate of false alerts miss, on average, however the series depend on one another (Xu, Wang & Ramdas 2024,
Post-selection inference for e-value based confidence intervals, arXiv:2203.12572), where the moment is
named right. An alert's interval never holds 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from barometer.estimate.change.detector import Array, Detection, detect

# Halvings between what is ruled out and what is not, and doublings to find the former: ends are right to a millionth.
_HALVINGS = 24
_DOUBLINGS = 60

_IsRuledOut = Callable[[Array], npt.NDArray[np.bool_]]


def change_interval(
    values: Array, errors: Array, found: Detection, *, horizon: int, dispersion: float, log_threshold: Array
) -> tuple[Array, Array]:
    """Lower and upper ends (n,) of the change of every series at its likeliest moment, NaN where none can be named.

    `values`, `errors`, `horizon`, `dispersion` as given to `detect`, `found` what it gave back; `log_threshold` (n,):
    log of the e-value an alert needs, above 0. The evidence is convex in d, so that what is not ruled out is an
    interval.
    """

    def is_ruled_out(step: Array) -> npt.NDArray[np.bool_]:
        is_since = np.arange(values.shape[1])[None, :] >= found.start[:, None]
        without = values - np.where(is_since, np.nan_to_num(step)[:, None], 0.0)
        return detect(without, errors, horizon=horizon, dispersion=dispersion).log_evidence[:, -1] >= log_threshold

    # What the normal distribution allows at that moment alone (Chernoff).
    width = found.change_error * np.sqrt(2 * log_threshold)
    # A series that changed twice has no single step that explains it; then that stands.
    is_explained = ~is_ruled_out(found.change)
    lower, upper = (_end(is_ruled_out, found.change, sign * width) for sign in (-1, 1))
    return np.where(is_explained, lower, found.change - width), np.where(is_explained, upper, found.change + width)


def _end(is_ruled_out: _IsRuledOut, inside: Array, width: Array) -> Array:
    """The last step on the way from `inside` in the direction of `width` that is not ruled out, from the outer side."""
    for _ in range(_DOUBLINGS):
        is_short = ~is_ruled_out(inside + width) & np.isfinite(width)
        if not is_short.any():
            break
        width = np.where(is_short, 2 * width, width)
    outside = inside + width
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        is_out = is_ruled_out(middle)
        inside, outside = np.where(is_out, inside, middle), np.where(is_out, middle, outside)
    return inside
