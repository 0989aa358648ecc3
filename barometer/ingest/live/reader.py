"""A live service as a source: pages in, batches out, and a bookmark that a later try or night goes on from."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from barometer.errors import SourceFailed
from barometer.ingest.live.connector import Call, Connector, Page
from barometer.ingest.source import Batch, Context, Line, LineParser, Parser, Part, Rejected, UnusableFile
from barometer.ingest.unpack import MAXIMUM_LINE_BYTES

RECORDS_A_BATCH = 2_000
_KEPT_OF_A_LONG_RECORD = 2_000
BEGINNING: dict[str, Any] = {"service": None, "records": 0, "gap": False, "done": True}
"""Bookmark of a source that was never asked. `service` is the connector's own, `records` how many ever came, `gap`
whether the night missed some for good, `done` whether the night got everything, `failure` why not."""


@dataclass(frozen=True)
class LiveSource:
    """One configured live source; `parser` is the one that reads the service's exports from files."""

    connector: Connector
    call: Call
    parser: Parser

    def fetch(self, cursor: dict[str, Any] | None) -> Iterator[Batch]:
        """Batches of everything after the bookmark; only the last one's says that all is done.

        Raises `SourceFailed` in one of its kinds; batches before that count, and their bookmark is good.
        """
        mark = {**BEGINNING, **(cursor or {}), "done": False}
        mark.pop("failure", None)
        for page in self.connector.pages(self.call, mark["service"]):
            yield from self._batches(page, mark)
            mark = _after(mark, page)
            yield _batch(Part(read=0), mark)
        yield _batch(Part(read=0), {**mark, "done": True})

    def _batches(self, page: Page, mark: Mapping[str, Any]) -> Iterator[Batch]:
        """A page's records, parsed; the bookmark stands before the page until all of it is in."""
        context = replace(self.call.context, file=self.connector.service)
        first = int(mark["records"]) + 1
        for part in _parts(page.records, first, self.parser, context):
            yield _batch(part, dict(mark))


def failed(mark: Mapping[str, Any], failure: SourceFailed) -> dict[str, Any]:
    """The bookmark of a night that could not get everything, with the reason."""
    return {**BEGINNING, **mark, "done": False, "failure": str(failure)}


def _after(mark: Mapping[str, Any], page: Page) -> dict[str, Any]:
    return {
        "service": page.cursor,
        "records": int(mark["records"]) + len(page.records),
        "gap": bool(mark["gap"]) or page.has_gap,
        "done": False,
    }


def _parts(records: Sequence[bytes], first: int, parser: Parser, context: Context) -> Iterator[Part]:
    if isinstance(parser, LineParser):
        lines = (_line(number, record) for number, record in enumerate(records, start=first))
        while some := list(islice(lines, RECORDS_A_BATCH)):
            yield parser.parse_lines(some, context)
        return
    for number, record in enumerate(records, start=first):
        try:
            yield from parser.parse_document(io.BytesIO(record), replace(context, file=f"{context.file}:{number}"))
        except UnusableFile as error:
            rejected = Rejected(context.position(number), error.rule, str(error), field=error.field)
            yield Part(read=1, rejected=[rejected])


def _line(number: int, record: bytes) -> Line:
    is_long = len(record) > MAXIMUM_LINE_BYTES
    return Line(number, record[:_KEPT_OF_A_LONG_RECORD] if is_long else record, too_long=is_long)


def _batch(part: Part, cursor: dict[str, Any]) -> Batch:
    return Batch(part.rows, part.removals, part.rejected, part.read, part.out_of_scope, cursor)
