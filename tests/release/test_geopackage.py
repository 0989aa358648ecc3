"""The GeoPackage: the GeoJSON's figures, a layer a geography, the same bytes for the same figures."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyogrio
import pytest
from shapely import from_wkb
from shapely.geometry import shape

from barometer.release.geopackage import write_geopackage

STAMPED = datetime(2026, 5, 9, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def features(released: Path) -> list[dict[str, Any]]:
    return json.loads((released / "estimates.geojson").read_text("utf-8"))["features"]


def table(path: Path, layer: str) -> list[dict[str, Any]]:
    meta, _, geometry, columns = pyogrio.raw.read(path, layer=layer)
    rows = zip(*columns, strict=True)
    return [
        dict(zip(meta["fields"], row, strict=True), geometry=from_wkb(shape_))
        for row, shape_ in zip(rows, geometry, strict=True)
    ]


def test_figures_and_boundaries_are_those_of_the_geojson(released: Path, features: list[dict[str, Any]]) -> None:
    rows = table(released / "estimates.gpkg", "msoa21")
    assert len(rows) == len(features)
    for row, feature in zip(rows, features, strict=True):
        stated = feature["properties"]
        assert (row["area"], row["name"], bool(row["synthetic"])) == (stated["area"], stated["name"], True)
        value = row["trust_council_value"]
        assert value == stated["trust_council_value"] or (value != value and stated["trust_council_value"] is None)
        assert row["trust_council_missing_reason"] == stated["trust_council_missing_reason"]
        assert str(row["trust_council_period_end"])[:10] == stated["trust_council_period_end"]
        assert row["geometry"].equals(shape(feature["geometry"]))


def test_coordinates_are_wgs84(released: Path) -> None:
    info = pyogrio.read_info(released / "estimates.gpkg")
    assert (info["crs"], info["geometry_type"]) == ("EPSG:4326", "MultiPolygon")


def test_the_same_figures_give_the_same_bytes_whenever(features: list[dict[str, Any]], tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_geopackage(tmp_path / f"{name}.gpkg", features, stamped=STAMPED)
    assert (tmp_path / "one.gpkg").read_bytes() == (tmp_path / "other.gpkg").read_bytes()


def test_the_stamp_is_what_it_says_was_last_changed(features: list[dict[str, Any]], tmp_path: Path) -> None:
    import sqlite3

    write_geopackage(tmp_path / "a.gpkg", features, stamped=STAMPED + timedelta(days=1))
    with sqlite3.connect(tmp_path / "a.gpkg") as file:
        assert file.execute("SELECT last_change FROM gpkg_contents").fetchall() == [("2026-05-10T23:00:00.000Z",)]
    file.close()


def test_a_layer_a_geography_and_columns_without_a_value(tmp_path: Path) -> None:
    square = {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [0, 0]]]}
    figures = {"x_value": None, "x_missing_reason": "suppressed", "x_period_end": date(2026, 1, 1), "synthetic": True}
    features = [
        {"type": "Feature", "geometry": square, "properties": {"geography": geography, "area": geography} | figures}
        for geography in ("ward", "msoa")
    ]
    write_geopackage(tmp_path / "a.gpkg", features, stamped=STAMPED)
    assert [name for name, _ in pyogrio.list_layers(tmp_path / "a.gpkg")] == ["ward", "msoa"]
    (row,) = table(tmp_path / "a.gpkg", "ward")
    assert row["x_value"] != row["x_value"]
    assert row["x_missing_reason"] == "suppressed"
