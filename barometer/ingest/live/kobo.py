"""KoboToolbox: submissions of one form over its API v2, edits, decisions of reviewers and deletions included.

New submissions are asked for by time of submission, page by page along `next`. A listing of numbers and states alone
then tells which of the known ones were edited (their `_uuid` is another), decided upon, or deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from barometer.errors import ServiceRefused, ServiceUnavailable
from barometer.ingest.live.connector import Call, Cursor, Options, Page, Secret
from barometer.ingest.live.forms import (
    FormOptions,
    Memory,
    Submission,
    digest,
    in_words,
    same_origin,
    since,
    unread_columns,
    until,
)
from barometer.ingest.tables.submissions import KOBO

GLOBAL_SERVER, EU_SERVER = "https://kf.kobotoolbox.org", "https://eu.kobotoolbox.org"

_PAGE = 1_000
"""The most submissions KoboToolbox gives at once (docs, "Migrating to v2")."""
_NUMBERS_AT_ONCE = 100
"""So many numbers of submissions fit an address without coming near any limit of its length."""
_OVERLAP = timedelta(hours=1)
"""Submissions become visible somewhat after the time they carry."""
_STATE = ["_id", "_uuid", "_submission_time", "_validation_status"]


class KoboOptions(FormOptions):
    """Which form, and where."""

    server: str = Field(
        default=EU_SERVER,
        pattern=r"^https?://[^/\s]+/?$",
        description=f"{EU_SERVER}, {GLOBAL_SERVER}, or a city's own server",
    )
    form: str = Field(pattern=r"^[A-Za-z0-9]+$", description="uid of the form (asset): the last part of its address")


class Kobo:
    """The connector."""

    service: str = "kobo"
    title: str = "KoboToolbox"
    signals: tuple[str, ...] = ("answers", "reports")
    format: str = "kobo"
    options: type[Options] = KoboOptions
    secrets: tuple[Secret, ...] = (
        Secret("token", "API key of an account that may view the form's submissions: Account settings, Security"),
    )
    requests_per_second: float = 2.0
    terms: str = (
        "The data are the city's own; what a respondent has deleted or corrected on the server is followed every night "
        "(https://www.kobotoolbox.org/terms/)."
    )

    def pages(self, call: Call, cursor: Cursor | None) -> Iterator[Page]:
        """New submissions, then edited ones, then what takes back those that are no longer there."""
        memory, before, end = Memory.of(call, KOBO, cursor), since(cursor), until(call)
        for found in _listed(call, _between(before, end)):
            news = [one for one in found if memory.is_news(str(one["_id"]), _state(one))]
            yield _page(call, memory.take(news, _state), memory, before)
        states = {str(one["_id"]): one for one in _whole_listing(call, end)}
        changed = [one["_id"] for key, one in states.items() if memory.is_news(key, _state(one))]
        for numbers in _chunks(changed):
            query = {"_id": {"$in": list(numbers)}}
            for found in _listed(call, query):
                yield _page(call, memory.take(found, _state), memory, before)
        yield _page(call, memory.forget(states), memory, end)

    def probe(self, call: Call) -> str:
        """Whether the form can be seen with this token and has every question the codebook reads."""
        asset = _get(call, f"{_form(call)}/?format=json")
        questions = [str(row.get("$xpath") or row.get("name") or row.get("$autoname")) for row in _survey(asset)]
        count = asset.get("deployment__submission_count")
        return in_words(str(asset.get("name")), count, unread_columns(call, questions))


def _survey(asset: dict[str, Any]) -> list[dict[str, Any]]:
    content = asset.get("content")
    return list(content.get("survey", [])) if isinstance(content, dict) else []


def _form(call: Call) -> str:
    return f"{call.options.server.rstrip('/')}/api/v2/assets/{call.options.form}"


def _get(call: Call, url: str, **params: str | int) -> dict[str, Any]:
    headers = {"Authorization": f"Token {call.secrets['token']}", "Accept": "application/json"}
    found = call.web.get(url, params=params or None, headers=headers).json()
    if not isinstance(found, dict):
        raise ServiceRefused(f"KoboToolbox did not answer with an object: check option server ({call.options.server})")
    return found


def _listed(call: Call, query: dict[str, Any], *, fields: Sequence[str] = ()) -> Iterator[list[Submission]]:
    """Submissions page by page; raises `ServiceUnavailable` when fewer come than the service says there are."""
    wanted = {"fields": json.dumps(list(fields))} if fields else {}
    sort = json.dumps({"_id": 1})
    answer = _get(
        call, f"{_form(call)}/data/", format="json", limit=_PAGE, query=json.dumps(query), sort=sort, **wanted
    )
    seen = 0
    while True:
        results = answer.get("results")
        if not isinstance(results, list):
            raise ServiceRefused(
                "KoboToolbox answered without results: check option form, and that the form is deployed"
            )
        seen += len(results)
        yield results
        if not answer.get("next"):
            break
        answer = _get(call, same_origin(str(answer["next"]), call.options.server, "KoboToolbox"))
    if seen < int(answer.get("count") or 0):
        raise ServiceUnavailable("KoboToolbox: fewer submissions came than the service says there are; try again")


def _whole_listing(call: Call, end: datetime) -> list[Submission]:
    """Number and state of every submission up to `end`."""
    return [one for found in _listed(call, _between(None, end), fields=_STATE) for one in found]


def _between(begin: datetime | None, end: datetime) -> dict[str, Any]:
    # Times of submission are text without offset, in UTC, which sorts as time does.
    limits = {"$lte": _text(end)} | ({"$gte": _text(begin - _OVERLAP)} if begin else {})
    return {"_submission_time": limits}


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}"


def _state(submission: Submission) -> str:
    """An edit gives a submission another `_uuid`; a reviewer's decision another status."""
    decided = submission.get("_validation_status") or {}
    return digest(submission.get("_uuid"), decided.get("uid") if isinstance(decided, dict) else decided)


def _chunks(numbers: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(numbers), _NUMBERS_AT_ONCE):
        yield numbers[start : start + _NUMBERS_AT_ONCE]


def _page(call: Call, records: list[bytes], memory: Memory, at: datetime | None) -> Page:
    call.web.note(records=len(records), cursor=at.isoformat() if at else None)
    return Page(records, memory.cursor(at))


CONNECTOR = Kobo()
