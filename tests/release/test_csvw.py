"""CSV on the Web: says of every table what the Data Package says, and what the file has."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from barometer.release.csvw import csvw


@pytest.fixture(scope="module")
def group(released: Path) -> dict[str, Any]:
    return json.loads((released / "csvw.json").read_text("utf-8"))


def test_every_csv_file_is_described(group: dict[str, Any], released: Path) -> None:
    assert {table["url"] for table in group["tables"]} == {path.name for path in released.glob("*.csv")}
    assert group["@context"][0] == "http://www.w3.org/ns/csvw"


def test_columns_are_named_as_the_file_names_them(group: dict[str, Any], released: Path) -> None:
    for table in group["tables"]:
        with (released / table["url"]).open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        assert [column["titles"] for column in table["tableSchema"]["columns"]] == header
        assert [column["name"] for column in table["tableSchema"]["columns"]] == header


def test_types_units_and_keys_are_said(group: dict[str, Any]) -> None:
    estimates = next(table for table in group["tables"] if table["url"] == "estimates.csv")["tableSchema"]
    columns = {column["name"]: column for column in estimates["columns"]}
    assert columns["value"]["datatype"] == "double"
    assert columns["period_end"]["datatype"] == "date"
    assert columns["issued_at"]["datatype"] == "datetime"
    assert columns["n"]["schema:unitText"] == "count"
    assert columns["indicator"]["required"] is True
    assert set(estimates["primaryKey"]) <= set(columns)


def test_a_type_it_does_not_know_is_an_error_and_not_a_guess() -> None:
    field = {"name": "x", "type": "geopoint", "description": "x"}
    resource = {"path": "x.csv", "title": "x", "schema": {"fields": [field]}}
    package = {"id": "x", "title": "x", "description": "x", "licenses": [{"path": "x"}], "resources": [resource]}
    with pytest.raises(KeyError, match="geopoint"):
        csvw(package)
