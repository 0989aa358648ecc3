"""LimeSurvey: responses of one survey over RemoteControl 2 (JSON-RPC, client citric), through our own HTTP layer.

A listing of numbers and dates tells which responses are new, changed, or gone; only those are exported, a stretch of
numbers at a time. Of incomplete responses no answer is fetched: they are only counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import citric
import requests
from citric.exceptions import LimeSurveyError, LimeSurveyStatusError, ResponseMismatchError
from pydantic import Field
from requests.adapters import BaseAdapter

from barometer.errors import NotPermitted, ServiceRefused
from barometer.ingest.live.connector import Call, Cursor, Options, Page, Secret
from barometer.ingest.live.forms import FormOptions, Memory, Submission, digest, in_words, unread_columns, until
from barometer.ingest.live.web import Web
from barometer.ingest.tables.submissions import LIMESURVEY

_RESPONSES_AT_ONCE = 500
_NO_RESPONSES = ("No Data, could not get max id", "No Response")
"""How RemoteControl says that a survey has no responses (limesurvey, remotecontrol_handle.php)."""
_NOT_PERMITTED = ("Invalid user name or password", "No permission", "Login has failed")
_KEY, _DONE, _CHANGED = "id", "submitdate", "datestamp"


class LimeSurveyOptions(FormOptions):
    """Which survey, and where."""

    server: str = Field(
        pattern=r"^https?://\S+$",
        description="address of RemoteControl, e.g. https://surveys.example.org/index.php/admin/remotecontrol",
    )
    survey: int = Field(ge=1, description="number of the survey")


class LimeSurvey:
    """The connector."""

    service: str = "limesurvey"
    title: str = "LimeSurvey"
    signals: tuple[str, ...] = ("answers", "reports")
    format: str = "limesurvey"
    options: type[Options] = LimeSurveyOptions
    secrets: tuple[Secret, ...] = (
        Secret("user", "user of LimeSurvey who may read and export the survey's responses"),
        Secret("password", "that user's password"),
    )
    requests_per_second: float = 1.0
    terms: str = (
        "The data are the city's own; responses deleted or corrected on the server are followed every night "
        "(https://www.limesurvey.org/manual/RemoteControl_2_API)."
    )

    def pages(self, call: Call, cursor: Cursor | None) -> Iterator[Page]:
        """New and changed responses, then what takes back those that are no longer there."""
        memory, end = Memory.of(call, LIMESURVEY, cursor), until(call)
        with _signed_in(call) as client:
            has_dates = _has_dates(client, call)
            states = {str(one[_KEY]): one for one in _listing(client, call, has_dates=has_dates)}
            wanted = {key: one for key, one in states.items() if _is_due(one, end, call)}
            changed = [one for key, one in wanted.items() if not has_dates or memory.is_news(key, _state(one))]
            for stretch in _stretches(changed):
                found = _completed(client, call, stretch)
                state = _state if has_dates else _content
                news = [one for one in found if memory.is_news(str(one[_KEY]), state(one))]
                yield _page(call, memory.take(news, state), memory)
            yield _page(call, memory.forget(states), memory)

    def probe(self, call: Call) -> str:
        """Whether the survey can be read by this user and has every question the codebook reads."""
        with _signed_in(call) as client:
            fields = client.get_fieldmap(call.options.survey)
            questions = [_name(one) for one in fields.values()] if isinstance(fields, Mapping) else []
        return in_words(str(call.options.survey), None, unread_columns(call, questions))


def _name(field: Mapping[str, Any]) -> str:
    """How an export with headings as codes names a question: `code`, or `code[part]` in a table of questions."""
    code, part = str(field.get("title") or field.get("fieldname")), field.get("aid")
    return f"{code}[{part}]" if part else code


@contextmanager
def _signed_in(call: Call) -> Iterator[citric.Client]:
    """A session that is closed whatever happens; failures in words without user, password or session key."""
    try:
        with citric.Client(
            call.options.server,
            call.secrets["user"],
            call.secrets["password"],
            requests_session=_through(call.web),
        ) as client:
            yield client
    except LimeSurveyStatusError as error:
        if str(error).startswith(_NOT_PERMITTED):
            raise NotPermitted(
                "LimeSurvey does not let this user in: check user, password, and the right to export the survey"
            ) from None
        raise ServiceRefused(f"LimeSurvey: {_one_line(error)}; check option survey ({call.options.survey})") from None
    except LimeSurveyError as error:
        raise ServiceRefused(
            f"LimeSurvey: {_one_line(error)}; enable JSON-RPC (Global settings, Interfaces) and check option server"
        ) from None
    except (KeyError, TypeError, UnicodeDecodeError, ResponseMismatchError):
        raise ServiceRefused("LimeSurvey: the answer is none of RemoteControl's; check option server") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


class _Adapter(BaseAdapter):
    """Sends what citric asks through our HTTP layer: its address checks, budget, time and size limits hold here too."""

    def __init__(self, web: Web) -> None:
        super().__init__()
        self._web = web

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """One call. Signing in and reading may be repeated."""
        answer = self._web.post(str(request.url), json=json.loads(_bytes(request.body)))
        response = requests.Response()
        response.status_code, response.url, response.request = answer.status, answer.url, request
        response._content = answer.body
        response.encoding = "utf-8"
        return response

    def close(self) -> None:
        """Nothing is kept open here."""


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body or b"null")


def _through(web: Web) -> requests.Session:
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(web))
    session.trust_env = False
    return session


def _has_dates(client: citric.Client, call: Call) -> bool:
    """Whether the survey stamps every change with its date; without that only the content tells a change."""
    return client.get_survey_properties(call.options.survey, [_CHANGED]).get(_CHANGED) == "Y"


def _listing(client: citric.Client, call: Call, *, has_dates: bool) -> list[Submission]:
    fields = [_KEY, _DONE, *([_CHANGED] if has_dates else [])]
    return _exported(client, call, fields=fields)


def _completed(client: citric.Client, call: Call, stretch: Sequence[Submission]) -> list[Submission]:
    """The responses of a stretch: complete ones with their answers, incomplete ones as they were listed."""
    begun = [one for one in stretch if not one.get(_DONE)]
    done = {str(one[_KEY]) for one in stretch if one.get(_DONE)}
    if not done:
        return begun
    numbers = [int(key) for key in done]
    found = _exported(
        client, call, completion_status="complete", from_response_id=min(numbers), to_response_id=max(numbers)
    )
    return [*begun, *(one for one in found if str(one[_KEY]) in done)]


def _exported(client: citric.Client, call: Call, **chosen: Any) -> list[Submission]:
    try:
        found = client.export_responses_dict(call.options.survey, **chosen)
    except LimeSurveyStatusError as error:
        if str(error).startswith(_NO_RESPONSES):
            return []
        raise
    except ValueError:
        raise ServiceRefused(
            "LimeSurvey's export has another form than expected: update LimeSurvey to 3 or later"
        ) from None
    return [_plain(one) for one in found]


def _plain(response: dict[str, Any]) -> Submission:
    """The response itself; before version 4 it stood under its number."""
    return response if _KEY in response else next(iter(response.values()))


def _is_due(response: Submission, end: datetime, call: Call) -> bool:
    """Whether it came before the horizon; LimeSurvey writes its server's local time."""
    if not response.get(_DONE):
        return True
    timezone = ZoneInfo(call.options.timezone or call.context.city.timezone)
    return datetime.fromisoformat(str(response[_DONE])).replace(tzinfo=timezone) <= end


def _stretches(responses: Sequence[Submission]) -> Iterator[list[Submission]]:
    ordered = sorted(responses, key=lambda one: int(one[_KEY]))
    for start in range(0, len(ordered), _RESPONSES_AT_ONCE):
        yield ordered[start : start + _RESPONSES_AT_ONCE]


def _state(response: Submission) -> str:
    return digest(response.get(_DONE), response.get(_CHANGED))


def _content(response: Submission) -> str:
    return digest(json.dumps(response, sort_keys=True))


def _page(call: Call, records: list[bytes], memory: Memory) -> Page:
    call.web.note(records=len(records), cursor=len(memory.held))
    return Page(records, memory.cursor(None))


CONNECTOR = LimeSurvey()
