"""What rests on silent sources says so; what other sources could tell of goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from barometer.estimate.silence import days_down, silent_periods
from barometer.indicators import load_indicators
from barometer.night import Night
from barometer.settings import PROJECT
from tests.rows import NIGHT, rows
from tests.towns import a_night, a_source

START = NIGHT - timedelta(days=13)
INDICATORS = {i.id: i for i in load_indicators(PROJECT / "configs").indicators}
POSTS, COUNTS = INDICATORS["rumour_share"], INDICATORS["footfall_rate"]


@pytest.fixture
def night(tmp_path: Path) -> Night:
    (tmp_path / "city").mkdir()
    made = a_night(tmp_path, NIGHT)
    return replace(made, city=replace(made.city, sources=(a_source(id="forum"), a_source(id="social"))))


def health(night: Night, states: dict[str, str], days: range) -> None:
    """Each source's state on the days before the night (0 is the night)."""
    for day in days:
        when = NIGHT - timedelta(days=day)
        made = [{"night": when, "source": source, "state": state} for source, state in states.items()]
        night.lake.replace("source_health", rows("source_health", *made), partition={"night": when})


def cells(indicator: str = POSTS.id, end: date = NIGHT) -> pl.DataFrame:
    return pl.DataFrame(
        {"indicator": [indicator] * 2, "period_start": [START] * 2, "period_end": [end] * 2, "area": ["a", "b"]}
    )


@pytest.mark.parametrize(("days", "is_silent"), [(0, False), (6, False), (7, True), (14, True)])
def test_half_of_the_days_make_a_silent_period(night: Night, days: int, is_silent: bool) -> None:
    health(night, {"forum": "silent", "social": "silent"}, range(days))
    assert silent_periods(night, cells(), (POSTS,)).height == is_silent


@pytest.mark.parametrize("other", ["working", "quiet"])
def test_while_one_source_works_the_figure_stands(night: Night, other: str) -> None:
    health(night, {"forum": "silent", "social": other}, range(14))
    assert silent_periods(night, cells(), (POSTS,)).is_empty()


def test_a_failing_source_is_as_silent_as_a_silent_one(night: Night) -> None:
    health(night, {"forum": "failing", "social": "silent"}, range(14))
    assert silent_periods(night, cells(), (POSTS,)).rows() == [(POSTS.id, START, NIGHT)]


def test_a_source_nobody_judged_may_have_worked(night: Night) -> None:
    health(night, {"forum": "silent"}, range(14))
    assert silent_periods(night, cells(), (POSTS,)).is_empty()


def test_a_running_period_is_judged_by_its_days_so_far(night: Night) -> None:
    health(night, {"forum": "silent", "social": "silent"}, range(7))
    running = cells(end=NIGHT + timedelta(days=14))
    assert silent_periods(night, running, (POSTS,)).height == 1


def test_without_any_health_nothing_is_silent(night: Night) -> None:
    assert silent_periods(night, cells(), (POSTS, COUNTS)).is_empty()


def test_a_series_is_silent_with_its_own_source_only(night: Night) -> None:
    steps = a_source(id="steps", signal="counts", options={"series": "footfall"})
    calls = a_source(id="calls", signal="counts", options={"series": "service_requests"})
    city = replace(night.city, sources=(steps, calls))
    made = replace(night, city=city)
    health(made, {"steps": "silent", "calls": "working"}, range(14))
    requests = INDICATORS["service_requests_rate"]
    both = pl.concat([cells(COUNTS.id), cells(requests.id)])
    assert silent_periods(made, both, (COUNTS, requests))["indicator"].to_list() == [COUNTS.id]


def test_days_down_need_every_source(night: Night) -> None:
    health(night, {"forum": "silent", "social": "silent"}, range(2))
    health(night, {"forum": "silent", "social": "working"}, range(2, 4))
    found = days_down(night.lake.read("source_health").collect(), ["forum", "social"])
    assert sorted(found["night"].to_list()) == [NIGHT - timedelta(days=1), NIGHT]
