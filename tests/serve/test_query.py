"""Filters over invented rows: what they choose is what they say."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from barometer.serve.query import EstimateQuestion, OfRelease, estimates

DAY = date(2026, 1, 1)
ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(0, 50), st.integers(0, 20)), max_size=30
)


def release(rows: list[tuple[str, str, int, int]]) -> Any:
    schema = {
        "indicator": pl.String,
        "area": pl.String,
        "geography": pl.String,
        "period_start": pl.Date,
        "period_end": pl.Date,
    }
    records = [
        (indicator, area, "ward", DAY + timedelta(begins), DAY + timedelta(begins + lasts))
        for indicator, area, begins, lasts in rows
    ]
    return SimpleNamespace(estimates=pl.DataFrame(records, schema=schema, orient="row"))


def ask(**asked: Any) -> EstimateQuestion:
    return EstimateQuestion.model_validate(asked)


@given(ROWS, st.integers(0, 70), st.integers(0, 70))
def test_periods_chosen_are_those_that_touch_the_days_asked_for(
    rows: list[tuple[str, str, int, int]], one: int, other: int
) -> None:
    first, last = DAY + timedelta(min(one, other)), DAY + timedelta(max(one, other))
    found = estimates([release(rows)], ask(period_from=first, period_to=last))
    wanted = [r for r in rows if DAY + timedelta(r[2]) <= last and DAY + timedelta(r[2] + r[3]) >= first]
    assert found.height == len(wanted)


@given(ROWS, st.sets(st.sampled_from("abc")), st.sets(st.sampled_from("xyz")))
def test_names_chosen_are_those_asked_for_and_all_if_none(
    rows: list[tuple[str, str, int, int]], indicators: set[str], areas: set[str]
) -> None:
    found = estimates([release(rows)], ask(indicator=sorted(indicators), area=sorted(areas)))
    wanted = [r for r in rows if r[0] in (indicators or set("abc")) and r[1] in (areas or set("xyz"))]
    assert found.select("indicator", "area").rows() == [(r[0], r[1]) for r in wanted]


def test_rows_of_several_cities_follow_one_another() -> None:
    first, second = release([("a", "x", 0, 1)]), release([("b", "y", 0, 1)])
    assert estimates([first, second], ask())["indicator"].to_list() == ["a", "b"]
    assert estimates([], ask()).is_empty()


@pytest.mark.parametrize(
    "wrong",
    [{"limit": 0}, {"limit": 50_001}, {"offset": -1}, {"city": ""}, {"indicator": [""]}, {"format": "xlsx"},
     {"area": ["x"] * 101}, {"period_from": "soon"}, {"areas": "x"}],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ask(**wrong)


def test_only_one_named_release_of_one_city_never_changes() -> None:
    assert OfRelease(city="a", release="2026-01-01-1").never_changes
    assert not OfRelease(city="a").never_changes
    assert not OfRelease(release="2026-01-01-1").never_changes
    assert not OfRelease(city="a", as_of=DAY).never_changes
