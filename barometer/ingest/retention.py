"""The daily promise: what was taken back is gone, raw text goes after its time, and a certificate says so.

Nothing may write to the city's lake beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from barometer.errors import BarometerError
from barometer.ingest.live.night import UNFINISHED
from barometer.ingest.proof import Search, require_clean, search_lake
from barometer.ingest.removals import apply_everything
from barometer.night import Night

CERTIFICATES = "certificates"
_UNFINISHED_DAYS = 3
"""What a live source's broken-off try left is kept so long for the next one, and no longer."""


@dataclass(frozen=True)
class Certificate:
    """What was taken back and expired, and the search that shows it."""

    city: str
    day: date
    expired_before: date
    removals_since_last: dict[str, int]
    """Tombstones entered since the day of the certificate before, by reason."""
    removals_ever: dict[str, int]
    rows_deleted: dict[str, int]
    """By table, this day, beyond what the nights deleted."""
    expired: dict[str, int]
    files_destroyed: int
    search: Search
    tombstones_sha256: str
    """Of every tombstone, in order: two certificates agree on what was taken back when these are the same."""
    previous_sha256: str
    """Of the certificate before this one; empty for the first."""

    @property
    def is_clean(self) -> bool:
        """Nothing taken back was found in any file."""
        return not self.search.found_in


def retain(night: Night) -> Path:
    """Apply every removal, expire raw text, destroy its files, search the lake, and write the day's certificate.

    `night` is of the day it is done on. Returns the certificate (JSON; Markdown beside it), written also when the
    search found something: then raises `RemovalIncomplete`.
    """
    before = night.night - timedelta(days=night.city.thresholds.raw_retention_days)
    deleted = apply_everything(night)
    expired = night.lake.maintain(received_before=before, older_than_hours=0)
    _forget_unfinished(night)
    certificate = _certificate(night, before, deleted, expired, search_lake(night.lake))
    path = _write(night, certificate)
    require_clean(certificate.search)
    return path


def certificates(runs: Path, city: str) -> list[Path]:
    """A city's certificates, oldest first."""
    return sorted((runs / city / CERTIFICATES).glob("????-??-??.json"))


def require_unbroken(files: list[Path]) -> None:
    """Raises `BarometerError` naming the first certificate that does not carry the digest of the one before it."""
    for before, after in pairwise(files):
        if json.loads(after.read_text("utf-8"))["previous_sha256"] != _digest(before):
            raise BarometerError(f"{after}: does not follow from {before.name}; one of the two was changed afterwards")


def _certificate(
    night: Night, before: date, deleted: Mapping[str, int], expired: Mapping[str, int], search: Search
) -> Certificate:
    tombstones = night.lake.read("removals").collect().sort("kind", "subject", "night", "source")
    earlier = [path for path in certificates(night.settings.runs, night.city.id) if path.stem < night.night.isoformat()]
    since = date.fromisoformat(earlier[-1].stem) if earlier else date.min
    return Certificate(
        city=night.city.id,
        day=night.night,
        expired_before=before,
        removals_since_last=_by_reason(tombstones.filter(pl.col("night") > since)),
        removals_ever=_by_reason(tombstones),
        rows_deleted=dict(deleted),
        expired={name: count for name, count in expired.items() if name != "files_destroyed"},
        files_destroyed=expired["files_destroyed"],
        search=search,
        tombstones_sha256=hashlib.sha256("\n".join(tombstones["subject"]).encode()).hexdigest(),
        previous_sha256=_digest(earlier[-1]) if earlier else "",
    )


def _by_reason(tombstones: pl.DataFrame) -> dict[str, int]:
    return dict(tombstones.group_by("reason").len().sort("reason").iter_rows())


def _forget_unfinished(night: Night) -> None:
    """Destroy what broken-off tries of long ago left beside the lake."""
    oldest = f"{night.city.id}-{(night.night - timedelta(days=_UNFINISHED_DAYS)).isoformat()}"
    for left in night.folder.parent.glob(f"*/{UNFINISHED}/*.zip"):
        if left.parent.parent.name < oldest:
            left.unlink(missing_ok=True)


def _write(night: Night, certificate: Certificate) -> Path:
    folder = night.settings.runs / night.city.id / CERTIFICATES
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{night.night.isoformat()}.json"
    _replace(path, json.dumps(_plain(certificate), indent=2) + "\n")
    _replace(path.with_suffix(".md"), to_markdown(certificate))
    return path


def _plain(certificate: Certificate) -> dict[str, Any]:
    stated = asdict(certificate)
    stated["day"], stated["expired_before"] = certificate.day.isoformat(), certificate.expired_before.isoformat()
    return stated | {"is_clean": certificate.is_clean}


def to_markdown(certificate: Certificate) -> str:
    """The certificate in words."""
    search = certificate.search
    verdict = (
        "Nothing that was taken back was found in any file."
        if certificate.is_clean
        else f"**Found in {len(search.found_in)} files what was taken back**: {', '.join(search.found_in)}."
    )
    lines = [
        f"# Removals and retention: {certificate.city}, {certificate.day}",
        "",
        verdict,
        "",
        f"- Searched: {search.files:,} files, {search.bytes:,} bytes, {search.pseudonyms:,} pseudonyms, each held "
        f"against {search.subjects:,} removed subjects.",
        f"- Taken back since the certificate before: {_counted(certificate.removals_since_last)}; "
        f"ever: {_counted(certificate.removals_ever)}.",
        f"- Rows deleted today, beyond the nights' own: {_counted(certificate.rows_deleted)}.",
        f"- Raw text from before {certificate.expired_before}: {_counted(certificate.expired)}.",
        f"- Files destroyed: {certificate.files_destroyed:,}.",
        f"- Tombstones: `{certificate.tombstones_sha256}`; certificate before: "
        f"`{certificate.previous_sha256 or 'none, this is the first'}`.",
    ]
    return "\n".join(lines) + "\n"


def _counted(counts: Mapping[str, int]) -> str:
    named = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items() if count)
    return named or "none"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_text(text, "utf-8")
    draft.replace(path)
