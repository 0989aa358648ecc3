"""Short ways to ask a parser of posts what becomes of records."""

from __future__ import annotations

import io
from typing import Any

from barometer.ingest.posts.post import TABLE
from barometer.ingest.source import Context, DocumentParser, LineParser, Part, Rejected
from tests.ingest.helpers import a_context, as_lines


def parsed(parser: LineParser, *records: Any, context: Context | None = None) -> Part:
    """What a parser of lines makes of records, having checked that it accounts for each of them once."""
    part = parser.parse_lines(as_lines(*records), context or a_context())
    assert is_balanced(part)
    return part


def rows_of(parser: LineParser, *records: Any, context: Context | None = None) -> list[dict[str, Any]]:
    """The rows of records none of which may be rejected."""
    part = parsed(parser, *records, context=context)
    assert part.rejected == []
    return part.rows[TABLE].to_dicts() if part.rows else []


def row_of(parser: LineParser, record: Any, context: Context | None = None) -> dict[str, Any]:
    """The one row of a record."""
    (row,) = rows_of(parser, record, context=context)
    return row


def refusal_of(parser: LineParser, record: Any, context: Context | None = None) -> Rejected:
    """Why a record was rejected."""
    (rejected,) = parsed(parser, record, context=context).rejected
    return rejected


def documented(parser: DocumentParser, content: bytes, context: Context | None = None) -> list[Part]:
    """What a parser of documents makes of a file."""
    parts = list(parser.parse_document(io.BytesIO(content), context or a_context()))
    assert all(is_balanced(part) for part in parts)
    return parts


def is_balanced(part: Part) -> bool:
    """Every record read is in exactly one place."""
    rows = part.rows[TABLE].height if part.rows else 0
    return part.read == part.out_of_scope + rows + len(part.removals) + len(part.rejected)
