"""The library of evidence: read from all its files, refused with every mistake at once."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from barometer.city import load_city
from barometer.errors import BadConfiguration
from barometer.library import LIBRARY, VERDICTS, read_library
from barometer.settings import PROJECT
from tests.libraries import HEADER, LINE, SAMPLE, written


def test_a_city_without_a_library_has_an_empty_one(tmp_path: Path) -> None:
    assert read_library(tmp_path).equals(pl.DataFrame(schema=LIBRARY))


def test_all_files_are_one_library(tmp_path: Path) -> None:
    written(tmp_path, HEADER + LINE, "b.csv")
    written(tmp_path, HEADER + LINE.replace("library-2026", "another"), "a.csv")
    assert read_library(tmp_path)["id"].to_list() == ["another", "library-2026"]


def test_every_mistake_of_every_file_is_named_at_once(tmp_path: Path) -> None:
    broken = (
        LINE.replace(",false,", ",perhaps,").replace("https://example.org/a", "example").replace("library-2026", "No 1")
    )
    written(tmp_path, HEADER + broken + LINE)
    written(tmp_path, HEADER + LINE + ",,,,,,\n", "more.csv")
    with pytest.raises(BadConfiguration) as caught:
        read_library(tmp_path)
    for part in (
        "evidence/claims.csv, column verdict, row 2 ('perhaps'): is not allowed; write one of true, mostly_true",
        "evidence/claims.csv, column link, row 2 ('example'): is written wrongly; write the whole address",
        "evidence/claims.csv, column id, row 2 ('No 1'): is written wrongly",
        "evidence/more.csv, column claim, row 3 (''): is empty",
        "id library-2026: is in two files; give every claim its own id",
    ):
        assert part in str(caught.value)


def test_the_sample_citys_library_is_sound_and_says_that_it_is_invented() -> None:
    library = read_library(SAMPLE)
    assert library.height >= 10
    assert set(library["verdict"]) <= set(VERDICTS)
    assert library["id"].str.starts_with("synthetic-").all()
    assert library["link"].str.starts_with("https://example.org/synthetic/").all()
    assert library["source"].str.contains("invented").all()
    assert load_city("sample", PROJECT / "configs").is_synthetic
