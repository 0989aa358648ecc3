"""A night's claims beside the rumours that live: joining, founding, merging, falling apart, and what a person ruled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify import gather as module
from barometer.classify.alike import look_around
from barometer.classify.claims import rumour_id, words_of_claims
from barometer.classify.embed import Closeness
from barometer.classify.gather import MOVES, gather
from barometer.classify.rulings import Rulings
from tests.classify.made import NOON

MAP = Closeness(["A", "B"], [("A", "B")])
LIBRARY = "library closing flats"
BRANCH = "branch shutting apartments"
BRIDGE = "library branch closing shutting flats apartments"
WATER = "tap water lead pipes"


def claims(*several: tuple[str, str], day: int = 0, area: str = "A") -> pl.DataFrame:
    """Claims of (post, text), an hour apart."""
    return pl.DataFrame(
        {
            "post": [post for post, _ in several],
            "created_at": [NOON + timedelta(days=day, hours=hour) for hour in range(len(several))],
            "text": [text for _, text in several],
            "area": [area] * len(several),
        }
    )


def known(rumours: str, frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` in rumours: one letter a post."""
    return frame.with_columns(rumour=pl.Series(list(rumours), dtype=pl.String))


NOTHING = known("x", claims(("x", "x"))).clear()


def gathered(
    before: pl.DataFrame, fresh: pl.DataFrame, *, rulings: Rulings = module.NO_RULINGS, **limits: float
) -> pl.DataFrame:
    everything = pl.concat([before.select(fresh.columns), fresh])
    around = replace(look_around(everything, MAP), **limits)
    words = words_of_claims(everything["text"].to_list())
    return gather(before, fresh, around=around, words=words, rulings=rulings)


def rumour_of(moves: pl.DataFrame) -> dict[str, str]:
    return dict(moves.select("post", "rumour").iter_rows())


def reason_of(moves: pl.DataFrame) -> dict[str, str]:
    return dict(moves.select("post", "reason").iter_rows())


def test_a_first_post_founds_and_a_second_joins() -> None:
    moves = gathered(NOTHING, claims(("a", LIBRARY), ("b", LIBRARY), ("c", WATER)))
    assert rumour_of(moves) == {"a": rumour_id("a"), "b": rumour_id("a"), "c": rumour_id("c")}
    assert reason_of(moves) == {"a": "founded", "b": "joined", "c": "founded"}
    assert moves["moved_from"].null_count() == 3


def test_a_post_joins_the_rumour_of_an_earlier_night() -> None:
    moves = gathered(known("L", claims(("a", LIBRARY))), claims(("b", LIBRARY), day=1))
    assert (rumour_of(moves), reason_of(moves)) == ({"b": "L"}, {"b": "joined"})


def test_similarity_is_one_alone_and_the_mean_alikeness_otherwise() -> None:
    moves = gathered(NOTHING, claims(("a", LIBRARY), ("b", LIBRARY), ("c", WATER)))
    similarity = dict(moves.select("post", "similarity").iter_rows())
    assert similarity["c"] == 1.0
    assert 0.9 < similarity["a"] == similarity["b"] <= 1.0


def test_a_post_between_two_rumours_merges_the_newer_into_the_older() -> None:
    # given two rumours that share no word, and a post that has the words of both
    before = known("LB", claims(("a", LIBRARY), ("b", BRANCH)))
    moves = gathered(before, claims(("c", BRIDGE), ("d", BRIDGE), day=1), merge=0.3)
    # then what was the newer rumour is part of the older, and the move is on record
    assert rumour_of(moves) == {"b": "L", "c": "L", "d": "L"}
    assert moves.filter(post="b").select("reason", "moved_from").rows() == [("merged", "B")]


def test_a_rumour_of_which_nothing_is_heard_stays_as_it_is() -> None:
    before = known("LM", claims(("a", LIBRARY), ("b", WATER)))
    moves = gathered(before, claims(("c", WATER), day=1))
    assert rumour_of(moves) == {"c": "M"}


def test_a_rumour_of_two_claims_falls_apart() -> None:
    before = known("LLLLL", claims(("a", LIBRARY), ("b", WATER), ("c", LIBRARY), ("d", WATER), ("e", LIBRARY)))
    moves = gathered(before, claims(("f", WATER), day=1))
    # then the smaller part leaves, under the id of its own first post, and a new post that joins it has joined
    assert rumour_of(moves) == dict.fromkeys(("b", "d", "f"), rumour_id("b"))
    assert reason_of(moves) == {"b": "split", "d": "split", "f": "joined"}
    assert set(moves.filter(pl.col("reason") == "split")["moved_from"]) == {"L"}


def test_a_post_moves_to_the_rumour_that_it_belongs_to() -> None:
    # given a post about the water among those about the library
    before = known("LLLWW", claims(("a", LIBRARY), ("b", LIBRARY), ("x", WATER), ("c", WATER), ("d", WATER)))
    moves = gathered(before, claims(("e", WATER), day=1))
    assert moves.filter(post="x").select("rumour", "reason", "moved_from").rows() == [("W", "moved", "L")]


@dataclass(frozen=True)
class AllAlike:
    """Every two claims are as alike."""

    merge: float
    stay: float

    def alike(self, claims: pl.DataFrame) -> np.ndarray:
        return np.full((claims.height, claims.height), 0.5)


def test_what_was_together_stays_together_on_evidence_that_would_not_bring_it_together() -> None:
    before, fresh = claims(("a", LIBRARY), ("b", WATER)), claims(("c", "bins weekly"), day=1)
    words = words_of_claims([LIBRARY])

    def rumours(letters: str, stay: float) -> dict[str, str]:
        return rumour_of(gather(known(letters, before), fresh, around=AllAlike(0.6, stay), words=words))

    # given two posts alike by somewhat less than what makes posts one: apart they stay apart, together together
    assert rumours("LB", 0.2) == {"c": rumour_id("c")}
    assert rumours("LL", 0.2) == {"c": rumour_id("c")}
    # and without any such habit they fall apart
    assert rumours("LL", 0.0) == {"b": rumour_id("b"), "c": rumour_id("c")}


def test_the_id_that_a_person_gave_words_to_outlives_a_larger_one() -> None:
    before = known("LLLB", claims(("a", LIBRARY), ("b", LIBRARY), ("c", LIBRARY), ("d", LIBRARY)))
    fresh = claims(("e", LIBRARY), day=1)
    assert set(rumour_of(gathered(before, fresh)).values()) == {"L"}
    ruled = Rulings({"B": "The library closes"}, {}, {}, {}, frozenset())
    assert rumour_of(gathered(before, fresh, rulings=ruled)) == dict.fromkeys("abce", "B")
    linked = Rulings({}, {}, {"B": ["library-2026"]}, {}, frozenset())
    assert rumour_of(gathered(before, fresh, rulings=linked)) == dict.fromkeys("abce", "B")


def test_rumours_that_a_person_put_into_different_words_are_not_made_one() -> None:
    # given a post between two rumours
    before, fresh = known("LB", claims(("a", LIBRARY), ("b", BRANCH))), claims(("c", BRIDGE), ("d", BRIDGE), day=1)
    named = {"L": "The library closes", "B": "The branch is sold"}
    assert len(set(rumour_of(gathered(before, fresh, merge=0.3)).values())) == 1
    apart = gathered(before, fresh, merge=0.3, rulings=Rulings(named, {}, {}, {}, frozenset()))
    # then each stays, and the new posts are with one of them
    assert "a" not in rumour_of(apart)
    assert "b" not in rumour_of(apart)
    assert set(rumour_of(apart).values()) <= {"L", "B"}
    # and the same words for both are one claim
    same = Rulings(dict.fromkeys("LB", "The library closes"), {}, {}, {}, frozenset())
    assert rumour_of(gathered(before, fresh, merge=0.3, rulings=same))["b"] == "L"


def test_a_part_that_leaves_never_takes_the_id_of_a_rumour_that_lives() -> None:
    # given a rumour that b once founded and has left, and which lives on
    own = rumour_id("b")
    before = pl.concat(
        [
            known("LLLLL", claims(("a", LIBRARY), ("b", WATER), ("c", LIBRARY), ("d", WATER), ("e", LIBRARY))),
            claims(("z", "bins weekly rounds")).with_columns(rumour=pl.lit(own)),
        ]
    )
    moves = gathered(before, claims(("f", WATER), day=1))
    assert rumour_of(moves)["b"] == rumour_id(own)


def test_what_a_person_took_out_is_never_grouped_with_that_rumour_again() -> None:
    before = known("LM", claims(("a", LIBRARY), ("b", LIBRARY)))
    ruled = Rulings({}, {}, {}, {}, frozenset({("b", "L")}))
    fresh = claims(("c", LIBRARY), day=1)
    assert rumour_of(gathered(before, fresh))["b"] == "L"
    assert "b" not in rumour_of(gathered(before, fresh, rulings=ruled))


def test_what_a_person_merged_does_not_fall_apart() -> None:
    before = known("LLLL", claims(("a", LIBRARY), ("b", WATER), ("c", LIBRARY), ("d", WATER)))
    ruled = Rulings({}, {}, {}, {"W": "L"}, frozenset())
    moves = gathered(before, claims(("e", WATER), day=1), rulings=ruled)
    assert rumour_of(moves) == {"e": "L"}


def test_rumours_heard_last_are_compared_and_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    # given room for one known claim only
    monkeypatch.setattr(module, "MOST_KNOWN_CLAIMS", 1)
    before = pl.concat([known("L", claims(("a", LIBRARY))), known("WW", claims(("b", WATER), ("c", WATER), day=2))])
    moves = gathered(before, claims(("d", LIBRARY), ("e", WATER), day=3))
    assert rumour_of(moves) == {"d": rumour_id("d"), "e": "W"}


NIGHTFUL = (("d", LIBRARY), ("e", WATER), ("f", LIBRARY), ("g", "bins weekly rounds"), ("h", "tap water lead"))


def test_a_night_with_many_posts_is_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = known("LW", claims(("a", LIBRARY), ("b", WATER)))
    fresh = claims(*NIGHTFUL, day=1)
    at_once = gathered(before, fresh)
    monkeypatch.setattr(module, "MOST_FRESH_CLAIMS", 2)
    parts = gathered(before, fresh)
    # then each post has one row, and is where it would have been
    assert rumour_of(parts) == rumour_of(at_once)
    assert reason_of(parts) == reason_of(at_once)
    assert parts["post"].to_list() == ["d", "e", "f", "g", "h"]
    assert parts.schema == at_once.schema


def test_what_moves_in_several_parts_of_a_night_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a post that the first part of a night takes out of its rumour, and three rumours that its parts make one
    monkeypatch.setattr(module, "MOST_FRESH_CLAIMS", 1)
    before = known("LBW", claims(("a", LIBRARY), ("b", BRANCH), ("c", WATER)))
    moves = gathered(before, claims(("d", BRIDGE), ("e", BRIDGE), ("f", BRIDGE + " " + WATER), day=1), merge=0.3)
    # then where it was before the night, and where it is after it, stand in one row
    assert moves["post"].is_unique().all()
    assert moves.filter(post="b").select("rumour", "reason", "moved_from").rows() == [("L", "merged", "B")]
    assert set(moves.filter(pl.col("moved_from").is_null())["post"]) == {"d", "e", "f"}


@given(
    st.lists(st.sampled_from((LIBRARY, BRANCH, WATER, "bins weekly rounds")), min_size=1, max_size=7), st.integers(1, 3)
)
def test_in_parts_or_not_every_fresh_post_is_told_once(texts: list[str], most: int) -> None:
    before = known("LW", claims(("a", LIBRARY), ("b", WATER)))
    fresh = claims(*((f"p{number}", text) for number, text in enumerate(texts)), day=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_FRESH_CLAIMS", most)
        moves = gathered(before, fresh)
    assert set(moves.filter(pl.col("moved_from").is_null())["post"]) == set(fresh["post"])
    assert moves["post"].is_unique().all()
    assert set(moves["reason"]) <= {"founded", "joined", "merged", "split", "moved"}


def test_no_fresh_posts_move_nothing() -> None:
    moves = gathered(known("L", claims(("a", LIBRARY))), claims(("b", LIBRARY)).clear())
    assert moves.height == 0
    assert dict(moves.schema) == MOVES


TEXTS = (LIBRARY, BRANCH, BRIDGE, WATER, "tap water fine", "bins weekly rounds", "")


@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=7), st.randoms(use_true_random=False))
def test_the_order_of_rows_has_no_say(texts: list[str], random: object) -> None:
    before = known("LWW", claims(("a", LIBRARY), ("b", WATER), ("c", "tap water fine")))
    fresh = claims(*((f"p{number}", text) for number, text in enumerate(texts)), day=1)
    order = list(range(len(texts)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert gathered(before[[2, 0, 1]], fresh[order]).equals(gathered(before, fresh))


@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=7))
def test_every_fresh_post_has_one_rumour_and_known_ones_only_move(texts: list[str]) -> None:
    before = known("LWW", claims(("a", LIBRARY), ("b", WATER), ("c", "tap water fine")))
    moves = gathered(before, claims(*((f"p{number}", text) for number, text in enumerate(texts)), day=1))
    assert sorted(post for post in moves["post"] if post.startswith("p")) == [f"p{n}" for n in range(len(texts))]
    assert moves["post"].is_unique().all()
    moved = moves.filter(pl.col("moved_from").is_not_null())
    assert (moved["rumour"] != moved["moved_from"]).all()
    assert moves["similarity"].is_between(0, 1).all()
