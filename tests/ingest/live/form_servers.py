"""Stand-ins that speak KoboToolbox's, ODK Central's and LimeSurvey's protocols, with forms whose submissions change."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import polars as pl
import yaml

from barometer.ingest.live.connector import Call, Connector, Cursor, Page
from barometer.ingest.live.forms import parser_of
from barometer.ingest.settle import IDENTITIES, OUTCOME, WRITTEN, as_tombstones, settle, with_content
from barometer.ingest.source import POSITION, Line, Part, incoming_schema
from barometer.ingest.tables.submissions import Flavour
from tests.ingest.live.stand_in import NOW, Asked, Reply, StandIn, a_web
from tests.ingest.tables.desk import a_context

START = datetime(2026, 5, 1, 8, tzinfo=UTC)
SECRET = "s3cret-value-of-the-test"
CODEBOOK: dict[str, Any] = {
    "title": "A survey",
    "source": "invented",
    "respondent": "person",
    "wave": {"column": "wave"},
    "date": {"column": "completed_at"},
    "area": {"column": "where"},
    "consent": {"column": "consent", "given": ["yes"]},
    "items": {"trust_police": {"column": "police", "question": "?", "scale": {"minimum": 0, "maximum": 10}}},
}


def answers_call(connector: Connector, stand: StandIn, folder: Path, **options: Any) -> Call:
    """A call for a source of answers with the codebook above."""
    (folder / "codebooks").mkdir(parents=True, exist_ok=True)
    (folder / "codebooks" / "survey.yaml").write_text(yaml.safe_dump(CODEBOOK), "utf-8")
    return a_form_call(connector, stand, folder, signal="answers", codebook="survey.yaml", **options)


def a_form_call(connector: Connector, stand: StandIn, folder: Path, *, signal: str, **options: Any) -> Call:
    """A call on the night of 9 May 2026, in Testville."""
    context = a_context(signal, folder=folder, file="a_service", **options)
    context = replace(context, source=context.source.model_copy(update={"kind": "live", "format": connector.format}))
    secrets = {"token": SECRET, "user": "ops@testville.example", "password": SECRET}
    known = connector.options.model_validate(options)
    return Call(context=context, options=known, web=a_web(stand), secrets=secrets, started_at=NOW)


@dataclass
class Form:
    """A form's submissions: number -> what it says, when it came, how often it was edited, what a reviewer said."""

    submissions: dict[int, Submission] = field(default_factory=dict)
    deleted: dict[int, Submission] = field(default_factory=dict)
    number: int = 0
    clock: datetime = START

    def submit(self, **answers: Any) -> int:
        self.number += 1
        self.submissions[self.number] = Submission(self.number, dict(answers), self._tick())
        return self.number

    def edit(self, number: int, **answers: Any) -> None:
        found = self.submissions[number]
        found.answers |= answers
        found.edits += 1
        found.changed_at = self._tick()

    def review(self, number: int, state: str) -> None:
        self.submissions[number].state = state
        self.submissions[number].changed_at = self._tick()

    def delete(self, number: int) -> None:
        gone = self.submissions.pop(number)
        gone.deleted_at = self._tick()
        self.deleted[number] = gone

    def _tick(self) -> datetime:
        self.clock += timedelta(minutes=7)
        return self.clock


@dataclass
class Submission:
    number: int
    answers: dict[str, Any]
    came_at: datetime
    edits: int = 0
    state: str = ""
    changed_at: datetime | None = None
    deleted_at: datetime | None = None


def a_person(person: str = "p1", police: int | str = 7, **values: Any) -> dict[str, Any]:
    """Answers of somebody invented."""
    plain = {"wave": "1", "completed_at": "2026-05-02T10:00:00+00:00", "where": "T1", "consent": "yes"}
    return {"person": person, "police": str(police), **plain, **values}


QUESTIONS = ("person", "wave", "completed_at", "where", "consent", "police")


def kobo_answering(
    form: Form,
    *,
    page: int = 2,
    base: Callable[[], str],
    group: str = "about/",
    questions: Sequence[str] = QUESTIONS,
) -> Callable[[Asked], Reply]:
    """KoboToolbox API v2: `/api/v2/assets/{uid}/` and its `data/`."""

    def answer(asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Token {SECRET}":
            return Reply(401, {"detail": "Authentication credentials were not provided."})
        if asked.path == "/api/v2/assets/aForm1/":
            names = [f"{group}{name}" for name in questions]
            survey = [{"type": "text", "name": name.split("/")[-1], "$xpath": name} for name in names]
            return Reply(
                body={
                    "name": "Pulse",
                    "deployment__submission_count": len(form.submissions),
                    "content": {"survey": survey},
                }
            )
        if asked.path != "/api/v2/assets/aForm1/data/":
            return Reply(404, {"detail": "Not found."})
        query = json.loads(asked.query["query"][0])
        rows = [_kobo_row(one, group) for one in form.submissions.values()]
        rows = [row for row in sorted(rows, key=lambda row: row["_id"]) if _fits(row, query)]
        return Reply(body=_kobo_page(rows, asked, page, base()))

    return answer


def _kobo_row(one: Submission, group: str) -> dict[str, Any]:
    statuses = {"refused": "validation_status_not_approved", "approved": "validation_status_approved"}
    return {
        "_id": one.number,
        "_uuid": f"uuid-{one.number}-{one.edits}",
        "meta/rootUuid": f"uuid:uuid-{one.number}-0",
        "_submission_time": f"{one.came_at:%Y-%m-%dT%H:%M:%S}",
        "_validation_status": {"uid": statuses[one.state]} if one.state else {},
        "_geolocation": [None, None],
        "_attachments": [],
        **{f"{group}{name}": answer for name, answer in one.answers.items()},
    }


def _fits(row: dict[str, Any], query: dict[str, Any]) -> bool:
    tests: dict[str, Callable[[Any, Any], bool]] = {
        "$gte": lambda a, b: a >= b,
        "$lte": lambda a, b: a <= b,
        "$in": lambda a, b: a in b,
    }
    return all(tests[name](row[field], value) for field, limits in query.items() for name, value in limits.items())


def _kobo_page(rows: list[dict[str, Any]], asked: Asked, page: int, base: str) -> dict[str, Any]:
    start = int(asked.query.get("start", ["0"])[0])
    fields = json.loads(asked.query["fields"][0]) if "fields" in asked.query else None
    found = rows[start : start + page]
    if fields:
        found = [{name: row[name] for name in fields} for row in found]
    following = None
    if start + page < len(rows):
        kept = {name: values[0] for name, values in asked.query.items()} | {"start": str(start + page)}
        following = f"{base}{asked.path}?{urlencode(kept)}"
    return {"count": len(rows), "next": following, "previous": None, "results": found}


def odk_answering(
    form: Form, *, page: int = 2, base: Callable[[], str], questions: Sequence[str] = QUESTIONS
) -> Callable[[Asked], Reply]:
    """ODK Central: sessions, the form, its fields, and its OData feed."""

    def answer(asked: Asked) -> Reply:
        if asked.path == "/v1/sessions":
            given = asked.json()
            is_known = given == {"email": "ops@testville.example", "password": SECRET}
            return Reply(body={"token": f"session-{SECRET}"}) if is_known else Reply(401, {"code": 401.2})
        basic = base64.b64encode(f"ops@testville.example:{SECRET}".encode()).decode()
        if asked.headers.get("authorization") not in (f"Bearer session-{SECRET}", f"Basic {basic}"):
            return Reply(401, {"code": 401.2, "message": "Could not authenticate with the provided credentials."})
        if asked.path == "/v1/projects/7/forms/pulse%20one":
            return Reply(body={"name": "Pulse", "xmlFormId": "pulse one"})
        if asked.path.endswith("/fields"):
            return Reply(body=[{"path": f"/about/{name}", "name": name, "type": "string"} for name in questions])
        if asked.path != "/v1/projects/7/forms/pulse%20one.svc/Submissions":
            return Reply(404, {"code": 404.1})
        return Reply(body=_odk_page(_odk_found(form, asked.query["$filter"][0]), asked, page, base()))

    return answer


def _odk_found(form: Form, chosen: str) -> list[dict[str, Any]]:
    wants_deleted = "deletedAt" in chosen
    rows = [_odk_row(one) for one in (form.deleted if wants_deleted else form.submissions).values()]
    return [
        row
        for row in sorted(rows, key=lambda row: row["__system"]["submissionDate"], reverse=True)
        if _passes(row, chosen)
    ]


def _passes(row: dict[str, Any], chosen: str) -> bool:
    """OData's comparisons as far as the connector uses them."""
    text = chosen.replace("__system/deletedAt ne null", "True")
    for name in ("submissionDate", "updatedAt", "deletedAt"):
        value = row["__system"][name] or ""
        for sign, operator in (("le", "<="), ("ge", ">=")):
            text = re.sub(rf"__system/{name} {sign} (\S+?)(?=[) ]|$)", rf"('{value}' {operator} '\1' != '')", text)
    return bool(eval(text, {"__builtins__": {}}))


def _odk_row(one: Submission) -> dict[str, Any]:
    states = {"refused": "rejected", "approved": "approved", "": None}
    return {
        "__id": f"uuid:{one.number}",
        "__system": {
            "submissionDate": _odk_time(one.came_at),
            "updatedAt": _odk_time(one.changed_at),
            "deletedAt": _odk_time(one.deleted_at),
            "submitterName": "Somebody Invented",
            "reviewState": states[one.state],
            "edits": one.edits,
        },
        "meta": {"instanceID": f"uuid:{one.number}"},
        "about": dict(one.answers),
    }


def _odk_time(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S.000Z}"


def _odk_page(rows: list[dict[str, Any]], asked: Asked, page: int, base: str) -> dict[str, Any]:
    start = int(base64.b64decode(asked.query["$skiptoken"][0])) if "$skiptoken" in asked.query else 0
    found: dict[str, Any] = {"value": rows[start : start + page], "@odata.context": f"{base}/$metadata#Submissions"}
    if start + page < len(rows):
        token = base64.b64encode(str(start + page).encode()).decode()
        kept = {name: values[0] for name, values in asked.query.items()} | {"$skiptoken": token}
        found["@odata.nextLink"] = f"{base}{asked.path}?{urlencode(kept)}"
    return found


def limesurvey_answering(
    form: Form,
    *,
    has_dates: bool = True,
    is_old: bool = False,
    keys: list[str] | None = None,
    questions: Sequence[str] = QUESTIONS,
) -> Callable[[Asked], Reply]:
    """RemoteControl 2 over JSON-RPC; `keys` are the session keys that are open."""
    opened = keys if keys is not None else []

    def answer(asked: Asked) -> Reply:
        call = asked.json()
        return Reply(body={"id": call["id"], "error": None, "result": _rpc(call["method"], call["params"])})

    def _rpc(method: str, params: list[Any]) -> Any:
        if method == "get_session_key":
            if params[:2] != ["ops@testville.example", SECRET]:
                return {"status": "Invalid user name or password"}
            opened.append(f"key-{SECRET}")
            return opened[-1]
        if params[0] not in opened:
            return {"status": "Invalid session key"}
        if method == "release_session_key":
            opened.remove(params[0])
            return "OK"
        if params[1] != 4711:
            return {"status": "Error: Invalid survey ID"}
        if method == "get_fieldmap":
            return {name: {"fieldname": name, "title": name, "aid": ""} for name in questions}
        return _lime_result(form, method, params, has_dates=has_dates, is_old=is_old)

    return answer


def _lime_result(form: Form, method: str, params: list[Any], *, has_dates: bool, is_old: bool) -> Any:
    if method == "get_survey_properties":
        return {"datestamp": "Y" if has_dates else "N"}
    assert method == "export_responses"
    _, _, _, _, completion, _, _, first, last, fields, *_ = params
    rows = [
        _lime_row(one, has_dates) for one in form.submissions.values() if (first or 0) <= one.number <= (last or 10**9)
    ]
    rows = [row for row in rows if completion == "all" or row["submitdate"]]
    if not rows:
        return {"status": "No Data, could not get max id."}
    rows = [{name: row[name] for name in fields} if fields else row for row in rows]
    shaped = [{row["id"]: row} if is_old else row for row in rows]
    return base64.b64encode(json.dumps({"responses": shaped}).encode()).decode()


def _lime_row(one: Submission, has_dates: bool) -> dict[str, Any]:
    is_done = one.state != "incomplete"
    changed = {"datestamp": f"{one.changed_at or one.came_at:%Y-%m-%d %H:%M:%S}"} if has_dates else {}
    return {
        "id": str(one.number),
        "submitdate": f"{one.came_at:%Y-%m-%d %H:%M:%S}" if is_done else None,
        **changed,
        **one.answers,
    }


@dataclass
class Desk:
    """What a city would hold after some nights: every record handed over so far, settled as ingest settles them."""

    connector: Connector
    flavour: Flavour
    signal: str = "answers"
    cursor: Cursor | None = None
    records: list[bytes] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)

    def night(self, call: Call, *, stop_after: int | None = None) -> list[Page]:
        """One night; with `stop_after` it is killed after so many pages."""
        tonight = []
        for page in _some(self.connector.pages(call, self.cursor), stop_after):
            self.records += page.records
            self.cursor = json.loads(json.dumps(page.cursor))
            tonight.append(page)
        self.pages += tonight
        return tonight

    def part(self, call: Call) -> Part:
        """All records, parsed at once."""
        return parsed(self.records, call, self.flavour)

    def held(self, call: Call) -> pl.DataFrame:
        """Rows of the signal's table as they would stand."""
        part, identity = self.part(call), IDENTITIES[self.signal]
        second = part.rows[identity.second] if identity.second else None
        incoming = with_content(part.rows[identity.table], second, identity, tie=POSITION)
        nothing = with_content(part.rows[identity.table].clear(), second, identity, tie=POSITION)
        settled, _ = settle(incoming, nothing, as_tombstones(part.removals), identity)
        rows = settled.filter(pl.col(OUTCOME) == WRITTEN)
        return rows.select(list(incoming_schema(identity.table))).sort(identity.key)


def _some(pages: Iterator[Page], stop_after: int | None) -> Iterator[Page]:
    for number, page in enumerate(pages, start=1):
        yield page
        if number == stop_after:
            return


def parsed(records: list[bytes], call: Call, flavour: Flavour) -> Part:
    """What the parser makes of records; every one is in exactly one place."""
    lines = [Line(number, record) for number, record in enumerate(records, start=1)]
    part = parser_of(call.context, flavour).parse_lines(lines, call.context)
    first = next(iter(part.rows.values()))
    assert part.read == len(records) == part.out_of_scope + first.height + len(part.removals) + len(part.rejected)
    return part


def answer_values(desk: Desk, call: Call) -> dict[str, float]:
    """Respondent's pseudonym -> answer about the police, as held."""
    held, part = desk.held(call), desk.part(call)
    answers = part.rows["answers"].join(held.select(POSITION), on=POSITION, how="semi")
    return dict(answers.select("respondent", "value").iter_rows())
