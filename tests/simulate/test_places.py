"""Points lie in the neighbourhoods they are made for."""

from __future__ import annotations

import numpy as np
from shapely.geometry import Polygon

from barometer.city import City
from barometer.simulate.places import random_points, shapes


def test_they_lie_where_the_city_places_them(sample_city: City) -> None:
    random = np.random.default_rng(3)
    polygons = shapes(sample_city)
    assert len(polygons) == 63
    for area in list(polygons)[::9]:
        points = random_points(polygons[area], random, 10)
        found = sample_city.locate([x for x, _ in points], [y for _, y in points])
        assert found == [area] * 10


def test_a_thin_shape_gets_its_points_too() -> None:
    sliver = Polygon([(0, 0), (1, 1), (1, 1.01), (0, 0.01)])
    points = random_points(sliver, np.random.default_rng(3), 25)
    assert len(points) == 25
    assert all(abs(x - y) <= 0.011 for x, y in points)
