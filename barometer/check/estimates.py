"""Rules for estimates: a number never travels alone."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import (
    Rule,
    has_one_of_each,
    is_always_true,
    is_among,
    is_between,
    is_known_area,
    is_synthetic_like_its_city,
)
from barometer.night import Night
from barometer.tables import MISSING_REASONS

TABLE = "estimates"


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add whether values, errors, intervals and reasons go together."""
    has_value = pl.col("value").is_not_null()
    companions = pl.all_horizontal(pl.col(name).is_not_null() for name in ("standard_error", "lower", "upper"))
    ordered = (pl.col("lower") <= pl.col("value")) & (pl.col("value") <= pl.col("upper"))
    finite = pl.all_horizontal(pl.col(name).is_finite().fill_null(value=True) for name in ("value", "standard_error"))
    return frame.with_columns(
        value_or_reason=has_value == pl.col("missing_reason").is_null(),
        value_has_its_error=~has_value | companions,
        value_is_in_its_interval=(~has_value | ordered).fill_null(value=False),
        numbers_are_finite=finite,
        period_is_ordered=pl.col("period_start") <= pl.col("period_end"),
    )


def rules(night: Night) -> list[Rule]:
    """The row contract, and one row for every neighbourhood."""
    areas = night.city.neighbourhoods["area"].to_list()
    return [
        is_always_true("value_or_reason", "a number without a value must say why, and one with a value must not"),
        is_always_true("value_has_its_error", "a value without error or interval"),
        is_always_true("value_is_in_its_interval", "a value outside its own interval"),
        is_always_true("numbers_are_finite", "an infinite number or none at all; an estimator broke down"),
        is_always_true("period_is_ordered", "a period that ends before it starts"),
        is_among("missing_reason", MISSING_REASONS, "an unknown reason for a missing value"),
        is_between("standard_error", 0, None, "a negative error"),
        is_between("n", 0, None, "a negative number of observations"),
        is_between("reliability", 0, 1, "a reliability outside 0-1"),
        is_known_area(night),
        has_one_of_each("area", areas, "neighbourhoods without any row: even a missing number has one"),
        is_synthetic_like_its_city(night),
    ]
