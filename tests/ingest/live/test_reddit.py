"""Reddit beyond what every connector survives: its token, its limit of a thousand things, and what it asks of us."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from barometer.errors import NotPermitted, ServiceRefused
from barometer.ingest.live.connector import Call, Cursor, Page
from barometer.ingest.live.reddit import Reddit, RedditOptions
from tests.ingest.live.services_here import SECRET, RedditHere, items, numbers
from tests.ingest.live.stand_in import NOW, Asked, Reply, StandIn, a_call, stand_in


@pytest.fixture
def here() -> RedditHere:
    return RedditHere(items=items(95))


def a_call_of(here: RedditHere, server: StandIn, **options: Any) -> Call:
    plain: dict[str, Any] = {"subreddits": ("r/Testville",), "kinds": ("comments",)}
    return a_call(server, options=RedditOptions(**(plain | options)), secrets=here.secrets)


def a_reddit(server: StandIn) -> Reddit:
    return Reddit(api=server.url, tokens=f"{server.url}/token")


def read(here: RedditHere, server: StandIn, cursor: Cursor | None = None, **options: Any) -> list[Page]:
    return list(a_reddit(server).pages(a_call_of(here, server, **options), cursor))


class TestTheToken:
    def test_is_asked_for_once_and_shown_ever_after(self, here: RedditHere) -> None:
        with stand_in(here.answer) as server:
            read(here, server)
        assert [one.path for one in server.asked].count("/token") == 1
        assert {one.headers["authorization"] for one in server.asked if one.path != "/token"} == {"Bearer token-0"}
        assert all("barometer" in one.headers["user-agent"].lower() for one in server.asked)

    def test_that_is_too_old_is_renewed(self, here: RedditHere) -> None:
        def answer(asked: Asked) -> Reply:
            if asked.path != "/token" and "after" in asked.query and len(here.tokens) == 1:
                here.tokens.append("the-old-one-is-void")
            return here.answer(asked)

        with stand_in(answer) as server:
            assert set(numbers(here, read(here, server))) == set(range(1, 96))
        assert [one.path for one in server.asked].count("/token") == 2

    def test_that_stays_void_is_no_endless_matter(self, here: RedditHere) -> None:
        def answer(asked: Asked) -> Reply:
            return here.answer(asked) if asked.path == "/token" else Reply(401)

        with stand_in(answer) as server, pytest.raises(NotPermitted):
            read(here, server)
        assert len(server.asked) <= 4

    def test_that_is_refused_with_status_200_is_said_to_be_refused(self, here: RedditHere) -> None:
        refusal = Reply(body={"error": "unsupported_grant_type"})
        with stand_in(lambda asked: refusal) as server, pytest.raises(NotPermitted, match="client_id") as failed:
            read(here, server)
        assert SECRET not in str(failed.value)


class TestTheWalk:
    def test_asks_for_text_as_it_is_in_pages_of_a_hundred(self, here: RedditHere) -> None:
        with stand_in(here.answer) as server:
            read(here, server)
        asked = [one for one in server.asked if one.path == "/r/testville/comments"]
        assert all(one.query["raw_json"] == ["1"] and one.query["limit"] == ["100"] for one in asked)

    def test_goes_back_to_the_mark_and_no_further(self, here: RedditHere) -> None:
        mark = here.items[79].at.timestamp()
        with stand_in(here.answer) as server:
            pages = read(here, server, {"listings": {"testville/comments": mark}}, overlap_hours=0)
        assert set(numbers(here, pages)) == set(range(80, 96))
        assert len(pages) == 1

    def test_does_not_move_the_mark_before_it_is_done(self, here: RedditHere) -> None:
        with stand_in(here.answer) as server:
            pages = read(here, server)
        assert [bool(page.cursor["listings"]) for page in pages] == [False, False, False, True]
        assert pages[-1].cursor == {"listings": {"testville/comments": here.items[-1].at.timestamp()}}

    def test_still_finds_what_is_new_when_the_last_thing_read_was_deleted(self, here: RedditHere) -> None:
        with stand_in(here.answer) as server:
            first = read(here, server)
            here.items = [*here.items[:-1], *items(5, first=200)]
            second = read(here, server, first[-1].cursor)
        assert set(range(200, 205)) <= set(numbers(here, second))

    def test_says_so_when_the_listing_ends_before_the_mark(self, here: RedditHere) -> None:
        here.items = items(1_000, start=NOW - timedelta(hours=20))
        here.page_size = 100
        old = (NOW - timedelta(days=3)).timestamp()
        with stand_in(here.answer) as server:
            pages = read(here, server, {"listings": {"testville/comments": old}})
        assert [page.has_gap for page in pages] == [False] * 9 + [True]

    def test_of_a_small_subreddit_has_no_gap_at_its_first_post(self, here: RedditHere) -> None:
        with stand_in(here.answer) as server:
            assert not any(page.has_gap for page in read(here, server))

    def test_that_turns_in_a_circle_is_ended(self, here: RedditHere) -> None:
        def answer(asked: Asked) -> Reply:
            things = [here.thing(item) for item in here.items[:5]]
            ring = Reply(body={"kind": "Listing", "data": {"after": "t1_c1", "children": things}})
            return here.answer(asked) if asked.path == "/token" else ring

        with stand_in(answer) as server:
            read(here, server)
        assert len(server.asked) < 30

    def test_reads_posts_and_comments_of_every_subreddit(self, here: RedditHere) -> None:
        with stand_in(here.answer) as server:
            cursor = read(here, server, subreddits=("one", "two"), kinds=("new", "comments"))[-1].cursor
        assert set(cursor["listings"]) == {"one/new", "one/comments", "two/new", "two/comments"}


def test_things_of_another_form_are_refused(here: RedditHere) -> None:
    def answer(asked: Asked) -> Reply:
        other = Reply(body={"kind": "Listing", "data": {"children": [{"kind": "t1", "data": {}}], "after": None}})
        return here.answer(asked) if asked.path == "/token" else other

    with stand_in(answer) as server, pytest.raises(ServiceRefused, match="API changed"):
        read(here, server)
