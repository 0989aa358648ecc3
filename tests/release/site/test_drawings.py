"""Small drawings: sound SVG that stays in its box, whatever the figures."""

from __future__ import annotations

import re
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.release.site.drawings import (
    BAR_WIDTH,
    RANGE_WIDTH,
    SPARK_HEIGHT,
    SPARK_WIDTH,
    bar,
    centres,
    interval,
    locator,
    map_paths,
    sparkline,
)
from barometer.release.site.view import Site

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)
START = date(2026, 1, 1)


def points(values: list[float]) -> list[tuple[date, float, float, float]]:
    return [(START + timedelta(weeks=4 * k), value, value - 1, value + 1) for k, value in enumerate(values)]


def coordinates(drawing: str) -> list[tuple[float, float]]:
    root = ElementTree.fromstring(drawing)
    lines = [each.get("points", "") for each in root.iter("polyline")]
    found = [tuple(map(float, pair.split(","))) for line in lines for pair in line.split()]
    found += [(float(each.get("cx", 0)), float(each.get("cy", 0))) for each in root.iter("circle")]
    return found  # type: ignore[return-value]


@given(st.lists(NUMBERS, min_size=2, max_size=14), st.lists(NUMBERS, max_size=14))
def test_a_history_stays_in_its_box(place: list[float], city: list[float]) -> None:
    drawing = sparkline(points(place), points(city))
    assert all(0 <= x <= SPARK_WIDTH and 0 <= y <= SPARK_HEIGHT for x, y in coordinates(drawing))
    assert len(re.findall("<circle", drawing)) == len(place)


@pytest.mark.parametrize(("place", "city"), [([], [1.0, 2.0]), ([1.0], []), ([], [])])
def test_one_period_is_no_history(place: list[float], city: list[float]) -> None:
    assert sparkline(points(place), points(city)) == ""


def test_a_higher_value_lies_higher() -> None:
    (_, low), (_, high) = coordinates(sparkline(points([1.0, 5.0]), []))[:2]
    assert high < low


@given(NUMBERS, st.floats(0, 1e5), st.floats(0, 1e5), st.none() | NUMBERS)
def test_an_interval_holds_its_value_and_stays_on_the_scale(
    value: float, below: float, above: float, city: float | None
) -> None:
    drawing = interval(value, value - below, value + above, city=city, ends=(-1e6, 1e6))
    ((x, _),) = coordinates(drawing)
    (start, end), *_ = [map(float, found) for found in re.findall(r'class="range" d="M([\d.]+) 9H([\d.]+)"', drawing)]
    assert 0 <= start <= x + 0.11
    assert x - 0.11 <= end <= RANGE_WIDTH
    assert ('class="city"' in drawing) == (city is not None)


@given(st.floats(-1, 2))
def test_a_bar_is_as_long_as_its_share_and_never_longer_than_its_box(share: float) -> None:
    (found,) = re.findall(r'<rect width="([\d.]+)"', bar(share))
    assert float(found) == pytest.approx(min(max(share, 0), 1) * BAR_WIDTH, abs=0.06)


def test_drawings_repeat_what_stands_beside_them_and_are_not_read_aloud() -> None:
    assert all(
        'aria-hidden="true"' in each
        for each in (bar(0.5), sparkline(points([1, 2]), []), interval(1, 0, 2, city=None, ends=(0, 3)))
    )


def test_the_map_draws_every_area_inside_its_box(site: Site) -> None:
    paths, box = site.paths
    west, north, width, height = map(int, box.split())
    assert set(paths) == set(site.areas)
    for path in paths.values():
        for start in re.findall(r"M(-?\d+) (-?\d+)l", path):
            x, y = map(int, start)
            assert west <= x <= west + width
            assert north <= y <= north + height
        assert path.endswith("z")


def test_rings_come_back_to_the_points_they_were_made_of(site: Site) -> None:
    square = {"type": "Polygon", "coordinates": [[[0, 0], [0.01, 0], [0.01, 0.01], [0, 0.01], [0, 0]]]}
    paths, _ = map_paths({"features": [{"properties": {"area": "A"}, "geometry": square}]})
    assert re.fullmatch(r"M-50 50l100 0 0 -100 -100 0z", paths["A"])


def test_centres_lie_inside_the_box_of_the_map(site: Site) -> None:
    west, north, width, height = map(int, site.paths[1].split())
    middle = centres(site.night.city.boundaries(site.night.city.primary))
    assert set(middle) == set(site.areas)
    assert all(west <= x <= west + width and north <= y <= north + height for x, y in middle.values())


def test_the_locator_is_sound_svg_with_an_id_an_area(site: Site) -> None:
    root = ElementTree.fromstring(locator(site.night.city.boundaries(site.night.city.primary)))
    assert {each.get("id") for each in root.iter() if each.get("id")} == set(site.areas)
