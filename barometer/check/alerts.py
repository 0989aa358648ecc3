"""Rules for changes beyond chance."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import Rule, is_always_true, is_among, is_between, is_known_area, is_synthetic_like_its_city
from barometer.night import Night

TABLE = "alerts"
DIRECTIONS = ("up", "down")


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add whether the interval leaves no doubt of the direction stated."""
    is_up = pl.col("direction") == "up"
    return frame.with_columns(
        direction_fits_interval=pl.when(is_up).then(pl.col("lower") > 0).otherwise(pl.col("upper") < 0),
        change_is_in_its_interval=pl.col("change").is_between("lower", "upper"),
        first_seen_is_past=pl.col("first_seen") <= pl.col("period_end"),
    )


def rules(night: Night) -> list[Rule]:
    """Direction, interval and evidence of a change."""
    return [
        is_among("direction", DIRECTIONS, "a direction that is neither up nor down"),
        is_between("evidence", 1, None, "a change that is no likelier than none"),
        is_always_true("direction_fits_interval", "an alert whose interval does not bear out its direction"),
        is_always_true("change_is_in_its_interval", "a change outside its own interval"),
        is_always_true("first_seen_is_past", "an alert first seen after its own period"),
        is_known_area(night),
        is_synthetic_like_its_city(night),
    ]
