"""Raw files in the inbox, as a city's sources would deliver them: a delivery holds all days since the last one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec
import polars as pl
import zstandard

from barometer.errors import BadInput
from barometer.simulate.plan import Plan
from barometer.simulate.posts import Line

_SPAN = "_to_"
_ZSTD_LEVEL = 6


@dataclass(frozen=True)
class Delivery:
    """Days (numbers) `first` to `last` of a plan, delivered together; files are named after them."""

    plan: Plan
    first: int
    last: int

    @property
    def name(self) -> str:
        """`2026-03-02_to_2026-05-09`."""
        return f"{self.plan.day(self.first)}{_SPAN}{self.plan.day(self.last)}"

    @property
    def days(self) -> range:
        """The days it holds."""
        return range(self.first, self.last + 1)


def next_delivery(folder: Path, plan: Plan, through: date) -> Delivery | None:
    """What is to be delivered next, up to and including `through`; None when all of it was delivered before."""
    last = min((through - plan.first_day).days, plan.days - 1)
    delivered = [date.fromisoformat(path.name.partition(".")[0].partition(_SPAN)[2]) for path in _deliveries(folder)]
    first = (max(delivered) - plan.first_day).days + 1 if delivered else 0
    return Delivery(plan, first, last) if first <= last else None


def _deliveries(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"posts/*{_SPAN}*.jsonl.zst"))


def write_lines(path: Path, lines: Sequence[Line]) -> None:
    """JSON Lines, zstd."""
    encoded = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    _write(path, zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(encoded))


def write_csv(path: Path, frame: pl.DataFrame) -> None:
    """CSV with a header; nothing when there is no row, as a form without entries exports nothing."""
    if frame.height:
        _write(path, frame.write_csv().encode())


def _write(path: Path, content: bytes) -> None:
    """The whole file or none of it; a file that is there already must be the same. Raises `BadInput` when it is not."""
    if path.is_file():
        if path.read_bytes() != content:
            raise BadInput(f"{path}: is there already and differs; empty the inbox before simulating with another plan")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(content)
    draft.replace(path)
