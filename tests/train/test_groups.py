"""What belongs together stays together: near copies, stories and authors, on one side of every split."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadInput
from barometer.train.data import SILVER, training_posts
from barometer.train.events import with_events
from barometer.train.groups import FOLDS, Split, groups, near_copies, split
from tests.train.made import a_data_folder, a_post, frame

SAID = "the council will close the library on mill lane next week and nobody was asked"


@pytest.mark.parametrize(
    ("other", "is_copy"),
    [
        (SAID, True),
        (f"RT @someone {SAID} https://x.example", True),
        (SAID.upper() + "!!!", True),
        (SAID.replace("next week", "tomorrow"), True),
        ("the council will open a library on high street and everybody was asked", False),
        ("", False),
    ],
)
def test_a_text_that_shares_half_of_its_words_and_pairs_is_a_copy(other: str, is_copy: bool) -> None:
    assert near_copies([SAID, other]) == ([(0, 1)] if is_copy else [])


def test_empty_texts_are_copies_of_each_other_and_do_no_harm() -> None:
    assert near_copies(["", "!!", SAID]) == [(0, 1)]


def test_copies_are_found_across_the_blocks_that_are_compared_at_once() -> None:
    texts = [f"word{n}a word{n}b word{n}c" for n in range(1_500)] + ["word3a word3b word3c"]
    assert near_copies(texts) == [(3, 1_500)]


def same_group(**values: Any) -> bool:
    """Whether a post of plain words and one with `values` and other words are of one group."""
    first = a_post(1, author="ann", story="fair", text="one two three")
    member = groups(frame(first, a_post(2, text="four five six", author="bob", story="flood") | values))
    return bool(member[0] == member[1])


def test_one_author_one_story_or_a_near_copy_make_a_group() -> None:
    assert not same_group()
    assert same_group(author="ann")
    assert same_group(story="fair")
    assert same_group(text="one two three!")


def test_unknown_authors_and_stories_make_no_group() -> None:
    posts = frame(a_post(1, text="one two three"), a_post(2, text="four five six"))
    assert len(set(groups(posts))) == 2


def test_groups_chain() -> None:
    # given a copy of a post whose author also wrote about a story
    posts = frame(
        a_post(1, text="one two three"),
        a_post(2, text="one two three", author="ann"),
        a_post(3, text="seven eight nine", author="ann", story="fair"),
        a_post(4, text="ten eleven twelve", story="fair"),
        a_post(5, text="quite another matter"),
    )
    member = groups(posts).tolist()
    assert len(set(member[:4])) == 1
    assert member[4] != member[0]


def assert_nothing_straddles(posts: pl.DataFrame, parts: Split) -> None:
    member = groups(posts)
    for learn, test in [(parts.learn, parts.held_out), *parts.folds]:
        for column in ("author", "story"):
            shared = set(posts[column][learn].drop_nulls()) & set(posts[column][test].drop_nulls())
            assert not shared, f"{column} {shared} straddle"
        assert not set(member[learn]) & set(member[test])


def test_no_author_story_or_copy_straddles_any_border(tmp_path: Path) -> None:
    posts = training_posts(*a_data_folder(tmp_path))
    assert_nothing_straddles(posts, split(posts, seed=1))


def test_the_folds_share_out_what_is_learnt_from(tmp_path: Path) -> None:
    posts = training_posts(*a_data_folder(tmp_path))
    parts = split(posts, seed=1)
    assert len(parts.folds) == FOLDS
    tested = np.concatenate([test for _, test in parts.folds])
    assert sorted(tested) == sorted(parts.learn)
    assert all(sorted(np.concatenate(fold)) == sorted(parts.learn) for fold in parts.folds)


def test_held_out_posts_are_the_same_for_every_seed_and_never_silver(tmp_path: Path) -> None:
    posts = training_posts(*a_data_folder(tmp_path))
    one, two = split(posts, seed=1), split(posts, seed=2)
    assert one.held_out.tolist() == two.held_out.tolist()
    assert any(a[1].tolist() != b[1].tolist() for a, b in zip(one.folds, two.folds, strict=True))
    assert SILVER not in set(posts["set"][one.held_out])
    # about a fifth of the 300 gold and sample posts
    assert 40 <= len(one.held_out) <= 80


def test_the_same_seed_gives_the_same_folds(tmp_path: Path) -> None:
    posts = training_posts(*a_data_folder(tmp_path))
    one, two = split(posts, seed=3), split(posts, seed=3)
    assert [test.tolist() for _, test in one.folds] == [test.tolist() for _, test in two.folds]


def test_silver_copies_of_held_out_posts_are_left_out_of_training(tmp_path: Path) -> None:
    # given a silver copy of every gold post
    gold = [a_post(n, id=f"g{n}") for n in range(60)]
    silver = [post | {"id": f"s{post['id']}", "set": SILVER} for post in gold]
    posts = frame(*gold, *silver)
    parts = split(posts, seed=1)
    # then copies of the held-out ones are in neither part
    used = set(parts.learn) | set(parts.held_out)
    copies = {row + 60 for row in parts.held_out}
    assert copies
    assert not copies & used


def test_too_few_posts_are_told_and_not_split() -> None:
    with pytest.raises(BadInput, match="fewer than 20 groups; add more posts"):
        split(frame(*(a_post(n) for n in range(19))), seed=1)


@given(st.lists(st.tuples(st.sampled_from("abc.."), st.sampled_from("xyz..")), min_size=2, max_size=8))
def test_sharing_an_author_or_a_story_always_means_sharing_a_group(ties: list[tuple[str, str]]) -> None:
    posts = frame(
        *(
            a_post(n, text=f"{'abcdefgh'[n]}{n} only", author=a.strip(".") or None, story=s.strip(".") or None)
            for n, (a, s) in enumerate(ties)
        )
    )
    member = groups(posts)
    for one, two in combinations(range(len(ties)), 2):
        shared = any(ties[one][k] == ties[two][k] != "." for k in (0, 1))
        assert not shared or member[one] == member[two]


def test_nothing_straddles_in_the_real_sets(shared_data: Path) -> None:
    posts = with_events(training_posts(shared_data, None), shared_data)
    assert_nothing_straddles(posts, split(posts, seed=2026))
