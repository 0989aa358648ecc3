"""Which form an answer has, and that every form says the same."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from io import BytesIO, StringIO

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.serve.formats import csv_page, geojson_page, json_page, json_rows, negotiate, parquet_page
from barometer.serve.problems import Problem

FRAME = pl.DataFrame(
    {
        "city": ["a", "a"],
        "geography": ["ward", "city"],
        "area": ["w1", "a"],
        "area_name": ["=1+1", "Ä"],
        "day": [date(2026, 1, 2), None],
        "at": [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), None],
        "value": [-0.5, None],
    },
    schema_overrides={"at": pl.Datetime("us", "UTC")},
)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "json"),
        ("text/csv", "csv"),
        ("application/geo+json, application/json;q=0.9", "geojson"),
        ("application/json;q=0.1, text/*;q=0.2", "csv"),
        ("application/vnd.apache.parquet", "parquet"),
        ("text/csv;q=0, */*", "json"),
        ("text/csv;q=nonsense, application/json;q=0.1", "json"),
    ],
)
def test_the_accept_header_chooses(accept: str, form: str) -> None:
    assert negotiate(None, accept) == form


def test_a_named_form_wins() -> None:
    assert negotiate("csv", "application/json") == "csv"


def test_what_cannot_be_had_is_refused_in_words() -> None:
    with pytest.raises(Problem, match="json, csv, parquet, geojson") as refused:
        negotiate(None, "image/png")
    assert refused.value.status == 406


@given(st.text(max_size=80))
def test_no_accept_header_breaks_it(accept: str) -> None:
    try:
        form = negotiate(None, accept)
    except Problem:
        return
    assert form in ("json", "csv", "parquet", "geojson")


def test_json_has_days_times_and_nothing_in_the_usual_form() -> None:
    first, second = json.loads(json_rows(FRAME))
    assert (first["day"], first["at"], first["value"]) == ("2026-01-02", "2026-01-02T03:04:05Z", -0.5)
    assert (second["day"], second["at"], second["value"]) == (None, None, None)
    assert json.loads(json_page(FRAME, {"total": 2}))["total"] == 2


def test_csv_guards_text_and_leaves_numbers() -> None:
    read = pl.read_csv(StringIO(csv_page(FRAME).decode()))
    assert read["area_name"][0] == "'=1+1"
    assert read["value"][0] == -0.5


def test_parquet_gives_the_very_frame() -> None:
    assert pl.read_parquet(BytesIO(parquet_page(FRAME))).equals(FRAME)


def test_geojson_has_a_boundary_where_there_is_one() -> None:
    point = {"type": "Point", "coordinates": [1.0, 2.0]}
    content = json.loads(geojson_page(FRAME, {"total": 2}, {("a", "ward", "w1"): point}))
    assert [feature["geometry"] for feature in content["features"]] == [point, None]
    assert content["features"][0]["properties"]["value"] == -0.5
