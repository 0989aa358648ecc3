"""What connectors share that ask one service for several things: timelines, feeds, videos, listings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TypeAlias, TypeVar

import msgspec

from barometer.errors import ServiceRefused, SourceFailed
from barometer.ingest.live.connector import Call, Page
from barometer.ingest.live.web import Answer

Walk: TypeAlias = Callable[[], Iterator[Page]]
"""Starts reading one of the things."""

Params: TypeAlias = Mapping[str, str | int]
"""Parameters of a request."""

_T = TypeVar("_T")
_Reading = TypeVar("_Reading")


def each(walks: Iterable[Walk]) -> Iterator[Page]:
    """Pages of one walk after the other; one that fails spoils none of the others.

    Raises the first `SourceFailed` after all were tried.
    """
    failures: list[SourceFailed] = []
    for walk in walks:
        try:
            yield from walk()
        except SourceFailed as failure:
            failures.append(failure)
    if failures:
        raise failures[0]


def until(call: Call) -> datetime:
    """The latest time that may be asked for: what happened later belongs to later nights."""
    return min(call.started_at, call.context.horizon).astimezone(UTC)


def decoded(answer: Answer, kind: type[_T], what: str) -> _T:
    """The answer's JSON as `kind`; raises `ServiceRefused` saying that it is not `what`."""
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        reason = f"{answer.url} answered something else than {what}: check the address, or ask the service"
        raise ServiceRefused(reason, status=str(answer.status)) from None


def bearer(token: str | None) -> dict[str, str]:
    """The header by which a token is shown, or none."""
    return {"Authorization": f"Bearer {token}"} if token else {}
