"""Boundaries for publication: small, and for the page already laid flat."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from shapely.geometry import shape

Point = tuple[float, float]
# 5 decimals of a degree are about a metre; the page's map needs no more than about ten.
DEGREE_DECIMALS = 5
_UNITS_PER_DEGREE = 10_000


def rounded_boundaries(collection: dict[str, Any]) -> dict[str, Any]:
    """Area -> geometry (WGS84, degrees) with coordinates rounded to about a metre."""
    return _geometries(collection, lambda point: (round(point[0], DEGREE_DECIMALS), round(point[1], DEGREE_DECIMALS)))


def flat_boundaries(collection: dict[str, Any]) -> dict[str, Any]:
    """Area -> geometry in whole map units of about ten metres: x east, y north, from the middle of the city.

    Equirectangular with the standard parallel through the city's middle: over one city true to shape within a fraction
    of a per cent, and it needs no projection in the reader's browser.
    """
    west, south, east, north = _bounds(collection)
    middle = ((west + east) / 2, (south + north) / 2)
    shrink = math.cos(math.radians(middle[1]))

    def flatten(point: Point) -> Point:
        x, y = (point[0] - middle[0]) * shrink, point[1] - middle[1]
        return round(x * _UNITS_PER_DEGREE), round(y * _UNITS_PER_DEGREE)

    return _geometries(collection, flatten)


def aspect_ratio(collection: dict[str, Any]) -> float:
    """Height of the city's flat map over its width."""
    west, south, east, north = _bounds(collection)
    return (north - south) / ((east - west) * math.cos(math.radians((north + south) / 2)))


def _bounds(collection: dict[str, Any]) -> tuple[float, float, float, float]:
    bounds = [shape(feature["geometry"]).bounds for feature in collection["features"]]
    west, south, east, north = zip(*bounds, strict=True)
    return min(west), min(south), max(east), max(north)


def _geometries(collection: dict[str, Any], move: Callable[[Point], Point]) -> dict[str, Any]:
    return {
        feature["properties"]["area"]: {
            "type": feature["geometry"]["type"],
            "coordinates": _moved(feature["geometry"]["coordinates"], move),
        }
        for feature in collection["features"]
    }


def _moved(coordinates: Any, move: Callable[[Point], Point]) -> Any:
    """Apply `move` to every point of nested GeoJSON coordinates; points that fall together are drawn once."""
    if isinstance(coordinates[0], int | float):
        return list(move((coordinates[0], coordinates[1])))
    moved = [_moved(part, move) for part in coordinates]
    return [part for i, part in enumerate(moved) if i == 0 or part != moved[i - 1] or len(moved) <= 4]
