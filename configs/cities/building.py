"""What the builders of city folders share: boundaries simplified as one coverage, neighbours, files written alike.

Not used at run time: a city's `build.py` makes the folder's data files from the published ones, and they are committed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import shapely
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

METRES_PER_DEGREE = 111_195.0
# 5 decimals of a degree are about one metre.
DECIMALS = 5


@dataclass(frozen=True)
class Area:
    """One area of a geography: code, name, boundary in degrees."""

    code: str
    name: str
    geometry: BaseGeometry


def read_areas(path: Path, code: str, name: str) -> list[Area]:
    """Areas of a GeoJSON file, by code; `code` and `name` are the properties that hold them."""
    features = json.loads(path.read_text("utf-8"))["features"]
    found = [Area(f["properties"][code], f["properties"][name], shape(f["geometry"])) for f in features]
    return sorted(found, key=lambda area: area.code)


def in_metres(geometries: Sequence[BaseGeometry]) -> np.ndarray:
    """Geometries on a local plane: metres east and north, true to scale at their middle latitude."""
    scale = _metres_per_degree(geometries)
    return shapely.transform(np.asarray(geometries), lambda xy: xy * scale)


def in_degrees(planes: Sequence[BaseGeometry], *, like: Sequence[BaseGeometry]) -> np.ndarray:
    """The way back from `in_metres(like)`."""
    scale = _metres_per_degree(like)
    return shapely.transform(np.asarray(planes), lambda xy: xy / scale)


def _metres_per_degree(geometries: Sequence[BaseGeometry]) -> np.ndarray:
    _, south, _, north = shapely.total_bounds(geometries)
    return METRES_PER_DEGREE * np.array([math.cos(math.radians((south + north) / 2)), 1.0])


def simplified(areas: Sequence[Area], tolerance_m: float) -> list[Area]:
    """The areas with fewer vertices, all borders simplified once (`coverage_simplify`), so that neighbours still fit.

    A vertex goes when the triangle it makes with its neighbours is smaller than `tolerance_m` squared.
    """
    originals = [area.geometry for area in areas]
    thinned = in_degrees(shapely.coverage_simplify(in_metres(originals), tolerance_m), like=originals)
    rounded = shapely.transform(thinned, lambda xy: np.round(xy, DECIMALS))
    return [Area(area.code, area.name, geometry) for area, geometry in zip(areas, rounded, strict=True)]


def neighbours(areas: Sequence[Area], geography: str, least_border_m: float = 1.0) -> pl.DataFrame:
    """Pairs of areas that share more than `least_border_m` of border, both ways: geography, area, neighbour."""
    planes = in_metres([area.geometry for area in areas])
    left, right = shapely.STRtree(planes).query(planes, predicate="intersects")
    border_m = shapely.length(shapely.intersection(planes[left], planes[right]))
    chosen = (left != right) & (border_m > least_border_m)
    codes = np.asarray([area.code for area in areas], dtype=object)
    frame = pl.DataFrame({"area": codes[left[chosen]].tolist(), "neighbour": codes[right[chosen]].tolist()})
    return frame.select(pl.lit(geography).alias("geography"), "area", "neighbour").sort("area", "neighbour")


def shared_out(counts: pl.Series, total: int) -> pl.Series:
    """Whole numbers in proportion to `counts` that add up to `total` (largest remainders; ties go to the first)."""
    exact = (counts.cast(pl.Float64) * (total / counts.sum())).to_numpy()
    whole = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    return pl.Series(counts.name, whole)


def write_boundaries(folder: Path, geography: str, areas: Sequence[Area]) -> None:
    """Write `boundaries/<geography>.geojson`, one feature a line."""
    lines = ",\n".join(_feature(area) for area in areas)
    path = folder / "boundaries" / f"{geography}.geojson"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n', "utf-8")


def _feature(area: Area) -> str:
    feature = {
        "type": "Feature",
        "properties": {"area": area.code, "name": area.name},
        "geometry": mapping(area.geometry),
    }
    return json.dumps(feature, ensure_ascii=False, separators=(",", ":"))


def write_csv(folder: Path, name: str, frames: Iterable[pl.DataFrame]) -> None:
    """Write `<name>.csv` from frames of the same columns."""
    pl.concat(frames, how="vertical_relaxed").write_csv(folder / f"{name}.csv")
