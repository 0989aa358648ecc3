"""Weights: shares, experts' budgets, principal components, and the noise put on them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from barometer.errors import BadInput
from barometer.estimate.composite.weigh import (
    as_shares,
    budget_weights,
    equal_weights,
    noisy_weights,
    pca_weights,
    varimax,
)


def test_shares_add_up_to_one() -> None:
    assert as_shares(np.array([1.0, 3.0])).tolist() == [0.25, 0.75]
    assert as_shares(np.array([[1.0, 3.0], [2.0, 2.0]])).tolist() == [[0.25, 0.75], [0.5, 0.5]]


def test_weights_of_nothing_are_refused() -> None:
    with pytest.raises(BadInput, match="add up to zero"):
        as_shares(np.zeros(3))


def test_equal_weights() -> None:
    assert equal_weights(4).tolist() == [0.25] * 4


def test_experts_count_alike_whatever_their_budget() -> None:
    """One spends 10, the other 100."""
    assert budget_weights(np.array([[8.0, 2.0], [40.0, 60.0]])) == pytest.approx([0.6, 0.4])


class TestPrincipalComponents:
    """Three parts that say the same and one of its own."""

    @staticmethod
    def _scores() -> np.ndarray:
        rng = np.random.default_rng(11)
        shared, own = rng.normal(size=(2, 500))
        noise = rng.normal(size=(3, 500)) * 0.2
        return np.stack([shared + noise[0], shared + noise[1], shared + noise[2], own], axis=-1)

    def test_they_add_up_to_one_and_none_is_negative(self) -> None:
        weights = pca_weights(self._scores())
        assert weights.sum() == pytest.approx(1)
        assert (weights >= 0).all()

    def test_parts_alike_get_weights_alike(self) -> None:
        weights = pca_weights(self._scores())
        assert np.ptp(weights[:3]) < 0.02

    def test_turning_a_part_round_changes_nothing(self) -> None:
        scores = self._scores()
        assert pca_weights(scores * [1, -1, 1, 1]) == pytest.approx(pca_weights(scores))

    def test_they_follow_the_parts_when_these_change_place(self) -> None:
        scores = self._scores()
        assert pca_weights(scores[:, [3, 0, 2, 1]]) == pytest.approx(pca_weights(scores)[[3, 0, 2, 1]], abs=1e-6)

    def test_units_with_a_gap_are_left_out(self) -> None:
        scores = self._scores()
        gaps = np.vstack([scores, [[np.nan, 1, 1, 1]]])
        assert pca_weights(gaps) == pytest.approx(pca_weights(scores))

    def test_one_part_has_it_all(self) -> None:
        assert pca_weights(np.arange(5.0)[:, None]).tolist() == [1.0]

    @pytest.mark.parametrize("scores", [np.ones((9, 2)), np.array([[1.0, 2.0], [2.0, 1.0]])])
    def test_they_need_units_that_differ(self, scores: np.ndarray) -> None:
        with pytest.raises(BadInput, match="three units"):
            pca_weights(scores)


def test_varimax_finds_the_simple_structure_it_was_turned_from() -> None:
    simple = np.array([[0.9, 0.0], [0.8, 0.0], [0.0, 0.7], [0.0, 0.6]])
    turn = np.pi / 5
    turned = simple @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    assert np.sort(np.abs(varimax(turned)), axis=1) == pytest.approx(np.sort(simple, axis=1), abs=1e-4)


@given(hnp.arrays(np.float64, (5, 3), elements=st.floats(-1, 1)))
def test_varimax_keeps_what_is_explained_of_every_part(loadings: np.ndarray) -> None:
    assert (varimax(loadings) ** 2).sum(axis=1) == pytest.approx((loadings**2).sum(axis=1), abs=1e-9)


@given(st.floats(0.01, 0.9), hnp.arrays(np.float64, (7, 3), elements=st.floats(0, 1)))
def test_noise_keeps_weights_within_its_bounds(noise: float, uniforms: np.ndarray) -> None:
    weights = np.array([1.0, 2.0, 0.0])
    drawn = noisy_weights(weights, uniforms, noise)
    assert (drawn >= weights * (1 - noise) - 1e-12).all()
    assert (drawn <= weights * (1 + noise) + 1e-12).all()


def test_noise_in_the_middle_changes_nothing() -> None:
    assert noisy_weights(np.array([1.0, 4.0]), np.full((1, 2), 0.5), 0.25).tolist() == [[1, 4]]
