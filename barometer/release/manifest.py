"""The manifest of a draft or release: what every file's bytes are, what it was made from, and who approved it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from barometer.published import MANIFEST, SIGNATURE, file_hashes, read_manifest, require_unaltered, sha256

__all__ = [
    "MANIFEST",
    "SIGNATURE",
    "content_hash",
    "file_hashes",
    "read_manifest",
    "require_unaltered",
    "sha256",
    "write_manifest",
]


def content_hash(files: Mapping[str, Mapping[str, Any]]) -> str:
    """One hash of all files: equal exactly when what would be published is equal."""
    listed = "\n".join(f"{name} {entry['sha256']}" for name, entry in sorted(files.items()))
    return hashlib.sha256(listed.encode()).hexdigest()


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> Path:
    """Write `manifest.json`; the same manifest gives the same bytes."""
    path = folder / MANIFEST
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return path
