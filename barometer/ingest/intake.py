"""What came in of a source in one night; kept between tries while a live service still owes the rest of it.

A try that failed half-way leaves what it got (masked, as it would stand in the lake) in the run's folder. The next try
goes on from there and settles all of it together, so the night ends as if everything had come in one try.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from barometer.ingest.source import Batch, Door, Rejected, Removal, incoming_schema

_STATE = "state.json"
_ONLY_FOR_US = 0o600


@dataclass
class Intake:
    """All batches of a source together. Rejected records are masked as they come in."""

    frames: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    removals: list[Removal] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    read: int = 0
    out_of_scope: int = 0
    cursor: dict[str, Any] = field(default_factory=dict)

    def add(self, batch: Batch, door: Door) -> None:
        """Take in one batch."""
        for table, frame in batch.rows.items():
            if frame.height:
                self.frames.setdefault(table, []).append(frame)
        self.removals += batch.removals
        self.rejected += [_masked(one, door) for one in batch.quarantined]
        self.read += batch.read
        self.out_of_scope += batch.out_of_scope
        self.cursor = batch.cursor

    def rows(self, table: str) -> pl.DataFrame:
        """All incoming rows of one table."""
        return pl.concat([pl.DataFrame(schema=incoming_schema(table)), *self.frames.get(table, [])])


class _State(msgspec.Struct):
    """An intake without its rows, and the bookmark it began from."""

    began_from: dict[str, Any]
    cursor: dict[str, Any]
    removals: list[Removal]
    rejected: list[Rejected]
    read: int
    out_of_scope: int


def keep(intake: Intake, began_from: Mapping[str, Any], file: Path) -> None:
    """Keep an unfinished intake in `file`; whole or not at all."""
    state = _State(dict(began_from), intake.cursor, intake.removals, intake.rejected, intake.read, intake.out_of_scope)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}.tmp")
    draft.touch(_ONLY_FOR_US)
    with zipfile.ZipFile(draft, "w") as packed:
        for table in intake.frames:
            packed.writestr(f"{table}.parquet", _as_parquet(intake.rows(table)))
        packed.writestr(_STATE, msgspec.json.encode(state))
    draft.replace(file)


def kept(file: Path, began_from: Mapping[str, Any]) -> Intake | None:
    """The unfinished intake in `file`, if there is one that began from this bookmark."""
    if not file.is_file():
        return None
    with zipfile.ZipFile(file) as packed:
        state = msgspec.json.decode(packed.read(_STATE), type=_State)
        if state.began_from != dict(began_from):
            return None
        frames = {
            name.removesuffix(".parquet"): [pl.read_parquet(io.BytesIO(packed.read(name)))]
            for name in packed.namelist()
            if name != _STATE
        }
    return Intake(frames, state.removals, state.rejected, state.read, state.out_of_scope, state.cursor)


def _masked(rejected: Rejected, door: Door) -> Rejected:
    return rejected if rejected.record is None else replace(rejected, record=door.mask_record(rejected.record))


def _as_parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()
