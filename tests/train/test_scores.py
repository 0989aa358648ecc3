"""Macro-F1 as others compute it, with intervals that know posts of one group are not independent."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from barometer.tables import LABEL_HEADS
from barometer.train.scores import bcubed, codes, confusion, f1_by_class, macro_f1, score, score_head

CLASSES = LABEL_HEADS["trust"]


def scored(truth: list[str], found: list[str], groups: list[int] | None = None, *, seed: int = 1) -> dict[str, object]:
    member = np.array(groups or range(len(truth)))
    return score_head(pl.Series(truth), pl.Series(found), member, head="trust", seed=seed)


@given(st.lists(st.tuples(st.sampled_from(range(3)), st.sampled_from(range(3))), min_size=1, max_size=40))
def test_f1_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, found = (np.array(part) for part in zip(*pairs, strict=True))
    counts = confusion(truth, found, 3)
    there = sorted(set(truth.tolist()))
    by_class = f1_score(truth, found, labels=there, average=None, zero_division=0)
    assert f1_by_class(counts)[there] == pytest.approx(by_class)
    assert float(macro_f1(counts)) == pytest.approx(by_class.mean())


def test_a_confusion_has_true_classes_in_rows() -> None:
    counts = confusion(np.array([0, 0, 2]), np.array([0, 1, 2]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_a_class_nobody_has_does_not_count_but_finding_it_costs_the_others() -> None:
    # given no post of trust, and one distrust taken for trust
    result = scored(["distrust", "distrust", "none"], ["trust", "distrust", "none"])
    # then trust is no zero in the mean
    assert result["macro_f1"] == pytest.approx((2 / 3 + 1) / 2, abs=1e-4)


def test_every_class_is_told_with_its_precision_recall_and_size() -> None:
    result = scored(["trust", "trust", "none", "none"], ["trust", "none", "none", "none"])
    assert result["classes"] == {
        "trust": {"f1": 0.6667, "precision": 1.0, "recall": 0.5, "posts": 2},
        "distrust": {"f1": None, "precision": None, "recall": None, "posts": 0},
        "none": {"f1": 0.8, "precision": 0.6667, "recall": 1.0, "posts": 2},
    }


def test_a_perfect_head_has_a_perfect_interval() -> None:
    truth = ["trust", "distrust", "none"] * 5
    result = scored(truth, truth)
    assert (result["macro_f1"], result["lower"], result["upper"]) == (1.0, 1.0, 1.0)


def test_the_interval_holds_the_estimate_and_narrows_with_posts() -> None:
    truth, found = ["trust", "distrust", "none", "none"], ["trust", "none", "none", "distrust"]
    small, large = scored(truth * 5, found * 5), scored(truth * 100, found * 100)
    for result in (small, large):
        assert result["lower"] <= result["macro_f1"] <= result["upper"]  # type: ignore[operator]
    assert large["upper"] - large["lower"] < small["upper"] - small["lower"]  # type: ignore[operator]


def test_posts_of_one_group_are_no_independent_evidence() -> None:
    # given the same 200 posts, by 200 authors or by ten
    truth, found = ["trust", "none"] * 100, ["trust", "none"] * 80 + ["none", "trust"] * 20
    alone = scored(truth, found)
    together = scored(truth, found, groups=[row // 20 for row in range(200)])
    # then the interval of the ten is wider
    assert together["macro_f1"] == alone["macro_f1"]
    assert together["upper"] - together["lower"] > 2 * (alone["upper"] - alone["lower"])  # type: ignore[operator]


def test_the_same_seed_gives_the_same_interval() -> None:
    truth, found = ["trust", "none", "none"] * 7, ["trust", "none", "trust"] * 7
    assert scored(truth, found, seed=4) == scored(truth, found, seed=4)


def test_codes_follow_the_order_of_the_classes() -> None:
    assert codes(pl.Series(["none", "trust", "distrust"]), CLASSES).tolist() == [2, 0, 1]
    assert codes(pl.Series([], dtype=pl.String), CLASSES).tolist() == []


def test_every_head_is_scored_over_all_by_set_and_by_source() -> None:
    plain = {"target": "none", "rumour": "none", "hostile": "no"}
    truth = pl.DataFrame(
        [
            {"set": "gold", "source": "a", "trust": "trust", **plain},
            {"set": "gold", "source": "b", "trust": "none", **plain},
            {"set": "silver", "source": "b", "trust": "none", **plain},
        ]
    )
    found = truth.with_columns(trust=pl.Series(["trust", "trust", "none"]))
    result = score(truth, found, np.arange(3), seed=1)
    assert set(result) == set(LABEL_HEADS)
    by_set = {name: (part["macro_f1"], part["posts"]) for name, part in result["trust"]["by_set"].items()}
    assert by_set == {"gold": (pytest.approx(1 / 3, abs=1e-4), 2), "silver": (1.0, 1)}
    assert {name: part["posts"] for name, part in result["hostile"]["by_source"].items()} == {"a": 1, "b": 2}


# The three true groups of Bagga and Baldwin's own example (1998), and the two answers they compare.
TRUE_GROUPS = "aaaaabbccccc"


@pytest.mark.parametrize(
    ("answer", "precision"), [("xxxxxyyyyyyy", 16 / 21), ("xxxxxyyxxxxx", 7 / 12)], ids=["response 1", "response 2"]
)
def test_bcubed_of_the_papers_example(answer: str, precision: float) -> None:
    found = bcubed(answer, TRUE_GROUPS, np.ones(12, dtype=bool))
    assert found == pytest.approx((precision, 1.0, 2 * precision / (1 + precision)))


def test_bcubed_of_every_post_alone_and_of_all_together() -> None:
    everyone = np.ones(12, dtype=bool)
    assert bcubed("abcdefghijkl", TRUE_GROUPS, everyone)[:2] == pytest.approx((1.0, 3 / 12))
    assert bcubed("x" * 12, TRUE_GROUPS, everyone)[:2] == pytest.approx(((25 + 4 + 25) / 144, 1.0))


def test_a_post_that_is_not_counted_still_costs_the_others_precision() -> None:
    counted = np.array([True, True, False])
    assert bcubed("xxx", "aab", counted)[:2] == pytest.approx((2 / 3, 1.0))
    assert bcubed("xxy", "aab", counted)[:2] == (1.0, 1.0)


PARTITIONS = st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("abc")), min_size=1, max_size=20)


@given(PARTITIONS)
def test_bcubed_turns_about_and_is_one_for_the_truth(pairs: list[tuple[str, str]]) -> None:
    groups, truth = ([pair[side] for pair in pairs] for side in (0, 1))
    everyone = np.ones(len(pairs), dtype=bool)
    precision, recall, f1 = bcubed(groups, truth, everyone)
    # what is precision for the one is recall for the other
    assert bcubed(truth, groups, everyone) == pytest.approx((recall, precision, f1))
    assert bcubed(truth, truth, everyone) == (1.0, 1.0, 1.0)
    assert 0 < min(precision, recall) <= f1 + 1e-12
    assert f1 <= max(precision, recall) + 1e-12
