"""Probabilities -> labels: trust and its target never contradict each other, whatever the model says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from barometer.classify.decide import (
    AIMED_CLASSES,
    LABEL_COLUMNS,
    PROBABILITY_COLUMNS,
    Floats,
    coherent_target,
    decide,
)
from barometer.tables import LABEL_HEADS, TABLES, TARGET_CLASSES
from tests.classify.made import probability_sums

NO_OFFSETS = {head: np.zeros(len(values)) for head, values in LABEL_HEADS.items()}


def simplexes(classes: int, rows: int = 4) -> st.SearchStrategy[Floats]:
    """`rows` probability vectors over `classes`."""
    weights = hnp.arrays(np.float64, (rows, classes), elements=st.floats(0.001, 1.0))
    return weights.map(lambda w: w / w.sum(axis=1, keepdims=True))


def all_heads(trust: Floats, aimed: Floats, rumour: Floats, hostile: Floats) -> dict[str, Floats]:
    return {"trust": trust, "target": coherent_target(trust, aimed), "rumour": rumour, "hostile": hostile}


def one_post(**heads: list[float]) -> dict[str, Floats]:
    """One post's probabilities; a head that is not given is even."""
    even = {"trust": 3, "target": 8, "rumour": 3, "hostile": 2}
    arrays = {head: np.array([heads.get(head, [1 / n] * n)]) for head, n in even.items()}
    return all_heads(arrays["trust"], arrays["target"], arrays["rumour"], arrays["hostile"])


def aimed(name: str, probability: float) -> list[float]:
    """P(target | not none) with `probability` on one class and the rest shared out."""
    rest = (1 - probability) / (len(AIMED_CLASSES) - 1)
    return [probability if value == name else rest for value in AIMED_CLASSES]


def test_the_target_follows_from_trust_and_the_conditional_target() -> None:
    # given a post with distrust at 0.6, trust at 0.1, and health at 0.8 if there is either
    target = coherent_target(np.array([[0.1, 0.6, 0.3]]), np.array([aimed("health", 0.8)]))
    # then none of the target is none of the trust, and health is 0.7 x 0.8
    found = dict(zip(TARGET_CLASSES, target[0], strict=True))
    assert found["none"] == pytest.approx(0.3)
    assert found["health"] == pytest.approx(0.56)
    assert sum(found.values()) == pytest.approx(1)


def test_a_post_without_trust_has_no_target_however_clear_the_target() -> None:
    frame = decide(one_post(trust=[0.2, 0.2, 0.6], target=aimed("media", 0.99)), NO_OFFSETS)
    assert frame.select("trust", "target").row(0) == ("none", "none")


def test_a_post_with_trust_has_a_target_however_unclear() -> None:
    # given trust just ahead of none: no single target is likelier than none
    frame = decide(one_post(trust=[0.4, 0.25, 0.35], target=aimed("people", 0.2)), NO_OFFSETS)
    # then the likeliest target other than none is taken
    assert frame["target_none"][0] > frame["target_people"][0]
    assert frame.select("trust", "target").row(0) == ("trust", "people")


def test_offsets_move_a_decision_but_no_probability() -> None:
    # given a post that is a rumour with 0.3
    post = one_post(rumour=[0.3, 0.1, 0.6])
    towards_rumours = NO_OFFSETS | {"rumour": np.array([1.0, 0.0, 0.0])}
    plain, moved = decide(post, NO_OFFSETS), decide(post, towards_rumours)
    # then only the decision differs
    assert (plain["rumour"][0], moved["rumour"][0]) == ("none", "rumour")
    assert plain.drop("rumour").equals(moved.drop("rumour"))


def test_the_columns_are_those_of_the_labels_table_in_its_order() -> None:
    frame = decide(one_post(), NO_OFFSETS)
    declared = [name for name in TABLES["labels"].schema if name in frame.columns]
    assert frame.columns == declared == [*LABEL_COLUMNS, *PROBABILITY_COLUMNS]
    assert all(frame.schema[name] == TABLES["labels"].schema[name] for name in frame.columns)


def test_no_posts_give_an_empty_frame_of_the_same_columns() -> None:
    nothing = {head: np.empty((0, len(values))) for head, values in LABEL_HEADS.items()}
    frame = decide(nothing, NO_OFFSETS)
    assert frame.height == 0
    assert frame.schema == decide(one_post(), NO_OFFSETS).schema


def test_a_head_of_the_wrong_width_is_refused_by_name() -> None:
    wrong = one_post() | {"hostile": np.array([[0.2, 0.3, 0.5]])}
    with pytest.raises(ValueError, match="head hostile: 3 probabilities for 2 classes"):
        decide(wrong, NO_OFFSETS)


@given(simplexes(3), simplexes(8), simplexes(3), simplexes(2), st.floats(-3, 3))
def test_labels_are_coherent_and_probabilities_sum_to_one(
    trust: Floats, target: Floats, rumour: Floats, hostile: Floats, offset: float
) -> None:
    # given any probabilities and a push towards trust
    offsets = NO_OFFSETS | {"trust": np.array([offset, 0.0, 0.0])}
    frame = decide(all_heads(trust, target, rumour, hostile), offsets)
    # then target is none exactly when trust is, and every head sums to one
    assert ((frame["trust"] == "none") == (frame["target"] == "none")).all()
    assert frame["target_none"].to_list() == pytest.approx(frame["trust_none"].to_list())
    assert all(sums == pytest.approx([1.0] * 4) for sums in probability_sums(frame).values())


@given(simplexes(3), simplexes(8), simplexes(3), simplexes(2))
def test_a_post_is_labelled_the_same_alone_as_in_company(
    trust: Floats, target: Floats, rumour: Floats, hostile: Floats
) -> None:
    together = all_heads(trust, target, rumour, hostile)
    alone = {head: values[1:2] for head, values in together.items()}
    assert decide(together, NO_OFFSETS)[1].equals(decide(alone, NO_OFFSETS))
