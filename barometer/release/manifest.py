"""The manifest of a draft or release: what every file's bytes are, what it was made from, and who approved it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from barometer.errors import ReleaseRefused

MANIFEST = "manifest.json"
# Made of the manifest, so it cannot stand in it.
SIGNATURE = "manifest.json.sig"


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def file_hashes(folder: Path) -> dict[str, dict[str, Any]]:
    """Every file below `folder` but the manifest and its signature: path -> {sha256, bytes}."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (MANIFEST, SIGNATURE))
    return {p.relative_to(folder).as_posix(): {"sha256": sha256(p), "bytes": p.stat().st_size} for p in files}


def content_hash(files: Mapping[str, Mapping[str, Any]]) -> str:
    """One hash of all files: equal exactly when what would be published is equal."""
    listed = "\n".join(f"{name} {entry['sha256']}" for name, entry in sorted(files.items()))
    return hashlib.sha256(listed.encode()).hexdigest()


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> Path:
    """Write `manifest.json`; the same manifest gives the same bytes."""
    path = folder / MANIFEST
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return path


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
