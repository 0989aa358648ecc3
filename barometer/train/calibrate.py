"""Making probabilities mean what they say: vector scaling, and how far off they still are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from barometer.classify.decide import Floats
from barometer.classify.linear import calibrated

_BINS = 10
_PENALTY = 1e-3
_DIGITS = 4


def fit_scaling(scores: Floats, truth: NDArray[np.intp]) -> tuple[float, tuple[float, ...]]:
    """Temperature and one shift a class that make softmax(scores / temperature + shift) likeliest (Guo et al. 2017).

    `scores` is n x classes, of posts the model did not learn from; `truth` the true class of each. Shifts sum to 0.
    """
    classes = scores.shape[1]

    def loss(parameters: Floats) -> float:
        shifted = scores * np.exp(-parameters[0]) + parameters[1:]
        likelihood = shifted[np.arange(len(truth)), truth] - logsumexp(shifted, axis=1)
        return float(-likelihood.mean() + _PENALTY * np.square(parameters).sum())

    found = minimize(loss, np.zeros(classes + 1), method="L-BFGS-B").x
    shift = found[1:] - found[1:].mean()
    return round(float(np.exp(found[0])), _DIGITS), tuple(round(float(value), _DIGITS) for value in shift)


def expected_calibration_error(probabilities: Floats, truth: NDArray[np.intp]) -> float:
    """Mean gap between the probability of the likeliest class and how often it is right, over ten equal-width bins.

    Weighted by posts; 0 is perfect (Naeini et al. 2015; Guo et al. 2017).
    """
    confidence = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == truth
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [abs(confidence[bins == b].sum() - is_right[bins == b].sum()) for b in range(_BINS)]
    return float(sum(gaps) / max(len(truth), 1))


def calibration_errors(
    scores: Floats, truth: NDArray[np.intp], scaling: tuple[float, tuple[float, ...]]
) -> dict[str, float]:
    """Expected calibration error before and after scaling."""
    temperature, shift = scaling
    before, after = calibrated(scores, 1.0, np.zeros(1)), calibrated(scores, temperature, np.array(shift))
    return {
        "before": expected_calibration_error(before, truth),
        "after": expected_calibration_error(after, truth),
    }
