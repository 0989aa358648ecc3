"""What a night may see: rows of this and earlier nights, of what happened before its horizon, in a fixed order."""

from __future__ import annotations

import polars as pl

from barometer.errors import BadInput
from barometer.night import Night
from barometer.tables import TABLES

EVENT_TIME = {
    "posts": "created_at",
    "respondents": "answered_at",
    "reports": "reported_at",
    "observations": "started_at",
    "counts": "counted_on",
}


def events(night: Night, table: str) -> pl.DataFrame:
    """Rows of one signal's table with `day`, the day in the city's time zone on which each happened, sorted by key.

    Raises `BadInput` when synthetic rows stand in a real city's table, or the other way round.
    """
    column = EVENT_TIME[table]
    is_date = TABLES[table].schema[column] == pl.Date
    local = pl.col(column) if is_date else pl.col(column).dt.convert_time_zone(night.city.timezone).dt.date()
    rows = known(night, table).with_columns(day=local)
    return rows.filter(pl.col("day") <= night.night)


def known(night: Night, table: str) -> pl.DataFrame:
    """Rows that this night or an earlier one wrote, sorted by key, so that sums are the same on every run."""
    rows = night.lake.read(table).filter(pl.col("night") <= night.night).collect()
    _refuse_mixture(rows, table=table, is_synthetic=night.city.is_synthetic)
    return rows.sort(TABLES[table].key)


def _refuse_mixture(rows: pl.DataFrame, *, table: str, is_synthetic: bool) -> None:
    strangers = rows.filter(pl.col("synthetic") != is_synthetic)
    if strangers.is_empty():
        return
    kind, other = ("synthetic", "real") if is_synthetic else ("real", "synthetic")
    sources = ", ".join(sorted(strangers["source"].unique())) if "source" in rows.columns else f"table {table}"
    raise BadInput(
        f"table {table}: {strangers.height} {other} rows (from {sources}) in a {kind} city; "
        "remove that source from the city's folder and its rows from the lake: synthetic and real never mix"
    )


def labelled_posts(night: Night) -> pl.DataFrame:
    """Posts that count as voices, one row each with its newest label. No repost, nothing without a label.

    Columns of `posts` and `labels`. Where several models labelled a post, the label of the latest night counts.
    """
    newest = (
        known(night, "labels")
        .sort("post", "night", "model", "model_version")
        .unique(subset="post", keep="last", maintain_order=True)
        .drop("night", "synthetic")
    )
    posts = events(night, "posts").filter(~pl.col("is_repost"))
    return posts.join(newest, on="post", how="inner").sort("post")
