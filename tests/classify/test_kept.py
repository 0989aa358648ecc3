"""Vectors of a library are worked out once, whatever is asked again and in whatever order; never another encoder's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.kept import KeptVectors

CLAIMS = ["the library will close", "lead in the water", "bins every four weeks"]


class Counted:
    """Stands in for a sentence encoder: three numbers a text, and every text it was asked for."""

    def __init__(self, version: str = "one", width: int = 3) -> None:
        self.version, self.width = version, width
        self.read: list[str] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.read.extend(texts)
        rows = [[len(text) + 1.0, text.count("e") + 1.0, 1.0][: self.width] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.width)


def kept(encoder: Any, file: Path) -> KeptVectors:
    return KeptVectors(encoder, file)


def test_a_library_is_read_once_whichever_night_asks(tmp_path: Path) -> None:
    first, second = Counted(), Counted()
    rows = kept(first, tmp_path / "vectors" / "city.npz").embed(CLAIMS)
    again = kept(second, tmp_path / "vectors" / "city.npz").embed(CLAIMS)
    assert first.read == CLAIMS
    assert second.read == []
    assert np.array_equal(rows, again)


def test_only_what_changed_in_a_library_is_read(tmp_path: Path) -> None:
    file = tmp_path / "city.npz"
    kept(Counted(), file).embed(CLAIMS)
    later = Counted()
    rows = kept(later, file).embed(["a new claim", *CLAIMS[1:]])
    assert later.read == ["a new claim"]
    assert np.array_equal(rows, Counted().embed(["a new claim", *CLAIMS[1:]]))


def test_what_left_the_library_is_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "city.npz"
    kept(Counted(), file).embed(CLAIMS)
    kept(Counted(), file).embed([CLAIMS[0], "a new claim"])
    later = Counted()
    kept(later, file).embed(CLAIMS)
    assert later.read == CLAIMS[1:]


def test_a_text_that_is_there_twice_is_read_once(tmp_path: Path) -> None:
    encoder = Counted()
    rows = kept(encoder, tmp_path / "city.npz").embed([CLAIMS[0], CLAIMS[1], CLAIMS[0]])
    assert encoder.read == CLAIMS[:2]
    assert np.array_equal(rows[0], rows[2])


def test_another_encoders_vectors_are_never_used(tmp_path: Path) -> None:
    file = tmp_path / "city.npz"
    kept(Counted("one"), file).embed(CLAIMS)
    other = Counted("two")
    kept(other, file).embed(CLAIMS)
    assert other.read == CLAIMS


def test_vectors_of_another_width_are_never_used(tmp_path: Path) -> None:
    file = tmp_path / "city.npz"
    kept(Counted(), file).embed(CLAIMS)
    narrow = Counted(width=2)
    assert kept(narrow, file).embed(CLAIMS).shape == (3, 2)
    assert narrow.read == CLAIMS


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 half of one"])
def test_a_file_that_cannot_be_read_is_made_again(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "city.npz"
    file.write_bytes(content)
    encoder, later = Counted(), Counted()
    kept(encoder, file).embed(CLAIMS)
    kept(later, file).embed(CLAIMS)
    assert (encoder.read, later.read) == (CLAIMS, [])


def test_a_file_that_holds_something_else_is_made_again(tmp_path: Path) -> None:
    file = tmp_path / "city.npz"
    np.savez(file, rows=np.zeros((1, 3)))
    encoder = Counted()
    kept(encoder, file).embed(CLAIMS)
    assert encoder.read == CLAIMS


def test_no_half_written_file_is_left(tmp_path: Path) -> None:
    kept(Counted(), tmp_path / "city.npz").embed(CLAIMS)
    assert [path.name for path in tmp_path.iterdir()] == ["city.npz"]


def test_the_texts_are_not_in_the_file(tmp_path: Path) -> None:
    kept(Counted(), tmp_path / "city.npz").embed(CLAIMS)
    assert b"library" not in (tmp_path / "city.npz").read_bytes()


def test_nothing_asked_keeps_nothing(tmp_path: Path) -> None:
    assert kept(Counted(), tmp_path / "city.npz").embed([]).shape == (0, 3)
    assert not (tmp_path / "city.npz").exists()


@given(st.lists(st.lists(st.text(max_size=12), max_size=6), min_size=1, max_size=4))
def test_what_is_kept_never_changes_an_answer(libraries: list[list[str]]) -> None:
    with TemporaryDirectory() as folder:
        for library in libraries:
            found = kept(Counted(), Path(folder) / "city.npz").embed(library)
            assert np.array_equal(found, Counted().embed(library))
