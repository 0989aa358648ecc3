"""What builders of city folders share: simplification keeps neighbours together, and nobody is lost in rounding."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from barometer.settings import PROJECT


@pytest.fixture(scope="module")
def building() -> ModuleType:
    """`configs/cities/building.py`, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("building", PROJECT / "configs" / "cities" / "building.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["building"] = module
    sys.dont_write_bytecode, kept = True, sys.dont_write_bytecode
    spec.loader.exec_module(module)
    sys.dont_write_bytecode = kept
    return module


def wavy_border(rows: int = 40) -> list[tuple[float, float]]:
    """A border between two areas with a wave of about 50 m, from south to north."""
    return [(-1.75 + 0.0008 * np.sin(i), 53.70 + i * 0.1 / rows) for i in range(rows + 1)]


def two_areas(building: ModuleType) -> list[object]:
    border = wavy_border()
    west = shapely.Polygon([(-1.85, 53.70), *border, (-1.85, 53.80)])
    east = shapely.Polygon([(-1.65, 53.70), *border, (-1.65, 53.80)])
    return [building.Area("W", "West", west), building.Area("E", "East", east)]


def test_simplified_neighbours_still_share_every_border(building: ModuleType) -> None:
    simple = building.simplified(two_areas(building), 150.0)
    shapes = [area.geometry for area in simple]
    before = sum(shapely.get_num_coordinates(area.geometry) for area in two_areas(building))
    assert shapely.coverage_is_valid(shapes)
    assert sum(shapely.get_num_coordinates(shapes)) < before / 2
    assert [(area.code, area.name) for area in simple] == [("W", "West"), ("E", "East")]


def test_coordinates_are_rounded_to_about_a_metre(building: ModuleType) -> None:
    coordinates = shapely.get_coordinates([area.geometry for area in building.simplified(two_areas(building), 20.0)])
    assert np.array_equal(coordinates, np.round(coordinates, 5))


def test_metres_are_true_to_scale(building: ModuleType) -> None:
    """A square of a hundredth of a degree at 53.8 north is 1,112 m high and 657 m wide (cosine of the latitude)."""
    box = shapely.box(-1.76, 53.795, -1.75, 53.805)
    west, south, east, north = building.in_metres([box])[0].bounds
    assert north - south == pytest.approx(1112, abs=1)
    assert east - west == pytest.approx(1112 * np.cos(np.radians(53.8)), abs=1)


def test_the_way_back_from_metres_is_exact(building: ModuleType) -> None:
    areas = [area.geometry for area in two_areas(building)]
    back = building.in_degrees(building.in_metres(areas), like=areas)
    assert all(one.equals_exact(other, 1e-9) for one, other in zip(areas, back, strict=True))


def test_neighbours_share_a_border_and_not_just_a_corner(building: ModuleType) -> None:
    grid = {code: shapely.box(x, y, x + 0.1, y + 0.1) for code, x, y in
            (("SW", 0.0, 0.0), ("SE", 0.1, 0.0), ("NW", 0.0, 0.1), ("NE", 0.1, 0.1))}  # fmt: skip
    found = building.neighbours([building.Area(code, code, box) for code, box in grid.items()], "grid")
    pairs = set(found.select("area", "neighbour").iter_rows())
    one_way = {("SW", "SE"), ("SW", "NW"), ("SE", "NE"), ("NW", "NE")}
    assert pairs == one_way | {(other, one) for one, other in one_way}
    assert set(found["geography"]) == {"grid"}


@pytest.mark.parametrize(
    ("counts", "total", "shared"),
    [
        ([1, 1], 10, [5, 5]),
        ([1, 1], 11, [6, 5]),
        ([8686, 5218], 100, [62, 38]),
        ([1, 2, 3], 0, [0, 0, 0]),
        ([5], 7, [7]),
        ([0, 4], 9, [0, 9]),
    ],
)
def test_a_total_is_shared_out_in_proportion(
    building: ModuleType, counts: list[int], total: int, shared: list[int]
) -> None:
    assert building.shared_out(pl.Series("n", counts), total).to_list() == shared


@given(counts=st.lists(st.integers(1, 20_000), min_size=1, max_size=70), total=st.integers(0, 1_000_000))
def test_nobody_is_lost_or_doubled_in_sharing_out(building: ModuleType, counts: list[int], total: int) -> None:
    shared = building.shared_out(pl.Series("n", counts), total)
    exact = np.asarray(counts) * total / sum(counts)
    assert shared.sum() == total
    assert (np.abs(shared.to_numpy() - exact) < 1 + 1e-6).all()


def test_boundaries_are_written_one_feature_a_line(building: ModuleType, tmp_path: Path) -> None:
    building.write_boundaries(tmp_path, "hood", two_areas(building))
    text = (tmp_path / "boundaries" / "hood.geojson").read_text("utf-8")
    assert text.count("\n") == 4
    assert [f["properties"] for f in json.loads(text)["features"]] == [
        {"area": "W", "name": "West"},
        {"area": "E", "name": "East"},
    ]


def test_areas_are_read_by_code(building: ModuleType, tmp_path: Path) -> None:
    features = [
        {"type": "Feature", "properties": {"C": code, "N": code.lower()},
         "geometry": shapely.geometry.mapping(shapely.box(0, 0, 1, 1))}
        for code in ("B", "A")
    ]  # fmt: skip
    (tmp_path / "x.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    found = building.read_areas(tmp_path / "x.geojson", "C", "N")
    assert [(area.code, area.name) for area in found] == [("A", "a"), ("B", "b")]
