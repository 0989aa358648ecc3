"""Open311 GeoReport v2: citizens' service requests, by window of time of request.

A server gives at most 90 days or 1,000 requests at once (the standard's default). Where it offers the paging extension,
pages are turned; where it does not, a full window is halved until everything fits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic import Field

from barometer.errors import ServiceRefused
from barometer.ingest.live.connector import Call, Cursor, Options, Page, Secret

_MOST_DAYS = 90
_LEAST_WINDOW = timedelta(minutes=1)
"""A window this short that is still full cannot be told apart further: the operator is told of the gap."""


class Open311Options(Options):
    """Which server, and what of it."""

    endpoint: str = Field(
        pattern=r"^https?://\S+$", description="the server's address of GeoReport v2, up to /requests"
    )
    jurisdiction_id: str | None = Field(default=None, description="where the server serves several places")
    service_code: list[str] = Field(default_factory=list, description="only these services; default all")
    status: list[str] = Field(default_factory=list, description="only requests in these states; default all")
    page_size: int = Field(default=100, ge=1, le=1_000, description="requests a page, where the server offers pages")
    limit: int = Field(
        default=1_000, ge=1, description="most requests the server gives at once; the standard says 1,000"
    )
    window_days: int = Field(default=30, ge=1, le=_MOST_DAYS, description="days asked for at once")
    begin_days: int = Field(default=365, ge=1, description="how far back the first night reads")
    overlap_days: int = Field(default=7, ge=0, description="days read again: requests are published with a delay")
    series: str = Field(default="service_requests", description="series the counts go to")
    id_space: str | None = Field(default=None, description="whose requests these are; default the source's id")
    earliest: date | None = Field(default=None, description="before it no date is plausible")


class Open311:
    """The connector."""

    service: str = "open311"
    title: str = "Open311 (GeoReport v2)"
    signals: tuple[str, ...] = ("counts",)
    format: str = "open311"
    options: type[Options] = Open311Options
    secrets: tuple[Secret, ...] = (Secret("api_key", "only where the server wants one for reading", is_needed=False),)
    requests_per_second: float = 1.0
    terms: str = (
        "Open data of the city under the server's own terms; of a request only day, place and number are kept "
        "(https://wiki.open311.org/GeoReport_v2/)."
    )

    def pages(self, call: Call, cursor: Cursor | None) -> Iterator[Page]:
        """Requests window by window; the bookmark moves when a window is through."""
        end = min(call.started_at, call.context.horizon).astimezone(UTC)
        for begin, close in _windows(call.options, cursor, end):
            for page in _window(call, begin, close):
                yield _handed_over(call, page, cursor or {})
            cursor = {"until": close.isoformat()}
            yield _handed_over(call, _Page([], has_gap=False), cursor)

    def probe(self, call: Call) -> str:
        """Whether the server lists its services."""
        services = call.web.get(f"{_endpoint(call)}/services.json", params=_common(call)).json()
        if not isinstance(services, list):
            raise ServiceRefused("Open311: the answer is no list of services; check option endpoint")
        return f"reachable, {len(services)} services are offered"


@dataclass(frozen=True)
class _Page:
    requests: Sequence[dict[str, Any]]
    has_gap: bool


def _windows(options: Open311Options, cursor: Cursor | None, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    begin = (
        datetime.fromisoformat(cursor["until"]) - timedelta(days=options.overlap_days)
        if cursor
        else end - timedelta(days=options.begin_days)
    )
    while begin < end:
        close = min(begin + timedelta(days=options.window_days), end)
        yield begin, close
        begin = close


def _window(call: Call, begin: datetime, close: datetime) -> Iterator[_Page]:
    """Everything between two times: by pages, or by halves of the window where the server has no pages.

    Pages are turned until nothing new comes: a server may give fewer requests a page than it was asked for.
    """
    first = _asked(call, begin, close, page=1)
    second = _asked(call, begin, close, page=2) if first else []
    if second and _numbers(second) <= _numbers(first):
        yield from _halves(call, begin, close, first)
        return
    yield _Page(first, has_gap=False)
    page, seen = 2, _numbers(first)
    while second and not _numbers(second) <= seen:
        yield _Page(second, has_gap=False)
        seen |= _numbers(second)
        page += 1
        second = _asked(call, begin, close, page=page)


def _halves(call: Call, begin: datetime, close: datetime, found: Sequence[dict[str, Any]]) -> Iterator[_Page]:
    """A server without pages gave `found`: that is all, unless it is as much as the server ever gives."""
    is_full = len(found) >= call.options.limit
    if not is_full or close - begin <= _LEAST_WINDOW:
        yield _Page(found, has_gap=is_full)
        return
    middle = begin + (close - begin) / 2
    for first, last in ((begin, middle), (middle, close)):
        yield from _halves(call, first, last, _asked(call, first, last))


def _asked(call: Call, begin: datetime, close: datetime, page: int | None = None) -> list[dict[str, Any]]:
    paging = {} if page is None else {"page": page, "page_size": call.options.page_size}
    times = {"start_date": _text(begin), "end_date": _text(close)}
    found = call.web.get(f"{_endpoint(call)}/requests.json", params={**_common(call), **times, **paging}).json()
    if not isinstance(found, list):
        raise ServiceRefused("Open311: the answer is no list of requests; check option endpoint")
    return [one for one in found if isinstance(one, dict)]


def _common(call: Call) -> dict[str, str]:
    stated = {
        "jurisdiction_id": call.options.jurisdiction_id,
        "service_code": ",".join(call.options.service_code),
        "status": ",".join(call.options.status),
        "api_key": call.secrets.get("api_key"),
    }
    return {name: value for name, value in stated.items() if value}


def _endpoint(call: Call) -> str:
    return str(call.options.endpoint).rstrip("/")


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _numbers(requests: Sequence[dict[str, Any]]) -> set[str]:
    return {str(one.get("service_request_id")) for one in requests}


_KEPT = ("service_request_id", "requested_datetime", "lat", "long", "status", "service_code")
"""Of a request nothing else is passed on: neither what somebody wrote nor a picture nor an address."""


def _handed_over(call: Call, page: _Page, cursor: Cursor) -> Page:
    records = [
        json.dumps({name: one[name] for name in _KEPT if name in one}, sort_keys=True).encode() for one in page.requests
    ]
    call.web.note(records=len(records), cursor=cursor.get("until"))
    return Page(records, cursor, has_gap=page.has_gap)


CONNECTOR = Open311()
