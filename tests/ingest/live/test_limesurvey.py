"""LimeSurvey against a stand-in that speaks RemoteControl 2; the client citric goes through our own HTTP layer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable
from barometer.ingest.live.connector import Call
from barometer.ingest.live.limesurvey import CONNECTOR
from barometer.ingest.tables.submissions import LIMESURVEY
from tests.ingest.live.form_servers import (
    SECRET,
    START,
    Desk,
    Form,
    a_person,
    answer_values,
    answers_call,
    limesurvey_answering,
)
from tests.ingest.live.stand_in import Reply, StandIn, stand_in
from tests.ingest.tables.desk import OpenDoor


@contextmanager
def limesurvey(form: Form, **values: Any) -> Iterator[StandIn]:
    with stand_in(limesurvey_answering(form, **values)) as server:
        yield server


def call_of(server: StandIn, folder: Path, **options: Any) -> Call:
    address = f"{server.url}/index.php/admin/remotecontrol"
    return answers_call(CONNECTOR, server, folder, **{"server": address, "survey": 4711, **options})


def person(name: str) -> str:
    return OpenDoor().pseudonym("respondent", f"a_source:{name}")


def desk() -> Desk:
    return Desk(CONNECTOR, LIMESURVEY)


@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize("has_dates", [True, False])
def test_every_complete_response_comes(is_old: bool, has_dates: bool, tmp_path: Path) -> None:
    form = Form()
    for number in range(4):
        form.submit(**a_person(f"p{number}", police=number))
    with limesurvey(form, is_old=is_old, has_dates=has_dates) as server:
        call, at = call_of(server, tmp_path), desk()
        at.night(call)
        again = at.night(call)
    assert answer_values(at, call) == {person(f"p{number}"): float(number) for number in range(4)}
    assert [record for page in again for record in page.records] == []


def test_of_incomplete_responses_no_answer_leaves_the_server(tmp_path: Path) -> None:
    form = Form()
    form.submit(**a_person("done"))
    begun = form.submit(**a_person("begun"))
    form.submissions[begun].state = "incomplete"
    with limesurvey(form) as server:
        call, at = call_of(server, tmp_path), desk()
        at.night(call)
        assert not any(b"begun" in record for record in at.records)
        assert (at.held(call).height, at.part(call).out_of_scope) == (1, 1)
        form.submissions[begun].state = ""
        form.edit(begun)
        at.night(call)
    assert set(answer_values(at, call)) == {person("done"), person("begun")}


@pytest.mark.parametrize("has_dates", [True, False])
def test_edits_replace_and_deletions_take_back(has_dates: bool, tmp_path: Path) -> None:
    form = Form()
    first, second = form.submit(**a_person("p1")), form.submit(**a_person("p2"))
    with limesurvey(form, has_dates=has_dates) as server:
        call, at = call_of(server, tmp_path), desk()
        at.night(call)
        form.edit(first, police="1")
        form.delete(second)
        at.night(call)
    assert answer_values(at, call) == {person("p1"): 1.0}


def test_the_session_is_closed_whatever_happens(tmp_path: Path) -> None:
    keys: list[str] = []
    with limesurvey(Form(), keys=keys) as server:
        call = call_of(server, tmp_path)
        desk().night(call)
        assert keys == []
        with pytest.raises(ServiceRefused, match="check option survey"):
            desk().night(call_of(server, tmp_path, survey=9))
        assert keys == []
        methods = [asked.json()["method"] for asked in server.asked]
    assert methods.count("get_session_key") == methods.count("release_session_key") == 2


def test_a_survey_without_responses_is_empty_not_broken(tmp_path: Path) -> None:
    with limesurvey(Form()) as server:
        assert [record for page in desk().night(call_of(server, tmp_path)) for record in page.records] == []


def test_nothing_after_the_horizon_is_taken_in_the_servers_own_time(tmp_path: Path) -> None:
    form = Form()
    form.submit(**a_person())
    with limesurvey(form) as server:
        call, at = call_of(server, tmp_path), desk()
        # Written as 08:07 in London's summer time, which is 07:07 UTC.
        before = replace(call, context=replace(call.context, horizon=START.replace(hour=7, minute=6)))
        at.night(before)
        assert at.records == []
        at.night(replace(before, context=replace(call.context, horizon=START.replace(hour=7, minute=8))))
    assert at.held(call).height == 1


def test_a_wrong_password_is_not_permitted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with limesurvey(Form()) as server:
        call = replace(call_of(server, tmp_path), secrets={"user": "somebody", "password": "wrong-secret"})
        with pytest.raises(NotPermitted) as told:
            desk().night(call)
    assert "wrong-secret" not in str(told.value) + caplog.text


def test_no_secret_or_session_key_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    form = Form()
    form.submit(**a_person())
    with limesurvey(form) as server:
        pages = desk().night(call_of(server, tmp_path))
    assert SECRET not in caplog.text + repr(pages)


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(body=b""), ServiceRefused, "enable JSON-RPC"),
        (Reply(body="<html>"), ServiceRefused, "JSON"),
        (Reply(body=b"\xff\xfe\x00"), ServiceRefused, "check option server|JSON"),
        (Reply(body={"a": "surprise"}), ServiceRefused, "check option server"),
        (Reply(503), ServiceUnavailable, "503"),
        (Reply(403), NotPermitted, "not permitted"),
    ],
)
def test_what_is_no_remote_control_is_told(reply: Reply, error: type[Exception], words: str, tmp_path: Path) -> None:
    with stand_in(lambda _: reply) as server, pytest.raises(error, match=words):
        desk().night(call_of(server, tmp_path))


def test_the_probe_compares_the_survey_with_the_codebook(tmp_path: Path) -> None:
    form = Form()
    form.submit(**a_person())
    with limesurvey(form) as server:
        told = CONNECTOR.probe(call_of(server, tmp_path))
    assert told == "form '4711' is reachable, and has every question needed"
