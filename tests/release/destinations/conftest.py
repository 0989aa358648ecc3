"""A release on its way out, and one like it with other content."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from barometer.release.destinations import Parcel, open_parcel
from barometer.release.manifest import MANIFEST, file_hashes, write_manifest


@pytest.fixture(scope="session")
def parcel(released: Path) -> Parcel:
    return open_parcel(released)


def variant(released: Path, folder: Path, **stated: str) -> Parcel:
    """The release with another file in it, under the same name unless stated otherwise."""
    shutil.copytree(released, folder)
    (folder / "sv").mkdir(exist_ok=True)
    (folder / "sv" / "note.txt").write_text("another", "utf-8")
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    (folder / MANIFEST).chmod(0o644)
    write_manifest(folder, manifest | {"files": file_hashes(folder)} | stated)
    return open_parcel(folder)
