"""The Index's charts draw what they are given, within 0 to 100."""

from __future__ import annotations

import json
from typing import Any

import pytest
import vl_convert

from barometer.release.icc_charts import achievement_chart, comparison_chart, progress_chart

ROW = {"title": "Language", "place": 0, "score": 65}
DATA: dict[str, dict[str, Any]] = {
    "achievement": ROW | {"lower_quartile": 50, "median": 60, "upper_quartile": 80, "shown": "65"},
    "progress": ROW | {"year": 2024},
    "comparison": ROW | {"city": "Elsewhere", "who": "other"},
}
CHARTS = {"achievement": achievement_chart, "progress": progress_chart, "comparison": comparison_chart}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_drawn_from_the_data_set_of_its_name(name: str) -> None:
    specification = json.loads(json.dumps(CHARTS[name]()))
    drawn = vl_convert.vegalite_to_svg(specification | {"datasets": {name: [DATA[name]]}, "width": 300})
    assert "Language" in drawn
    assert "100" in drawn


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_carries_no_data_of_its_own(name: str) -> None:
    assert "datasets" not in CHARTS[name]()


def test_own_and_other_cities_differ_by_more_than_colour() -> None:
    encoding = comparison_chart()["encoding"]
    assert len(set(encoding["shape"]["scale"]["range"])) == 2
    assert len(set(encoding["size"]["scale"]["range"])) == 2
