"""Voices: once an author, area, day and label; heavy authors capped; worth what Meng's assumption leaves."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadInput
from barometer.estimate.posts import estimate_posts
from barometer.estimate.prevalence import Voices, uncorrected_share
from barometer.estimate.voices import (
    HEAVY_AUTHOR_DAYS,
    author_days,
    authors,
    effective_voices,
    said_once,
    voice_shares,
    voice_weights,
)
from barometer.indicators import WHOLE_CITY
from tests.estimate.made import BLOCK_START, INDICATORS, at_noon, labelled, one, periods_of
from tests.estimate.made import post as full_post
from tests.towns import make_testville

DAY = date(2026, 5, 4)
GROUP = ("area",)


def post(number: int, author: str, *, day: int = 0, said: bool = False, **values: Any) -> dict[str, Any]:
    on = DAY + timedelta(days=day)
    plain = {"post": f"p{number:04d}", "author": author, "area": "T1", "day": on, "created_at": at_noon(on)}
    return plain | {"duplicate_group": f"d{number:04d}", "said": said} | values


def shares(posts: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    days = author_days(pl.DataFrame(posts), flags=["said"], group=GROUP)
    return one(voice_shares(authors(days, flags=["said"], group=GROUP, **options), flag="said", group=GROUP), area="T1")


# Any posts: author, day, whether it bears the label, and which text it is.
def from_rows(rows: list[tuple[int, int, bool, int]]) -> list[dict[str, Any]]:
    return [
        post(number, f"a{author}", day=day, said=said, duplicate_group=f"{text}")
        for number, (author, day, said, text) in enumerate(rows)
    ]


SOME_POSTS = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 11), st.booleans(), st.integers(0, 40)), min_size=1, max_size=60
).map(from_rows)


class TestOnce:
    def test_many_posts_of_a_day_are_one_voice(self) -> None:
        loud = [post(10 + i, "loud", said=True) for i in range(30)]
        assert shares([*(post(i, f"a{i}") for i in range(9)), *loud])["value"] == pytest.approx(0.1)

    def test_a_day_bears_each_label_if_any_post_of_it_does(self) -> None:
        two = [post(1, "a", said=True) | {"other": False}, post(2, "a") | {"other": True}]
        days = author_days(pl.DataFrame(two), flags=["said", "other"], group=GROUP)
        assert days.height == 1
        assert days.select("said", "other").row(0) == (True, True)

    def test_the_same_words_again_are_not_said_again(self) -> None:
        again = [post(i, "a", day=i, duplicate_group="same", said=i > 0) for i in range(3)]
        assert said_once(pl.DataFrame(again), group=GROUP)["post"].to_list() == ["p0000"]

    def test_the_same_words_elsewhere_or_by_another_are(self) -> None:
        elsewhere = [post(1, "a", duplicate_group="same"), post(2, "a", area="T2", duplicate_group="same")]
        another = post(3, "b", duplicate_group="same")
        assert said_once(pl.DataFrame([*elsewhere, another]), group=GROUP).height == 3

    @given(SOME_POSTS, st.integers(0, 2**32 - 1))
    def test_order_does_not_matter(self, posts: list[dict[str, Any]], seed: int) -> None:
        frame = pl.DataFrame(posts)
        shuffled = frame.sample(fraction=1, shuffle=True, seed=seed)
        assert author_days(shuffled, flags=["said"], group=GROUP).equals(
            author_days(frame, flags=["said"], group=GROUP)
        )


class TestCap:
    def test_at_the_boundary(self) -> None:
        for days, weight in ((HEAVY_AUTHOR_DAYS, 5.0), (HEAVY_AUTHOR_DAYS + 1, 5.0), (HEAVY_AUTHOR_DAYS - 1, 4.0)):
            heard = author_days(pl.DataFrame([post(i, "a", day=i) for i in range(days)]), flags=["said"], group=GROUP)
            assert authors(heard, flags=["said"], group=GROUP)["weight"].to_list() == [weight]

    def test_a_heavy_author_keeps_their_proportions(self) -> None:
        # given one of twenty days with the label on half of them, and five others of a day
        heavy = [post(i, "heavy", day=i, said=i % 2 == 0) for i in range(20)]
        others = [post(100 + i, f"a{i}") for i in range(5)]
        found = shares([*heavy, *others])
        assert found["value"] == pytest.approx(2.5 / 10)
        assert found["authors"] == 6
        assert found["alike_n"] == pytest.approx(100 / 30)

    @given(SOME_POSTS, st.integers(1, 5))
    def test_no_author_moves_a_place_by_more_than_the_cap(self, posts: list[dict[str, Any]], cap: int) -> None:
        without = [row for row in posts if row["author"] != "a0"]
        if not without:
            return
        before, after = shares(without, most_days=cap), shares(posts, most_days=cap)
        heard = len({row["author"] for row in without})
        assert abs(after["value"] - before["value"]) <= cap / (cap + heard) + 1e-9

    @given(SOME_POSTS)
    def test_shares_and_sizes_are_possible(self, posts: list[dict[str, Any]]) -> None:
        found = shares(posts)
        assert 0 <= found["value"] <= 1
        assert 1 - 1e-9 <= found["alike_n"] <= found["authors"] + 1e-9


class TestWeightsOfPosts:
    @given(SOME_POSTS, st.integers(1, 5))
    def test_an_authors_posts_add_up_to_their_capped_days(self, posts: list[dict[str, Any]], cap: int) -> None:
        frame = pl.DataFrame(posts)
        weighed = voice_weights(frame, group=GROUP, most_days=cap).group_by("author").agg(pl.col("voice_weight").sum())
        people = authors(author_days(frame, flags=["said"], group=GROUP), flags=["said"], group=GROUP, most_days=cap)
        both = weighed.join(people, on="author")
        assert both.height == people.height
        assert both["voice_weight"].to_numpy() == pytest.approx(both["weight"].to_numpy())

    @given(SOME_POSTS)
    def test_where_each_day_has_one_post_it_is_the_share_of_voices(self, posts: list[dict[str, Any]]) -> None:
        single = list({(row["author"], row["day"]): row | {"duplicate_group": row["post"]} for row in posts}.values())
        weighed = voice_weights(pl.DataFrame(single), group=GROUP)
        mean = np.average(weighed["said"].to_numpy().astype(float), weights=weighed["voice_weight"].to_numpy())
        assert mean == pytest.approx(shares(single)["value"])

    def test_a_day_of_several_posts_bears_a_label_in_part(self) -> None:
        weighed = voice_weights(pl.DataFrame([post(1, "a", said=True), post(2, "a"), post(3, "b")]), group=GROUP)
        assert weighed.sort("post")["voice_weight"].to_list() == [0.5, 0.5, 1.0]


class TestSameAsThePosts:
    def test_the_shares_are_those_the_nightly_run_publishes(self, tmp_path: Path) -> None:
        # given a town's posts, loud and heavy authors among them
        rng = np.random.default_rng(8)
        made = [
            full_post(
                i,
                f"a{rng.integers(0, 25)}",
                day=BLOCK_START + timedelta(days=int(rng.integers(0, 28))),
                duplicate_group=f"d{rng.integers(0, 120)}",
                **({"trust": "distrust", "target": "media"} if rng.random() < 0.3 else {}),
            )
            for i in range(200)
        ]
        name = "posts_distrust_share"
        city = make_testville(tmp_path)
        cells = estimate_posts(labelled(*made), city=city, indicators=[INDICATORS[name]], periods=periods_of(name))
        published = one(cells.found, geography=WHOLE_CITY, indicator=name)
        frame = labelled(*made).with_columns(said=pl.col("trust") == "distrust", area=pl.lit("city"))
        people = authors(author_days(frame, flags=["said"], group=GROUP), flags=["said"], group=GROUP)
        ours = one(voice_shares(people, flag="said", group=GROUP), area="city")
        assert (ours["value"], ours["authors"]) == (pytest.approx(published["value"]), published["n"])
        adults = city.neighbourhoods.select(pl.coalesce("adults", "population").sum()).item()
        worth = effective_voices(
            people["weight"].to_numpy(),
            population=adults,
            defect_correlation=city.thresholds.meng_defect_correlation,
        )
        assert worth.effective_n == pytest.approx(published["effective_n"])


class TestEffective:
    def test_mengs_formula(self) -> None:
        found = effective_voices(np.ones(200), population=10_000, defect_correlation=0.05)
        assert found.effective_n == pytest.approx(0.02 / 0.98 / 0.05**2)
        assert (found.authors, found.alike_n, found.defect_correlation) == (200, 200, 0.05)

    def test_mengs_own_figure(self) -> None:
        # Meng (2018), abstract: 1 % of the US electorate (about 2,300,000 people) at rho = 0.005 are worth about 400.
        found = effective_voices(np.ones(2_315_570), population=231_557_000, defect_correlation=0.005)
        assert found.effective_n == pytest.approx(404, abs=1)

    @given(st.lists(st.floats(0.1, 5), min_size=1, max_size=50), st.floats(0.001, 1), st.floats(100, 1e6))
    def test_never_more_than_the_voices_and_less_the_more_is_assumed(
        self, weights: list[float], rho: float, population: float
    ) -> None:
        found = effective_voices(np.array(weights), population=population, defect_correlation=rho)
        more = effective_voices(np.array(weights), population=population, defect_correlation=min(rho * 2, 1))
        assert 0 < found.effective_n <= found.alike_n + 1e-9 <= found.authors + 1e-6
        assert more.effective_n <= found.effective_n

    def test_everybody_spoke(self) -> None:
        assert effective_voices(np.ones(100), population=100, defect_correlation=0.05).effective_n == 100

    def test_an_unknown_population_is_worth_nothing(self) -> None:
        found = effective_voices(np.ones(100), population=np.inf, defect_correlation=0.05)
        assert found.effective_n == 0
        assert "unknown population" in found.in_words()

    def test_the_assumption_is_printed_beside_the_number(self) -> None:
        words = effective_voices(np.ones(200), population=10_000, defect_correlation=0.05).in_words()
        assert words == (
            "200 voices of 10000 people, assuming a data-defect correlation of 0.05 (Meng 2018): "
            "worth 8.2 people drawn at random."
        )

    def test_it_is_what_a_shares_interval_rests_on(self) -> None:
        worth = effective_voices(np.ones(200), population=10_000, defect_correlation=0.05)
        said = np.repeat([1.0, 0.0], 100)
        wide = uncorrected_share(Voices(said, np.ones(200), worth.effective_n), reason="for comparison")
        narrow = uncorrected_share(Voices(said, np.ones(200), worth.alike_n), reason="for comparison")
        assert wide.upper - wide.lower > 3 * (narrow.upper - narrow.lower)

    @pytest.mark.parametrize(
        ("weight", "population", "rho", "words"),
        [
            ([1.0], 10, 0.0, "defect_correlation: is 0"),
            ([1.0], 10, 1.5, "defect_correlation: is 1.5"),
            ([], 10, 0.1, "need authors"),
            ([0.0, 0.0], 10, 0.1, "not all 0"),
            ([-1.0, 2.0], 10, 0.1, "0 or more"),
            ([1.0], 0, 0.1, "population above 0"),
            ([1.0], np.nan, 0.1, "population above 0"),
        ],
    )
    def test_what_cannot_be_is_refused(self, weight: list[float], population: float, rho: float, words: str) -> None:
        with pytest.raises(BadInput, match=words):
            effective_voices(np.array(weight), population=population, defect_correlation=rho)
