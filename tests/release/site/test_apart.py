"""One rule for what can be told apart: every difference against its own error, all of a pair together."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.release.site import neighbourhood
from barometer.release.site.apart import p_of_difference, told_apart
from barometer.release.site.figures import NOTHING, Figure, Series
from barometer.release.site.view import View
from barometer.release.words import is_too_wide
from tests.release.site.reading import Page

ERRORS = st.floats(0.01, 10)


def figure(value: float, error: float) -> Figure:
    return Figure(value, value - 1.96 * error, value + 1.96 * error, standard_error=error)


def series_of(view: View, *pairs: tuple[Figure, Figure]) -> dict[str, Series]:
    """Indicators with one period, in which `place` and `city` have these figures."""
    like, day = view.site.series["trust_council"], date(2026, 5, 1)
    return {
        f"i{k}": replace(like, periods=[(day, day)], latest=0, rows={"place": [a], "city": [b]})
        for k, (a, b) in enumerate(pairs)
    }


@given(st.floats(-100, 100), st.floats(-100, 100), ERRORS, ERRORS)
def test_a_difference_is_as_likely_either_way_round(a: float, b: float, e: float, f: float) -> None:
    p = p_of_difference(figure(a, e), figure(b, f))
    assert p == p_of_difference(figure(b, f), figure(a, e))
    assert p is not None
    assert 0 <= p <= 1


def test_the_chance_is_that_of_the_normal_distribution() -> None:
    assert p_of_difference(figure(1.96 * math.sqrt(2), 1), figure(0, 1)) == pytest.approx(0.05, abs=1e-4)
    assert p_of_difference(figure(3, 1), figure(3, 2)) == 1


@pytest.mark.parametrize("other", [NOTHING, Figure(value=4.0)])
def test_nothing_is_tested_without_a_value_or_any_error(other: Figure) -> None:
    assert p_of_difference(Figure(value=5.0), other) is None


def test_an_interval_beyond_the_others_value_is_not_enough(view: View) -> None:
    # its own interval leaves out the city's value, and the two differ by less than both errors make likely
    place, city = figure(5.0, 0.4), figure(4.1, 0.4)
    assert place.lower is not None
    assert place.lower > 4.1
    assert told_apart(series_of(view, (place, city)), "place", "city") == {}


def test_differences_have_a_sign_and_are_tested_together(view: View) -> None:
    alone = figure(5.0, 0.4), figure(4.0, 0.2)
    same = figure(4.0, 0.4), figure(4.0, 0.2)
    clear = figure(1.0, 0.2), figure(4.0, 0.2)
    assert told_apart(series_of(view, alone), "place", "city") == {"i0": 1.0}
    assert told_apart(series_of(view, alone, *[same] * 9), "place", "city") == {}
    assert told_apart(series_of(view, alone, same, same, clear), "place", "city") == {"i3": -3.0}


def test_no_indicators_are_none_apart() -> None:
    assert told_apart({}, "place", "city") == {}


def test_a_page_calls_higher_what_is_apart_and_quiet_what_is_too_uncertain(view: View) -> None:
    city = view.site.night.city.id
    area = max(view.site.areas, key=lambda each: len(told_apart(view.site.series, each, city)))
    page = Page(dict(neighbourhood.render_all(view))[view.area_file(area)])
    apart = told_apart(view.site.series, area, city)
    assert len(apart) > 0
    assert len(re.findall("(?:higher|lower) than the city", page.text)) == len(apart)
    shown = [(s.at(area), s.indicator) for s in view.site.series.values() if s.at(area).is_shown]
    wide = sum(f.lower is not None and f.upper is not None and is_too_wide(f.lower, f.upper, i) for f, i in shown)
    assert page.text.count("too uncertain to say") == wide
