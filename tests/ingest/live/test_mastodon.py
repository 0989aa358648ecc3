"""Mastodon beyond what every connector survives: timelines that are closed, the walk's order, and the stream."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from websockets.sync.server import ServerConnection

from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable
from barometer.ingest.live.connector import Call, Page
from barometer.ingest.live.mastodon import CONNECTOR, MastodonOptions, id_at
from barometer.ingest.posts.mastodon import PARSER
from tests.ingest.helpers import a_context
from tests.ingest.live.services_here import SECRET, DirectWeb, MastodonHere, items, numbers
from tests.ingest.live.stand_in import NOW, Asked, Reply, StandIn, a_call, break_off, stand_in, ws_stand_in
from tests.ingest.posts.records import parsed


@pytest.fixture
def here() -> MastodonHere:
    return MastodonHere(items=items(100))


def a_call_of(server: StandIn, token: str = SECRET, **options: Any) -> Call:
    plain = {"server": server.url, "timelines": ("local",)}
    secrets = {"token": token} if token else {}
    return a_call(server, options=MastodonOptions(**(plain | options)), secrets=secrets)


class TestTheWalk:
    def test_goes_forward_from_the_first_day_in_pages_of_forty(self, here: MastodonHere) -> None:
        with stand_in(here.answer) as server:
            pages = list(CONNECTOR.pages(a_call_of(server), None))
        assert [len(page.records) for page in pages] == [40, 40, 20, 0]
        asked = [one.query for one in server.asked]
        assert {(query["limit"][0], query["local"][0]) for query in asked} == {("40", "true")}
        assert asked[0]["min_id"] == [id_at(NOW - timedelta(days=7))]
        assert asked[1]["min_id"] == [here.id_of(here.items[39])]

    def test_begins_a_little_before_the_bookmark(self, here: MastodonHere) -> None:
        last = here.id_of(here.items[-1])
        with stand_in(here.answer) as server:
            call = a_call_of(server, overlap_hours=0.5)
            pages = list(CONNECTOR.pages(call, {"timelines": {"local": last}}))
        assert min(numbers(here, pages)) == 71
        assert pages[-1].cursor == {"timelines": {"local": last}}

    def test_takes_an_id_that_is_no_number_as_it_is(self, here: MastodonHere) -> None:
        with stand_in(lambda asked: Reply(body=[])) as server:
            list(CONNECTOR.pages(a_call_of(server), {"timelines": {"local": "9hZ-flake"}}))
        assert server.asked[0].query["min_id"] == ["9hZ-flake"]

    def test_has_a_bookmark_for_each_timeline(self, here: MastodonHere) -> None:
        with stand_in(here.answer) as server:
            call = a_call_of(server, timelines=("public", "local"), hashtags=("#Testville",))
            cursor = list(CONNECTOR.pages(call, None))[-1].cursor
        assert set(cursor["timelines"]) == {"public", "local", "tag:testville"}
        assert {one.path for one in server.asked} == {"/api/v1/timelines/public", "/api/v1/timelines/tag/testville"}

    def test_stops_at_its_own_limit_and_goes_on_the_next_night(self, here: MastodonHere) -> None:
        with stand_in(here.answer) as server:
            call = a_call_of(server, pages_a_timeline=1)
            first = list(CONNECTOR.pages(call, None))
            second = list(CONNECTOR.pages(call, first[-1].cursor))
        assert (max(numbers(here, first)), max(numbers(here, second))) == (40, 80)

    def test_that_turns_in_a_circle_is_ended(self, here: MastodonHere) -> None:
        page = [here.status(item) for item in here.items[:40]]
        with stand_in(lambda asked: Reply(body=page)) as server, pytest.raises(ServiceRefused, match="circle"):
            list(CONNECTOR.pages(a_call_of(server), None))

    def test_believes_no_more_of_a_link_than_its_id(self, here: MastodonHere) -> None:
        with stand_in(here.answer) as server:
            list(CONNECTOR.pages(a_call_of(server), None))
        assert {one.headers["host"] for one in server.asked} == {server.host}


class TestClosedTimelines:
    @pytest.mark.parametrize("status", [401, 403, 422])
    @pytest.mark.parametrize(("token", "advice"), [("", "enter an access token"), (SECRET, "not accepted")])
    def test_are_said_to_be_closed(self, status: int, token: str, advice: str) -> None:
        refusal = Reply(status, {"error": "This method requires an authenticated user"})
        with stand_in(lambda asked: refusal) as server, pytest.raises(NotPermitted, match=advice) as failed:
            list(CONNECTOR.pages(a_call_of(server, token), None))
        assert "timeline local" in str(failed.value)

    def test_one_does_not_keep_the_others_from_being_read(self, here: MastodonHere) -> None:
        def answer(asked: Asked) -> Reply:
            return here.answer(asked) if "tag" in asked.path else Reply(422, {"error": "no"})

        pages: list[Page] = []
        with stand_in(answer) as server:
            call = a_call_of(server, timelines=("public",), hashtags=("testville",))
            with pytest.raises(NotPermitted, match="timeline public"):
                pages.extend(CONNECTOR.pages(call, None))
        assert len(set(numbers(here, pages))) == 100

    def test_that_are_empty_are_pointed_out(self, here: MastodonHere) -> None:
        with stand_in(lambda asked: Reply(body=[])) as server:
            assert "switched off" in CONNECTOR.probe(a_call_of(server))
        with stand_in(here.answer) as server:
            assert "shows local" in CONNECTOR.probe(a_call_of(server))

    def test_something_has_to_be_asked_for(self) -> None:
        with pytest.raises(ValidationError, match="hashtags"):
            MastodonOptions(server="town.example")


def event(name: str, payload: Any) -> str:
    packed = payload if isinstance(payload, str) else json.dumps(payload)
    return json.dumps({"stream": ["public:local"], "event": name, "payload": packed})


def a_streaming_call(here: MastodonHere, server: StandIn, **options: Any) -> Call:
    """Timelines are walked without sockets; the stream comes over a real one."""
    plain: dict[str, Any] = {"server": server.url, "timelines": ("local",), "stream_minutes": 0.02}
    call = a_call(server, options=MastodonOptions(**(plain | options)), secrets=here.secrets)
    return replace(call, web=DirectWeb(here.answer, stream=call.web))


def listened(here: MastodonHere, talk: Callable[[ServerConnection], None], **options: Any) -> list[dict[str, Any]]:
    """Records of a reading whose timelines are walked directly, and whose stream comes over a real socket."""
    with ws_stand_in(talk) as server:
        pages = list(CONNECTOR.pages(a_streaming_call(here, server, **options), None))
        assert server.asked[0].path == "/api/v1/streaming"
        assert server.asked[0].headers["authorization"] == f"Bearer {SECRET}"
        assert SECRET not in str(server.asked[0].query)
        return [json.loads(record) for page in pages for record in page.records]


class TestTheStream:
    def test_brings_new_and_edited_statuses(self, here: MastodonHere) -> None:
        fresh, edited = here.status(items(1, first=500)[0]), {**here.status(here.items[0]), "content": "<p>new</p>"}

        def talk(connection: ServerConnection) -> None:
            connection.send(event("update", fresh))
            connection.send(event("status.update", edited))
            connection.send(event("notification", {"id": "9"}))

        here.items = []
        assert listened(here, talk) == [fresh, edited]

    def test_leaves_what_is_from_after_the_horizon_to_the_next_night(self, here: MastodonHere) -> None:
        late = here.status(items(1, first=500, start=NOW)[0])
        here.items = []
        assert listened(here, lambda connection: connection.send(event("update", late))) == []

    def test_tells_the_uri_of_a_deleted_status_that_was_just_read(self, here: MastodonHere) -> None:
        gone = here.items[2]
        found = listened(here, lambda connection: connection.send(event("delete", here.id_of(gone))))[-1]
        assert (found["event"], found["uri"]) == ("delete", here.status(gone)["uri"])
        assert len(parsed(PARSER, found).removals) == 1

    def test_and_the_number_of_any_other(self, here: MastodonHere) -> None:
        (found,) = listened(
            MastodonHere(), lambda connection: connection.send(event("delete", "117")), timelines=("public",)
        )
        assert "uri" not in found
        assert (found["id"], found["event"]) == ("117", "delete")
        assert len(parsed(PARSER, found).removals) == 1

    def test_sets_aside_what_it_cannot_read(self) -> None:
        with ws_stand_in(lambda connection: connection.send("{broken")) as server:
            pages = list(CONNECTOR.pages(a_streaming_call(MastodonHere(), server), None))
        assert [record for page in pages for record in page.records] == [b"{broken"]

    def test_ends_when_the_minutes_are_over(self, here: MastodonHere) -> None:
        def chatter(connection: ServerConnection) -> None:
            for _ in range(100):
                connection.send(event("filters_changed", ""))
                time.sleep(0.05)

        began = time.monotonic()
        listened(here, chatter, stream_minutes=0.005)
        assert time.monotonic() - began < 3

    def test_that_breaks_keeps_the_walk_and_says_so(self, here: MastodonHere) -> None:
        pages: list[Page] = []
        with ws_stand_in(break_off) as server:
            call = a_streaming_call(here, server)
            with pytest.raises(ServiceUnavailable, match="broke"):
                pages.extend(CONNECTOR.pages(call, None))
        assert len(numbers(here, pages)) == 100


class TestRecordedExchanges:
    """Timelines that a real server gave, from recordings; counted a second time straight from the files."""

    def exchanges(self, shared_data: Path) -> list[dict[str, Any]]:
        folder = shared_data / "formats/mastodon_fixtures/tests/cassettes"
        found = []
        for path in sorted(folder.glob("*.yaml")):
            text = path.read_text("utf-8")
            if "/api/v1/timelines/" in text:
                found += yaml.load(text, Loader=yaml.CSafeLoader)["interactions"]
        is_timeline = [one for one in found if "/api/v1/timelines/" in one["request"]["uri"]]
        return [one for one in is_timeline if one["response"]["status"]["code"] == 200]

    def test_every_status_is_read_and_every_link_understood(self, shared_data: Path) -> None:
        exchanges, read = self.exchanges(shared_data), 0
        context = replace(a_context(), latest=NOW.replace(year=2027))
        for exchange in exchanges:
            body = exchange["response"]["body"]["string"]
            headers = {name: ", ".join(value) for name, value in exchange["response"]["headers"].items()}
            link = " ".join(headers.get("link", "").split())
            reply = Reply(body=body, headers={"Link": link} if link else {})
            replies = iter([reply])
            web = DirectWeb(lambda asked, replies=replies: next(replies, Reply(body=[])))  # type: ignore[misc]
            options = MastodonOptions(server="town.example", timelines=("public",), days_back=3_650)
            call = a_call(
                StandIn(1), options=options, started_at=NOW + timedelta(days=365), horizon=NOW.replace(year=2027)
            )
            pages = list(CONNECTOR.pages(Call(call.context, options, web, {}, call.started_at), None))
            records = [record for page in pages for record in page.records]
            assert len(records) == len(json.loads(body))
            assert parsed(PARSER, *records, context=context).rejected == []
            read += len(records)
            if link:
                assert pages[-1].cursor["timelines"]["public"] in link
        assert read == sum(one["response"]["body"]["string"].count('"reblogs_count"') for one in exchanges) > 0
