"""Whatever is submitted, edited, reviewed and deleted, and whichever nights are killed: the same rows in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.errors import ServiceRefused
from barometer.ingest.live import kobo, limesurvey, odk
from barometer.ingest.live.connector import Call, Connector
from barometer.ingest.live.forms import Memory, same_origin
from barometer.ingest.tables.submissions import KOBO, LIMESURVEY, ODK, Flavour, taken_back
from tests.ingest.live.form_servers import (
    Desk,
    Form,
    a_person,
    answer_values,
    answers_call,
    kobo_answering,
    limesurvey_answering,
    odk_answering,
)
from tests.ingest.live.stand_in import NOW, Asked, Reply, StandIn, stand_in
from tests.ingest.tables.desk import OpenDoor, a_context

SERVICES: dict[str, tuple[Connector, Flavour]] = {
    "kobo": (kobo.CONNECTOR, KOBO),
    "odk": (odk.CONNECTOR, ODK),
    "limesurvey": (limesurvey.CONNECTOR, LIMESURVEY),
}
PEOPLE = ("ann", "bob", "cyd")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.sampled_from(PEOPLE), st.integers(0, 10)),
        st.tuples(st.just("edit"), st.integers(0, 5), st.integers(0, 10)),
        st.tuples(st.just("delete"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("night"), st.integers(1, 3), st.just(0)),
    ),
    max_size=14,
)


@contextmanager
def serving(service: str, form: Form) -> Iterator[StandIn]:
    keys: list[str] = []

    def answer(asked: Asked) -> Reply:
        if service == "limesurvey":
            return limesurvey_answering(form, keys=keys)(asked)
        speaks = kobo_answering if service == "kobo" else odk_answering
        return speaks(form, base=lambda: server.url)(asked)

    with stand_in(answer) as server:
        yield server


def call_of(service: str, server: StandIn, folder: Path) -> Call:
    options: dict[str, Any] = {
        "kobo": {"server": server.url, "form": "aForm1"},
        "odk": {"server": server.url, "project": 7, "form": "pulse one"},
        "limesurvey": {"server": f"{server.url}/rc", "survey": 4711},
    }[service]
    return answers_call(SERVICES[service][0], server, folder, **options)


def play(form: Form, at: Desk, call: Call, steps: list[tuple[Any, ...]]) -> None:
    """Everybody answers once at most, so that what is left of the form is what the city should hold."""
    for kind, which, value in steps:
        alive = sorted(form.submissions)
        if kind == "submit" and which not in {one.answers["person"] for one in form.submissions.values()}:
            at_minute = f"2026-05-02T10:{form.number:02d}:00+00:00"
            form.submit(**a_person(which, police=value, completed_at=at_minute))
        elif kind == "edit" and alive:
            form.edit(alive[which % len(alive)], police=str(value))
        elif kind == "delete" and alive:
            form.delete(alive[which % len(alive)])
        elif kind == "night":
            at.night(replace(call, started_at=form.clock), stop_after=which)


@pytest.mark.parametrize("service", SERVICES)
@settings(max_examples=12, deadline=None)
@given(steps=STEPS)
def test_what_the_city_holds_is_what_the_form_says(service: str, steps: list[tuple[Any, ...]]) -> None:
    form = Form()
    with TemporaryDirectory() as folder, serving(service, form) as server:
        call, at = call_of(service, server, Path(folder)), Desk(*SERVICES[service])
        play(form, at, call, steps)
        for _ in range(2):
            at.night(replace(call, started_at=form.clock))
        expected = {
            OpenDoor().pseudonym("respondent", f"a_source:{one.answers['person']}"): float(one.answers["police"])
            for one in form.submissions.values()
        }
        assert (answer_values(at, call) if at.records else {}) == expected


class TestMemory:
    def test_the_pad_covers_and_uncovers(self) -> None:
        memory = Memory(a_context("reports"), KOBO, None)
        subject = OpenDoor().pseudonym("record", "x")
        sealed = memory._sealed("17", subject)
        assert sealed != subject
        assert memory._sealed("17", sealed) == subject
        assert memory._sealed("18", sealed) != subject

    def test_what_never_made_a_row_leaves_nothing_to_take_back(self) -> None:
        memory = Memory(a_context("reports", scale="1-5"), KOBO, None)
        memory.take([{"_id": 1, "rater": "r", "area": "T1", "rating": "9"}], lambda _: "state")
        assert memory.held["1"].made != ()
        memory.take([{"_id": 2}], lambda _: "state")
        assert len(memory.forget(["1"])) == 1


@pytest.mark.parametrize(
    "link", ["https://kobo.example.evil.example/next", "http://kobo.example/next", "https://kobo.example@evil/next", ""]
)
def test_only_the_server_itself_may_be_followed(link: str) -> None:
    with pytest.raises(ServiceRefused):
        same_origin(link, "https://kobo.example", "KoboToolbox")
    assert same_origin("https://kobo.example/next", "https://kobo.example/", "KoboToolbox")


class TestWhatIsRemembered:
    """The memory alone, without a server."""

    def memory(self) -> Memory:
        return Memory(a_context("reports", scale="1-5"), KOBO, None)

    def submission(self, **values: Any) -> dict[str, Any]:
        return {"_id": 1, "rater": "r", "area": "T1", "date": "2026-05-02", "rating": "4", **values}

    def test_a_bookmark_brings_the_same_memory_back(self) -> None:
        memory = self.memory()
        memory.take([self.submission()], lambda _: "first")
        cursor = memory.cursor(None)
        call = Call(memory.context, kobo.KoboOptions(form="a"), web=None, secrets={}, started_at=NOW)  # type: ignore[arg-type]
        assert Memory.of(call, KOBO, cursor).held == memory.held

    def test_only_another_state_is_news(self) -> None:
        memory = self.memory()
        memory.take([self.submission()], lambda _: "first")
        assert not memory.is_news("1", "first")
        assert memory.is_news("1", "second")
        assert memory.is_news("2", "first")

    def test_every_change_is_a_later_edition(self) -> None:
        memory = self.memory()
        for state in ("first", "second", "second", "third"):
            memory.take([self.submission()], lambda _, state=state: state)  # type: ignore[misc]
        assert memory.held["1"].edition == 2

    def test_an_edition_that_makes_the_same_record_takes_nothing_back(self) -> None:
        memory = self.memory()
        memory.take([self.submission()], lambda _: "first")
        records = memory.take([self.submission(rating="2")], lambda _: "second")
        assert len(records) == 1

    def test_forgetting_what_is_there_takes_nothing_back(self) -> None:
        memory = self.memory()
        memory.take([self.submission()], lambda _: "first")
        assert memory.forget(["1"]) == []
        assert memory.forget([]) == [taken_back(*self.made())]
        assert memory.held == {}

    def made(self) -> tuple[str, datetime]:
        return OpenDoor().pseudonym("record", "a_source:1"), datetime(2026, 5, 2, 11, tzinfo=UTC)

    def test_of_a_repeated_group_each_record_is_remembered(self) -> None:
        memory = Memory(a_context("reports", scale="1-5"), KOBO, "places")
        places = [{"places/area": area, "places/rating": "3"} for area in ("T1", "T2", "T3")]
        memory.take([{"_id": 1, "rater": "r", "date": "2026-05-02", "places": places}], lambda _: "first")
        assert len(memory.held["1"].made) == 3
        again = memory.take([{"_id": 1, "rater": "r", "date": "2026-05-02", "places": places[:1]}], lambda _: "second")
        assert len(again) == 3
        assert len(memory.held["1"].made) == 1
