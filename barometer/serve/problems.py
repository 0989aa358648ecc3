"""What can be wrong with a request, in words: problem details for HTTP APIs (RFC 9457)."""

from __future__ import annotations

import json
from http import HTTPStatus

from barometer.errors import BarometerError

PROBLEM_TYPE = "application/problem+json"


class Problem(BarometerError):
    """A request that cannot be answered: its HTTP status, and what to do about it."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}


class NotFound(Problem):
    """There is no such thing among what was published."""

    def __init__(self, detail: str) -> None:
        super().__init__(HTTPStatus.NOT_FOUND, detail)


class Gone(Problem):
    """It was published, but its files are not what was approved any more, so it is not given out."""

    def __init__(self, detail: str) -> None:
        super().__init__(HTTPStatus.GONE, detail)


def problem_body(status: int, detail: str) -> bytes:
    """The body of a problem answer: type, title, status, detail."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status), "detail": detail}
    return json.dumps(content, ensure_ascii=True).encode()
