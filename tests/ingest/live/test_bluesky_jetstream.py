"""Jetstream's `/subscribe`: times as bookmarks, and the recorded stream of one real minute."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from barometer.ingest.live.bluesky_jetstream import CONNECTOR
from barometer.ingest.live.bluesky_stream import StreamOptions
from tests.ingest.live.jetstream_stand_in import Jetstream, jetstream
from tests.ingest.live.stand_in import NOW, a_call
from tests.ingest.posts.bluesky_records import a_commit, as_us


def test_cursors_are_times_in_microseconds() -> None:
    late = [a_commit(at=NOW + timedelta(seconds=3 + n)) for n in range(3)]
    with jetstream(Jetstream(late)) as server:
        options = StreamOptions(terms=("market",), hosts=(server.ws_url,), idle_seconds=0.2)
        (page,) = CONNECTOR.pages(a_call(server, options=options), {"time_us": as_us(NOW) - 10**6})
        assert server.asked[0].path == "/subscribe"
        assert server.asked[0].query["cursor"] == [str(as_us(NOW) - 6 * 10**6)]
    assert page.cursor == {"time_us": as_us(NOW)}


def test_a_recorded_minute_comes_through_as_it_is(shared_data: Path) -> None:
    file = shared_data / "formats/jetstream_fixture/internal/corpus/testdata/expected_v1.jsonl"
    lines = file.read_bytes().splitlines()
    events = [json.loads(line) for line in lines]
    times = [event["time_us"] for event in events]
    end = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=max(times))
    late = [a_commit(at=end + timedelta(seconds=3 + n)) for n in range(3)]
    with jetstream(Jetstream([*events, *late])) as server:
        options = StreamOptions(terms=("market",), hosts=(server.ws_url,), idle_seconds=0.2)
        call = a_call(server, options=options, started_at=end, horizon=end)
        pages = list(CONNECTOR.pages(call, {"time_us": min(times)}))
    assert [json.loads(record) for page in pages for record in page.records] == events
    assert pages[-1].cursor["time_us"] == max(times)
    assert not any(page.has_gap for page in pages)
