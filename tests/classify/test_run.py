"""The night's posts -> labels: every post once, in any number of shards, and the same however often it is run."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify import run
from barometer.classify.manifest import read_manifest
from barometer.classify.run import classify_shard, shard_count, shard_of, shards
from barometer.errors import BadConfiguration
from barometer.ledger import Counts
from barometer.night import Night
from tests.classify.made import a_model, a_night_with_model, nights_later, put_posts, table, written
from tests.rows import rows

TEXTS = {"a": "The council are liars", "b": "Rain again", "c": "Apparently the police are liars", "d": "Rain again"}


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return a_night_with_model(tmp_path)


def put_texts(night: Night, **texts: str) -> None:
    put_posts(night, *({"post": post, "text": text} for post, text in texts.items()))


def classify_all(night: Night) -> list[Counts]:
    return [classify_shard(night, shard) for shard in shards(night)]


def test_every_post_has_one_row_with_what_the_model_says(night: Night) -> None:
    # given four posts, two alike
    put_texts(night, **TEXTS)
    classify_all(night)
    # then each has the labels and probabilities of its text
    found = table(night, "labels")
    assert found["post"].to_list() == list(TEXTS)
    expected = a_model().predict(list(TEXTS.values()))
    assert found.select(expected.columns).equals(expected)


def test_rows_say_which_model_and_version_made_them_and_whether_they_are_synthetic(night: Night) -> None:
    put_posts(night, {"post": "a", "text": "x", "synthetic": True}, {"post": "b", "text": "x", "synthetic": False})
    classify_all(night)
    found = table(night, "labels")
    version = read_manifest("linear", night.settings.models).version
    assert found.select("model", "model_version").unique().rows() == [("linear", version)]
    assert found["synthetic"].to_list() == [True, False]
    assert found["night"].unique().to_list() == [night.night]


def test_the_ledger_balances(night: Night) -> None:
    put_texts(night, **TEXTS)
    (counts,) = classify_all(night)
    assert counts == Counts(read=4, received=4, written=4)
    entered = table(night, "ledger").to_dicts()
    assert [(row["step"], row["part"], row["written"]) for row in entered] == [("classify", "0", 4)]


def test_running_again_writes_nothing(night: Night) -> None:
    put_texts(night, **TEXTS)
    classify_all(night)
    before = night.lake.versions()
    classify_all(night)
    assert night.lake.versions() == before


def test_a_night_without_posts_has_one_empty_shard(night: Night) -> None:
    assert shards(night) == [0]
    assert classify_all(night) == [Counts()]
    assert table(night, "labels").height == 0


def test_only_the_posts_of_the_night_are_read(night: Night) -> None:
    put_texts(night, **TEXTS)
    put_texts(nights_later(night, 1), later="The nurses are reliable")
    classify_all(night)
    assert "later" not in table(night, "labels")["post"]


def test_reposts_are_labelled_too(night: Night) -> None:
    put_posts(night, {"post": "a", "text": "liars"}, {"post": "b", "text": "liars", "is_repost": True})
    classify_all(night)
    assert table(night, "labels")["trust"].to_list() == ["distrust", "distrust"]


def test_shards_share_the_posts_out_and_together_say_what_one_would(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given 60 posts labelled in one shard
    texts = {f"post-{n}": f"rain {'liars' if n % 2 else ''} {n}" for n in range(60)}
    put_texts(night, **texts)
    classify_all(night)
    together = table(night, "labels").drop("shard").sort("post")
    # when shards hold at most 13
    monkeypatch.setattr(run, "POSTS_PER_SHARD", 13)
    classify_all(night)
    # then there are five, each with some, and the labels are the same
    found = table(night, "labels")
    assert sorted(found["shard"].unique()) == [0, 1, 2, 3, 4]
    assert found.drop("shard").sort("post").equals(together)


def test_the_order_of_the_shards_does_not_matter(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "POSTS_PER_SHARD", 13)
    put_texts(night, **{f"post-{n}": f"rain {n}" for n in range(60)})
    classify_all(night)
    forwards = table(night, "labels")
    for shard in reversed(shards(night)):
        classify_shard(night, shard)
    assert table(night, "labels").equals(forwards)


def test_shards_that_are_no_longer_needed_are_emptied(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a night classified in many shards, of which most posts then went
    monkeypatch.setattr(run, "POSTS_PER_SHARD", 5)
    put_texts(night, **{f"post-{n}": "rain" for n in range(30)})
    classify_all(night)
    put_texts(night, **{"post-3": "rain", "post-4": "liars"})
    # when it is classified again
    assert len(shards(night)) > 1
    classify_all(night)
    # then only the posts that are left have labels, once
    assert table(night, "labels").select("shard", "post").rows() == [(0, "post-3"), (0, "post-4")]


def test_a_text_that_changed_is_labelled_anew(night: Night) -> None:
    # given a post whose masked text another try of prepare changed
    put_texts(night, a="rain")
    classify_all(night)
    put_texts(night, a="liars")
    classify_all(night)
    assert table(night, "labels")["trust"].to_list() == ["distrust"]


def test_labels_by_another_version_stay_beside(night: Night) -> None:
    # given labels by this version, and a new version of the model
    put_texts(night, a="rain", b="liars")
    classify_all(night)
    first = table(night, "labels")
    written(night.settings.models, "linear", note="trained again")
    classify_all(night)
    # then both are there, the first untouched
    both = table(night, "labels")
    assert both.height == 4
    assert both["model_version"].n_unique() == 2
    assert both.join(first.select("post", "model_version"), on=["post", "model_version"]).height == 2


def test_labels_by_another_version_go_with_their_post(night: Night) -> None:
    put_texts(night, a="rain", b="liars")
    classify_all(night)
    written(night.settings.models, "linear", note="trained again")
    put_texts(night, b="liars")
    classify_all(night)
    assert set(table(night, "labels")["post"]) == {"b"}


def test_a_removed_post_loses_its_labels_and_does_not_come_back(night: Night) -> None:
    # given labelled posts, one of them removed at the source
    received = [{"night": night.night, "source": "s", "post": post} for post in TEXTS]
    night.lake.append("received_posts", rows("received_posts", *received))
    put_texts(night, **TEXTS)
    classify_all(night)
    night.lake.remove("received_posts", pl.DataFrame({"post": ["a"]}))
    classify_all(night)
    assert table(night, "labels")["post"].to_list() == ["b", "c", "d"]


def test_an_unknown_model_is_told_before_anything_is_written(night: Night) -> None:
    put_texts(night, **TEXTS)
    with pytest.raises(BadConfiguration, match="no model 'absent'"):
        classify_shard(night, 0, model="absent")
    assert table(night, "labels").height == 0


@pytest.mark.parametrize(("posts", "expected"), [(0, 1), (1, 1), (5_000, 1), (5_001, 2), (10_000, 2), (10_001, 3)])
def test_a_shard_holds_about_five_thousand_posts(posts: int, expected: int) -> None:
    assert shard_count(posts) == expected


def test_the_shard_of_a_post_never_changes() -> None:
    # these values are what other machines and later versions must find too
    assert [shard_of(post, 7) for post in ("a", "b", "0123456789abcdef")] == [2, 5, 4]
    assert shard_of("a", 1) == 0


@given(st.text(max_size=40), st.integers(1, 50))
def test_every_post_has_a_shard_there_is(post: str, count: int) -> None:
    assert 0 <= shard_of(post, count) < count


def test_posts_spread_evenly_over_shards() -> None:
    # given 8,000 ids and 8 shards, the expected 1,000 each has a standard deviation of 30
    sizes = pl.Series([shard_of(f"{n:032x}", 8) for n in range(8_000)]).value_counts()["count"]
    assert sizes.len() == 8
    assert sizes.min() > 850
    assert sizes.max() < 1_150


def test_nights_do_not_touch_each_other(night: Night) -> None:
    put_texts(night, a="rain")
    later = nights_later(night, 1)
    put_texts(later, b="liars")
    classify_all(night)
    classify_all(later)
    found = table(night, "labels").select("night", "post").rows()
    assert found == [(date(2026, 5, 9), "a"), (date(2026, 5, 10), "b")]
