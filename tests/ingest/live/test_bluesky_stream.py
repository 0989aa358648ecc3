"""Following a Jetstream: bookmarks, ends, gaps, servers that break off. Both forms of the stream must hold to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from barometer.errors import NotPermitted, ServiceUnavailable, SourceFailed
from barometer.ingest.live import bluesky_events, bluesky_jetstream
from barometer.ingest.live.bluesky_stream import StreamOptions, address
from barometer.ingest.live.connector import Call, Connector, Cursor, Page
from tests.ingest.live.jetstream_stand_in import Jetstream, jetstream
from tests.ingest.live.stand_in import NOW, StandIn, a_call
from tests.ingest.posts.bluesky_records import a_commit, an_account, as_us

CONNECTORS: dict[str, Connector] = {"v1": bluesky_jetstream.CONNECTOR, "v2": bluesky_events.CONNECTOR}
BEGIN = NOW - timedelta(hours=2)


@pytest.fixture(params=sorted(CONNECTORS))
def connector(request: pytest.FixtureRequest) -> Connector:
    return CONNECTORS[request.param]


def minutes(*at: float) -> list[dict[str, Any]]:
    """Posts so many minutes after the beginning; their text says when."""
    return [a_commit(rkey=f"3k{m:g}", text=f"minute {m:g}", at=BEGIN + timedelta(minutes=m)) for m in at]


def past_the_end() -> list[dict[str, Any]]:
    return [a_commit(rkey=f"late{n}", text="too late", at=NOW + timedelta(seconds=3 + n)) for n in range(4)]


def options(connector: Connector, *servers: StandIn, **values: Any) -> StreamOptions:
    plain = {"terms": ("minute",), "hosts": tuple(server.ws_url for server in servers), "idle_seconds": 0.15}
    made = connector.options.model_validate(plain | values)
    assert isinstance(made, StreamOptions)
    return made


def call_of(connector: Connector, *servers: StandIn, horizon: datetime | None = None, **values: Any) -> Call:
    return a_call(*servers, options=options(connector, *servers, **values), form=connector.format, horizon=horizon)


def read(connector: Connector, call: Call, cursor: Cursor | None = None) -> list[Page]:
    return list(connector.pages(call, cursor))


def texts(pages: Sequence[Page]) -> list[str]:
    """Texts of the posts, in the order they came."""
    told = [json.loads(record) for page in pages for record in page.records]
    commits = [(one.get("payload") or one.get("commit") or {}) for one in told]
    return [commit["record"]["text"] for commit in commits if "record" in commit]


def at_minute(m: float) -> Cursor:
    return {"time_us": as_us(BEGIN + timedelta(minutes=m))}


class TestReading:
    def test_brings_everything_up_to_the_start_of_the_run_and_moves_the_bookmark_there(
        self, connector: Connector
    ) -> None:
        with jetstream(Jetstream([*minutes(1, 2, 3), *past_the_end()], closes_at_end=False)) as server:
            pages = read(connector, call_of(connector, server))
        assert texts(pages) == ["minute 1", "minute 2", "minute 3"]
        assert pages[-1].cursor["time_us"] == as_us(NOW)
        assert not any(page.has_gap for page in pages)

    def test_stops_at_the_horizon_of_an_earlier_night(self, connector: Connector) -> None:
        horizon = BEGIN + timedelta(minutes=2)
        with jetstream(Jetstream(minutes(1, 2, 3, 4, 5))) as server:
            pages = read(connector, call_of(connector, server, horizon=horizon))
        assert texts(pages) == ["minute 1", "minute 2"]
        assert pages[-1].cursor["time_us"] == as_us(horizon)

    def test_goes_on_from_a_little_before_its_bookmark(self, connector: Connector) -> None:
        near = minutes(1, 1.95, 2, 3)
        with jetstream(Jetstream([*near, *past_the_end()])) as server:
            pages = read(connector, call_of(connector, server), at_minute(2))
        assert texts(pages) == ["minute 1.95", "minute 2", "minute 3"]

    def test_asks_for_posts_only(self, connector: Connector) -> None:
        with jetstream(Jetstream(past_the_end())) as server:
            read(connector, call_of(connector, server, dids=("did:plc:inventedada",)))
            query = server.asked[-1].query
        names = (
            ("wantedCollections", "wantedDids") if connector.service == "bluesky_jetstream" else ("collections", "dids")
        )
        assert [query[name] for name in names] == [["app.bsky.feed.post"], ["did:plc:inventedada"]]

    def test_begins_as_far_back_as_the_options_say(self, connector: Connector) -> None:
        with jetstream(Jetstream(past_the_end())) as server:
            read(connector, call_of(connector, server, hours_back=10))
            cursor = int(server.asked[-1].query["cursor"][0])
        assert cursor == as_us(NOW - timedelta(hours=10, seconds=5))

    def test_asks_for_nothing_where_the_night_is_already_read(self, connector: Connector) -> None:
        with jetstream(Jetstream(past_the_end())) as server:
            assert read(connector, call_of(connector, server), {"time_us": as_us(NOW)}) == []
            assert server.asked == []

    def test_hands_over_pages_of_two_thousand(self, connector: Connector) -> None:
        many = [a_commit(rkey=f"3k{n}", text=f"{n}", at=BEGIN + timedelta(milliseconds=n)) for n in range(4_500)]
        with jetstream(Jetstream([*many, *past_the_end()])) as server:
            pages = read(connector, call_of(connector, server))
        assert [len(page.records) for page in pages] == [2_000, 2_000, 500]
        assert pages[0].cursor["time_us"] == many[1_999]["time_us"]

    def test_keeps_what_comes_out_of_order_near_the_end(self, connector: Connector) -> None:
        straggler = a_commit(rkey="3kx", text="straggler", at=NOW - timedelta(milliseconds=1))
        soon = a_commit(rkey="3ky", text="too late", at=NOW + timedelta(seconds=1))
        with jetstream(Jetstream([*minutes(1), soon, straggler, *past_the_end()])) as server:
            assert texts(read(connector, call_of(connector, server))) == ["minute 1", "straggler"]

    def test_is_not_ended_by_one_event_of_a_server_that_is_wrong_about_the_time(self, connector: Connector) -> None:
        wrong = a_commit(rkey="3kx", at=NOW + timedelta(days=900))
        with jetstream(Jetstream([*minutes(1), wrong, *minutes(2), *past_the_end()])) as server:
            assert texts(read(connector, call_of(connector, server))) == ["minute 1", "minute 2"]

    def test_passes_garbage_on_for_the_parser_to_set_aside(self, connector: Connector) -> None:
        with jetstream(Jetstream([*minutes(1), b"\xff\x00garbage", b"{}", *minutes(2), *past_the_end()])) as server:
            pages = read(connector, call_of(connector, server))
        assert [record for page in pages for record in page.records][1:3] == [b"\xff\x00garbage", b"{}"]
        assert pages[-1].cursor["time_us"] == as_us(NOW)

    def test_enters_what_came_in_the_night_s_fetches(self, connector: Connector) -> None:
        with jetstream(Jetstream([*minutes(1, 2), *past_the_end()])) as server:
            call = call_of(connector, server)
            read(connector, call)
        row = call.web.log.frame().row(-1, named=True)  # type: ignore[attr-defined]
        assert (row["status"], row["records"]) == ("101", 2)

    def test_enters_it_too_where_the_connection_broke(self, connector: Connector) -> None:
        with jetstream(Jetstream([*minutes(1, 2, 3), *past_the_end()], dies_after=[2])) as server:
            call = call_of(connector, server)
            read(connector, call)
        log = call.web.log.frame().filter(pl.col("request").str.starts_with("WEBSOCKET"))  # type: ignore[attr-defined]
        # The second connection brings the last one again.
        assert log["records"].to_list() == [2, 2]


class TestGaps:
    def test_a_server_that_begins_far_after_the_bookmark_is_told(self, connector: Connector) -> None:
        with jetstream(Jetstream([*minutes(1, 40, 41), *past_the_end()], oldest=1)) as server:
            pages = read(connector, call_of(connector, server), at_minute(1))
        assert texts(pages) == ["minute 40", "minute 41"]
        assert [page.has_gap for page in pages if page.records] == [True]

    def test_a_source_that_was_never_read_has_no_gap(self, connector: Connector) -> None:
        with jetstream(Jetstream([*minutes(60), *past_the_end()])) as server:
            assert not any(page.has_gap for page in read(connector, call_of(connector, server)))

    def test_quiet_accounts_are_no_gap(self, connector: Connector) -> None:
        with jetstream(Jetstream([*minutes(60), *past_the_end()])) as server:
            call = call_of(connector, server, dids=("did:plc:inventedada",))
            assert not any(page.has_gap for page in read(connector, call, at_minute(1)))

    def test_a_host_that_takes_over_without_having_everything_is_told_even_on_the_first_night(
        self, connector: Connector
    ) -> None:
        events = [*minutes(1, 2, 50), *past_the_end()]
        dying, poor = Jetstream(events, dies_after=[2, 0, 0, 0, 0]), Jetstream(events, oldest=2)
        with jetstream(dying) as one, jetstream(poor) as other:
            pages = read(connector, call_of(connector, one, other))
        assert texts(pages) == ["minute 1", "minute 2", "minute 50"]
        assert [page.has_gap for page in pages if page.records] == [False, True]


class TestFailures:
    def test_a_server_that_dies_half_way_is_asked_again_from_there(self, connector: Connector) -> None:
        has = Jetstream([*minutes(1, 2, 3, 4), *past_the_end()], dies_after=[2, 2])
        with jetstream(has) as server:
            pages = read(connector, call_of(connector, server))
        assert sorted(set(texts(pages))) == [f"minute {n}" for n in (1, 2, 3, 4)]
        assert has.connections == 3

    def test_another_host_takes_over(self, connector: Connector) -> None:
        events = [*minutes(1, 2, 3), *past_the_end()]
        with jetstream(Jetstream(events, dies_after=[1, 0, 0, 0])) as one, jetstream(Jetstream(events)) as other:
            pages = read(connector, call_of(connector, one, other))
            assert [len(one.asked), len([asked for asked in other.asked if asked.method == "WEBSOCKET"])] != [0, 0]
        assert sorted(set(texts(pages))) == ["minute 1", "minute 2", "minute 3"]
        assert pages[-1].cursor["time_us"] == as_us(NOW)

    def test_what_came_before_a_final_failure_is_kept(self, connector: Connector) -> None:
        with jetstream(Jetstream(minutes(1, 2, 3), dies_after=[2, 1, 1, 1, 1])) as server:
            pages, failure = read_until_failure(connector, call_of(connector, server))
        assert texts(pages)[:2] == ["minute 1", "minute 2"]
        assert isinstance(failure, ServiceUnavailable)
        assert pages[-1].cursor["time_us"] == as_us(BEGIN + timedelta(minutes=2))

    @pytest.mark.parametrize("closes", [True, False])
    def test_a_stream_that_ends_too_early_leaves_the_bookmark_at_its_last_event(
        self, connector: Connector, closes: bool
    ) -> None:
        with jetstream(Jetstream(minutes(1, 2), closes_at_end=closes)) as server:
            pages = read(connector, call_of(connector, server))
        assert pages[-1].cursor["time_us"] == as_us(BEGIN + timedelta(minutes=2))

    def test_one_that_forbids_is_said_so(self, connector: Connector) -> None:
        with jetstream(Jetstream(minutes(1), refuses=HTTPStatus.FORBIDDEN)) as server, pytest.raises(NotPermitted):
            read(connector, call_of(connector, server))

    def test_one_that_is_overloaded_is_tried_again_and_given_up(self, connector: Connector) -> None:
        with jetstream(Jetstream(minutes(1), refuses=HTTPStatus.SERVICE_UNAVAILABLE)) as server:
            pages, failure = read_until_failure(connector, call_of(connector, server))
        assert texts(pages) == []
        assert isinstance(failure, ServiceUnavailable)


class TestProbe:
    def test_says_that_events_are_coming(self, connector: Connector) -> None:
        with jetstream(Jetstream(past_the_end())) as server:
            assert connector.probe(call_of(connector, server)).endswith("events are coming")

    def test_says_when_none_are(self, connector: Connector) -> None:
        with jetstream(Jetstream([], closes_at_end=False)) as server:
            assert "no event came within 0.15 s" in connector.probe(call_of(connector, server))


class TestOptions:
    def test_say_which_posts_are_wanted(self) -> None:
        with pytest.raises(ValidationError, match="say which posts are wanted"):
            StreamOptions()

    def test_do_not_go_back_further_than_servers_do(self) -> None:
        with pytest.raises(ValidationError):
            StreamOptions(terms=("market",), hours_back=37)

    def test_take_hosts_with_and_without_scheme(self) -> None:
        assert address("example.org/", "subscribe") == "wss://example.org/subscribe"
        assert address("ws://127.0.0.1:1", "subscribe") == "ws://127.0.0.1:1/subscribe"


@settings(max_examples=12)
@given(
    places=st.lists(st.integers(0, 100), max_size=12),
    dies_after=st.lists(st.integers(0, 6), max_size=3),
    form=st.sampled_from(sorted(CONNECTORS)),
)
def test_nothing_is_lost_however_often_the_server_dies(places: list[int], dies_after: list[int], form: str) -> None:
    connector = CONNECTORS[form]
    events = [a_commit(rkey=f"3k{n}", text=f"{n}", at=BEGIN + timedelta(seconds=n * 10)) for n in sorted(places)]
    with jetstream(Jetstream([*events, *past_the_end()], dies_after=dies_after)) as server:
        cursor: Cursor | None = None
        found: list[str] = []
        for _ in range(len(dies_after) + 1):
            pages, failure = read_until_failure(connector, call_of(connector, server), cursor)
            found += texts(pages)
            cursor = pages[-1].cursor if pages else cursor
            if failure is None:
                break
    assert set(found) == {f"{n}" for n in places}
    assert cursor is not None
    assert cursor["time_us"] == as_us(NOW)


def read_until_failure(
    connector: Connector, call: Call, cursor: Cursor | None = None
) -> tuple[list[Page], SourceFailed | None]:
    pages: list[Page] = []
    try:
        pages.extend(connector.pages(call, cursor))
    except SourceFailed as error:
        return pages, error
    return pages, None


def test_deletions_and_accounts_pass_as_they_are(connector: Connector) -> None:
    at = datetime(2026, 5, 9, 22, 30, tzinfo=UTC)
    told = [a_commit(operation="delete", at=at), an_account(at=at)]
    with jetstream(Jetstream([*told, *past_the_end()])) as server:
        pages = read(connector, call_of(connector, server))
    assert sum(len(page.records) for page in pages) == 2
