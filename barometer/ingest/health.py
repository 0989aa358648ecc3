"""Whether each source works: told from its own rhythm and from what the night's ingest left, with the evidence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from barometer import ledger
from barometer.city import SourceConfig
from barometer.ingest.finish import STEP as INGEST
from barometer.ingest.rhythm import Rhythm, learn
from barometer.night import Night
from barometer.tables import SOURCE_STATES, TABLES

STEP = "health"
WORKING, QUIET, SILENT, FAILING = SOURCE_STATES

_EVENT_TIMES: dict[str, tuple[tuple[str, str], ...]] = {
    "posts": (("received_posts", "created_at"), ("posts", "created_at")),
    "answers": (("respondents", "answered_at"),),
    "reports": (("reports", "reported_at"),),
    "observations": (("observations", "started_at"),),
    "counts": (("counts", "counted_on"),),
}
"""Signal -> tables and columns that say when something happened; posts whose raw rows expired are in the second."""


@dataclass(frozen=True)
class _Tonight:
    """What the night's ingest left of a source."""

    records: int
    is_entered: bool
    failure: str
    has_gap: bool


_GAP = " It no longer had everything since the last night: some is missing for good."


@dataclass(frozen=True)
class _Seen:
    """What a source is judged by."""

    tonight: _Tonight
    rhythm: Rhythm
    happened: int
    """Things that happened on the night's day."""
    last: datetime | None
    usual: tuple[float | None, float | None]


def judge_sources(night: Night) -> pl.DataFrame:
    """Write the night's rows of `source_health`, one a configured source; returns them.

    working: records as its rhythm has them, or too young to have one; quiet: none, and its rhythm allows that; silent:
    so few that its rhythm would hardly ever bring them; failing: its ingest did not end well.
    """
    with ledger.timed(night, STEP):
        entered = night.lake.read("ledger").filter(pl.col("step") == INGEST, pl.col("night") <= night.night).collect()
        cursors = night.lake.read("cursors").filter(pl.col("night") == night.night).collect()
        rows = [_row(night, source, entered, cursors) for source in night.city.sources]
        frame = pl.DataFrame(rows, schema=TABLES["source_health"].schema)
        night.lake.replace("source_health", frame, partition={"night": night.night})
    return frame


def _row(night: Night, source: SourceConfig, entered: pl.DataFrame, cursors: pl.DataFrame) -> dict[str, Any]:
    own = entered.filter(pl.col("part") == source.id)
    tonight = _tonight(own.filter(pl.col("night") == night.night), cursors.filter(pl.col("source") == source.id))
    start, end = night.horizon - timedelta(days=1), night.horizon
    times = [time for time in _times(night, source) if time < end]
    rhythm = learn(times, until=start)
    has_hours = rhythm.is_known and not rhythm.is_sparse
    lower, upper = rhythm.interval(start, end) if has_hours else (None, None)
    seen = _Seen(
        tonight=tonight,
        rhythm=rhythm,
        happened=sum(time >= start for time in times),
        last=max(times, default=None),
        usual=(lower, upper),
    )
    state = _state(seen, start, end)
    return {
        "night": night.night,
        "source": source.id,
        "signal": source.signal,
        "state": state,
        "records": tonight.records,
        "expected": rhythm.expected(start, end) if has_hours else None,
        "expected_lower": lower,
        "expected_upper": upper,
        "silent_nights": _silent_nights(own, night),
        "has_gap": tonight.has_gap,
        "evidence": _words(state, seen) + (_GAP if tonight.has_gap else ""),
    }


def _tonight(entered: pl.DataFrame, cursor: pl.DataFrame) -> _Tonight:
    mark = json.loads(cursor["cursor"][0]) if cursor.height else {}
    failure = "" if mark.get("done", True) else str(mark.get("failure") or "it broke off")
    return _Tonight(int(entered["received"].sum()), entered.height > 0, failure, bool(mark.get("gap", False)))


def _times(night: Night, source: SourceConfig) -> list[datetime]:
    """When what this source ever brought happened (UTC); what is not kept in a table of its own has no times."""
    frames = []
    for table, column in _EVENT_TIMES.get(source.signal, ()):
        key = TABLES[table].key
        rows = night.lake.read(table).filter(pl.col("source") == source.id, pl.col("night") <= night.night)
        frames.append(rows.select(*key, at=pl.col(column).cast(pl.Datetime("us"))))
    if not frames:
        return []
    every = pl.concat(frames).unique(TABLES[_EVENT_TIMES[source.signal][0][0]].key).select("at").collect()
    return [time.replace(tzinfo=UTC) for time in every["at"].sort().to_list()]


def _state(seen: _Seen, start: datetime, end: datetime) -> str:
    tonight = seen.tonight
    if tonight.failure or not tonight.is_entered:
        return FAILING
    if seen.rhythm.is_suspicious(records=seen.happened, start=start, end=end, last=seen.last):
        return SILENT
    return WORKING if tonight.records or seen.happened else QUIET


def _silent_nights(entered: pl.DataFrame, night: Night) -> int:
    """Nights in a row, up to this one, on which nothing was received."""
    by_night = entered.group_by("night").agg(pl.col("received").sum()).sort("night", descending=True)
    received = by_night["received"].to_list() if by_night.height and by_night["night"][0] == night.night else [0]
    return next((place for place, count in enumerate(received) if count), len(received))


def _words(state: str, seen: _Seen) -> str:
    if state == FAILING:
        return (
            f"Failing: {seen.tonight.failure or 'its ingest did not end; read the last line of its task in the log'}."
        )
    since = "nothing ever came" if seen.last is None else f"the last is from {seen.last:%Y-%m-%d %H:%M} UTC"
    if state == SILENT:
        return (
            f"Suspiciously silent: {seen.tonight.records:,} records tonight, {since}; {_usual(seen)}. Ask who runs it."
        )
    if state == QUIET:
        return f"Quiet, within its rhythm: no record tonight, {since}; {_usual(seen)}."
    return f"Working: {seen.tonight.records:,} records tonight; {_usual(seen)}."


def _usual(seen: _Seen) -> str:
    if not seen.rhythm.is_known:
        return "too young to have a rhythm"
    if seen.rhythm.is_sparse:
        return f"it comes in bursts, with gaps of up to {seen.rhythm.longest_gap.days} days so far"
    return f"{seen.usual[0]:,.0f} to {seen.usual[1]:,.0f} things a day would be usual"
