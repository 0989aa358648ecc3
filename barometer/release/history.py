"""The releases a city has published: `<releases>/<city>/<night>-<n>/`, each with its manifest."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from barometer.lake import Lake
from barometer.night import Night
from barometer.release.manifest import MANIFEST, read_manifest
from barometer.release.protect import FormerRelease

ESTIMATES_FILE = "estimates.parquet"
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


def former_release(night: Night, *, inputs_hash: str) -> FormerRelease | None:
    """The latest release up to `night` that was made from other estimates, with the exact rows it was made from."""
    others: Callable[[Release], bool] = lambda r: r.night <= night.night and r.manifest["inputs_sha256"] != inputs_hash  # noqa: E731
    before = [release for release in releases_of(night.settings.releases / night.city.id) if others(release)]
    if not before:
        return None
    latest = before[-1]
    return FormerRelease(pl.read_parquet(latest.folder / ESTIMATES_FILE), _exact_rows(night.lake, latest))


def _exact_rows(lake: Lake, release: Release) -> pl.DataFrame:
    """As they were when it was approved; as they are, where the lake was made anew since and has no such past."""
    then, now = (
        lake.read("estimates", as_of=at).filter(pl.col("night") == release.night).collect()
        for at in (release.approved_at, None)
    )
    return now if then.is_empty() else then
