"""Which night a run of the DAG is for, and what the run is called."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from barometer.errors import BadConfiguration


def night_of(*, requested: str | None, interval_start: datetime | None, run_after: datetime, timezone: str) -> date:
    """The day, in the city's time zone, whose end the run looks back from.

    `requested` (ISO date, given when a person starts a run by hand) wins; else the day on which the run's data interval
    starts; a run without an interval is for the day before it was started.
    """
    if requested:
        return _requested_date(requested)
    zone = ZoneInfo(timezone)
    if interval_start is not None:
        return interval_start.astimezone(zone).date()
    return run_after.astimezone(zone).date() - timedelta(days=1)


def _requested_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadConfiguration(f"parameter `night`: {text!r} is not a date; write it as 2026-05-31") from error


def interval_of(night: date, timezone: str) -> tuple[datetime, datetime]:
    """First and last moment of the night's day in the city's time zone: the data interval of its run."""
    zone = ZoneInfo(timezone)
    return datetime.combine(night, time(), zone), datetime.combine(night + timedelta(days=1), time(), zone)
