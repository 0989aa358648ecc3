"""Makes removals total: what a tombstone names goes from every table, with every row derived from it.

`apply_removals` is a task of its own after all sources of a night were read; nothing may write to the city's lake
beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import get_args

import polars as pl

from barometer import ledger
from barometer.errors import BadInput
from barometer.ingest.run import OPERATOR
from barometer.ingest.settle import IDENTITIES, Identity, as_tombstones, taken_back
from barometer.ingest.source import Door, PseudonymKind, Removal, RemovalReason, id_space, identity
from barometer.lake import tombstone
from barometer.ledger import Counts
from barometer.night import Night
from barometer.tables import TABLES

STEP = "removals"
_PLATFORM_KINDS = ("post", "author")


def apply_removals(night: Night) -> Counts:
    """Remove what this night's tombstones name, and what earlier or later ones name among this night's rows.

    A version that is newer than its tombstone stays, with what was derived from it on its own night. The counts are
    of tombstones, which stay the same however often this is run.
    """
    with ledger.timed(night, STEP):
        tombstones = night.lake.read("removals").collect()
        tonight = tombstones.filter(pl.col("night") == night.night)
        others = tombstones.filter(pl.col("night") != night.night)
        for one in IDENTITIES.values():
            _remove(night, one, tonight, only_night=None)
            _remove(night, one, others, only_night=night.night)
        _remove_quarantined(night, tonight)
        if tonight.height:
            # An earlier try may have been killed after it deleted rows and before it destroyed their files.
            night.lake.destroy_unreferenced_files()
    counts = Counts(read=tonight.height, received=tonight.height, removed=tonight.height)
    return ledger.record(night, STEP, ledger.WHOLE_STEP, counts)


def apply_everything(night: Night) -> dict[str, int]:
    """Hold everything the lake has against everything that was ever taken back; rows deleted, by table.

    What the nights did is not done again: this finds only what came by another way. Nothing may write to the city's
    lake beside it.
    """
    tombstones = night.lake.read("removals").collect()
    deleted: Counter[str] = Counter()
    for one in IDENTITIES.values():
        deleted.update(_remove(night, one, tombstones, only_night=None))
    deleted.update(_remove_quarantined(night, tombstones))
    return {table: rows for table, rows in sorted(deleted.items()) if rows}


def request_removal(
    night: Night, *, kind: str, value: str, door: Door, reason: str = "operator", at: datetime | None = None
) -> None:
    """Remove one subject at once and for good: all of it up to `at` (default: the end of the night).

    `kind` is post, author, respondent, rater, observer or record; `value` its id as the platform, form or file knows
    it, with the platform or source before it (`twitter:123`) where the id alone is not known to exactly one of them.
    Raises `BadInput` otherwise.
    """
    if kind not in get_args(PseudonymKind) or reason not in get_args(RemovalReason):
        known = ", ".join(get_args(PseudonymKind)), ", ".join(get_args(RemovalReason))
        raise BadInput(f"cannot remove {kind!r} for {reason!r}: kinds are {known[0]}; reasons are {known[1]}")
    subject = _subject(night, kind, value, door)
    effective_at = (at or night.horizon).astimezone(UTC)
    ordered = as_tombstones([Removal(kind, subject, effective_at, reason, "")])  # type: ignore[arg-type]
    _keep(night, ordered)
    for one in IDENTITIES.values():
        _remove(night, one, ordered, only_night=None)
    _remove_quarantined(night, ordered)


def _keep(night: Night, ordered: pl.DataFrame) -> None:
    """Add tombstones to those the operator ordered on this night; of two for one subject the later time holds."""
    at = {"night": night.night, "source": OPERATOR}
    schema = TABLES["removals"].schema
    is_there = (pl.col("night") == night.night) & (pl.col("source") == OPERATOR)
    there = night.lake.read("removals").filter(is_there).collect()
    new = ordered.with_columns(pl.lit(value, schema[name]).alias(name) for name, value in at.items())
    together = pl.concat([there, new.select(list(schema))]).sort("kind", "subject", "effective_at", "reason")
    kept = together.unique(["kind", "subject"], keep="last", maintain_order=True)
    night.lake.replace("removals", kept, partition=at)


def _remove(night: Night, one: Identity, tombstones: pl.DataFrame, *, only_night: date | None) -> Counter[str]:
    """Remove the records of one table that the tombstones name (of one night's rows only, or of all)."""
    deleted: Counter[str] = Counter()
    if tombstones.filter(pl.col("kind").is_in(list(one.subjects))).is_empty():
        return deleted
    rows = _every_version(night, one, only_night)
    gone = rows.filter(taken_back(rows, tombstones, one))
    if gone.is_empty():
        return deleted
    keys = gone.select(one.key).unique().sort(one.key)
    surviving = _surviving(night, one, keys, tombstones)
    deleted.update(_remove_keys(night, one, keys.join(surviving, on=one.key, how="anti"), before=None))
    for (survivor_night,), few in surviving.group_by("night", maintain_order=True):
        deleted.update(_remove_keys(night, one, few.select(one.key), before=survivor_night))
    return deleted


def _remove_keys(night: Night, one: Identity, keys: pl.DataFrame, *, before: date | None) -> dict[str, int]:
    return {} if keys.is_empty() else night.lake.remove(one.table, keys, before=before)


def _every_version(night: Night, one: Identity, only_night: date | None) -> pl.DataFrame:
    """Key, time and subjects of every row with bytes in the lake: superseded ones too, and posts past raw retention."""
    columns = list(dict.fromkeys([one.key, one.time, *one.subjects.values(), *([one.copies] if one.copies else [])]))
    rows = [night.lake.read_every_version(one.table)]
    if one.table == "received_posts":
        rows.append(night.lake.read_every_version("posts").with_columns(version_at="created_at"))
    wanted = pl.lit(value=True) if only_night is None else pl.col("night") == only_night
    return pl.concat([part.filter(wanted).select(columns) for part in rows]).collect()


def _surviving(night: Night, one: Identity, keys: pl.DataFrame, tombstones: pl.DataFrame) -> pl.DataFrame:
    """Keys with a newer version that nothing takes back, and the first night that has it."""
    live = night.lake.read(one.table).join(keys.lazy(), on=one.key, how="semi").collect()
    kept = live.filter(~taken_back(live, tombstones, one))
    return kept.group_by(one.key).agg(pl.col("night").min()).sort("night", one.key)


def _remove_quarantined(night: Night, tombstones: pl.DataFrame) -> Counter[str]:
    """Rejected records have no time to compare, so a tombstone reaches all of them; an edit reaches none."""
    named = set(tombstones.filter(pl.col("reason") != "edited")["subject"])
    columns = [name for name in ("subject", "author") if name in TABLES["quarantine"].schema]
    deleted: Counter[str] = Counter()
    for column in columns if named else []:
        held = night.lake.read_every_version("quarantine").select(column).unique().collect()[column].drop_nulls()
        gone = [pseudonym for pseudonym in held if tombstone(pseudonym) in named]
        if gone:
            deleted.update(night.lake.remove("quarantine", pl.DataFrame({column: sorted(gone)})))
    return deleted


def _subject(night: Night, kind: str, value: str, door: Door) -> str:
    """Pseudonym of the one subject that `value` names."""
    spaces = _spaces(night, kind)
    if value.partition(":")[0] in spaces:
        return door.pseudonym(kind, value)
    found = [s for s in spaces if _is_known(night, kind, door.pseudonym(kind, identity(s, value)))]
    if len(found) == 1:
        return door.pseudonym(kind, identity(found[0], value))
    where = f"known to several of {', '.join(found)}" if found else f"known to none of {', '.join(spaces)}"
    example = (found or spaces or ["forum"])[0]
    raise BadInput(f"this {kind} is {where}: write it with its platform or source before it, e.g. {example}:ID")


def _spaces(night: Night, kind: str) -> list[str]:
    """Platforms (posts, authors) or id spaces (all other kinds) that ids of this city come from."""
    sources = night.city.sources
    if kind not in _PLATFORM_KINDS:
        return sorted({id_space(source) for source in sources if source.signal not in ("posts", "removals")})
    seen = night.lake.read("posts").select("platform").unique().collect()["platform"].to_list()
    raw = night.lake.read("received_posts").select("platform").unique().collect()["platform"].to_list()
    stated = [str(source.options["platform"]) for source in sources if source.options.get("platform")]
    return sorted({*seen, *raw, *stated})


def _is_known(night: Night, kind: str, pseudonym: str) -> bool:
    columns = _columns_of(kind)
    return any(
        night.lake.read_every_version(table).filter(pl.col(column) == pseudonym).head(1).collect().height
        for table, column in columns
    )


def _columns_of(kind: str) -> Sequence[tuple[str, str]]:
    own = [(one.table, one.subjects[kind]) for one in IDENTITIES.values() if kind in one.subjects]
    return [*own, ("posts", kind)] if kind in _PLATFORM_KINDS else own
