"""subscribeEvents: numbers and times as bookmarks, numbers that are too old, compression, errors in the stream."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import zstandard

from barometer.errors import ServiceUnavailable
from barometer.ingest.live.bluesky_events import CONNECTOR, EventsOptions, EventsWire
from barometer.ingest.live.connector import Cursor, Page
from tests.ingest.live.jetstream_stand_in import Jetstream, a_dictionary, jetstream
from tests.ingest.live.stand_in import NOW, Asked, a_call
from tests.ingest.posts.bluesky_records import a_commit, a_sync, an_account, as_frame, as_us

BEGIN = NOW - timedelta(hours=1)
EVENTS = [a_commit(rkey=f"3k{n}", text=f"minute {n}", at=BEGIN + timedelta(minutes=n)) for n in range(20)]
LATE = [a_commit(rkey=f"late{n}", at=NOW + timedelta(seconds=3 + n)) for n in range(3)]


def read(has: Jetstream, cursor: Cursor | None, **values: Any) -> tuple[list[Page], list[Asked]]:
    """Pages, and what the server was asked; a bookmark of "here" is of this server."""
    with jetstream(has) as server:
        options = EventsOptions(terms=("minute",), hosts=(server.ws_url,), idle_seconds=0.2, **values)
        if cursor and cursor.get("host") == "here":
            cursor = {**cursor, "host": server.ws_url}
        pages = list(CONNECTOR.pages(a_call(server, options=options, form="jetstream_events"), cursor))
        return pages, [asked for asked in server.asked if asked.method == "WEBSOCKET"]


def numbers(pages: Sequence[Page]) -> list[int]:
    return [json.loads(record)["payload"]["seq"] for page in pages for record in page.records]


def bookmark_of(place: int, host: str = "here") -> Cursor:
    """The bookmark after the event at a place (its number is one more)."""
    return {"time_us": EVENTS[place]["time_us"], "seq": place + 1, "host": host}


class TestBookmarks:
    def test_hold_number_time_and_host(self) -> None:
        pages, _ = read(Jetstream([*EVENTS, *LATE]), None)
        assert pages[-1].cursor["seq"] == len(EVENTS)
        assert pages[-1].cursor["time_us"] == as_us(NOW)
        assert pages[-1].cursor["host"].startswith("ws://127.0.0.1")

    def test_of_this_server_go_on_by_number_from_the_event_itself(self) -> None:
        pages, asked = read(Jetstream([*EVENTS, *LATE]), bookmark_of(9))
        assert asked[0].query["cursor"] == ["10"]
        assert numbers(pages) == list(range(10, 21))
        assert not any(page.has_gap for page in pages)

    def test_of_another_server_go_on_by_time(self) -> None:
        pages, asked = read(Jetstream([*EVENTS, *LATE]), bookmark_of(9, host="wss://elsewhere.example"))
        assert asked[0].query["cursor"] == [str(EVENTS[9]["time_us"] - 5_000_000)]
        assert numbers(pages) == list(range(10, 21))

    def test_whose_number_is_too_old_go_on_with_the_oldest_there_is_and_tell_the_gap(self) -> None:
        pages, asked = read(Jetstream([*EVENTS, *LATE], oldest=13), bookmark_of(9))
        assert [int(one.query["cursor"][0]) for one in asked] == [10, EVENTS[9]["time_us"] - 5_000_000]
        assert numbers(pages) == list(range(14, 21))
        assert [page.has_gap for page in pages if page.records] == [True]

    def test_whose_number_is_refused_though_nothing_is_missing_tell_no_gap(self) -> None:
        # The event of the bookmark itself is no longer there, which is no loss.
        pages, _ = read(Jetstream([*EVENTS, *LATE], oldest=10), bookmark_of(9) | {"time_us": EVENTS[10]["time_us"]})
        assert numbers(pages) == list(range(11, 21))
        assert not any(page.has_gap for page in pages)

    def test_are_never_taken_for_numbers_where_they_are_times(self) -> None:
        _, asked = read(Jetstream(LATE), {"time_us": 7})
        assert asked[0].query["cursor"] == [str(10**15)]


class TestKinds:
    def test_of_identity_are_not_asked_for_and_the_others_come(self) -> None:
        told = [a_sync(at=BEGIN), an_account(at=BEGIN), {**a_sync(at=BEGIN), "kind": "identity", "identity": {}}]
        pages, asked = read(Jetstream([*told, *LATE]), None)
        assert asked[0].query["kinds"] == ["commit", "account", "sync"]
        kinds = [json.loads(record)["payload"]["$type"].partition("#")[2] for page in pages for record in page.records]
        assert kinds == ["sync", "account"]


class TestCompression:
    DICTIONARY = a_dictionary([{**event, "did": f"did:plc:{n}"} for n, event in enumerate(EVENTS * 20)])

    def test_brings_the_same(self) -> None:
        packed, asked = read(Jetstream([*EVENTS, *LATE], dictionary=self.DICTIONARY), None)
        plain, _ = read(Jetstream([*EVENTS, *LATE]), None)
        assert "zstdDictionary" in asked[0].query
        assert [page.records for page in packed] == [page.records for page in plain]

    def test_is_not_asked_for_where_it_is_not_wanted(self) -> None:
        _, asked = read(Jetstream([*EVENTS, *LATE], dictionary=self.DICTIONARY), None, is_compressed=False)
        assert "zstdDictionary" not in asked[0].query

    def test_nor_where_what_the_server_gives_is_no_dictionary(self) -> None:
        pages, asked = read(Jetstream([*EVENTS, *LATE], dictionary=b"not a dictionary"), None)
        assert "zstdDictionary" not in asked[0].query
        assert len(numbers(pages)) == len(EVENTS)

    def test_leaves_a_message_that_cannot_be_unpacked_to_the_parser(self) -> None:
        bomb = zstandard.ZstdCompressor().compress(b"0" * 5_000_000)
        garbage = [b"no frame", bomb]
        pages, _ = read(Jetstream([*garbage, *EVENTS, *LATE], dictionary=self.DICTIONARY), None)
        assert list(pages[0].records[:2]) == garbage
        assert len(pages[0].records) == 2 + len(EVENTS)


class TestErrors:
    def test_a_server_that_ends_the_stream_says_why(self) -> None:
        with pytest.raises(ServiceUnavailable, match="ConsumerTooSlow"):
            read(Jetstream(EVENTS, error="ConsumerTooSlow"), None)

    @pytest.mark.parametrize(("name", "is_gap"), [("OutdatedCursor", True), ("SomethingElse", False)])
    def test_a_notice_is_no_record(self, name: str, is_gap: bool) -> None:
        notice = {"$type": "message", "payload": {"$type": "network.bsky.jetstream.subscribeEvents#info", "name": name}}
        frame = EventsWire().frame(json.dumps(notice).encode())
        assert (frame.is_record, frame.tells_of_gap, frame.time_us) == (False, is_gap, None)

    def test_a_frame_of_another_form_is_left_to_the_parser(self) -> None:
        frame = EventsWire().frame(json.dumps({**as_frame(a_commit()), "payload": None}).encode())
        assert (frame.is_record, frame.time_us) == (True, None)
