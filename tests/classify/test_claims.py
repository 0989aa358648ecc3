"""Which posts carry the same claim: near copies together, other claims apart, whatever the order."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.claims import MEMBERS, join_claims, rumour_id, shared_terms, words_of_claims
from barometer.settings import PROJECT
from tests.classify.made import NOON

LIBRARY = (
    "They say the library on Mill Lane will close and be sold for flats",
    "RT the library on Mill Lane will close, sold for flats!! http",
    "@user no, the library on Mill Lane will not close or be sold for flats",
)
WATER = (
    "Apparently the tap water round Beckside is contaminated with lead",
    "tap water in Beckside contaminated, lead pipes, dont drink",
)
BACKGROUND = (
    *LIBRARY,
    *WATER,
    "Lovely evening on the moor with the dogs",
    "Market on Saturday has the good cheese again",
    "Is the bus on Mill Lane late for everybody or just me",
    "Drink more water they said, so I had a second tea",
)
WORDS = words_of_claims(BACKGROUND)


def posts(texts: Sequence[str], *, start: int = 0, **more: list[str]) -> pl.DataFrame:
    """Posts p<start>, … one an hour."""
    rows = range(start, start + len(texts))
    times = [NOON + timedelta(hours=row) for row in rows]
    return pl.DataFrame({"post": [f"p{row}" for row in rows], "created_at": times, "text": list(texts), **more})


NOTHING_KNOWN = posts(["x"]).with_columns(rumour=pl.lit("r")).clear()


def grouped(joined: pl.DataFrame) -> set[frozenset[str]]:
    """The groups as sets of posts, whatever their ids."""
    return {frozenset(part["post"]) for part in joined.partition_by("rumour")}


def test_retellings_of_a_claim_join_and_another_claim_stays_apart() -> None:
    joined = join_claims(NOTHING_KNOWN, posts([*LIBRARY, *WATER]), words=WORDS)
    assert grouped(joined) == {frozenset({"p0", "p1", "p2"}), frozenset({"p3", "p4"})}


def test_the_post_that_begins_a_rumour_gives_its_id_and_is_wholly_like_it() -> None:
    joined = join_claims(NOTHING_KNOWN, posts(LIBRARY), words=WORDS)
    assert joined["rumour"].unique().to_list() == [rumour_id("p0")]
    assert joined["similarity"][0] == 1.0
    assert 0 < joined["similarity"][1] < 1


def test_an_id_does_not_show_the_post() -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", rumour_id("p0"))
    assert rumour_id("p0") != rumour_id("p1")


def test_a_fresh_post_joins_a_rumour_of_an_earlier_night() -> None:
    known = posts(LIBRARY[:1], rumour=["old-rumour"])
    joined = join_claims(known, posts([LIBRARY[1], WATER[0]], start=5), words=WORDS)
    assert joined["rumour"].to_list() == ["old-rumour", rumour_id("p6")]


def test_of_two_rumours_the_more_alike_is_joined() -> None:
    known = posts([WATER[0], LIBRARY[0]], rumour=["water", "library"])
    joined = join_claims(known, posts([LIBRARY[2]], start=5), words=WORDS)
    assert joined["rumour"].to_list() == ["library"]


def test_the_older_of_two_equally_alike_rumours_is_joined() -> None:
    known = posts([LIBRARY[0], LIBRARY[0]], rumour=["z-older", "a-newer"])
    joined = join_claims(known, posts([LIBRARY[0]], start=5), words=WORDS)
    assert joined["rumour"].to_list() == ["z-older"]


def test_similarity_is_the_cosine_to_the_mean_of_the_group() -> None:
    # given a rumour of two posts, and a third
    known = posts(LIBRARY[:2], rumour=["r", "r"])
    joined = join_claims(known, posts(LIBRARY[2:], start=5), words=WORDS)
    # then the similarity is that of the formula, worked out on its own
    one, two, three = (WORDS.transform([text]).toarray()[0] for text in LIBRARY)
    mean = one + two
    expected = float(mean @ three / (mean @ mean) ** 0.5)
    assert joined["similarity"][0] == pytest.approx(expected)


def test_joining_one_by_one_is_joining_all_at_once() -> None:
    # given a night's posts, and the same posts over five nights
    everything = posts([*LIBRARY, *WATER])
    at_once = join_claims(NOTHING_KNOWN, everything, words=WORDS)
    known = NOTHING_KNOWN
    for row in range(everything.height):
        joined = join_claims(known, everything[row], words=WORDS)
        known = pl.concat([known, everything[row].with_columns(rumour=joined["rumour"])])
    # then rumours and ids are the same
    assert known["rumour"].to_list() == at_once["rumour"].to_list()


def test_a_post_without_a_known_word_begins_a_rumour_of_its_own() -> None:
    joined = join_claims(NOTHING_KNOWN, posts(["😂😂", "the and of", "😂😂"]), words=WORDS)
    assert joined["rumour"].n_unique() == 3


def test_masks_do_not_make_posts_alike() -> None:
    # given two claims that share a link, an account and a masked name only
    shared = "http @user [name] [email] "
    joined = join_claims(NOTHING_KNOWN, posts([shared + WATER[0], shared + LIBRARY[0]]), words=WORDS)
    assert joined["rumour"].n_unique() == 2


def test_no_posts_are_no_rumours() -> None:
    joined = join_claims(NOTHING_KNOWN, posts([]).cast(dict(NOTHING_KNOWN.drop("rumour").schema)), words=WORDS)
    assert joined.height == 0
    assert dict(joined.schema) == MEMBERS


def test_words_can_be_counted_where_there_are_none() -> None:
    assert words_of_claims([]).transform([""]).shape[0] == 1


@given(st.permutations(range(5)), st.permutations(range(4)))
def test_the_order_of_rows_does_not_matter(fresh_order: list[int], known_order: list[int]) -> None:
    known = posts(BACKGROUND[5:9], rumour=["a", "b", "a", "c"])
    fresh = posts([*LIBRARY, *WATER], start=10)
    expected = join_claims(known, fresh, words=WORDS)
    found = join_claims(known[known_order], fresh[fresh_order], words=WORDS)
    assert found.equals(expected)


@given(st.lists(st.sampled_from([*BACKGROUND, "", "unheard-of"]), min_size=1, max_size=9), st.floats(0.01, 1.0))
def test_every_post_joins_exactly_one_rumour_begun_by_a_post_before_it(texts: list[str], threshold: float) -> None:
    joined = join_claims(NOTHING_KNOWN, posts(texts), words=WORDS, threshold=threshold)
    begun = {rumour_id(post): place for place, post in enumerate(joined["post"])}
    assert joined.height == len(texts)
    assert all(begun[rumour] <= place for place, rumour in enumerate(joined["rumour"]))
    assert joined["similarity"].is_between(threshold - 1e-9, 1.0).all()


@given(st.lists(st.sampled_from(BACKGROUND), min_size=2, max_size=8))
def test_a_higher_threshold_never_makes_fewer_rumours_of_two_posts(texts: list[str]) -> None:
    pair = posts(texts[:2])
    counts = [
        join_claims(NOTHING_KNOWN, pair, words=WORDS, threshold=threshold)["rumour"].n_unique()
        for threshold in (0.01, 0.22, 0.6, 0.99)
    ]
    assert all(low <= high for low, high in pairwise(counts))


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


def sample_claims() -> pl.DataFrame:
    """Rumours and corrections of the sample city's written posts."""
    lines = (PROJECT / "configs" / "cities" / "sample" / "written_posts.jsonl").read_text("utf-8").splitlines()
    return pl.DataFrame([json.loads(line) for line in lines], infer_schema_length=None)


def test_groups_of_the_sample_city_can_be_believed() -> None:
    # given the rumours of the sample city, whose writer told every story in other words each time
    everything = sample_claims()
    claims = everything.filter(pl.col("rumour") != "none")
    times = pl.Series([NOON + timedelta(days=day) for day in claims["day"]])
    fresh = claims.select(post="id", created_at=times, text="text")
    joined = join_claims(NOTHING_KNOWN, fresh, words=words_of_claims(everything["text"].to_list()))
    # when pairs that were put together are looked at
    told = joined.join(claims.select(post="id", story="story"), on="post")
    pairs = told.join(told, on="rumour").filter(pl.col("post") < pl.col("post_right"))
    # then most of them are of one story, or of none that is named
    same = pairs.filter(pl.col("story").eq_missing(pl.col("story_right")))
    assert pairs.height >= 10
    assert same.height / pairs.height > 0.75


def test_copies_of_the_sample_citys_posts_find_their_originals() -> None:
    # given every rumour twice, the second time as people pass things on
    claims = sample_claims().filter((pl.col("rumour") != "none") & (pl.col("text").str.len_chars() > 60))[:80]
    copies = [f"PLEASE SHARE {text} @user http" for text in claims["text"]]
    texts = [*claims["text"], *copies]
    joined = join_claims(NOTHING_KNOWN, posts(texts), words=words_of_claims(texts))
    # then nearly every copy is with its original
    half = claims.height
    together = (joined["rumour"][:half] == joined["rumour"][half:]).sum()
    assert together / half > 0.95
