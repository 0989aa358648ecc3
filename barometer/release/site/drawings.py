"""Small drawings as SVG, so that most pages need no script: history, interval, bar, map.

Colours come from the style sheet. Every drawing repeats figures that stand beside it as text, so it is hidden from
screen readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from barometer.release.geometry import flat_boundaries

SPARK_WIDTH, SPARK_HEIGHT, SPARK_MARGIN = 132, 34, 4
RANGE_WIDTH, RANGE_HEIGHT = 150, 18
BAR_WIDTH, BAR_HEIGHT = 90, 11
Point = tuple[date, float, float | None, float | None]


def sparkline(place: Sequence[Point], city: Sequence[Point]) -> Markup:
    """History of a place over its city's: (day, value, lower, upper) each; intervals as bars, the newest with a dot."""
    everything = [*place, *city]
    if not place or len({day for day, *_ in everything}) < 2:
        return Markup("")
    days = [day.toordinal() for day, *_ in everything]
    ends = [end for _, *figure in everything for end in figure if end is not None]
    x = _scale(min(days), max(days), SPARK_MARGIN, SPARK_WIDTH - SPARK_MARGIN)
    y = _scale(min(ends), max(ends), SPARK_HEIGHT - SPARK_MARGIN, SPARK_MARGIN)
    parts = [_line(city, x, y, "of-city"), _whiskers(place, x, y), _line(place, x, y, "of-place")]
    parts += [f'<circle cx="{x(d.toordinal()):.0f}" cy="{y(v):.1f}" r="2"/>' for d, v, *_ in place[:-1]]
    day, value, *_ = place[-1]
    parts.append(f'<circle cx="{x(day.toordinal()):.0f}" cy="{y(value):.1f}" r="3.2"/>')
    return _svg("spark", SPARK_WIDTH, SPARK_HEIGHT, parts)


def _line(points: Sequence[Point], x: Any, y: Any, name: str) -> str:
    path = " ".join(f"{x(day.toordinal()):.0f},{y(value):.1f}" for day, value, *_ in points)
    return f'<polyline class="{name}" points="{path}"/>'


def _whiskers(points: Sequence[Point], x: Any, y: Any) -> str:
    steps = (
        f"M{x(d.toordinal()):.0f} {y(low):.1f}V{y(high):.1f}" for d, _, low, high in points if low is not None and high
    )
    return f'<path class="whisker" d="{"".join(steps)}"/>'


def interval(value: float, lower: float, upper: float, *, city: float | None, ends: tuple[float, float]) -> Markup:
    """A value with its interval on the scale of `ends`, and a tick where the whole city stands."""
    x = _scale(*ends, 4, RANGE_WIDTH - 4)
    middle = RANGE_HEIGHT // 2
    parts = [f'<path class="scale" d="M0 {middle}H{RANGE_WIDTH}"/>']
    parts.append(f'<path class="range" d="M{x(lower):.1f} {middle}H{x(upper):.1f}"/>')
    if city is not None:
        parts.append(f'<path class="city" d="M{x(city):.1f} 2V{RANGE_HEIGHT - 2}"/>')
    parts.append(f'<circle cx="{x(value):.1f}" cy="{middle}" r="4"/>')
    return _svg("interval", RANGE_WIDTH, RANGE_HEIGHT, parts)


def bar(share: float, name: str = "") -> Markup:
    """A share (0-1) as a bar."""
    width = abs(max(min(share, 1.0), 0.0)) * BAR_WIDTH
    filled = f'<rect width="{width:.1f}" height="{BAR_HEIGHT}"/>'
    return _svg(f"bar {name}".strip(), BAR_WIDTH, BAR_HEIGHT, [filled], fit="none")


def _scale(start: float, end: float, low: float, high: float) -> Any:
    """From [start, end] to [low, high], kept inside; the middle where there is no spread."""
    spread = end - start

    def place(value: float) -> float:
        share = 0.5 if spread == 0 else min(max((value - start) / spread, 0.0), 1.0)
        return low + share * (high - low)

    return place


def _svg(name: str, width: int, height: int, parts: Iterable[str], *, fit: str = "xMidYMid") -> Markup:
    body = "".join(parts)
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    opening = f'<svg class="{name}" {size} preserveAspectRatio="{fit}" aria-hidden="true">'
    return Markup(f"{opening}{body}</svg>")  # noqa: S704 (numbers and our own names only)


def map_paths(collection: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """Area -> SVG path of its boundary, and the view box that holds them all."""
    shapes = flat_boundaries(dict(collection))
    paths = {area: _path(geometry) for area, geometry in shapes.items()}
    points = [point for geometry in shapes.values() for ring in _rings(geometry) for point in ring]
    xs, ys = [x for x, _ in points], [-y for _, y in points]
    margin = 0.01 * (max(xs) - min(xs))
    box = (min(xs) - margin, min(ys) - margin, max(xs) - min(xs) + 2 * margin, max(ys) - min(ys) + 2 * margin)
    return paths, " ".join(f"{number:.0f}" for number in box)


def centres(collection: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Area -> a point of the map in its middle, for moving between areas by arrow keys."""
    return {area: _middle(geometry) for area, geometry in flat_boundaries(dict(collection)).items()}


def _middle(geometry: dict[str, Any]) -> tuple[int, int]:
    ring = max(_rings(geometry), key=len)
    return round(sum(x for x, _ in ring) / len(ring)), round(-sum(y for _, y in ring) / len(ring))


def _rings(geometry: dict[str, Any]) -> list[list[tuple[int, int]]]:
    coordinates = geometry["coordinates"]
    polygons = [coordinates] if geometry["type"] == "Polygon" else coordinates
    return [[(x, y) for x, y in ring] for polygon in polygons for ring in polygon]


def _path(geometry: dict[str, Any]) -> str:
    return "".join(_ring_path(ring) for ring in _rings(geometry))


def _ring_path(ring: Sequence[tuple[int, int]]) -> str:
    """Relative steps: shorter than places."""
    start_x, start_y = ring[0]
    steps = [f"M{start_x} {-start_y}l"]
    for (x0, y0), (x1, y1) in pairwise(ring[:-1]):
        steps.append(f"{x1 - x0} {y0 - y1} ")
    return "".join(steps).rstrip() + "z"


@cache
def hatch() -> Markup:
    """The pattern of areas without a figure."""
    return Markup(
        '<defs><pattern id="hatch" width="14" height="14" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect class="hatch-ground" width="14" height="14"/><path class="hatch-line" d="M0 0V14"/></pattern></defs>'
    )


def locator(collection: Mapping[str, Any]) -> str:
    """A file of its own: every area of the city; the one named after # is marked (`map.svg#E02002183`)."""
    paths, box = map_paths(collection)
    areas = "".join(f'<path id="{area}" d="{path}"/>' for area, path in paths.items())
    style = (
        "path{fill:#c9d3d9;stroke:#fff;stroke-width:4}path:target{fill:#c2185b}"
        "@media(prefers-color-scheme:dark){path{fill:#3c4a54;stroke:#12181d}path:target{fill:#ff7eb6}}"
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}"><style>{style}</style>{areas}</svg>\n'
