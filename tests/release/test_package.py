"""The Data Package descriptor: valid against the standard's own profile, and true of the files."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import frictionless
import jsonschema
import pytest

from barometer.night import Night
from barometer.release.words import REASONS

# dplib-py is the standard's reference implementation; its package holds the profile as published.
PROFILE = json.loads(files("dplib").joinpath("profiles/2.0/datapackage.json").read_text("utf-8"))
READ: dict[str, Callable[[str], Any]] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": {"true": True, "false": False}.__getitem__,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
}


@pytest.fixture(scope="module")
def package(released: Path) -> dict[str, Any]:
    return json.loads((released / "datapackage.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def tables(package: dict[str, Any]) -> list[dict[str, Any]]:
    return [resource for resource in package["resources"] if "schema" in resource]


def test_the_descriptor_is_valid_against_version_2_of_the_standard(package: dict[str, Any]) -> None:
    assert package["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    errors = jsonschema.Draft7Validator(PROFILE).iter_errors(package)
    assert [error.message for error in errors] == []


def test_the_profile_would_notice_a_mistake(package: dict[str, Any]) -> None:
    broken = package | {"resources": [{"name": "estimates"}]}
    assert list(jsonschema.Draft7Validator(PROFILE).iter_errors(broken))


def test_sizes_and_hashes_are_those_of_the_files(package: dict[str, Any], released: Path) -> None:
    for resource in package["resources"]:
        content = (released / resource["path"]).read_bytes()
        assert resource["bytes"] == len(content)
        assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_every_data_file_is_described(package: dict[str, Any], released: Path) -> None:
    described = {resource["path"] for resource in package["resources"]}
    others = {"brief.pdf", "manifest.json", "datapackage.json", "csvw.json", "catalogue.jsonld", "SHA256SUMS"}
    files = {path.name for path in released.iterdir() if path.is_file() and path.suffix != ".html"}
    assert described == files - others


def test_every_value_of_every_table_is_of_its_stated_type(tables: list[dict[str, Any]], released: Path) -> None:
    for resource in tables:
        fields = resource["schema"]["fields"]
        with (released / resource["path"]).open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        assert reader.fieldnames == [field["name"] for field in fields]
        for field in fields:
            values = [row[field["name"]] for row in rows]
            is_required = field.get("constraints", {}).get("required", False)
            assert not (is_required and "" in values), field["name"]
            assert all(READ[field["type"]](value) is not None for value in values if value)


def test_primary_keys_are_unique(tables: list[dict[str, Any]], released: Path) -> None:
    for resource in tables:
        if key := resource["schema"].get("primaryKey"):
            with (released / resource["path"]).open(encoding="utf-8", newline="") as file:
                keys = [tuple(row[name] for name in key) for row in csv.DictReader(file)]
            assert len(set(keys)) == len(keys)


def test_every_column_has_a_meaning_and_counts_say_how_they_are_protected(tables: list[dict[str, Any]]) -> None:
    fields = [field for resource in tables for field in resource["schema"]["fields"]]
    assert all(field["description"] for field in fields)
    rounded = [field for resource in tables if resource["name"] != "rumours" for field in resource["schema"]["fields"]]
    counts = [field["description"] for field in rounded if field["name"] in ("n", "voices")]
    assert len(counts) == 2
    assert all("nearest 5, empty where withheld (fewer than 10" in text for text in counts)


def test_licence_and_every_source_of_the_city_are_named(package: dict[str, Any], sample: Night) -> None:
    assert package["licenses"][0]["name"] == "CC-BY-4.0"
    assert [source["title"] for source in package["sources"]] == list(sample.city.attribution)
    assert any("Open Government Licence" in source["title"] for source in package["sources"])


def test_a_synthetic_package_says_so_in_title_description_and_field(package: dict[str, Any]) -> None:
    assert package["title"].startswith("Synthetic ")
    assert package["description"].startswith("SYNTHETIC:")
    assert package["synthetic"] is True
    assert "synthetic" in package["keywords"]


def test_frictionless_finds_every_table_as_described(released: Path) -> None:
    package = frictionless.Package(str(released / "datapackage.json"))
    # A Parquet file has its own schema; the library would guess another one.
    package.remove_resource("estimates-parquet")
    report = package.validate()
    assert report.valid, report.flatten(["rowNumber", "fieldName", "note"])[:5]
    assert report.stats["tasks"] == len(package.resources)


def test_frictionless_would_notice_a_cell_of_another_kind(released: Path, tmp_path: Path) -> None:
    shutil.copytree(released, tmp_path / "copy")
    path = tmp_path / "copy" / "coverage.csv"
    path.chmod(0o644)
    lines = path.read_text("utf-8").splitlines()
    lines[1] = lines[1].replace("true", "maybe")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    package = frictionless.Package(str(tmp_path / "copy" / "datapackage.json"))
    assert not package.get_resource("coverage").validate().valid


def test_every_reason_for_a_missing_number_has_its_meaning(tables: list[dict[str, Any]]) -> None:
    reasons = [field for table in tables for field in table["schema"]["fields"] if field["name"] == "missing_reason"]
    assert len(reasons) == 3
    for field in reasons:
        assert field["constraints"]["enum"] == [category["value"] for category in field["categories"]]
        assert {category["value"]: category["label"] for category in field["categories"]} == REASONS


def test_the_guard_against_formulas_is_explained(package: dict[str, Any]) -> None:
    assert "would take for a formula has a ' before it" in package["description"]
