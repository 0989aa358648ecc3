"""A release in another folder: whole or not at all, once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from barometer.errors import BarometerError, ReleaseRefused
from barometer.release.destinations import Parcel
from barometer.release.destinations import folder as module
from barometer.release.destinations.folder import to_folder
from barometer.release.publish import require_published_unaltered
from tests.release.destinations.conftest import variant


def snapshot(root: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(root).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file()
    }


def test_the_release_is_there_whole_and_pointed_to(parcel: Parcel, tmp_path: Path) -> None:
    delivery = to_folder(parcel, tmp_path)
    assert delivery.changed
    target = tmp_path / "sample" / parcel.name
    assert require_published_unaltered(target) == parcel.manifest
    assert json.loads((tmp_path / "sample" / "latest.json").read_text("utf-8"))["release"] == parcel.name
    assert {path.name for path in (tmp_path / "sample").iterdir()} == {parcel.name, "latest.json"}


def test_the_same_release_again_changes_nothing(parcel: Parcel, tmp_path: Path) -> None:
    to_folder(parcel, tmp_path)
    before = snapshot(tmp_path)
    assert not to_folder(parcel, tmp_path).changed
    assert snapshot(tmp_path) == before


def test_broken_off_at_any_file_no_reader_sees_it_and_the_next_try_mends_it(
    parcel: Parcel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copyfile = shutil.copyfile
    for breaks_at in (0, 3, len(parcel.files) - 1):
        root = tmp_path / str(breaks_at)
        copied: list[str] = []

        def copy(source: Path, target: Path, breaks_at: int = breaks_at, copied: list[str] = copied) -> object:
            if len(copied) == breaks_at:
                raise OSError(28, "No space left on device")
            copied.append(target.name)
            return copyfile(source, target)

        monkeypatch.setattr(module.shutil, "copyfile", copy)
        with pytest.raises(BarometerError, match="No space left on device"):
            to_folder(parcel, root)
        assert not (root / "sample" / parcel.name).exists()
        assert not (root / "sample" / "latest.json").exists()
        monkeypatch.setattr(module.shutil, "copyfile", copyfile)
        assert to_folder(parcel, root).changed
        assert {p.name for p in (root / "sample").iterdir()} == {parcel.name, "latest.json"}


def test_broken_off_before_the_pointer_the_next_try_sets_it(parcel: Parcel, tmp_path: Path) -> None:
    to_folder(parcel, tmp_path)
    (tmp_path / "sample" / "latest.json").unlink()
    assert to_folder(parcel, tmp_path).changed
    assert (tmp_path / "sample" / "latest.json").is_file()


def test_another_release_of_that_name_is_never_overwritten(parcel: Parcel, released: Path, tmp_path: Path) -> None:
    to_folder(parcel, tmp_path / "web")
    before = snapshot(tmp_path / "web")
    other = variant(released, tmp_path / "other")
    with pytest.raises(ReleaseRefused, match="another release of that name"):
        to_folder(other, tmp_path / "web")
    assert snapshot(tmp_path / "web") == before


def test_an_older_release_does_not_move_the_pointer_back(parcel: Parcel, released: Path, tmp_path: Path) -> None:
    newer = variant(released, tmp_path / "newer", release="2026-05-10-1")
    to_folder(newer, tmp_path / "web")
    assert to_folder(parcel, tmp_path / "web").changed
    assert json.loads((tmp_path / "web" / "sample" / "latest.json").read_text("utf-8"))["release"] == "2026-05-10-1"
    assert (tmp_path / "web" / "sample" / "2026-05-10-1" / "sv" / "note.txt").is_file()
