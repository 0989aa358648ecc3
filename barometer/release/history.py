"""The releases a city has published: `<releases>/<city>/<night>-<n>/`, each with its manifest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from barometer.lake import Lake
from barometer.night import Night
from barometer.release.before import FormerRelease
from barometer.release.manifest import MANIFEST, read_manifest
from barometer.tables import TABLES

ESTIMATES_FILE = "estimates.parquet"
COVERAGE_FILE = "coverage.csv"
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})-(\d+)")


@dataclass(frozen=True)
class Release:
    """One published release."""

    folder: Path
    night: date
    number: int
    manifest: dict[str, Any]

    @property
    def approved_at(self) -> datetime:
        """When it was approved."""
        return datetime.fromisoformat(self.manifest["approval"]["approved_at"])


def releases_of(folder: Path) -> list[Release]:
    """Releases below a city's `folder`, oldest first."""
    found = [
        (match, path)
        for path in folder.glob("*")
        if (match := _NAME.fullmatch(path.name)) and (path / MANIFEST).is_file()
    ]
    releases = [Release(p, date.fromisoformat(m[1]), int(m[2]), read_manifest(p)) for m, p in found]
    return sorted(releases, key=lambda release: (release.night, release.number))


def earlier_releases(night: Night, *, inputs_hash: str) -> list[FormerRelease]:
    """Every release of the city made from other estimates, oldest first, with the exact rows it was made from.

    Also those of later nights, where `night` is filled in afterwards: what is public is public.
    """
    releases = releases_of(night.settings.releases / night.city.id)
    others = [release for release in releases if release.manifest["inputs_sha256"] != inputs_hash]
    exact = {table: _exact_rows(night.lake, table, others) for table in ("estimates", "coverage")}
    return [
        FormerRelease(
            published=pl.read_parquet(release.folder / ESTIMATES_FILE),
            exact=exact["estimates"][release.folder.name],
            published_coverage=_read_coverage(release.folder / COVERAGE_FILE),
            exact_coverage=exact["coverage"][release.folder.name],
        )
        for release in others
    ]


def epsilon_spent(night: Night, *, inputs_hash: str) -> float:
    """Sum of the privacy budgets of all releases of the city made from other estimates."""
    releases = releases_of(night.settings.releases / night.city.id)
    stated = [r.manifest.get("privacy") for r in releases if r.manifest["inputs_sha256"] != inputs_hash]
    return sum(float(each["epsilon"]) for each in stated if each)


def _read_coverage(path: Path) -> pl.DataFrame:
    schema = {name: dtype for name, dtype in TABLES["coverage"].schema.items() if name != "night"}
    return pl.read_csv(path, schema_overrides=schema) if path.is_file() else pl.DataFrame()


def fingerprint(estimates: pl.DataFrame) -> str:
    """Tells whether two releases were made from the same estimates; of all rows, so that no count follows from it."""
    return hashlib.sha256(estimates.write_csv().encode()).hexdigest()


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
        release.folder.name: now[release.night]
        if table == "estimates" and fingerprint(now[release.night]) == release.manifest["inputs_sha256"]
        else _rows_then(lake, table, release, now[release.night])
        for release in releases
    }


def _rows_then(lake: Lake, table: str, release: Release, now: pl.DataFrame) -> pl.DataFrame:
    then = lake.read(table, as_of=release.approved_at).filter(pl.col("night") == release.night).collect()
    return now if then.is_empty() else then
