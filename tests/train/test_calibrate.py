"""Probabilities are made to mean what they say, and how far off they are is measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.decide import Floats
from barometer.classify.linear import calibrated
from barometer.train.calibrate import calibration_errors, expected_calibration_error, fit_scaling


def truths_in_proportion(probabilities: Floats, copies: int = 400) -> tuple[Floats, np.ndarray]:
    """Every row `copies` times, with true classes in just the proportion that it says."""
    rows, truth = [], []
    for row in probabilities:
        counts = np.round(row * copies).astype(int)
        rows.append(np.repeat(row[None, :], counts.sum(), axis=0))
        truth.append(np.repeat(np.arange(len(row)), counts))
    return np.vstack(rows), np.concatenate(truth)


HONEST, TRUTH = truths_in_proportion(np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.25, 0.25, 0.5]]))


@pytest.mark.parametrize("factor", [0.25, 1.0, 3.0])
def test_scores_that_are_too_bold_or_too_shy_are_put_right(factor: float) -> None:
    # given honest log-odds, blown up or shrunk
    scores = np.log(HONEST) * factor
    temperature, shift = fit_scaling(scores, TRUTH)
    # then the temperature is the factor, and probabilities are honest again
    assert temperature == pytest.approx(factor, rel=0.05)
    assert calibrated(scores, temperature, np.array(shift)) == pytest.approx(HONEST, abs=0.02)


def test_scores_fitted_to_balanced_classes_are_shifted_back() -> None:
    # given scores without the classes' base rates
    bias = np.array([1.5, 0.0, -1.5])
    temperature, shift = fit_scaling(np.log(HONEST) - bias, TRUTH)
    assert temperature == pytest.approx(1.0, abs=0.08)
    assert np.array(shift) == pytest.approx(bias, abs=0.1)
    assert sum(shift) == pytest.approx(0, abs=1e-3)


def test_fitting_twice_gives_the_same_numbers() -> None:
    scores = np.log(HONEST) * 2
    assert fit_scaling(scores, TRUTH) == fit_scaling(scores, TRUTH)


def test_a_class_that_never_comes_does_not_run_away() -> None:
    temperature, shift = fit_scaling(np.zeros((50, 2)), np.zeros(50, dtype=np.intp))
    assert np.isfinite([temperature, *shift]).all()


def test_the_error_is_the_gap_between_confidence_and_accuracy() -> None:
    # given four posts at 0.9 of which three are right, and two at 0.6 of which one is
    confidence = np.array([0.9] * 4 + [0.6] * 2)
    probabilities = np.column_stack([confidence, 1 - confidence])
    truth = np.array([0, 0, 0, 1, 0, 1])
    # then it is (4·|0.9-0.75| + 2·|0.6-0.5|) / 6
    assert expected_calibration_error(probabilities, truth) == pytest.approx(0.8 / 6)


def test_honest_probabilities_have_no_error_and_certainty_that_is_wrong_has_all() -> None:
    assert expected_calibration_error(HONEST, TRUTH) == pytest.approx(0, abs=1e-9)
    assert expected_calibration_error(np.array([[1.0, 0.0]] * 3), np.array([1, 1, 1])) == 1.0


def test_no_posts_have_no_error() -> None:
    assert expected_calibration_error(np.empty((0, 2)), np.empty(0, dtype=np.intp)) == 0.0


def test_errors_before_and_after_are_both_told() -> None:
    scores = np.log(HONEST) * 3
    errors = calibration_errors(scores, TRUTH, fit_scaling(scores, TRUTH))
    assert errors["after"] < 0.02 < errors["before"]


@given(st.integers(2, 5), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_error_lies_between_none_and_all(classes: int, posts: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.ones(classes), size=posts)
    truth = generator.integers(0, classes, size=posts)
    assert 0 <= expected_calibration_error(probabilities, truth) <= 1
