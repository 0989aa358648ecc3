"""In which neighbourhoods a rumour is heard: only where enough different people carry it there."""

from __future__ import annotations

import polars as pl

from barometer.night import Night
from barometer.release.disclosure import ROUNDING_BASE

SCHEMA: dict[str, pl.DataType] = {"rumour": pl.String(), "area": pl.String(), "voices": pl.Int64()}


def rumour_places(night: Night, *, minimum: int) -> pl.DataFrame:
    """rumour, area, voices (distinct authors up to the night, down to a multiple of `ROUNDING_BASE`).

    A neighbourhood where fewer than `minimum` people carry a rumour is not named at all: that somebody there said it
    would be told of a handful.
    """
    up_to = pl.col("night") <= night.night
    carried = night.lake.read("rumour_posts").filter(up_to).sort("night").unique("post", keep="last")
    posts = night.lake.read("posts").filter(up_to).select("post", "author", "area").drop_nulls("area")
    heard = carried.select("rumour", "post").join(posts, on="post").group_by("rumour", "area")
    voices = heard.agg(voices=pl.col("author").n_unique().cast(pl.Int64)).filter(pl.col("voices") >= minimum).collect()
    return voices.with_columns(voices=pl.col("voices") // ROUNDING_BASE * ROUNDING_BASE).sort("rumour", "area")
