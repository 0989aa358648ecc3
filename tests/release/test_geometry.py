"""Boundaries for publication."""

from __future__ import annotations

import math

import pytest
from shapely.geometry import shape

from barometer.city import City, load_city
from barometer.release.geometry import aspect_ratio, flat_boundaries, rounded_boundaries
from barometer.settings import PROJECT


@pytest.fixture(scope="module")
def city() -> City:
    return load_city("sample", PROJECT / "configs")


def square(area: str, west: float, south: float, size: float) -> dict[str, object]:
    east, north = west + size, south + size
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"properties": {"area": area}, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def test_every_neighbourhood_keeps_a_valid_shape(city: City) -> None:
    for boundaries in (rounded_boundaries, flat_boundaries):
        shapes = boundaries(city.boundaries(city.primary))
        assert set(shapes) == set(city.neighbourhoods["area"])
        assert all(not shape(geometry).is_empty and shape(geometry).area > 0 for geometry in shapes.values())


def test_rounding_moves_nothing_by_more_than_a_metre(city: City) -> None:
    collection = city.boundaries(city.primary)
    rounded = rounded_boundaries(collection)
    for feature in collection["features"]:
        moved = shape(feature["geometry"]).hausdorff_distance(shape(rounded[feature["properties"]["area"]]))
        assert moved < 1e-5


def test_flat_shapes_keep_their_proportions() -> None:
    # given a square of a hundredth of a degree at 60 degrees north, where a degree of longitude is half as long
    flat = shape(flat_boundaries({"features": [square("a", 18.0, 60.0, 0.01)]})["a"])
    west, south, east, north = flat.bounds
    assert (north - south) == 100
    assert (east - west) == pytest.approx(100 * math.cos(math.radians(60.005)), abs=1)


def test_north_stays_up() -> None:
    flat = flat_boundaries({"features": [square("south", 0, 50.0, 0.01), square("north", 0, 50.02, 0.01)]})
    assert shape(flat["north"]).centroid.y > shape(flat["south"]).centroid.y


def test_the_aspect_ratio_is_height_over_width() -> None:
    wide = {"features": [square("a", 0, 0, 0.01), square("b", 0.03, 0, 0.01)]}
    assert aspect_ratio(wide) == pytest.approx(0.25, rel=1e-3)


def test_points_that_fall_together_are_drawn_once_and_rings_stay_closed() -> None:
    ring = [[0, 0], [0.000001, 0], [0.01, 0], [0.01, 0.01], [0, 0.01], [0, 0]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    rounded = rounded_boundaries({"features": [{"properties": {"area": "a"}, "geometry": geometry}]})["a"]
    assert rounded["coordinates"][0][0] == rounded["coordinates"][0][-1]
    assert len(rounded["coordinates"][0]) == 5
