"""ODK Central: submissions of one form over OData, repeats expanded; edits, reviews and deletions included.

Central tells when a submission came, changed and was deleted; what changed since the bookmark is asked for by these
times, and pages are followed along `@odata.nextLink`. Deleted submissions stay listed for 30 days.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field

from barometer.errors import ServiceRefused
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
from barometer.ingest.tables.submissions import ODK

_PAGE = 250
_OVERLAP = timedelta(days=1)
"""A change may become visible after the time it carries; what is known is not handed over again."""
_DELETED_STAY = timedelta(days=30)
"""Central purges deleted submissions after so many days (docs, "Submissions", deleting)."""
_LINK = "@odata.nextLink"
_ALIVE, _DELETED = "alive", "deleted"


class OdkOptions(FormOptions):
    """Which form, and where."""

    server: str = Field(pattern=r"^https?://[^/\s]+/?$", description="address of the city's ODK Central")
    project: int = Field(ge=1, description="number of the project, as in its address")
    form: str = Field(min_length=1, description="form id, as in its address")
    sign_in: Literal["session", "basic"] = Field(default="session", description="how Central is told who asks")


class Odk:
    """The connector."""

    service: str = "odk"
    title: str = "ODK Central"
    signals: tuple[str, ...] = ("answers", "reports")
    format: str = "odk"
    options: type[Options] = OdkOptions
    secrets: tuple[Secret, ...] = (
        Secret("user", "e-mail address of a web user with the role Project Viewer"),
        Secret("password", "that web user's password"),
    )
    requests_per_second: float = 2.0
    terms: str = (
        "The data are the city's own; what was deleted, corrected or rejected on the server is followed every night "
        "(https://docs.getodk.org/central-submissions/)."
    )

    def pages(self, call: Call, cursor: Cursor | None) -> Iterator[Page]:
        """What came or changed since, then what was deleted since; the bookmark moves when both are through."""
        before, end = since(cursor), until(call)
        memory, central = Memory.of(call, ODK, cursor), _Central(call)
        has_gap = before is not None and end - before > _DELETED_STAY
        for kind in (_ALIVE, _DELETED):
            for found in central.submissions(_filter(kind, before, end)):
                news = [one for one in found if memory.is_news(str(one["__id"]), _state(one))]
                yield _page(call, memory.take(news, _state), memory, before, has_gap=has_gap)
        yield _page(call, [], memory, end, has_gap=False)

    def probe(self, call: Call) -> str:
        """Whether the form can be seen by this user and has every question the codebook reads."""
        central = _Central(call)
        form = central.get(central.form)
        fields = central.get(f"{central.form}/fields")
        questions = [str(one["path"]).lstrip("/") for one in fields]
        return in_words(str(form.get("name") or form.get("xmlFormId")), None, unread_columns(call, questions))


@dataclass
class _Central:
    """One night's conversation with a server."""

    call: Call
    headers: Mapping[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.headers = {"Accept": "application/json", "Authorization": self._signed_in()}

    @property
    def server(self) -> str:
        return str(self.call.options.server).rstrip("/")

    @property
    def form(self) -> str:
        options = self.call.options
        return f"{self.server}/v1/projects/{options.project}/forms/{quote(options.form, safe='')}"

    def get(self, url: str, **params: str | int) -> Any:
        return self.call.web.get(url, params=params or None, headers=self.headers).json()

    def submissions(self, chosen: str) -> Iterator[list[Submission]]:
        """Submissions page by page."""
        asked: dict[str, str | int] = {"$top": _PAGE, "$expand": "*", "$filter": chosen}
        answer = self.get(f"{self.form}.svc/Submissions", **asked)
        while True:
            if not isinstance(answer, dict) or not isinstance(answer.get("value"), list):
                raise ServiceRefused("ODK Central answered without submissions: check options project and form")
            yield answer["value"]
            if not answer.get(_LINK):
                return
            answer = self.get(same_origin(str(answer[_LINK]), self.server, "ODK Central"))

    def _signed_in(self) -> str:
        user, password = self.call.secrets["user"], self.call.secrets["password"]
        if self.call.options.sign_in == "basic":
            return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
        answer = self.call.web.post(f"{self.server}/v1/sessions", json={"email": user, "password": password}).json()
        if not isinstance(answer, dict) or not isinstance(answer.get("token"), str):
            raise ServiceRefused("ODK Central opened no session: check option server")
        return f"Bearer {answer['token']}"


def _filter(kind: str, before: datetime | None, end: datetime) -> str:
    begin = _text(before - _OVERLAP) if before else None
    if kind == _DELETED:
        # Without a condition on it, Central leaves deleted submissions out.
        return f"__system/deletedAt ge {begin}" if begin else "__system/deletedAt ne null"
    came = f"__system/submissionDate le {_text(end)}"
    if begin is None:
        return came
    return f"{came} and (__system/submissionDate ge {begin} or __system/updatedAt ge {begin})"


def _text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _state(submission: Submission) -> str:
    system = submission.get("__system") or {}
    return digest(system.get("updatedAt"), system.get("deletedAt"), system.get("reviewState"), system.get("edits"))


def _page(call: Call, records: list[bytes], memory: Memory, at: datetime | None, *, has_gap: bool) -> Page:
    call.web.note(records=len(records), cursor=at.isoformat() if at else None)
    return Page(records, memory.cursor(at), has_gap=has_gap)


CONNECTOR = Odk()
