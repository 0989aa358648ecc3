from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadConfiguration
from barometer.ops.nights import interval_of, night_of

LONDON = "Europe/London"
ZONES = st.sampled_from([LONDON, "Europe/Stockholm", "America/Los_Angeles", "Pacific/Auckland", "UTC"])


def test_a_scheduled_run_is_for_the_local_day_its_interval_starts_on() -> None:
    """Given an interval that starts at 04:00 summer time, its night is that local day, not the UTC one before it."""
    start = datetime(2026, 7, 5, 4, tzinfo=ZoneInfo("Pacific/Auckland"))
    night = night_of(requested=None, interval_start=start.astimezone(UTC), run_after=start, timezone="Pacific/Auckland")
    assert night == date(2026, 7, 5)


def test_a_requested_night_wins_over_the_interval() -> None:
    now = datetime(2026, 7, 5, tzinfo=UTC)
    assert night_of(requested="2026-01-31", interval_start=now, run_after=now, timezone=LONDON) == date(2026, 1, 31)


def test_a_run_without_interval_is_for_the_day_before_it_was_started() -> None:
    started = datetime(2026, 7, 5, 23, 30, tzinfo=UTC)  # already the 6th in London
    assert night_of(requested=None, interval_start=None, run_after=started, timezone=LONDON) == date(2026, 7, 5)


def test_a_night_that_is_no_date_is_refused_with_what_to_write() -> None:
    with pytest.raises(BadConfiguration, match=r"'5 July' is not a date; write it as"):
        night_of(requested="5 July", interval_start=None, run_after=datetime.now(UTC), timezone=LONDON)


@given(day=st.dates(date(2000, 1, 1), date(2100, 1, 1)), zone=ZONES)
def test_the_interval_of_a_night_leads_back_to_it(day: date, zone: str) -> None:
    start, end = interval_of(day, zone)
    assert night_of(requested=None, interval_start=start.astimezone(UTC), run_after=end, timezone=zone) == day
    assert end.astimezone(ZoneInfo(zone)).date() == day + timedelta(days=1)


@given(day=st.dates(date(2000, 1, 1), date(2100, 1, 1)), zone=ZONES)
def test_intervals_of_neighbouring_nights_meet(day: date, zone: str) -> None:
    assert interval_of(day, zone)[1].astimezone(UTC) == interval_of(day + timedelta(days=1), zone)[0].astimezone(UTC)
