"""`estimates.gpkg`: the newest figures with boundaries, for desktop maps (OGC GeoPackage)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyogrio
from pyogrio.raw import write
from shapely import to_wkb
from shapely.geometry import shape

CRS = "EPSG:4326"
# A setting of the whole process, so one writer at a time.
_ONE_WRITER = threading.Lock()
_KINDS = {pl.Float64: "float64", pl.Int64: "int64", pl.Boolean: "bool", pl.Date: "datetime64[D]"}


def write_geopackage(path: Path, features: Sequence[Mapping[str, Any]], *, stamped: datetime) -> None:
    """Write GeoJSON `features` as a layer a geography, a row an area, with the same properties (WGS84).

    A GeoPackage holds when it was last changed: `stamped` (UTC) is written there, so that the same features give the
    same bytes.
    """
    layers: dict[str, list[Mapping[str, Any]]] = {}
    for feature in features:
        layers.setdefault(feature["properties"]["geography"], []).append(feature)
    with _last_changed(stamped):
        for name, members in layers.items():
            _write_layer(path, name, members, is_first=not path.exists())


@contextmanager
def _last_changed(stamped: datetime) -> Iterator[None]:
    """https://gdal.org/en/stable/drivers/vector/gpkg.html: OGR_CURRENT_DATE replaces the clock."""
    with _ONE_WRITER:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": stamped.strftime("%Y-%m-%dT%H:%M:%S.000Z")})
        try:
            yield
        finally:
            pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _write_layer(path: Path, name: str, features: Sequence[Mapping[str, Any]], *, is_first: bool) -> None:
    rows = _typed(pl.DataFrame([feature["properties"] for feature in features], infer_schema_length=None))
    columns = [_column(rows[field]) for field in rows.columns]
    write(
        path,
        geometry=np.array([to_wkb(shape(feature["geometry"])) for feature in features], dtype=object),
        field_data=[values for values, _ in columns],
        field_mask=[mask for _, mask in columns],
        fields=np.array(rows.columns, dtype=object),
        layer=name,
        driver="GPKG",
        geometry_type="MultiPolygon",
        promote_to_multi=True,
        crs=CRS,
        append=not is_first,
    )


def _typed(rows: pl.DataFrame) -> pl.DataFrame:
    """Columns without any value have the type their name asks for."""
    empty = [name for name, dtype in rows.schema.items() if dtype == pl.Null]
    numbers = [name for name in empty if name.endswith(("_value", "_lower", "_upper"))]
    return rows.with_columns(pl.col(numbers).cast(pl.Float64), pl.col(list(set(empty) - set(numbers))).cast(pl.String))


def _column(values: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Values as GDAL takes them, and which of them are missing."""
    mask = values.is_null().to_numpy()
    kind = _KINDS.get(values.dtype.base_type())
    if kind is None:
        return np.array(values.cast(pl.String).to_list(), dtype=object), mask
    filled = [value if value is not None else np.zeros((), dtype=kind).item() for value in values.to_list()]
    return np.array(filled, dtype=kind), mask
