"""Calendar periods: blocks of whole weeks counted from a fixed Monday, so that no block shifts from night to night."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

PERIOD = ("period_start", "period_end")
PERIOD_SCHEMA = {"period_start": pl.Date(), "period_end": pl.Date()}


def block_start(day: pl.Expr, *, weeks: int, anchor: date) -> pl.Expr:
    """First day (a Monday) of the block of `weeks` weeks that `day` lies in."""
    length = 7 * weeks
    since_anchor = (day - pl.lit(anchor)).dt.total_days()
    return day - pl.duration(days=since_anchor - since_anchor.floordiv(length) * length)


def with_period(rows: pl.DataFrame, *, day: str, weeks: int, anchor: date) -> pl.DataFrame:
    """Add `period_start` and `period_end` (first and last day) of the block in which each row's `day` lies."""
    start = block_start(pl.col(day), weeks=weeks, anchor=anchor)
    return rows.with_columns(period_start=start).with_columns(
        period_end=pl.col("period_start") + pl.duration(days=7 * weeks - 1)
    )


def earliest_day(*, night: date, lookback_days: int, weeks: int, anchor: date) -> date:
    """First day of the oldest block that a night still issues: the one in which the look-back begins."""
    return _start(night - timedelta(days=lookback_days), weeks=weeks, anchor=anchor)


def blocks(*, first_day: date, last_day: date, weeks: int, anchor: date) -> pl.DataFrame:
    """Every block from the one of `first_day` to the one of `last_day`, without a gap: period_start, period_end."""
    length = timedelta(days=7 * weeks)
    start = _start(first_day, weeks=weeks, anchor=anchor)
    starts = [start + i * length for i in range((last_day - start).days // length.days + 1)]
    ends = [day + length - timedelta(days=1) for day in starts]
    return pl.DataFrame({"period_start": starts, "period_end": ends}, schema=PERIOD_SCHEMA)


def _start(day: date, *, weeks: int, anchor: date) -> date:
    return day - timedelta(days=(day - anchor).days % (7 * weeks))
