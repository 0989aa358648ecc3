"""Labelled posts to learn from, in one shape whatever set they come from. Nothing of them is ever written out."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import msgspec
import polars as pl

from barometer.errors import BadInput
from barometer.tables import LABEL_HEADS

GOLD, SILVER, SAMPLE = "gold", "silver", "sample"
SCHEMA: dict[str, pl.DataType] = {
    "id": pl.String(),
    "set": pl.String(),
    "source": pl.String(),
    "text": pl.String(),
    "author": pl.String(),
    "story": pl.String(),
    **{head: pl.String() for head in LABEL_HEADS},
}


def labelled_posts(path: Path, *, set_name: str) -> pl.DataFrame:
    """Read JSON lines of one labelled set into `SCHEMA`; `source` is the set's own name where the line has none.

    Raises `BadInput` naming file, line and field at the first line that does not follow the annotation guide: a set
    with a wrong line is not used at all.
    """
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file; the linear model is trained from it")
    with path.open("rb") as lines:
        rows = [_row(path, number, line, set_name) for number, line in enumerate(lines, start=1) if line.strip()]
    posts = pl.DataFrame(rows, schema=SCHEMA)
    repeated = posts.filter(pl.col("id").is_duplicated())["id"]
    if len(repeated):
        raise BadInput(f"{path}, field id: {repeated[0]!r} stands on more than one line; ids must be unique")
    return posts


def _row(path: Path, number: int, line: bytes, set_name: str) -> dict[str, object]:
    try:
        record = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise BadInput(f"{path}, line {number}: is not JSON ({error}); one object a line") from error
    _refuse_wrong_values(f"{path}, line {number}", record)
    known = {name: record.get(name) for name in SCHEMA}
    return {**known, "set": set_name, "source": known["source"] or f"{set_name}_city"}


def _refuse_wrong_values(where: str, record: object) -> None:
    if not isinstance(record, dict):
        raise BadInput(f"{where}: is not a JSON object")
    for name in ("id", "text"):
        if not isinstance(record.get(name), str) or not record[name].strip():
            raise BadInput(f"{where}, field {name}: must be text")
    for head, values in LABEL_HEADS.items():
        if record.get(head) not in values:
            raise BadInput(f"{where}, field {head}: is {record.get(head)!r}, must be one of {', '.join(values)}")
    if (record["trust"] == "none") != (record["target"] == "none"):
        raise BadInput(f"{where}, field target: must be none exactly when trust is none")


def training_posts(data: Path, sample: Path | None) -> pl.DataFrame:
    """Gold, silver and (where given) the sample city's posts, in `SCHEMA`."""
    posts = data / "posts"
    sets = [
        labelled_posts(posts / "trust_gold" / "posts.jsonl", set_name=GOLD),
        labelled_posts(posts / "trust_silver" / "posts.jsonl", set_name=SILVER),
    ]
    if sample is not None:
        sets.append(labelled_posts(sample, set_name=SAMPLE))
    return pl.concat(sets)


def csv_rows(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a CSV file as dictionaries; raises `BadInput` when it is not there."""
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file")
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)
