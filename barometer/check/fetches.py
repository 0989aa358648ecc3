"""Rules for what was asked of live services."""

from __future__ import annotations

import polars as pl

from barometer.check.rule import Rule, is_always_true, is_between, matches
from barometer.night import Night

TABLE = "fetches"
# Method, host, path and, in brackets, the names of parameters: where values could stand, none may.
_REQUEST = r"^[A-Z]+ [^\s?=&]+(?: \([^()?=&]*\))?$"
_STATUS = r"^(?:[1-5]\d\d|timeout|refused|truncated|too_large|unsafe_address|closed|resting|unset)$"
_COUNTS = ("tries", "records", "bytes")


def derive(frame: pl.DataFrame) -> pl.DataFrame:
    """Add whether a source's requests are numbered without doubles, and whether each went well."""
    return frame.with_columns(
        number_is_its_own=pl.struct("night", "source", "number").is_unique(),
        went_well=pl.col("status").str.contains(r"^(?:101|2\d\d|304)$"),
    )


def rules(night: Night) -> list[Rule]:
    """No value of a parameter and no secret, every request once; a failed one is pointed out."""
    leak = "a request with a value in it, perhaps a secret; do not publish, and mend the connector that wrote it"
    return [
        matches("request", _REQUEST, leak),
        is_always_true("number_is_its_own", "two requests of a source have one number; its night was written twice"),
        matches("status", _STATUS, "a status that is none; a connector writes something new"),
        is_between("number", 1, None, "requests are numbered from 1"),
        *(is_between(name, 0, None, "a negative count") for name in _COUNTS),
        is_always_true(
            "went_well", "a service did not answer as it should: barometer sources check says more", severity="warning"
        ),
    ]
