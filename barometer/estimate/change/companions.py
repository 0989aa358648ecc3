"""What moved along with an alert: other indicators of the same place that changed the same way over the same span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist

import numpy as np

from barometer.estimate.change.panel import Panel
from barometer.indicators import Indicator, Indicators

# Most companions named beside an alert: a person reads three.
MOST_COMPANIONS = 3
# Chance that an alert beside which nothing else moved names any companion at all. It is shared out over all the place's
# indicators that could be compared (Bonferroni), so that a place with many figures names no more by chance.
_CHANCE_OF_ANY = 0.05
_MEANING = {"more_trust": 1, "less_trust": -1}


@dataclass(frozen=True)
class Span:
    """The last day of the level before, and the first day of the new one."""

    before_end: date
    since_start: date


def meaning(change: float, indicator: Indicator) -> int:
    """1 where the change means more trust, -1 where less; raises `KeyError` for an indicator without a direction."""
    return int(np.sign(change)) * _MEANING[indicator.direction]


def moved_with(
    area: str,
    *,
    of: str,
    towards: int,
    span: Span,
    panels: Sequence[tuple[Panel, float]],
    indicators: Indicators,
) -> list[str]:
    """Titles of the indicators that moved along, the clearest first, at most MOST_COMPANIONS.

    `panels`: those of the alert's geography, each with its dispersion. `towards`: 1 for more trust, -1 for less. A
    plain one-sided z-test of the precision-weighted means before and since; no part of indicator `of` and nothing made
    of it.
    """
    tried = [
        (indicators[panel.indicator], z)
        for panel, dispersion in panels
        if not _are_kin(indicators[of], indicators[panel.indicator])
        and np.isfinite(z := _z(panel, area, span, dispersion))
    ]
    if not tried:
        return []
    needed = NormalDist().inv_cdf(1 - _CHANCE_OF_ANY / len(tried))
    strengths = [(meaning(z, indicator) * towards * abs(z), indicator.title) for indicator, z in tried]
    moved = sorted((strength, title) for strength, title in strengths if strength > needed)
    return [title for _, title in reversed(moved)][:MOST_COMPANIONS]


def _are_kin(one: Indicator, other: Indicator) -> bool:
    """The same, or one made of the other: these move together by construction."""
    return one.id == other.id or one.id in other.rests_on or other.id in one.rests_on


def _z(panel: Panel, area: str, span: Span, dispersion: float) -> float:
    """Standardised difference of the area's means since and before; NaN where either side has no value."""
    if area not in panel.areas:
        return float("nan")
    row = panel.areas.index(area)
    middles = [start + (end - start) / 2 for start, end in zip(panel.starts, panel.ends, strict=True)]
    is_known = panel.is_known[row]
    sides = (
        is_known & np.array([middle <= span.before_end for middle in middles]),
        is_known & np.array([middle >= span.since_start for middle in middles]),
    )
    if not all(side.any() for side in sides):
        return float("nan")
    values, precision = panel.values[row], 1 / panel.errors[row] ** 2
    before, since = (float(np.average(values[side], weights=precision[side])) for side in sides)
    error = np.sqrt(dispersion * sum(1 / precision[side].sum() for side in sides))
    return float((since - before) / error)
