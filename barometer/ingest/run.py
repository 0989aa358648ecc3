"""One night's ingest of one source: read what is new, settle it against what is known, write it, account for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl

from barometer import ledger
from barometer.city import SourceConfig
from barometer.errors import BadConfiguration
from barometer.ingest import posts, takedowns
from barometer.ingest.files import FilesSource
from barometer.ingest.settle import (
    CONFLICT,
    CONTENT,
    DUPLICATE,
    IDENTITIES,
    OUTCOME,
    REMOVED,
    WRITTEN,
    Identity,
    as_tombstones,
    edits_told_before,
    settle,
    with_content,
)
from barometer.ingest.source import POSITION, Batch, Context, Door, Parser, Rejected, Removal, incoming_schema
from barometer.ingest.tables.answers import Answers, SubmittedAnswers
from barometer.ingest.tables.counts import CountsTable
from barometer.ingest.tables.incidents import OPEN311, POLICE_UK
from barometer.ingest.tables.observations import Observations
from barometer.ingest.tables.reports import Reports, SubmittedReports
from barometer.ingest.tables.submissions import FLAVOURS
from barometer.lake import tombstone
from barometer.ledger import Counts
from barometer.night import Night
from barometer.tables import TABLES

STEP = "ingest"
OPERATOR = "operator"
"""Source of the removals that a person ordered by hand; they hold at once, on every night."""

EARLIEST = date(2006, 1, 1)
"""Before this no record is plausible, unless the source's option `earliest` says otherwise."""
_AHEAD = timedelta(days=1)

_TABLES: dict[str, Parser] = {
    "answers": Answers(),
    "reports": Reports(),
    "observations": Observations(),
    "counts": CountsTable(),
}

PARSERS: dict[tuple[str, str], Parser] = {
    **posts.PARSERS,
    **{(signal, form): parser for signal, parser in _TABLES.items() for form in ("csv", "parquet")},
    ("removals", "csv"): takedowns.PARSER,
    **{("answers", one.service): SubmittedAnswers(one) for one in FLAVOURS},
    ("counts", "open311"): OPEN311,
    ("counts", "police_uk"): POLICE_UK,
    **{("reports", one.service): SubmittedReports(one) for one in FLAVOURS},
}
"""(signal, format) -> its parser."""


@dataclass
class _Intake:
    """All batches of a source together."""

    frames: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    removals: list[Removal] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    read: int = 0
    out_of_scope: int = 0
    cursor: dict[str, Any] = field(default_factory=lambda: {"files": {}})

    def add(self, batch: Batch) -> None:
        """Take in one batch."""
        for table, frame in batch.rows.items():
            self.frames.setdefault(table, []).append(frame)
        self.removals += batch.removals
        self.rejected += batch.quarantined
        self.read += batch.read
        self.out_of_scope += batch.out_of_scope
        self.cursor = batch.cursor

    def rows(self, table: str) -> pl.DataFrame:
        """All incoming rows of one table."""
        return pl.concat([pl.DataFrame(schema=incoming_schema(table)), *self.frames.get(table, [])])


def ingest_source(night: Night, source: SourceConfig, door: Door) -> Counts:
    """Read what `source` has had since the last night, through `door`, into the tables of its signal.

    Running a night again replaces what it wrote. Returns the balanced counts, which are in the ledger too. Raises
    `BadInput` when the night is run again after later nights and a file it read is gone or changed,
    `BadConfiguration` for an unknown format.
    """
    with ledger.timed(night, STEP, source.id):
        intake = _take_in(night, source, door)
        identity = IDENTITIES.get(source.signal)
        if identity is None:
            return _finish(night, source, door, intake, settled=None, edits=[])
        settled, edits = _settle(night, source, intake, identity)
        return _finish(night, source, door, intake, settled=settled, edits=edits)


def _take_in(night: Night, source: SourceConfig, door: Door) -> _Intake:
    before, own, is_last = _cursors(night, source)
    # A night that later nights built on must read again exactly what it read, or nothing.
    until = None if is_last else own or before
    context = _context(night, source, door)
    folder = night.settings.inbox / night.city.id
    files = FilesSource(source, folder, _parser(source), context, until=until)
    if is_last and own is not None:
        files.require_present(before, own)
    intake = _Intake(cursor=before)
    for batch in files.fetch(before):
        intake.add(batch)
    return intake


def _cursors(night: Night, source: SourceConfig) -> tuple[dict[str, Any], dict[str, Any] | None, bool]:
    """Bookmark of the last night before this one, of this one if it ran, and whether no later night ran."""
    rows = night.lake.read("cursors").filter(pl.col("source") == source.id).sort("night").collect()
    before = rows.filter(pl.col("night") < night.night)
    own = rows.filter(pl.col("night") == night.night)
    is_last = rows.filter(pl.col("night") > night.night).is_empty()
    bookmark = json.loads(before["cursor"][-1]) if before.height else {"files": {}}
    return bookmark, json.loads(own["cursor"][0]) if own.height else None, is_last


def _parser(source: SourceConfig) -> Parser:
    parser = PARSERS.get((source.signal, source.format))
    if parser is None:
        known = sorted(name for signal, name in PARSERS if signal == source.signal)
        raise BadConfiguration(
            f"source {source.id}: format {source.format!r} of {source.signal} is unknown; use one of {', '.join(known)}"
        )
    return parser


def _context(night: Night, source: SourceConfig, door: Door) -> Context:
    """What parsers may know. The machine's clock serves only to refuse dates that lie in everybody's future."""
    latest = max(night.horizon, datetime.now(UTC)) + _AHEAD
    return Context(
        city=night.city,
        source=source,
        door=door,
        night=night.night,
        horizon=night.horizon,
        earliest=datetime.combine(_earliest(source), time(), UTC),
        latest=latest,
        file="",
    )


def _earliest(source: SourceConfig) -> date:
    stated = source.options.get("earliest", EARLIEST)
    try:
        return stated if isinstance(stated, date) else date.fromisoformat(str(stated))
    except ValueError:
        raise BadConfiguration(f"source {source.id}: option earliest is not a date such as 2006-01-01") from None


def _settle(
    night: Night, source: SourceConfig, intake: _Intake, identity: Identity
) -> tuple[pl.DataFrame, list[Removal]]:
    second = intake.rows(identity.second) if identity.second else None
    incoming = with_content(intake.rows(identity.table), second, identity, tie=POSITION)
    existing = _existing(night, incoming[identity.key].unique(), identity)
    settled, edits = settle(incoming, existing, _tombstones(night, intake), identity)
    return settled, [*edits, *edits_told_before(settled, _told_edits(night, source), identity)]


def _told_edits(night: Night, source: SourceConfig) -> pl.DataFrame:
    """Edits that an earlier try of this night entered."""
    own = (pl.col("night") == night.night) & (pl.col("source") == source.id) & (pl.col("reason") == "edited")
    return night.lake.read("removals").filter(own).collect()


def _existing(night: Night, keys: pl.Series, identity: Identity) -> pl.DataFrame:
    """What earlier nights know of these keys, with its content."""
    wanted = keys.to_frame().lazy()
    rows = _earlier(night, identity.table).join(wanted, on=identity.key, how="semi").collect()
    if identity.table == "received_posts":
        rows = pl.concat([rows, _purged(night, wanted, rows)])
    second = None
    if identity.second:
        second = _earlier(night, identity.second).join(wanted, on=identity.key, how="semi").collect()
    return with_content(rows, second, identity, tie=identity.key)


def _purged(night: Night, wanted: pl.LazyFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Posts whose raw rows are past their retention, as `received_posts` would have them."""
    gone = wanted.join(known.lazy().select("post"), on="post", how="anti")
    prepared = _earlier(night, "posts").join(gone, on="post", how="semi").collect()
    schema = TABLES["received_posts"].schema
    absent = {name: dtype for name, dtype in schema.items() if name not in prepared.columns}
    filled = prepared.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in absent.items())
    return filled.with_columns(version_at="created_at").select(
        pl.col(name).cast(dtype) for name, dtype in schema.items()
    )


def _earlier(night: Night, table: str) -> pl.LazyFrame:
    return night.lake.read(table).filter(pl.col("night") < night.night)


def _tombstones(night: Night, intake: _Intake) -> pl.DataFrame:
    """What was taken back, by this source too, but not what other sources take back this very night.

    Sources of a night are read side by side; each must come to the same end whichever is first, so what they take
    back from each other is left to `apply_removals`, which comes after all of them.
    """
    is_settled = (pl.col("night") != night.night) | (pl.col("source") == OPERATOR)
    own = as_tombstones(intake.removals)
    return pl.concat([night.lake.read("removals").filter(is_settled).select(own.columns).collect(), own])


def _finish(
    night: Night,
    source: SourceConfig,
    door: Door,
    intake: _Intake,
    *,
    settled: pl.DataFrame | None,
    edits: Sequence[Removal],
) -> Counts:
    """Write what the night knows: removals first, the bookmark last, so that a kill loses and leaks nothing."""
    conflicts = [] if settled is None else _conflicts(settled, IDENTITIES[source.signal])
    rejected = [*intake.rejected, *conflicts]
    at = {"night": night.night, "source": source.id}
    night.lake.replace("removals", _stamped(as_tombstones([*intake.removals, *edits]), "removals", at), partition=at)
    gone = set(_tombstones(night, intake).filter(pl.col("reason") != "edited")["subject"])
    ledger.quarantine(night, source.id, _quarantined([_forgotten(one, gone) for one in rejected], source, door, at))
    if settled is not None:
        _write_rows(night, source, intake, settled, at)
    cursor = pl.DataFrame({"cursor": [json.dumps(intake.cursor, sort_keys=True)]})
    night.lake.replace("cursors", _stamped(cursor, "cursors", at), partition=at)
    return ledger.record(night, STEP, source.id, _counts(intake, settled, len(rejected)))


def _counts(intake: _Intake, settled: pl.DataFrame | None, rejected: int) -> Counts:
    by_outcome = {} if settled is None else dict(settled.group_by(OUTCOME).len().iter_rows())
    return Counts(
        read=intake.read,
        out_of_scope=intake.out_of_scope,
        received=intake.read - intake.out_of_scope,
        written=by_outcome.get(WRITTEN, 0),
        duplicate=by_outcome.get(DUPLICATE, 0),
        quarantined=rejected,
        removed=by_outcome.get(REMOVED, 0) + len(intake.removals),
    )


def _write_rows(
    night: Night, source: SourceConfig, intake: _Intake, settled: pl.DataFrame, at: Mapping[str, Any]
) -> None:
    identity = IDENTITIES[source.signal]
    written = settled.filter(pl.col(OUTCOME) == WRITTEN)
    stamp = {**at, "synthetic": source.is_synthetic}
    if identity.second:
        second = intake.rows(identity.second).join(written.select(POSITION), on=POSITION, how="semi")
        night.lake.replace(identity.second, _stamped(second, identity.second, stamp), partition=at)
    night.lake.replace(identity.table, _stamped(written, identity.table, stamp), partition=at)


def _conflicts(settled: pl.DataFrame, identity: Identity) -> list[Rejected]:
    reason = (
        f"the {identity.key} is known with other content and this is not a newer version: "
        "correct the id, or give the newer one its own time"
    )
    rows = settled.filter(pl.col(OUTCOME) == CONFLICT).drop(OUTCOME, CONTENT)
    return [
        Rejected(
            position=row[POSITION],
            rule="conflicting_duplicate",
            field=identity.key,
            reason=reason,
            record=json.dumps({name: value for name, value in row.items() if value is not None}, default=str),
            subject=row[identity.key],
            author=_person(row, identity),
        )
        for row in rows.iter_rows(named=True)
    ]


def _person(row: Mapping[str, Any], identity: Identity) -> str | None:
    columns = (identity.subjects.get(kind) for kind in ("author", "respondent", "rater", "observer"))
    return next((row[column] for column in columns if column), None)


def _forgotten(rejected: Rejected, gone: Set[str]) -> Rejected:
    """The rejected record; no more than that there was one where itself or its author was taken back."""
    named = (rejected.subject, rejected.author)
    if any(one is not None and tombstone(one) in gone for one in named):
        return replace(rejected, record=None, subject=None, author=None)
    return rejected


def _quarantined(rejected: Iterable[Rejected], source: SourceConfig, door: Door, at: Mapping[str, Any]) -> pl.DataFrame:
    rows = [
        {
            "position": one.position,
            "signal": source.signal,
            "subject": one.subject,
            "author": one.author,
            "rule": one.rule,
            "field": one.field,
            "reason": one.reason,
            "record": None if one.record is None else door.mask_record(one.record),
        }
        for one in rejected
    ]
    names = ("position", "signal", "subject", "author", "rule", "field", "reason", "record")
    return _stamped(pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String())), "quarantine", at)


def _stamped(frame: pl.DataFrame, table: str, values: Mapping[str, Any]) -> pl.DataFrame:
    """The frame as a table's rows: with the columns that ingest adds, without those the table does not have."""
    schema = TABLES[table].schema
    stamped = frame.with_columns(pl.lit(value, schema[name]).alias(name) for name, value in values.items())
    return stamped.select(list(schema))
