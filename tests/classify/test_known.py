"""A text that came before keeps its labels; the model is not asked again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.known import known_labels, predict_unknown
from barometer.classify.model import Model, is_served, load_model, predict_once
from barometer.classify.run import classify_shard, shards
from barometer.tables import LABEL_HEADS
from tests.classify.few_scores import an_encoder
from tests.classify.made import a_model, a_night_with_model, nights_later, put_posts

WORDS = ("liars", "reliable", "police", "vermin", "walk", "untrue")
NOTHING = pl.DataFrame(schema={"text": pl.String, **a_model().predict([]).schema})


class Asked:
    """A model that remembers what it was asked."""

    name, version, heads = "asked", "1", LABEL_HEADS

    def __init__(self) -> None:
        self.texts: list[str] = []

    def predict(self, texts: Sequence[str]) -> pl.DataFrame:
        self.texts += texts
        return a_model().predict(texts)


def known(*texts: str) -> pl.DataFrame:
    return a_model().predict(texts).with_columns(text=pl.Series(texts, dtype=pl.String)).select(NOTHING.columns)


@given(st.lists(st.sampled_from(WORDS), max_size=10), st.sets(st.sampled_from(WORDS)))
def test_known_or_not_a_text_gets_the_same_row(texts: list[str], before: set[str]) -> None:
    series = pl.Series("text", texts, dtype=pl.String)
    found = predict_unknown(Asked(), series, known(*sorted(before)))
    assert found.equals(predict_once(a_model(), series).select(found.columns))


@given(st.lists(st.sampled_from(WORDS), max_size=10), st.sets(st.sampled_from(WORDS)))
def test_only_what_is_not_known_is_read_and_that_once(texts: list[str], before: set[str]) -> None:
    model = Asked()
    predict_unknown(model, pl.Series("text", texts, dtype=pl.String), known(*sorted(before)))
    assert sorted(model.texts) == sorted(set(texts) - before)


def test_labels_of_an_earlier_night_are_found_by_text(tmp_path: Path) -> None:
    first = a_night_with_model(tmp_path)
    put_posts(first, {"post": "p1", "text": "liars at the council"}, {"post": "p2", "text": "a walk"})
    for shard in shards(first):
        classify_shard(first, shard)
    model = load_model("linear", first.settings.models)
    later = nights_later(first, 1)
    found = known_labels(later, model, pl.Series(["a walk", "never seen", "liars at the council", "a walk"]))
    assert sorted(found["text"]) == ["a walk", "liars at the council"]
    assert dict(found.select("text", "trust").iter_rows())["liars at the council"] == "distrust"


def test_a_text_on_two_nights_is_found_once(tmp_path: Path) -> None:
    first = a_night_with_model(tmp_path)
    for days in (0, 1):
        night = nights_later(first, days)
        put_posts(night, {"post": f"p{days}", "text": "a walk"})
        for shard in shards(night):
            classify_shard(night, shard)
    model = load_model("linear", first.settings.models)
    assert known_labels(nights_later(first, 2), model, pl.Series(["a walk"])).height == 1


def test_neither_this_night_nor_later_ones_nor_other_versions_count(tmp_path: Path) -> None:
    night = a_night_with_model(tmp_path)
    put_posts(night, {"post": "p1", "text": "a walk"})
    for shard in shards(night):
        classify_shard(night, shard)
    model = load_model("linear", night.settings.models)
    texts = pl.Series(["a walk"])
    assert known_labels(night, model, texts).is_empty()
    assert known_labels(nights_later(night, -1), model, texts).is_empty()
    assert known_labels(nights_later(night, 1), Asked(), texts).is_empty()


def test_nothing_is_known_of_a_removed_post(tmp_path: Path) -> None:
    first = a_night_with_model(tmp_path)
    put_posts(first, {"post": "p1", "text": "a walk"})
    for shard in shards(first):
        classify_shard(first, shard)
    put_posts(first)
    model = load_model("linear", first.settings.models)
    assert known_labels(nights_later(first, 1), model, pl.Series(["a walk"])).is_empty()


@pytest.mark.parametrize(
    ("language", "is_read"),
    [
        ("en", True),
        ("en-GB", True),
        ("EN", True),
        ("und", True),
        (None, True),
        ("pl", False),
        ("ur", False),
        ("sv", False),
    ],
)
def test_posts_in_a_language_that_is_not_served_are_left_unread(language: str | None, is_read: bool) -> None:
    model, _, _ = an_encoder(languages=["en"])
    assert is_served(model, pl.Series([language], dtype=pl.String)).to_list() == [is_read]


def test_a_model_that_names_no_languages_reads_all() -> None:
    model: Model = a_model()
    assert is_served(model, pl.Series(["en", "pl", None])).to_list() == [True, True, True]


def test_no_posts_are_no_answer() -> None:
    model, _, _ = an_encoder()
    assert is_served(model, pl.Series([], dtype=pl.String)).to_list() == []
