"""What may go out, and which way a pointer moves."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from barometer.errors import ReleaseRefused
from barometer.release.destinations import Delivery, Parcel, is_newer, open_parcel
from barometer.release.manifest import file_hashes


def test_a_draft_does_not_go_out(drafted: Path) -> None:
    with pytest.raises(ReleaseRefused, match="was never approved"):
        open_parcel(drafted)


def test_an_altered_release_does_not_go_out(released: Path, tmp_path: Path) -> None:
    altered = tmp_path / "altered"
    shutil.copytree(released, altered)
    (altered / "coverage.csv").chmod(0o644)
    (altered / "coverage.csv").write_text("x", "utf-8")
    with pytest.raises(ReleaseRefused, match=r"coverage\.csv changed"):
        open_parcel(altered)


def test_a_parcel_is_every_file_with_the_manifest_last(parcel: Parcel, released: Path) -> None:
    assert set(parcel.files) == set(file_hashes(released)) | {"manifest.json"}
    assert parcel.files[-1] == "manifest.json"
    assert (parcel.city, parcel.name) == ("sample", "2026-05-09-1")
    assert parcel.manifest_sha256 == hashlib.sha256((released / "manifest.json").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("there", "moves"),
    [(None, True), ("2026-05-08-3", True), ("2026-05-09-1", False), ("2026-05-09-2", False), ("2026-05-10-1", False),
     ("2025-12-31-10", True)],
)  # fmt: skip
def test_a_pointer_only_moves_on(parcel: Parcel, there: str | None, moves: bool) -> None:
    pointer = json.dumps({"release": there}).encode() if there else None
    assert is_newer(parcel, pointer) is moves


@pytest.mark.parametrize("pointer", [b"", b"[]", b"{}", b'{"release": "x"}', b"\xff"])
def test_a_pointer_that_is_not_ours_is_left_alone(parcel: Parcel, pointer: bytes) -> None:
    with pytest.raises(ReleaseRefused, match="not one of ours"):
        is_newer(parcel, pointer)


def test_a_delivery_says_in_words_what_it_did() -> None:
    assert str(Delivery("there", changed=True)) == "there: published"
    assert str(Delivery("there", changed=False)) == "there: there already, nothing changed"
