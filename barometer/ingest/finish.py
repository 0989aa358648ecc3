"""Settles what came in of one source against what is known, and writes it: the same for files and live services."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import polars as pl

from barometer import ledger
from barometer.city import SourceConfig
from barometer.ingest.intake import Intake
from barometer.ingest.live.services import look_up_service
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
from barometer.ingest.source import POSITION, Door, Rejected, Removal
from barometer.lake import EXPIRED_TEXT, tombstone
from barometer.ledger import Counts
from barometer.night import Night
from barometer.tables import TABLES

STEP = "ingest"
OPERATOR = "operator"
"""Source of the removals that a person ordered by hand; they hold at once, on every night."""


def finish(night: Night, source: SourceConfig, door: Door, intake: Intake) -> Counts:
    """Settle and write everything that came in, the bookmark last; returns the balanced counts."""
    identity = IDENTITIES.get(source.signal)
    if identity is None:
        return _write(night, source, door, intake, settled=None, edits=[])
    settled, edits = _settle(night, source, intake, identity)
    return _write(night, source, door, intake, settled=settled, edits=edits)


def _settle(
    night: Night, source: SourceConfig, intake: Intake, identity: Identity
) -> tuple[pl.DataFrame, list[Removal]]:
    second = intake.rows(identity.second) if identity.second else None
    rows = intake.rows(identity.table)
    incoming = with_content(rows, second, identity, tie=POSITION)
    existing = _existing(night, rows, identity)
    settled, edits = settle(incoming, existing, _tombstones(night, intake), identity)
    return settled, [*edits, *edits_told_before(settled, _told_edits(night, source), identity)]


def _told_edits(night: Night, source: SourceConfig) -> pl.DataFrame:
    """Edits that an earlier try of this night entered."""
    own = (pl.col("night") == night.night) & (pl.col("source") == source.id) & (pl.col("reason") == "edited")
    return night.lake.read("removals").filter(own).collect()


def _existing(night: Night, incoming: pl.DataFrame, identity: Identity) -> pl.DataFrame:
    """What earlier nights know of the incoming keys, with its content."""
    wanted = incoming.select(identity.key).unique().lazy()
    rows = _earlier(night, identity.table).join(wanted, on=identity.key, how="semi").collect()
    if identity.table == "received_posts":
        rows = pl.concat([rows, _remembered(_purged(night, wanted, rows), incoming)])
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


def _remembered(purged: pl.DataFrame, incoming: pl.DataFrame) -> pl.DataFrame:
    """The same; an expired text is taken to be what comes again of the same time: nobody can tell any more."""
    version = ["post", "version_at"]
    told = incoming.sort(*version, "text").unique(version, keep="first").select(*version, told="text")
    is_expired = pl.col("text") == EXPIRED_TEXT
    filled = pl.when(is_expired).then(pl.col("told").fill_null(EXPIRED_TEXT)).otherwise("text").alias("text")
    return purged.join(told, on=version, how="left", maintain_order="left").with_columns(filled).drop("told")


def _earlier(night: Night, table: str) -> pl.LazyFrame:
    return night.lake.read(table).filter(pl.col("night") < night.night)


def _tombstones(night: Night, intake: Intake) -> pl.DataFrame:
    """What was taken back, by this source too, but not what other sources take back this very night.

    Sources of a night are read side by side; each must come to the same end whichever is first, so what they take
    back from each other is left to `apply_removals`, which comes after all of them.
    """
    is_settled = (pl.col("night") != night.night) | (pl.col("source") == OPERATOR)
    own = as_tombstones(intake.removals)
    return pl.concat([night.lake.read("removals").filter(is_settled).select(own.columns).collect(), own])


def _write(
    night: Night,
    source: SourceConfig,
    door: Door,
    intake: Intake,
    *,
    settled: pl.DataFrame | None,
    edits: Sequence[Removal],
) -> Counts:
    """Write what the night knows: removals first, the bookmark last, so that a kill loses and leaks nothing."""
    conflicts = [] if settled is None else _conflicts(settled, IDENTITIES[source.signal], door)
    rejected = [*intake.rejected, *conflicts]
    at = {"night": night.night, "source": source.id}
    night.lake.replace("removals", stamped(as_tombstones([*intake.removals, *edits]), "removals", at), partition=at)
    gone = set(_tombstones(night, intake).filter(pl.col("reason") != "edited")["subject"])
    ledger.quarantine(night, source.id, _quarantined([_forgotten(one, gone) for one in rejected], source, at))
    if settled is not None:
        _write_rows(night, source, intake, settled, at)
    counts = ledger.record(night, STEP, source.id, _counts(intake, settled, len(rejected)))
    cursor = pl.DataFrame({"cursor": [json.dumps(intake.cursor, sort_keys=True)]})
    night.lake.replace("cursors", stamped(cursor, "cursors", at), partition=at)
    return counts


def _counts(intake: Intake, settled: pl.DataFrame | None, rejected: int) -> Counts:
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
    night: Night, source: SourceConfig, intake: Intake, settled: pl.DataFrame, at: Mapping[str, Any]
) -> None:
    identity = IDENTITIES[source.signal]
    written = settled.filter(pl.col(OUTCOME) == WRITTEN)
    stamp = {**at, "synthetic": source.is_synthetic}
    second = (identity.second,) if identity.second else ()
    for table in (*second, *(identity.beside if look_up_service(source) else ())):
        rows = intake.rows(table).join(written.select(POSITION), on=POSITION, how="semi")
        night.lake.replace(table, stamped(rows, table, stamp), partition=at)
    night.lake.replace(identity.table, stamped(written, identity.table, stamp), partition=at)


def _conflicts(settled: pl.DataFrame, identity: Identity, door: Door) -> list[Rejected]:
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
            record=door.mask_record(json.dumps({k: v for k, v in row.items() if v is not None}, default=str)),
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


def _quarantined(rejected: Iterable[Rejected], source: SourceConfig, at: Mapping[str, Any]) -> pl.DataFrame:
    rows = [
        {
            "position": one.position,
            "signal": source.signal,
            "subject": one.subject,
            "author": one.author,
            "rule": one.rule,
            "field": one.field,
            "reason": one.reason,
            "record": one.record,
        }
        for one in rejected
    ]
    names = ("position", "signal", "subject", "author", "rule", "field", "reason", "record")
    return stamped(pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String())), "quarantine", at)


def stamped(frame: pl.DataFrame, table: str, values: Mapping[str, Any]) -> pl.DataFrame:
    """The frame as a table's rows: with the columns that ingest adds, without those the table does not have."""
    schema = TABLES[table].schema
    stamped = frame.with_columns(pl.lit(value, schema[name]).alias(name) for name, value in values.items())
    return stamped.select(list(schema))
