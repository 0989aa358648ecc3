"""What is gone from a service without a feed of deletions goes from the lake too, and what was edited is replaced."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from barometer.city import SourceConfig
from barometer.errors import BadConfiguration, NotPermitted, ServiceUnavailable, SourceFailed
from barometer.ingest.live.mastodon import Mastodon
from barometer.ingest.live.recheck import can_be_rechecked, recheck_source
from barometer.ingest.live.reddit import Reddit
from barometer.ingest.live.services import CONNECTORS
from barometer.ingest.live.youtube import YouTube
from barometer.ingest.removals import apply_removals
from barometer.ingest.run import ingest_source
from barometer.lake import Lake, tombstone
from barometer.ledger import Counts, require_balance
from barometer.night import Night
from barometer.settings import Settings
from tests.ingest.helpers import NIGHT, PlainDoor, a_night, a_source, pseudonym, table, write_lines
from tests.ingest.live.services_here import Item, MastodonHere, RedditHere, YouTubeHere, items
from tests.ingest.live.stand_in import Asked, Reply, StandIn, stand_in
from tests.ingest.posts.test_reddit import comment

NEXT = NIGHT + timedelta(days=1)
SMALL = {"look_up_size": 4, "look_ups_a_night": 2}


@dataclass
class Town:
    """The square town, one source, and a service that may answer otherwise than it holds."""

    lake: Lake
    settings: Settings
    server: StandIn
    source: SourceConfig
    instead: Callable[[Asked], Reply | None] = field(default=lambda asked: None)

    def night(self, day: date) -> Night:
        return a_night(self.lake, self.settings, day)

    def ingest(self, day: date = NIGHT) -> Counts:
        return ingest_source(self.night(day), self.source, PlainDoor())

    def recheck(self, day: date = NEXT) -> Counts:
        return recheck_source(self.night(day), self.source, PlainDoor())

    def posts(self) -> set[str]:
        return set(table(self.night(NIGHT), "received_posts")["post"])

    def rows(self, name: str) -> pl.DataFrame:
        return table(self.night(NIGHT), name)


def a_reddit(server: StandIn, **values: Any) -> Reddit:
    return Reddit(api=server.url, tokens=f"{server.url}/token", requests_per_second=1e6, **values)


def _source(service: str, form: str, **options: Any) -> SourceConfig:
    values = {"id": "talk", "signal": "posts", "kind": "live", "service": service, "format": form}
    return SourceConfig(**values, is_synthetic=False, options={"allow_http": True, **options})


@pytest.fixture
def reddit() -> RedditHere:
    return RedditHere(items=_tonight(10))


def _tonight(count: int) -> list[Item]:
    return items(count, start=datetime(2026, 5, 9, 1, tzinfo=UTC))


@pytest.fixture
def town(lake: Lake, settings_here: Settings, reddit: RedditHere, monkeypatch: pytest.MonkeyPatch) -> Any:
    def answer(asked: Asked) -> Reply:
        return made.instead(asked) or reddit.answer(asked)

    for name, value in reddit.secrets.items():
        monkeypatch.setenv(f"BAROMETER_SECRET_REDDIT_{name.upper()}", value)
    with stand_in(answer) as server:
        monkeypatch.setitem(CONNECTORS, "reddit", a_reddit(server))
        settings = settings_here.model_copy(update={"allow_hosts": server.host})
        source = _source("reddit", "reddit", subreddits=["testville"], kinds=["comments"], days_back=3_650)
        made = Town(lake, settings, server, source)
        yield made


def post(number: int) -> str:
    return pseudonym("post", f"reddit:t1_c{number}")


class TestWhatIsHeld:
    def test_is_kept_sealed_beside_the_posts(self, town: Town) -> None:
        town.ingest()
        kept = town.rows("platform_ids")
        assert set(kept["post"]) == town.posts()
        assert kept["service"].unique().to_list() == ["reddit"]
        assert not any("t1_" in sealed for sealed in kept["sealed_id"])

    def test_is_purged_with_the_raw_posts(self, town: Town) -> None:
        town.ingest()
        town.lake.maintain(received_before=NEXT)
        assert town.rows("platform_ids").is_empty()
        assert town.recheck() == Counts()

    def test_of_sources_nobody_is_asked_about_is_nothing(self, lake: Lake, settings_here: Settings) -> None:
        night = a_night(lake, settings_here)
        write_lines(settings_here.inbox / "testville/posts/a.jsonl", comment())
        ingest_source(night, a_source("reddit"), PlainDoor())
        assert table(night, "platform_ids").is_empty()


class TestARecheck:
    def test_of_what_is_still_there_changes_nothing(self, town: Town) -> None:
        town.ingest()
        before = town.rows("received_posts")
        assert town.recheck() == Counts(read=10, received=10, duplicate=10)
        assert town.rows("received_posts").equals(before)
        assert require_balance(town.night(NEXT)).height == 1
        asked = town.rows("fetches").filter(pl.col("source") == "talk_recheck_1")
        assert asked["records"].sum() == 10
        assert "t1_" not in str(asked.rows())

    def test_removes_what_is_gone(self, town: Town, reddit: RedditHere) -> None:
        town.ingest()
        reddit.items = [item for item in reddit.items if item.number not in (3, 7)]
        assert town.recheck() == Counts(read=10, received=10, duplicate=8, removed=2)
        apply_removals(town.night(NEXT))
        assert town.posts() == {post(number) for number in (1, 2, 4, 5, 6, 8, 9, 10)}
        assert town.posts() == set(town.rows("platform_ids")["post"])

    def test_removes_what_reads_deleted(self, town: Town) -> None:
        town.ingest()
        gone = comment("c3", body="[deleted]", author="[deleted]", author_fullname=None)
        town.instead = _instead("/api/info", {"kind": "Listing", "data": {"children": [gone], "after": None}})
        assert town.recheck().removed == 10
        assert tombstone(post(3)) in set(town.rows("removals")["subject"])

    def test_replaces_what_was_edited(self, town: Town) -> None:
        town.ingest()
        later = (datetime(2026, 5, 9, 12, tzinfo=UTC)).timestamp()
        edited = comment("c3", body="new words", edited=later, created_utc=1_778_288_580.0)
        others = [RedditHere().thing(item) for item in _tonight(10) if item.number != 3]
        listing = {"kind": "Listing", "data": {"children": [edited, *others], "after": None}}
        town.instead = _instead("/api/info", listing)
        assert town.recheck() == Counts(read=10, received=10, written=1, duplicate=9)
        apply_removals(town.night(NEXT))
        rows = town.rows("received_posts").filter(pl.col("post") == post(3))
        assert rows["text"].to_list() == ["masked new words"]
        assert rows["source"].to_list() == ["talk_recheck_1"]
        assert town.rows("platform_ids").filter(pl.col("post") == post(3)).height == 1
        assert town.recheck(NEXT + timedelta(days=1)).duplicate == 10

    def test_a_night_that_is_done_is_not_asked_again(self, town: Town, reddit: RedditHere) -> None:
        town.ingest()
        town.recheck()
        asked = len(town.server.asked)
        reddit.items = []
        assert town.recheck() == Counts()
        assert town.recheck(NIGHT) == Counts()
        assert len(town.server.asked) == asked

    def test_goes_round_a_part_each_night(
        self, town: Town, reddit: RedditHere, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(CONNECTORS, "reddit", a_reddit(town.server, **SMALL))
        town.ingest()
        reddit.items = [item for item in reddit.items if item.number % 2]
        nights = [town.recheck(NEXT + timedelta(days=ahead)) for ahead in range(2)]
        assert [counts.read for counts in nights] == [8, 8]
        for ahead in range(2):
            apply_removals(town.night(NEXT + timedelta(days=ahead)))
        assert town.posts() == {post(number) for number in (1, 3, 5, 7, 9)}


class TestTrouble:
    def test_keeps_what_was_found_before_it_and_goes_on_from_there(
        self, town: Town, reddit: RedditHere, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        town.ingest()
        monkeypatch.setitem(CONNECTORS, "reddit", a_reddit(town.server, look_up_size=4))
        reddit.items = [item for item in reddit.items if item.number % 2]
        turn = iter(range(100))
        town.instead = lambda asked: Reply(404) if asked.path == "/api/info" and next(turn) == 1 else None
        with pytest.raises(SourceFailed, match="source talk"):
            town.recheck()
        first = town.rows("removals").height
        apply_removals(town.night(NEXT))
        town.recheck()
        apply_removals(town.night(NEXT))
        assert 0 < first < 5 == town.rows("removals").height
        assert town.posts() == {post(number) for number in (1, 3, 5, 7, 9)}

    def test_a_service_that_shuts_us_out_removes_nothing(self, town: Town) -> None:
        town.ingest()
        empty = {"kind": "Listing", "data": {"children": [], "after": None}}
        town.instead = lambda asked: (
            None if asked.path == "/token" else Reply(body=empty) if asked.path == "/api/info" else Reply(403)
        )
        with pytest.raises(NotPermitted):
            town.recheck()
        assert town.rows("removals").is_empty()

    def test_records_without_ids_remove_nothing(self, town: Town) -> None:
        town.ingest()
        town.instead = _instead("/api/info", {"kind": "Listing", "data": {"children": [{"kind": "t1"}]}})
        with pytest.raises(SourceFailed, match="nothing was removed"):
            town.recheck()
        assert town.rows("removals").is_empty()

    def test_a_source_nobody_can_be_asked_about_is_refused(self, lake: Lake, settings_here: Settings) -> None:
        source = a_source()
        assert not can_be_rechecked(source)
        with pytest.raises(BadConfiguration, match="reddit"):
            recheck_source(a_night(lake, settings_here), source, PlainDoor())


def _instead(path: str, body: Any) -> Callable[[Asked], Reply | None]:
    return lambda asked: Reply(body=body) if asked.path == path else None


class TestMastodon:
    @pytest.fixture
    def here(self) -> MastodonHere:
        return MastodonHere(items=_tonight(10))

    @pytest.fixture
    def town(self, lake: Lake, settings_here: Settings, here: MastodonHere, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setenv("BAROMETER_SECRET_MASTODON_TOKEN", here.secrets["token"])

        def answer(asked: Asked) -> Reply:
            return made.instead(asked) or here.answer(asked)

        with stand_in(answer) as server:
            monkeypatch.setitem(CONNECTORS, "mastodon", Mastodon(requests_per_second=1e6))
            settings = settings_here.model_copy(update={"allow_hosts": server.host})
            source = _source("mastodon", "mastodon", server=server.url, timelines=["local"], days_back=3_650)
            made = Town(lake, settings, server, source)
            yield made

    @staticmethod
    def post(number: int) -> str:
        return pseudonym("post", f"mastodon:https://town.example/users/ada/statuses/{number}")

    def test_statuses_are_asked_for_by_their_numbers(self, town: Town, here: MastodonHere) -> None:
        town.ingest()
        del here.items[0]
        assert town.recheck() == Counts(read=10, received=10, duplicate=9, removed=1)
        assert set(town.rows("removals")["subject"]) == {tombstone(self.post(1))}

    def test_an_author_who_no_longer_wants_to_be_found_is_forgotten(self, town: Town, here: MastodonHere) -> None:
        town.ingest()
        statuses = [here.status(item) for item in here.items]
        statuses[0]["account"]["noindex"] = True
        town.instead = _instead("/api/v1/statuses", statuses)
        assert town.recheck() == Counts(read=10, received=10, duplicate=9, removed=1)
        removals = town.rows("removals")
        assert removals.select("subject", "reason").rows() == [(tombstone(self.post(1)), "consent_withdrawn")]

    def test_what_the_stream_took_back_by_its_number_is_found(self, town: Town, here: MastodonHere) -> None:
        town.ingest()
        number = here.id_of(here.items[4])
        alias = pseudonym("post", f"mastodon:local:{town.server.url}/{number}")
        row = {"night": NIGHT, "source": "talk_stream", "kind": "post", "subject": tombstone(alias)}
        told = {**row, "effective_at": datetime(2026, 5, 9, 22, tzinfo=UTC), "reason": "deleted"}
        frame = pl.DataFrame([told], schema=town.rows("removals").schema)
        town.lake.replace("removals", frame, partition={"night": NIGHT, "source": "talk_stream"})
        assert town.recheck() == Counts(read=10, received=10, duplicate=9, removed=1)
        assert tombstone(self.post(5)) in set(town.rows("removals")["subject"])


class TestYouTube:
    def test_comments_are_asked_for_fifty_at_a_time(
        self, lake: Lake, settings_here: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = YouTubeHere(items=_tonight(60))
        monkeypatch.setenv("BAROMETER_SECRET_YOUTUBE_KEY", here.secrets["key"])
        with stand_in(here.answer) as server:
            monkeypatch.setitem(CONNECTORS, "youtube", YouTube(api=server.url, requests_per_second=1e6))
            settings = settings_here.model_copy(update={"allow_hosts": server.host})
            town = Town(lake, settings, server, _source("youtube", "youtube", videos=["video1"], days_back=3_650))
            town.ingest()
            here.items = [item for item in here.items if item.number != 60]
            assert town.recheck() == Counts(read=60, received=60, duplicate=59, removed=1)
            asked = [one.query["id"][0].count(",") + 1 for one in server.asked if "id" in one.query]
        assert sorted(asked) == [10, 50]


def test_a_service_that_has_nothing_left_is_believed_and_nothing_readable_is_left(
    town: Town, reddit: RedditHere
) -> None:
    town.ingest()
    reddit.items = []
    assert town.recheck() == Counts(read=10, received=10, removed=10)
    apply_removals(town.night(NEXT))
    files = [Path(folder) / name for folder, _, names in os.walk(town.lake.root) for name in names]
    assert files
    assert not any(b"t1_c" in file.read_bytes() for file in files)
    left = "".join(str(town.rows(name).rows()) for name in ("cursors", "fetches", "platform_ids", "received_posts"))
    assert not any(post(number) in left for number in range(1, 11))


def test_a_service_that_is_away_is_said_to_be(town: Town) -> None:
    town.ingest()
    town.instead = lambda asked: Reply(503, headers={"Retry-After": "4000"})
    with pytest.raises(ServiceUnavailable):
        town.recheck()
