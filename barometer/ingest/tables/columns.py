"""Names of columns and pseudonyms of their ids, alike for all table files."""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from barometer.ingest.source import Context, PseudonymKind, UnusableFile


def with_plain_names(frame: pl.DataFrame, own_names: Mapping[str, str]) -> pl.DataFrame:
    """Columns in small letters with `_` for blanks; `own_names` (ours -> the file's) renames the file's own ones first.

    Raises `UnusableFile` when two columns come to the same name.
    """
    ours = {theirs.strip(): name for name, theirs in own_names.items()}
    names = [name if name.startswith("_") else ours.get(name, plain_name(name)) for name in frame.columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UnusableFile(f"columns are named twice: {', '.join(repeated)}; rename one", rule="repeated_column")
    return frame.rename(dict(zip(frame.columns, names, strict=True)))


def plain_name(name: str) -> str:
    """`Started At ` -> `started_at`."""
    return re.sub(r"[\s\-]+", "_", name.strip()).lower()


def pseudonyms(ids: pl.Series, kind: PseudonymKind, context: Context) -> pl.Series:
    """Keyed pseudonyms of ids of the source's id space, null where there is no id."""
    distinct = ids.drop_nulls().unique(maintain_order=True).to_list()
    made = {one: context.pseudonym(kind, one) for one in distinct}
    return ids.replace_strict(made, default=None, return_dtype=pl.String)


def optional(frame: pl.DataFrame, name: str) -> pl.Expr:
    """The column, or a null where the file has none, for use beside other columns."""
    return pl.col(name) if name in frame.columns else pl.lit(None, pl.String).alias(name)


def column(frame: pl.DataFrame, name: str) -> pl.Series:
    """The column, or as many empty cells where the file has none."""
    return frame[name] if name in frame.columns else pl.Series(name, [None] * frame.height, dtype=pl.String)


def number(text: pl.Expr) -> pl.Expr:
    """The number a text states, null when it states none."""
    return text.cast(pl.Float64, strict=False)
