"""data.police.uk: street-level crime of England, Wales and Northern Ireland within the city's outline, month by month.

Each place is an anonymised point on a map shared by at least eight addresses, never where something happened, and of
the time only the month is known. So crimes are counted per point, and a month's count is spread over its days in parts
of a week. Months are published weeks later and stay as they are; the bookmark is the last month read.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date
from typing import Any

import shapely
from pydantic import Field

from barometer.city import City
from barometer.errors import ServiceRefused, ServiceUnavailable
from barometer.ingest.live.connector import Call, Cursor, Options, Page, Secret
from barometer.ingest.tables.incidents import days_of

SERVER = "https://data.police.uk"
DAYS_A_PART = 7

_PEOPLE_A_REQUEST = 250_000
"""More than 10,000 crimes are refused (docs, crime-street); a month sees 10 to 20 crimes per 1,000 people."""
_TOO_MANY = "503"
_DEEPEST = 4
_TOLERANCE_DEGREES = 0.0005
"""The outline may be wrong by so much (about 50 metres); points on it are anonymised more coarsely than that."""
_DECIMALS = 5


class PoliceOptions(Options):
    """What of the data, and from when."""

    category: str = Field(
        default="all-crime",
        pattern=r"^[a-z-]+$",
        description="all-crime, or one category such as anti-social-behaviour",
    )
    begin_months: int = Field(default=12, ge=1, le=36, description="how many months back the first night reads")
    series: str = Field(default="police_recorded_incidents", description="series the counts go to")
    server: str = Field(default=SERVER, pattern=r"^https?://[^/\s]+/?$", description="address of the service")
    id_space: str | None = Field(default=None, description="whose records these are; default the source's id")
    earliest: date | None = Field(default=None, description="before it no date is plausible")


class PoliceUk:
    """The connector."""

    service: str = "police_uk"
    title: str = "data.police.uk (street-level crime)"
    signals: tuple[str, ...] = ("counts",)
    format: str = "police_uk"
    options: type[Options] = PoliceOptions
    secrets: tuple[Secret, ...] = ()
    requests_per_second: float = 10.0
    terms: str = (
        "Contains public sector information licensed under the Open Government Licence v3.0; places are anonymised map "
        "points, not where a crime happened, and times are months (https://data.police.uk/about/)."
    )

    def pages(self, call: Call, cursor: Cursor | None) -> Iterator[Page]:
        """One page a month that was published since the bookmark."""
        for month in _due(call, cursor):
            crimes = _crimes(call, month, _tiles(call.context.city))
            records = [json.dumps(one).encode() for one in counted(crimes, month)]
            call.web.note(records=len(records), cursor=month)
            yield Page(records, {"month": month})

    def probe(self, call: Call) -> str:
        """Which months are published."""
        months = _published(call)
        return (
            f"reachable, months {months[0]} to {months[-1]} are published"
            if months
            else "reachable, no month is published"
        )


def counted(crimes: Sequence[dict[str, Any]], month: str) -> list[dict[str, Any]]:
    """Crimes of a month -> one record a map point and part of the month, in an order of their own.

    The records do not depend on the service's numbers of crimes, which it may give out anew.
    """
    distinct = {str(one.get("id")): one for one in crimes}
    points = Counter(_point(one) for one in distinct.values())
    return [
        {"month": month, "from_day": first, "days": days, "longitude": place[0], "latitude": place[1], "crimes": number}
        for place, number in sorted(points.items())
        for first, days in parts_of(month)
    ]


def parts_of(month: str) -> list[tuple[int, int]]:
    """First day and number of days of each part of a month."""
    length = days_of(month)
    return [(first, min(DAYS_A_PART, length - first + 1)) for first in range(1, length + 1, DAYS_A_PART)]


def _point(crime: dict[str, Any]) -> tuple[str, str]:
    location = crime.get("location") or {}
    return str(location.get("longitude") or ""), str(location.get("latitude") or "")


def _due(call: Call, cursor: Cursor | None) -> list[str]:
    """Months to read, the oldest first; none that began after the horizon."""
    latest = f"{min(call.started_at, call.context.horizon).astimezone(UTC):%Y-%m}"
    months = [month for month in _published(call) if month <= latest]
    if cursor:
        return [month for month in months if month > str(cursor["month"])]
    return months[-call.options.begin_months :]


def _published(call: Call) -> list[str]:
    found = call.web.get(f"{_server(call)}/api/crimes-street-dates").json()
    if not isinstance(found, list):
        raise ServiceRefused("data.police.uk: the answer is no list of months; check option server")
    return sorted(str(one["date"]) for one in found)


def _crimes(call: Call, month: str, tiles: Sequence[shapely.Polygon], depth: int = 0) -> list[dict[str, Any]]:
    return [crime for tile in tiles for crime in _crimes_of(call, month, tile, depth)]


def _crimes_of(call: Call, month: str, tile: shapely.Polygon, depth: int) -> list[dict[str, Any]]:
    """Crimes within a tile; one that holds too many is asked for in halves, any other failure is waited out."""
    try:
        return _asked(call, month, tile, is_repeatable=depth == _DEEPEST)
    except ServiceUnavailable as failed:
        if depth == _DEEPEST:
            raise
        if failed.status != _TOO_MANY:
            return _asked(call, month, tile, is_repeatable=True)
        return _crimes(call, month, _halved(tile), depth + 1)


def _asked(call: Call, month: str, tile: shapely.Polygon, *, is_repeatable: bool) -> list[dict[str, Any]]:
    found = call.web.post(
        f"{_server(call)}/api/crimes-street/{call.options.category}",
        data={"poly": _poly(tile), "date": month},
        is_repeatable=is_repeatable,
    ).json()
    if not isinstance(found, list):
        raise ServiceRefused("data.police.uk: the answer is no list of crimes; check option category")
    return found


def _server(call: Call) -> str:
    return str(call.options.server).rstrip("/")


def _poly(tile: shapely.Polygon) -> str:
    """The outline as the service reads it: `lat,lng:lat,lng`, without the last point, which is the first again."""
    return ":".join(f"{y:.{_DECIMALS}f},{x:.{_DECIMALS}f}" for x, y in tile.exterior.coords[:-1])


def _tiles(city: City) -> list[shapely.Polygon]:
    """The city's outline, somewhat simplified, cut so that no piece holds many people."""
    whole = shapely.union_all(
        [shapely.from_geojson(json.dumps(one["geometry"])) for one in city.boundaries()["features"]]
    )
    outline = shapely.simplify(shapely.buffer(whole, _TOLERANCE_DEGREES), _TOLERANCE_DEGREES)
    tiles = _polygons(outline)
    people = int(city.neighbourhoods["population"].fill_null(0).sum())
    for _ in range(max(0, math.ceil(math.log2(max(people, 1) / _PEOPLE_A_REQUEST)))):
        tiles = [half for tile in tiles for half in _halved(tile)]
    return tiles


def _halved(tile: shapely.Polygon) -> list[shapely.Polygon]:
    west, south, east, north = tile.bounds
    if east - west > north - south:
        middle = (west + east) / 2
        boxes = (shapely.box(west, south, middle, north), shapely.box(middle, south, east, north))
    else:
        middle = (south + north) / 2
        boxes = (shapely.box(west, south, east, middle), shapely.box(west, middle, east, north))
    return [part for box in boxes for part in _polygons(shapely.intersection(tile, box))]


def _polygons(shape: shapely.Geometry) -> list[shapely.Polygon]:
    """The polygons of a shape, holes closed: what lies in a hole is no neighbourhood, and is placed nowhere."""
    return [shapely.Polygon(one.exterior) for one in shapely.get_parts(shape) if one.geom_type == "Polygon"]


CONNECTOR = PoliceUk()
