"""The threshold of a cascade: as low as the loss allows."""

from __future__ import annotations

import polars as pl
import pytest

from barometer.train.encoder.screen import MOST_POINTS_LOST, choose_threshold
from tests.classify.made import a_model
from tests.train.made import frame, many

POSTS = frame(*many(0, 120))
SURE = a_model()


def perfect(posts: pl.DataFrame) -> pl.DataFrame:
    """A reader that is always right, with the screen's probabilities."""
    found = SURE.predict(posts["text"].to_list())
    return found.with_columns(posts[head] for head in ("trust", "target", "rumour", "hostile"))


def test_a_screen_as_good_as_the_reader_answers_everything() -> None:
    read = perfect(POSTS)
    chosen = choose_threshold(POSTS, read, read)
    assert chosen["share_screened"] == 1.0
    assert set(chosen["points_lost"].values()) == {0.0}


def test_a_screen_that_is_always_wrong_answers_nothing() -> None:
    read = perfect(POSTS)
    wrong = read.with_columns(hostile=pl.when(pl.col("hostile") == "yes").then(pl.lit("no")).otherwise(pl.lit("yes")))
    chosen = choose_threshold(POSTS, wrong, read)
    assert chosen["share_screened"] < 0.05
    assert max(chosen["points_lost"].values()) <= MOST_POINTS_LOST


def test_the_loss_is_within_a_point_and_the_share_a_share() -> None:
    chosen = choose_threshold(POSTS, SURE.predict(POSTS["text"].to_list()), perfect(POSTS))
    assert max(chosen["points_lost"].values()) <= MOST_POINTS_LOST
    assert 0 <= chosen["share_screened"] <= 1
    assert chosen["macro_f1"]["trust"] == pytest.approx(1.0, abs=0.011)
