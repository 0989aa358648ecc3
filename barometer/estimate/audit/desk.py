"""The audit's desk: posts go out to be labelled, people's labels come back into the lake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import polars as pl

from barometer.errors import BadInput
from barometer.estimate.audit.agreement import Agreement, agreement_of
from barometer.estimate.audit.files import ReadBack, read_csv, read_label_studio, write_csv, write_label_studio
from barometer.night import Night
from barometer.tables import LABEL_HEADS, TABLES

Form = Literal["csv", "label-studio"]
WRITERS: dict[Form, Callable[[pl.DataFrame, Path], None]] = {"csv": write_csv, "label-studio": write_label_studio}


def to_label(night: Night) -> pl.DataFrame:
    """Posts of the audit drawn up to a night that nobody has labelled yet and whose text is still held: post, text."""
    sample = night.lake.read("audit_sample").filter(pl.col("night") <= night.night)
    labelled = night.lake.read("audit_labels").select("post")
    texts = night.lake.read("posts").select("post", "text")
    return (
        sample.join(labelled, on="post", how="anti")
        .join(texts, on="post")
        .select("post", "text")
        .sort("post")
        .collect()
    )


def send_out(night: Night, path: Path, *, form: Form) -> int:
    """Write what is to be labelled to `path`; returns the number of posts. Raises `BadInput` when there are none."""
    posts = to_label(night)
    if posts.is_empty():
        raise BadInput(
            f"nothing to label for {night.city.id} up to {night.night}: run a night first, or all of it is labelled"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    WRITERS[form](posts, path)
    return posts.height


def take_in(night: Night, path: Path, *, pseudonym: Callable[[str, str], str]) -> ReadBack:
    """Read labels back from a CSV or Label Studio's JSON export and keep them; labellers become keyed pseudonyms.

    A judgement that is there already stays as it is, so a file may be read twice. What cannot be used is in the
    result's `problems`, a line each; the rest is kept. Raises `BadInput` when the file cannot be read at all.
    """
    known = set(night.lake.read("audit_sample").select("post").collect()["post"])
    read = read_label_studio if path.suffix == ".json" else read_csv
    found = read(path, known=known)
    labellers = found.labels["labeller"].unique().to_list()
    names = {labeller: pseudonym("labeller", labeller) for labeller in labellers}
    rows = found.labels.with_columns(
        pl.col("labeller").replace_strict(names, return_dtype=pl.String),
        night=pl.lit(night.night, dtype=pl.Date),
        synthetic=pl.lit(night.city.is_synthetic),
    )
    night.lake.append("audit_labels", rows.select(list(TABLES["audit_labels"].schema)))
    return found


def agreements(night: Night) -> dict[str, Agreement]:
    """How far labellers agree, by head, on all labels read back up to a night."""
    labels = night.lake.read("audit_labels").filter(pl.col("night") <= night.night).collect()
    return {head: agreement_of(labels, head=head) for head in LABEL_HEADS}
