"""What a city has published: `<releases>/<city>/<night>-<n>/`, each release with its manifest. For reading only."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from barometer.errors import BadInput, ReleaseRefused
from barometer.night import Night
from barometer.tables import TABLES

DISTRIBUTION = "social-trust-barometer"
MANIFEST = "manifest.json"
# Made of the manifest, so it cannot stand in it.
SIGNATURE = "manifest.json.sig"
ESTIMATES = "estimates.parquet"
ESTIMATES_CSV = "estimates.csv"
REVISED = ("indicator", "geography", "area", "period_start", "period_end")
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})-(\d+)")


@dataclass(frozen=True)
class Release:
    """One published release."""

    folder: Path
    night: date
    number: int
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        """`<night>-<n>`."""
        return self.folder.name

    @property
    def approved_at(self) -> datetime:
        """When a person approved it (UTC)."""
        return datetime.fromisoformat(self.manifest["approval"]["approved_at"]).astimezone(UTC)

    @property
    def approved_by(self) -> str:
        """Who approved it."""
        return str(self.manifest["approval"]["approved_by"])

    @cached_property
    def estimates(self) -> pl.DataFrame:
        """The estimates as they were published."""
        return pl.read_parquet(self.folder / ESTIMATES)


def releases_of(folder: Path) -> list[Release]:
    """Releases below a city's `folder`, oldest first."""
    found = [
        (match, path)
        for path in folder.glob("*")
        if (match := _NAME.fullmatch(path.name)) and (path / MANIFEST).is_file()
    ]
    releases = [Release(p, date.fromisoformat(m[1]), int(m[2]), read_manifest(p)) for m, p in found]
    return sorted(releases, key=lambda release: (release.night, release.number))


def former(night: Night, *, inputs_sha256: str) -> Release | None:
    """The latest release up to `night` that was made from other estimates than those of that fingerprint."""
    releases = releases_of(night.settings.releases / night.city.id)
    before = [r for r in releases if r.night <= night.night and r.manifest["inputs_sha256"] != inputs_sha256]
    return before[-1] if before else None


def in_force(releases: Sequence[Release], at: datetime) -> Release:
    """The release a reader found at the time `at`: the newest of those approved until then.

    Raises `BadInput` when nothing was published yet.
    """
    approved = [release for release in releases if release.approved_at <= at]
    if not approved:
        first = min((release.approved_at for release in releases), default=None)
        known = f"the first release was approved on {first.date()}" if first else "nothing was published so far"
        raise BadInput(f"nothing was published up to {at.isoformat()}: {known}")
    return approved[-1]


def later_revisions(releases: Sequence[Release], since: Release) -> pl.DataFrame:
    """What releases after `since` said otherwise: the columns of `revisions`, and release, which said so; in order."""
    order = [*releases].index(since)
    found = [
        revisions(before.estimates, after.estimates).with_columns(release=pl.lit(after.name))
        for before, after in pairwise(releases[order:])
    ]
    return pl.concat([revisions(since.estimates, since.estimates).with_columns(release=pl.lit(since.name)), *found])


def software_version() -> str:
    """Version of this software, as releases state it."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "not installed as a package"


def fingerprint(estimates: pl.DataFrame) -> str:
    """Tells whether two releases were made from the same estimates; of all rows, so that no count follows from it."""
    return hashlib.sha256(estimates.write_csv().encode()).hexdigest()


def issued(night: Night) -> pl.DataFrame:
    """Rows of `estimates` of the night, sorted by key: what a release of it is made from."""
    rows = night.lake.read("estimates").filter(pl.col("night") == night.night).collect()
    return rows.sort(TABLES["estimates"].key)


def revisions(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Published numbers of `before` that `after` says otherwise, gives for the first time, or no longer gives.

    Both: published estimates. Returns indicator, geography, area, period_start, period_end, former_value, value,
    former_missing_reason, missing_reason, sorted; a period only one of them has is no revision.
    """
    columns = [*REVISED, "value", "missing_reason"]
    both = after.select(columns).join(before.select(columns), on=REVISED, how="inner", suffix="_before")
    changed = both.filter(pl.col("value").ne_missing(pl.col("value_before")))
    return changed.select(
        *REVISED,
        former_value="value_before",
        value="value",
        former_missing_reason="missing_reason_before",
        missing_reason="missing_reason",
    ).sort(REVISED)


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def file_hashes(folder: Path) -> dict[str, dict[str, Any]]:
    """Every file below `folder` but the manifest and its signature: path -> {sha256, bytes}."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (MANIFEST, SIGNATURE))
    return {p.relative_to(folder).as_posix(): {"sha256": sha256(p), "bytes": p.stat().st_size} for p in files}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a draft or release. Raises `ReleaseRefused` where there is none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        raise ReleaseRefused(f"{folder}: has no readable {MANIFEST}; draft the release again") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise ReleaseRefused(f"{folder / MANIFEST}: is not a release's manifest; draft the release again")
    return manifest


def require_unaltered(folder: Path) -> dict[str, Any]:
    """The manifest, once every file is exactly as it says; raises `ReleaseRefused` naming the files that are not."""
    manifest = read_manifest(folder)
    stated, found = manifest["files"], file_hashes(folder)
    wrong = sorted(name for name in stated.keys() | found.keys() if stated.get(name) != found.get(name))
    if wrong:
        raise ReleaseRefused(
            f"{folder}: {', '.join(wrong)} changed, came or went after it was written; draft the release again"
        )
    return manifest


def published_bytes(release: Release, file: str = ESTIMATES_CSV) -> bytes:
    """A file of a release, byte for byte as it was published.

    Raises `ReleaseRefused` when the release has no such file, or it is not what the manifest says it was.
    """
    stated = release.manifest["files"].get(file)
    path = release.folder / file
    if stated is None or not path.is_file():
        raise ReleaseRefused(f"{release.folder}: has no {file}; restore the release from its copy")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != stated["sha256"]:
        raise ReleaseRefused(f"{path}: is not what was published (its hash differs); restore it from its copy")
    return content
