"""Whether grouping tells the sample city's stories apart: with the encoder that ships, all of its claims at once.

Night by night, at other thresholds and held out: `benchmarks/bench_rumours.py`, docs/rumours.md.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from barometer.city import load_city
from barometer.classify.alike import look_around
from barometer.classify.claims import words_of_claims
from barometer.classify.gather import Alike, gather
from barometer.classify.rumours import closeness_of
from barometer.classify.walks import Walks
from barometer.settings import PROJECT
from barometer.simulate.origin import written_posts
from barometer.train.scores import bcubed
from tests.classify.made import NOON
from tests.classify.shipped_sentences import shipped_sentences

CITY = load_city("sample", PROJECT / "configs")
CLOSENESS = closeness_of(CITY)


@pytest.fixture(scope="module")
def posts() -> pl.DataFrame:
    """The written posts: `post, created_at, text, area`, and the writer's `rumour` and `story`."""
    written = written_posts(CITY).with_row_index("number")
    return written.select(
        pl.format("p{}", pl.col("number").cast(pl.String).str.zfill(4)).alias("post"),
        (pl.lit(NOON) + pl.duration(days="day")).alias("created_at"),
        "text",
        "area",
        "rumour",
        "story",
    )


def told_apart(posts: pl.DataFrame, around: Alike) -> tuple[float, float]:
    """B-cubed F1 of the stories' claims: beside all claims, and alone."""
    claims = posts.filter(pl.col("rumour") != "none")
    fresh = claims.select("post", "created_at", "text", "area")
    nothing = fresh.with_columns(rumour="post").clear()
    moves = gather(nothing, fresh, around=around, words=words_of_claims(posts["text"].to_list()))
    grouped = claims.rename({"rumour": "label"}).join(moves.select("post", "rumour"), on="post")
    grouped = grouped.with_columns(story=pl.coalesce("story", "post"), is_told=pl.col("story").is_not_null())
    alone = grouped.filter("is_told")
    return tuple(  # type: ignore[return-value]
        bcubed(part["rumour"].to_list(), part["story"].to_list(), part["is_told"].to_numpy())[2]
        for part in (grouped, alone)
    )


def test_meaning_place_and_time_tell_stories_apart(posts: pl.DataFrame) -> None:
    # Measured .74 and .83; int8 arithmetic differs a little between processors.
    beside_all, alone = told_apart(posts, Walks(posts, CLOSENESS, shipped_sentences()))
    assert beside_all > 0.68
    assert alone > 0.77


def test_words_alone_tell_less(posts: pl.DataFrame) -> None:
    beside_all, alone = told_apart(posts, look_around(posts, CLOSENESS))
    assert 0.55 < beside_all < 0.7
    assert 0.6 < alone < 0.77


def test_copies_that_people_pass_on_find_their_originals(posts: pl.DataFrame) -> None:
    # given every longer claim twice, the second time as people pass things on, a week later, from nowhere
    claims = posts.filter((pl.col("rumour") != "none") & (pl.col("text").str.len_chars() > 60)).head(80)
    originals = claims.select("post", "created_at", "text", "area")
    copies = originals.select(
        pl.format("copy of {}", "post").alias("post"),
        pl.col("created_at") + timedelta(days=7),
        pl.format("PLEASE SHARE {} @user http", "text").alias("text"),
        pl.lit(None, dtype=pl.String).alias("area"),
    )
    fresh = pl.concat([originals, copies])
    around = look_around(fresh, CLOSENESS)
    nothing = fresh.with_columns(rumour="post").clear()
    moves = gather(nothing, fresh, around=around, words=words_of_claims(fresh["text"].to_list()))
    # then nearly every copy is with its original
    rumour_of = dict(moves.select("post", "rumour").iter_rows())
    together = [rumour_of[post] == rumour_of[f"copy of {post}"] for post in originals["post"]]
    assert np.mean(together) > 0.95
