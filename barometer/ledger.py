"""What came in and what went out of every step of a run; it must balance. Also the quarantine and the durations."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import polars as pl

from barometer.errors import LedgerUnbalanced
from barometer.night import Night
from barometer.tables import TABLES

WHOLE_STEP = "all"


@dataclass(frozen=True)
class Counts:
    """Records through one step. Every received record ends as exactly one of the last four."""

    read: int = 0
    out_of_scope: int = 0
    received: int = 0
    written: int = 0
    duplicate: int = 0
    quarantined: int = 0
    removed: int = 0

    @property
    def is_balanced(self) -> bool:
        """Nothing lost and nothing doubled."""
        ended = self.written + self.duplicate + self.quarantined + self.removed
        return self.received == ended and self.read == self.received + self.out_of_scope

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def passed_through(rows: int) -> Counts:
    """Counts of a step in which every record became a row."""
    return Counts(read=rows, received=rows, written=rows)


def record(night: Night, step: str, part: str, counts: Counts) -> Counts:
    """Enter a step's counts; raises `LedgerUnbalanced`, after entering them, when they do not add up."""
    row = {"night": night.night, "step": step, "part": part, "run_id": night.run_id, **asdict(counts)}
    partition = {"night": night.night, "step": step, "part": part}
    night.lake.replace("ledger", pl.DataFrame([row], schema=TABLES["ledger"].schema), partition=partition)
    if not counts.is_balanced:
        raise LedgerUnbalanced(
            f"run {night.run_id}, step {step} ({part}): received {counts.received} of {counts.read} read, "
            f"but written {counts.written} + duplicate {counts.duplicate} + quarantined {counts.quarantined} + "
            f"removed {counts.removed} + out of scope {counts.out_of_scope} do not add up; records were lost or doubled"
        )
    return counts


def quarantine(night: Night, source: str, rejected: pl.DataFrame) -> None:
    """Keep a source's rejected records of this night, in place of those an earlier try of the night left."""
    night.lake.replace("quarantine", rejected, partition={"night": night.night, "source": source})


def require_balance(night: Night) -> pl.DataFrame:
    """The night's ledger; raises `LedgerUnbalanced` naming the first step that does not balance."""
    rows = night.lake.read("ledger").filter(pl.col("night") == night.night).sort("step", "part").collect()
    for row in rows.iter_rows(named=True):
        counts = Counts(**{f.name: row[f.name] for f in fields(Counts)})
        if not counts.is_balanced:
            raise LedgerUnbalanced(
                f"run {night.run_id}, step {row['step']} ({row['part']}): the ledger does not balance"
            )
    return rows


@contextmanager
def timed(night: Night, step: str, part: str = WHOLE_STEP) -> Iterator[None]:
    """Note how long a step took, in the run's folder: durations differ between tries, so they stay out of the lake."""
    began = time.perf_counter()
    yield
    _write_timing(night.folder / "timings", step, part, time.perf_counter() - began)


def timings(night: Night) -> dict[tuple[str, str], float]:
    """Seconds per step and part, of the last try of each."""
    found = (json.loads(path.read_text("utf-8")) for path in sorted((night.folder / "timings").glob("*.json")))
    return {(entry["step"], entry["part"]): float(entry["seconds"]) for entry in found}


def _write_timing(folder: Path, step: str, part: str, seconds: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{step}.{part.replace('/', '_')}.json"
    draft = target.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps({"step": step, "part": part, "seconds": round(seconds, 3)}), "utf-8")
    draft.replace(target)
