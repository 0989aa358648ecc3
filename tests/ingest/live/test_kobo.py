"""KoboToolbox against a stand-in that speaks its API v2: paging, edits, reviews, deletions, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable
from barometer.ingest.live.connector import Call
from barometer.ingest.live.kobo import CONNECTOR, EU_SERVER, KoboOptions
from barometer.ingest.tables.submissions import KOBO
from tests.ingest.live.form_servers import (
    SECRET,
    START,
    Desk,
    Form,
    a_form_call,
    a_person,
    answer_values,
    answers_call,
    kobo_answering,
)
from tests.ingest.live.stand_in import Asked, Reply, StandIn, stand_in
from tests.ingest.tables.desk import OpenDoor


@contextmanager
def kobo(form: Form, **values: Any) -> Iterator[StandIn]:
    def answer(asked: Asked) -> Reply:
        return kobo_answering(form, base=lambda: server.url, **values)(asked)

    with stand_in(answer) as server:
        yield server


def call_of(server: StandIn, folder: Path, **options: Any) -> Call:
    return answers_call(CONNECTOR, server, folder, server=server.url, form="aForm1", **options)


def person(name: str) -> str:
    return OpenDoor().pseudonym("respondent", f"a_source:{name}")


def desk() -> Desk:
    return Desk(CONNECTOR, KOBO)


class TestFirstNight:
    def test_every_submission_comes_over_all_pages(self, tmp_path: Path) -> None:
        form = Form()
        for number in range(5):
            form.submit(**a_person(f"p{number}", police=number))
        with kobo(form) as server:
            call, at = call_of(server, tmp_path), desk()
            at.night(call)
            data = [asked for asked in server.asked if "fields" not in asked.query]
        assert answer_values(at, call) == {person(f"p{number}"): float(number) for number in range(5)}
        assert len(data) == 3

    def test_the_token_goes_in_the_header_alone(self, tmp_path: Path) -> None:
        form = Form()
        form.submit(**a_person())
        with kobo(form) as server:
            pages = desk().night(call_of(server, tmp_path))
            assert all(SECRET not in asked.path and SECRET not in str(asked.query) for asked in server.asked)
        assert SECRET not in str([page.cursor for page in pages])

    def test_an_empty_form_still_moves_the_bookmark(self, tmp_path: Path) -> None:
        with kobo(Form()) as server:
            pages = desk().night(call_of(server, tmp_path))
        assert pages[-1].cursor["since"] == "2026-05-09T23:00:00+00:00"
        assert [record for page in pages for record in page.records] == []

    def test_nothing_after_the_horizon_is_taken(self, tmp_path: Path) -> None:
        form = Form()
        form.submit(**a_person("early"))
        form.clock = START + timedelta(days=9)
        form.submit(**a_person("late"))
        with kobo(form) as server:
            call, at = call_of(server, tmp_path), desk()
            at.night(call)
            assert set(answer_values(at, call)) == {person("early")}
            later = replace(call, context=replace(call.context, horizon=START + timedelta(days=20)))
            at.night(replace(later, started_at=START + timedelta(days=20)))
        assert set(answer_values(at, call)) == {person("early"), person("late")}


class TestLaterNights:
    def test_what_is_known_is_not_handed_over_again(self, tmp_path: Path) -> None:
        form = Form()
        form.submit(**a_person())
        with kobo(form) as server:
            call, at = call_of(server, tmp_path), desk()
            at.night(call)
            again = at.night(call)
        assert [record for page in again for record in page.records] == []

    def test_only_recent_submissions_are_asked_for_whole(self, tmp_path: Path) -> None:
        with kobo(Form()) as server:
            call, at = call_of(server, tmp_path), desk()
            at.night(call)
            at.night(call)
            queries = [json.loads(asked.query["query"][0]) for asked in server.asked if "fields" not in asked.query]
        assert "$gte" not in queries[0]["_submission_time"]
        assert queries[1]["_submission_time"]["$gte"] == "2026-05-09T22:00:00"

    def test_an_edit_replaces_the_answer(self, tmp_path: Path) -> None:
        form = Form()
        number = form.submit(**a_person(police=3))
        with kobo(form) as server:
            call, at = call_of(server, tmp_path), desk()
            at.night(call)
            form.edit(number, police="8")
            at.night(call)
        assert answer_values(at, call) == {person("p1"): 8.0}
        assert at.held(call).height == 1

    def test_a_deletion_takes_the_answer_back(self, tmp_path: Path) -> None:
        form = Form()
        number, _ = form.submit(**a_person("p1")), form.submit(**a_person("p2"))
        with kobo(form) as server:
            call, at = call_of(server, tmp_path), desk()
            at.night(call)
            form.delete(number)
            at.night(call)
        assert set(answer_values(at, call)) == {person("p2")}

    def test_deleting_an_older_submission_of_the_same_person_leaves_the_newer(self, tmp_path: Path) -> None:
        form = Form()
        number = form.submit(**a_person(police=2))
        form.submit(**a_person(police=9, completed_at="2026-05-03T10:00:00Z"))
        with kobo(form) as server:
            call, at = call_of(server, tmp_path), desk()
            at.night(call)
            form.delete(number)
            at.night(call)
        assert answer_values(at, call) == {person("p1"): 9.0}

    def test_a_corrected_id_moves_the_answer_to_the_right_person(self, tmp_path: Path) -> None:
        form = Form()
        number = form.submit(**a_person("wrong"))
        with kobo(form) as server:
            call, at = call_of(server, tmp_path), desk()
            at.night(call)
            form.edit(number, person="right")
            at.night(call)
        assert set(answer_values(at, call)) == {person("right")}

    def test_a_submission_that_was_refused_goes_and_comes_back_when_approved(self, tmp_path: Path) -> None:
        form = Form()
        number = form.submit(**a_person())
        with kobo(form) as server:
            call, at = call_of(server, tmp_path), desk()
            at.night(call)
            form.review(number, "refused")
            at.night(call)
            assert at.held(call).is_empty()
            form.review(number, "approved")
            at.night(call)
        assert at.held(call).height == 1

    def test_only_approved_ones_count_where_the_city_says_so(self, tmp_path: Path) -> None:
        form = Form()
        first, _ = form.submit(**a_person("p1")), form.submit(**a_person("p2"))
        with kobo(form) as server:
            call, at = call_of(server, tmp_path, only_approved=True), desk()
            at.night(call)
            assert at.part(call).out_of_scope == 2
            form.review(first, "approved")
            at.night(call)
            assert set(answer_values(at, call)) == {person("p1")}
            form.review(first, "")
            at.night(call)
        assert at.held(call).is_empty()

    def test_withdrawn_consent_takes_the_answer_back(self, tmp_path: Path) -> None:
        form = Form()
        number = form.submit(**a_person())
        with kobo(form) as server:
            call, at = call_of(server, tmp_path), desk()
            at.night(call)
            form.edit(number, consent="no")
            at.night(call)
        assert at.held(call).is_empty()
        assert "consent_withdrawn" in {one.reason for one in at.part(call).removals}


class TestBookmark:
    def test_it_names_nobody_and_holds_no_pseudonym(self, tmp_path: Path) -> None:
        form = Form()
        form.submit(**a_person("p1"))
        with kobo(form) as server:
            call, at = call_of(server, tmp_path), desk()
            at.night(call)
        held = at.held(call)
        text = json.dumps(at.cursor)
        assert held.height == 1
        for secret in ("p1", held["response"][0], held["respondent"][0], "uuid-1"):
            assert secret not in text

    def test_a_night_that_was_killed_goes_on_where_it_stopped(self, tmp_path: Path) -> None:
        form = Form()
        for number in range(6):
            form.submit(**a_person(f"p{number}"))
        with kobo(form) as server:
            call, at = call_of(server, tmp_path), desk()
            at.night(call, stop_after=2)
            assert at.held(call).height == 4
            at.night(call)
        assert at.held(call).height == 6
        assert len(at.records) == 6


class TestWhatGoesWrong:
    @pytest.mark.parametrize(("status", "error"), [(401, NotPermitted), (403, NotPermitted), (404, ServiceRefused)])
    def test_refusals_are_told_apart(self, status: int, error: type[Exception], tmp_path: Path) -> None:
        with stand_in(lambda _: Reply(status, {"detail": "no"})) as server, pytest.raises(error) as told:
            desk().night(call_of(server, tmp_path))
        assert SECRET not in str(told.value)

    def test_a_listing_that_comes_short_takes_nothing_back(self, tmp_path: Path) -> None:
        form = Form()
        for number in range(3):
            form.submit(**a_person(f"p{number}"))

        def forgetful(asked: Asked) -> Reply:
            found = kobo_answering(form, base=lambda: server.url, page=10)(asked)
            return replace(found, body={**found.body, "results": found.body["results"][:1]})

        with kobo(form) as whole:
            call, at = call_of(whole, tmp_path), desk()
            at.night(call)
        with stand_in(forgetful) as server, pytest.raises(ServiceUnavailable, match="fewer submissions"):
            at.night(call_of(server, tmp_path))
        assert at.held(call).height == 3

    def test_a_next_page_elsewhere_gets_no_token(self, tmp_path: Path) -> None:
        away = {"count": 2, "next": "http://elsewhere.example/api", "results": []}
        with stand_in(lambda _: Reply(body=away)) as server, pytest.raises(ServiceRefused, match="another server"):
            desk().night(call_of(server, tmp_path))

    @pytest.mark.parametrize("body", [[], {"detail": "asset without data"}])
    def test_another_answer_than_submissions_is_refused(self, body: Any, tmp_path: Path) -> None:
        with stand_in(lambda _: Reply(body=body)) as server, pytest.raises(ServiceRefused, match="check option"):
            desk().night(call_of(server, tmp_path))

    def test_a_server_that_is_busy_is_asked_again(self, tmp_path: Path) -> None:
        form, failures = Form(), [Reply(429, headers={"Retry-After": "2"}), Reply(502)]
        form.submit(**a_person())
        with stand_in(lambda asked: failures.pop() if failures else answering(asked)) as server:
            answering = kobo_answering(form, base=lambda: server.url)
            call, at = call_of(server, tmp_path), desk()
            at.night(call)
        assert at.held(call).height == 1


class TestReports:
    def test_each_repetition_is_a_report(self, tmp_path: Path) -> None:
        form = Form()
        rated = [{"places/area": "T1", "places/rating": "4"}, {"places/area": "T2", "places/rating": "2"}]
        number = form.submit(rater="r1", date="2026-05-02", places=rated)
        with kobo(form, group="") as server:
            call = a_form_call(
                CONNECTOR,
                server,
                tmp_path,
                signal="reports",
                server=server.url,
                form="aForm1",
                repeat="places",
                scale="1-5",
            )
            at = Desk(CONNECTOR, KOBO, signal="reports")
            at.night(call)
            assert at.held(call).select("area", "rating").sort("area").rows() == [("T1", 4.0), ("T2", 2.0)]
            form.edit(number, places=rated[:1])
            at.night(call)
        assert at.held(call).select("area", "rating").rows() == [("T1", 4.0)]


class TestProbe:
    def test_a_form_with_every_question_is_fine(self, tmp_path: Path) -> None:
        form = Form()
        form.submit(**a_person())
        with kobo(form) as server:
            assert CONNECTOR.probe(call_of(server, tmp_path)) == (
                "form 'Pulse' is reachable, 1 submissions, and has every question needed"
            )

    def test_a_missing_question_is_named(self, tmp_path: Path) -> None:
        body = {"name": "Pulse", "content": {"survey": [{"name": "person"}, {"name": "wave"}]}}
        with (
            stand_in(lambda _: Reply(body=body)) as server,
            pytest.raises(ServiceRefused, match="no question completed_at"),
        ):
            CONNECTOR.probe(call_of(server, tmp_path))


def test_the_server_is_one_of_kobos_or_the_citys() -> None:
    assert KoboOptions(form="aB3").server == EU_SERVER
    with pytest.raises(ValidationError):
        KoboOptions(form="aB3", server="ftp://kobo.example")
    with pytest.raises(ValidationError):
        KoboOptions(form="../../etc")
