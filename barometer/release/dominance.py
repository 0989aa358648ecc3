"""Cells most of which is one voice: they are withheld however many others there are.

Records of posts are the only counts one voice can be most of. A share of voices cannot be: an author counts for at most
five days of a period and everybody else for one, so one of ten is never more than 5 / 14 of it
(barometer/estimate/voices.py); nor a practitioner's rating, where every rater is one voice among three or more. Of a
survey, weights could do it: by Kish, 1 / effective n is the sum of squared shares of weight, so one person has half of
it only where effective n is below 4.
"""

from __future__ import annotations

import polars as pl

from barometer.release.before import COVERAGE_FAMILY, PERIOD

DOMINANT_SHARE = 0.5
LEAST_EFFECTIVE_N = 1 / DOMINANT_SHARE**2


def dominated_records(posts: pl.DataFrame, coverage: pl.DataFrame, *, timezone: str) -> pl.DataFrame:
    """Coverage rows of posts of which one author wrote more than half: columns of `COVERAGE_FAMILY`, geography, area.

    `posts`: author, created_at, area and is_repost, all that any row of `coverage` may count; a post of no area counts
    for the whole city.
    """
    days = posts.filter(~pl.col("is_repost")).select(
        "author", "area", day=pl.col("created_at").dt.convert_time_zone(timezone).dt.date()
    )
    rows = coverage.filter(pl.col("signal") == "posts").select(*COVERAGE_FAMILY, "city", "geography", "area").unique()
    periods = rows.select(PERIOD).unique()
    heard = days.join_where(periods, pl.col("day") >= pl.col("period_start"), pl.col("day") <= pl.col("period_end"))
    in_city = heard.join(rows.filter(pl.col("area") == pl.col("city")).select(*PERIOD, whole="area"), on=PERIOD)
    everywhere = pl.concat([heard.drop_nulls("area"), in_city.with_columns(area="whole").select(heard.columns)])
    by_author = everywhere.group_by(*PERIOD, "area", "author").len()
    loudest = by_author.group_by(*PERIOD, "area").agg(share=pl.col("len").max() / pl.col("len").sum())
    loud = loudest.filter(pl.col("share") > DOMINANT_SHARE).drop("share")
    return rows.join(loud, on=[*PERIOD, "area"]).drop("city").sort(*COVERAGE_FAMILY, "geography", "area")


def may_be_dominated(family: pl.DataFrame) -> frozenset[str]:
    """Areas of one family of direct survey estimates in which one person may carry half the weight."""
    is_open = (pl.col("method") == "direct") & (pl.col("n") > 0) & (pl.col("effective_n") < LEAST_EFFECTIVE_N)
    return frozenset(family.filter(is_open)["area"].to_list())
