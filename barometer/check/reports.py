"""Rules for practitioners' ratings."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import (
    Rule,
    is_always_true,
    is_in_time,
    is_known_area,
    is_pseudonym,
    is_synthetic_like_its_city,
)
from barometer.night import Night

TABLE = "reports"


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add whether each rating lies on its scale."""
    on_scale = pl.col("rating").is_between(pl.col("scale_minimum"), pl.col("scale_maximum"))
    return frame.with_columns(is_on_scale=on_scale & (pl.col("scale_minimum") < pl.col("scale_maximum")))


def rules(night: Night) -> list[Rule]:
    """Scales, places and times of reports."""
    return [
        is_pseudonym("report"),
        is_pseudonym("rater"),
        is_always_true("is_on_scale", "a rating outside its scale; check the report form"),
        is_known_area(night),
        is_in_time(night, "reported_at"),
        is_synthetic_like_its_city(night),
    ]
