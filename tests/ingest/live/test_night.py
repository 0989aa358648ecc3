"""A live source inside a night: asked once, gone on with after a failure, and the same in the end however it broke."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.city import SourceConfig
from barometer.errors import BadConfiguration, NotPermitted, ServiceRefused, ServiceUnavailable
from barometer.ingest.live.services import CONNECTORS
from barometer.ingest.run import ingest_source
from barometer.lake import Lake
from barometer.ledger import Counts, require_balance
from barometer.night import Night
from barometer.settings import Settings
from tests.ingest.helpers import NIGHT, PlainDoor, a_night, a_post, pseudonym, table
from tests.ingest.live.fakes import Scripted, Served, a_live_source
from tests.ingest.live.stand_in import Asked, Reply, StandIn, stand_in

NEXT = NIGHT + timedelta(days=1)
TABLES_WRITTEN = ("received_posts", "quarantine", "removals", "cursors", "ledger")


class Town:
    """The square town and one live service."""

    def __init__(self, lake: Lake, settings: Settings, connector: Scripted) -> None:
        self.lake, self.settings, self.connector = lake, settings, connector

    def night(self, day: date = NIGHT) -> Night:
        return a_night(self.lake, self.settings, day)

    def ingest(self, day: date = NIGHT, source: SourceConfig | None = None) -> Counts:
        before = CONNECTORS.get(self.connector.service)
        CONNECTORS[self.connector.service] = self.connector
        try:
            return ingest_source(self.night(day), source or a_live_source(self.connector.service), PlainDoor())
        finally:
            CONNECTORS.pop(self.connector.service)
            if before is not None:
                CONNECTORS[self.connector.service] = before

    def persevere(self, day: date = NIGHT) -> Counts:
        """Try until it succeeds."""
        while True:
            try:
                return self.ingest(day)
            except ServiceUnavailable:
                continue

    def bookmark(self, day: date = NIGHT) -> dict[str, Any]:
        rows = table(self.night(), "cursors").filter(pl.col("night") == day)
        return dict(json.loads(rows["cursor"][0]))

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        return {name: table(self.night(), name).to_dicts() for name in TABLES_WRITTEN}

    def unfinished(self) -> list[Path]:
        return list(self.settings.runs.rglob("unfinished/*"))


def a_town(connector: Scripted) -> Town:
    home = Path(mkdtemp(prefix="town"))
    return Town(Lake(root=str(home / "lake"), city="testville"), Settings(home=home), connector)


PAGES = [[a_post("1"), a_post("2")], [a_post("3")], [a_post("1"), a_post("4")]]


class TestANight:
    def test_takes_in_everything_and_stops(self) -> None:
        town = a_town(Scripted(PAGES))
        counts = town.ingest()
        assert counts == Counts(read=5, received=5, written=4, duplicate=1)
        assert town.bookmark() == {"service": {"page": 3}, "records": 5, "gap": False, "done": True}
        assert require_balance(town.night()).height == 1

    def test_positions_are_numbered_on_through_the_pages(self) -> None:
        town = a_town(Scripted([[{"id": 1}], [b"no json"], [a_post()]]))
        town.ingest()
        assert set(table(town.night(), "quarantine")["position"]) == {"forum:1", "forum:2"}

    def test_run_again_asks_nothing_and_changes_nothing(self) -> None:
        town = a_town(Scripted(PAGES))
        first, before = town.ingest(), town.everything()
        assert town.ingest() == first
        assert town.everything() == before
        assert town.connector.asked_from == [None]

    def test_the_next_night_goes_on(self) -> None:
        town = a_town(Scripted(PAGES))
        town.ingest()
        town.connector.pages_there = [*PAGES, [a_post("5")]]
        assert town.ingest(NEXT).written == 1
        assert town.connector.asked_from == [None, {"page": 3}]
        assert town.bookmark(NEXT)["records"] == 6

    def test_a_night_gone_by_is_never_asked_again(self) -> None:
        town = a_town(Scripted(PAGES))
        counts = town.ingest(NIGHT)
        town.ingest(NEXT)
        assert town.ingest(NIGHT) == counts
        assert town.ingest(NIGHT - timedelta(days=1)) == Counts()
        assert len(town.connector.asked_from) == 2

    def test_what_the_service_no_longer_had_is_said_for_that_night_only(self) -> None:
        town = a_town(Scripted(PAGES, gaps=frozenset({1})))
        town.ingest()
        town.ingest(NEXT)
        assert [town.bookmark(day)["gap"] for day in (NIGHT, NEXT)] == [True, False]


class TestAFailure:
    def test_keeps_what_came_and_is_raised(self) -> None:
        town = a_town(Scripted(PAGES, gives=[1]))
        with pytest.raises(ServiceUnavailable, match="source a_source: broke off"):
            town.ingest()
        assert table(town.night(), "received_posts").height == 2
        assert town.bookmark() == {
            "service": {"page": 1},
            "records": 2,
            "gap": False,
            "done": False,
            "failure": "source a_source: broke off",
        }

    def test_the_next_try_goes_on_and_leaves_no_trace_of_the_failure(self) -> None:
        town, undisturbed = a_town(Scripted(PAGES, gives=[1, 1])), a_town(Scripted(PAGES))
        undisturbed.ingest()
        town.persevere()
        assert town.connector.asked_from == [None, {"page": 1}, {"page": 2}]
        assert town.everything() == undisturbed.everything()
        assert not town.unfinished()

    def test_the_next_night_goes_on_where_the_last_one_failed(self) -> None:
        town = a_town(Scripted(PAGES, gives=[1]))
        with pytest.raises(ServiceUnavailable):
            town.ingest()
        assert town.ingest(NEXT) == Counts(read=3, received=3, written=2, duplicate=1)
        assert not town.unfinished()

    def test_what_only_a_person_can_mend_is_told_from_what_passes(self) -> None:
        town = a_town(Scripted(PAGES, gives=[0], failure=ServiceRefused("answered 404", status="404")))
        with pytest.raises(ServiceRefused):
            town.ingest()
        assert town.bookmark()["done"] is False

    def test_a_fault_in_the_code_writes_nothing(self) -> None:
        town = a_town(Scripted(PAGES, gives=[1], failure=KeyError("posts")))  # type: ignore[arg-type]
        with pytest.raises(KeyError):
            town.ingest()
        assert not any(town.everything().values())

    def test_lost_notes_mean_that_the_night_is_asked_again_whole(self) -> None:
        town = a_town(Scripted(PAGES, gives=[1]))
        with pytest.raises(ServiceUnavailable):
            town.ingest()
        for left in town.unfinished():
            left.unlink()
        assert town.ingest() == Counts(read=5, received=5, written=4, duplicate=1)

    def test_what_is_kept_between_tries_is_masked(self) -> None:
        town = a_town(Scripted([[a_post("1", author="ada_private")], [a_post("2")]], gives=[1]))
        with pytest.raises(ServiceUnavailable):
            town.ingest()
        (left,) = town.unfinished()
        content = left.read_bytes()
        assert b"ada_private" not in content
        assert left.stat().st_mode & 0o077 == 0


POSTS = st.builds(
    lambda id, text, hour: a_post(id, text=text, edited_at=f"2026-05-08T{hour}:00:00Z"),
    id=st.sampled_from("123"),
    text=st.sampled_from(["a", "b", "c"]),
    hour=st.sampled_from(["11", "12", "13"]),
)
REMOVALS = st.builds(
    lambda id, hour: {"remove": "post", "id": id, "platform": "forum", "at": f"2026-05-08T{hour}:30:00Z"},
    id=st.sampled_from("123"),
    hour=st.sampled_from(["10", "12", "14"]),
)
RECORDS = st.one_of(POSTS, REMOVALS, st.just(b"broken"))
HISTORIES = st.lists(st.lists(RECORDS, max_size=4), min_size=1, max_size=5)


@settings(max_examples=4)
@given(earlier=HISTORIES, tonight=HISTORIES, gives=st.lists(st.integers(0, 2), max_size=6))
def test_any_split_of_a_night_over_tries_ends_the_same(
    earlier: list[list[Any]], tonight: list[list[Any]], gives: list[int]
) -> None:
    """Pages of posts, edits, removals, repeats and broken records, broken off anywhere, after another night."""
    towns = [a_town(Scripted(earlier)) for _ in range(2)]
    for town, stops in zip(towns, ([], gives), strict=True):
        town.ingest(NIGHT)
        town.connector.pages_there, town.connector.gives = [*earlier, *tonight], list(stops)
        town.persevere(NEXT)
    whole, broken = towns
    assert broken.everything() == whole.everything()
    assert require_balance(broken.night(NEXT)).height == 1


class TestOverASocket:
    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != "Bearer s3cret-token":
            return Reply(401)
        page = int(asked.query["page"][0])
        return Reply(body={"posts": PAGES[page], "next": page + 1 < len(PAGES)})

    def source(self, server: StandIn) -> SourceConfig:
        return a_live_source("served_forum", options={"address": server.url})

    def test_a_night_is_read_and_every_request_is_on_record(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BAROMETER_SECRET_SERVED_FORUM_TOKEN", "s3cret-token")
        town = a_town(Served())
        with stand_in(self.answer) as server:
            town.settings = town.settings.model_copy(update={"allow_hosts": server.host})
            assert town.ingest(source=self.source(server)).written == 4
        fetches = table(town.night(), "fetches")
        assert fetches["number"].to_list() == [1, 2, 3]
        assert fetches["records"].to_list() == [2, 1, 2]
        assert set(fetches["request"]) == {f"GET {server.host}/posts (page, key)"}

    def test_a_missing_secret_is_named_with_the_way_to_set_it(self) -> None:
        town = a_town(Served())
        with pytest.raises(NotPermitted, match="BAROMETER_SECRET_SERVED_FORUM_TOKEN"):
            town.ingest()
        assert table(town.night(), "fetches").select("request", "status", "tries").rows() == [
            ("ASK served_forum", "unset", 0)
        ]
        assert "BAROMETER_SECRET_SERVED_FORUM_TOKEN" in town.bookmark()["failure"]

    def test_a_wrong_secret_is_the_end_and_on_record(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BAROMETER_SECRET_SERVED_FORUM_TOKEN", "wrong-token")
        town = a_town(Served())
        with stand_in(self.answer) as server:
            town.settings = town.settings.model_copy(update={"allow_hosts": server.host})
            with pytest.raises(NotPermitted, match="401"):
                town.ingest(source=self.source(server))
        assert table(town.night(), "fetches")["status"].to_list() == ["401"]
        assert town.bookmark()["done"] is False

    def test_a_service_in_a_private_network_is_not_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BAROMETER_SECRET_SERVED_FORUM_TOKEN", "s3cret-token")
        town = a_town(Served())
        with stand_in(self.answer) as server, pytest.raises(NotPermitted, match="BAROMETER_ALLOW_HOSTS"):
            town.ingest(source=a_live_source("served_forum", options={"address": server.url, "allow_http": True}))
        assert not server.asked


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        (a_live_source("nobody_knows"), "unknown"),
        (a_live_source("forum", signal="reports"), "brings no reports"),
        (a_live_source("forum", form="mastodon"), "format: jsonl"),
        (a_live_source("forum", options={"bored": "all"}), "option bored is unknown"),
        (a_live_source("forum", options={"board": 7}), "option board"),
        (a_live_source("forum", options={"allow_http": "yes"}), "neither true nor false"),
    ],
)
def test_a_wrong_entry_is_refused_in_words(source: SourceConfig, advice: str) -> None:
    town = a_town(Scripted(PAGES))
    with pytest.raises(BadConfiguration, match=advice):
        town.ingest(source=source)
    assert not any(town.everything().values())


def test_a_post_is_known_by_the_service_as_by_its_files() -> None:
    town = a_town(Scripted(PAGES))
    town.ingest()
    assert pseudonym("post", "forum:3") in set(table(town.night(), "received_posts")["post"])
