"""What becomes of each incoming row: written, a duplicate, a conflict, or removed. The same for all signals, and
pure.

Rows with one key are versions of one record. Of those that nothing took back, the newest is kept; equal content is a
duplicate; older versions are removed, as their author edited them away; different content with no newer version is a
conflict. Nothing depends on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from barometer.ingest.source import POSITION, Removal
from barometer.lake import tombstone
from barometer.tables import TABLES, UTC_TIME

OUTCOME = "_outcome"
WRITTEN, DUPLICATE, CONFLICT, REMOVED = "written", "duplicate", "conflict", "removed"

CONTENT = "_content"
VERSION = "_version"
_TIME = "_time"
_SEED = 20_260_501
_BEGINNING = datetime(1, 1, 1)
_LEAST_STEP = timedelta(microseconds=1)
_NOT_CONTENT = ("night", "source", "synthetic", POSITION)


@dataclass(frozen=True)
class Identity:
    """How records of a table are told apart, told new from old, and found by what takes them back."""

    table: str
    key: str
    version: str | None
    """Column that orders versions of a record; None where there is only ever one."""
    time: str
    """Column a removal's time is compared with."""
    subjects: Mapping[str, str]
    """Kind of removal -> column with the pseudonym it names."""
    content: tuple[str, ...] = ()
    """Columns in which two versions differ if they differ; none: all."""
    prefer: tuple[str, ...] = ()
    """Of equal rows, the one with the highest of these is kept."""
    second: str | None = None
    """Table whose rows belong to a row of this one, by `key`."""
    copies: str | None = None
    """Column with the pseudonym of what a row repeats: it goes when that is deleted."""
    second_content: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    """Tables with a row beside some rows of this one, by position, that are no content of it."""

    @property
    def content_columns(self) -> list[str]:
        """Columns whose values are the content of a row."""
        return [*self.content] or [name for name in TABLES[self.table].schema if name not in _NOT_CONTENT]


IDENTITIES: dict[str, Identity] = {
    "posts": Identity(
        table="received_posts",
        key="post",
        version="version_at",
        time="version_at",
        subjects={"post": "post", "author": "author"},
        # Counts of likes, and where the author says to live, change from fetch to fetch without the post being another.
        content=("author", "platform", "created_at", "text", "repost_of"),
        prefer=("reach",),
        copies="repost_of",
        beside=("platform_ids",),
    ),
    "answers": Identity(
        table="respondents",
        key="response",
        version="answered_at",
        time="answered_at",
        subjects={"respondent": "respondent", "record": "response"},
        second="answers",
        second_content=("item", "value", "category", "missing_code"),
    ),
    "reports": Identity(
        table="reports",
        key="report",
        version="reported_at",
        time="reported_at",
        subjects={"record": "report", "rater": "rater"},
    ),
    "observations": Identity(
        table="observations",
        key="observation",
        version=None,
        time="ended_at",
        subjects={"record": "observation", "observer": "observer"},
    ),
    "counts": Identity(
        table="counts",
        key="record",
        version=None,
        time="counted_on",
        subjects={"record": "record"},
    ),
}
"""Signal -> identity of its records. The signal `removals` has none: it only takes back."""


def settle(
    incoming: pl.DataFrame, existing: pl.DataFrame, tombstones: pl.DataFrame, identity: Identity
) -> tuple[pl.DataFrame, list[Removal]]:
    """The incoming rows with their `OUTCOME`, and the removals of the older versions in `existing` that they replace.

    `incoming` and `existing` are rows of the identity's table with `CONTENT` (see `with_content`), `incoming` with
    `POSITION` too; `tombstones` has kind, subject, effective_at and reason as in the table `removals`.
    """
    told = _versioned(incoming, identity).with_columns(taken_back(incoming, tombstones, identity).alias(OUTCOME))
    alive = told.filter(~pl.col(OUTCOME))
    known = _newest_known(_versioned(existing.filter(~taken_back(existing, tombstones, identity)), identity), identity)
    judged = _judged(alive, known, identity)
    outcomes = told.select(POSITION).join(judged.select(POSITION, OUTCOME), on=POSITION, how="left")
    settled = incoming.join(outcomes.with_columns(pl.col(OUTCOME).fill_null(REMOVED)), on=POSITION, how="left")
    return settled, _edits(judged, known, identity)


def with_content(rows: pl.DataFrame, second: pl.DataFrame | None, identity: Identity, *, tie: str) -> pl.DataFrame:
    """Add `CONTENT`, a digest of what a record says, its second table's rows (tied by column `tie`) included."""
    own = rows.with_columns(pl.struct(identity.content_columns).hash(seed=_SEED).alias(CONTENT))
    if second is None or identity.second is None:
        return own
    # A sum does not depend on the order of the rows; it wraps around, which a digest may.
    digests = second.select(tie, pl.struct(identity.second_content).hash(seed=_SEED).alias("_second"))
    totals = digests.group_by(tie).agg(pl.col("_second").sum())
    joined = own.join(totals, on=tie, how="left").with_columns(pl.col("_second").fill_null(0))
    return joined.with_columns(pl.struct(CONTENT, "_second").hash(seed=_SEED).alias(CONTENT)).drop("_second")


def taken_back(rows: pl.DataFrame, tombstones: pl.DataFrame, identity: Identity) -> pl.Series:
    """Whether something at least as new as each row takes it back."""
    time = _as_time(rows[identity.time])
    is_gone = pl.Series([False] * rows.height, dtype=pl.Boolean)
    for column, ends in _ends_by_column(tombstones, identity).items():
        is_gone |= _until(rows[column], ends).ge(time).fill_null(value=False)
    return is_gone


def _as_time(times: pl.Series) -> pl.Series:
    if times.dtype == pl.Date:
        return times.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return times


def _ends_by_column(tombstones: pl.DataFrame, identity: Identity) -> dict[str, dict[str, datetime]]:
    """Per column with pseudonyms: tombstone -> the time up to which it takes back."""
    ends = {column: _ends(tombstones, kind) for kind, column in identity.subjects.items()}
    if identity.copies:
        # An edit changes what is repeated, a deletion takes it away from those who repeat it too.
        ends[identity.copies] = _ends(tombstones.filter(pl.col("reason") != "edited"), "post")
    return {column: found for column, found in ends.items() if found}


def _ends(tombstones: pl.DataFrame, kind: str) -> dict[str, datetime]:
    latest = tombstones.filter(pl.col("kind") == kind).group_by("subject").agg(pl.col("effective_at").max())
    return dict(latest.iter_rows())


def _until(pseudonyms: pl.Series, ends: Mapping[str, datetime]) -> pl.Series:
    known = {one: ends.get(tombstone(one)) for one in pseudonyms.unique().drop_nulls()}
    return pl.Series([known.get(one) for one in pseudonyms], dtype=UTC_TIME)


def _versioned(rows: pl.DataFrame, identity: Identity) -> pl.DataFrame:
    version = pl.col(identity.version) if identity.version else pl.lit(_BEGINNING).dt.replace_time_zone("UTC")
    return rows.with_columns(version.cast(UTC_TIME).alias(VERSION))


def _newest_known(existing: pl.DataFrame, identity: Identity) -> pl.DataFrame:
    newest = existing.sort(VERSION, CONTENT, descending=True).unique(identity.key, keep="first", maintain_order=True)
    return newest.select(identity.key, pl.col(VERSION).alias("_known_version"), pl.col(CONTENT).alias("_known_content"))


def _judged(alive: pl.DataFrame, known: pl.DataFrame, identity: Identity) -> pl.DataFrame:
    """Each row with its outcome, judged against what is known and against the other rows of its key."""
    key = identity.key
    rows = alive.join(known, on=key, how="left")
    is_known = (pl.col(CONTENT) == pl.col("_known_content")).fill_null(value=False)
    seen_again = pl.col(VERSION).filter(is_known).max().over(key)
    rows = rows.with_columns(
        is_known.alias("_is_known"),
        _first_of(rows, [key, CONTENT], identity).alias("_is_first"),
        pl.max_horizontal("_known_version", seen_again).alias("_known_version"),
    )
    newest = pl.col(VERSION).filter(~pl.col("_is_known")).max().over(key)
    chosen = pl.col(CONTENT).filter(~pl.col("_is_known") & (pl.col(VERSION) == newest)).min().over(key)
    is_chosen = (pl.col(VERSION) == newest) & (pl.col(CONTENT) == chosen)
    return rows.with_columns(
        pl.when("_is_known")
        .then(pl.lit(DUPLICATE))
        .when(~pl.col("_is_first"))
        .then(pl.lit(DUPLICATE))
        .when((pl.col(VERSION) < newest) | (pl.col(VERSION) < pl.col("_known_version")).fill_null(value=False))
        .then(pl.lit(REMOVED))
        .when(~is_chosen | (pl.col(VERSION) == pl.col("_known_version")).fill_null(value=False))
        .then(pl.lit(CONFLICT))
        .otherwise(pl.lit(WRITTEN))
        .alias(OUTCOME)
    )


def _first_of(rows: pl.DataFrame, group: list[str], identity: Identity) -> pl.Series:
    """Whether a row is the one to keep of those that are equal: the newest, then by `prefer`, then by its place."""
    order = rows.select(*group, VERSION, *identity.prefer, POSITION).with_row_index("_row")
    down = [VERSION, *identity.prefer]
    ranked = order.sort(*down, POSITION, descending=[*[True] * len(down), False], nulls_last=True)
    kept = ranked.unique(group, keep="first", maintain_order=True)["_row"]
    return order["_row"].is_in(kept.implode())


def _edits(judged: pl.DataFrame, known: pl.DataFrame, identity: Identity) -> list[Removal]:
    """A removal of every known version that a written row replaces, up to just before that row's own time."""
    written = judged.filter(pl.col(OUTCOME) == WRITTEN).join(known, on=identity.key, how="semi").sort(POSITION)
    return _as_edits(written, identity)


def edits_told_before(settled: pl.DataFrame, told: pl.DataFrame, identity: Identity) -> list[Removal]:
    """Edits among `told`, by an earlier try of the same night, that the written rows are still the newer versions of.

    That try may have removed the older versions already; without them nothing else tells that these rows are edits.
    """
    if told.is_empty():
        return []
    ends = set(told.select("subject", "effective_at").iter_rows())
    written = _versioned(settled.filter(pl.col(OUTCOME) == WRITTEN), identity).sort(POSITION)
    return [edit for edit in _as_edits(written, identity) if (tombstone(edit.subject), edit.effective_at) in ends]


def _as_edits(written: pl.DataFrame, identity: Identity) -> list[Removal]:
    """A removal of what was there of each row's key, up to just before the row's own time."""
    kind = next(kind for kind, column in identity.subjects.items() if column == identity.key)
    return [
        Removal(kind, row[identity.key], row[VERSION] - _LEAST_STEP, "edited", row[POSITION])  # type: ignore[arg-type]
        for row in written.select(identity.key, VERSION, POSITION).iter_rows(named=True)
    ]


def as_tombstones(removals: Iterable[Removal]) -> pl.DataFrame:
    """Removals as rows of `removals` without night and source: one a kind and subject, that of the latest time."""
    columns = ("kind", "subject", "effective_at", "reason")
    schema = {name: TABLES["removals"].schema[name] for name in columns}
    rows = [(removal.kind, tombstone(removal.subject), removal.effective_at, removal.reason) for removal in removals]
    ordered = pl.DataFrame(rows, schema=schema, orient="row").sort("kind", "subject", "effective_at", "reason")
    return ordered.unique(["kind", "subject"], keep="last", maintain_order=True)
