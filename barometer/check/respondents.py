"""Rules for completed questionnaires."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import (
    Rule,
    is_between,
    is_in_time,
    is_known_area,
    is_mostly,
    is_pseudonym,
    is_synthetic_like_its_city,
)
from barometer.night import Night

TABLE = "respondents"
LEAST_SHARE_PLACED = 0.5


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add whether a questionnaire is placed."""
    return frame.with_columns(is_placed=pl.col("area").is_not_null())


def rules(night: Night) -> list[Rule]:
    """Pseudonyms, weights, places and times of questionnaires."""
    return [
        is_pseudonym("response"),
        is_pseudonym("respondent"),
        is_between("weight", 0, None, "a negative design weight; check the codebook's weight column"),
        is_known_area(night),
        is_mostly(
            "is_placed", LEAST_SHARE_PLACED, "most questionnaires have no neighbourhood; check the codebook's area"
        ),
        is_in_time(night, "answered_at"),
        is_synthetic_like_its_city(night),
    ]
