"""The data files of a release. The same content always gives the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from barometer.city import City
from barometer.indicators import WHOLE_CITY, Indicator
from barometer.night import Night
from barometer.release.changes import latest_periods
from barometer.release.content import Content
from barometer.release.geometry import rounded_boundaries
from barometer.release.geopackage import write_geopackage
from barometer.release.icc import icc_record, icc_table
from barometer.spreadsheet import to_csv

BESIDE = {
    "alerts": "Changes beyond chance, and what to do first",
    "audits": "How shares of voices were corrected, or why not",
    "skill": "What each signal adds to the last survey",
    "clusters": "Where like neighbourhoods lie together",
    "sensitivity": "How far each choice moves a composite",
    "explanations": "Why estimates differ from those of the release before",
}
REVISIONS = "revisions.csv"
RUMOURS = "Claims that enough people carry, by the words they share; true or false, no post is shown"
RUMOUR_COLUMNS = ("terms", "status", "first_seen", "last_seen", "voices", "is_contradicted")
INDICATOR_SCHEMA: dict[str, pl.DataType] = {
    "indicator": pl.String(),
    "title": pl.String(),
    "question": pl.String(),
    "unit": pl.String(),
    "dimension": pl.String(),
    "signal": pl.String(),
    "method": pl.String(),
    "direction": pl.String(),
    "minimum": pl.Float64(),
    "maximum": pl.Float64(),
    "minimum_n": pl.Int64(),
    "withheld": pl.String(),
}
_PROPERTIES = ("value", "lower", "upper", "missing_reason", "period_start", "period_end")


def write_files(folder: Path, content: Content, night: Night) -> None:
    """Write estimates (CSV, Parquet, GeoJSON, GeoPackage), what stands beside them (CSV), the ICC Index (CSV, JSON)."""
    city = night.city
    content.estimates.write_parquet(folder / "estimates.parquet", compression="zstd")
    for name, frame in tables(content, city).items():
        (folder / f"{name}.csv").write_text(to_csv(frame), "utf-8", newline="")
    write_json(folder / "icc_index.json", icc_record(city), indent=2)
    newest = to_geojson(content, city)
    write_json(folder / "estimates.geojson", newest)
    write_geopackage(folder / "estimates.gpkg", newest["features"], stamped=night.issued_at)


def tables(content: Content, city: City) -> dict[str, pl.DataFrame]:
    """Every table that is published as CSV, by the name of its file."""
    return {
        "estimates": content.estimates,
        "indicators": indicator_table(content),
        "coverage": content.coverage,
        "rumours": beside(content, "rumours").select(RUMOUR_COLUMNS),
        **{name: beside(content, name) for name in BESIDE},
        "revisions": content.revisions,
        "icc_index": icc_table(city),
    }


def indicator_table(content: Content) -> pl.DataFrame:
    """The indicators that have estimates here, in the file's order, with the words and scale they are read by."""
    known = set(content.estimates["indicator"])
    rows = [_described(indicator) for indicator in content.indicators.indicators if indicator.id in known]
    return pl.DataFrame(rows, schema=INDICATOR_SCHEMA)


def _described(indicator: Indicator) -> dict[str, Any]:
    return {
        "indicator": indicator.id,
        "title": indicator.title,
        "question": indicator.question,
        "unit": indicator.unit,
        "dimension": indicator.dimension,
        "signal": indicator.signal,
        "method": indicator.method,
        "direction": indicator.direction,
        "minimum": indicator.scale.minimum,
        "maximum": indicator.scale.maximum,
        "minimum_n": indicator.minimum_n,
        "withheld": indicator.withheld or None,
    }


def estimates_csv(estimates: pl.DataFrame) -> bytes:
    """The bytes of `estimates.csv`."""
    return to_csv(estimates).encode()


def beside(content: Content, name: str) -> pl.DataFrame:
    """A table that stands beside the estimates, as a CSV file can hold it: lists become text."""
    frame: pl.DataFrame = getattr(content, name)
    lists = [column for column, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    return frame.with_columns(pl.col(lists).list.join("; ")) if lists else frame


def to_geojson(content: Content, city: City) -> dict[str, Any]:
    """Every area with its boundary (WGS84) and, per indicator, the newest period's value, interval or reason.

    Properties: city, geography, area, name, synthetic, and `<indicator>_<column>` for each of value, lower, upper,
    missing_reason, period_start, period_end.
    """
    latest = latest_periods(content.estimates).sort("indicator")
    rows = content.estimates.join(latest, on=["indicator", "period_start", "period_end"]).filter(
        pl.col("geography") != WHOLE_CITY
    )
    features = []
    for (geography,), group in rows.partition_by(["geography"], as_dict=True, maintain_order=True).items():
        shapes = rounded_boundaries(city.boundaries(str(geography)))
        features += [_feature(area, rows, shapes[area]) for area, rows in _by_area(group)]
    return {"type": "FeatureCollection", "features": features, "synthetic": content.is_synthetic}


def _by_area(group: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    parts = group.sort("area", "indicator").partition_by(["area"], as_dict=True, maintain_order=True)
    return [(str(area), rows) for (area,), rows in parts.items()]


def _feature(code: str, rows: pl.DataFrame, geometry: dict[str, Any]) -> dict[str, Any]:
    first = rows.row(0, named=True)
    properties = {
        "city": first["city"],
        "geography": first["geography"],
        "area": code,
        "name": first["area_name"],
        "synthetic": first["synthetic"],
    }
    for row in rows.iter_rows(named=True):
        properties |= {f"{row['indicator']}_{name}": row[name] for name in _PROPERTIES}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def write_json(path: Path, content: Any, indent: int | None = None) -> None:
    """Write JSON (UTF-8), on one line unless `indent` is given; the same content gives the same bytes."""
    separators = None if indent else (",", ":")
    path.write_text(
        json.dumps(content, ensure_ascii=False, indent=indent, separators=separators, default=str) + "\n", "utf-8"
    )
