"""The attack on values: what the city's mean and the shown areas' means leave of a withheld area's mean.

The city's figure is, but for weights a reader does not know, the mean of its areas' figures by people: so n times the
mean of a withheld area is N times the city's less what the others add up to. Hundepool et al. (2012), section 4.2.3,
bound magnitudes of a table in the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from barometer.release.attack import Range
from barometer.release.coarse import finest_step
from barometer.release.disclosure import Total, rounded

_Z = 1.959963984540054
# Binary fractions of a sum over many areas are no disclosure.
_DUST = 1e-9


@dataclass(frozen=True)
class Means:
    """Exact values of a family's cells: `values` and `widths` (of their own 95 % intervals), where there are any.

    `own`: cells whose value is the mean of the people counted there, as one that a model made is not. `lowest`,
    `highest`: ends of the scale.
    """

    values: Mapping[str, float]
    widths: Mapping[str, float]
    own: frozenset[str]
    lowest: float
    highest: float


def pinned_means(
    persons: Mapping[str, int],
    totals: Sequence[Total],
    means: Means,
    *,
    sensitive: Collection[str],
    shown: Collection[str],
) -> dict[str, Range]:
    """Sensitive cells whose mean follows more narrowly than its own 95 % interval, with the range it follows to.

    `shown`: cells whose value is published. Assumes the strongest reader: one who knows every n exactly, shown or not,
    and by how much the areas' sum differs from the city's (people of no area, weights). Exact for that reader: one
    equation between bounds.
    """
    found: dict[str, Range] = {}
    for total in totals:
        if total.whole in shown and total.whole in means.own:
            found |= dict(_pinned(persons, total, means, sensitive, shown))
    return found


def _pinned(
    persons: Mapping[str, int], total: Total, means: Means, sensitive: Collection[str], shown: Collection[str]
) -> Iterator[tuple[str, Range]]:
    told = {cell for cell in total.parts if cell in shown and cell in means.own}
    hidden = [cell for cell in total.parts if cell not in told and persons.get(cell, 0) > 0]
    rounding = sum(persons[cell] * finest_step(rounded(persons[cell])) for cell in (*told, total.whole)) / 2
    below = {cell: persons[cell] * (_value(means, cell) - means.lowest) for cell in hidden}
    above = {cell: persons[cell] * (means.highest - _value(means, cell)) for cell in hidden}
    all_below, all_above = sum(below.values()), sum(above.values())
    for cell in hidden:
        if cell in sensitive:
            low = _value(means, cell) - (all_above - above[cell] + rounding) / persons[cell]
            high = _value(means, cell) + (all_below - below[cell] + rounding) / persons[cell]
            bounds = (max(low, means.lowest), min(high, means.highest))
            if bounds[1] - bounds[0] < _own_width(means, cell, persons[cell]) - _DUST:
                yield cell, bounds


def _value(means: Means, cell: str) -> float:
    """Its mean; the middle of the scale where the tables have none."""
    return means.values.get(cell, (means.lowest + means.highest) / 2)


def _own_width(means: Means, cell: str, n: int) -> float:
    """Width of its own interval; the widest a share of `n` people can have where the tables have none."""
    span = means.highest - means.lowest
    return min(means.widths.get(cell, _Z * span / sqrt(n)), span)
