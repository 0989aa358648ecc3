"""Rules for groups of posts that carry the same claim."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import Rule, is_always_true, is_among, is_between, is_synthetic_like_its_city
from barometer.night import Night

TABLE = "rumours"
STATUSES = ("seen", "assessed", "answered", "faded")


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the order of times and of counts."""
    return frame.with_columns(
        first_is_before_last=pl.col("first_seen") <= pl.col("last_seen"),
        counts_are_nested=(pl.col("voices") <= pl.col("posts")) & (pl.col("corrections") <= pl.col("posts")),
    )


def rules(night: Night) -> list[Rule]:
    """Life and size of rumours."""
    return [
        is_among("status", STATUSES, "a status that a rumour cannot have"),
        is_between("posts", 1, None, "a rumour that no post carries"),
        is_always_true("first_is_before_last", "a rumour that ended before it began"),
        is_always_true("counts_are_nested", "more voices or corrections than posts"),
        is_synthetic_like_its_city(night),
    ]
