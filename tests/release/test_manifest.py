"""The manifest notices every change of every file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import ReleaseRefused
from barometer.release.manifest import content_hash, file_hashes, read_manifest, require_unaltered, write_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text("x\n1\n", "utf-8")
    (tmp_path / "b.json").write_text("{}", "utf-8")
    write_manifest(tmp_path, {"files": file_hashes(tmp_path)})
    return tmp_path


def test_an_untouched_folder_is_unaltered(folder: Path) -> None:
    assert set(require_unaltered(folder)["files"]) == {"a.csv", "b.json"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda f: (f / "a.csv").write_text("x\n2\n", "utf-8"), "a.csv"),
        (lambda f: (f / "b.json").unlink(), "b.json"),
        (lambda f: (f / "new.txt").write_text("", "utf-8"), "new.txt"),
    ],
)
def test_a_changed_missing_or_added_file_is_named(folder: Path, change: Callable[[Path], object], named: str) -> None:
    change(folder)
    with pytest.raises(ReleaseRefused, match=f"{named} changed, came or went"):
        require_unaltered(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": 3}'])
def test_a_broken_manifest_is_one_clear_line(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text, "utf-8")
    with pytest.raises(ReleaseRefused, match="draft the release again") as refused:
        read_manifest(folder)
    assert "\n" not in str(refused.value)


@given(st.dictionaries(st.text(min_size=1), st.text(), min_size=1))
def test_the_content_hash_ignores_order_and_nothing_else(files: dict[str, str]) -> None:
    entries = {name: {"sha256": value, "bytes": 1} for name, value in files.items()}
    backwards = dict(reversed(entries.items()))
    assert content_hash(entries) == content_hash(backwards)
    name = next(iter(entries))
    assert content_hash(entries | {name: {"sha256": files[name] + "0", "bytes": 1}}) != content_hash(entries)
