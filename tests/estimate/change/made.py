"""Cells of an invented town over four-week blocks and over waves, for what reads cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import polars as pl

from barometer.estimate.cells import to_cells
from barometer.indicators import Indicators, load_indicators
from barometer.settings import PROJECT

INDICATORS: Indicators = load_indicators(PROJECT / "configs")
FIRST = date(2025, 5, 19)
BLOCK = timedelta(weeks=4)
WAVES = BLOCK * 3


def span(number: int, *, every: timedelta = BLOCK, lasts: timedelta = BLOCK) -> tuple[date, date]:
    """First and last day of period `number`."""
    start = FIRST + number * every
    return start, start + lasts - timedelta(days=1)


def cells(
    indicator: str,
    courses: Mapping[str, Sequence[float | None]],
    *,
    error: float,
    n: float | None = 100.0,
    geography: str = "hood",
    every: timedelta = BLOCK,
    lasts: timedelta = BLOCK,
) -> pl.DataFrame:
    """The course of one indicator at each area, a period after the other; None is a gap."""
    rows = [
        {
            "indicator": indicator,
            "geography": geography,
            "area": area,
            "period_start": span(number, every=every, lasts=lasts)[0],
            "period_end": span(number, every=every, lasts=lasts)[1],
            "value": value,
            "standard_error": None if value is None else error,
            "lower": None if value is None else value - 1.96 * error,
            "upper": None if value is None else value + 1.96 * error,
            "effective_n": n,
            "n": 0 if value is None else 100,
        }
        for area, course in courses.items()
        for number, value in enumerate(course)
    ]
    floats = ("value", "standard_error", "lower", "upper", "effective_n")
    return to_cells(pl.DataFrame(rows, schema_overrides=dict.fromkeys(floats, pl.Float64)))
