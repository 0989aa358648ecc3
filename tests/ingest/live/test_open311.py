"""Open311 against a stand-in: with pages and without, full windows, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable
from barometer.ingest.live.connector import Call, Cursor, Page
from barometer.ingest.live.open311 import CONNECTOR, Open311Options
from barometer.ingest.source import Line
from barometer.ingest.tables.incidents import OPEN311
from tests.ingest.live.stand_in import NOW, Asked, Reply, StandIn, a_call, stand_in
from tests.ingest.tables.desk import a_context

BEGIN = datetime(2026, 4, 1, tzinfo=UTC)


def a_request(number: int, *, at: datetime | None = None, **values: Any) -> dict[str, Any]:
    """A service request of an invented town."""
    made = at or BEGIN + timedelta(hours=7 * number)
    return {
        "service_request_id": str(number),
        "status": "open",
        "service_code": "lamp",
        "description": "the lamp before number 5 is dark, signed Zebedee",
        "address": "5 Invented Row",
        "requested_datetime": f"{made:%Y-%m-%dT%H:%M:%SZ}",
        "lat": 53.05,
        "long": -1.95,
        **values,
    }


@contextmanager
def server_of(requests: list[dict[str, Any]], *, has_pages: bool, limit: int = 1000) -> Iterator[StandIn]:
    def answer(asked: Asked) -> Reply:
        if asked.path != "/v2/requests.json":
            return Reply(body=[{"service_code": "lamp"}]) if asked.path == "/v2/services.json" else Reply(404)
        begin, end = asked.query["start_date"][0], asked.query["end_date"][0]
        found = [one for one in requests if begin <= one["requested_datetime"] <= end]
        if has_pages and "page" in asked.query:
            size = int(asked.query["page_size"][0])
            first = (int(asked.query["page"][0]) - 1) * size
            return Reply(body=found[first : first + size])
        return Reply(body=found[:limit])

    with stand_in(answer) as server:
        yield server


def call_of(server: StandIn, **options: Any) -> Call:
    stated = Open311Options(endpoint=f"{server.url}/v2", **options)
    return replace(a_call(server, options=stated), context=a_context("counts"))


def taken(call: Call, cursor: Cursor | None = None) -> tuple[list[Page], set[str]]:
    pages = list(CONNECTOR.pages(call, cursor))
    return pages, {json.loads(record)["service_request_id"] for page in pages for record in page.records}


def rows(pages: list[Page]) -> pl.DataFrame:
    records = [record for page in pages for record in page.records]
    part = OPEN311.parse_lines([Line(n, one) for n, one in enumerate(records, start=1)], a_context("counts"))
    assert part.read == len(records) == part.rows["counts"].height + len(part.rejected)
    return part.rows["counts"]


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(0, 40),
    page_size=st.integers(1, 9),
    limit=st.integers(5, 20),
    window=st.integers(1, 90),
    has_pages=st.booleans(),
)
def test_every_request_comes_whatever_the_server_can(
    count: int, page_size: int, limit: int, window: int, has_pages: bool
) -> None:
    requests = [a_request(number) for number in range(count)]
    with server_of(requests, has_pages=has_pages, limit=limit) as server:
        call = call_of(server, page_size=page_size, limit=limit, window_days=window, begin_days=60)
        pages, found = taken(call)
    assert found == {str(number) for number in range(count)}
    assert not any(page.has_gap for page in pages)
    assert rows(pages)["record"].n_unique() == count


def test_a_server_that_gives_smaller_pages_than_asked_for_is_read_to_its_end() -> None:
    requests = [a_request(number) for number in range(11)]

    def answer(asked: Asked) -> Reply:
        page = int(asked.query["page"][0])
        return Reply(body=requests[(page - 1) * 4 : page * 4])

    with stand_in(answer) as server:
        _, found = taken(call_of(server, begin_days=5, page_size=100))
    assert len(found) == 11


def test_only_day_place_and_number_are_passed_on() -> None:
    with server_of([a_request(1)], has_pages=True) as server:
        pages, _ = taken(call_of(server))
    text = b"".join(record for page in pages for record in page.records)
    assert b"Zebedee" not in text
    assert b"Invented Row" not in text
    assert rows(pages).select("series", "area", "counted_on", "count").row(0) == (
        "service_requests",
        "T1",
        datetime(2026, 4, 1).date(),
        1.0,
    )


def test_a_request_that_changed_its_state_is_still_one() -> None:
    with server_of([a_request(1)], has_pages=True) as server:
        first, _ = taken(call_of(server))
    with server_of([a_request(1, status="closed")], has_pages=True) as server:
        second, _ = taken(call_of(server), first[-1].cursor | {"until": "2026-04-03T00:00:00+00:00"})
    both = rows([*first, *second]).drop("position").unique()
    assert both.height == 1


def test_the_next_night_reads_a_week_again_and_no_more() -> None:
    with server_of([], has_pages=True) as server:
        pages, _ = taken(call_of(server, begin_days=10))
        taken(call_of(server, begin_days=10), pages[-1].cursor)
        begins = [asked.query["start_date"][0] for asked in server.asked]
    assert begins == ["2026-04-29T23:00:00Z", "2026-05-02T23:00:00Z"]


def test_no_window_is_longer_than_the_standard_allows() -> None:
    with server_of([], has_pages=True) as server:
        taken(call_of(server, window_days=90, begin_days=365))
        spans = [
            datetime.fromisoformat(one.query["end_date"][0]) - datetime.fromisoformat(one.query["start_date"][0])
            for one in server.asked
        ]
    assert max(spans) <= timedelta(days=90)
    assert sum(spans, timedelta()) == timedelta(days=365)


def test_more_requests_in_a_minute_than_the_server_gives_is_a_gap() -> None:
    crowd = [a_request(number, at=BEGIN) for number in range(9)]
    with server_of(crowd, has_pages=False, limit=4) as server:
        pages, found = taken(call_of(server, limit=4, page_size=4, begin_days=60))
    assert any(page.has_gap for page in pages)
    assert len(found) == 4


def test_choices_of_the_city_go_along() -> None:
    with server_of([], has_pages=True) as server:
        call = call_of(
            server, jurisdiction_id="town.example", service_code=["lamp", "bin"], status=["open"], begin_days=5
        )
        taken(replace(call, secrets={"api_key": "k"}))
    query = server.asked[0].query
    assert (query["jurisdiction_id"], query["service_code"], query["status"]) == (
        ["town.example"],
        ["lamp,bin"],
        ["open"],
    )
    assert query["api_key"] == ["k"]


def test_the_bookmark_moves_window_by_window() -> None:
    requests = [a_request(number) for number in range(30)]
    with server_of(requests, has_pages=True) as server:
        pages, _ = taken(call_of(server, window_days=5, begin_days=20, page_size=5))
    stops = list(dict.fromkeys(page.cursor["until"] for page in pages if page.cursor))
    assert stops == sorted(stops)
    assert stops[-1] == NOW.isoformat()
    assert pages[0].cursor == {}


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(body={"error": "x"}), ServiceRefused),
        (Reply(404), ServiceRefused),
        (Reply(403), NotPermitted),
        (Reply(500), ServiceUnavailable),
        (Reply(body="[{", cut_after=1), ServiceUnavailable),
    ],
)
def test_what_goes_wrong_is_told_apart(reply: Reply, error: type[Exception]) -> None:
    with stand_in(lambda _: reply) as server, pytest.raises(error):
        taken(call_of(server))


def test_the_probe_counts_the_services() -> None:
    with server_of([], has_pages=True) as server:
        assert CONNECTOR.probe(call_of(server)) == "reachable, 1 services are offered"
