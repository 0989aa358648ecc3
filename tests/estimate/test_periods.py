"""Blocks of weeks: fixed, without gap or overlap, whatever the night."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.periods import blocks, earliest_day, with_period

ANCHOR = date(2024, 1, 1)
DAYS = st.dates(date(2010, 1, 1), date(2040, 1, 1))
WEEKS = st.integers(1, 13)


def period_of(day: date, weeks: int) -> tuple[date, date]:
    placed = with_period(pl.DataFrame({"day": [day]}), day="day", weeks=weeks, anchor=ANCHOR)
    return placed["period_start"][0], placed["period_end"][0]


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [
        (date(2024, 1, 1), date(2024, 1, 1), date(2024, 1, 28)),
        (date(2024, 1, 28), date(2024, 1, 1), date(2024, 1, 28)),
        (date(2024, 1, 29), date(2024, 1, 29), date(2024, 2, 25)),
        (date(2023, 12, 31), date(2023, 12, 4), date(2023, 12, 31)),
        (date(2026, 5, 9), date(2026, 4, 20), date(2026, 5, 17)),
    ],
)
def test_four_week_blocks(day: date, start: date, end: date) -> None:
    assert period_of(day, 4) == (start, end)


@given(day=DAYS, weeks=WEEKS)
def test_a_day_lies_in_its_block_of_whole_weeks(day: date, weeks: int) -> None:
    start, end = period_of(day, weeks)
    assert start <= day <= end
    assert (end - start).days + 1 == 7 * weeks
    assert start.weekday() == 0


@given(day=DAYS, weeks=WEEKS)
def test_the_next_block_begins_when_one_ends(day: date, weeks: int) -> None:
    _, end = period_of(day, weeks)
    assert period_of(end + timedelta(days=1), weeks)[0] == end + timedelta(days=1)


@given(first=DAYS, length=st.integers(0, 800), weeks=WEEKS)
def test_blocks_cover_every_day_once(first: date, length: int, weeks: int) -> None:
    last = first + timedelta(days=length)
    found = blocks(first_day=first, last_day=last, weeks=weeks, anchor=ANCHOR)
    assert found["period_start"][0] <= first
    assert found["period_end"][-1] >= last
    gaps = (found["period_start"].shift(-1) - found["period_end"]).drop_nulls().dt.total_days()
    assert (gaps == 1).all()


@given(first=DAYS, length=st.integers(0, 400), weeks=WEEKS)
def test_blocks_are_those_that_days_are_placed_in(first: date, length: int, weeks: int) -> None:
    last = first + timedelta(days=length)
    days = pl.DataFrame({"day": pl.date_range(first, last, eager=True)})
    placed = with_period(days, day="day", weeks=weeks, anchor=ANCHOR).select("period_start", "period_end").unique()
    assert placed.sort("period_start").equals(blocks(first_day=first, last_day=last, weeks=weeks, anchor=ANCHOR))


@given(night=DAYS, weeks=WEEKS, lookback=st.integers(28, 800))
def test_the_look_back_begins_with_a_whole_block(night: date, weeks: int, lookback: int) -> None:
    day = earliest_day(night=night, lookback_days=lookback, weeks=weeks, anchor=ANCHOR)
    assert period_of(day, weeks)[0] == day
    assert day <= night - timedelta(days=lookback) < day + timedelta(days=7 * weeks)


@given(night=DAYS, weeks=WEEKS)
def test_the_next_night_sees_the_same_blocks(night: date, weeks: int) -> None:
    before = blocks(first_day=date(2009, 6, 1), last_day=night, weeks=weeks, anchor=ANCHOR)
    after = blocks(first_day=date(2009, 6, 1), last_day=night + timedelta(days=1), weeks=weeks, anchor=ANCHOR)
    assert after.head(before.height).equals(before)


def test_a_frame_of_no_days_has_no_periods() -> None:
    empty = with_period(pl.DataFrame(schema={"day": pl.Date}), day="day", weeks=4, anchor=ANCHOR)
    assert empty.schema["period_start"] == pl.Date
    assert empty.is_empty()
