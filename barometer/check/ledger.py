"""Rules for the ledger: nothing is lost."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import Rule, is_always_true, is_between, is_mostly
from barometer.night import Night

TABLE = "ledger"
# A part of a step that quarantines more than this share of what it received needs a person's look.
MOST_QUARANTINED_SHARE = 0.1


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the balance of every line."""
    ended = pl.sum_horizontal("written", "duplicate", "quarantined", "removed")
    return frame.with_columns(
        received_is_accounted_for=pl.col("received") == ended,
        read_is_accounted_for=pl.col("read") == pl.col("received") + pl.col("out_of_scope"),
        quarantined_little=pl.col("quarantined") <= MOST_QUARANTINED_SHARE * pl.col("received"),
    )


def rules(night: Night) -> list[Rule]:
    """Every line balances; a part that quarantines much is pointed out."""
    return [
        is_always_true("received_is_accounted_for", f"records of {night.run_id} were lost or doubled; do not publish"),
        is_always_true(
            "read_is_accounted_for", f"records read by {night.run_id} were neither received nor out of scope"
        ),
        is_between("received", 0, None, "a negative count"),
        is_mostly(
            "quarantined_little", 1.0, "a source had many unusable records; see the quarantine in the run report"
        ),
    ]
