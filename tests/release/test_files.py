"""The data files: the same content, the same bytes, and the same numbers in every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from shapely.geometry import shape

from barometer.night import Night
from barometer.release.content import Content, collect_content
from barometer.release.files import BESIDE, to_geojson, write_files

FLOATS = ("value", "standard_error", "lower", "upper", "effective_n", "reliability")


@pytest.fixture(scope="module")
def content(sample: Night) -> Content:
    return collect_content(sample)


@pytest.fixture(scope="module")
def geojson(sample: Night, content: Content) -> dict[str, Any]:
    return json.loads(json.dumps(to_geojson(content, sample.city), default=str))


def test_writing_twice_gives_the_same_bytes(sample: Night, content: Content, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_files(tmp_path / name, content, sample)
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert len(files) == 10 + len(BESIDE)
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_csv_and_parquet_hold_the_same_estimates(drafted: Path) -> None:
    parquet = pl.read_parquet(drafted / "estimates.parquet")
    text = pl.read_csv(drafted / "estimates.csv", infer_schema=False)
    assert text["issued_at"].unique().to_list() == ["2026-05-09T23:00:00Z"]
    dates = pl.col("period_start", "period_end").str.to_date()
    typed = text.with_columns(pl.col("synthetic") == "true", dates).drop("issued_at")
    columns = {name: dtype for name, dtype in parquet.schema.items() if name in ("n", *FLOATS)}
    assert typed.cast(columns).equals(parquet.drop("issued_at"))


def test_every_neighbourhood_is_a_feature_with_a_shape(geojson: dict[str, Any], sample: Night) -> None:
    areas = [feature["properties"]["area"] for feature in geojson["features"]]
    assert sorted(areas) == sorted(sample.city.neighbourhoods["area"])
    assert all(shape(feature["geometry"]).area > 0 for feature in geojson["features"])


def test_a_feature_carries_the_newest_figure_of_every_indicator_or_its_reason(
    geojson: dict[str, Any], content: Content
) -> None:
    newest = content.estimates.filter(pl.col("indicator") == "wallet_neighbour").filter(
        pl.col("period_end") == pl.col("period_end").max()
    )
    figures = {row["area"]: row for row in newest.iter_rows(named=True)}
    for feature in geojson["features"]:
        properties, row = feature["properties"], figures[feature["properties"]["area"]]
        assert properties["wallet_neighbour_value"] == row["value"]
        assert properties["wallet_neighbour_missing_reason"] == row["missing_reason"]
        assert properties["wallet_neighbour_period_end"] == "2026-03-29"
        assert (properties["wallet_neighbour_value"] is None) == bool(properties["wallet_neighbour_missing_reason"])


def test_synthetic_is_marked_on_the_collection_and_on_every_feature(geojson: dict[str, Any]) -> None:
    assert geojson["synthetic"] is True
    assert all(feature["properties"]["synthetic"] is True for feature in geojson["features"])
    assert pl.Series(f["properties"]["name"] for f in geojson["features"]).is_not_null().all()
