"""Times of day of a simulated day, in the city's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

_WAKING_HOURS = np.array([1, 1, 1, 1, 1, 2, 4, 6, 7, 6, 5, 5, 6, 6, 5, 5, 6, 8, 9, 9, 8, 7, 5, 3], dtype=np.float64)
"""How often people post in each hour of the day, relatively."""


def moment(day: date, seconds: int, timezone: str) -> datetime:
    """UTC time so many seconds after the local midnight that begins `day`, never on another local day."""
    start = datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(timezone)).astimezone(UTC)
    return min(start + timedelta(seconds=seconds), end - timedelta(seconds=1))


def clock(day: date, seconds: int, timezone: str) -> str:
    """The same as `2026-03-02T09:30:00Z`."""
    return moment(day, seconds, timezone).strftime("%Y-%m-%dT%H:%M:%SZ")


def waking_seconds(random: np.random.Generator, size: int) -> list[int]:
    """Seconds after midnight at which people post, sorted."""
    hours = random.choice(24, size=size, p=_WAKING_HOURS / _WAKING_HOURS.sum())
    return sorted((hours * 3600 + random.integers(0, 3600, size)).tolist())
