"""The charts that need a script: without data of their own, and readable without colour."""

from __future__ import annotations

import json
from typing import Any

import pytest
import vl_convert

from barometer.release.site.build import VEGA_LITE
from barometer.release.site.charts import STATE_COLOURS, life_chart, trend_chart
from barometer.release.site.claims import STANDINGS

CHARTS = {"trend": trend_chart, "lives": life_chart}
ROWS: dict[str, list[dict[str, Any]]] = {
    "trend": [
        {"day": f"2026-0{month}-01", "who": who, "value": value, "lower": value - 0.1, "upper": value + 0.1}
        | {"label": "Here", "period": "May", "shown": "60%"}
        for who, value in (("first", 0.6), ("second", 0.4), ("city", 0.5))
        for month in (1, 3)
    ],
    "lives": [
        {
            "label": "library, sold",
            "first": "2026-04-01",
            "last": "2026-05-01",
            "state": "seen",
            "state_name": "going round",
        }
    ],
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_drawn_from_the_data_set_of_its_name(name: str) -> None:
    specification = json.loads(json.dumps(CHARTS[name]()))
    assert "datasets" not in specification
    drawn = vl_convert.vegalite_to_svg(specification | {"datasets": {name: ROWS[name]}, "width": 400})
    assert drawn.count("<path") > 4
    assert name == "trend" or "going round" in drawn


@pytest.mark.parametrize("name", CHARTS)
def test_the_schema_is_of_the_library_that_is_shipped(name: str) -> None:
    assert f"/v{VEGA_LITE}." in CHARTS[name]()["$schema"]


def test_places_differ_by_dash_and_shape_and_not_by_colour_alone() -> None:
    layers = trend_chart()["layer"]
    dashes = [
        layer["encoding"]["strokeDash"]["scale"]["range"] for layer in layers if "strokeDash" in layer["encoding"]
    ]
    shapes = [layer["encoding"]["shape"]["scale"]["range"] for layer in layers if "shape" in layer["encoding"]]
    assert len({str(dash) for dash in dashes[0]}) == 3
    assert len(set(shapes[0])) == 3


def test_the_trend_draws_interval_line_and_points() -> None:
    marks = [layer["mark"]["type"] for layer in trend_chart()["layer"]]
    assert marks == ["rule", "line", "point"]


def test_every_state_of_a_rumour_has_a_colour_and_its_word_stands_beside_it() -> None:
    bars, names = life_chart()["layer"]
    assert bars["encoding"]["color"]["scale"]["domain"] == list(STATE_COLOURS)
    assert set(STATE_COLOURS) == set(STANDINGS)
    assert names["encoding"]["text"]["field"] == "state_name"
