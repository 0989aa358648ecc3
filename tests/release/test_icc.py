"""The ICC Index: the city's own entries, or nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import yaml

from barometer.city import City, load_city
from barometer.city_files import ICC_INDICES, ICC_LENS
from barometer.release.icc import INDICES, LENS, NOT_PROVIDED, icc_record, icc_table
from barometer.settings import PROJECT


@pytest.fixture(scope="module")
def city() -> City:
    return load_city("sample", PROJECT / "configs")


def entered(folder: Path, **scores: tuple[float | None, float | None]) -> Path:
    """An icc_index.yaml with the scores named, everything else left empty."""

    def entry(name: str) -> dict[str, object]:
        core, extended = scores.get(name, (None, None))
        return {"id": name, "name": name, "core": core, "extended": extended}

    indices = [
        entry(name) | ({"sub_indices": list(map(entry, LENS))} if name == "intercultural_lens" else {})
        for name in INDICES
    ]
    path = folder / "icc_index.yaml"
    path.write_text(
        yaml.safe_dump({"year": 2025, "source": "report", "is_synthetic": True, "indices": indices}), "utf-8"
    )
    return path


def test_the_twelve_indices_and_six_fields_are_the_programmes() -> None:
    assert tuple(INDICES) == ICC_INDICES
    assert tuple(LENS) == ICC_LENS
    assert len(INDICES) == 12


def test_the_table_has_every_index_once_with_the_lens_taken_apart(city: City) -> None:
    table = icc_table(city)
    assert table.height == 18
    assert table.filter(table["sub_index"].is_null())["index"].to_list() == list(INDICES)


def test_what_the_city_enters_is_shown_and_what_it_leaves_out_is_said(city: City, tmp_path: Path) -> None:
    with_scores = replace(city, icc_index=entered(tmp_path, language=(55.0, None), education=(12.5, 0.0)))
    table = icc_table(with_scores)
    language = table.row(by_predicate=pl.col("index") == "language", named=True)
    assert (language["core"], language["extended"]) == (55.0, None)
    assert language["note"] == f"extended {NOT_PROVIDED}"
    education = table.row(by_predicate=pl.col("sub_index") == "education", named=True)
    assert (education["core"], education["extended"], education["note"]) == (12.5, 0.0, None)


def test_nothing_is_invented_for_a_city_without_the_file(city: City) -> None:
    without = replace(city, icc_index=None)
    table = icc_table(without)
    assert table.select("core", "extended").null_count().row(0) == (18, 18)
    assert set(table["note"].to_list()) == {f"core and extended {NOT_PROVIDED}"}
    assert icc_record(without)["is_provided"] is False


def test_nothing_is_invented_for_a_city_that_left_the_file_empty(city: City, tmp_path: Path) -> None:
    record = icc_record(replace(city, icc_index=entered(tmp_path)))
    assert record["is_provided"] is False
    assert {score["core"] for score in record["scores"]} == {None}


@pytest.mark.parametrize("real", ["bradford", "stockholm"])
def test_no_score_is_invented_for_a_real_city(real: str) -> None:
    assert icc_record(load_city(real, PROJECT / "configs"))["is_provided"] is False
