"""Rules for posts fit to read."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import (
    Rule,
    is_always_true,
    is_among,
    is_between,
    is_known_area,
    is_mostly,
    is_pseudonym,
    is_synthetic_like_its_city,
)
from barometer.night import Night

TABLE = "posts"
UNDECIDED_LANGUAGE = "und"
EVIDENCE = ("point", "code", "postcode", "text", "platform", "profile", "ambiguous", "none")
# Below this share of posts with a decided language, the language step or the source's languages are wrong.
LEAST_SHARE_WITH_LANGUAGE = 0.5


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the yes/no columns of the rules that look at several columns."""
    placed = pl.col("area").is_not_null()
    return frame.with_columns(
        is_placed_with_evidence=placed == ~pl.col("area_evidence").is_in(["ambiguous", "none"]),
        is_placed_with_confidence=~placed | pl.col("area_confidence").is_not_null(),
        has_language=pl.col("language") != UNDECIDED_LANGUAGE,
    )


def rules(night: Night) -> list[Rule]:
    """Languages, places and groups of prepared posts."""
    return [
        is_pseudonym("post"),
        is_pseudonym("duplicate_group"),
        is_known_area(night),
        is_among("area_evidence", EVIDENCE, "unknown kind of place evidence; places.py writes something new"),
        is_always_true(
            "is_placed_with_evidence", "an area without evidence, or evidence without an area; check places"
        ),
        is_always_true("is_placed_with_confidence", "an area without a confidence; check places"),
        is_between("language_confidence", 0, 1, "a confidence outside 0-1; check language"),
        is_between("area_confidence", 0, 1, "a confidence outside 0-1; check places"),
        is_mostly("has_language", LEAST_SHARE_WITH_LANGUAGE, "few posts have a language; check the city's languages"),
        is_synthetic_like_its_city(night),
    ]
