"""Rules for what the audit did to shares of voices."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import Rule, is_always_true, is_among, is_between, is_synthetic_like_its_city
from barometer.night import Night

TABLE = "audits"
UNCORRECTED = "uncorrected"
METHODS = ("prevalence", UNCORRECTED)


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add whether a reason stands exactly where a share is uncorrected."""
    is_uncorrected = pl.col("method") == UNCORRECTED
    return frame.with_columns(reason_or_correction=is_uncorrected == pl.col("reason").is_not_null())


def rules(night: Night) -> list[Rule]:
    """Method, reason and the audit behind a share."""
    return [
        is_among("method", METHODS, "a correction that there is not"),
        is_always_true("reason_or_correction", "an uncorrected share without its reason, or a reason without need"),
        is_between("audited", 0, None, "a negative number of audited posts"),
        is_between("drift_p", 0, 1, "a p-value outside 0 to 1"),
        is_between("agreement", -1, 1, "an agreement outside -1 to 1"),
        is_synthetic_like_its_city(night),
    ]
