"""Publication: an approved draft becomes an immutable release, once."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from barometer.errors import ReleaseRefused
from barometer.ledger import timed
from barometer.night import Night
from barometer.release.decision import APPROVED, Decision, decide, decisions_on, require_not_rejected
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


def answered(
    night: Night, draft: Path, *, choice: str, by: str, is_stand_in: bool, at: datetime, reason: str
) -> Path | None:
    """Record what was said of the `draft` (`decision.KINDS`), and publish it if that was yes: its folder, else none.

    A held or rejected draft stays where it is. Raises `ReleaseRefused` as `decide` and `publish` do.
    """
    seal = sealed_manifest_hash(night)
    if seal is None:
        raise ReleaseRefused(f"run {night.run_id}: there is no draft to decide on; draft the release first")
    decide(night, kind=choice, by=by, is_stand_in=is_stand_in, at=at, reason=reason, manifest_sha256=seal)
    if choice != APPROVED:
        return None
    return publish(night, draft, approved_by=by, is_stand_in=is_stand_in, approved_at=at, reason=reason)


def publish(
    night: Night, draft: Path, *, approved_by: str, is_stand_in: bool, approved_at: datetime, reason: str = ""
) -> Path:
    """Make the approved `draft` a release at `<releases>/<city>/<night>-<n>/`; returns that folder.

    Publishing what is published already returns that release. The folder appears whole or not at all, its files are
    read-only; the city's list of releases and `latest.json` follow it. Raises `ReleaseRefused` when nobody is named as
    approving, when `draft` is not exactly what `draft_release` wrote, or when the last word on it was no.
    """
    approval = _checked_approval(approved_by, is_stand_in, approved_at)
    manifest = _checked_draft(night, draft)
    said = decisions_on(night, sha256(draft / MANIFEST))
    require_not_rejected(said)
    stated = _stated(approval, reason, said)
    folder = night.settings.releases / night.city.id
    with _only_publisher(folder), timed(night, STEP, "publish"):
        release = _published_already(folder, night, manifest) or _publish_new(
            folder, night, draft, manifest | {"approval": stated}, approval
        )
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
    write_manifest(staged, {"release": target.name, **manifest, "files": file_hashes(staged)})
    if night.settings.signing_key:
        sign(staged, night.settings.signing_key)
    _make_lasting(staged)
    staged.rename(target)
    return target


def _stated(approval: Approval, reason: str, said: Sequence[Decision]) -> dict[str, Any]:
    """The decision as the manifest states it, with what was said of the same draft before."""
    before = [{"decision": d.kind, "by": d.by, "at": d.at, "reason": d.reason} for d in said if d.kind != APPROVED]
    return {
        "decision": APPROVED,
        "approved_by": approval.approved_by,
        "is_stand_in": approval.is_stand_in,
        "approved_at": approval.approved_at.isoformat(),
        "reason": " ".join(reason.split()),
        "decided_before": before,
    }


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
