"""What the page's script is given."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.night import Night
from barometer.release.content import Content, collect_content
from barometer.release.page_data import VIRIDIS, class_colours, class_edges, page_data


@pytest.fixture(scope="module")
def content(sample: Night) -> Content:
    return collect_content(sample)


@pytest.fixture(scope="module")
def data(sample: Night, content: Content) -> dict[str, Any]:
    return page_data(content, sample.city, sample.night)


def test_areas_are_listed_by_name_each_with_a_shape(data: dict[str, Any]) -> None:
    names = [area["name"] for area in data["areas"]]
    assert names == sorted(names)
    assert {area["area"] for area in data["areas"]} == set(data["shapes"])


def test_every_published_figure_of_the_neighbourhoods_is_there(data: dict[str, Any], content: Content) -> None:
    rows = {
        (indicator["id"], area, period["start"]): figure
        for indicator in data["indicators"]
        for area, figures in indicator["rows"].items()
        for period, figure in zip(indicator["periods"], figures, strict=True)
    }
    assert len(rows) == content.estimates.height
    for row in content.estimates.iter_rows(named=True):
        figure = rows[row["indicator"], row["area"], row["period_start"].isoformat()]
        assert figure == [
            row[name] for name in ("value", "lower", "upper", "n", "method", "missing_reason", "effective_n")
        ]


def test_a_withheld_figure_has_no_number_in_the_page(data: dict[str, Any]) -> None:
    figures = [f for i in data["indicators"] for fs in i["rows"].values() for f in fs if f[5] == "suppressed"]
    assert figures
    assert all(figure[:4] == [None, None, None, None] for figure in figures)


def test_the_page_opens_on_a_figure_of_trust(data: dict[str, Any], content: Content) -> None:
    assert content.indicators[data["chosen"]].direction == "more_trust"


def test_the_data_survive_json_without_a_not_a_number(data: dict[str, Any]) -> None:
    assert json.loads(json.dumps(data, allow_nan=False)) == json.loads(json.dumps(data))


def test_the_newest_period_with_figures_is_shown_first(data: dict[str, Any]) -> None:
    for indicator in data["indicators"]:
        assert indicator["latest"] == len(indicator["periods"]) - 1


def test_coverage_has_counts_or_says_that_they_are_withheld(data: dict[str, Any], sample: Night) -> None:
    answers = data["coverage"]["answers"]
    assert answers[sample.city.id] % 5 == 0
    assert None in answers.values()


# Published values have three decimals.
@given(st.lists(st.integers(-1_000_000, 1_000_000).map(lambda thousandths: thousandths / 1000), max_size=50))
def test_map_classes_hold_every_value_and_are_few_and_even(values: list[float]) -> None:
    edges = class_edges(values)
    tolerance = 1e-6 * max(map(abs, [1.0, *values]))
    assert all(edges[0] - tolerance <= value <= edges[-1] + tolerance for value in values)
    assert 1 <= len(edges) - 1 <= 9
    steps = [b - a for a, b in pairwise(edges)]
    assert all(math.isclose(step, steps[0], rel_tol=1e-6, abs_tol=1e-9) for step in steps)


def test_map_classes_have_round_edges() -> None:
    assert class_edges([0.213, 0.58]) == [0.2, 0.3, 0.4, 0.5, 0.6]
    assert class_edges([]) == [0.0, 1.0]
    assert class_edges([5.0, 5.0])[0] == 5.0


@pytest.mark.parametrize("classes", range(1, 10))
def test_colours_run_from_light_to_dark(classes: int) -> None:
    colours = class_colours(classes)
    assert len(colours) == classes
    places = [VIRIDIS.index(colour) for colour in colours]
    assert places == sorted(set(places))
