"""Bluesky's search: queries, windows, pages, log-in, and a service that does not always play along."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable, SourceFailed
from barometer.ingest.live import bluesky_search
from barometer.ingest.live.bluesky_search import CONNECTOR, SearchOptions, queries
from barometer.ingest.live.connector import Call, Cursor, Page
from tests.ingest.live.stand_in import NOW, Asked, Reply, StandIn, a_call, scripted, stand_in
from tests.ingest.posts.bluesky_records import a_hit, uri
from tests.towns import make_testville

SEARCH = "/xrpc/app.bsky.feed.searchPosts"
LOG_IN = "/xrpc/com.atproto.server.createSession"
RENEW = "/xrpc/com.atproto.server.refreshSession"
SECRETS = {"username": "city.example", "app_password": "very-secret-word"}


class Search:
    """The service: posts of the world, newest first, in pages; knows how deep it pages."""

    def __init__(self, hits: Sequence[dict[str, Any]], *, deepest: int = 10_000, expires_after: int = 10**6) -> None:
        self.hits = sorted(hits, key=sort_time, reverse=True)
        self.deepest = deepest
        self.expires_after = expires_after
        self.sessions = 0
        self.uses = 0

    def __call__(self, asked: Asked) -> Reply:
        if asked.path in (LOG_IN, RENEW):
            return self.session(asked)
        if asked.path != SEARCH:
            return Reply(404, {"error": "NotFound"})
        if self.sessions and asked.headers.get("authorization") != f"Bearer access-{self.sessions}":
            return Reply(401, {"error": "AuthMissing"})
        self.uses += 1
        if self.sessions and self.uses > self.expires_after:
            return Reply(400, {"error": "ExpiredToken", "message": "Token has expired"})
        return Reply(body=self.page(asked.query))

    def session(self, asked: Asked) -> Reply:
        if asked.path == LOG_IN and asked.json() != {
            "identifier": SECRETS["username"],
            "password": SECRETS["app_password"],
        }:
            return Reply(401, {"error": "AuthenticationRequired"})
        if asked.path == RENEW and asked.headers.get("authorization") != f"Bearer refresh-{self.sessions}":
            return Reply(400, {"error": "InvalidToken"})
        self.sessions, self.uses = self.sessions + 1, 0
        return Reply(
            body={"accessJwt": f"access-{self.sessions}", "refreshJwt": f"refresh-{self.sessions}", "did": "x"}
        )

    def page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        word = query["q"][0].split()[0].strip('"').lower()
        since, until = (datetime.fromisoformat(query[name][0]) for name in ("since", "until"))
        found = [hit for hit in self.hits if since <= sort_time(hit) < until and word in hit["record"]["text"].lower()]
        found = found[: self.deepest]
        begin, limit = int(query.get("cursor", ["0"])[0]), int(query["limit"][0])
        cursor = {"cursor": str(begin + limit)} if begin + limit < len(found) else {}
        return {"posts": found[begin : begin + limit], "hitsTotal": len(found), **cursor}


def sort_time(hit: dict[str, Any]) -> datetime:
    return min(datetime.fromisoformat(hit["indexedAt"]), datetime.fromisoformat(hit["record"]["createdAt"]))


def hits(count: int, text: str = "the market", step: timedelta = timedelta(minutes=1)) -> list[dict[str, Any]]:
    """Hits before now, one a step."""
    return [a_hit(rkey=f"3k{n}", text=text, at=NOW - (n + 1) * step) for n in range(count)]


def call_of(
    server: StandIn, *, secrets: dict[str, str] | None = None, horizon: datetime | None = None, **values: Any
) -> Call:
    plain = {"terms": ("market",), "public_server": server.url, "account_server": server.url}
    options = SearchOptions.model_validate(plain | values)
    return a_call(server, options=options, form="bluesky_search", secrets=secrets, horizon=horizon)


def read(server: StandIn, cursor: Cursor | None = None, **values: Any) -> list[Page]:
    return list(CONNECTOR.pages(call_of(server, **values), cursor))


def found(pages: Sequence[Page]) -> list[str]:
    """The ids of what came, without those that came before."""
    return list(dict.fromkeys(json.loads(record)["uri"] for page in pages for record in page.records))


def uris(count: int) -> list[str]:
    return [uri("ada", f"3k{n}") for n in range(count)]


class TestPaging:
    def test_brings_every_hit_of_every_page(self) -> None:
        with stand_in(Search(hits(250))) as server:
            assert found(read(server)) == uris(250)
            assert [asked.query["limit"] for asked in server.asked] == [["100"]] * 3

    def test_asks_anew_where_the_service_pages_no_further(self) -> None:
        with stand_in(Search(hits(730), deepest=300)) as server:
            assert found(read(server)) == uris(730)

    def test_asks_anew_where_the_service_gives_no_further_bookmark_at_all(self) -> None:
        with stand_in(Search(hits(230), deepest=100)) as server:
            assert found(read(server)) == uris(230)

    def test_does_not_page_deeper_than_it_trusts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bluesky_search, "_DEEPEST", 200)
        with stand_in(Search(hits(500))) as server:
            assert found(read(server)) == uris(500)
            assert all(int(asked.query.get("cursor", ["0"])[0]) < 200 for asked in server.asked)

    def test_goes_on_over_pages_of_which_the_service_shows_nothing(self) -> None:
        pages = [Reply(body={"posts": [], "cursor": "1"}), Reply(body={"posts": hits(1), "cursor": "2"})]
        with stand_in(scripted(*pages, Reply(body={"posts": []}))) as server:
            assert found(read(server)) == uris(1)
            assert [asked.query.get("cursor") for asked in server.asked] == [None, ["1"], ["2"]]

    def test_is_not_led_in_circles(self) -> None:
        with stand_in(lambda asked: Reply(body={"posts": hits(1), "cursor": "again"})) as server:
            assert found(read(server)) == uris(1)
            assert len(server.asked) < 5

    def test_many_posts_of_one_moment_do_not_hold_it_up(self) -> None:
        with stand_in(Search(hits(260, step=timedelta(0)) + hits(5), deepest=100)) as server:
            read(server)
            assert len(server.asked) < 12

    def test_a_hit_that_cannot_be_read_is_handed_over_all_the_same(self) -> None:
        with stand_in(scripted(Reply(body={"posts": [{"uri": 7}, *hits(1)]}))) as server:
            records = [json.loads(record) for page in read(server) for record in page.records]
        assert records == [{"uri": 7}, *hits(1)]


class TestWindow:
    def test_begins_days_back_and_ends_at_the_start_of_the_run(self) -> None:
        with stand_in(Search([])) as server:
            read(server, days_back=2)
            (asked,) = server.asked
        assert asked.query["since"] == [iso(NOW - timedelta(days=2))]
        assert asked.query["until"] == [iso(NOW)]
        assert asked.query["sort"] == ["latest"]

    def test_goes_on_an_hour_before_the_bookmark(self) -> None:
        with stand_in(Search([])) as server:
            cursor = read(server, horizon=NOW - timedelta(hours=5))[-1].cursor
            read(server, cursor)
        assert server.asked[-1].query["since"] == [iso(NOW - timedelta(hours=6))]

    def test_of_a_night_that_is_read_already_is_asked_for_again_only_where_posts_may_be_late(self) -> None:
        with stand_in(Search([])) as server:
            cursor = read(server)[-1].cursor
            read(server, cursor, horizon=NOW - timedelta(hours=2))
            assert len(server.asked) == 1

    def test_bookmarks_are_one_a_query_and_hold_no_text(self) -> None:
        with stand_in(Search([])) as server:
            cursor = read(server, terms=("market", "wood end"))[-1].cursor
            assert "market" not in json.dumps(cursor)
            read(server, cursor, terms=("market", "river"))
        assert [asked.query["since"][0] for asked in server.asked[2:]] == [
            iso(NOW - timedelta(hours=1)),
            iso(NOW - timedelta(days=3)),
        ]

    def test_one_language_is_asked_for_several_are_not(self) -> None:
        with stand_in(Search([])) as server:
            read(server, languages=("en",))
            read(server, languages=("en", "cy"))
        assert [asked.query.get("lang") for asked in server.asked] == [["en"], None]

    @settings(max_examples=10)
    @given(st.lists(st.integers(0, 200), max_size=40), st.lists(st.integers(0, 200), max_size=3))
    def test_nights_together_miss_nothing(self, minutes: list[int], ends: list[int]) -> None:
        world = [a_hit(rkey=f"3k{m}", text="market", at=NOW - timedelta(minutes=m + 1)) for m in sorted(set(minutes))]
        cursor: Cursor | None = None
        pages: list[Page] = []
        with stand_in(Search(world, deepest=100)) as server:
            for end in [*sorted(ends, reverse=True), 0]:
                pages += read(server, cursor, horizon=NOW - timedelta(minutes=end))
                cursor = pages[-1].cursor if pages else cursor
        assert sorted(found(pages)) == sorted(hit["uri"] for hit in world)


class TestQueries:
    def test_are_terms_and_whole_queries_each_once(self) -> None:
        call = query_call(terms=("wood end", "#market", "#market"), queries=("market AND road",))
        assert queries(call) == ["market AND road", '"wood end"', "#market"]

    def test_are_the_city_s_places_beside_its_name(self) -> None:
        found = queries(query_call(places=True))
        assert found[0] == "Testville"
        assert set(found[1:]) == {
            "Northgate Testville",
            "Eastfield Testville",
            "Southbank Testville",
            "Westwood Testville",
            '"the Bank" Testville',
            '"Wood End" Testville',
        }

    def test_or_without_it(self) -> None:
        assert '"Wood End"' in queries(query_call(places=True, is_city_named=False))

    def test_only_of_the_kinds_that_are_wanted(self) -> None:
        assert not any("Wood End" in query for query in queries(query_call(places=True, place_kinds=("nickname",))))

    def test_cannot_be_broken_out_of(self) -> None:
        assert queries(query_call(terms=('a" OR "b',))) == ['"a  OR  b"']

    def test_must_be_some(self) -> None:
        with pytest.raises(ValidationError, match="say what to search for"):
            SearchOptions()


class TestLogIn:
    def test_is_done_once_with_the_account(self) -> None:
        with stand_in(Search(hits(250))) as server:
            assert found(read(server, secrets=SECRETS)) == uris(250)
            assert [asked.path for asked in server.asked] == [LOG_IN, SEARCH, SEARCH, SEARCH]

    def test_is_renewed_when_it_expires(self) -> None:
        with stand_in(Search(hits(450), expires_after=2)) as server:
            assert found(read(server, secrets=SECRETS)) == uris(450)
            assert [asked.path for asked in server.asked].count(RENEW) == 2
            assert [asked.path for asked in server.asked].count(LOG_IN) == 1

    def test_that_is_refused_is_said_without_the_password(self, caplog: pytest.LogCaptureFixture) -> None:
        with (
            stand_in(Search(hits(1))) as server,
            caplog.at_level(logging.DEBUG),
            pytest.raises(NotPermitted) as refused,
        ):
            read(server, secrets={**SECRETS, "app_password": "wrong-secret-word"})
        assert "wrong-secret-word" not in f"{refused.value!r}{caplog.text}"

    def test_never_shows_tokens(self) -> None:
        with stand_in(Search(hits(1))) as server:
            call = call_of(server, secrets=SECRETS)
            session = bluesky_search._Session(call)
            session.ask({"q": "market", "since": iso(NOW), "until": iso(NOW), "limit": 1})
            assert session.access == "access-1"
            assert "access-1" not in repr(session)
            assert "very-secret-word" not in repr(session)

    def test_with_something_that_is_no_server_of_accounts_is_said(self) -> None:
        with stand_in(scripted(Reply(body=[]))) as server, pytest.raises(ServiceRefused, match="account_server"):
            read(server, secrets=SECRETS)

    def test_is_not_needed(self) -> None:
        with stand_in(Search(hits(1))) as server:
            assert found(read(server)) == uris(1)
            assert "authorization" not in server.asked[0].headers


class TestFailures:
    @pytest.mark.parametrize(
        "first", [Reply(429, headers={"Retry-After": "3"}), Reply(503), Reply(body={"posts": []}, cut_after=3)]
    )
    def test_that_pass_are_waited_out(self, first: Reply) -> None:
        with stand_in(scripted(first, Reply(body={"posts": hits(2)}))) as server:
            assert found(read(server)) == uris(2)

    @pytest.mark.parametrize(("status", "error"), [(401, NotPermitted), (403, NotPermitted), (500, ServiceUnavailable)])
    def test_that_do_not_are_told(self, status: int, error: type[SourceFailed]) -> None:
        with stand_in(scripted(Reply(status))) as server, pytest.raises(error):
            read(server)

    @pytest.mark.parametrize("body", [b"<html>", {"posts": 7}, {"hits": []}, b"\xff"])
    def test_an_answer_of_another_form_is_refused(self, body: Any) -> None:
        with stand_in(scripted(Reply(body=body))) as server, pytest.raises(ServiceRefused, match="no list of posts"):
            read(server)

    def test_of_one_query_do_not_hold_up_the_others_and_its_bookmark_stays(self) -> None:
        search = Search(hits(1, text="the river"))

        def answer(asked: Asked) -> Reply:
            return Reply(400, {"error": "BadQueryString"}) if asked.query["q"] == ["market"] else search(asked)

        pages: list[Page] = []
        with stand_in(answer) as server, pytest.raises(ServiceRefused):
            pages.extend(CONNECTOR.pages(call_of(server, terms=("market", "river")), None))
        assert found(pages) == uris(1)
        assert len(pages[-1].cursor["read"]) == 1

    def test_half_way_keep_what_came(self) -> None:
        first = Reply(body={"posts": hits(100), "cursor": "100"})
        pages: list[Page] = []
        with stand_in(scripted(first, Reply(500))) as server, pytest.raises(ServiceUnavailable):
            pages.extend(CONNECTOR.pages(call_of(server), None))
        assert found(pages) == uris(100)
        assert pages[-1].cursor == {"read": {}}


class TestProbe:
    def test_says_as_whom(self) -> None:
        with stand_in(lambda asked: Reply(body={"posts": [], "accessJwt": "a", "refreshJwt": "r"})) as server:
            assert CONNECTOR.probe(call_of(server)).endswith("answers searches of visitors")
            assert CONNECTOR.probe(call_of(server, secrets=SECRETS)).endswith("with the account")


def query_call(**values: Any) -> Call:
    """A call of a city with places, which nobody is asked with."""
    call = a_call(options=SearchOptions.model_validate(values))
    aliases = pl.DataFrame({"alias": ["the Bank", "Wood End"], "area": ["T3", "T4"], "kind": ["nickname", "locality"]})
    object.__setattr__(call.context, "city", make_testville(call.context.city.folder, aliases=aliases))
    return call


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
