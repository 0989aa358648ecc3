"""Rules for what signals add to the survey."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import Rule, is_always_true, is_between, is_synthetic_like_its_city
from barometer.night import Night

TABLE = "skill"


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add whether skill lies in its interval and whether weight was earned."""
    is_shown = (pl.col("lower") > 0).fill_null(value=False)
    in_order = (pl.col("lower") <= pl.col("skill")) & (pl.col("skill") <= pl.col("upper"))
    return frame.with_columns(
        skill_is_in_its_interval=in_order.fill_null(value=True),
        weight_is_earned=(pl.col("weight") == 0) | is_shown,
    )


def rules(night: Night) -> list[Rule]:
    """Skill, its interval, and the weight that follows from it."""
    return [
        is_between("weight", 0, 1, "a weight that no signal can have"),
        is_always_true("skill_is_in_its_interval", "a skill outside its own interval"),
        is_always_true("weight_is_earned", "a signal has weight whose skill is not shown; do not publish its nowcasts"),
        is_synthetic_like_its_city(night),
    ]
