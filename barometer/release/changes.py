"""What changed between an indicator's last two periods, and whether more than chance would make it.

A change is called clear when a two-sided z-test on the published values and standard errors survives the Benjamini and
Hochberg (1995) procedure over all changes tested together at `FALSE_DISCOVERY_RATE`. The two periods count as
independent; where the same people answered twice this understates how clear a change is, never overstates it.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.special import ndtr
from scipy.stats import false_discovery_control

FALSE_DISCOVERY_RATE = 0.05

_SERIES = ("indicator", "geography", "area")


def latest_changes(estimates: pl.DataFrame) -> pl.DataFrame:
    """Newest value of every series beside the one of the period before.

    `estimates`: published estimates. Returns one row a series whose newest period and the one before it both have a
    value with an error: indicator, geography, area, area_name, period_start, period_end, value, lower, upper,
    value_before, period_end_before, change, change_error, p, is_clear. Periods are the indicator's own: the newest in
    which any place has a value, and the newest such before it.
    """
    columns = [*_SERIES, "area_name", "period_start", "period_end", "value", "standard_error", "lower", "upper"]
    ranked = _with_rank(estimates).select(*columns, "rank")
    newest = ranked.filter(pl.col("rank") == 1).drop("rank")
    before = ranked.filter(pl.col("rank") == 2).select(*_SERIES, "value", "standard_error", "period_end")
    both = newest.join(before, on=_SERIES, suffix="_before").drop_nulls(["value", "value_before"])
    return _tested(both).drop("standard_error", "standard_error_before").sort("indicator", "area_name", "area")


def latest_periods(estimates: pl.DataFrame) -> pl.DataFrame:
    """Newest period of each indicator in which any place has a value, else its newest: period_start, period_end."""
    has_value = pl.col("value").is_not_null().any()
    periods = estimates.group_by("indicator", "period_start", "period_end").agg(has_value=has_value)
    ordered = periods.sort("has_value", "period_end", "period_start", descending=True)
    return ordered.unique("indicator", keep="first", maintain_order=True).drop("has_value").sort("indicator")


def _with_rank(estimates: pl.DataFrame) -> pl.DataFrame:
    """`rank` of the period among its indicator's with any value, 1 the newest."""
    periods = estimates.drop_nulls("value").select("indicator", "period_start", "period_end").unique()
    rank = pl.struct("period_end", "period_start").rank("dense", descending=True).over("indicator")
    return estimates.join(periods.with_columns(rank=rank), on=["indicator", "period_start", "period_end"])


def _tested(both: pl.DataFrame) -> pl.DataFrame:
    error = (pl.col("standard_error") ** 2 + pl.col("standard_error_before") ** 2).sqrt()
    compared = both.with_columns(change=pl.col("value") - pl.col("value_before"), change_error=error)
    testable = compared.filter(pl.col("change_error") > 0)
    z = (testable["change"] / testable["change_error"]).abs().to_numpy()
    p = 2 * ndtr(-z)
    return testable.with_columns(
        p=pl.Series(p, dtype=pl.Float64), is_clear=pl.Series(is_discovery(p), dtype=pl.Boolean)
    )


def is_discovery(p: np.ndarray, *, rate: float = FALSE_DISCOVERY_RATE) -> np.ndarray:
    """Which of the p-values the Benjamini-Hochberg step-up procedure rejects, in their order."""
    return np.asarray(false_discovery_control(p) <= rate) if len(p) else np.zeros(0, dtype=bool)
