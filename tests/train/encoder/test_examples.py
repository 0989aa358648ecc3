"""Posts as the network learns from them: codes, what is missing, and weights of classes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.linear import FITTED_CLASSES
from barometer.train.encoder.auxiliary import TASKS
from barometer.train.encoder.examples import (
    ALL_CLASSES,
    UNLABELLED,
    auxiliary,
    class_weights,
    codes_of,
    joined,
    labelled,
    unlabelled,
)
from tests.train.made import frame, many


def test_our_own_posts_carry_four_labels_and_no_auxiliary_one() -> None:
    posts = frame(*many(0, 12))
    examples = labelled(posts["text"].to_list(), posts)
    assert all((examples.labels[head] == UNLABELLED).all() for head in ALL_CLASSES if head not in FITTED_CLASSES)
    for head in ("trust", "rumour", "hostile"):
        assert [FITTED_CLASSES[head][code] for code in examples.labels[head]] == posts[head].to_list()


def test_a_post_without_trust_or_distrust_lacks_a_target() -> None:
    posts = frame(*many(0, 30))
    codes = labelled(posts["text"].to_list(), posts).labels["target"]
    assert ((codes == UNLABELLED) == (posts["trust"] == "none").to_numpy()).all()


def test_an_auxiliary_post_answers_its_own_task_only() -> None:
    first, second = TASKS[0], TASKS[1]
    posts = pl.DataFrame(
        {"task": [first.name, second.name], "text": ["a", "b"], "label": [first.classes[1], second.classes[0]]}
    )
    examples = auxiliary(["a", "b"], posts)
    assert examples.labels[f"aux_{first.name}"].tolist() == [1, UNLABELLED]
    assert examples.labels[f"aux_{second.name}"].tolist() == [UNLABELLED, 0]
    assert all((examples.labels[head] == UNLABELLED).all() for head in FITTED_CLASSES)


def test_parts_are_joined_in_order_and_taken_by_row() -> None:
    posts = frame(*many(0, 6))
    both = joined([labelled(posts["text"].to_list(), posts), unlabelled(["x", "y"])])
    assert len(both) == 8
    assert both.texts[-2:] == ("x", "y")
    picked = both.taken(np.array([7, 0]))
    assert picked.texts == ("y", posts["text"][0])
    assert picked.labels["trust"].tolist() == [UNLABELLED, both.labels["trust"][0]]


def test_a_teacher_speaks_for_posts_that_have_no_label() -> None:
    soft = {"hostile": np.array([[0.9, 0.1]], dtype=np.float32)}
    taught = unlabelled(["x"]).taught(soft)
    assert np.isnan(taught.soft["trust"]).all()
    assert np.allclose(taught.soft["hostile"], [[0.9, 0.1]])


def test_other_words_keep_their_labels() -> None:
    posts = frame(*many(0, 3))
    examples = labelled(posts["text"].to_list(), posts)
    reworded = examples.reworded(["a", "b", "c"])
    assert reworded.texts == ("a", "b", "c")
    assert reworded.labels is examples.labels


def test_what_is_no_class_has_no_code() -> None:
    assert codes_of(pl.Series(["b", "z", None, "a"]), ("a", "b")).tolist() == [1, UNLABELLED, UNLABELLED, 0]


@given(
    st.lists(st.integers(-1, 3), min_size=1, max_size=60).filter(lambda codes: max(codes) >= 0),
    st.floats(0, 1),
)
def test_weights_of_labelled_posts_are_one_on_average(codes: list[int], balance: float) -> None:
    array = np.array(codes)
    weights = class_weights(array, 4, balance=balance)
    assert weights[array[array >= 0]].mean() == pytest.approx(1.0, rel=1e-5)


@given(st.floats(0.1, 1))
def test_rarer_classes_weigh_more(balance: float) -> None:
    weights = class_weights(np.array([0] * 9 + [1] * 3 + [2]), 3, balance=balance)
    assert weights[0] < weights[1] < weights[2]


def test_without_balance_all_classes_weigh_the_same() -> None:
    assert class_weights(np.array([0, 0, 0, 1]), 2, balance=0.0).tolist() == [1.0, 1.0]


def test_full_balance_gives_every_class_the_same_total() -> None:
    weights = class_weights(np.array([0] * 8 + [1] * 2), 2, balance=1.0)
    assert weights[0] * 8 == pytest.approx(weights[1] * 2)


def test_a_head_nobody_labelled_has_harmless_weights() -> None:
    assert np.isfinite(class_weights(np.array([UNLABELLED]), 3, balance=0.5)).all()
