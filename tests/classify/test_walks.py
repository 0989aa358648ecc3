"""Claims of one story meet on the posts around them; place and time keep others apart; no order and no load matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.classify import walks as module
from barometer.classify.embed import Closeness
from barometer.classify.walks import Pairs, Walks, likelihood
from tests.classify.made import NOON

MAP = Closeness(["A", "B", "C"], [("A", "B"), ("B", "C")])
LIBRARY, BRANCH, WATER = "library flats", "branch apartments", "water lead"
# What stands around the first two, and has words of both.
BRIDGE = "library branch flats apartments"


def said(*posts: tuple[str, int, str | None], first: int = 0) -> pl.DataFrame:
    """Posts of (text, day, area)."""
    return pl.DataFrame(
        {
            "post": [f"p{number + first:04}" for number in range(len(posts))],
            "text": [text for text, _, _ in posts],
            "created_at": pl.Series(
                [NOON + timedelta(days=day) for _, day, _ in posts], dtype=pl.Datetime("us", "UTC")
            ),
            "area": pl.Series([area for _, _, area in posts], dtype=pl.String),
        }
    )


class Subjects:
    """An embedder by table: texts of reading, of water, and of neither; it counts what it reads."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.read.extend(texts)
        about = {"library": 0, "branch": 0, "water": 1}
        rows = np.full((len(texts), 3), 0.05, dtype=np.float32)
        for row, text in enumerate(texts):
            rows[row, next((at for word, at in about.items() if word in text), 2)] = 1.0
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def walks(posts: pl.DataFrame) -> Walks:
    return Walks(posts, MAP, Subjects())


def around(*claims: tuple[str, int, str | None], others: Sequence[tuple[str, int, str | None]] = ()) -> Pairs:
    """What is known of pairs of `claims` among `others`."""
    asked = said(*claims)
    return walks(pl.concat([asked, said(*others, first=len(claims))])).pairs(asked)


def test_claims_that_share_no_word_meet_on_the_posts_around_them() -> None:
    # given posts of one place and time about both, and as many about something else
    bridge = [(BRIDGE, 0, "A")] * 8 + [("water pipe lead", 0, "A")] * 8
    found = around((LIBRARY, 0, "A"), (BRANCH, 1, "A"), (WATER, 0, "A"), others=bridge).walks
    # then those two claims lead to the same posts, and the third leads elsewhere
    assert found[0, 1] > 0.5
    assert found[0, 2] < found[0, 1] / 3


def test_everything_is_as_near_one_way_as_the_other_and_nearest_to_itself() -> None:
    found = around((LIBRARY, 0, "A"), (BRANCH, 3, "B"), (WATER, 9, None), others=[(BRIDGE, 1, "A")] * 3)
    for values in (found.walks, found.places, found.days):
        assert np.allclose(values, values.T)
    assert np.allclose(np.diag(found.walks), 1.0)
    assert np.allclose(np.diag(found.days), 0.0)
    assert found.days[0, 2] == 9.0
    assert found.places[0, 1] == MAP.matrix[0, 1]


@pytest.mark.parametrize("worse", [{"walks": 0.1}, {"places": 0.0}, {"days": 30.0}])
def test_walks_place_and_time_each_speak_for_one_story(worse: dict[str, float]) -> None:
    usual = {"walks": 0.8, "places": 1.0, "days": 1.0}

    def told(values: dict[str, float]) -> float:
        return float(likelihood(Pairs(**{name: np.full((1, 1), value) for name, value in values.items()}))[0, 0])

    assert 0.0 < told(usual | worse) < told(usual) < 1.0


def test_posts_of_one_street_and_day_whose_walks_never_meet_are_not_alike() -> None:
    nothing = Pairs(walks=np.zeros((1, 1)), places=np.ones((1, 1)), days=np.zeros((1, 1)))
    assert likelihood(nothing)[0, 0] == 0.0
    assert around((LIBRARY, 0, "A"), (WATER, 0, "A")).walks[0, 1] == pytest.approx(0.0, abs=1e-9)


def test_in_a_young_city_a_post_has_few_neighbours() -> None:
    # given fewer posts than a post would have neighbours, of two subjects
    posts = [(LIBRARY, 0, "A"), (BRANCH, 0, "A"), (WATER, 0, "A"), ("water pipe", 0, "A")]
    found = around(*posts).walks
    # then each is led to its own subject only
    assert found[0, 1] > 0.5
    assert found[2, 3] > 0.5
    assert max(found[0, 2], found[0, 3], found[1, 2]) < 0.05


def test_neither_the_order_of_the_posts_nor_of_the_claims_matters() -> None:
    claims = said((LIBRARY, 0, "A"), (BRANCH, 1, "B"), (WATER, 0, "A"))
    others = said(*[(BRIDGE, 0, "A"), ("water pipe", 1, "C"), ("a walk", 2, None)] * 3, first=3)
    found = walks(pl.concat([claims, others])).alike(claims)
    again = walks(pl.concat([others, claims]).reverse()).alike(claims.reverse())
    assert np.allclose(found, again[::-1, ::-1])


def test_a_claim_that_no_post_is_like_is_alike_to_none() -> None:
    found = around((LIBRARY, 0, "A"), ("??", 0, "C")).walks
    assert found[1, 1] == pytest.approx(1.0)
    assert np.isfinite(found).all()


def test_one_claim_alone_is_a_pair_with_itself() -> None:
    assert around((LIBRARY, 0, "A")).walks.shape == (1, 1)


def test_each_distinct_text_is_read_once() -> None:
    posts = said(*[(LIBRARY, 0, "A")] * 5, (WATER, 0, "A"))
    here = walks(posts)
    here.alike(posts)
    assert here.embedder.read == [LIBRARY, WATER]


def test_of_too_many_posts_those_most_like_a_claim_are_walked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    # given more posts than there is room for, a few of them about the claims
    monkeypatch.setattr(module, "MOST_POSTS", 12)
    claims = said((LIBRARY, 0, "A"), (BRANCH, 1, "A"))
    others = said(*[("rain bus dog", 0, "C")] * 40, *[(BRIDGE, 0, "A")] * 6, first=2)
    here = walks(pl.concat([claims, others]))
    found = here.pairs(claims)
    # then those few are among them, and the claims still meet there
    assert found.walks[0, 1] > 0.5
    assert BRIDGE in here.embedder.read


def test_more_claims_than_room_are_all_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_POSTS", 3)
    claims = said(*[(LIBRARY, 0, "A"), (WATER, 0, "B")] * 3)
    found = walks(pl.concat([claims, said((BRIDGE, 0, "A"), first=6)])).alike(claims)
    assert found.shape == (6, 6)
    assert found[0, 2] > found[0, 1]


def test_limits_can_be_set_for_trying() -> None:
    assert replace(walks(said()), merge=0.9).merge == 0.9


POSTS = st.lists(
    st.tuples(
        st.sampled_from([LIBRARY, BRANCH, WATER, BRIDGE, "", "😀"]),
        st.integers(0, 20),
        st.sampled_from(["A", "C", None]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(POSTS, POSTS)
def test_a_likelihood_is_always_one(
    claims: list[tuple[str, int, str | None]], others: list[tuple[str, int, str | None]]
) -> None:
    asked = said(*claims)
    found = walks(pl.concat([asked, said(*others, first=len(claims))])).alike(asked)
    assert found.shape == (len(claims), len(claims))
    assert ((found >= 0.0) & (found <= 1.0)).all()
    assert np.allclose(found, found.T)
