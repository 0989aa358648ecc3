"""The threshold of a cascade: as low as the loss allows."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from barometer.classify.model import load_model
from barometer.train.encoder.screen import MOST_POINTS_LOST, choose_threshold, make_cascade
from tests.classify.made import a_model, written
from tests.train.encoder.tiny import a_full_data_folder
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


def test_a_cascade_is_written_that_can_be_loaded(tmp_path: Path) -> None:
    data, sample = a_full_data_folder(tmp_path)
    models = tmp_path / "models"
    written(models, "linear")
    written(models, "encoder", other=1)
    chosen = make_cascade(models, data=data, sample=sample)
    assert chosen["share_screened"] == 1.0
    model = load_model("cascade", models)
    assert model.predict(["liars council"])["trust"].to_list() == ["distrust"]
    stored = json.loads((models / "cascade" / "metrics.json").read_text(encoding="utf-8"))
    assert stored["least_sure"] == chosen["least_sure"]
    assert stored["dev_posts"] > 0
