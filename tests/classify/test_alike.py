"""How alike two claims are: context, time and place, and any embedder in the place of the city's words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from barometer.classify.alike import CONTEXT_POSTS, RECENT_DAYS, Surroundings, alikeness, look_around
from barometer.classify.embed import Closeness
from tests.classify.made import NOON

MAP = Closeness(["A", "B", "C"], [("A", "B"), ("B", "C")])


def said(*posts: tuple[str, int, str | None]) -> pl.DataFrame:
    """Posts of (text, day, area)."""
    return pl.DataFrame(
        {
            "post": [f"p{number:03}" for number in range(len(posts))],
            "text": [text for text, _, _ in posts],
            "created_at": [NOON + timedelta(days=day) for _, day, _ in posts],
            "area": pl.Series([area for _, _, area in posts], dtype=pl.String),
        }
    )


class Directions:
    """An embedder by table: the first letter of a text says where it points."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        known = {"x": (1.0, 0.0), "y": (0.0, 1.0), "m": (0.6, 0.8)}
        return np.array([known.get(text[:1], (0.0, 0.0)) for text in texts], dtype=np.float32).reshape(-1, 2)


def around(*posts: tuple[str, int, str | None]) -> Surroundings:
    return look_around(said(*posts), MAP, embedder=Directions())


def around_nothing() -> Surroundings:
    return look_around(
        said().with_columns(pl.col("created_at").cast(pl.Datetime("us", "UTC"))), MAP, embedder=Directions()
    )


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (("x", 0, "A"), 1.0),
        (("m", 0, "A"), 0.6**0.25),
        (("y", 0, "A"), 0.0),
        (("x", 10, "A"), np.exp(-10 / RECENT_DAYS / 2)),
        (("x", 0, "B"), MAP.matrix[0, 1] ** 0.5),
        (("x", 0, None), MAP.matrix[0, 3] ** 0.5),
    ],
)
def test_alikeness_is_the_formula(other: tuple[str, int, str | None], expected: float) -> None:
    found = alikeness(around_nothing().read(said(("x", 0, "A"), other)), MAP)
    assert found[0, 1] == pytest.approx(expected, abs=1e-6)
    assert found[0, 1] == found[1, 0]


def test_posts_of_one_street_and_day_that_share_no_word_are_not_alike() -> None:
    posts = said(("library flats", 0, "A"), ("library flats", 0, "A"), ("water lead", 0, "A"), ("water lead", 0, "A"))
    here = look_around(posts, MAP)
    assert alikeness(here.read(posts), MAP)[0, 2] == 0.0


def test_posts_around_two_claims_make_them_alike() -> None:
    # given two claims without a word in common, and posts of their time and place that use the words of both
    claims = said(("library flats", 0, "A"), ("branch apartments", 1, "A"))
    bridge = [("library branch flats apartments", 0, "A")] * 2
    alone = look_around(said(*[("library flats", 0, "A"), ("branch apartments", 1, "A")] * 2), MAP)
    bridged = look_around(said(*bridge, *[("library flats", 0, "A"), ("branch apartments", 1, "A")] * 2), MAP)
    # then they are alike through those posts only
    assert alikeness(alone.read(claims), MAP)[0, 1] == 0.0
    assert alikeness(bridged.read(claims), MAP)[0, 1] > 0.3


def test_a_context_far_off_in_time_or_place_weighs_less() -> None:
    # given a claim between two directions, a post that points one way nearby, and one the other way at some distance
    def pull(day: int, area: str) -> float:
        here = around(("x", 0, "A"), ("y", day, area))
        return float(here.read(said(("m", 0, "A"))).context[0, 1])

    assert pull(0, "A") > pull(30, "A")
    assert pull(0, "A") > pull(0, "C")


def test_only_the_most_alike_posts_are_context() -> None:
    # given more posts that say the same than are asked for, and others
    here = around(*[("x", 0, "A")] * CONTEXT_POSTS, *[("m", 0, "A")] * 40)
    context = here.read(said(("x", 0, "A"))).context
    assert context[0].tolist() == pytest.approx([1.0, 0.0])


def test_many_claims_are_read_as_one_by_one() -> None:
    here = around(("x", 0, "A"), ("y", 3, "B"), ("m", 5, "C"))
    many = said(*[("xym"[n % 3], n % 7, "ABC"[n % 3]) for n in range(1_100)])
    together = here.read(many).context
    assert np.allclose(together[1_050], here.read(many[1_050]).context[0])


def test_a_text_that_says_nothing_is_alike_to_nothing() -> None:
    found = alikeness(around_nothing().read(said(("", 0, "A"), ("", 0, "A"))), MAP)
    assert found[0, 1] == 0.0
