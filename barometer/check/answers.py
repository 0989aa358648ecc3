"""Rules for answers to items."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import Rule, is_always_true, is_among, is_pseudonym, is_synthetic_like_its_city
from barometer.night import Night

TABLE = "answers"
MISSING_CODES = ("refused", "dont_know", "not_asked", "not_applicable", "no_answer")


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add whether each row has exactly one of a value, a category, a reason for neither."""
    given = pl.sum_horizontal(
        pl.col(name).is_not_null().cast(pl.Int8) for name in ("value", "category", "missing_code")
    )
    return frame.with_columns(has_one_answer=given == 1)


def rules(night: Night) -> list[Rule]:
    """Every answer is a value, a category or a reason for neither."""
    return [
        is_pseudonym("response"),
        is_pseudonym("respondent"),
        is_always_true("has_one_answer", "an answer that is several things or nothing; check the codebook's coding"),
        is_among(
            "missing_code", MISSING_CODES, "an unknown reason for a missing answer; check the codebook's missing codes"
        ),
        is_synthetic_like_its_city(night),
    ]
