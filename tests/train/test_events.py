"""Posts find their event by their text, so that no event is on both sides of a split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.train.data import training_posts
from barometer.train.events import UNKNOWN, event_at, event_of_text, event_spans, plain, with_events
from tests.train.made import a_post, frame

DAY = 24 * 3600 * 1000 << 22
FLOOD, FIRE = 500 * DAY, 700 * DAY


def tweet(event: str, thread: int, text: str, **more: Any) -> str:
    return json.dumps({"event": event, "thread": str(thread), "kind": "reply", "data": {"text": text, **more}})


def write_threads(folder: Path) -> Path:
    """Two events of known name, and a test split without names."""
    target = folder / "posts" / "rumoureval2017"
    target.mkdir(parents=True)
    structure = json.dumps({"event": "flood", "thread": "1", "kind": "structure", "data": {"1": []}})
    known = [tweet("flood", FLOOD, "The dam broke @jo https://x.example/1"), structure, tweet("fire", FIRE, "Smoke!")]
    hidden = [tweet("test", FLOOD + DAY, "Water in the street"), tweet("test", 900 * DAY, "A king was seen")]
    (target / "train.jsonl").write_text("\n".join(known), encoding="utf-8")
    (target / "test.jsonl").write_text("\n".join(hidden), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The dam broke @jo https://x.example/1", "the dam broke user http"),
        ("THE DAM, broke... @user http", "the dam broke user http"),
        ("a &amp; b", "a b"),
        ("", ""),
    ],
)
def test_masked_and_raw_copies_of_a_text_are_equal(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_a_post_gets_the_event_of_its_thread(tmp_path: Path) -> None:
    events = event_of_text(write_threads(tmp_path) / "posts" / "rumoureval2017")
    assert events["the dam broke user http"] == "rumoureval2017:flood"
    assert events["smoke"] == "rumoureval2017:fire"


def test_a_thread_of_the_test_split_is_placed_by_its_time(tmp_path: Path) -> None:
    events = event_of_text(write_threads(tmp_path) / "posts" / "rumoureval2017")
    # a day after the flood is the flood; years after is an event of its own
    assert events["water in the street"] == "rumoureval2017:flood"
    assert events["a king was seen"] == f"rumoureval2017:{900 * DAY}"


def test_stories_are_filled_for_rumoureval_and_named_for_the_sample(tmp_path: Path) -> None:
    posts = frame(
        a_post(1, source="rumoureval2017", text="Smoke!"),
        a_post(2, source="rumoureval2017", text="nobody knows this one"),
        a_post(3, source="sample_city", story="fire"),
        a_post(4, source="semeval", text="Smoke!"),
    )
    found = with_events(posts, write_threads(tmp_path))["story"].to_list()
    # all posts of unknown event are held to be of one, so that they never straddle
    assert found == ["rumoureval2017:fire", UNKNOWN, "sample_city:fire", None]


def test_without_the_threads_every_rumoureval_post_is_of_one_unknown_event(tmp_path: Path) -> None:
    posts = frame(a_post(1, source="rumoureval2017"), a_post(2, source="rumoureval2017"))
    assert with_events(posts, tmp_path)["story"].to_list() == [UNKNOWN, UNKNOWN]


def test_spans_reach_from_the_first_to_the_last_thread() -> None:
    assert event_spans(iter([("a", 5), ("b", 9), ("a", 2), ("a", 7)])) == {"a": (2, 7), "b": (9, 9)}


@given(st.integers(0, 2**62))
def test_every_thread_has_an_event_and_near_threads_share_it(thread: int) -> None:
    spans = {"flood": (FLOOD, FLOOD + DAY)}
    expected = "flood" if FLOOD - 4 * DAY <= thread <= FLOOD + 5 * DAY else str(thread)
    assert event_at(thread, spans) == expected


def test_most_real_rumoureval_posts_find_their_event(shared_data: Path) -> None:
    posts = with_events(training_posts(shared_data, None), shared_data).filter(source="rumoureval2017")
    known = posts.filter(posts["story"] != UNKNOWN)
    # 452 posts, 383 found by text; the named events of the task are among them
    assert (posts.height, known.height) == (452, 383)
    assert {"rumoureval2017:ferguson", "rumoureval2017:sydneysiege"} <= set(known["story"])
