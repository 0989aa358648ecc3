"""Cells: what every signal hands back, one row an indicator, place and period that it can say something of.

`Cells.found` holds what was worked out; `Cells.periods` every indicator and period that must be answered for, with the
reason a place that is not among the found has no value. `complete` lays both over the grid of places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from barometer.city import City
from barometer.estimate.intervals import Interval
from barometer.estimate.periods import PERIOD, PERIOD_SCHEMA
from barometer.estimate.reliability import reliability_from_errors
from barometer.indicators import WHOLE_CITY

PLACE = ("geography", "area")
CELL_KEY = ("indicator", *PLACE, *PERIOD)
_NUMBERS = ("value", "standard_error", "lower", "upper", "effective_n", "reliability")
CELL_SCHEMA: dict[str, pl.DataType] = {
    "indicator": pl.String(),
    "geography": pl.String(),
    "area": pl.String(),
    **PERIOD_SCHEMA,
    "value": pl.Float64(),
    "standard_error": pl.Float64(),
    "lower": pl.Float64(),
    "upper": pl.Float64(),
    "n": pl.Int64(),
    "effective_n": pl.Float64(),
    "reliability": pl.Float64(),
    "missing_reason": pl.String(),
    "model_version": pl.String(),
    # How this cell was made where that is not the indicator's usual way; else empty.
    "method": pl.String(),
}
PERIODS_SCHEMA: dict[str, pl.DataType] = {
    "indicator": pl.String(),
    **PERIOD_SCHEMA,
    "absent_reason": pl.String(),
}
# Sums run in parallel may differ in their last bits from run to run; published numbers need no more than this.
_SIGNIFICANT_DIGITS = 12


@dataclass(frozen=True)
class Cells:
    """`found`: CELL_SCHEMA, no two rows of one CELL_KEY. `periods`: PERIODS_SCHEMA, one row an indicator and period."""

    found: pl.DataFrame
    periods: pl.DataFrame


def places(city: City) -> pl.DataFrame:
    """Where every indicator is worked out: the neighbourhoods and the whole city. geography, area, population, adults.

    Other geographies (wards) cut through neighbourhoods. Nothing in a row says in which part of its neighbourhood it
    was, so a ward's value would rest on the assumption that people are alike within a neighbourhood, and it would let
    small cells be worked out by difference. Hence no direct estimate is made for them.
    """
    adults = pl.coalesce("adults", "population").alias("adults")
    areas = city.neighbourhoods.select("geography", "area", "population", adults)
    totals = areas.select(pl.col("population", "adults").sum().replace(0, None))
    whole = totals.select(pl.lit(WHOLE_CITY).alias("geography"), pl.lit(city.id).alias("area"), "population", "adults")
    return pl.concat([areas.sort("area"), whole])


def at_every_place(rows: pl.DataFrame, city: City) -> pl.DataFrame:
    """Each row once for its neighbourhood, where it has one, and once for the whole city. Adds geography."""
    here = rows.filter(pl.col("area").is_in(city.neighbourhoods["area"].to_list()))
    there = rows.with_columns(pl.lit(WHOLE_CITY).alias("geography"), pl.lit(city.id).alias("area"))
    return pl.concat([here.with_columns(pl.lit(city.primary).alias("geography")), there], how="diagonal")


def with_interval(frame: pl.DataFrame, interval: Interval) -> pl.DataFrame:
    """Add standard_error, lower and upper."""
    return frame.with_columns(
        pl.Series("standard_error", interval.standard_error, dtype=pl.Float64),
        pl.Series("lower", interval.lower, dtype=pl.Float64),
        pl.Series("upper", interval.upper, dtype=pl.Float64),
    )


def with_reliability(frame: pl.DataFrame, *, by: Sequence[str]) -> pl.DataFrame:
    """Add the reliability of neighbourhoods' values within each group of `by`; empty for the whole city."""
    if frame.is_empty():
        return frame.with_columns(pl.lit(None, dtype=pl.Float64).alias("reliability"))
    groups = frame.sort(*by, *PLACE).partition_by([*by, "geography"], maintain_order=True)
    return pl.concat([_one_reliability(group) for group in groups])


def _one_reliability(group: pl.DataFrame) -> pl.DataFrame:
    values, errors = group["value"].to_numpy(), group["standard_error"].to_numpy()
    known = None
    if group["geography"][0] != WHOLE_CITY:
        known = reliability_from_errors(values=values, standard_errors=errors)
    series = pl.Series("reliability", known if known is not None else [None] * group.height, dtype=pl.Float64)
    return group.with_columns(series)


def to_cells(frame: pl.DataFrame) -> pl.DataFrame:
    """The cell columns of `frame`, those it lacks empty, sorted by key."""
    lacking = {name: pl.lit(None, dtype=dtype) for name, dtype in CELL_SCHEMA.items() if name not in frame.columns}
    return frame.with_columns(**lacking).select(list(CELL_SCHEMA)).cast(CELL_SCHEMA).sort(CELL_KEY)  # type: ignore[arg-type]


def withhold(cells: pl.DataFrame, *, where: pl.Expr, reason: str) -> pl.DataFrame:
    """Take value, error and interval from the cells `where` holds and say why; n, effective n and reliability stay."""
    is_withheld = where & pl.col("missing_reason").is_null()
    emptied = [
        pl.when(is_withheld).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("value", "standard_error", "lower", "upper")
    ]
    reason_given = pl.when(is_withheld).then(pl.lit(reason)).otherwise(pl.col("missing_reason"))
    return cells.with_columns(*emptied, reason_given.alias("missing_reason"))


def complete(cells: Cells, city: City) -> pl.DataFrame:
    """Exactly one row for every indicator, place and period of `cells.periods`, missing ones with their reason."""
    grid = cells.periods.join(places(city).select(PLACE), how="cross")
    laid = grid.join(cells.found, on=CELL_KEY, how="left")
    is_absent = pl.col("n").is_null()
    return (
        laid.with_columns(
            missing_reason=pl.when(is_absent).then("absent_reason").otherwise("missing_reason"),
            n=pl.col("n").fill_null(0),
            effective_n=pl.col("effective_n").fill_null(0.0),
        )
        .with_columns(pl.col(_NUMBERS).round_sig_figs(_SIGNIFICANT_DIGITS))
        .with_columns(_inside_after_rounding())
        .select(list(CELL_SCHEMA))
        .sort(CELL_KEY)
    )


def _inside_after_rounding() -> list[pl.Expr]:
    """Rounding may push an end of an interval past its value by a last digit."""
    value = pl.col("value")
    return [pl.min_horizontal("lower", value).alias("lower"), pl.max_horizontal("upper", value).alias("upper")]


def as_floats(frame: pl.DataFrame, column: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A column as a float array without gaps."""
    return frame[column].cast(pl.Float64).to_numpy()
