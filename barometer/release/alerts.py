"""Alerts fit to publish: changes told no finer than the values they are changes of, and the words for them."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, log10
from typing import Any

import polars as pl

from barometer.indicators import Indicator, Indicators
from barometer.release.coarse import down_to_step, to_step, up_to_step
from barometer.release.language import ENGLISH, Language
from barometer.release.protect import shown_step
from barometer.release.words import between

_OF_ONE_SERIES = ("indicator", "geography", "area")
# Odds beyond this rest on the far tails of a distribution that nobody has seen.
LONGEST_ODDS = 1_000_000
_TINY = 1e-9
# Decimals of a change in words: none are needed for whole percentage points, one for points of a scale.
_FEWEST, _MOST_DECIMALS = {True: 0, False: 1}, 3


def shown_alerts(rows: pl.DataFrame, *, shown: pl.DataFrame, indicators: Indicators) -> pl.DataFrame:
    """Alerts from rows of the table without `night`, `shown` being the protected estimates.

    A change is between levels of several periods, so it is told in the widest step that any shown value of its series
    has: the change to the nearest step, its interval outward. Evidence is told in one digit. The message is made anew
    from these, since the night's own words tell the levels as they were.
    """
    widths = shown.drop_nulls("value").group_by(_OF_ONE_SERIES).agg(width=shown_step().max())
    wide = rows.join(widths, on=_OF_ONE_SERIES, maintain_order="left")
    coarse = wide.with_columns(
        to_step("change", pl.col("width")),
        down_to_step("lower", pl.col("width")),
        up_to_step("upper", pl.col("width")),
        evidence=pl.Series([_one_digit(value) for value in wide["evidence"]], dtype=pl.Float64),
    ).drop("width")
    said = [_message(row, indicators[row["indicator"]]) for row in coarse.iter_rows(named=True)]
    return coarse.with_columns(message=pl.Series(said, dtype=pl.String))


def alert_sentence(row: Mapping[str, Any], indicator: Indicator, title: str, language: Language = ENGLISH) -> str:
    """What moved, by how much, and since when; `title` is the indicator's in the language."""
    nearer, farther = sorted((abs(row["lower"]), abs(row["upper"])))
    values = {
        "title": title,
        "size": _from_to(nearer, farther, indicator, language),
        "day": language.day(row["first_seen"]),
    }
    if row["direction"] == "up":
        return language.say("“%(title)s” rose by %(size)s (95%% interval), seen since %(day)s.", **values)
    return language.say("“%(title)s” fell by %(size)s (95%% interval), seen since %(day)s.", **values)


def _from_to(nearer: float, farther: float, indicator: Indicator, language: Language) -> str:
    """The ends of a change without sign, with as many decimals as they have; shares in percentage points."""
    scale = 100 if indicator.is_share else 1
    ends = (scale * nearer, scale * farther)
    decimals = next((d for d in range(_FEWEST[indicator.is_share], _MOST_DECIMALS) if _has(ends, d)), _MOST_DECIMALS)
    start, end = (language.number(size, decimals) for size in ends)
    told = between(start, end, language)
    return language.say("%(size)s percentage points", size=told) if indicator.is_share else told


def _has(ends: tuple[float, float], decimals: int) -> bool:
    """Whether so many decimals tell both ends exactly."""
    return all(abs(end - round(end, decimals)) < _TINY for end in ends)


def _message(row: Mapping[str, Any], indicator: Indicator) -> str:
    by_chance = f"A change like this comes up by chance at most about once in {row['evidence']:,.0f} such looks."
    return f"{alert_sentence(row, indicator, indicator.title)} {by_chance}"


def _one_digit(evidence: float) -> float:
    """Down to its first digit, at most `LONGEST_ODDS`: once in N looks by chance (Markov's inequality)."""
    within = min(max(evidence, 1.0), float(LONGEST_ODDS))
    scale = 10.0 ** floor(log10(within) + _TINY)
    return floor(within / scale + _TINY) * scale
