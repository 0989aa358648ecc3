"""What can be told apart: one rule for every page. `told_apart` in assets/site.js is the same rule."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from barometer.release.changes import is_discovery
from barometer.release.site.figures import Figure, Series


def told_apart(series: Mapping[str, Series], place: str, other: str) -> dict[str, float]:
    """Indicator -> difference of `place`'s newest figure from `other`'s (in its unit), only where it can be told.

    Every difference is tested against its own error (a two-sided z-test on both published standard errors), and all of
    the pair's together: Benjamini and Hochberg (1995) at 5 %.
    """
    pairs = {name: (each.at(place), each.at(other)) for name, each in series.items()}
    found = {name: p for name, (a, b) in pairs.items() if (p := p_of_difference(a, b)) is not None}
    is_apart = is_discovery(np.array(list(found.values())))
    return {name: _difference(*pairs[name]) for name, told in zip(found, is_apart, strict=True) if told}


def p_of_difference(a: Figure, b: Figure) -> float | None:
    """Chance of a difference as large where there is none; nothing where a value or every error is missing."""
    error = math.hypot(a.standard_error or 0.0, b.standard_error or 0.0)
    if a.value is None or b.value is None or error == 0:
        return None
    return math.erfc(abs(a.value - b.value) / error / math.sqrt(2))


def _difference(a: Figure, b: Figure) -> float:
    return (a.value or 0.0) - (b.value or 0.0)
