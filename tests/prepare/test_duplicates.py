"""Copies: exact, near, in a window, whatever the order of the rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.prepare.duplicates import (
    LEAST_WORDS,
    WINDOW_DAYS,
    jaccard,
    mark_duplicates,
    normalised,
    window,
)
from barometer.prepare.privacy import CityDoor
from barometer.tables import UTC_TIME

START = datetime(2026, 5, 1, tzinfo=UTC)
SCHEMA = {"post": pl.String(), "created_at": UTC_TIME, "text": pl.String(), "repost_of": pl.String()}
LONG = "the council is going to close our library on the first of june"
NEAR = "the council is going to close our library on the first of july"
OTHER = "lovely bluebells in the woods this morning and not a soul about"
# Words from a small vocabulary, so that near copies are common.
TEXTS = st.lists(
    st.sampled_from(["bins", "council", "library", "closed", "again", "today", "street", "rumour", "cat"]), max_size=9
)


def posts(*texts: str, days: list[float] | None = None, **columns: Any) -> pl.DataFrame:
    """Posts p00, p01, … with these texts, one hour apart unless `days` says when."""
    times = [START + timedelta(days=day) for day in days or [i / 24 for i in range(len(texts))]]
    names = [f"p{i:02d}" for i in range(len(texts))]
    frame = pl.DataFrame({"post": names, "created_at": times, "text": list(texts), "repost_of": None} | columns)
    return frame.cast(SCHEMA)  # type: ignore[arg-type]


def groups(
    door: CityDoor, new: pl.DataFrame, earlier: pl.DataFrame | None = None, similarity: float = 0.8
) -> list[str]:
    """Group of each post of `new`."""
    known = window_of(door, earlier) if earlier is not None else window(posts("x").clear().lazy(), new.clear())
    return mark_duplicates(new, known, similarity=similarity, pseudonyms=door)["duplicate_group"].to_list()


def window_of(door: CityDoor, earlier: pl.DataFrame) -> pl.DataFrame:
    """Posts of an earlier night as they stand in the lake: with their own groups."""
    empty = window(earlier.lazy(), earlier.clear())
    marked = mark_duplicates(earlier, empty, similarity=0.8, pseudonyms=door)
    return earlier.hstack(marked).select(empty.columns)


def same(found: list[str]) -> list[int]:
    """Groups as numbers, in order of first appearance."""
    return [found.index(group) for group in found]


def test_the_same_words_are_the_same_text_whatever_the_case_and_punctuation(door: CityDoor) -> None:
    assert same(groups(door, posts(LONG, LONG.upper() + "!!!", f"RT @user: {LONG}", OTHER))) == [0, 0, 0, 3]


def test_near_copies_share_a_group_and_others_do_not(door: CityDoor) -> None:
    assert same(groups(door, posts(LONG, NEAR, OTHER))) == [0, 0, 2]


def test_a_group_is_the_keyed_hash_of_its_first_text(door: CityDoor) -> None:
    expected = door.pseudonym("duplicate", normalised(LONG))
    assert groups(door, posts(LONG, NEAR)) == [expected, expected]


@pytest.mark.parametrize(("similarity", "expected"), [(0.8, [0, 0]), (0.84, [0, 1]), (1.0, [0, 1])])
def test_the_threshold_decides_at_its_boundary(door: CityDoor, similarity: float, expected: list[int]) -> None:
    # given two texts of 10 words of which 9 are shared: 9 / 11 = .818
    texts = ["a b c d e f g h i j", "a b c d e f g h i k"]
    assert jaccard(*(frozenset(text.split()) for text in texts)) == pytest.approx(9 / 11)
    assert same(groups(door, posts(*texts), similarity=similarity)) == expected


def test_similarity_exactly_at_the_threshold_counts(door: CityDoor) -> None:
    # 4 of 5 words: .8
    assert same(groups(door, posts("a b c d e", "a b c d"), similarity=0.8))[0] == 0
    assert same(groups(door, posts("a b c d e f g h i", "a b c d e f g h i j"), similarity=0.9)) == [0, 0]


def test_short_texts_are_copies_only_when_they_are_the_same(door: CityDoor) -> None:
    short = ["thank you all", "Thank you, all!", "thank you", "thank you all so"]
    assert all(len(text.split()) < LEAST_WORDS for text in short)
    assert same(groups(door, posts(*short))) == [0, 0, 2, 3]


@pytest.mark.parametrize("text", ["", "   ", "😂", "!!!"])
def test_texts_without_words_are_copies_of_nothing(door: CityDoor, text: str) -> None:
    assert same(groups(door, posts(text, text, text))) == [0, 1, 2]


def test_a_chain_of_small_changes_is_not_one_group(door: CityDoor) -> None:
    # given three texts of which the last is like the second but not like the first
    texts = ["a b c d e f g h i j", "a b c d e f g h i k", "a b c d e f g h l k"]
    assert same(groups(door, posts(*texts), similarity=0.8)) == [0, 0, 2]


def test_a_copy_joins_the_most_similar_first_post(door: CityDoor) -> None:
    first, second = "a b c d e f g h i j k l", "a b c d e f g h m n o p"
    copy = "a b c d e f g h m n o l"
    assert same(groups(door, posts(first, second, copy), similarity=0.7)) == [0, 1, 1]


def test_copies_are_found_in_earlier_nights(door: CityDoor) -> None:
    earlier = posts(LONG, OTHER)
    later = posts(NEAR, LONG, days=[2, 2]).with_columns(post=pl.Series(["q0", "q1"]))
    assert groups(door, later, earlier) == [door.pseudonym("duplicate", normalised(LONG))] * 2


@pytest.mark.parametrize(("days", "expected"), [(WINDOW_DAYS, [0, 0]), (WINDOW_DAYS + 0.01, [0, 1])])
def test_the_window_ends_after_its_days(door: CityDoor, days: float, expected: list[int]) -> None:
    assert same(groups(door, posts(LONG, NEAR, days=[0, days]))) == expected


@pytest.mark.parametrize(("days", "rows"), [(WINDOW_DAYS, 1), (WINDOW_DAYS + 1, 0)])
def test_only_the_window_is_read(days: int, rows: int) -> None:
    earlier = posts(LONG).with_columns(duplicate_group=pl.lit("g")).lazy()
    assert window(earlier, posts(NEAR, days=[days])).height == rows
    assert window(earlier, posts(NEAR, days=[days]).clear()).height == 0


def test_when_the_first_post_is_removed_exact_copies_still_find_each_other(door: CityDoor) -> None:
    # given a night in which a post was copied, and whose first post has been removed since
    survivors = window_of(door, posts(LONG, LONG)).filter(pl.col("post") != "p00")
    later = posts(NEAR, days=[1]).with_columns(post=pl.lit("q0"))
    found = mark_duplicates(later, survivors, similarity=0.8, pseudonyms=door)
    # then a later copy joins the group by the copy that is left
    assert found["duplicate_group"].to_list() == survivors["duplicate_group"].to_list()


def test_reposts_are_marked_by_the_platforms_word_or_by_their_beginning(door: CityDoor) -> None:
    new = posts(
        LONG, f"RT @user: {LONG}", "rt@user: hello there", "art @user show", LONG, repost_of=[None] * 4 + ["p00"]
    )
    marked = mark_duplicates(new, window_of(door, new).clear(), similarity=0.8, pseudonyms=door)
    assert marked["is_repost"].to_list() == [False, True, True, False, True]


@given(texts=st.lists(TEXTS.map(" ".join), max_size=8), data=st.data())
def test_the_order_of_rows_changes_nothing(door: CityDoor, texts: list[str], data: st.DataObject) -> None:
    new = posts(*texts)
    order = data.draw(st.permutations(range(len(texts))))
    shuffled = groups(door, new[list(order)]) if texts else []
    assert [groups(door, new)[i] for i in order] == shuffled


@given(
    one=st.frozensets(st.integers(0, 12).map(str), min_size=LEAST_WORDS),
    other=st.frozensets(st.integers(0, 12).map(str), min_size=LEAST_WORDS),
    similarity=st.sampled_from([0.3, 0.5, 0.6, 0.75, 0.8, 0.9, 1.0]),
)
def test_no_pair_above_the_threshold_is_missed_and_none_below_it_taken(
    door: CityDoor, one: frozenset[str], other: frozenset[str], similarity: float
) -> None:
    found = groups(door, posts(" ".join(sorted(one)), " ".join(sorted(other))), similarity=similarity)
    assert (found[0] == found[1]) == (jaccard(one, other) >= similarity)


@given(texts=st.lists(TEXTS.map(" ".join), min_size=1, max_size=8))
def test_equal_texts_always_share_a_group(door: CityDoor, texts: list[str]) -> None:
    found = groups(door, posts(*texts, *texts))
    pairs = zip(texts, found[: len(texts)], found[len(texts) :], strict=True)
    assert all(one == other for text, one, other in pairs if normalised(text))


@given(st.text(max_size=60))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    plain = normalised(text)
    assert normalised(plain) == plain


def test_two_empty_sets_are_alike() -> None:
    assert jaccard(frozenset(), frozenset()) == 1.0
    assert jaccard(frozenset("a"), frozenset()) == 0.0
