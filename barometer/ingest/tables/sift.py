"""Separates usable rows from broken ones: each broken row is rejected once, for the first rule it breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from barometer.ingest.source import POSITION, Context, Rejected, UnusableFile
from barometer.ingest.tables.cells import LINE, as_record

SUBJECT = "_subject"
"""Optional column: pseudonym of the record."""
AUTHOR = "_author"
"""Optional column: pseudonym of the respondent, rater or observer."""

_FAULT = "_fault"


@dataclass(frozen=True)
class Fault:
    """One rule: rows for which `when` is true break it. `reason` says what is wrong and what to do, quoting nothing."""

    rule: str
    field: str
    when: pl.Expr
    reason: str


def sift(frame: pl.DataFrame, faults: Sequence[Fault], context: Context) -> tuple[pl.DataFrame, list[Rejected]]:
    """Rows that break no rule, with their `POSITION`, and the rejected others."""
    broken = [pl.when(fault.when.fill_null(value=False)).then(number) for number, fault in enumerate(faults)]
    told = frame.with_columns(pl.coalesce(*broken, pl.lit(None, pl.Int32)).alias(_FAULT)) if faults else frame
    bad = told.filter(pl.col(_FAULT).is_not_null()) if faults else frame.clear()
    good = told.filter(pl.col(_FAULT).is_null()).drop(_FAULT) if faults else frame
    rejected = [_rejected(row, faults[row[_FAULT]], context) for row in bad.iter_rows(named=True)]
    return good.with_columns(_position(context)), rejected


def require_columns(frame: pl.DataFrame, needed: Sequence[str], *, advice: str) -> None:
    """Raises `UnusableFile` naming every needed column the file does not have."""
    missing = [name for name in dict.fromkeys(needed) if name not in frame.columns]
    if missing:
        there = ", ".join(name for name in frame.columns if not name.startswith("_"))
        raise UnusableFile(
            f"column{'s' if len(missing) > 1 else ''} missing: {', '.join(missing)} (the file has: {there}); {advice}",
            rule="missing_column",
            field=missing[0],
        )


def implausible(column: str, context: Context, *, field: str) -> Fault:
    """The rule that a time lies where times of this city may lie."""
    reason = f"the date lies outside {context.plausible_times}; mend the date or the clock that wrote it"
    when = (pl.col(column) < context.earliest) | (pl.col(column) > context.latest)
    return Fault("implausible_date", field, when, reason)


def _position(context: Context) -> pl.Expr:
    return pl.format("{}:{}", pl.lit(context.file), pl.col(LINE)).alias(POSITION)


def _rejected(row: dict[str, object], fault: Fault, context: Context) -> Rejected:
    subject, author = row.get(SUBJECT), row.get(AUTHOR)
    return Rejected(
        position=context.position(str(row[LINE])),
        rule=fault.rule,
        reason=fault.reason,
        field=fault.field,
        record=as_record(row),
        subject=str(subject) if subject else None,
        author=str(author) if author else None,
    )
