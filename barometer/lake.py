"""Delta tables of one city, in a folder or an object store.

Every row carries the time it was written and the time it was superseded (hidden columns), so `read(as_of=…)` answers
from rows and not from old files: a removal can then destroy files at once without taking the rest of the past with it.
No column statistics are kept and no row value is ever part of a write's predicate, so no row leaves a trace in the log.
"""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from barometer.errors import SchemaMismatch
from barometer.settings import Settings
from barometer.tables import TABLES, UTC_TIME, Table, derived_tables, validate

WRITTEN_AT = "_written_at"
SUPERSEDED_AT = "_superseded_at"
_HIDDEN = (WRITTEN_AT, SUPERSEDED_AT)
_ROW_DIGEST = "_row_digest"

EXPIRED_TEXT = ""
"""What stands in place of a post's text that is past its retention."""
_EXPIRING = ("raw_posts_purged", "texts_blanked", "records_blanked")

_CONFIGURATION = {
    # Statistics would copy the smallest and largest text and pseudonym of each file into the log.
    "delta.dataSkippingNumIndexedCols": "0",
    "delta.logRetentionDuration": "interval 30 days",
}
_LOCK = ".lock"
_MAXIMUM_TRIES = 12
_FIRST_WAIT_SECONDS = 0.05

Partition = Mapping[str, Any]


def tombstone(pseudonym: str) -> str:
    """What stays of a removed subject: a hash from which neither its id nor its pseudonym can be read."""
    return hashlib.sha256(f"tombstone:{pseudonym}".encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Lake:
    """The tables of one city at `<root>/<city>/<table>/`."""

    root: str
    city: str
    storage_options: dict[str, str] | None = None
    clock: Callable[[], datetime] = field(default=_now, compare=False)
    seen_at: datetime | None = None
    """A lake of the past: reads answer as of this time, writes are refused."""

    def at(self, when: datetime) -> Lake:
        """The same lake as it was at `when`, for reading; rows removed since are not in it, as they are nowhere."""
        return replace(self, seen_at=when)

    def location(self, table: str) -> str:
        """Where `table` is kept."""
        return f"{self.root.rstrip('/')}/{self.city}/{table}"

    def read(self, table: str, *, as_of: datetime | None = None) -> pl.LazyFrame:
        """Rows of `table` now, or as they were at `as_of`; an empty frame when nothing was ever written."""
        declared = TABLES[table]
        delta = self._open(table)
        if delta is None:
            return declared.empty().lazy()
        return self._scan(delta, table).filter(_live(as_of or self.seen_at)).select(list(declared.schema))

    def written_at(self, table: str, *, partition: Partition, as_of: datetime) -> datetime | None:
        """When the newest row of a partition as it was at `as_of` had been written; None where there was no row."""
        delta = self._open(table)
        if delta is None:
            return None
        there = self._scan(delta, table).filter(_is_partition(partition) & _live(as_of))
        found: datetime | None = there.select(pl.col(WRITTEN_AT).max()).collect().item()
        return found

    def read_every_version(self, table: str) -> pl.LazyFrame:
        """Rows of `table` as they are and as they ever were: everything that still has bytes in the lake."""
        delta = self._open(table)
        declared = TABLES[table]
        return declared.empty().lazy() if delta is None else self._scan(delta, table).select(list(declared.schema))

    def replace(self, table: str, frame: pl.DataFrame, *, partition: Partition) -> int:
        """Make the rows of one partition exactly `frame`, atomically; return how many rows differ from before.

        Writing what is there already changes nothing. Raises `SchemaMismatch` when the frame does not fit the table or
        holds rows of another partition.
        """
        frame = validate(table, frame)
        _refuse_strangers(table, frame, partition)
        return self._retrying(table, lambda delta: self._replace_once(delta, table, frame, partition))

    def append(self, table: str, frame: pl.DataFrame) -> int:
        """Add the rows whose key is not there yet; return how many were added. Appending twice adds nothing."""
        frame = validate(table, frame)
        known = self.read(table).select(TABLES[table].key)
        fresh = frame.lazy().join(known, on=TABLES[table].key, how="anti").collect()
        for partition, rows in _by_partition(TABLES[table], fresh):
            there = self.read(table).filter(_is_partition(partition)).collect()
            self.replace(table, pl.concat([there, rows]), partition=partition)
        return fresh.height

    def remove(self, table: str, keys: pl.DataFrame, *, before: date | None = None) -> dict[str, int]:
        """Delete the rows of `table` that match `keys` (one column), and every row derived from them, in every table.

        Older versions of those rows go too, and the files that held them are destroyed, so no byte stays. `before`
        spares rows written on that night or later (the newer version of an edited post). Must not run beside writers
        of the same city. Returns the number of rows deleted per table.
        """
        (column,) = keys.columns
        cascade = _Cascade(self, pl.lit(value=True) if before is None else pl.col("night") < before)
        cascade.remove(table, column, set(keys[column].to_list()))
        self.destroy_unreferenced_files(cascade.deleted)
        return cascade.deleted

    def destroy_unreferenced_files(self, tables: Iterable[str] = TABLES, *, older_than_hours: int = 0) -> int:
        """Destroy files that no table refers to any more, those of killed writes too; returns how many.

        In a folder it waits for writes that are under way. In an object store, with `older_than_hours=0`, it must not
        run beside writers of the same city.
        """
        destroyed = 0
        with self._locked(fcntl.LOCK_EX):
            for delta in filter(None, map(self._open, tables)):
                gone = delta.vacuum(older_than_hours, dry_run=False, enforce_retention_duration=False, full=True)
                destroyed += len(gone)
        return destroyed

    def delete_matching(self, table: str, rows: pl.DataFrame, matches: pl.Expr) -> None:
        """Delete all versions of `rows`, which are those of `table` that match; derived rows and files are left."""
        for partition, _ in _by_partition(TABLES[table], rows):
            self._retrying(table, partial(self._keep_others, table=table, matches=matches, at=partition))

    def maintain(self, *, received_before: date | None = None, older_than_hours: int = 24) -> dict[str, int]:
        """Purge raw text of nights before `received_before`, merge small files, destroy unreferenced ones.

        Raw posts go, and so does the text of prepared posts and of quarantined records; what was derived from them
        (labels, places, counts) stays. Returns the number of raw posts and texts purged and files destroyed.
        """
        purged = self.expire(received_before) if received_before else dict.fromkeys(_EXPIRING, 0)
        for delta in filter(None, map(self._open, TABLES)):
            delta.optimize.compact()
            delta.cleanup_metadata()
        return purged | {"files_destroyed": self.destroy_unreferenced_files(older_than_hours=older_than_hours)}

    def expire(self, received_before: date) -> dict[str, int]:
        """Delete raw rows, and blank texts, of nights before `received_before`, in every version; counts of each."""
        self._purge("platform_ids", received_before)
        return {
            "raw_posts_purged": self._purge("received_posts", received_before),
            "texts_blanked": self._blank("posts", "text", received_before, pl.lit(EXPIRED_TEXT)),
            "records_blanked": self._blank("quarantine", "record", received_before, pl.lit(None, pl.String)),
        }

    def versions(self) -> dict[str, int]:
        """Delta version of every table that exists: what a release states it was made from."""
        opened = {name: self._open(name) for name in TABLES}
        return {name: delta.version() for name, delta in opened.items() if delta is not None}

    def _open(self, table: str) -> DeltaTable | None:
        try:
            return DeltaTable(self.location(table), storage_options=self.storage_options)
        except TableNotFoundError:
            return None

    def _create(self, table: str) -> DeltaTable:
        declared = TABLES[table]
        if "://" not in self.root:
            Path(self.location(table)).mkdir(parents=True, exist_ok=True)
        schema = _with_history(declared.empty(), _now()).to_arrow().schema
        return DeltaTable.create(
            self.location(table),
            schema=schema,
            mode="ignore",
            partition_by=list(declared.partition),
            description=declared.meaning,
            configuration=_CONFIGURATION,
            storage_options=self.storage_options,
        )

    def _scan(self, delta: DeltaTable, table: str) -> pl.LazyFrame:
        """Every version of every row; a column declared after the table was made is empty in older rows."""
        stored = pl.scan_delta(delta, storage_options=self.storage_options)
        there = {column.name for column in delta.schema().fields}
        added = {name: dtype for name, dtype in TABLES[table].schema.items() if name not in there}
        return stored.with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in added.items())

    def _retrying(self, table: str, write: Callable[[DeltaTable], int]) -> int:
        """Run `write` on the newest version until no other writer came between: commits are optimistic."""
        if self.seen_at is not None:
            raise SchemaMismatch(f"table {table}: this is the lake as of {self.seen_at.isoformat()}; the past is fixed")
        for attempt in range(_MAXIMUM_TRIES):
            try:
                return write(self._open(table) or self._create(table))
            except (CommitFailedError, DeltaError) as conflict:
                if attempt == _MAXIMUM_TRIES - 1 or not _is_conflict(conflict):
                    raise
                time.sleep(_FIRST_WAIT_SECONDS * 2 ** min(attempt, 5))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _replace_once(self, delta: DeltaTable, table: str, frame: pl.DataFrame, partition: Partition) -> int:
        columns = list(TABLES[table].schema)
        kept = self._scan(delta, table).filter(_is_partition(partition)).collect()
        is_live = pl.col(SUPERSEDED_AT).is_null()
        live = _digested(kept.filter(is_live), columns)
        wanted = _digested(frame, columns)
        unchanged = live.join(wanted.select(_ROW_DIGEST), on=_ROW_DIGEST, how="semi").drop(_ROW_DIGEST)
        ended = live.join(wanted.select(_ROW_DIGEST), on=_ROW_DIGEST, how="anti").drop(_ROW_DIGEST)
        fresh = wanted.join(live.select(_ROW_DIGEST), on=_ROW_DIGEST, how="anti").drop(_ROW_DIGEST)
        if ended.is_empty() and fresh.is_empty():
            return 0
        now = self.clock()
        ended = ended.with_columns(pl.lit(now, dtype=UTC_TIME).alias(SUPERSEDED_AT))
        parts = [kept.filter(~is_live), ended, unchanged, _with_history(fresh, now)]
        self._overwrite(delta, table, pl.concat([part.select(columns + list(_HIDDEN)) for part in parts]), partition)
        return ended.height + fresh.height

    def _overwrite(self, delta: DeltaTable, table: str, rows: pl.DataFrame, partition: Partition) -> None:
        order = [*TABLES[table].key, WRITTEN_AT]
        # Between a file's first byte and its commit nothing refers to it: it must not be taken for a dead one.
        with self._locked(fcntl.LOCK_SH):
            write_deltalake(
                delta, rows.sort(order), mode="overwrite", predicate=_predicate(partition), schema_mode="merge"
            )

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        """Shared by writers, exclusive for destroyers; the lock goes with the process, however it ends."""
        if "://" in self.root:
            yield
            return
        folder = Path(self.location(""))
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("a") as lock:
            fcntl.flock(lock, kind)
            yield

    def _keep_others(self, delta: DeltaTable, *, table: str, matches: pl.Expr, at: Partition) -> int:
        rows = self._scan(delta, table).filter(_is_partition(at)).collect()
        others = rows.filter(~matches.fill_null(value=False))
        self._overwrite(delta, table, others, at)
        return rows.height - others.height

    def _blank(self, table: str, column: str, before: date, blank: pl.Expr) -> int:
        """Put `blank` in place of a column's values, in every version of the rows of nights before `before`."""
        is_due = (pl.col("night") < before) & pl.col(column).ne_missing(blank)
        due = self.read_every_version(table).filter(is_due).collect()
        for partition, _ in _by_partition(TABLES[table], due):
            self._retrying(table, partial(self._put, table=table, column=column, blank=blank, at=partition))
        return due.height

    def _put(self, delta: DeltaTable, *, table: str, column: str, blank: pl.Expr, at: Partition) -> int:
        rows = self._scan(delta, table).filter(_is_partition(at)).collect()
        self._overwrite(delta, table, rows.with_columns(blank.alias(column)), at)
        return rows.height

    def _purge(self, table: str, before: date) -> int:
        old = self.read(table).filter(pl.col("night") < before).collect()
        self.delete_matching(table, old, pl.lit(value=True))
        return old.height


@dataclass
class _Cascade:
    """One removal on its way through the declared derivations: derived rows go first, so a kill loses track of none."""

    lake: Lake
    among: pl.Expr
    reached: dict[tuple[str, str], set[Any]] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)

    def remove(self, table: str, column: str, values: set[Any]) -> None:
        """Delete the rows of `table` whose `column` is among `values`, after everything derived from them.

        Derived rows are reached also where the row they come from was purged before.
        """
        values = values - self.reached.setdefault((table, column), set())
        if not values:
            return
        self.reached[table, column] |= values
        matches = pl.col(column).is_in(list(values)) & self.among
        going = self.lake.read_every_version(table).filter(matches).collect()
        for child, tie in derived_tables(table):
            self.remove(child, tie.column, values if tie.of == column else set(going[tie.of].drop_nulls().to_list()))
            if tie.of != column and child != table and column in TABLES[child].schema:
                self.remove(child, column, values)
        self.lake.delete_matching(table, going, matches)
        self.deleted[table] = self.deleted.get(table, 0) + going.height


def open_lake(settings: Settings, city: str) -> Lake:
    """The lake of `city` where `settings.lake` says; object-store options come from the usual AWS_* variables."""
    return Lake(root=settings.lake, city=city)


def _live(as_of: datetime | None) -> pl.Expr:
    if as_of is None:
        return pl.col(SUPERSEDED_AT).is_null()
    at = pl.lit(as_of.astimezone(UTC), dtype=UTC_TIME)
    return (pl.col(WRITTEN_AT) <= at) & (pl.col(SUPERSEDED_AT).is_null() | (pl.col(SUPERSEDED_AT) > at))


def _with_history(rows: pl.DataFrame, now: datetime) -> pl.DataFrame:
    return rows.with_columns(
        pl.lit(now, dtype=UTC_TIME).alias(WRITTEN_AT), pl.lit(None, dtype=UTC_TIME).alias(SUPERSEDED_AT)
    )


def _digested(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    return rows.with_columns(pl.struct(columns).hash(seed=0).alias(_ROW_DIGEST))


def _by_partition(table: Table, rows: pl.DataFrame) -> list[tuple[dict[str, Any], pl.DataFrame]]:
    groups = rows.partition_by(table.partition, as_dict=True, maintain_order=True)
    return [(dict(zip(table.partition, values, strict=True)), group) for values, group in groups.items()]


def _is_partition(partition: Partition) -> pl.Expr:
    return pl.all_horizontal([pl.col(name) == pl.lit(value) for name, value in partition.items()])


def _refuse_strangers(table: str, frame: pl.DataFrame, partition: Partition) -> None:
    wrong = set(partition) - set(TABLES[table].partition)
    if wrong:
        raise SchemaMismatch(f"table {table}: {sorted(wrong)} are not partition columns")
    for name, value in partition.items():
        strangers = frame.filter(pl.col(name) != value).height
        if strangers:
            raise SchemaMismatch(f"table {table}, column {name}: {strangers} rows are not of partition {value!r}")


def _predicate(partition: Partition) -> str:
    return " AND ".join(f"{name} = {_literal(value)}" for name, value in partition.items())


def _literal(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, date):
        return f"CAST('{value.isoformat()}' AS DATE)"
    return "'" + str(value).replace("'", "''") + "'"


def _is_conflict(error: Exception) -> bool:
    """Another writer came first, or made the table: worth another try. Anything else is a fault."""
    words = str(error).lower()
    return isinstance(error, CommitFailedError) or "already exists" in words or "conflict" in words
