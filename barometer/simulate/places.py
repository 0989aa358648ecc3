"""Points inside neighbourhoods, for posts that carry coordinates, public places and footfall counters."""

from __future__ import annotations

import numpy as np
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from barometer.city import City

Point = tuple[float, float]


def shapes(city: City) -> dict[str, BaseGeometry]:
    """Area -> its polygon, degrees WGS84."""
    features = city.boundaries(city.primary)["features"]
    return {feature["properties"]["area"]: shape(feature["geometry"]) for feature in features}


def random_points(geometry: BaseGeometry, random: np.random.Generator, size: int) -> list[Point]:
    """Points (longitude, latitude; 5 decimals, about a metre) spread evenly over a polygon, clear of its border."""
    west, south, east, north = geometry.bounds
    found: list[Point] = []
    while len(found) < size:
        xs, ys = random.uniform(west, east, 8 * size).round(5), random.uniform(south, north, 8 * size).round(5)
        inside = shapely.contains_xy(geometry, xs, ys)
        found += list(zip(xs[inside].tolist(), ys[inside].tolist(), strict=True))
    return found[:size]
