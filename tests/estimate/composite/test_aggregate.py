"""Scores to one score: each mean by hand, Copeland by hand, and their order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from barometer.errors import BadInput
from barometer.estimate.composite.aggregate import aggregate, arithmetic, copeland, geometric, harmonic
from barometer.estimate.composite.structure import Aggregation

GAP = np.nan
ROW = np.array([[1.0, 4.0]])
WEIGHTS = np.array([3.0, 1.0])
METHODS: list[Aggregation] = ["arithmetic", "geometric", "harmonic", "copeland"]


def test_by_hand() -> None:
    assert arithmetic(ROW, WEIGHTS)[0] == pytest.approx(7 / 4)
    assert geometric(ROW, WEIGHTS)[0] == pytest.approx(4**0.25)
    assert harmonic(ROW, WEIGHTS)[0] == pytest.approx(4 / (3 + 0.25))


def test_gaps_are_left_out_and_the_other_weights_take_over() -> None:
    """COINr's example: rows (1, 3, 1) and (2, -, -) with equal weights give 5/3 and 2."""
    scores = np.array([[1.0, 3.0, 1.0], [2.0, GAP, GAP], [3.0, GAP, 1.0]])
    assert arithmetic(scores, np.ones(3)) == pytest.approx([5 / 3, 2, 2])


@pytest.mark.parametrize("method", METHODS)
def test_nothing_known_gives_no_score(method: Aggregation) -> None:
    scores = np.array([[GAP, GAP], [10.0, 20.0]])
    found = aggregate(scores, np.ones(2), method)
    assert np.isnan(found[0])
    assert np.isfinite(found[1])


@pytest.mark.parametrize("mean", [geometric, harmonic])
def test_plain_geometric_and_harmonic_refuse_zero(mean: object) -> None:
    with pytest.raises(BadInput, match="above zero"):
        mean(np.array([[0.0, 4.0]]), WEIGHTS)  # type: ignore[operator]


def test_within_an_index_zero_is_squeezed_into_one_to_a_hundred_and_back() -> None:
    """0 and 100 become 1 and 100: geometric mean 10, which is (10 - 1)/.99 on the scale of the scores."""
    scores = np.array([[0.0, 100.0]])
    assert aggregate(scores, np.ones(2), "geometric")[0] == pytest.approx(9 / 0.99)
    assert aggregate(scores, np.ones(2), "harmonic")[0] == pytest.approx((2 / 1.01 - 1) / 0.99)


class TestCopeland:
    """Three units; a outranks b on two of three parts, b outranks c on all, a and c halve theirs on weight 2:1."""

    SCORES = np.array([[3.0, 3.0, 1.0], [2.0, 2.0, 3.0], [1.0, 1.0, 2.0]])

    def test_by_hand(self) -> None:
        assert copeland(self.SCORES, np.ones(3)).tolist() == [2, 0, -2]

    def test_weight_decides(self) -> None:
        assert copeland(self.SCORES, np.array([1.0, 1.0, 3.0])).tolist() == [-2, 2, 0]

    def test_half_the_weight_is_a_tie(self) -> None:
        assert copeland(self.SCORES, np.array([0.1, 0.2, 0.3])).tolist() == [0, 1, -1]

    def test_a_gap_counts_for_neither(self) -> None:
        scores = np.array([[3.0, GAP], [1.0, 9.0]])
        assert copeland(scores, np.ones(2)).tolist() == [1, -1]

    def test_many_draws_at_once(self) -> None:
        draws = np.stack([self.SCORES, self.SCORES[::-1]])
        weights = np.stack([np.ones(3), np.ones(3)])
        assert copeland(draws, weights).tolist() == [[2, 0, -2], [-2, 0, 2]]


_SCORES = hnp.arrays(np.float64, (6, 3), elements=st.floats(0.5, 100))
_WEIGHTS = hnp.arrays(np.float64, 3, elements=st.floats(0.1, 5))


@given(_SCORES, _WEIGHTS)
def test_harmonic_below_geometric_below_arithmetic(scores: np.ndarray, weights: np.ndarray) -> None:
    low, middle, high = harmonic(scores, weights), geometric(scores, weights), arithmetic(scores, weights)
    assert (low <= middle + 1e-9).all()
    assert (middle <= high + 1e-9).all()


@given(_SCORES, _WEIGHTS, st.sampled_from(["arithmetic", "geometric", "harmonic"]))
def test_a_mean_lies_among_its_scores(scores: np.ndarray, weights: np.ndarray, method: Aggregation) -> None:
    found = aggregate(scores, weights, method)
    assert (found >= scores.min(axis=1) - 1e-9).all()
    assert (found <= scores.max(axis=1) + 1e-9).all()


@given(_SCORES, _WEIGHTS, st.floats(0.1, 10), st.sampled_from(METHODS))
def test_only_the_proportion_of_weights_counts(
    scores: np.ndarray, weights: np.ndarray, factor: float, method: Aggregation
) -> None:
    plain, scaled = aggregate(scores, weights, method), aggregate(scores, weights * factor, method)
    assert scaled == pytest.approx(plain, abs=1e-9)


@given(_SCORES, _WEIGHTS, st.permutations(range(6)), st.sampled_from(METHODS))
def test_the_order_of_units_does_not_matter(
    scores: np.ndarray, weights: np.ndarray, order: list[int], method: Aggregation
) -> None:
    assert aggregate(scores[order], weights, method) == pytest.approx(aggregate(scores, weights, method)[order])


@given(_SCORES, _WEIGHTS)
def test_copeland_scores_cancel_out(scores: np.ndarray, weights: np.ndarray) -> None:
    assert copeland(scores, weights).sum() == 0
