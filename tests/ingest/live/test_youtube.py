"""YouTube beyond what every connector survives: quota, closed comments, late answers, searches, tokens that expire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable
from barometer.ingest.live.connector import Call, Cursor, Page
from barometer.ingest.live.youtube import SEARCH_UNITS, YouTube, YouTubeOptions
from barometer.ingest.posts.youtube import PARSER
from tests.ingest.live.services_here import YouTubeHere, items, numbers
from tests.ingest.live.stand_in import NOW, Asked, Reply, StandIn, a_call, stand_in
from tests.ingest.posts.records import parsed


@pytest.fixture
def here() -> YouTubeHere:
    return YouTubeHere(items=items(95))


def a_call_of(here: YouTubeHere, server: StandIn, started_at: datetime = NOW, **options: Any) -> Call:
    chosen = YouTubeOptions(**({"videos": ("video1",)} | options))
    return a_call(server, options=chosen, secrets=here.secrets, started_at=started_at)


def read(here: YouTubeHere, server: StandIn, cursor: Cursor | None = None, **options: Any) -> list[Page]:
    return list(YouTube(api=server.url).pages(a_call_of(here, server, **options), cursor))


class TestComments:
    def test_and_answers_become_posts(self, here: YouTubeHere) -> None:
        with stand_in(here.answer) as server:
            records = [record for page in read(here, server) for record in page.records]
        part = parsed(PARSER, *records)
        assert part.rows["received_posts"]["post"].n_unique() == 95
        assert part.rejected == []

    def test_answers_that_came_with_their_thread_are_not_asked_for(self, here: YouTubeHere) -> None:
        here.inline = 9
        with stand_in(here.answer) as server:
            assert set(numbers(here, read(here, server))) == set(range(1, 96))
        assert {one.path for one in server.asked} == {"/commentThreads"}

    def test_late_answers_to_threads_of_the_last_days_are_found(self, here: YouTubeHere) -> None:
        with stand_in(here.answer) as server:
            first = read(here, server)
            here.items += items(3, first=96)
            second = read(here, server, first[-1].cursor)
        assert {96, 97, 98} <= set(numbers(here, second))

    def test_a_channel_is_asked_for_all_its_videos_at_once(self, here: YouTubeHere) -> None:
        with stand_in(here.answer) as server:
            read(here, server, videos=(), channels=("UCtown",))
        assert server.asked[0].query["allThreadsRelatedToChannelId"] == ["UCtown"]

    def test_that_are_switched_off_are_no_failure(self, here: YouTubeHere) -> None:
        here.is_open = False
        with stand_in(here.answer) as server:
            assert read(here, server) == []
            assert "switched off" in YouTube(api=server.url).probe(a_call_of(here, server))

    def test_of_a_video_that_is_gone_are_a_failure_in_words(self, here: YouTubeHere) -> None:
        gone = YouTubeHere.refusal(404, "videoNotFound")
        with stand_in(lambda asked: gone) as server, pytest.raises(ServiceRefused, match="videoNotFound"):
            read(here, server)


class TestTheQuota:
    def test_is_counted_before_it_is_spent(self, here: YouTubeHere) -> None:
        with stand_in(here.answer) as server:
            cursor = read(here, server)[-1].cursor
        assert cursor["quota"] == {"day": "2026-05-09", "units": len(server.asked)}

    def test_is_never_exceeded_and_the_rest_is_read_the_next_day(self, here: YouTubeHere) -> None:
        got: list[int] = []
        cursor: Cursor | None = None
        days = 0
        with stand_in(here.answer) as server:
            while days < 12:
                before = len(server.asked)
                call = a_call_of(here, server, NOW + timedelta(days=days), daily_units=10, overlap_days=0)
                days += 1
                try:
                    for page in YouTube(api=server.url).pages(call, cursor):
                        got, cursor = got + numbers(here, [page]), page.cursor
                    break
                except ServiceUnavailable as stopped:
                    assert len(server.asked) - before <= 10
                    said = str(stopped)
        assert "10 of 10 units" in said
        assert 1 < days < 12
        assert set(got) == set(range(1, 96))

    def test_begins_anew_with_the_pacific_day(self, here: YouTubeHere) -> None:
        spent = {"quota": {"day": "2026-05-09", "units": 10_000}}
        still_the_ninth, the_tenth = datetime(2026, 5, 10, 6, tzinfo=UTC), datetime(2026, 5, 10, 8, tzinfo=UTC)
        with stand_in(here.answer) as server:
            with pytest.raises(ServiceUnavailable, match="daily_units"):
                read(here, server, spent, started_at=still_the_ninth)
            assert server.asked == []
            assert read(here, server, spent, started_at=the_tenth)

    def test_that_google_says_is_used_up_is_no_lack_of_permission(self, here: YouTubeHere) -> None:
        refusal = YouTubeHere.refusal(403, "quotaExceeded")
        with stand_in(lambda asked: refusal) as server, pytest.raises(ServiceUnavailable, match="quota is used up"):
            read(here, server)

    def test_of_another_kind_of_refusal_it_is(self, here: YouTubeHere) -> None:
        refusal = YouTubeHere.refusal(403, "accessNotConfigured")
        with stand_in(lambda asked: refusal) as server, pytest.raises(NotPermitted, match="accessNotConfigured"):
            read(here, server)


class TestSearches:
    def test_are_made_only_if_asked_for_and_cost_a_hundred(self, here: YouTubeHere) -> None:
        with stand_in(here.answer) as server:
            pages = read(here, server, search_terms=("testville tram",), videos=())
        searches = [one for one in server.asked if one.path == "/search"]
        assert [one.query["q"] for one in searches] == [["testville tram"]]
        assert pages[-1].cursor["quota"]["units"] == SEARCH_UNITS + len(server.asked) - 1
        assert set(numbers(here, pages)) == set(range(1, 96))

    def test_find_videos_that_are_followed_for_some_days(self, here: YouTubeHere) -> None:
        options: dict[str, Any] = {"search_terms": ("tram",), "videos": (), "follow_days": 2}
        with stand_in(here.answer) as server:
            cursor = read(here, server, **options)[-1].cursor
        assert set(cursor["found"]) == {"video2"}
        nothing = Reply(body={"items": []})
        with stand_in(lambda asked: nothing) as server:
            call = a_call(
                server,
                options=YouTubeOptions(**options),
                secrets=here.secrets,
                started_at=NOW + timedelta(days=5),
                horizon=NOW + timedelta(days=5),
            )
            later = list(YouTube(api=server.url).pages(call, cursor))
        assert later[-1].cursor["found"] == {}


def test_a_page_token_that_expired_is_left_and_the_walk_begins_at_the_top(here: YouTubeHere) -> None:
    old = {"places": {"video1": {"token": "long-gone", "top": "2026-05-01T00:00:00+00:00"}}}
    with stand_in(here.answer) as server:
        pages = read(here, server, old)
    assert server.asked[0].query["pageToken"] == ["long-gone"]
    assert set(numbers(here, pages)) == set(range(1, 96))
    assert "token" not in pages[-1].cursor["places"]["video1"]


def test_comments_of_another_form_are_refused(here: YouTubeHere) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(body={"items": [{"kind": "youtube#commentThread", "id": "x"}]})

    with stand_in(answer) as server, pytest.raises(ServiceRefused, match="API changed"):
        read(here, server)


def test_something_has_to_be_asked_for() -> None:
    with pytest.raises(ValidationError, match="channels"):
        YouTubeOptions()
