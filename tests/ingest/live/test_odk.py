"""ODK Central against a stand-in that speaks its sessions and its OData feed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from barometer.errors import NotPermitted, ServiceRefused
from barometer.ingest.live.connector import Call
from barometer.ingest.live.odk import CONNECTOR
from barometer.ingest.tables.submissions import ODK
from tests.ingest.live.form_servers import (
    SECRET,
    Desk,
    Form,
    a_form_call,
    a_person,
    answer_values,
    answers_call,
    odk_answering,
)
from tests.ingest.live.stand_in import NOW, Asked, Reply, StandIn, stand_in
from tests.ingest.tables.desk import OpenDoor


@contextmanager
def central(form: Form, **values: Any) -> Iterator[StandIn]:
    def answer(asked: Asked) -> Reply:
        return odk_answering(form, base=lambda: server.url, **values)(asked)

    with stand_in(answer) as server:
        yield server


def call_of(server: StandIn, folder: Path, **options: Any) -> Call:
    return answers_call(CONNECTOR, server, folder, server=server.url, project=7, form="pulse one", **options)


def person(name: str) -> str:
    return OpenDoor().pseudonym("respondent", f"a_source:{name}")


def desk() -> Desk:
    return Desk(CONNECTOR, ODK)


def test_every_submission_comes_along_the_skip_tokens(tmp_path: Path) -> None:
    form = Form()
    for number in range(5):
        form.submit(**a_person(f"p{number}", police=number))
    with central(form) as server:
        call, at = call_of(server, tmp_path), desk()
        at.night(call)
        tokens = [asked.query["$skiptoken"] for asked in server.asked if "$skiptoken" in asked.query]
        assert all(asked.query["$expand"] == ["*"] for asked in server.asked if asked.path.endswith("Submissions"))
    assert answer_values(at, call) == {person(f"p{number}"): float(number) for number in range(5)}
    assert len(tokens) == 2


@pytest.mark.parametrize(("sign_in", "begin"), [("session", "Bearer "), ("basic", "Basic ")])
def test_both_ways_to_sign_in(sign_in: str, begin: str, tmp_path: Path) -> None:
    form = Form()
    form.submit(**a_person())
    with central(form) as server:
        call, at = call_of(server, tmp_path, sign_in=sign_in), desk()
        at.night(call)
        headers = [asked.headers["authorization"] for asked in server.asked if asked.method == "GET"]
    assert at.held(call).height == 1
    assert all(header.startswith(begin) for header in headers)


def test_a_wrong_password_is_not_permitted_and_not_repeated(tmp_path: Path) -> None:
    with central(Form()) as server:
        call = call_of(server, tmp_path)
        with pytest.raises(NotPermitted) as told:
            desk().night(replace(call, secrets={"user": "ops@testville.example", "password": "wrong-secret"}))
    assert "wrong-secret" not in str(told.value)


def test_the_second_night_asks_for_what_changed_only(tmp_path: Path) -> None:
    form = Form()
    form.submit(**a_person())
    with central(form) as server:
        call, at = call_of(server, tmp_path), desk()
        at.night(call)
        again = at.night(call)
        filters = [asked.query["$filter"][0] for asked in server.asked if "$filter" in asked.query]
    assert [record for page in again for record in page.records] == []
    assert filters[0] == "__system/submissionDate le 2026-05-09T23:00:00.000Z"
    assert "__system/updatedAt ge 2026-05-08T23:00:00.000Z" in filters[2]
    assert filters[3] == "__system/deletedAt ge 2026-05-08T23:00:00.000Z"


def test_an_edit_replaces_and_a_rejection_takes_back(tmp_path: Path) -> None:
    form = Form()
    number = form.submit(**a_person(police=3))
    with central(form) as server:
        call, at = call_of(server, tmp_path), desk()
        at.night(call)
        form.clock = NOW
        form.edit(number, police="8")
        at.night(call)
        assert answer_values(at, call) == {person("p1"): 8.0}
        form.review(number, "refused")
        at.night(call)
    assert at.held(call).is_empty()


def test_a_deleted_submission_goes_though_its_content_is_not_usable(tmp_path: Path) -> None:
    form = Form()
    number = form.submit(**a_person(police=3))
    with central(form) as server:
        call, at = call_of(server, tmp_path), desk()
        at.night(call)
        form.clock = NOW
        form.edit(number, police="good", where="Atlantis")
        form.delete(number)
        at.night(call)
    assert at.held(call).is_empty()
    assert [one.reason for one in at.part(call).removals] == ["deleted"]
    assert at.part(call).rejected == []


def test_a_break_longer_than_deleted_submissions_stay_listed_is_a_gap(tmp_path: Path) -> None:
    form = Form()
    form.submit(**a_person())
    with central(form) as server:
        call, at = call_of(server, tmp_path), desk()
        assert not any(page.has_gap for page in at.night(call))
        later = NOW + timedelta(days=31)
        context = replace(call.context, horizon=later)
        assert any(page.has_gap for page in at.night(replace(call, context=context, started_at=later)))


def test_repeats_are_expanded_into_reports_placed_and_named(tmp_path: Path) -> None:
    form = Form()
    rated = [{"area": "T1", "rating": 4, "reason": "Zebedee says so"}, {"area": "T2", "rating": 2}]
    form.submit(rater="r1", date="2026-05-02", places=rated)
    with central(form) as server:
        call = a_form_call(
            CONNECTOR,
            server,
            tmp_path,
            signal="reports",
            server=server.url,
            project=7,
            form="pulse one",
            repeat="places",
            scale="1-5",
        )
        at = Desk(CONNECTOR, ODK, signal="reports")
        at.night(call)
    found = at.held(call).sort("area")
    assert found.select("area", "rating", "reason").rows() == [("T1", 4.0, "[name] says so"), ("T2", 2.0, None)]
    assert found["report"].n_unique() == 2
    assert found["rater"].n_unique() == 1


def test_another_answer_than_submissions_is_refused(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(body={"token": "t"} if asked.method == "POST" else {"code": 1})

    with stand_in(answer) as server, pytest.raises(ServiceRefused, match="check options project and form"):
        desk().night(call_of(server, tmp_path))


def test_a_session_that_is_none_is_refused(tmp_path: Path) -> None:
    with stand_in(lambda _: Reply(body=["no token"])) as server, pytest.raises(ServiceRefused, match="no session"):
        desk().night(call_of(server, tmp_path))


def test_the_probe_compares_the_form_with_the_codebook(tmp_path: Path) -> None:
    with central(Form()) as server:
        assert "has every question needed" in CONNECTOR.probe(call_of(server, tmp_path))


def test_no_secret_is_in_an_address_a_bookmark_or_a_repr(tmp_path: Path) -> None:
    form = Form()
    form.submit(**a_person())
    with central(form) as server:
        call = call_of(server, tmp_path)
        pages = desk().night(call)
        asked = [(one.path, one.query) for one in server.asked]
    assert SECRET not in repr((pages, call, asked))
