"""Publication: an approved draft becomes an immutable release, once."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from barometer.errors import ReleaseRefused
from barometer.ledger import timed
from barometer.night import Night
from barometer.release.draft import PAGE, STEP, draft_folder, fresh_folder, sealed_manifest_hash
from barometer.release.history import Release, releases_of
from barometer.release.manifest import MANIFEST, file_hashes, require_unaltered, sha256, write_manifest
from barometer.release.signature import sign, write_sums
from barometer.release.site.approval import Approval, approve_pages
from barometer.release.site.releases import render_releases

LATEST = "latest.json"
_STAGING = ".staging"
_LOCK = ".lock"
_READ_ONLY = 0o444


def publish(night: Night, draft: Path, *, approved_by: str, is_stand_in: bool, approved_at: datetime) -> Path:
    """Make the approved `draft` a release at `<releases>/<city>/<night>-<n>/`; returns that folder.

    Publishing what is published already returns that release. The folder appears whole or not at all, its files are
    read-only; the city's list of releases and `latest.json` follow it. Raises `ReleaseRefused` when nobody is named as
    approving, or when `draft` is not exactly what `draft_release` wrote.
    """
    approval = _checked_approval(approved_by, is_stand_in, approved_at)
    manifest = _checked_draft(night, draft)
    folder = night.settings.releases / night.city.id
    with _only_publisher(folder), timed(night, STEP, "publish"):
        release = _published_already(folder, night, manifest) or _publish_new(folder, night, draft, manifest, approval)
        _write_list(folder, night)
    return release


def require_published_unaltered(release: Path) -> dict[str, Any]:
    """The manifest of a release, once its files are exactly as published; else raises `ReleaseRefused` naming them."""
    manifest = require_unaltered(release)
    if not manifest.get("approval"):
        raise ReleaseRefused(f"{release}: was never approved")
    return manifest


def _checked_approval(approved_by: str, is_stand_in: bool, approved_at: datetime) -> Approval:
    if not approved_by.strip():
        raise ReleaseRefused("nobody approved this release: name who did")
    if approved_at.tzinfo is None:
        raise ReleaseRefused("the time of approval has no time zone: give it in UTC")
    return Approval(approved_by.strip(), is_stand_in, approved_at.astimezone(UTC))


def _checked_draft(night: Night, draft: Path) -> dict[str, Any]:
    if draft.resolve() != draft_folder(night).resolve():
        raise ReleaseRefused(f"{draft}: is not the draft of run {night.run_id}; that is at {draft_folder(night)}")
    manifest = require_unaltered(draft)
    if sealed_manifest_hash(night) != sha256(draft / MANIFEST):
        raise ReleaseRefused(f"{draft}: was not drafted by run {night.run_id} or was changed since; draft it again")
    return manifest


@contextmanager
def _only_publisher(folder: Path) -> Iterator[None]:
    """One publication of a city at a time; the lock goes with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(folder / _STAGING, ignore_errors=True)
        yield


def _published_already(folder: Path, night: Night, manifest: dict[str, Any]) -> Path | None:
    same = [
        release.folder
        for release in releases_of(folder)
        if release.night == night.night and release.manifest["content_sha256"] == manifest["content_sha256"]
    ]
    return same[0] if same else None


def _publish_new(folder: Path, night: Night, draft: Path, manifest: dict[str, Any], approval: Approval) -> Path:
    number = 1 + max((r.number for r in releases_of(folder) if r.night == night.night), default=0)
    target = folder / f"{night.night.isoformat()}-{number}"
    staged = fresh_folder(folder / _STAGING)
    shutil.copytree(draft, staged, dirs_exist_ok=True)
    approve_pages(staged, approval)
    write_sums(staged)
    write_manifest(staged, _approved(manifest, staged, target.name, approval))
    if night.settings.signing_key:
        sign(staged, night.settings.signing_key)
    _make_lasting(staged)
    staged.rename(target)
    return target


def _approved(manifest: dict[str, Any], staged: Path, name: str, approval: Approval) -> dict[str, Any]:
    stated = {
        "approved_by": approval.approved_by,
        "is_stand_in": approval.is_stand_in,
        "approved_at": approval.approved_at.isoformat(),
    }
    return {"release": name, **manifest, "approval": stated, "files": file_hashes(staged)}


def _make_lasting(folder: Path) -> None:
    """Every file on the disk, and read-only."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.chmod(_READ_ONLY)


def _write_list(folder: Path, night: Night) -> None:
    """The city's list of releases and the pointer to the newest; made from the folders, so a lost one mends itself."""
    releases: list[Release] = releases_of(folder)
    newest = releases[-1].folder.name
    _replace(folder / "index.html", render_releases(night.city.name, night.city.is_synthetic, releases))
    _replace(folder / LATEST, json.dumps({"release": newest, "page": f"{newest}/{PAGE}"}) + "\n")


def _replace(path: Path, text: str) -> None:
    staged = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    staged.write_text(text, "utf-8")
    staged.replace(path)
