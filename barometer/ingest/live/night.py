"""One night of a live source: asked once, gone on with where a try broke off, and never asked about a night gone by."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import polars as pl

from barometer import ledger
from barometer.city import SourceConfig
from barometer.errors import SourceFailed
from barometer.ingest.bookmarks import Bookmarks, bookmarks
from barometer.ingest.finish import STEP, finish, stamped
from barometer.ingest.intake import Intake, keep, kept
from barometer.ingest.live.fetches import FetchLog
from barometer.ingest.live.known import only_known
from barometer.ingest.live.opening import named, opened
from barometer.ingest.live.reader import BEGINNING, LiveSource, failed
from barometer.ingest.source import Context, Door, Parser
from barometer.ledger import Counts
from barometer.night import Night

UNFINISHED = "unfinished"
"""Folder of a run in which tries that broke off leave what they got."""


def ingest(night: Night, source: SourceConfig, door: Door, *, context: Context, parser: Parser) -> Counts:
    """Ask the service for what is new, and write it.

    A night that has everything, or that later nights followed, is not asked again: its counts are returned. Raises
    `SourceFailed` after writing what came, with the bookmark at the last good page.
    """
    marks = bookmarks(night, source)
    if not marks.is_last or (marks.own is not None and marks.own["done"]):
        return _as_entered(night, source)
    began_from = _began_from(marks)
    file = night.folder / UNFINISHED / f"{source.id}.zip"
    intake = kept(file, began_from) or Intake(cursor=began_from)
    failure = _take_in(night, source, intake, context=context, parser=parser)
    if failure is not None:
        intake.cursor = failed(intake.cursor, failure)
        keep(intake, began_from, file)
    counts = finish(night, source, door, intake)
    _tidy(night, source, file, is_done=failure is None)
    if failure is not None:
        raise failure
    return counts


def _began_from(marks: Bookmarks) -> dict[str, Any]:
    """Where the night starts: where the last one stopped. What that one missed for good is its own matter."""
    before = {**BEGINNING, **(marks.before or {}), "gap": False}
    before.pop("failure", None)
    return before


def _take_in(
    night: Night, source: SourceConfig, intake: Intake, *, context: Context, parser: Parser
) -> SourceFailed | None:
    """Everything the service gives, into `intake`; returns what stopped it, if anything did."""
    earlier = _fetches(night, source)
    log = FetchLog(after=int(earlier["number"].max() or 0))  # type: ignore[arg-type]
    failure = None
    try:
        with opened(source, context, night.settings, log=log, contact=night.city.contact) as ready:
            batches = LiveSource(ready.connector, ready.call, parser).fetch(intake.cursor)
            for batch in only_known(batches, night, source):
                intake.add(batch, context.door)
    except SourceFailed as error:
        failure = named(source, error)
        log.failed_before(source.service, error.status)
    at = {"night": night.night, "source": source.id}
    night.lake.replace("fetches", pl.concat([earlier, stamped(log.frame(), "fetches", at)]), partition=at)
    return failure


def _fetches(night: Night, source: SourceConfig) -> pl.DataFrame:
    """What earlier tries of this night asked."""
    own = (pl.col("night") == night.night) & (pl.col("source") == source.id)
    return night.lake.read("fetches").filter(own).collect()


def _as_entered(night: Night, source: SourceConfig) -> Counts:
    """What the ledger says of this night; a night that was passed over had nothing of this source."""
    own = (pl.col("night") == night.night) & (pl.col("step") == STEP) & (pl.col("part") == source.id)
    rows = night.lake.read("ledger").filter(own).collect()
    if rows.is_empty():
        return ledger.record(night, STEP, source.id, Counts())
    return Counts(**{field.name: rows[field.name][0] for field in fields(Counts)})


def _tidy(night: Night, source: SourceConfig, file: Path, *, is_done: bool) -> None:
    """Destroy what unfinished tries left, of other nights too: they are over."""
    for left in night.folder.parent.glob(f"*/{UNFINISHED}/{source.id}.zip"):
        if is_done or left != file:
            left.unlink(missing_ok=True)
