"""Texts that state a time -> UTC. A time without an offset is local; a day without a time is taken as its noon."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time

import polars as pl

from barometer.tables import UTC_TIME

ISO_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
)
"""ISO 8601 as forms and exports write it."""

_NOON = time(12)
_CLOCK = ("%H", "%I", "%T", "%R", "%s", "%X", "%c", "%+")


def parsed_time(text: pl.Expr, *, formats: Sequence[str], timezone: str) -> pl.Expr:
    """UTC time that the text states in one of `formats` (chrono's), null when none fits.

    Local times that occur twice (clocks go back) are taken as the earlier; ones that never occur are null.
    """
    return pl.coalesce(*(_parsed(text, form, timezone) for form in formats))


def noon(day: pl.Expr, timezone: str) -> pl.Expr:
    """UTC time of local noon of a day."""
    return _local(day.cast(pl.Date).dt.combine(_NOON, time_unit="us"), timezone)


def _parsed(text: pl.Expr, form: str, timezone: str) -> pl.Expr:
    if "%#z" in form or "%z" in form:
        return text.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False).cast(UTC_TIME)
    if not any(part in form for part in _CLOCK):
        return noon(text.str.to_date(form, strict=False), timezone)
    return _local(text.str.to_datetime(form, time_unit="us", strict=False), timezone)


def _local(naive: pl.Expr, timezone: str) -> pl.Expr:
    there = naive.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return there.dt.convert_time_zone("UTC")
