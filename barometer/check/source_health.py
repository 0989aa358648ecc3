"""Rules for what is said of the sources."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import Rule, is_always_true, is_among
from barometer.night import Night
from barometer.tables import SOURCE_STATES

TABLE = "source_health"


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add whether what is expected lies in its own interval, and whether the words fit the state."""
    in_order = (pl.col("expected_lower") <= pl.col("expected_upper")) & (pl.col("expected") >= 0)
    return frame.with_columns(
        expectation_is_in_order=in_order.fill_null(value=True),
        is_not_silent_with_records_as_usual=(pl.col("state") != "silent")
        | (pl.col("records") <= pl.col("expected_upper")).fill_null(value=True),
    )


def rules(night: Night) -> list[Rule]:
    """States, expectations, and that no lively source is called silent."""
    return [
        is_among("state", SOURCE_STATES, "a state that no source can have"),
        is_always_true("expectation_is_in_order", "an expectation outside its own interval"),
        is_always_true("is_not_silent_with_records_as_usual", "a source called silent that sent as much as usual"),
    ]
