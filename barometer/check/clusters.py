"""Rules for clusters of neighbourhoods."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import Rule, is_always_true, is_among, is_between, is_known_area, is_synthetic_like_its_city
from barometer.night import Night

TABLE = "clusters"
QUADRANTS = ("high-high", "low-low", "high-low", "low-high", "none")


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add whether only what is significant is called a cluster."""
    return frame.with_columns(cluster_is_significant=(pl.col("quadrant") == "none") | pl.col("is_significant"))


def rules(night: Night) -> list[Rule]:
    """Quadrants and their p-values."""
    return [
        is_among("quadrant", QUADRANTS, "a kind of cluster that there is not"),
        is_between("p_value", 0, 1, "a p-value outside 0 to 1"),
        is_always_true("cluster_is_significant", "a cluster that chance alone would make"),
        is_known_area(night),
        is_synthetic_like_its_city(night),
    ]
