"""Which deletions of a stream of everything are a city's business: those of what it holds.

A stream of all posts brings every deletion there is, hundreds of thousands a day, and a deletion names no place. Kept
are those whose post or author

1. is in the lake: a post, its author, what it repeats, or a record set aside, of any source, before the night or of it;
2. is named by a row or a rejected record of the same intake, be it before the deletion or after it: a deletion of
   something unknown waits until `MOST_WAITING` more have come (ten hours of all of Bluesky; a stream keeps the order
   of each account's events, so what it deletes comes before, or within the few seconds it is rewound);
3. was noted by an earlier try of the same night and source;
4. was deleted in the last hour before the newest deletion, if another live source of the city reads the platform: that
   source may have fetched the post and not written it yet, and its task is done within the hour (`GRACE`).

Everything else is out of scope. What this gives up: a post that comes later from a file or another service although it
was deleted there before; a city that reads such exports beside a stream sets `takedowns: all`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from barometer.city import SourceConfig
from barometer.errors import SourceFailed
from barometer.ingest.source import Batch, Removal
from barometer.lake import tombstone
from barometer.night import Night

GRACE = timedelta(hours=1)
MOST_WAITING = 100_000

_STREAMS = frozenset({"jetstream", "jetstream_events"})
"""Formats that bring every deletion of a platform."""
_NAMING = {"received_posts": ("post", "author", "repost_of"), "posts": ("post", "author", "repost_of")}
_SET_ASIDE = ("subject", "author")


def only_known(batches: Iterable[Batch], night: Night, source: SourceConfig) -> Iterator[Batch]:
    """The batches, without deletions of what the city does not hold if `source` is a stream of everything."""
    is_stream = source.kind == "live" and source.format in _STREAMS
    if not is_stream or source.options.get("takedowns", "held") == "all":
        return iter(batches)
    before = set(noted(night, source))
    return sift(batches, lambda: held(night), before, is_alone=not has_neighbours(night, source))


def held(night: Night) -> pl.Series:
    """Pseudonyms of all posts and authors in the lake, each once."""
    named = [(table, column) for table, columns in _NAMING.items() for column in columns]
    named += [("quarantine", column) for column in _SET_ASIDE]
    parts = [night.lake.read_every_version(table).select(pl.col(column).alias("name")) for table, column in named]
    return pl.concat(parts).drop_nulls().unique().collect()["name"]


def noted(night: Night, source: SourceConfig) -> pl.Series:
    """Tombstones that an earlier try of this night and source left."""
    own = (pl.col("night") == night.night) & (pl.col("source") == source.id)
    return night.lake.read("removals").filter(own).select("subject").collect()["subject"]


def has_neighbours(night: Night, source: SourceConfig) -> bool:
    """Whether another live source of the city reads the same platform."""
    platform = source.service.partition("_")[0]
    return any(
        other.kind == "live" and other.id != source.id and other.service.partition("_")[0] == platform
        for other in night.city.sources
    )


def sift(
    batches: Iterable[Batch],
    held: Callable[[], pl.Series],
    noted: Set[str],
    *,
    is_alone: bool,
    most_waiting: int = MOST_WAITING,
) -> Iterator[Batch]:
    """Batches whose removals are of something known; the others are counted out of scope.

    `held` is asked when something must be decided, at the latest after the last batch: other sources write meanwhile.
    A removal may be in a later batch than the one it came in; the totals of all batches balance, also when the source
    fails on the way, which is raised after what had come.
    """
    waiting: list[Removal] = []
    arrived: set[str] = set()
    failure: SourceFailed | None = None
    last: Batch | None = None
    remaining = iter(batches)
    while failure is None:
        try:
            last = next(remaining)
        except StopIteration:
            break
        except SourceFailed as error:
            failure = error
            continue
        arrived |= _named(last)
        waiting += last.removals
        if len(waiting) >= 2 * most_waiting:
            settled, waiting = waiting[:-most_waiting], waiting[-most_waiting:]
            yield _with(last, settled, _kept(settled, arrived, held(), noted, since=None))
        else:
            yield replace(last, removals=[])
    if waiting and last is not None:
        newest = max(removal.effective_at for removal in waiting)
        since = None if is_alone else newest - GRACE
        rest = Batch({}, [], [], 0, 0, last.cursor)
        yield _with(rest, waiting, _kept(waiting, arrived, held(), noted, since=since))
    if failure is not None:
        raise failure


def _with(batch: Batch, judged: Sequence[Removal], kept: list[Removal]) -> Batch:
    return replace(batch, removals=kept, out_of_scope=batch.out_of_scope + len(judged) - len(kept))


def _kept(
    removals: Sequence[Removal], arrived: Set[str], held: pl.Series, noted: Set[str], *, since: datetime | None
) -> list[Removal]:
    subjects = pl.Series([removal.subject for removal in removals], dtype=pl.String)
    in_lake = subjects.is_in(held.implode())
    return [
        removal
        for removal, is_held in zip(removals, in_lake, strict=True)
        if is_held
        or removal.subject in arrived
        or (since is not None and removal.effective_at >= since)
        or (bool(noted) and tombstone(removal.subject) in noted)
    ]


def _named(batch: Batch) -> set[str]:
    """Pseudonyms of posts and authors that a batch brings."""
    named: set[str] = set()
    for frame in batch.rows.values():
        for column in ("post", "author", "repost_of"):
            named.update(frame[column].drop_nulls())
    for rejected in batch.quarantined:
        named.update(one for one in (rejected.subject, rejected.author) if one is not None)
    return named
