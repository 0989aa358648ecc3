"""What the tests of table files share: a door that hides nothing, a context in Testville, a whole parsed file."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from barometer.ingest.source import POSITION, Context, DocumentParser, Part, Rejected, Removal, incoming_schema
from tests.towns import a_source, make_testville

NIGHT = date(2026, 5, 9)
HORIZON = datetime(2026, 5, 9, 23, tzinfo=UTC)
EARLIEST = datetime(2006, 1, 1, tzinfo=UTC)
LATEST = datetime(2026, 5, 10, 23, tzinfo=UTC)


class OpenDoor:
    """Pseudonyms that anybody can work out, and a mask that shows that it was used."""

    def pseudonym(self, kind: str, value: str) -> str:
        return hashlib.sha256(f"{kind}:{value}".encode()).hexdigest()[:32]

    def mask(self, texts: Sequence[str]) -> list[str]:
        return [text.replace("Zebedee", "[name]") for text in texts]

    def mask_record(self, record: str) -> str:
        return record[:2000]

    def seal(self, post: str, platform_id: str) -> str:
        raise AssertionError("no table has ids of a platform")

    def unseal(self, post: str, sealed_id: str) -> str:
        raise AssertionError("no table has ids of a platform")


def a_context(signal: str, *, folder: Path | None = None, file: str = "inbox/file.csv", **options: Any) -> Context:
    """A context in Testville, whose source has these options."""
    source = a_source(id="a_source", signal=signal, format="csv", path=f"{signal}/*", options=options)
    return Context(
        city=make_testville(folder or Path("nowhere")),
        source=source,
        door=OpenDoor(),
        night=NIGHT,
        horizon=HORIZON,
        earliest=EARLIEST,
        latest=LATEST,
        file=file,
    )


@dataclass(frozen=True)
class Whole:
    """All parts of a file together."""

    read: int
    out_of_scope: int
    rows: dict[str, pl.DataFrame]
    removals: list[Removal]
    rejected: list[Rejected]

    @property
    def rules(self) -> list[str]:
        return [one.rule for one in self.rejected]

    def first(self, table: str) -> dict[str, Any]:
        return self.rows[table].row(0, named=True)


def parse(parser: DocumentParser, content: str | bytes, context: Context) -> Whole:
    """The parser's answer to a file, having checked that every record is in exactly one place and every frame fits."""
    data = content.encode() if isinstance(content, str) else content
    whole = together(parser.parse_document(io.BytesIO(data), context))
    require_account(whole)
    return whole


def together(parts: Iterable[Part]) -> Whole:
    parts = list(parts)
    tables = list(dict.fromkeys(name for part in parts for name in part.rows))
    return Whole(
        read=sum(part.read for part in parts),
        out_of_scope=sum(part.out_of_scope for part in parts),
        rows={name: pl.concat([part.rows[name] for part in parts if name in part.rows]) for name in tables},
        removals=[one for part in parts for one in part.removals],
        rejected=[one for part in parts for one in part.rejected],
    )


def require_account(whole: Whole) -> None:
    """Nothing lost, nothing doubled; frames as declared; positions unique; every reason one line."""
    first = next(iter(whole.rows.values()), pl.DataFrame({POSITION: []}))
    assert whole.read == whole.out_of_scope + first.height + len(whole.removals) + len(whole.rejected)
    for name, frame in whole.rows.items():
        assert dict(frame.schema) == incoming_schema(name)
    positions = [*first[POSITION].to_list(), *(one.position for one in (*whole.removals, *whole.rejected))]
    assert len(set(positions)) == len(positions)
    assert all("\n" not in one.reason and len(one.reason) > 15 for one in whole.rejected)


def lines(*rows: str) -> str:
    """A file of these rows."""
    return "".join(f"{row}\n" for row in rows)
