"""The one way out: every request to a live service goes through here, politely and within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from barometer.errors import ServiceRefused


@dataclass(frozen=True)
class Answer:
    """What came back: 2xx or 304. Everything else is raised."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = field(repr=False)
    url: str
    """Where it came from after redirects, without the query, which may hold a secret."""

    def json(self) -> Any:
        """The body as JSON; raises `ServiceRefused` in words where it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise ServiceRefused(
                f"{self.url} answered {len(self.body)} bytes that are not JSON: check that this is the service",
                status=str(self.status),
            ) from None


class Web(Protocol):
    """What connectors may use."""

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int | list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
    ) -> Answer:
        """GET with retries, rate budget, size cap and address check.

        Raises `ServiceUnavailable`, `NotPermitted` or `ServiceRefused`.
        """
        ...

    def post(
        self,
        url: str,
        *,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        is_repeatable: bool = True,
        max_bytes: int | None = None,
    ) -> Answer:
        """POST likewise; `is_repeatable=False` is never sent twice."""
        ...

    def put(self, url: str, *, content: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """PUT likewise: the same content may be sent again."""
        ...

    def frames(
        self,
        url: str,
        *,
        params: Mapping[str, str | int | list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        idle_seconds: float = 30.0,
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Messages of a WebSocket until it closes, or nothing came for `idle_seconds`; both end the iteration.

        A connection that breaks raises `ServiceUnavailable` from the iterator.
        """
        ...

    def note(self, *, records: int, cursor: Any) -> None:
        """Enter the last request's page in the night's `fetches`: how many records it brought and the bookmark."""
        ...
