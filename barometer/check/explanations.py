"""Rules for why estimates changed."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import Rule, is_always_true, is_among, is_between, is_known_area, is_synthetic_like_its_city
from barometer.night import Night
from barometer.tables import EXPLAINED_BY

TABLE = "explanations"
# The parts are of unrounded values: they sum to the change but for the last bits of a sum.
SUM_TOLERANCE = 1e-9
DATA = ("new_data", "late_or_removed_data")
_CHANGE = ("indicator", "geography", "area", "period_start", "period_end")


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add whether parts sum to the change, whether what is within noise is said to be, and whether there are words."""
    parts = pl.col("part").sum().over(_CHANGE)
    data = pl.when(pl.col("factor").is_in(DATA)).then("part").otherwise(0.0).sum().over(_CHANGE).abs()
    return frame.with_columns(
        parts_sum_to_the_change=(parts - pl.col("change")).abs() <= SUM_TOLERANCE,
        noise_is_told=pl.col("is_within_noise") == ((data > 0) & (data <= pl.col("noise"))),
        is_told=pl.col("words").str.len_chars() > 0,
    )


def rules(night: Night) -> list[Rule]:
    """Factors, the sum of their parts, and what is told of chance."""
    advice = "an explanation whose parts are not the whole; do not publish it, and report the fault"
    return [
        is_among("factor", EXPLAINED_BY, "a factor that is not declared"),
        is_always_true("parts_sum_to_the_change", advice),
        is_always_true("noise_is_told", "a change by data that is called noise and is not, or the other way round"),
        is_always_true("is_told", "a change without words"),
        is_between("noise", 0, None, "a width of noise that cannot be"),
        is_known_area(night),
        is_synthetic_like_its_city(night),
    ]
