"""The audit sample: deterministic, stratified, no author twice too often, and inclusion probabilities that are true."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadInput
from barometer.estimate.audit.draw import STRATA, allocate, draw_audit, with_confidence_band


def posts(n: int = 400, *, authors: int = 200, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "post": [f"p{i:05d}" for i in range(n)],
            "author": [f"a{i}" for i in rng.integers(0, authors, n)],
            "area_group": rng.choice(["north", "south", "middle"], n, p=[0.6, 0.3, 0.1]),
            "language": rng.choice(["en", "ur"], n, p=[0.9, 0.1]),
            "label": rng.choice(["none", "distrust"], n, p=[0.8, 0.2]),
            "confidence_band": rng.choice(["low", "high"], n),
            "text": "masked",
        }
    )


def one_stratum(n: int, *, authors: int) -> pl.DataFrame:
    return posts(n, authors=authors).with_columns(pl.lit("x").alias(name) for name in STRATA)


class TestDraw:
    @given(st.integers(1, 500), st.integers(0, 10**6), st.integers(1, 4))
    def test_size_authors_and_probabilities(self, size: int, seed: int, per_author: int) -> None:
        drawn = draw_audit(posts(), size=size, seed=seed, posts_per_author=per_author)
        assert drawn.height <= size
        assert drawn["post"].n_unique() == drawn.height
        assert drawn.group_by("author").len()["len"].max() <= per_author
        assert drawn["inclusion"].is_between(0, 1, closed="right").all()

    @given(st.integers(0, 10**6))
    def test_the_same_seed_draws_the_same_whatever_the_order(self, seed: int) -> None:
        frame = posts()
        shuffled = frame.sample(fraction=1, shuffle=True, seed=seed)
        assert draw_audit(shuffled, size=60, seed=seed).equals(draw_audit(frame, size=60, seed=seed))

    def test_another_seed_draws_others(self) -> None:
        one, other = (set(draw_audit(posts(), size=60, seed=seed)["post"]) for seed in (1, 2))
        assert len(one & other) < 40

    def test_every_stratum_is_audited_twice_where_it_can(self) -> None:
        frame = posts()
        drawn = draw_audit(frame, size=80, seed=3, posts_per_author=50)
        there = frame.group_by(STRATA).len()
        found = drawn.group_by(STRATA).len("drawn")
        both = there.join(found, on=STRATA, how="left").with_columns(pl.col("drawn").fill_null(0))
        assert both.filter(pl.col("drawn") < pl.min_horizontal("len", 2)).is_empty()

    def test_columns_come_along_and_the_stratum_is_named(self) -> None:
        frame = posts()
        drawn = draw_audit(frame, size=10, seed=1)
        assert drawn.columns == [*frame.columns, "stratum", "inclusion"]
        row = drawn.row(0, named=True)
        assert row["stratum"] == " | ".join(row[name] for name in STRATA)

    def test_a_gap_is_a_stratum_of_its_own(self) -> None:
        unplaced = posts().with_columns(area_group=pl.when(pl.col("area_group") != "middle").then("area_group"))
        drawn = draw_audit(unplaced, size=60, seed=1)
        assert drawn["stratum"].str.starts_with("none | ").any()

    def test_all_there_is_is_drawn_for_certain(self) -> None:
        frame = posts(30, authors=10_000)
        drawn = draw_audit(frame, size=1000, seed=1)
        assert drawn.height == 30
        assert (drawn["inclusion"] == 1).all()

    def test_no_post_no_audit(self) -> None:
        assert draw_audit(posts().clear(), size=10, seed=1).is_empty()


class TestInclusion:
    def test_weighting_by_it_gives_back_the_whole(self) -> None:
        # given a label rare in one stratum and common in another, over many seeds
        frame = posts(600, authors=300, seed=4)
        totals = []
        for seed in range(80):
            drawn = draw_audit(frame, size=90, seed=seed)
            weight = 1 / pl.col("inclusion")
            totals.append(
                drawn.select(weight.sum(), weight.filter(pl.col("label") == "distrust").sum().alias("d")).row(0)
            )
        wanted = (600, frame.filter(pl.col("label") == "distrust").height)
        assert np.mean(totals, axis=0) == pytest.approx(wanted, rel=0.03)

    def test_how_often_a_post_is_drawn_is_its_probability(self) -> None:
        frame = one_stratum(40, authors=12)
        often, stated = dict.fromkeys(frame["post"], 0), {}
        for seed in range(300):
            drawn = draw_audit(frame, size=8, seed=seed, posts_per_author=1)
            stated |= dict(drawn.select("post", "inclusion").iter_rows())
            for post in drawn["post"]:
                often[post] += 1
        rates = np.array([often[post] / 300 for post in stated])
        assert rates == pytest.approx(np.array(list(stated.values())), abs=0.1)
        assert np.corrcoef(rates, list(stated.values()))[0, 1] > 0.9

    def test_a_loud_author_is_less_likely_post_by_post(self) -> None:
        frame = one_stratum(100, authors=10_000).with_columns(
            author=pl.when(pl.int_range(pl.len()) < 50).then(pl.lit("loud")).otherwise("author")
        )
        drawn = draw_audit(frame, size=30, seed=1, posts_per_author=2)
        loud, quiet = (drawn.filter((pl.col("author") == "loud") == is_loud)["inclusion"] for is_loud in (True, False))
        assert loud.len() <= 2
        assert quiet[0] == pytest.approx(30 / 52)
        assert loud.is_empty() or loud[0] == pytest.approx(2 / 50 * 30 / 52)


class TestAllocation:
    @given(st.lists(st.integers(1, 500), min_size=1, max_size=30), st.integers(1, 2000))
    def test_it_uses_what_there_is_and_no_more(self, sizes: list[int], total: int) -> None:
        given_out = allocate(np.array(sizes), total)
        assert (given_out <= sizes).all()
        assert given_out.sum() == min(total, sum(sizes))
        if total >= 2 * len(sizes):
            assert (given_out >= np.minimum(sizes, 2)).all()

    def test_by_the_root_of_the_size(self) -> None:
        assert allocate(np.array([100, 400, 900]), 60).tolist() == [10, 20, 30]

    def test_between_equal_and_proportional(self) -> None:
        small, large = allocate(np.array([100, 900]), 100)
        assert 10 < small < 50 < large < 90

    def test_too_few_to_go_round(self) -> None:
        assert allocate(np.array([5, 100, 50, 1]), 2).tolist() == [0, 1, 1, 0]

    def test_no_strata(self) -> None:
        assert allocate(np.array([], dtype=int), 10).tolist() == []


class TestBands:
    @pytest.mark.parametrize(
        ("p", "band"), [(0.0, "low"), (0.599, "low"), (0.6, "middle"), (0.9, "high"), (1.0, "high")]
    )
    def test_ends_of_bands(self, p: float, band: str) -> None:
        assert with_confidence_band(pl.DataFrame({"p": [p]}), confidence="p")["confidence_band"].item() == band


class TestRefusals:
    @pytest.mark.parametrize(
        ("frame", "options", "words"),
        [
            (posts().drop("language"), {}, "column language is missing"),
            (posts().drop("author"), {}, "column author is missing"),
            (pl.concat([posts(), posts().head(1)]), {}, "a post occurs twice"),
            (posts(), {"size": 0}, "1 or more"),
            (posts(), {"posts_per_author": 0}, "1 or more"),
            (posts(), {"strata": ()}, "1 or more"),
        ],
    )
    def test_what_cannot_be_drawn_from(self, frame: pl.DataFrame, options: dict[str, Any], words: str) -> None:
        with pytest.raises(BadInput, match=words):
            draw_audit(frame, **({"size": 10, "seed": 1} | options))
