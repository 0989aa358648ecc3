"""The city's own list of what must go: CSV files of takedown requests and withdrawn consent, format `csv` of signal
`removals`.

Columns: `kind` (post, author, respondent, rater, observer or record), `id` (as the platform, form or file knows it),
`source` (the platform of a post or author; else the id of the configured source, or its option `id_space`), `at` (ISO
8601 with offset; empty: everything up to the night), `reason` (deleted, account_deleted, consent_withdrawn, operator;
empty: consent_withdrawn for a respondent, rater or observer, else operator).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, BinaryIO, cast, get_args

from barometer.ingest.source import Context, Part, PseudonymKind, Rejected, Removal, RemovalReason, UnusableFile
from barometer.ingest.tables.cells import LINE, as_record, read_blocks

KINDS: tuple[str, ...] = get_args(PseudonymKind)
REASONS: tuple[str, ...] = tuple(reason for reason in get_args(RemovalReason) if reason != "edited")
_COLUMNS = ("kind", "id", "source")
_PERSONS = frozenset({"respondent", "rater", "observer"})


class TakedownList:
    """A `DocumentParser` of a city's removals."""

    def parse_document(self, stream: BinaryIO, context: Context) -> Iterable[Part]:
        """Every row as a removal or rejected. Raises `UnusableFile` when the header lacks kind, id or source."""
        for block in read_blocks(stream, context):
            missing = [name for name in _COLUMNS if name not in block.frame.columns]
            if missing:
                reason = f"columns missing: {', '.join(missing)}; a list of removals has kind, id, source, at, reason"
                raise UnusableFile(reason, rule="missing_column", field=missing[0])
            told = [_row(row, context) for row in block.frame.iter_rows(named=True)]
            rejected = [one for one in told if isinstance(one, Rejected)]
            removals = [one for one in told if isinstance(one, Removal)]
            yield Part(read=block.read, removals=removals, rejected=[*block.rejected, *rejected])


def _row(row: dict[str, Any], context: Context) -> Removal | Rejected:
    position = context.position(row[LINE])
    fault = _fault(row, context)
    if fault is not None:
        field, rule, reason = fault
        return Rejected(position, rule, f"{reason}: nothing was removed, correct the row", field, as_record(row))
    kind = cast(PseudonymKind, row["kind"].lower())
    subject = context.pseudonym(kind, row["id"], platform=row["source"])
    return Removal(kind, subject, _at(row.get("at"), context), _reason(kind, row.get("reason")), position)


def _fault(row: dict[str, Any], context: Context) -> tuple[str, str, str] | None:
    """Field, rule and reason of the first thing wrong with the row."""
    empty = next((name for name in _COLUMNS if not row[name]), None)
    if empty:
        return empty, "missing_field", f"{empty} is empty"
    if row["kind"].lower() not in KINDS:
        return "kind", "unknown_kind", f"kind is none of {', '.join(KINDS)}"
    if row.get("reason") and row["reason"].lower() not in REASONS:
        return "reason", "unknown_reason", f"reason is none of {', '.join(REASONS)}"
    return _fault_of_time(row.get("at"), context)


def _fault_of_time(stated: str | None, context: Context) -> tuple[str, str, str] | None:
    try:
        at = _at(stated, context)
    except ValueError:
        return "at", "invalid_date", "at is not a time with offset such as 2026-05-03T08:00:00Z"
    is_implausible = bool(stated) and context.is_implausible(at)
    return ("at", "implausible_date", "at cannot be true") if is_implausible else None


def _at(stated: str | None, context: Context) -> datetime:
    if not stated:
        return context.horizon
    at = datetime.fromisoformat(stated)
    if at.tzinfo is None:
        raise ValueError("no offset")
    return at.astimezone(context.horizon.tzinfo)


def _reason(kind: str, stated: str | None) -> RemovalReason:
    if stated:
        return cast(RemovalReason, stated.lower())
    return "consent_withdrawn" if kind in _PERSONS else "operator"


PARSER = TakedownList()
