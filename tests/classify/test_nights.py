"""Labels and rumours over several nights: whatever is run again, or dies half-way, the tables end the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.classify.rumours import group_rumours
from barometer.classify.run import classify_shard, shards
from barometer.lake import Lake
from barometer.night import Night
from barometer.settings import PROJECT, Settings
from tests.classify.made import a_night_with_model, nights_later, noon_of, put_posts, table

TABLES = ("labels", "rumours", "rumour_posts", "ledger")
CLAIMS = (
    "apparently the library on Mill Lane will close and be sold for flats",
    "library on Mill Lane to close and be sold for flats, apparently",
    "untrue, the library on Mill Lane will not close or be sold for flats",
    "apparently the tap water round Beckside is contaminated with lead",
    "tap water in Beckside contaminated with lead, apparently so they say",
    "the council are liars",
    "lovely evening on the moor",
)


class Killed(Exception):
    """Stands for the process dying."""


def fill(first: Night, days: int = 4) -> list[Night]:
    """Nights with three posts each, from three authors, taken in turn from the claims."""
    nights = [nights_later(first, day) for day in range(days)]
    for day, night in enumerate(nights):
        put_posts(night, *(a_post(night, day, place) for place in range(3)))
    return nights


def a_post(night: Night, day: int, place: int) -> Mapping[str, Any]:
    number = day * 3 + place
    return {
        "post": f"post{number:02}",
        "author": f"author{place}",
        "text": CLAIMS[number % len(CLAIMS)],
        "area": f"T{place + 1}",
        "created_at": noon_of(night) + timedelta(minutes=number),
    }


def classify(night: Night) -> None:
    """All of the step for one night, as the nightly run calls it."""
    for shard in shards(night):
        classify_shard(night, shard)
    group_rumours(night)


def contents(night: Night) -> dict[str, list[dict[str, Any]]]:
    return {name: table(night, name).to_dicts() for name in TABLES}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The tables after four nights, each run once."""
    first = a_night_with_model(tmp_path_factory.mktemp("undisturbed"))
    for night in fill(first):
        classify(night)
    return contents(first)


def test_the_nights_have_something_to_tell(undisturbed: dict[str, list[dict[str, Any]]]) -> None:
    # given the tables that the others are compared with: they hold labels, rumours of several posts, and corrections
    assert len(undisturbed["labels"]) == 12
    assert max(row["posts"] for row in undisturbed["rumours"]) >= 4
    assert {row["status"] for row in undisturbed["rumours"]} >= {"seen", "answered"}


@settings(max_examples=4)
@given(st.lists(st.integers(0, 3), max_size=4))
def test_any_night_run_again_at_any_time_changes_nothing(
    undisturbed: dict[str, list[dict[str, Any]]], tmp_path_factory: pytest.TempPathFactory, again: list[int]
) -> None:
    # given nights run in order, and some earlier ones run again after each
    first = a_night_with_model(tmp_path_factory.mktemp("again"))
    nights = fill(first)
    for done, night in enumerate(nights):
        classify(night)
        for other in again:
            if other <= done:
                classify(nights[other])
    assert contents(first) == undisturbed


def dying(monkeypatch: pytest.MonkeyPatch, after: int, *, written: bool) -> None:
    """Let the process die at the write number `after`, just before or just after it took place."""
    replace: Callable[..., int] = Lake.replace
    writes = iter(range(1, 10_000))

    def replace_or_die(self: Lake, name: str, frame: pl.DataFrame, **more: Any) -> int:
        is_last = next(writes) == after
        if is_last and not written:
            raise Killed
        changed = replace(self, name, frame, **more)
        if is_last:
            raise Killed
        return changed

    monkeypatch.setattr(Lake, "replace", replace_or_die)


@pytest.mark.parametrize("written", [False, True], ids=["before the write", "after the write"])
@pytest.mark.parametrize("after", [1, 2, 3, 4, 5])
def test_a_night_that_dies_at_any_write_ends_the_same_when_it_is_run_again(
    undisturbed: dict[str, list[dict[str, Any]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
    written: bool,
) -> None:
    # given two nights that went well, and a third that dies
    first = a_night_with_model(tmp_path)
    nights = fill(first)
    for night in nights[:2]:
        classify(night)
    with monkeypatch.context() as patched:
        dying(patched, after, written=written)
        with pytest.raises(Killed):
            classify(nights[2])
    # when it is run again, and then the last
    classify(nights[2])
    classify(nights[3])
    # then every table is as if nothing had happened
    assert contents(first) == undisturbed


def test_the_order_posts_were_stored_in_does_not_matter(
    undisturbed: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    first = a_night_with_model(tmp_path)
    nights = fill(first)
    for day, night in enumerate(nights):
        put_posts(night)
        put_posts(night, *(a_post(night, day, place) for place in (2, 0, 1)))
        classify(night)
    assert contents(first) == undisturbed


def test_the_shipped_model_finds_rumours_in_the_sample_citys_posts(tmp_path: Path) -> None:
    # given two hundred of the sample city's posts, each passed on by two more people, and the model as shipped
    at = a_night_with_model(tmp_path)
    night = Night(city=at.city, lake=at.lake, settings=Settings(home=tmp_path / "home"), night=at.night)
    lines = (PROJECT / "configs" / "cities" / "sample" / "written_posts.jsonl").read_text("utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines[:200]]
    copies = [(f"{n:03}-{copy}", text) for n, text in enumerate(texts) for copy in range(3)]
    put_posts(night, *({"post": post, "text": text, "author": f"by {post}", "language": "en"} for post, text in copies))
    # when the night is classified
    classify(night)
    # then copies of a post always share its labels and its rumour
    labels = table(night, "labels").with_columns(original=pl.col("post").str.head(3))
    assert labels.group_by("original").agg(pl.col("rumour").n_unique())["rumour"].max() == 1
    joined = table(night, "rumour_posts").with_columns(original=pl.col("post").str.head(3))
    assert joined.height >= 30
    assert joined.group_by("original").agg(pl.col("rumour").n_unique())["rumour"].max() == 1
    # and a rumour with three voices has words to be known by
    heard = table(night, "rumours").filter(pl.col("voices") >= 3)
    assert (heard["terms"].list.len() > 0).all()
