"""The city's library of evidence: claims that somebody looked into, with verdict, source and link."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from barometer.city_files import Column, Mistakes, Sheet, read_csv_file
from barometer.errors import BadConfiguration

EVIDENCE_FOLDER = "evidence"
VERDICTS = ("true", "mostly_true", "unproven", "misleading", "false")

_COLUMNS = (
    Column("id", pattern=r"^[a-z0-9][a-z0-9-]*$", advice="write lower case, digits and hyphens"),
    Column("claim"),
    Column("title", may_be_empty=True),
    Column("verdict", among=VERDICTS),
    Column("source"),
    Column("link", pattern=r"^https?://\S+$", advice="write the whole address, with https://"),
    Column("published", pattern=r"^\d{4}-\d{2}-\d{2}$", advice="write the day as 2026-05-09"),
)
LIBRARY = {column.name: pl.String() for column in _COLUMNS}


def read_library(folder: Path) -> pl.DataFrame:
    """All claims of `<folder>/evidence/*.csv`, sorted by id: `id, claim, title, verdict, source, link, published`.

    An absent folder is an empty library. Raises `BadConfiguration` that lists every mistake of every file at once.
    """
    mistakes = Mistakes()
    parts = [pl.DataFrame(schema=LIBRARY)]
    for path in sorted((folder / EVIDENCE_FOLDER).glob("*.csv")):
        sheet = Sheet(f"{EVIDENCE_FOLDER}/{path.name}", _COLUMNS, key=("id",))
        parts.append(read_csv_file(folder, sheet, mistakes))
    library = pl.concat(parts).sort("id")
    for repeated in library.filter(pl.col("id").is_duplicated())["id"].unique(maintain_order=True):
        mistakes.add(EVIDENCE_FOLDER, f"id {repeated}", "is in two files", "give every claim its own id")
    if mistakes:
        heading = f"the evidence library of city folder {folder.name} has {len(mistakes)} mistake(s):"
        raise BadConfiguration("\n".join([heading, *(f"- {line}" for line in mistakes)]))
    return library
