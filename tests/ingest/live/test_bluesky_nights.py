"""Bluesky inside nights: however events come, repeat and break off, the tables end the same.

What must be left: of each post the newest version that names the term, unless something at least as new took it back:
a delete, its author's end, a sync, or an edit that no longer names the term.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.city import SourceConfig
from barometer.errors import ServiceUnavailable
from barometer.ingest.live import bluesky_events, bluesky_jetstream, bluesky_search
from barometer.ingest.live.connector import Connector
from barometer.ingest.removals import apply_removals
from barometer.ingest.run import ingest_source
from barometer.lake import Lake, tombstone
from barometer.ledger import Counts, require_balance
from barometer.night import Night
from barometer.settings import Settings
from tests.ingest.helpers import NIGHT, PlainDoor, a_night, pseudonym, table
from tests.ingest.live.fakes import a_live_source
from tests.ingest.live.jetstream_stand_in import Jetstream, jetstream
from tests.ingest.live.stand_in import Reply, StandIn, stand_in
from tests.ingest.posts.bluesky_records import a_commit, a_hit, a_sync, an_account, uri

BEGIN = datetime(2026, 5, 9, 6, tzinfo=UTC)
MIDNIGHT = datetime(2026, 5, 9, 23, tzinfo=UTC)
AUTHORS = {"1": "ada", "2": "ada", "3": "bo"}
FORMS: dict[str, Connector] = {"jetstream": bluesky_jetstream.CONNECTOR, "jetstream_events": bluesky_events.CONNECTOR}
LATE = [a_commit(rkey=f"late{n}", at=MIDNIGHT + timedelta(days=2, seconds=n)) for n in range(4)]


@pytest.fixture(autouse=True, scope="module")
def _without_waiting() -> Iterator[None]:
    """The connectors, allowed to ask as often as they like."""
    with pytest.MonkeyPatch.context() as patched:
        for one in (*FORMS.values(), bluesky_search.CONNECTOR):
            patched.setattr(one, "requests_per_second", 1_000.0)
        yield


@dataclass(frozen=True)
class Told:
    """Something that happened; its time, in seconds, is its place among all."""

    what: str
    post: str
    second: int

    @property
    def at(self) -> datetime:
        # A third night's worth of seconds before midnight, the rest after it: a night of its own.
        return BEGIN + timedelta(seconds=self.second) if self.second < 30 else MIDNIGHT + timedelta(seconds=self.second)

    def event(self) -> dict[str, Any]:
        name = AUTHORS[self.post]
        if self.what == "account":
            return an_account(name, at=self.at)  # type: ignore[no-any-return]
        if self.what == "sync":
            return a_sync(name, at=self.at)
        operation = {"elsewhere": "update"}.get(self.what, self.what)
        text = f"{'somewhere' if self.what == 'elsewhere' else 'the market'} at {self.second}"
        return a_commit(name, self.post, operation=operation, text=text, at=self.at, created_at=BEGIN)

    def reaches(self, other: Told) -> bool:
        """Whether this takes the other back."""
        if self.what in ("account", "sync"):
            return AUTHORS[self.post] == AUTHORS[other.post] and other.second < self.second
        return self.what in ("delete", "elsewhere") and self.post == other.post and other.second < self.second


def what_must_be_left(told: Sequence[Told]) -> dict[str, str]:
    newest: dict[str, Told] = {}
    for one in sorted(told, key=lambda one: one.second):
        if one.what in ("create", "update"):
            newest[one.post] = one
    return {p: f"the market at {v.second}" for p, v in newest.items() if not any(one.reaches(v) for one in told)}


class Town:
    """The square town, its stream and the server that sends it."""

    def __init__(self, *sources: SourceConfig, servers: Sequence[StandIn]) -> None:
        home = Path(mkdtemp(prefix="town"))
        self.settings = Settings(home=home, allow_hosts=",".join(server.host for server in servers))
        self.lake = Lake(root=str(home / "lake"), city="testville")
        self.sources = sources

    def night(self, number: int = 0) -> Night:
        return a_night(self.lake, self.settings, NIGHT + timedelta(days=number), self.sources)

    def ingest(self, source: SourceConfig, number: int = 0) -> Counts:
        """Try until the service gives everything."""
        while True:
            try:
                return ingest_source(self.night(number), source, PlainDoor())
            except ServiceUnavailable:
                continue

    def run(self, number: int = 0) -> None:
        for source in self.sources:
            assert self.ingest(source, number).is_balanced
        apply_removals(self.night(number))
        require_balance(self.night(number))

    def left(self) -> dict[str, str]:
        names = {pseudonym("post", f"bluesky:{uri(name, post)}"): post for post, name in AUTHORS.items()}
        rows = table(self.night(), "received_posts")
        assert rows["post"].is_unique().all()
        return {names[post]: text.removeprefix("masked ") for post, text in rows.select("post", "text").iter_rows()}

    def noted(self) -> set[str]:
        return set(table(self.night(), "removals")["subject"])

    def gaps(self, number: int = 0) -> bool:
        rows = table(self.night(), "cursors").filter(night=NIGHT + timedelta(days=number))
        return bool(json.loads(rows["cursor"][0])["gap"])


def stream(server: StandIn, form: str = "jetstream", **values: Any) -> SourceConfig:
    options = {"terms": ["market"], "hosts": [server.ws_url], "idle_seconds": 0.1, "allow_http": True, **values}
    return a_live_source(FORMS[form].service, form=form, id="stream", options=options)


def search(server: StandIn) -> SourceConfig:
    options = {"terms": ["market"], "public_server": server.url, "allow_http": True}
    return a_live_source("bluesky_search", form="bluesky_search", id="search", options=options)


@contextmanager
def a_town(has: Jetstream, form: str = "jetstream", **values: Any) -> Iterator[Town]:
    with jetstream(has) as server:
        yield Town(stream(server, form, **values), servers=[server])


WHAT = st.sampled_from(["create", "create", "update", "elsewhere", "delete", "account", "sync"])


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Told], list[Told]]:
    """What happened, and how the server sends it: out of order by a few seconds, and some of it again later."""
    whats = draw(st.lists(st.tuples(WHAT, st.sampled_from(sorted(AUTHORS))), max_size=10))
    started: set[str] = set()
    told = []
    for number, (what, post) in enumerate(whats):
        # What was never created is neither edited nor deleted.
        kind = what if post in started or what in ("account", "sync", "create") else "create"
        started.add(post)
        told.append(Told(kind, post, number * 6))
    late = [draw(st.integers(0, 3)) for _ in told]
    sent = [one for _, one in sorted(zip(late, told, strict=True), key=lambda pair: pair[1].second + 2 * pair[0])]
    again = draw(st.lists(st.sampled_from(told), max_size=3)) if told else []
    for one in again:
        sent.insert(draw(st.integers(sent.index(one), len(sent))), one)
    return told, sent


@settings(max_examples=6)
@given(history=histories(), dies_after=st.lists(st.integers(0, 5), max_size=2), is_new_form=st.booleans())
def test_what_must_be_left_is_left_however_it_came(
    history: tuple[list[Told], list[Told]], dies_after: list[int], is_new_form: bool
) -> None:
    told, sent = history
    if not is_new_form:
        told = [one for one in told if one.what != "sync"]
    has = Jetstream([*(one.event() for one in sent), *LATE], dies_after=list(dies_after))
    with a_town(has, "jetstream_events" if is_new_form else "jetstream") as town:
        town.run(0)
        town.run(1)
        assert town.left() == what_must_be_left(told)
        assert not town.gaps(0)


class TestDeletions:
    def told(self, *whats: tuple[str, str]) -> list[dict[str, Any]]:
        return [Told(what, post, number).event() for number, (what, post) in enumerate(whats)]

    def test_of_what_the_city_never_held_leave_no_tombstone(self) -> None:
        events = self.told(("create", "1"), ("delete", "2"), ("account", "3"), ("delete", "1"))
        with a_town(Jetstream([*events, *LATE])) as town:
            town.run()
            counts = town.ingest(town.sources[0])
            assert town.noted() == {tombstone(pseudonym("post", f"bluesky:{uri('ada', '1')}"))}
            assert (counts.read, counts.out_of_scope, counts.removed) == (4, 2, 2)

    def test_all_leave_one_where_the_city_asks_for_it(self) -> None:
        events = self.told(("create", "1"), ("delete", "2"), ("account", "3"), ("delete", "1"))
        with a_town(Jetstream([*events, *LATE]), takedowns="all") as town:
            town.run()
            assert len(town.noted()) == 3

    def test_reach_what_an_earlier_night_brought(self) -> None:
        events = [Told("create", "1", 1).event(), Told("delete", "1", 40).event()]
        with a_town(Jetstream([*events, *LATE])) as town:
            town.run(0)
            assert town.left() == {"1": "the market at 1"}
            town.run(1)
            assert town.left() == {}

    @pytest.mark.parametrize("is_search_first", [True, False])
    def test_reach_what_a_search_brought_the_same_night_whichever_is_first(self, is_search_first: bool) -> None:
        found = a_hit("ada", "1", text="the market", at=BEGIN)
        events = [a_commit("ada", "1", operation="delete", at=BEGIN + timedelta(minutes=5))]
        with (
            jetstream(Jetstream([*events, *LATE])) as server,
            stand_in(lambda _: Reply(body={"posts": [found]})) as other,
        ):
            sources = (search(other), stream(server))
            town = Town(*(sources if is_search_first else sources[::-1]), servers=[server, other])
            town.run()
            assert town.left() == {}


def test_the_search_and_the_stream_bring_one_post_once() -> None:
    at = MIDNIGHT - timedelta(minutes=1)
    found = a_hit("ada", "1", text="the market", at=at)
    # Indexed in time for the search, and in the stream a little after midnight.
    events = [a_commit("ada", "1", text="the market", at=MIDNIGHT + timedelta(seconds=1), created_at=at)]
    with jetstream(Jetstream([*events, *LATE])) as server, stand_in(lambda _: Reply(body={"posts": [found]})) as other:
        town = Town(search(other), stream(server), servers=[server, other])
        assert town.ingest(town.sources[0], 0).written == 1
        counts = town.ingest(town.sources[1], 1)
        assert (counts.written, counts.duplicate) == (0, 1)


def test_a_bookmark_that_is_too_old_is_told_as_a_gap_and_the_night_goes_on() -> None:
    events = [Told("create", "1", 1).event(), Told("create", "2", 3_600).event()]
    has = Jetstream([*events, *LATE])
    with a_town(has) as town:
        town.run(0)
        has.oldest = 1
        town.run(1)
        assert (town.gaps(0), town.gaps(1)) == (False, True)
        assert set(town.left()) == {"1", "2"}


def test_garbage_is_set_aside_and_counted() -> None:
    events = [Told("create", "1", 1).event(), b"\xff\x00", b'{"kind": "commit"', Told("create", "3", 2).event()]
    with a_town(Jetstream([*events, *LATE])) as town:
        town.run()
        rules = table(town.night(), "quarantine")["rule"].to_list()
        assert sorted(rules) == ["invalid_json", "invalid_utf8"]
        assert set(town.left()) == {"1", "3"}
