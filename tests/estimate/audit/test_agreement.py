"""Krippendorff's alpha: his own worked examples, properties, and an interval that covers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadInput
from barometer.estimate.audit.agreement import agreement_of, alpha_of_counts

# Reliability data, one string a coder, a dot where the unit was not coded.
BINARY = ("0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0")
NOMINAL = ("a a b b d c c c e d d a", "b a b b b c c c e d d d")
FOUR_CODERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
THREE_CODERS = (
    ". . . . . 3 4 1 2 1 1 3 3 . 3",
    "1 . 2 1 3 3 4 3 . . . . . . .",
    ". . 2 1 3 4 4 . 2 1 1 3 3 . 4",
)


def judged(coders: tuple[str, ...], head: str = "trust") -> pl.DataFrame:
    rows = [
        (f"p{unit:02d}", f"c{coder}", head, value)
        for coder, line in enumerate(coders)
        for unit, value in enumerate(line.split())
        if value != "."
    ]
    return pl.DataFrame(rows, schema=["post", "labeller", "head", "label"], orient="row")


class TestPublishedExamples:
    @pytest.mark.parametrize(
        ("coders", "alpha", "units"),
        [
            # Krippendorff (2011), Computing Krippendorff's alpha-reliability, examples A, B and C, as printed there.
            pytest.param(BINARY, 0.095, 10, id="A: binary, two observers"),
            pytest.param(NOMINAL, 0.692, 12, id="B: nominal, two observers"),
            pytest.param(FOUR_CODERS, 0.743, 11, id="C: nominal, four observers, gaps"),
            # Wikipedia, "Krippendorff's alpha", a computational example.
            pytest.param(THREE_CODERS, 0.691, 12, id="three coders, gaps"),
        ],
    )
    def test_alpha_as_printed(self, coders: tuple[str, ...], alpha: float, units: int) -> None:
        found = agreement_of(judged(coders), head="trust")
        assert round(found.alpha, 3) == alpha
        assert (found.n_units, found.n_labellers) == (units, len(coders))
        assert found.lower <= found.alpha <= found.upper


class TestProperties:
    @given(st.permutations(range(4)), st.permutations("12345"))
    def test_names_of_labellers_and_labels_do_not_matter(self, order: list[int], names: list[str]) -> None:
        turned = dict(zip("12345", names, strict=True))
        coders = tuple(" ".join(turned.get(value, value) for value in FOUR_CODERS[i].split()) for i in order)
        found, before = agreement_of(judged(coders), head="trust"), agreement_of(judged(FOUR_CODERS), head="trust")
        assert found.alpha == pytest.approx(before.alpha)

    @given(st.lists(st.sampled_from("abc"), min_size=3, max_size=60).filter(lambda line: len(set(line)) > 1))
    def test_full_agreement_is_one(self, line: list[str]) -> None:
        found = agreement_of(judged((" ".join(line),) * 2), head="trust")
        assert (found.alpha, found.lower, found.upper) == (1, 1, 1)

    def test_guessing_is_zero(self) -> None:
        rng = np.random.default_rng(0)
        found = agreement_of(judged(tuple(" ".join(rng.choice(["a", "b"], 1500)) for _ in range(2))), head="trust")
        assert found.alpha == pytest.approx(0, abs=0.06)

    def test_contradiction_is_below_zero(self) -> None:
        found = agreement_of(judged(("a b " * 20, "b a " * 20)), head="trust")
        assert found.alpha < -0.9

    @given(st.integers(0, 30))
    def test_posts_of_one_labeller_change_nothing(self, alone: int) -> None:
        more = judged((" ".join(". " for _ in range(12)) + "a " * alone,)).with_columns(pl.lit("c0").alias("labeller"))
        both = pl.concat([judged(NOMINAL), more.with_columns(pl.lit("x").add(pl.col("post")).alias("post"))])
        assert agreement_of(both, head="trust").alpha == agreement_of(judged(NOMINAL), head="trust").alpha

    def test_heads_are_apart(self) -> None:
        both = pl.concat([judged(NOMINAL), judged(BINARY, head="hostile")])
        assert round(agreement_of(both, head="trust").alpha, 3) == 0.692
        assert round(agreement_of(both, head="hostile").alpha, 3) == 0.095


class TestInterval:
    def test_the_same_seed_gives_the_same(self) -> None:
        one, same, other = (agreement_of(judged(NOMINAL), head="trust", seed=seed) for seed in (1, 1, 2))
        assert one == same
        assert one != other

    def test_it_covers_the_alpha_of_the_many(self) -> None:
        # given three labellers who see the true label of 70 % of posts and guess otherwise
        def counts(rng: np.random.Generator, n: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
            truth = rng.integers(0, 3, (n, 1))
            said = np.where(rng.random((n, 3)) < 0.7, truth, rng.integers(0, 3, (n, 3)))
            return (said[:, :, None] == np.arange(3)).sum(axis=1)

        # then two of them agree on 0.49 + 0.51 / 3 of all posts, and would on a third by chance
        whole = 1 - (1 - (0.49 + 0.51 / 3)) / (2 / 3)
        inside = []
        for seed in range(200):
            found = alpha_of_counts(counts(np.random.default_rng(1 + seed), 100), n_labellers=3)
            inside.append(found.lower <= whole <= found.upper)
        assert 0.9 <= np.mean(inside) <= 0.98


class TestUndefined:
    def test_nobody_labelled_the_same_post(self) -> None:
        found = agreement_of(judged(("a . b .", ". a . b")), head="trust")
        assert np.isnan(found.alpha)
        assert (found.n_units, found.reason) == (0, "no post was labelled by two people")

    def test_no_labels_at_all(self) -> None:
        assert np.isnan(agreement_of(judged(BINARY), head="rumour").alpha)

    def test_one_category_only(self) -> None:
        found = agreement_of(judged(("a a a", "a a a")), head="trust")
        assert np.isnan(found.alpha)
        assert found.reason.startswith("every label is the same")

    def test_a_labeller_who_judged_twice_is_refused(self) -> None:
        with pytest.raises(BadInput, match="judged the same post twice"):
            agreement_of(pl.concat([judged(BINARY), judged(BINARY).head(1)]), head="trust")
