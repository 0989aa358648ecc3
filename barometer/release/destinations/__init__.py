"""Other places a release is put for people to find: a folder, a bucket, a CKAN portal.

Each is idempotent (the same release twice changes nothing) and atomic (a reader never sees half a release).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from barometer.errors import ReleaseRefused
from barometer.release.manifest import MANIFEST, SIGNATURE, sha256
from barometer.release.publish import LATEST, require_published_unaltered

_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})-(\d+)")


@dataclass(frozen=True)
class Parcel:
    """An approved, unaltered release on its way to a destination."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def city(self) -> str:
        """City id."""
        return str(self.manifest["city"])

    @property
    def name(self) -> str:
        """Name of the release."""
        return str(self.manifest["release"])

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Names of its files, the manifest last: who finds a manifest finds everything in it."""
        signed = [SIGNATURE] if (self.folder / SIGNATURE).is_file() else []
        return (*sorted(self.manifest["files"]), *signed, MANIFEST)

    @cached_property
    def manifest_sha256(self) -> str:
        """SHA-256 of the manifest, and so of the whole release."""
        return sha256(self.folder / MANIFEST)

    @cached_property
    def package(self) -> dict[str, Any]:
        """Its Data Package descriptor."""
        return dict(json.loads((self.folder / "datapackage.json").read_text("utf-8")))

    @property
    def pointer(self) -> bytes:
        """What `latest.json` says when this release is the newest."""
        return (json.dumps({"release": self.name, "page": f"{self.name}/index.html"}) + "\n").encode()


@dataclass(frozen=True)
class Delivery:
    """What a destination did: where the release is now, and whether anything had to change for that."""

    place: str
    changed: bool

    def __str__(self) -> str:
        return f"{self.place}: {'published' if self.changed else 'there already, nothing changed'}"


def open_parcel(release: Path) -> Parcel:
    """The release in a folder, ready to go out. Raises `ReleaseRefused` unless it was approved and is unaltered."""
    return Parcel(release, require_published_unaltered(release))


def is_newer(parcel: Parcel, pointer: bytes | None) -> bool:
    """The destination's `latest.json` must be moved on to this release; never back."""
    if pointer is None:
        return True
    try:
        return _order(parcel.name) > _order(str(json.loads(pointer)["release"]))
    except (ValueError, KeyError, TypeError):
        raise ReleaseRefused(f"the destination's {LATEST} is not one of ours; look at it and delete it") from None


def _order(name: str) -> tuple[str, int]:
    match = _NAME.fullmatch(name)
    if not match:
        raise ValueError(name)
    return match[1], int(match[2])
