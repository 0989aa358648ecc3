"""A release in another folder: of a web server, a mounted share."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from barometer.errors import BarometerError, ReleaseRefused
from barometer.release.destinations import Delivery, Parcel, is_newer
from barometer.release.manifest import MANIFEST, require_unaltered, sha256
from barometer.release.publish import LATEST

_STAGING = ".staging"


def to_folder(parcel: Parcel, root: Path) -> Delivery:
    """Put the release at `<root>/<city>/<name>/` and point `<root>/<city>/latest.json` at it if it is the newest.

    The folder is staged beside and renamed, so it is there whole or not at all. Raises `ReleaseRefused` where another
    release of that name is there.
    """
    city = root / parcel.city
    target = city / parcel.name
    try:
        placed = _placed(parcel, target)
        if not placed:
            _place(parcel, city, target)
        moved = _point(parcel, city / LATEST)
    except OSError as error:
        raise BarometerError(f"{target}: cannot be written ({error.strerror}); mend that and publish again") from None
    return Delivery(str(target), changed=moved or not placed)


def _placed(parcel: Parcel, target: Path) -> bool:
    if not target.exists():
        return False
    require_unaltered(target)
    if sha256(target / MANIFEST) != parcel.manifest_sha256:
        raise ReleaseRefused(f"{target}: holds another release of that name; nothing was changed")
    return True


def _place(parcel: Parcel, city: Path, target: Path) -> None:
    staging = city / _STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staged = staging / uuid.uuid4().hex
    staged.mkdir(parents=True)
    for name in parcel.files:
        (staged / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(parcel.folder / name, staged / name)
        _sync(staged / name)
    staged.rename(target)
    shutil.rmtree(staging, ignore_errors=True)


def _point(parcel: Parcel, pointer: Path) -> bool:
    if not is_newer(parcel, pointer.read_bytes() if pointer.is_file() else None):
        return False
    staged = pointer.with_name(f".{pointer.name}.{uuid.uuid4().hex}")
    staged.write_bytes(parcel.pointer)
    _sync(staged)
    staged.replace(pointer)
    return True


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
