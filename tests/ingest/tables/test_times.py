"""Stated times become UTC; local ones by the time zone, days by their noon."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.tables.observations import PROTOCOL_FORMATS
from barometer.ingest.tables.times import ISO_FORMATS, noon, parsed_time
from barometer.tables import UTC_TIME

LONDON = "Europe/London"


def read(text: str | None, *, formats: tuple[str, ...] = ISO_FORMATS, timezone: str = LONDON) -> datetime | None:
    frame = pl.DataFrame({"t": [text]}, schema={"t": pl.String})
    parsed = frame.select(parsed_time(pl.col("t"), formats=formats, timezone=timezone)).to_series()
    assert parsed.dtype == UTC_TIME
    found: datetime | None = parsed.item()
    return found


class TestIso:
    @pytest.mark.parametrize(
        ("text", "utc"),
        [
            ("2026-03-02T10:00:00Z", datetime(2026, 3, 2, 10)),
            ("2026-03-02T10:00:00+05:30", datetime(2026, 3, 2, 4, 30)),
            ("2026-03-02T10:00:00+0530", datetime(2026, 3, 2, 4, 30)),
            ("2026-03-02 10:00:00.250+00:00", datetime(2026, 3, 2, 10, 0, 0, 250_000)),
            ("2026-03-02T10:00:00", datetime(2026, 3, 2, 10)),
            ("2026-07-02T10:00", datetime(2026, 7, 2, 9)),
            ("2026-07-02 10:00:30", datetime(2026, 7, 2, 9, 0, 30)),
        ],
    )
    def test_times_with_and_without_offset(self, text: str, utc: datetime) -> None:
        assert read(text) == utc.replace(tzinfo=UTC)

    @pytest.mark.parametrize(("text", "hour"), [("2026-03-02", 12), ("2026-07-02", 11)])
    def test_a_day_is_its_noon_there(self, text: str, hour: int) -> None:
        found = read(text)
        assert found is not None
        assert found.hour == hour

    @pytest.mark.parametrize(
        "text", [None, "", "tomorrow", "2026-13-01", "2026-02-30T10:00:00", "02/03/2026", "20260302"]
    )
    def test_what_is_no_iso_time_is_none(self, text: str | None) -> None:
        assert read(text) is None


class TestClockChanges:
    def test_an_hour_that_occurs_twice_is_the_earlier(self) -> None:
        assert read("2026-10-25 01:30:00") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    def test_an_hour_that_never_occurs_is_none(self) -> None:
        assert read("2026-03-29T01:30:00") is None


class TestOtherFormats:
    @pytest.mark.parametrize(
        ("text", "utc"),
        [
            ("09/22/17 07:00 PM", datetime(2017, 9, 23, 2)),
            ("6/16/2018 9:43:00AM", datetime(2018, 6, 16, 16, 43)),
            ("06/07/2017 08:10 AM", datetime(2017, 6, 7, 15, 10)),
        ],
    )
    def test_times_as_the_public_life_protocol_writes_them(self, text: str, utc: datetime) -> None:
        found = read(text, formats=PROTOCOL_FORMATS, timezone="America/Los_Angeles")
        assert found == utc.replace(tzinfo=UTC)

    def test_the_first_format_that_fits_is_taken(self) -> None:
        assert read("03/04/2026", formats=("%d/%m/%Y", "%m/%d/%Y")) == datetime(2026, 4, 3, 11, tzinfo=UTC)
        assert read("03/14/2026", formats=("%d/%m/%Y", "%m/%d/%Y")) == datetime(2026, 3, 14, 12, tzinfo=UTC)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_a_written_time_with_offset_is_read_back_exactly(at: datetime, offset_minutes: int) -> None:
    at = at.replace(second=at.second)
    sign, minutes = ("-" if offset_minutes < 0 else "+"), abs(offset_minutes)
    text = f"{at.isoformat(timespec='microseconds')}{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    assert read(text) == (at - timedelta(minutes=offset_minutes)).replace(tzinfo=UTC)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_noon_lies_on_its_own_day_there(day: date) -> None:
    frame = pl.DataFrame({"d": [day]}).select(noon(pl.col("d"), LONDON).dt.convert_time_zone(LONDON).dt.date())
    assert frame.item() == day


@given(st.text(max_size=25))
def test_any_text_is_a_time_or_none(text: str) -> None:
    found = read(text)
    assert found is None or found.tzinfo is not None
