"""An alert in one plain sentence, and what an official might do first. Never a cause: figures do not know one."""

from __future__ import annotations

from datetime import date
from functools import cache
from math import exp, floor, log, log10
from pathlib import Path

import yaml

from barometer.indicators import Indicator

_ADVICE = Path(__file__).with_name("advice.yaml")
_MINUS = "\u2212"
# Odds beyond this rest on the far tails of a distribution that nobody has seen.
LONGEST_ODDS = 1_000_000
_MOVED = {1: "rose", -1: "fell"}
_TRUST = {1: "more_trust", -1: "less_trust"}


def message(
    indicator: Indicator,
    *,
    before: float,
    since: float,
    interval: tuple[float, float],
    start: date,
    log_evidence: float,
) -> str:
    """What moved, from where to where, since when, and how sure one may be.

    `before`, `since`: mean levels in the indicator's unit; `interval`: ends of the change, both on one side of 0;
    `start`: first day of the new level; `log_evidence`: natural log of the e-value.
    """
    nearer, farther = sorted(interval, key=abs)
    return (
        f"“{indicator.title}” {_MOVED[1 if since > before else -1]} from {_figure(before, indicator)} to "
        f"{_figure(since, indicator)}{_unit(indicator)}, a change of {_range(nearer, farther, indicator)} "
        f"(95% interval), since {start.day} {start:%B %Y}; {odds(log_evidence)}."
    )


def odds(log_evidence: float) -> str:
    """How often chance alone does this: an e-value of N comes up at most once in N looks (Markov's inequality)."""
    looks = exp(min(log_evidence, log(LONGEST_ODDS)))
    if looks >= LONGEST_ODDS * (1 - 1e-9):
        return f"a change like this comes up by chance less than once in {LONGEST_ODDS:,} such looks"
    scale = 10 ** max(floor(log10(looks)) - 1, 0)
    return f"a change like this comes up by chance at most about once in {floor(looks / scale) * scale:,} such looks"


def advice(indicator: Indicator, towards: int) -> str:
    """What to check first of this signal, then what to do; `towards`: 1 where trust rose, -1 where it fell."""
    table = _table()
    return f"{table['check'][indicator.signal]} {table['act'][_TRUST[towards]][indicator.dimension]}"


@cache
def _table() -> dict[str, dict[str, dict[str, str]]]:
    table: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(_ADVICE.read_text("utf-8"))
    return table


def _figure(value: float, indicator: Indicator) -> str:
    """A level: shares as per cent, with one decimal below 10 %; everything else with one decimal, two where small."""
    if indicator.is_share:
        return f"{100 * value:.{1 if abs(value) < 0.0995 else 0}f}%"
    return f"{value:.{_decimals(value)}f}".replace("-", _MINUS)


def _decimals(value: float) -> int:
    return 1 if abs(value) >= 1 else 2


def _unit(indicator: Indicator) -> str:
    if indicator.is_share:
        return ""
    maximum = indicator.scale.maximum
    is_scale = indicator.unit == "scale points" and maximum is not None
    return f" out of {maximum:g}" if is_scale else f" {indicator.unit}"


def _range(nearer: float, farther: float, indicator: Indicator) -> str:
    """Both ends of a change without sign; the verb has said which way."""
    if indicator.is_share:
        return f"{100 * abs(nearer):.1f} to {100 * abs(farther):.1f} percentage points"
    decimals = _decimals(nearer)
    return f"{abs(nearer):.{decimals}f} to {abs(farther):.{decimals}f}"
