"""An operator is told, source by source, how it stands and what to do."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from barometer.city import SourceConfig
from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable, SourceFailed
from barometer.ingest.live.check_sources import ClosedDoor, SourceState, check_source
from barometer.ingest.live.connector import Call
from barometer.ingest.live.services import CONNECTORS
from barometer.ingest.run import ingest_source
from barometer.lake import Lake
from barometer.night import Night
from barometer.settings import Settings
from tests.ingest.helpers import NIGHT, PlainDoor, a_night, a_post, a_source, write_lines
from tests.ingest.live.fakes import TOKEN, Scripted, Served, a_live_source
from tests.ingest.live.stand_in import Reply, StandIn, scripted, stand_in
from tests.rows import rows


@pytest.fixture
def night(lake: Lake, settings_here: Settings) -> Night:
    return a_night(lake, settings_here)


def words(state: SourceState, heading: str) -> str:
    return " / ".join(text for name, text in state.lines if name == heading)


class TestFiles:
    def test_that_are_there_are_well(self, night: Night) -> None:
        write_lines(night.settings.inbox / "testville/posts/a.jsonl", a_post())
        state = check_source(night, a_source())
        assert not state.needs_person
        assert words(state, "reachable") == "yes: 1 files"
        assert words(state, "last night") == "never read"

    def test_that_are_not_there_are_asked_for(self, night: Night) -> None:
        state = check_source(night, a_source())
        assert state.needs_person
        assert str(night.settings.inbox / "testville/posts") in words(state, "missing")

    def test_that_may_not_be_read_are_named(self, night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
        write_lines(night.settings.inbox / "testville/posts/a.jsonl", a_post())
        monkeypatch.setattr("os.access", lambda path, mode: False)
        assert "posts/a.jsonl" in words(check_source(night, a_source()), "permitted")

    def test_of_an_unknown_format_are_a_mistake(self, night: Night) -> None:
        state = check_source(night, a_source("papyrus"))
        assert state.needs_person
        assert "papyrus" in words(state, "configured")

    def test_say_how_the_last_night_went(self, night: Night) -> None:
        write_lines(night.settings.inbox / "testville/posts/a.jsonl", a_post("1"), a_post("2"))
        ingest_source(night, a_source(), PlainDoor())
        assert words(check_source(night, a_source()), "last night") == f"{NIGHT}: 2 records, complete"


def live(night: Night, connector: Scripted, monkeypatch: pytest.MonkeyPatch, **values: object) -> SourceState:
    monkeypatch.setitem(CONNECTORS, connector.service, connector)
    return check_source(night, a_live_source(connector.service, **values))


class TestLive:
    def test_a_service_that_answers_is_well(self, night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
        state = live(night, Scripted(), monkeypatch)
        assert not state.needs_person
        assert words(state, "permitted") == "yes: the forum answers"
        assert state.text.startswith("a_source (posts, The forum): well\n")

    def test_an_unknown_service_is_a_mistake(self, night: Night) -> None:
        state = check_source(night, a_live_source("nobody_knows"))
        assert state.needs_person
        assert "unknown" in words(state, "configured")

    def test_a_missing_secret_is_named_and_nobody_is_asked(self, night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
        def never(self: Scripted, call: Call) -> str:
            raise AssertionError("asked without its secret")

        monkeypatch.setattr(Scripted, "probe", never)
        state = live(night, Scripted(secrets=(TOKEN,)), monkeypatch)
        assert state.needs_person
        assert "set BAROMETER_SECRET_FORUM_TOKEN" in words(state, "missing")
        assert "made in the forum's settings" in words(state, "missing")

    @pytest.mark.parametrize(
        ("failure", "heading", "beginning"),
        [
            (ServiceUnavailable("slow", status="timeout"), "reachable", "no: "),
            (NotPermitted("who are you", status="401"), "permitted", "no: "),
            (NotPermitted("private", status="unsafe_address"), "reachable", "no: "),
            (ServiceRefused("what", status="404"), "reachable", "yes, but: "),
        ],
    )
    def test_what_fails_is_told_apart(
        self, night: Night, monkeypatch: pytest.MonkeyPatch, failure: SourceFailed, heading: str, beginning: str
    ) -> None:
        def fail(self: Scripted, call: Call) -> str:
            raise failure

        monkeypatch.setattr(Scripted, "probe", fail)
        state = live(night, Scripted(), monkeypatch)
        assert state.needs_person
        assert words(state, heading).startswith(f"{beginning}source a_source: ")

    @pytest.mark.parametrize(("token", "is_well"), [("right", True), ("wrong", False)])
    def test_over_a_socket_with_its_secret(
        self, night: Night, monkeypatch: pytest.MonkeyPatch, token: str, is_well: bool
    ) -> None:
        monkeypatch.setenv("BAROMETER_SECRET_SERVED_FORUM_TOKEN", token)
        with stand_in(scripted(Reply(200 if is_well else 403, {"posts": [], "next": False}))) as server:
            monkeypatch.setitem(CONNECTORS, "served_forum", Served())
            state = check_source(
                allowing(night, server), a_live_source("served_forum", options={"address": server.url})
            )
        assert state.needs_person is not is_well
        assert token not in state.text

    def test_a_night_that_broke_off_needs_a_look(self, night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
        connector = Scripted([[a_post()], [a_post("2")]], gives=[1])
        monkeypatch.setitem(CONNECTORS, "forum", connector)
        with pytest.raises(ServiceUnavailable):
            ingest_source(night, a_live_source(), PlainDoor())
        state = live(night, connector, monkeypatch)
        assert words(state, "last night") == f"{NIGHT}: 1 records, broke off"
        assert words(state, "failed") == "source a_source: broke off"
        assert state.needs_person

    def test_a_gap_is_said(self, night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
        connector = Scripted([[a_post()]], gaps=frozenset({0}))
        monkeypatch.setitem(CONNECTORS, "forum", connector)
        ingest_source(night, a_live_source(), PlainDoor())
        assert words(live(night, connector, monkeypatch), "last night").endswith("some were no longer to be had")

    @pytest.mark.parametrize(("state", "is_bad"), [("working", False), ("silent", True), ("failing", True)])
    def test_what_the_night_s_report_found_is_repeated(
        self, night: Night, monkeypatch: pytest.MonkeyPatch, state: str, is_bad: bool
    ) -> None:
        connector = Scripted([[a_post()]])
        monkeypatch.setitem(CONNECTORS, "forum", connector)
        ingest_source(night, a_live_source(), PlainDoor())
        found = rows("source_health", {"source": "a_source", "night": NIGHT, "state": state, "evidence": "so it is"})
        night.lake.replace("source_health", found.select(pl.all()), partition={"night": NIGHT})
        told = live(night, connector, monkeypatch)
        assert words(told, "state") == f"{state} on {NIGHT}: so it is"
        assert told.needs_person is is_bad


def test_offline_nobody_is_asked(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONNECTORS, "forum", Scripted())
    state = check_source(night, a_live_source(), is_asked=False)
    assert not words(state, "permitted")
    assert not words(state, "reachable")


def allowing(night: Night, server: StandIn) -> Night:
    settings = night.settings.model_copy(update={"allow_hosts": server.host})
    return Night(night.city, night.lake, settings, night.night)


def test_a_check_reads_no_record() -> None:
    door = ClosedDoor()
    for use in (lambda: door.pseudonym("post", "1"), lambda: door.mask(["a"]), lambda: door.mask_record("a")):
        with pytest.raises(AssertionError):
            use()


def test_nothing_is_written_by_a_check(night: Night, tmp_path: Path) -> None:
    check_source(night, a_source())
    assert not list(tmp_path.rglob("*.parquet"))


def test_states_name_the_source(night: Night) -> None:
    source: SourceConfig = a_source(id="street_posts")
    assert check_source(night, source).text.startswith("street_posts (posts, files): needs you")
