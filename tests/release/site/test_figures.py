"""Published figures as pages and scripts are given them."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.release.content import Content
from barometer.release.site.figures import NOTHING, VIRIDIS, Figure, class_colours, class_edges, default_indicator
from barometer.release.site.script_data import SENTENCES, figures_script, script_words
from barometer.release.site.view import Site, View


def test_every_published_figure_of_neighbourhoods_and_city_is_there(site: Site, content: Content) -> None:
    found = {
        (name, area, *period): figure
        for name, series in site.series.items()
        for area, figures in series.rows.items()
        for period, figure in zip(series.periods, figures, strict=True)
    }
    assert len(found) == content.estimates.height
    for row in content.estimates.iter_rows(named=True):
        figure = found[row["indicator"], row["area"], row["period_start"], row["period_end"]]
        assert figure == Figure(*(row[name] for name in Figure._fields))


def test_the_newest_period_with_figures_is_shown_and_those_before_it_by_number(site: Site) -> None:
    series = site.series["wallet_neighbour"]
    area = next(area for area in site.areas if all(figure.is_shown for figure in series.rows[area]))
    assert series.at(area) == series.rows[area][-1]
    assert series.at(area, back=1) == series.rows[area][0]
    assert series.at(area, back=2) is NOTHING
    assert series.at("nowhere") is NOTHING
    assert [figure for _, figure in series.shown(area)] == series.rows[area]


def test_pages_open_on_a_figure_of_trust(site: Site, content: Content) -> None:
    assert content.indicators[default_indicator(site.series, site.night.city)].direction == "more_trust"


def test_a_value_has_the_colour_of_the_class_it_lies_in(site: Site) -> None:
    series = site.series["wallet_neighbour"]
    for low, high, colour in zip(series.edges, series.edges[1:], series.colours, strict=False):
        assert series.colour(low) == series.colour((low + high) / 2) == colour
    assert series.colour(series.edges[-1]) == series.colours[-1]


def test_the_script_is_given_no_number_that_is_withheld(site: Site) -> None:
    script = figures_script(site)
    data = json.loads(script.split("window.barometerFigures = ", 1)[1].rstrip(";\n"))
    suppressed = data["reasons"].index("suppressed")
    rows = [
        (row, figure)
        for name, each in data["indicators"].items()
        for area, figures in each["rows"].items()
        for row, figure in zip(figures, site.series[name].rows[area], strict=True)
    ]
    withheld = [(row, figure) for row, figure in rows if figure.missing_reason == "suppressed"]
    assert withheld
    assert all(row == [suppressed, figure.n] and figure.n is None for row, figure in withheld)
    shown = [(row, figure) for row, figure in rows if figure.is_shown]
    assert all(row[:4] == [figure.value, figure.lower, figure.upper, figure.n] for row, figure in shown)


def test_the_script_has_every_sentence_in_the_language_of_its_page(view: View, swedish: View) -> None:
    english, other = script_words(view), script_words(swedish)
    assert english["say"] == SENTENCES
    assert set(other["say"]) == set(SENTENCES)
    assert other["say"]["apart"] != SENTENCES["apart"]
    assert (other["decimal"], other["percent"], other["language"]) == (",", "\xa0%", "sv")
    assert other["indicators"]["trust_council"]["title"] == "Tillit till kommunen (0 till 10)"
    assert len(other["indicators"]["trust_council"]["periods"]) == len(view.site.series["trust_council"].periods)


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
