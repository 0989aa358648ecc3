"""Which deletions of a stream of everything are a city's business: those of what it holds.

A stream of all posts brings every deletion there is, hundreds of thousands a day, and a deletion names no place. Kept
are those whose post or author

1. is in the lake: a post, its author, what it repeats, or a record set aside, of any source, before the night or of it;
2. is named by a row or a rejected record of the same intake, be it before the deletion or after it: a deletion of
   something unknown waits until `MOST_WAITING` more have come (a stream keeps the order of each account's events, so
   what it deletes comes before the deletion, or within the few seconds that are read twice);
3. was noted by an earlier try of the same night and source;
4. was deleted in the last hour before the newest deletion so far, if another live source of the city reads the
   platform: it may have fetched the post and not written it yet, and its task is done within the hour (`GRACE`).

Everything else is out of scope. What this gives up: a post that comes later from a file or another service although it
was deleted there before; a city that reads such exports beside a stream sets `takedowns: all`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl

from barometer.city import SourceConfig
from barometer.errors import SourceFailed
from barometer.ingest.source import Batch, Removal
from barometer.lake import tombstone
from barometer.night import Night

GRACE = timedelta(hours=1)
MOST_WAITING = 30_000
_JUDGED_AT_ONCE = 10_000

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
    at_once: int = _JUDGED_AT_ONCE,
) -> Iterator[Batch]:
    """Batches whose removals are of something known; the others are counted out of scope.

    `held` is asked when something must be decided, at the latest after the last batch: other sources write meanwhile.
    A removal may be in a later batch than the one it came in; the totals of all batches balance, also when the source
    fails on the way, which is raised after what had come.
    """
    sieve, last = _Sieve(held, noted, is_alone), None
    failure: SourceFailed | None = None
    try:
        for batch in batches:
            last = batch
            sieve.take(batch)
            is_enough = len(sieve.waiting) >= most_waiting + at_once
            yield sieve.judged(batch, len(sieve.waiting) - most_waiting) if is_enough else replace(batch, removals=[])
    except SourceFailed as error:
        failure = error
    if sieve.waiting and last is not None:
        yield sieve.judged(Batch({}, [], [], 0, 0, last.cursor), len(sieve.waiting))
    if failure is not None:
        raise failure


@dataclass
class _Sieve:
    """Removals that wait to be judged, and what came beside them."""

    held: Callable[[], pl.Series]
    noted: Set[str]
    is_alone: bool
    waiting: list[Removal] = field(default_factory=list)
    arrived: set[str] = field(default_factory=set)

    def take(self, batch: Batch) -> None:
        """Let a batch's removals wait, and remember what it names."""
        self.waiting += batch.removals
        for frame in batch.rows.values():
            for column in _NAMING["received_posts"]:
                self.arrived.update(frame[column].drop_nulls())
        for rejected in batch.quarantined:
            self.arrived.update(one for one in (rejected.subject, rejected.author) if one is not None)

    def judged(self, batch: Batch, count: int) -> Batch:
        """The batch with those of the first `count` that wait which are kept."""
        newest = max(removal.effective_at for removal in self.waiting)
        few, self.waiting = self.waiting[:count], self.waiting[count:]
        kept = list(self._kept(few, newest - GRACE))
        return replace(batch, removals=kept, out_of_scope=batch.out_of_scope + count - len(kept))

    def _kept(self, removals: Sequence[Removal], since: datetime) -> Iterator[Removal]:
        subjects = pl.Series([removal.subject for removal in removals], dtype=pl.String)
        for removal, is_held in zip(removals, subjects.is_in(self.held().implode()), strict=True):
            is_young = not self.is_alone and removal.effective_at >= since
            if is_held or is_young or removal.subject in self.arrived or self._was_noted(removal):
                yield removal

    def _was_noted(self, removal: Removal) -> bool:
        return bool(self.noted) and tombstone(removal.subject) in self.noted
