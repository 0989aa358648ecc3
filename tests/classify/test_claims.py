"""The words of claims: what they are counted by, which may be shown, and an id that tells no post."""

from __future__ import annotations

import re

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.claims import rumour_id, shared_terms, words_of_claims

LIBRARY = (
    "They say the library on Mill Lane will close and be sold for flats",
    "RT the library on Mill Lane will close, sold for flats!! http",
    "@user no, the library on Mill Lane will not close or be sold for flats",
)
BACKGROUND = (
    *LIBRARY,
    "Apparently the tap water round Beckside is contaminated with lead",
    "tap water in Beckside contaminated, lead pipes, dont drink",
    "Lovely evening on the moor with the dogs",
    "Market on Saturday has the good cheese again",
    "Is the bus on Mill Lane late for everybody or just me",
    "Drink more water they said, so I had a second tea",
)
WORDS = words_of_claims(BACKGROUND)


def test_an_id_does_not_show_the_post() -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", rumour_id("p0"))
    assert rumour_id("p0") != rumour_id("p1")


def likeness(one: str, other: str) -> float:
    first, second = WORDS.transform([one, other]).toarray()
    return float(first @ second)


def test_a_retelling_has_the_words_of_its_claim_and_another_claim_has_not() -> None:
    assert likeness(LIBRARY[0], LIBRARY[1]) > 0.5 > 0.1 > likeness(LIBRARY[0], BACKGROUND[3])


def test_masks_and_stop_words_do_not_make_posts_alike() -> None:
    shared = "http @user [name] [email] the and of "
    assert likeness(shared + "water contaminated", shared + "library close") == 0.0


@given(st.sampled_from(BACKGROUND), st.sampled_from(("PLEASE SHARE {} @user http", "{}!!", "  {}  ")))
def test_a_copy_that_is_passed_on_has_the_words_of_its_original(text: str, passed_on: str) -> None:
    assert likeness(text, passed_on.format(text)) > 0.8


def test_words_can_be_counted_where_there_are_none() -> None:
    assert words_of_claims([]).transform([""]).shape[0] == 1


def authored(*pairs: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema=["author", "text"], orient="row")


def test_terms_are_those_of_three_authors_and_no_others() -> None:
    said = authored(
        ("ann", "library close flats"), ("bob", "library close secret"), ("cat", "library secret"), ("dan", "library")
    )
    words = words_of_claims([*BACKGROUND, "secret close library"])
    assert shared_terms(said, words, least_voices=3, most=5) == ["library"]
    assert set(shared_terms(said, words, least_voices=2, most=5)) == {"library", "close", "secret"}


def test_one_author_who_repeats_a_word_is_one_voice() -> None:
    said = authored(*[("ann", "library library")] * 5)
    assert shared_terms(said, WORDS, least_voices=2, most=5) == []


def test_terms_come_by_voices_and_rarity_and_are_cut() -> None:
    said = authored(*((author, "library water close") for author in "abc"), ("d", "library"))
    terms = shared_terms(said, WORDS, least_voices=3, most=2)
    assert len(terms) == 2
    assert terms[0] == "library"


def test_words_outside_the_window_are_not_terms() -> None:
    said = authored(*((author, "zeppelin") for author in "abcd"))
    assert shared_terms(said, WORDS, least_voices=3, most=5) == []
