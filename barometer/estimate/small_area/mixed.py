"""Linear mixed models of areas whose effects are correlated: likelihood, prediction and its error. Dense, O(n^3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from scipy.linalg import lapack

from barometer.estimate.small_area.areas import Areas, Array, Indices
from barometer.estimate.small_area.errors import CannotEstimate
from barometer.estimate.small_area.scoring import Evaluation, Optimum, symmetric_inverse

Likelihood = Literal["reml", "ml"]
LIKELIHOODS: tuple[Likelihood, ...] = ("reml", "ml")

_LOG_2_PI = float(np.log(2 * np.pi))


class Effects(NamedTuple):
    """Covariance (n, n) of the effects at some theta (q,), and its first and second derivatives by number of parameter.

    `second` is a function because only the mean squared error needs it; pairs that are zero are left out.
    """

    covariance: Array
    first: tuple[Array, ...]
    second: Callable[[], Mapping[tuple[int, int], Array]]


Structure = Callable[[Array], Effects]


@dataclass(frozen=True, eq=False)
class Fitted:
    """Everything linear at one theta. `inverse` (s, s) is Sigma^-1 of the s sampled rows, `loglik` in full."""

    effects: Effects
    inverse: Array
    coefficients: Array
    covariance: Array
    residual: Array
    loglik: float
    restricted: float


@dataclass(frozen=True, eq=False)
class Prediction:
    """Best linear unbiased predictions of all n rows, the weight on each row's own estimate, and the errors."""

    eblup: Array
    gamma: Array
    mse: Array


def check_likelihood(method: str) -> None:
    """Raise `CannotEstimate` for a method that is not a likelihood."""
    if method not in LIKELIHOODS:
        raise CannotEstimate(f"method {method!r} is not known: use one of {', '.join(LIKELIHOODS)}")


def fit_at(areas: Areas, effects: Effects) -> Fitted:
    """Generalised least squares under Sigma = effects + sampling variances, of the rows sampled."""
    sampled, basis, y = areas.is_sampled, areas.sampled_basis, areas.sampled_y
    sigma = effects.covariance[np.ix_(sampled, sampled)] + np.diag(areas.sampled_variance)
    inverse, log_determinant = inverse_of(sigma)
    normal = basis.T @ inverse @ basis
    covariance = np.asarray(np.linalg.inv(normal), dtype=np.float64)
    coefficients = covariance @ (basis.T @ (inverse @ y))
    residual = y - basis @ coefficients
    loglik = -0.5 * (len(y) * _LOG_2_PI + log_determinant + residual @ inverse @ residual)
    restricted = loglik - 0.5 * np.linalg.slogdet(normal)[1]
    return Fitted(effects, inverse, coefficients, covariance, residual, float(loglik), float(restricted))


def inverse_of(sigma: Array) -> tuple[Array, float]:
    """Inverse and log-determinant of a symmetric positive definite matrix, by Cholesky; `CannotEstimate` otherwise."""
    factor, info = lapack.dpotrf(sigma, lower=1)
    if info != 0:
        raise CannotEstimate("the covariance of the areas is not positive definite: check variances and proximity")
    half, _ = lapack.dpotri(factor, lower=1)
    inverse = np.tril(half) + np.tril(half, -1).T
    return np.asarray(inverse, dtype=np.float64), float(2 * np.log(np.diag(factor)).sum())


def evaluate(areas: Areas, structure: Structure, theta: Array, method: Likelihood) -> Evaluation:
    """(Restricted) log-likelihood with score and expected information in theta (Rao & Molina 2015, section 5.2.4)."""
    fitted = fit_at(areas, structure(theta))
    block, weighted = np.ix_(areas.is_sampled, areas.is_sampled), fitted.inverse @ fitted.residual
    projection = _projection(areas, fitted) if method == "reml" else fitted.inverse
    slopes = [slope[block] for slope in fitted.effects.first]
    score = np.array([0.5 * (weighted @ slope @ weighted - (projection * slope).sum()) for slope in slopes])
    value = fitted.restricted if method == "reml" else fitted.loglik
    expected = _information(projection, slopes)
    moved = np.array([slope @ weighted for slope in slopes])
    observed = moved @ _projection(areas, fitted) @ moved.T - expected
    for (r, s), second in fitted.effects.second().items():
        bend = 0.5 * ((projection * second[block]).sum() - weighted @ second[block] @ weighted)
        # Both halves of the matrix; numpy adds to a place named twice only once, which is right for the diagonal.
        observed[[r, s], [s, r]] += bend
    return Evaluation(value, score, expected, observed)


def _projection(areas: Areas, fitted: Fitted) -> Array:
    weighted = fitted.inverse @ areas.sampled_basis
    return np.asarray(fitted.inverse - weighted @ fitted.covariance @ weighted.T, dtype=np.float64)


def _information(projection: Array, slopes: list[Array]) -> Array:
    products = [projection @ slope for slope in slopes]
    return np.array([[0.5 * (one * other.T).sum() for other in products] for one in products])


def predict(areas: Areas, fitted: Fitted, optimum: Optimum, method: Likelihood) -> Prediction:
    """Predict every row, sampled or not, through the covariance of its effect with the sampled rows'.

    A row not sampled gets x'beta + cov(v, v_s) Sigma^-1 (y_s - X_s beta): the neighbours' surprises reach it. Errors
    are g1 + g2 + 2 g3 - g4 (less the bias of ML), which for sampled rows is Singh, Shukla & Kundu (2005, Survey
    Methodology 31:183-195), R's `mseSFH`; written as c'(.)c with c = (1, -weights) the same terms hold for rows not
    sampled. Parameters at their bound count as known. Where g4 outweighs 2 g3, as it may near a bound, the error is
    g1 + g2: not knowing theta cannot make estimates better.
    """
    covariance, sampled = fitted.effects.covariance, areas.is_sampled
    across = covariance[:, sampled]
    weights = across @ fitted.inverse
    eblup = areas.basis @ fitted.coefficients + weights @ fitted.residual
    gamma = np.zeros(len(areas.y))
    gamma[sampled] = np.clip(1 - areas.sampled_variance * np.diag(fitted.inverse), 0, 1)
    contrast = np.eye(len(areas.y))
    contrast[:, sampled] -= weights
    left_over = areas.basis - weights @ areas.sampled_basis
    # As a sum of squares, which rounding cannot make negative: var(v_d - weights v_s) + weights^2 variance.
    effects = ((contrast @ covariance) * contrast).sum(axis=1) + weights**2 @ areas.sampled_variance
    coefficients = ((left_over @ fitted.covariance) * left_over).sum(axis=1)
    estimation = np.maximum(_estimation_error(areas, fitted, optimum, contrast, method), 0.0)
    return Prediction(eblup, gamma, effects + coefficients + estimation)


def _estimation_error(areas: Areas, fitted: Fitted, optimum: Optimum, contrast: Array, method: Likelihood) -> Array:
    """2 g3 - g4, less the gradient of g1 times ML's bias: what not knowing theta adds."""
    used = np.flatnonzero(optimum.is_free)
    if not len(used):
        return np.zeros(len(areas.y))
    sampled = areas.is_sampled
    slopes = [fitted.effects.first[r][np.ix_(sampled, sampled)] for r in used]
    # The restricted likelihood's information for ML too: that is what reproduces R's `mseSFH` for both methods.
    spread = symmetric_inverse(_information(_projection(areas, fitted), slopes))
    turns = [_turn(fitted.effects.first[r], areas, fitted, contrast) for r in used]
    sigma = fitted.effects.covariance[np.ix_(sampled, sampled)] + np.diag(areas.sampled_variance)
    g3 = sum(
        spread[i, j] * ((turns[i] @ sigma) * turns[j]).sum(axis=1) for i in range(len(used)) for j in range(len(used))
    )
    error = 2 * g3 - _curvature(fitted, contrast, used, spread)
    return error - _bias(areas, fitted, contrast, used, spread) if method == "ml" else np.asarray(error)


def _turn(slope: Array, areas: Areas, fitted: Fitted, contrast: Array) -> Array:
    """How the predictors' weights move with one parameter (n, s)."""
    return np.asarray((contrast @ slope[:, areas.is_sampled]) @ fitted.inverse, dtype=np.float64)


def _curvature(fitted: Fitted, contrast: Array, used: Indices, spread: Array) -> Array:
    """g4: half of c' (second derivative of the effects' covariance) c, weighted by the parameters' covariance."""
    place = {int(parameter): position for position, parameter in enumerate(used)}
    total = np.zeros(len(contrast))
    for (r, s), second in fitted.effects.second().items():
        if r in place and s in place:
            twice = 1.0 if r == s else 2.0
            total += 0.5 * twice * spread[place[r], place[s]] * ((contrast @ second) * contrast).sum(axis=1)
    return total


def _bias(areas: Areas, fitted: Fitted, contrast: Array, used: Indices, spread: Array) -> Array:
    """ML's bias in theta times the gradient of g1."""
    sampled, weighted = areas.is_sampled, fitted.inverse @ areas.sampled_basis
    slopes = [fitted.effects.first[r] for r in used]
    pull = [-np.trace(fitted.covariance @ weighted.T @ s[np.ix_(sampled, sampled)] @ weighted) for s in slopes]
    gradient = np.array([((contrast @ slope) * contrast).sum(axis=1) for slope in slopes])
    return np.asarray(0.5 * (spread @ np.array(pull)) @ gradient, dtype=np.float64)
