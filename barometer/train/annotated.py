"""Labels made for training (`configs/training/annotated.csv`), put back on the public posts that they are of.

The file holds no text: a post is known by the beginning of its text's SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from barometer.errors import BadInput
from barometer.settings import PROJECT
from barometer.tables import LABEL_HEADS
from barometer.train.data import SCHEMA, csv_rows

FILE = PROJECT / "configs" / "training" / "annotated.csv"
ANNOTATED = "annotated"
_DIGEST_LETTERS = 16


def digest(text: str) -> str:
    """What a post is known by."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LETTERS]


def annotated_posts(texts: Iterable[str], path: Path = FILE) -> pl.DataFrame:
    """The posts among `texts` that the file labels, in `data.SCHEMA`, each once, in the order of the file.

    Raises `BadInput` naming the line of a label that the guide does not know, and when none of its posts is there.
    """
    there = {digest(text): text for text in texts}
    rows = [_row(path, number, row, there) for number, row in enumerate(csv_rows(path), start=2)]
    found = pl.DataFrame([row for row in rows if row["text"]], schema=SCHEMA)
    if rows and found.is_empty():
        raise BadInput(f"{path}: none of its {len(rows)} posts is in the public sets; put the sets there")
    return found


def _row(path: Path, number: int, row: dict[str, str], there: dict[str, str]) -> dict[str, str | None]:
    for head, values in LABEL_HEADS.items():
        if row[head] not in values:
            raise BadInput(f"{path}, line {number}, field {head}: is {row[head]!r}, must be one of {', '.join(values)}")
    known = {name: row.get(name) for name in SCHEMA}
    return {**known, "id": row["digest"], "set": ANNOTATED, "source": ANNOTATED, "text": there.get(row["digest"])}
