"""Rules for what the models say."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import (
    Rule,
    is_always_true,
    is_among,
    is_between,
    is_mostly,
    is_pseudonym,
    is_synthetic_like_its_city,
)
from barometer.night import Night
from barometer.tables import LABEL_HEADS

TABLE = "labels"
PROBABILITY_TOLERANCE = 1e-3
# A model that calls more than this share of a night's posts a rumour or hostile has most likely broken.
MOST_RUMOUR_OR_HOSTILE_SHARE = 0.6


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add sums of probabilities and the consistency of trust with its target."""
    sums = [
        ((pl.sum_horizontal(f"{head}_{value}" for value in values) - 1).abs() <= PROBABILITY_TOLERANCE).alias(
            f"{head}_sums_to_one"
        )
        for head, values in LABEL_HEADS.items()
    ]
    return frame.with_columns(
        *sums,
        target_fits_trust=(pl.col("trust") == "none") == (pl.col("target") == "none"),
        is_plain=(pl.col("rumour") == "none") & (pl.col("hostile") == "no"),
    )


def rules(night: Night) -> list[Rule]:
    """Classes, probabilities and consistency of labels."""
    known = [
        is_among(head, values, f"{head} holds a class that no model may give") for head, values in LABEL_HEADS.items()
    ]
    sums = [
        is_always_true(f"{head}_sums_to_one", "probabilities do not add up to 1; the model is damaged")
        for head in LABEL_HEADS
    ]
    ranges = [
        is_between(f"{head}_{value}", 0, 1, "a probability outside 0-1; the model is damaged")
        for head, values in LABEL_HEADS.items()
        for value in values
    ]
    return [
        is_pseudonym("post"),
        *known,
        *sums,
        *ranges,
        is_always_true(
            "target_fits_trust", "a target without trust or distrust, or the other way round; check the model"
        ),
        is_mostly(
            "is_plain", 1 - MOST_RUMOUR_OR_HOSTILE_SHARE, "most posts are called rumour or hostile; check the model"
        ),
        is_synthetic_like_its_city(night),
    ]
