"""Service requests (Open311) and street-level crime (data.police.uk), one JSON record a line -> `counts`."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import ConfigDict

from barometer.ingest.source import Context, Line, Part, Rejected
from barometer.ingest.tables.cells import LINE, Block
from barometer.ingest.tables.counts import read_points
from barometer.ingest.tables.options import Options
from barometer.ingest.tables.submissions import decoded, own_options

_COLUMNS = ("id", "date", "longitude", "latitude", "count")


class IncidentOptions(Options):
    """`series`: what is counted."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    series: str


@dataclass(frozen=True)
class Incidents:
    """Parser of records that each count something at a point."""

    row: Callable[[Mapping[str, Any], str], tuple[Any, ...]]
    """A record and the city's time zone -> id, day, longitude, latitude, count; as text, None where it has none."""
    series: str
    """The series unless the source's options say otherwise."""

    def parse_lines(self, lines: Sequence[Line], context: Context) -> Part:
        """Rows of `counts`, one a record; placed by its point, unplaced without one."""
        series = own_options(IncidentOptions, context, series=self.series).series
        rows, rejected = [], []
        for line in lines:
            record = decoded(line, context)
            if isinstance(record, Rejected):
                rejected.append(record)
            else:
                rows.append((line.number, *self.row(record, context.city.timezone)))
        schema = {LINE: pl.Int64(), **dict.fromkeys(_COLUMNS, pl.String())}
        return read_points(Block(pl.DataFrame(rows, schema=schema, orient="row"), rejected), series, context)


def request(record: Mapping[str, Any], timezone: str) -> tuple[Any, ...]:
    """A service request counts once, on the local day it was made; its state and later changes do not matter."""
    day = _local_day(record.get("requested_datetime"), timezone)
    return _text(record.get("service_request_id")), day, _text(record.get("long")), _text(record.get("lat")), "1"


def crimes(record: Mapping[str, Any], timezone: str) -> tuple[Any, ...]:
    """The share of a month's crimes at a map point that falls into one part of the month, on that part's middle day."""
    del timezone
    longitude, latitude = (_text(record.get(name)) for name in ("longitude", "latitude"))
    try:
        month, first, days = str(record["month"]), int(record["from_day"]), int(record["days"])
        share = int(record["crimes"]) * days / days_of(month)
        day = date.fromisoformat(f"{month}-{first + days // 2:02d}")
    except (KeyError, ValueError, TypeError):
        return None, None, longitude, latitude, None
    return f"{month}/{first}/{longitude}/{latitude}", day.isoformat(), longitude, latitude, str(share)


def days_of(month: str) -> int:
    """How many days a month (`2026-02`) has; raises `ValueError` where it is none."""
    year, number = month.split("-")
    return calendar.monthrange(int(year), int(number))[1]


def _local_day(stated: Any, timezone: str) -> str | None:
    try:
        at = datetime.fromisoformat(str(stated))
    except ValueError:
        return None
    return (at.astimezone(ZoneInfo(timezone)) if at.tzinfo else at).date().isoformat()


def _text(stated: Any) -> str | None:
    return str(stated).strip() or None if stated is not None else None


OPEN311 = Incidents(request, "service_requests")
POLICE_UK = Incidents(crimes, "police_recorded_incidents")
