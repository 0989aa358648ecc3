"""The releases that may be given out: found on disk, each checked against its manifest before a byte leaves."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from barometer import published
from barometer.published import MANIFEST
from barometer.serve.problems import Gone, NotFound

LATEST = "latest.json"
# How long the list of releases is believed before the disk is looked at again.
LOOK_AGAIN_AFTER_S = 1.0
_CITY = re.compile(r"[a-z0-9][a-z0-9_-]*")
_RELEASE = re.compile(r"(\d{4}-\d{2}-\d{2})-(\d{1,6})")

# Releases whose contents are held in memory; the least recently asked for are let go of.
RELEASES_HELD = 16
_KEPT_OF_A_RELEASE = ("bytes_checked", "estimates", "index_record", "features", "boundaries", "package")

log = logging.getLogger(__name__)

Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Release(published.Release):
    """One approved release of a city. Whatever is read of it is checked against the hash in its manifest first."""

    city: str

    @property
    def is_synthetic(self) -> bool:
        """Made by a simulation: says nothing of real people."""
        return bool(self.manifest["synthetic"])

    def file(self, name: str) -> bytes:
        """Bytes of one published file. Raises `NotFound` for any other name, `Gone` if it was altered since."""
        stated = self.manifest["files"].get(name)
        if stated is None:
            raise NotFound(f"release {self.name} of {self.city} has no file {name!r}; its files are in {MANIFEST}")
        try:
            content = (self.folder / name).read_bytes()
        except OSError:
            raise Gone(self._refusal(name)) from None
        if hashlib.sha256(content).hexdigest() != stated["sha256"]:
            raise Gone(self._refusal(name))
        return content

    def _refusal(self, name: str) -> str:
        return (
            f"release {self.name} of {self.city} is not given out: {name} is not as it was approved any more; "
            "ask for another release, and tell the city"
        )

    @cached_property
    def bytes_checked(self) -> int:
        """Bytes of all its files, once every one is as approved. Raises `Gone` naming the first that is not."""
        return sum(len(self.file(name)) for name in self.manifest["files"])

    @cached_property
    def estimates(self) -> pl.DataFrame:
        """The published estimates, sorted by their key."""
        return pl.read_parquet(BytesIO(self.file("estimates.parquet")))

    def table(self, name: str, schema: dict[str, pl.DataType]) -> pl.DataFrame:
        """A table published as `<name>.csv`; no rows where a release has no such file."""
        if f"{name}.csv" not in self.manifest["files"]:
            return pl.DataFrame(schema=schema)
        return pl.read_csv(BytesIO(self.file(f"{name}.csv")), schema=schema)

    @cached_property
    def index_record(self) -> dict[str, Any]:
        """The city's Intercultural Cities Index as published with this release."""
        return dict(json.loads(self.file("icc_index.json")))

    @cached_property
    def features(self) -> list[dict[str, Any]]:
        """GeoJSON features: every area with its boundary (WGS84) and its newest figures."""
        return list(json.loads(self.file("estimates.geojson"))["features"])

    @cached_property
    def boundaries(self) -> dict[tuple[str, str], dict[str, Any]]:
        """(geography, area) -> GeoJSON geometry."""
        return {(f["properties"]["geography"], f["properties"]["area"]): f["geometry"] for f in self.features}

    @cached_property
    def package(self) -> dict[str, Any]:
        """Its Data Package descriptor."""
        return dict(json.loads(self.file("datapackage.json")))

    def forget(self) -> None:
        """Let go of what was read of it; it is read and checked anew when asked for."""
        for name in _KEPT_OF_A_RELEASE:
            self.__dict__.pop(name, None)

    @property
    def city_name(self) -> str:
        """The city's name, as its data package gives the publisher."""
        return next((str(c["title"]) for c in self.package.get("contributors", ())), self.city)


class Shelf:
    """The releases below `root` (`<root>/<city>/<night>-<n>/`); a new one is noticed within about a second."""

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._looked_at = float("-inf")
        self._stamp: Stamp = ()
        self._cities: dict[str, list[Release]] = {}
        self._version = 0
        self._held: OrderedDict[Path, Release] = OrderedDict()

    @property
    def version(self) -> int:
        """Grows whenever a release came or went: what was worked out under an older one is stale."""
        self._look()
        return self._version

    @property
    def cities(self) -> dict[str, list[Release]]:
        """City id -> its releases, oldest first; cities without any are left out."""
        self._look()
        return self._cities

    def of_city(self, city: str) -> list[Release]:
        """Releases of one city, oldest first. Raises `NotFound` where there are none."""
        if city not in self.cities:
            known = ", ".join(self.cities) or "none yet"
            raise NotFound(f"no city {city!r} has published here; cities are: {known}")
        return self.cities[city]

    def named(self, city: str, name: str) -> Release:
        """One release, whole. Raises `NotFound`, or `Gone` if it was altered."""
        for release in self.of_city(city):
            if release.name == name:
                return self._hold(release)
        raise NotFound(f"{city} has no release {name!r}; see /v1/releases?city={city}")

    def select(self, *, city: str | None, release: str | None, as_of: date | None) -> list[Release]:
        """One release a city: the one named, or the newest approved on or before the day `as_of` (UTC), or the newest.

        Raises `NotFound` where there is none, `Gone` where one was altered.
        """
        cities = {city: self.of_city(city)} if city else self.cities
        chosen = [found for releases in cities.values() if (found := _choose(releases, release, as_of))]
        if not chosen and (city or release or as_of):
            what = f"release {release!r}" if release else f"release on or before {as_of}" if as_of else "release"
            raise NotFound(f"there is no {what}{f' of {city}' if city else ''}; see /v1/releases")
        return [self._hold(found) for found in chosen]

    def _hold(self, release: Release) -> Release:
        """The release, whole; one more in memory, and one less if there are too many."""
        self._held[release.folder] = release
        self._held.move_to_end(release.folder)
        if len(self._held) > max(RELEASES_HELD, len(self._cities)):
            self._held.popitem(last=False)[1].forget()
        log.debug("%s of %s: %d bytes are as approved", release.name, release.city, release.bytes_checked)
        return release

    def _look(self) -> None:
        now = self._clock()
        if now - self._looked_at < LOOK_AGAIN_AFTER_S:
            return
        self._looked_at = now
        stamp = _stamp(self._root)
        if stamp != self._stamp:
            self._cities = _with_known(_find(self._root), self._cities)
            self._stamp = stamp
            self._version += 1


def _choose(releases: list[Release], name: str | None, as_of: date | None) -> Release | None:
    fitting = [
        r for r in releases if (name is None or r.name == name) and (as_of is None or r.approved_at.date() <= as_of)
    ]
    return fitting[-1] if fitting else None


def _city_folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if _CITY.fullmatch(path.name) and path.is_dir())


def _stamp(root: Path) -> Stamp:
    """Changes when a release comes, goes, or is newly pointed to."""
    return tuple((f.name, f.stat().st_mtime_ns, _modified(f / LATEST)) for f in _city_folders(root))


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _find(root: Path) -> dict[str, list[Release]]:
    found = {folder.name: _releases(folder) for folder in _city_folders(root)}
    return {city: releases for city, releases in found.items() if releases}


def _releases(folder: Path) -> list[Release]:
    named = [(match, path) for path in folder.iterdir() if (match := _RELEASE.fullmatch(path.name))]
    opened = [release for match, path in named if (release := _open(folder.name, match, path))]
    return sorted(opened, key=lambda release: (release.night, release.number))


def _open(city: str, match: re.Match[str], folder: Path) -> Release | None:
    """The release in `folder`; none where its manifest is not that of an approved release of this city and name."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        release = Release(folder, date.fromisoformat(match[1]), int(match[2]), manifest, city)
        is_ours = (manifest["city"], manifest["release"]) == (city, folder.name)
        return release if is_ours and release.approved_at and manifest["files"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _with_known(found: dict[str, list[Release]], known: dict[str, list[Release]]) -> dict[str, list[Release]]:
    """What was read and checked before need not be again, where the manifest is the same."""
    before = {(r.folder, json.dumps(r.manifest)): r for releases in known.values() for r in releases}
    return {
        city: [before.get((r.folder, json.dumps(r.manifest)), r) for r in releases] for city, releases in found.items()
    }
