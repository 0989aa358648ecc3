"""The releases before: what they showed, and the exact rows they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from barometer.lake import Lake
from barometer.night import Night
from barometer.published import Release, fingerprint, releases_of
from barometer.release.before import FormerRelease
from barometer.tables import TABLES

__all__ = ["Release", "earlier_releases", "epsilon_spent", "releases_of", "with_exact_rows"]

COVERAGE_FILE = "coverage.csv"


def earlier_releases(night: Night, *, inputs_hash: str) -> list[FormerRelease]:
    """Every release of the city made from other estimates, oldest first, with the exact rows it was made from.

    Also those of later nights, where `night` is filled in afterwards: what is public is public.
    """
    releases = releases_of(night.settings.releases / night.city.id)
    return with_exact_rows(night.lake, [each for each in releases if each.manifest["inputs_sha256"] != inputs_hash])


def with_exact_rows(lake: Lake, releases: Sequence[Release]) -> list[FormerRelease]:
    """What each release showed, and the exact rows it was made from."""
    exact = {table: _exact_rows(lake, table, releases) for table in ("estimates", "coverage")}
    return [
        FormerRelease(
            published=release.estimates,
            exact=exact["estimates"][release.name],
            published_coverage=_read_coverage(release.folder / COVERAGE_FILE),
            exact_coverage=exact["coverage"][release.name],
        )
        for release in releases
    ]


def epsilon_spent(night: Night, *, inputs_hash: str) -> float:
    """Sum of the privacy budgets of all releases of the city made from other estimates."""
    releases = releases_of(night.settings.releases / night.city.id)
    stated = [r.manifest.get("privacy") for r in releases if r.manifest["inputs_sha256"] != inputs_hash]
    return sum(float(each["epsilon"]) for each in stated if each)


def _read_coverage(path: Path) -> pl.DataFrame:
    schema = {name: dtype for name, dtype in TABLES["coverage"].schema.items() if name != "night"}
    return pl.read_csv(path, schema_overrides=schema) if path.is_file() else pl.DataFrame()


def _exact_rows(lake: Lake, table: str, releases: Sequence[Release]) -> dict[str, pl.DataFrame]:
    """Release -> its rows as they are, if they are still those it was made from, else as they were when approved.

    As they are also where the lake was made anew since and has no such past.
    """
    if not releases:
        return {}
    nights = {release.night for release in releases}
    rows = lake.read(table).filter(pl.col("night").is_in(nights)).collect()
    now = {night: rows.filter(pl.col("night") == night).sort(TABLES[table].key) for night in nights}
    return {
        release.name: now[release.night]
        if table == "estimates" and fingerprint(now[release.night]) == release.manifest["inputs_sha256"]
        else _rows_then(lake, table, release, now[release.night])
        for release in releases
    }


def _rows_then(lake: Lake, table: str, release: Release, now: pl.DataFrame) -> pl.DataFrame:
    then = lake.read(table, as_of=release.approved_at).filter(pl.col("night") == release.night).collect()
    return now if then.is_empty() else then
