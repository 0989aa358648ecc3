"""Cells as tables of numbers: one panel an indicator and geography, a row an area, a column a period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from barometer.estimate.change.detector import Array
from barometer.estimate.change.errors import steadied
from barometer.estimate.intervals import Z
from barometer.estimate.periods import PERIOD


@dataclass(frozen=True)
class Panel:
    """`values`, `errors` (n areas, t periods), NaN where there is none. `starts`, `ends`: days, in order of the ends.

    The last period is the newest of which any place has a value.
    """

    indicator: str
    geography: str
    areas: tuple[str, ...]
    starts: tuple[date, ...]
    ends: tuple[date, ...]
    values: Array
    errors: Array

    @property
    def is_known(self) -> npt.NDArray[np.bool_]:
        """(n, t): there is a value, and how sure it is."""
        return np.isfinite(self.values) & np.isfinite(self.errors)

    def horizon(self, lookback_days: int) -> int:
        """Periods that a whole look-back holds at this panel's usual pace, at least those there are and 2."""
        gaps = [(later - earlier).days for earlier, later in zip(self.ends, self.ends[1:], strict=False)]
        pace = max(int(np.median(gaps)), 1) if gaps else lookback_days
        return max(1 + lookback_days // pace, len(self.ends), 2)


def panels(cells: pl.DataFrame) -> list[Panel]:
    """Every indicator and geography of `cells` (columns of CELL_SCHEMA), by name; none for what has no value at all."""
    known = cells.filter(_is_known())
    calendar = known.select("indicator", *PERIOD).unique()
    of_indicator = {name: rows.sort("period_end", "period_start") for (name,), rows in calendar.group_by("indicator")}
    parts = known.sort("indicator", "geography").partition_by("indicator", "geography", as_dict=True)
    return [
        _panel(str(indicator), str(geography), rows, of_indicator[indicator])
        for (indicator, geography), rows in parts.items()
    ]


def _is_known() -> pl.Expr:
    """A value that says how sure it is. An error of 0 says nothing: it would make any other value a certain change."""
    return pl.col("value").is_finite() & (pl.col("standard_error") > 0) & pl.col("standard_error").is_finite()


def _panel(indicator: str, geography: str, rows: pl.DataFrame, calendar: pl.DataFrame) -> Panel:
    areas = tuple(rows["area"].unique().sort().to_list())
    starts, ends = (tuple(calendar[name].to_list()) for name in PERIOD)
    column_of = {period: number for number, period in enumerate(zip(starts, ends, strict=True))}
    row_of = {area: number for number, area in enumerate(areas)}
    at = (
        [row_of[area] for area in rows["area"]],
        [column_of[period] for period in rows.select(PERIOD).iter_rows()],
    )

    def laid(expression: pl.Expr) -> Array:
        table = np.full((len(areas), len(ends)), np.nan)
        table[at] = rows.select(expression.cast(pl.Float64)).to_series().to_numpy()
        return table

    errors = steadied(laid(_error()), laid(pl.col("effective_n")))
    return Panel(indicator, geography, areas, starts, ends, laid(pl.col("value")), errors)


def _error() -> pl.Expr:
    """The standard error, or the longer arm of the 95 % interval over z: it knows few answers and lopsided shares."""
    arms = (pl.col("upper") - pl.col("value"), pl.col("value") - pl.col("lower"))
    return pl.max_horizontal("standard_error", *(arm / Z for arm in arms))
