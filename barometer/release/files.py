"""The data files of a release. The same content always gives the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from barometer.city import City
from barometer.indicators import WHOLE_CITY
from barometer.published import ESTIMATES_CSV
from barometer.release.changes import latest_periods
from barometer.release.content import Content
from barometer.release.geometry import rounded_boundaries
from barometer.release.icc import icc_record, icc_table

BESIDE = {
    "alerts": "Changes beyond chance, and what to do first",
    "audits": "How shares of voices were corrected, or why not",
    "skill": "What each signal adds to the last survey",
    "clusters": "Where like neighbourhoods lie together",
    "sensitivity": "How far each choice moves a composite",
    "explanations": "Why estimates differ from those of the release before",
}
REVISIONS = "revisions.csv"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_PROPERTIES = ("value", "lower", "upper", "missing_reason", "period_start", "period_end")


def write_files(folder: Path, content: Content, city: City) -> None:
    """Write estimates (CSV, Parquet, GeoJSON), what stands beside them (CSV) and the ICC Index (CSV, JSON)."""
    (folder / ESTIMATES_CSV).write_bytes(estimates_csv(content.estimates))
    content.estimates.write_parquet(folder / "estimates.parquet", compression="zstd")
    content.coverage.write_csv(folder / "coverage.csv")
    for name in BESIDE:
        beside(content, name).write_csv(folder / f"{name}.csv")
    content.revisions.write_csv(folder / REVISIONS)
    icc_table(city).write_csv(folder / "icc_index.csv")
    _write_json(folder / "icc_index.json", icc_record(city), indent=2)
    _write_json(folder / "estimates.geojson", to_geojson(content, city))


def estimates_csv(estimates: pl.DataFrame) -> bytes:
    """The bytes of `estimates.csv`."""
    return estimates.write_csv(datetime_format=_TIME).encode()


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


def _write_json(path: Path, content: Any, indent: int | None = None) -> None:
    separators = None if indent else (",", ":")
    path.write_text(
        json.dumps(content, ensure_ascii=False, indent=indent, separators=separators, default=str) + "\n", "utf-8"
    )
