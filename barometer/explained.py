"""A change of an estimate in one sentence: where, how much, and how much of it came from what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date

from barometer.indicators import Indicator

MINUS = "\u2212"
# Sentences show tenths: of a point of a scale, of a percentage point.
DECIMALS = 1
_TENTHS: int = 10**DECIMALS
ROWS_OF = {
    "answers": "answers",
    "posts": "posts",
    "reports": "ratings",
    "observations": "observations",
    "counts": "counts",
    "combined": "data",
}
_FACTORS = {
    "new_data": "new {rows}",
    "late_or_removed_data": "late or removed {rows}",
    "weights": "weights and margins",
    "language_model": "new language model",
    "configuration": "configuration and method",
}
_ALL_DATA = "new, late and removed {rows}"
# What people say of audited posts corrects shares of voices, and comes in after the posts.
_POSTS_LATE = "late or removed posts or audit labels"
_SHARED = " Removed rows and a change of method cannot be told apart here; each is given half of what they did."


def change_in_words(
    place: str,
    indicator: Indicator,
    parts: Mapping[str, float],
    *,
    noise: float,
    is_within_noise: bool,
    since: tuple[date, date] | None = None,
    is_shared: bool = False,
    is_merged: bool = False,
    tenths: int = 1,
) -> str:
    """The sentence of one change, e.g. `Idle −2.1 points: −0.3 new answers, −1.8 new language model.`

    `parts`: factor -> part of the change, in the indicator's unit; shown rounded so that they add up to the change as
    shown. `noise`: half width of the 95 % interval of a change of data alone. `since`: the period compared with, where
    it is another. `is_shared`: two causes were known only together. `is_merged`: what came in late or was removed is
    counted with what is new. `tenths`: step in which sizes are shown.
    """
    rounded = rounded_parts(parts, is_share=indicator.is_share, tenths=tenths)
    told = [
        f"{signed(size)} {_called(factor, indicator, is_merged=is_merged)}" for factor, size in rounded.items() if size
    ]
    unit = _unit(indicator)
    head = f"{place} {signed(sum(rounded.values()))}{unit}: {', '.join(told)}."
    if not told:
        head = f"{place}: less than {tenths / _TENTHS:g}{unit}."
    return head + _chance(noise, indicator, is_within_noise, tenths) + _since(since) + (_SHARED if is_shared else "")


def rounded_parts(parts: Mapping[str, float], *, is_share: bool, tenths: int = 1) -> dict[str, int]:
    """Parts in tenths (shares: of a percentage point) that add up to the rounded sum of the parts.

    All are multiples of `tenths`. The largest remainders are rounded up (Hamilton's method), so no part is off by a
    step or more.
    """
    scale = shown_scale(is_share=is_share) / tenths
    exact = {factor: part * scale for factor, part in parts.items()}
    floors = {factor: math.floor(size) for factor, size in exact.items()}
    left = _nearest(math.fsum(exact.values())) - sum(floors.values())
    by_remainder = sorted(exact, key=lambda factor: (floors[factor] - exact[factor], factor))
    steps = floors | {factor: floors[factor] + 1 for factor in by_remainder[: max(left, 0)]}
    return {factor: size * tenths for factor, size in steps.items()}


def shown_scale(*, is_share: bool) -> int:
    """How many of what is shown (tenths of a point or of a percentage point) there are in one of the unit."""
    return _TENTHS * 100 if is_share else _TENTHS


def signed(tenths: int) -> str:
    """+0.3, −1.8, 0.0."""
    sign = "+" if tenths > 0 else MINUS if tenths < 0 else ""
    return f"{sign}{abs(tenths) / _TENTHS:,.{DECIMALS}f}"


def _called(factor: str, indicator: Indicator, *, is_merged: bool) -> str:
    if factor == "late_or_removed_data" and indicator.signal == "posts":
        return _POSTS_LATE
    name = _ALL_DATA if is_merged and factor == "new_data" else _FACTORS[factor]
    return name.format(rows=ROWS_OF[indicator.signal])


def _nearest(size: float) -> int:
    """Ties go away from zero."""
    return int(math.copysign(math.floor(abs(size) + 0.5), size))


def _unit(indicator: Indicator) -> str:
    if indicator.is_share:
        return " percentage points"
    return " points" if indicator.unit in ("scale points", "index points") else f" {indicator.unit}"


def _chance(noise: float, indicator: Indicator, is_within_noise: bool, tenths: int) -> str:
    if not is_within_noise:
        return ""
    size = _nearest(noise * shown_scale(is_share=indicator.is_share) / tenths) * tenths / _TENTHS
    return f" What the data changed is within noise (\u00b1{size:,.{DECIMALS}f})."


def _since(period: tuple[date, date] | None) -> str:
    return "" if period is None else f" Compared with {period[0].isoformat()} to {period[1].isoformat()}."
