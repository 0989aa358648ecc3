"""Services made for tests: one that gives prepared pages and fails where a test says, and one over a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from barometer.city import SourceConfig
from barometer.errors import ServiceUnavailable, SourceFailed
from barometer.ingest.live.connector import Call, Cursor, Options, Page, Secret

TOKEN = Secret("token", "made in the forum's settings, under Applications")


class ForumOptions(Options):
    """Options of both services."""

    address: str = Field(default="https://forum.example", description="address of the forum")
    board: str = Field(default="all", description="which board to read")


@dataclass
class Scripted:
    """A service whose pages are prepared; each try gives as many more as `gives` says, then breaks off."""

    pages_there: Sequence[Sequence[Any]] = ()
    gives: list[int] = field(default_factory=list)
    failure: SourceFailed = field(default_factory=lambda: ServiceUnavailable("broke off", status="503"))
    gaps: frozenset[int] = frozenset()
    """Pages before which something was missed."""
    asked_from: list[Cursor | None] = field(default_factory=list)
    service: str = "forum"
    title: str = "The forum"
    signals: tuple[str, ...] = ("posts",)
    format: str = "jsonl"
    options: type[Options] = ForumOptions
    secrets: tuple[Secret, ...] = ()
    requests_per_second: float = 1_000.0
    terms: str = "Invented terms: https://forum.example/terms"

    def pages(self, call: Call, cursor: Cursor | None) -> Iterator[Page]:
        self.asked_from.append(cursor)
        start = int((cursor or {"page": 0})["page"])
        limit = self.gives.pop(0) if self.gives else len(self.pages_there)
        for number, page in enumerate(self.pages_there[start:], start=start):
            if number - start == limit:
                raise self.failure
            records = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in page]
            yield Page(records, {"page": number + 1}, has_gap=number in self.gaps)

    def probe(self, call: Call) -> str:
        return "the forum answers"


@dataclass
class Served(Scripted):
    """A service over HTTP: `GET <address>/posts?page=N` with a Bearer token; `next` says whether there is more."""

    service: str = "served_forum"
    secrets: tuple[Secret, ...] = (TOKEN,)

    def pages(self, call: Call, cursor: Cursor | None) -> Iterator[Page]:
        page = int((cursor or {"page": 0})["page"])
        while True:
            found = self._ask(call, page)
            page += 1
            call.web.note(records=len(found["posts"]), cursor={"page": page})
            yield Page([json.dumps(one).encode() for one in found["posts"]], {"page": page})
            if not found["next"]:
                return

    def probe(self, call: Call) -> str:
        self._ask(call, 0)
        return "the forum answers and lets us read"

    def _ask(self, call: Call, page: int) -> Any:
        return call.web.get(
            f"{call.options.address}/posts",
            params={"page": page, "key": call.secrets["token"]},
            headers={"Authorization": f"Bearer {call.secrets['token']}"},
        ).json()


def a_live_source(service: str = "forum", signal: str = "posts", form: str = "jsonl", **values: Any) -> SourceConfig:
    """A configured live source; `values` override its id, is_synthetic, connection and options."""
    plain = {"id": "a_source", "is_synthetic": False, "options": {}}
    return SourceConfig(signal=signal, kind="live", service=service, format=form, **(plain | values))
