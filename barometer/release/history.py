"""The release before: what it showed, and the exact rows it was made from."""

from __future__ import annotations

import polars as pl

from barometer.lake import Lake
from barometer.night import Night
from barometer.published import Release, former, releases_of
from barometer.release.protect import FormerRelease

__all__ = ["Release", "exact_rows", "former_release", "releases_of"]


def former_release(night: Night, *, inputs_hash: str) -> FormerRelease | None:
    """The latest release up to `night` that was made from other estimates, with the exact rows it was made from."""
    latest = former(night, inputs_sha256=inputs_hash)
    return None if latest is None else FormerRelease(latest.estimates, exact_rows(night.lake, latest))


def exact_rows(lake: Lake, release: Release) -> pl.DataFrame:
    """As they were when it was approved; as they are, where the lake was made anew since and has no such past."""
    then, now = (
        lake.read("estimates", as_of=at).filter(pl.col("night") == release.night).collect()
        for at in (release.approved_at, None)
    )
    return now if then.is_empty() else then
