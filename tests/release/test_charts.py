"""The charts are valid Vega-Lite, carry no data of their own, and tell apart by more than colour."""

from __future__ import annotations

import json
from typing import Any

import pytest
import vl_convert

from barometer.release.charts import map_chart, trend_chart
from barometer.release.site import VEGA_LITE

CHARTS = {"map": map_chart(), "trend": trend_chart(height=260)}
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]]}
AREA = {"type": "Feature", "geometry": SQUARE, "area": "a", "name": "A", "fill": "#440154", "shown": "61%"}
POINT = {"day": "2026-03-15", "who": "area", "value": 0.6, "lower": 0.5, "upper": 0.7, "shown": "60%"}
DATA = {"map": {"areas": [AREA]}, "trend": {"trend": [POINT, POINT | {"day": "2026-04-12", "value": 0.7}]}}


def drawn(name: str) -> str:
    """The chart as SVG, at a fixed width, with a little data."""
    sized = CHARTS[name] | {"width": 300, "height": 200, "datasets": DATA[name]}
    return vl_convert.vegalite_to_svg(sized, vl_version=VEGA_LITE)


def marks(specification: dict[str, Any]) -> list[str]:
    return [layer["mark"]["type"] for layer in specification["layer"]]


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_holds_no_data(name: str) -> None:
    assert "datasets" not in CHARTS[name]
    assert "values" not in json.dumps(CHARTS[name])


@pytest.mark.parametrize("name", CHARTS)
def test_the_schema_is_of_the_library_that_is_shipped(name: str) -> None:
    assert f"/v{VEGA_LITE}." in CHARTS[name]["$schema"]


def test_the_map_paints_each_area_with_the_colour_it_is_given() -> None:
    assert 'fill="#440154"' in drawn("map")


def test_the_trend_draws_interval_line_and_points() -> None:
    assert marks(CHARTS["trend"]) == ["area", "rule", "line", "point"]
    svg = drawn("trend")
    assert svg.count("mark-rule") >= 1
    assert "60%" in svg


def test_neighbourhood_and_city_differ_by_dash_and_shape_too() -> None:
    encodings = [layer["encoding"] for layer in CHARTS["trend"]["layer"]]
    assert any("strokeDash" in encoding for encoding in encodings)
    assert any("shape" in encoding for encoding in encodings)


def test_a_gap_stays_a_gap() -> None:
    # given a period without a figure between two that have one
    rows = [
        POINT,
        POINT | {"day": "2026-04-12", "value": None, "lower": None, "upper": None},
        POINT | {"day": "2026-05-10"},
    ]
    gapped = CHARTS["trend"] | {"width": 300, "height": 200, "datasets": {"trend": rows}}
    svg = vl_convert.vegalite_to_svg(gapped, vl_version=VEGA_LITE)
    path = svg.split("mark-line")[1].split(' d="')[1].split('"')[0]
    # then the line has two pieces, and nothing joins them
    assert path.count("M") == 2
    assert "L" not in path
