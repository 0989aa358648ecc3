"""Average linkage over pairs: who is one group, in whatever order posts come; and which goes on from which."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from barometer.classify.groups import by_first, carried_on, grouped

NAMES = (None, "A", "B", "C")


def pairs(size: int, **alike: float) -> np.ndarray:
    """A symmetric matrix; `p01=0.5` says how alike posts 0 and 1 are, 0 where nothing is said."""
    matrix = np.eye(size)
    for name, value in alike.items():
        one, other = int(name[1]), int(name[2])
        matrix[one, other] = matrix[other, one] = value
    return matrix


def test_alike_posts_are_one_group_numbered_by_its_first_post() -> None:
    assert grouped(pairs(4, p13=0.9, p02=0.2), threshold=0.5).tolist() == [0, 1, 2, 1]


def test_a_group_is_alike_by_the_mean_of_its_pairs() -> None:
    # given a post very like one of two that are together, and unlike the other: a mean of 0.4
    matrix = pairs(3, p01=0.9, p02=0.8, p12=0.0)
    assert grouped(matrix, threshold=0.39).tolist() == [0, 0, 0]
    assert grouped(matrix, threshold=0.41).tolist() == [0, 0, 1]


def test_what_is_forbidden_stays_apart_whatever_the_rest_says() -> None:
    found = grouped(pairs(3, p01=-1e9, p02=1.0, p12=1.0), threshold=0.1)
    assert found[0] != found[1]


def test_what_must_be_together_is_so_whatever_the_rest_says() -> None:
    found = grouped(pairs(4, p01=1e6, p02=0.9), threshold=0.5)
    assert found[0] == found[1]
    assert found[3] not in {found[0], found[2]}


@pytest.mark.parametrize("size", [0, 1])
def test_fewer_than_two_posts_are_no_pair(size: int) -> None:
    assert grouped(np.zeros((size, size)), threshold=0.5).tolist() == [0] * size


def test_posts_that_are_nothing_alike_are_as_many_groups() -> None:
    assert grouped(np.zeros((4, 4)), threshold=0.1).tolist() == [0, 1, 2, 3]


def by_hand(matrix: np.ndarray, threshold: float) -> set[frozenset[int]]:
    """Average linkage as the textbook tells it: the two groups with the likeliest mean pair merge, down to a limit."""
    found = [frozenset({row}) for row in range(len(matrix))]
    while len(found) > 1:
        means = {
            (one, other): matrix[np.ix_(sorted(one), sorted(other))].mean()
            for at, one in enumerate(found)
            for other in found[at + 1 :]
        }
        (one, other), best = max(means.items(), key=lambda pair: pair[1])
        if best < threshold:
            break
        found = [*(group for group in found if group not in (one, other)), one | other]
    return set(found)


@st.composite
def matrices(draw: st.DrawFn) -> np.ndarray:
    size = draw(st.integers(2, 8))
    # Square roots are in no simple proportion to each other: no two averages are the same, so no merge is a toss-up.
    ranks = np.array(draw(st.permutations(range(size * size)))).reshape(size, size)
    upper = np.triu(np.sqrt(ranks + 2) / np.sqrt(size * size + 2), 1)
    return upper + upper.T + np.eye(size)


def partition(groups: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(groups == group).tolist()) for group in np.unique(groups)}


@given(matrices(), st.floats(0.05, 0.95))
def test_groups_are_those_of_average_linkage(matrix: np.ndarray, threshold: float) -> None:
    off = matrix[~np.eye(len(matrix), dtype=bool)]
    assume(np.abs(off - threshold).min() > 1e-6)
    assert partition(grouped(matrix, threshold=threshold)) == by_hand(matrix, threshold)


@given(matrices(), st.randoms(use_true_random=False))
def test_the_order_of_posts_has_no_say(matrix: np.ndarray, random: object) -> None:
    order = np.array(sorted(range(len(matrix)), key=lambda _: random.random()))  # type: ignore[attr-defined]
    straight = grouped(matrix, threshold=0.4)
    shuffled = grouped(matrix[np.ix_(order, order)], threshold=0.4)
    assert by_first(straight[order]).tolist() == shuffled.tolist()


@given(matrices())
def test_a_higher_threshold_only_divides_further(matrix: np.ndarray) -> None:
    coarse, fine = (partition(grouped(matrix, threshold=threshold)) for threshold in (0.3, 0.6))
    assert all(any(small <= large for large in coarse) for small in fine)


@given(st.lists(st.integers(-3, 3)))
def test_numbers_by_first_appearance_keep_the_groups(numbers: list[int]) -> None:
    found = by_first(np.array(numbers, dtype=np.intp)).tolist()
    assert len(set(zip(numbers, found, strict=True))) == len(set(numbers)) == len(set(found))
    assert list(dict.fromkeys(found)) == list(range(len(set(numbers))))


def test_a_group_goes_on_from_the_one_it_shares_most_posts_with() -> None:
    assert carried_on(np.array([0, 0, 0, 1]), ["A", "B", "B", "A"]) == {0: "B", 1: "A"}


def test_of_two_that_share_as_many_the_older_name_stays() -> None:
    assert carried_on(np.array([0, 0]), ["A", "B"]) == {0: "A"}


def test_one_group_alone_goes_on_from_a_group_that_fell_apart() -> None:
    assert carried_on(np.array([0, 1, 1, 0, 1]), ["A", "A", "A", "A", "A"]) == {1: "A"}


def test_new_posts_alone_go_on_from_nothing() -> None:
    assert carried_on(np.array([0, 0, 1]), [None, None, None]) == {}


def test_a_name_that_matters_more_is_kept_by_the_fewer() -> None:
    # given a small group that a person named, and two larger ones, all one now
    groups, before = np.array([0] * 6), ["A", "A", "A", "B", "C", "C"]
    assert carried_on(groups, before) == {0: "A"}
    assert carried_on(groups, before, first=({"B"}, {"C"})) == {0: "B"}
    assert carried_on(groups, before, first=((), {"C"})) == {0: "C"}


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(NAMES)), max_size=12))
def test_each_name_and_each_group_goes_on_once_and_no_pair_is_left_over(posts: list[tuple[int, str | None]]) -> None:
    groups, before = np.array([group for group, _ in posts], dtype=np.intp), [name for _, name in posts]
    found = carried_on(groups, before)
    assert len(set(found.values())) == len(found)
    assert all((group, name) in posts for group, name in found.items())
    left = {(group, name) for group, name in posts if name is not None and group not in found}
    assert all(name in found.values() for _, name in left)
