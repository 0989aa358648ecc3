"""The desk of rumours: a sheet of those that live goes out, a person's decisions come back to the folder of decisions.

The sheet shows one masked post of each rumour, so it stays inside the city's office and is never published.
"""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import polars as pl

from barometer.classify.evidence import suggest_evidence
from barometer.classify.rulings import RULINGS_FILE, read_rulings
from barometer.errors import BadConfiguration, BadInput
from barometer.library import read_library
from barometer.night import Night
from barometer.spreadsheet import to_csv, unguard

SHEET = ("rumour", "words", "voices", "last_seen", "example", "may_be")
# Column a person fills -> the decision it stands for.
ASKED = {"title": "title", "evidence": "evidence", "status": "status", "same_as": "merge"}
# Decisions of which the latest holds (`rulings.py`).
_LATEST_HOLDS = ("title", "status")
_DECISIONS = ("rumour", "decision", "value", "since", "note")


def review_sheet(night: Night) -> pl.DataFrame:
    """The rumours that live on a night, most voices first: `SHEET`, then the empty columns of `ASKED`, and note.

    example: masked text of the representative post, null where it has expired; may_be: ids of claims of the city's
    library that it may repeat. All columns are text.
    """
    alive = night.lake.read("rumours").filter(pl.col("night") == night.night, pl.col("status") != "faded").collect()
    texts = night.lake.read("posts").select(pl.col("post").alias("representative"), pl.col("text").alias("example"))
    may_be = suggest_evidence(night).group_by("rumour", maintain_order=True).agg(may_be=pl.col("id").str.join("; "))
    told = alive.join(texts.collect(), on="representative", how="left").join(may_be, on="rumour", how="left")
    shown = told.sort("voices", "rumour", descending=[True, False]).select(
        "rumour",
        words=pl.col("terms").list.join(", "),
        voices=pl.col("voices").cast(pl.String),
        last_seen=pl.col("last_seen").dt.date().cast(pl.String),
        example="example",
        may_be="may_be",
    )
    return shown.with_columns(pl.lit(None, pl.String).alias(name) for name in (*ASKED, "note"))


def send_out(night: Night, path: Path) -> int:
    """Write the sheet to `path`; returns the number of rumours. Raises `BadInput` when none lives."""
    sheet = review_sheet(night)
    if sheet.is_empty():
        raise BadInput(f"no rumour lives in {night.city.id} on {night.night}: run the night first, or there is none")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_csv(sheet), "utf-8", newline="")
    return sheet.height


def take_in(night: Night, path: Path) -> int:
    """Keep the decisions of a filled sheet, from this night on; returns how many are new.

    A decision that holds already stays as it is, so a sheet may be read twice; one that was overruled since and is made
    again is new. Raises `BadInput` naming the column that is missing, `BadConfiguration` with every decision that
    cannot be kept; then nothing is kept.
    """
    decided = _decisions(_sheet(path), night.night)
    folder = night.settings.decisions / night.city.id
    kept = _kept(folder)
    new = decided.join(_holding(kept), on=["rumour", "decision", "value"], how="anti")
    # What was decided on the same night about the same thing is taken back by the new word.
    overruled = new.filter(pl.col("decision").is_in(_LATEST_HOLDS)).select("rumour", "decision", "since")
    kept = kept.join(overruled, on=overruled.columns, how="anti", maintain_order="left")
    _refuse_mistakes(night, pl.concat([kept, new]))
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / f".{RULINGS_FILE}"
    pl.concat([kept, new]).write_csv(written)
    written.replace(folder / RULINGS_FILE)
    return new.height


def _holding(kept: pl.DataFrame) -> pl.DataFrame:
    """Decisions that no later one overrules."""
    is_latest = pl.col("since") == pl.col("since").max().over("rumour", "decision")
    return kept.filter(is_latest | ~pl.col("decision").is_in(_LATEST_HOLDS))


def _sheet(path: Path) -> pl.DataFrame:
    try:
        rows = unguard(pl.read_csv(path, infer_schema=False))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); save the sheet as CSV in UTF-8") from error
    if lacking := [name for name in ("rumour", *ASKED) if name not in rows.columns]:
        raise BadInput(f"{path}: has no column {', '.join(lacking)}; write the sheet anew with `barometer rumours`")
    return rows if "note" in rows.columns else rows.with_columns(note=pl.lit(None, pl.String))


def _decisions(sheet: pl.DataFrame, since: date) -> pl.DataFrame:
    """One row a filled cell: `_DECISIONS`."""
    long = sheet.unpivot(on=list(ASKED), index=["rumour", "note"], variable_name="column", value_name="value")
    filled = long.with_columns(pl.col("value").str.strip_chars()).filter(pl.col("value").fill_null("") != "")
    return filled.select(
        "rumour",
        decision=pl.col("column").replace_strict(ASKED, return_dtype=pl.String),
        value="value",
        since=pl.lit(since.isoformat()),
        note="note",
    ).sort("rumour", "decision", "value")


def _kept(folder: Path) -> pl.DataFrame:
    path = folder / RULINGS_FILE
    if not path.is_file():
        return pl.DataFrame(schema=dict.fromkeys(_DECISIONS, pl.String()))
    return pl.read_csv(path, infer_schema=False).select(_DECISIONS)


def _refuse_mistakes(night: Night, decisions: pl.DataFrame) -> None:
    """Raises `BadConfiguration` when the decisions, with those of the city folder, could not be read by a night."""
    library = frozenset(read_library(night.city.folder)["id"])
    with tempfile.TemporaryDirectory() as folder:
        decisions.write_csv(Path(folder) / RULINGS_FILE)
        try:
            read_rulings(night.city.folder, Path(folder), night=night.night, evidence=library)
        except BadConfiguration as error:
            raise BadConfiguration(f"nothing was kept of the sheet. {error}") from error
