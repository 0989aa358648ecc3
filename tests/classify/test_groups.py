"""Average linkage over pairs: who becomes one, who falls apart, and that the order of posts has no say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from barometer.classify.groups import fallen_apart, merged_groups

ALL_FRESH = np.ones(4, dtype=bool)


def pairs(size: int, **likelihoods: float) -> np.ndarray:
    """A symmetric matrix; `p01=0.5` says how likely posts 0 and 1 carry the same claim, 0 where nothing is said."""
    matrix = np.eye(size)
    for name, value in likelihoods.items():
        one, other = int(name[1]), int(name[2])
        matrix[one, other] = matrix[other, one] = value
    return matrix


def partition(groups: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(groups == group).tolist()) for group in np.unique(groups)}


def test_the_likeliest_pair_merges_and_the_lower_number_stays() -> None:
    merged = merged_groups(pairs(4, p13=0.9, p02=0.2), np.arange(4), fresh=ALL_FRESH, threshold=0.5)
    assert merged.tolist() == [0, 1, 2, 1]


def test_a_group_is_alike_by_the_mean_of_its_pairs() -> None:
    # given a post likely one of two that are together, and unlikely the other: a mean of 0.4
    matrix = pairs(3, p01=0.9, p02=0.8, p12=0.0)
    fresh = np.ones(3, dtype=bool)
    assert partition(merged_groups(matrix, np.arange(3), fresh=fresh, threshold=0.4)) == {frozenset({0, 1, 2})}
    assert partition(merged_groups(matrix, np.arange(3), fresh=fresh, threshold=0.41)) == {
        frozenset({0, 1}),
        frozenset({2}),
    }


def test_groups_of_which_nothing_is_new_never_merge_with_one_another() -> None:
    matrix = pairs(3, p01=0.9)
    assert merged_groups(matrix, np.arange(3), fresh=np.array([False, False, True]), threshold=0.5).tolist() == [
        0,
        1,
        2,
    ]


def test_a_fresh_post_between_two_groups_makes_them_one() -> None:
    # given two old groups that are somewhat alike, and a new post that is like both
    matrix = pairs(3, p01=0.5, p02=0.9, p12=0.9)
    merged = merged_groups(matrix, np.arange(3), fresh=np.array([False, False, True]), threshold=0.5)
    assert merged.tolist() == [0, 0, 0]


def test_what_is_forbidden_stays_apart_whatever_the_rest_says() -> None:
    matrix = pairs(3, p01=-1e9, p02=1.0, p12=1.0)
    merged = merged_groups(matrix, np.arange(3), fresh=np.ones(3, dtype=bool), threshold=0.1)
    assert merged[0] != merged[1]


def test_no_posts_are_no_groups() -> None:
    empty = np.empty(0, dtype=np.intp)
    assert merged_groups(np.empty((0, 0)), empty, fresh=np.empty(0, dtype=bool), threshold=0.5).tolist() == []


@st.composite
def matrices(draw: st.DrawFn) -> np.ndarray:
    size = draw(st.integers(2, 8))
    # Square roots are in no simple proportion to each other: no two averages are the same, so no merge is a toss-up.
    ranks = np.array(draw(st.permutations(range(size * size)))).reshape(size, size)
    upper = np.sqrt(ranks + 2) / np.sqrt(size * size + 2)
    matrix = np.triu(upper, 1)
    return matrix + matrix.T + np.eye(size)


@given(matrices(), st.floats(0.05, 0.95))
def test_single_posts_merge_as_average_linkage_does(matrix: np.ndarray, threshold: float) -> None:
    # given posts that are all new: scipy's own average linkage is the reference
    size = len(matrix)
    tree = linkage(squareform(1 - matrix, checks=False), "average")
    assume(np.abs(tree[:, 2] - (1 - threshold)).min() > 1e-9)
    expected = fcluster(tree, 1 - threshold, "distance")
    found = merged_groups(matrix, np.arange(size), fresh=np.ones(size, dtype=bool), threshold=threshold)
    assert partition(found) == partition(expected)


@given(matrices(), st.randoms(use_true_random=False))
def test_the_order_of_posts_has_no_say(matrix: np.ndarray, random: object) -> None:
    size = len(matrix)
    order = np.array(sorted(range(size), key=lambda _: random.random()))  # type: ignore[attr-defined]
    fresh = np.arange(size) % 2 == 0
    straight = merged_groups(matrix, np.arange(size), fresh=fresh, threshold=0.4)
    shuffled = merged_groups(matrix[np.ix_(order, order)], order, fresh=fresh[order], threshold=0.4)
    assert shuffled.tolist() == straight[order].tolist()


@given(matrices())
def test_a_higher_threshold_only_divides_further(matrix: np.ndarray) -> None:
    fresh = np.ones(len(matrix), dtype=bool)
    coarse = partition(merged_groups(matrix, np.arange(len(matrix)), fresh=fresh, threshold=0.3))
    fine = partition(merged_groups(matrix, np.arange(len(matrix)), fresh=fresh, threshold=0.6))
    assert all(any(small <= large for large in coarse) for small in fine)


def test_a_group_of_two_halves_falls_apart_and_the_first_post_stays() -> None:
    matrix = pairs(4, p01=0.9, p23=0.9, p02=0.01)
    apart = fallen_apart(matrix, threshold=0.1)
    assert apart is not None
    assert apart.tolist() == [False, False, True, True]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_group_that_is_alike_holds_together(size: int) -> None:
    assert fallen_apart(np.full((size, size), 0.5), threshold=0.1) is None


def test_one_post_alone_cannot_fall_apart() -> None:
    assert fallen_apart(np.zeros((1, 1)), threshold=1.0) is None
