"""Climbing likelihoods: to the summit, inside bounds, and honest about not arriving."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.small_area.areas import Array
from barometer.estimate.small_area.scoring import Box, Evaluation, fisher_scoring, free, symmetric_inverse

WIDE = Box(np.full(2, -np.inf), np.full(2, np.inf), np.ones(2))
CURVATURE = np.array([[2.0, 0.5], [0.5, 1.0]])


def hill(summit: Array) -> object:
    """A quadratic with its top at `summit`: one step is enough."""

    def evaluate(theta: Array) -> Evaluation:
        away = theta - summit
        return Evaluation(float(-0.5 * away @ CURVATURE @ away), -CURVATURE @ away, CURVATURE)

    return evaluate


def quarter(observed: bool = False) -> object:
    """-theta^4 / 4 with a constant information: Fisher's steps creep, Newton's do not."""

    def evaluate(theta: Array) -> Evaluation:
        away = theta - 1
        bend = np.diag(3 * away**2) if observed else None
        return Evaluation(float(-0.25 * (away**4).sum()), -(away**3), 3 * np.eye(len(theta)), bend)

    return evaluate


class TestSummit:
    @given(st.floats(-100, 100), st.floats(-100, 100))
    def test_a_quadratic_is_climbed_in_one_step_and_one_to_see_it(self, x: float, y: float) -> None:
        found = fisher_scoring(hill(np.array([x, y])), start=np.zeros(2), box=WIDE)  # type: ignore[arg-type]
        np.testing.assert_allclose(found.theta, [x, y], atol=1e-9)
        assert found.converged
        assert found.iterations <= 3

    def test_steps_that_overshoot_are_halved(self) -> None:
        def cliff(theta: Array) -> Evaluation:
            value = float(-np.log(np.cosh(theta[0])))
            return Evaluation(value, -np.tanh(theta), np.array([[1 / np.cosh(theta[0]) ** 2]]))

        box = Box(np.full(1, -np.inf), np.full(1, np.inf), np.ones(1))
        found = fisher_scoring(cliff, start=np.array([3.0]), box=box)
        assert found.converged
        assert abs(found.theta[0]) < 1e-6

    def test_newton_ends_what_fisher_creeps_at(self) -> None:
        slow = fisher_scoring(quarter(), start=np.zeros(1), box=one_box(), max_iterations=60)  # type: ignore[arg-type]
        fast = fisher_scoring(quarter(True), start=np.zeros(1), box=one_box(), max_iterations=60)  # type: ignore[arg-type]
        assert abs(fast.theta[0] - 1) < 0.01 * abs(slow.theta[0] - 1)

    def test_running_out_is_said(self) -> None:
        found = fisher_scoring(quarter(), start=np.zeros(1), box=one_box(), max_iterations=5)  # type: ignore[arg-type]
        assert not found.converged
        assert found.iterations == 5

    def test_a_coarse_tolerance_stops_early(self) -> None:
        coarse = fisher_scoring(quarter(), start=np.zeros(1), box=one_box(), tolerance=1e-2)  # type: ignore[arg-type]
        assert coarse.converged
        assert 1e-3 < abs(coarse.theta[0] - 1) < 0.5

    def test_a_score_that_no_step_confirms_is_not_called_a_summit(self) -> None:
        def liar(theta: Array) -> Evaluation:
            return Evaluation(float(-abs(theta[0])), np.array([5.0]), np.eye(1))

        assert not fisher_scoring(liar, start=np.zeros(1), box=one_box()).converged


def one_box(lower: float = -np.inf, upper: float = np.inf) -> Box:
    return Box(np.array([lower]), np.array([upper]), np.ones(1))


class TestBounds:
    def test_a_summit_outside_leaves_a_parameter_at_its_bound(self) -> None:
        box = Box(np.zeros(2), np.full(2, 5.0), np.ones(2))
        found = fisher_scoring(hill(np.array([-1.0, 2.0])), start=np.ones(2), box=box)  # type: ignore[arg-type]
        assert found.converged
        assert found.theta[0] == 0
        assert found.is_free.tolist() == [False, True]

    def test_the_others_then_reach_the_summit_along_the_bound(self) -> None:
        """With the first held at 0, the second's best is 2 + 0.5 * (-1) / 1."""
        box = Box(np.zeros(2), np.full(2, 5.0), np.ones(2))
        found = fisher_scoring(hill(np.array([-1.0, 2.0])), start=np.ones(2), box=box)  # type: ignore[arg-type]
        assert found.theta[1] == pytest.approx(1.5, abs=1e-8)

    def test_a_start_at_the_bound_can_leave_it(self) -> None:
        box = Box(np.zeros(2), np.full(2, 5.0), np.ones(2))
        found = fisher_scoring(hill(np.array([3.0, 2.0])), start=np.zeros(2), box=box)  # type: ignore[arg-type]
        np.testing.assert_allclose(found.theta, [3, 2], atol=1e-8)

    def test_all_at_bounds_is_an_end(self) -> None:
        box = Box(np.zeros(2), np.full(2, 5.0), np.ones(2))
        found = fisher_scoring(hill(np.array([-9.0, -9.0])), start=np.ones(2), box=box)  # type: ignore[arg-type]
        assert found.converged
        assert not found.is_free.any()
        np.testing.assert_array_equal(found.theta, 0)

    def test_close_to_the_bound_is_not_yet_at_it(self) -> None:
        """A step cut short by a bound moves little, which must not pass for standing still."""
        box = Box(np.array([1e-13, 0.0]), np.full(2, 50.0), np.ones(2))
        start = np.array([2e-13, 1.0])
        found = fisher_scoring(hill(np.array([-1.0, 20.0])), start=start, box=box)  # type: ignore[arg-type]
        assert found.theta[1] == pytest.approx(19.5, abs=1e-8)

    @given(st.floats(-3, 8), st.floats(-3, 8))
    def test_never_outside(self, x: float, y: float) -> None:
        box = Box(np.zeros(2), np.full(2, 5.0), np.ones(2))
        found = fisher_scoring(hill(np.array([x, y])), start=np.ones(2), box=box)  # type: ignore[arg-type]
        assert ((found.theta >= 0) & (found.theta <= 5)).all()

    def test_free_is_what_the_score_does_not_press_outwards(self) -> None:
        box = Box(np.zeros(3), np.ones(3), np.ones(3))
        is_free = free(np.array([0.0, 0.0, 1.0]), np.array([-1.0, 1.0, 1.0]), box)
        assert is_free.tolist() == [False, True, False]


class TestSymmetricInverse:
    @given(st.integers(1, 4), st.integers(0, 1000))
    def test_is_the_inverse(self, size: int, seed: int) -> None:
        root = np.random.default_rng(seed).normal(size=(size, size))
        information = root @ root.T + 0.1 * np.eye(size)
        np.testing.assert_allclose(symmetric_inverse(information) @ information, np.eye(size), atol=1e-8)

    def test_whatever_the_units(self) -> None:
        """A variance in square micro-units beside a correlation: entries 24 powers of ten apart."""
        units = np.diag([1e12, 1.0])
        information = units @ CURVATURE @ units
        expected = np.linalg.inv(units) @ np.linalg.inv(CURVATURE) @ np.linalg.inv(units)
        np.testing.assert_allclose(symmetric_inverse(information), expected, rtol=1e-9)

    def test_a_parameter_nothing_is_known_of_is_left_alone(self) -> None:
        inverse = symmetric_inverse(np.diag([4.0, 0.0]))
        np.testing.assert_allclose(inverse, np.diag([0.25, 0.0]))

    def test_two_parameters_that_cannot_be_told_apart_share_the_step(self) -> None:
        step = symmetric_inverse(np.ones((2, 2))) @ np.array([1.0, 1.0])
        np.testing.assert_allclose(step, [0.5, 0.5])
