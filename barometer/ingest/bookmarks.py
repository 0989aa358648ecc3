"""How far a source was read, night by night."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from barometer.city import SourceConfig
from barometer.night import Night


@dataclass(frozen=True)
class Bookmarks:
    """A source's bookmarks around one night; None where there is none."""

    before: dict[str, Any] | None
    """Of the last night before it."""
    own: dict[str, Any] | None
    """Of the night itself, if it was run."""
    is_last: bool
    """Whether no later night was run."""


def bookmarks(night: Night, source: SourceConfig) -> Bookmarks:
    """Where `source` stood before `night`, and where the night itself left it."""
    rows = night.lake.read("cursors").filter(pl.col("source") == source.id).sort("night").collect()
    before = rows.filter(pl.col("night") < night.night)["cursor"]
    own = rows.filter(pl.col("night") == night.night)["cursor"]
    return Bookmarks(
        before=json.loads(before[-1]) if before.len() else None,
        own=json.loads(own[0]) if own.len() else None,
        is_last=rows.filter(pl.col("night") > night.night).is_empty(),
    )
