"""Times of day stay on their day, also when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from barometer.simulate.calendar import clock, moment, waking_seconds

LONDON = "Europe/London"


@given(st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.integers(0, 86_399))
def test_every_moment_lies_on_its_local_day(day: date, seconds: int) -> None:
    assert moment(day, seconds, LONDON).astimezone(ZoneInfo(LONDON)).date() == day


def test_times_are_written_in_utc() -> None:
    assert clock(date(2026, 5, 4), 13 * 3600, LONDON) == "2026-05-04T12:00:00Z"
    assert moment(date(2026, 3, 4), 60, LONDON) == datetime(2026, 3, 4, 0, 1, tzinfo=UTC)


def test_the_day_that_is_an_hour_short_ends_in_time() -> None:
    assert moment(date(2026, 3, 29), 86_399, LONDON) == datetime(2026, 3, 29, 22, 59, 59, tzinfo=UTC)


def test_people_post_when_they_are_awake() -> None:
    seconds = waking_seconds(np.random.default_rng(1), 4000)
    assert seconds == sorted(seconds)
    assert 0 <= seconds[0] <= seconds[-1] < 86_400
    at_night = sum(1 * 3600 <= second < 5 * 3600 for second in seconds)
    in_the_evening = sum(17 * 3600 <= second < 21 * 3600 for second in seconds)
    assert in_the_evening > 5 * at_night
