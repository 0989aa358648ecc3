"""Rules for counts of people in public places."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import (
    Rule,
    is_always_true,
    is_among,
    is_between,
    is_in_time,
    is_known_area,
    is_pseudonym,
    is_synthetic_like_its_city,
)
from barometer.night import Night

TABLE = "observations"
KINDS = ("movement", "stationary")
LONGEST_SESSION_HOURS = 24


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add whether each window has a plausible length and each group fits its count."""
    length = pl.col("ended_at") - pl.col("started_at")
    plausible = (length > pl.duration()) & (length <= pl.duration(hours=LONGEST_SESSION_HOURS))
    return frame.with_columns(has_plausible_length=plausible)


def rules(night: Night) -> list[Rule]:
    """Windows, counts and places of observations."""
    return [
        is_pseudonym("observation"),
        is_among("kind", KINDS, "an unknown kind of count; check the source's format"),
        is_between("persons", 0, None, "a negative count of people"),
        is_between("group_size", 1, None, "a group of nobody"),
        is_always_true("has_plausible_length", "a window of no time or of more than a day; check start and end times"),
        is_known_area(night),
        is_in_time(night, "started_at"),
        is_synthetic_like_its_city(night),
    ]
