"""The Fay-Herriot model whose covariates are themselves estimates with known error (Ybarra & Lohr)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import linalg

from barometer.estimate.small_area.areas import Areas, Array, Mask, check_areas, rows_of
from barometer.estimate.small_area.errors import CannotEstimate
from barometer.estimate.small_area.fay_herriot import log_likelihood
from barometer.estimate.small_area.results import MeasurementErrorFit, information_criteria
from barometer.estimate.small_area.scoring import MAX_ITERATIONS, TOLERANCE
from barometer.estimate.small_area.threads import one_thread

# Refits that leave one area out are made this many at a time, to bound memory at about this many rows of m numbers.
_CHUNK = 256
_SMALL = 1e-3


def measurement_error_fay_herriot(
    y: npt.ArrayLike,
    X: npt.ArrayLike,  # noqa: N803
    variance: npt.ArrayLike,
    X_error: npt.ArrayLike,  # noqa: N803
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> MeasurementErrorFit:
    """Fit y_i = x_i'beta + v_i + e_i where x_i is seen with error of covariance C_i.

    `y`, `X`, `variance` as for `fay_herriot`; `X_error` is (m, p, p) covariances C_i, or (m, p) variances; 0 for an
    exact covariate such as the intercept. beta and sigma2 solve the modified least squares and the moment equation of
    Ybarra & Lohr (2008, Biometrika 95:919-931), weights iterated until they stand still; gamma_i is
    (sigma2 + beta'C_i beta) / (sigma2 + beta'C_i beta + variance_i). MSE and `beta_se`: jackknife over areas (Jiang,
    Lahiri & Wan 2002, Annals of Statistics 30:1782-1810), O(m^2 p^2); where its bias correction would make the leading
    term negative, the term stands uncorrected, and the MSE is never below that with sigma2 known. Its 95 % intervals
    cover about 93 % at 60 areas with sigma2 below the sampling variances. Where one area in ten has a covariate of
    little worth, ignoring that covers 82 % there.

    Raises `CannotEstimate`, also where the covariates' errors leave no signal to regress on.
    """
    areas = check_areas(y, X, variance)
    errors = _in_basis(areas, _check_errors(X_error, areas.X.shape))
    data = _sampled(areas, errors)
    everyone = np.ones((1, len(data.y)), dtype=np.bool_)
    with one_thread():
        solved = _solve(data, everyone, tolerance, max_iterations)
        left_out = _leave_one_out(data, tolerance, max_iterations)
        return _fit(areas, errors, solved, left_out)


class _Data(NamedTuple):
    y: Array
    basis: Array
    variance: Array
    errors: Array


class _Solved(NamedTuple):
    """Coefficients (k, p) and sigma2 (k,) of k fits."""

    coefficients: Array
    sigma2: Array
    iterations: int
    converged: bool


class _Predicted(NamedTuple):
    """Of k fits and m areas, (k, m) each: predictions, their leading error, gamma, beta'C beta and X beta."""

    eblup: Array
    leading: Array
    gamma: Array
    covariate_variance: Array
    synthetic: Array


@dataclass(frozen=True, eq=False)
class _Jackknife:
    mse: Array
    covariance: Array


def _check_errors(X_error: npt.ArrayLike, shape: tuple[int, ...]) -> Array:  # noqa: N803
    m, p = shape
    given = np.asarray(X_error, dtype=np.float64)
    given = given[:, np.newaxis] if given.shape == (m,) and p == 1 else given
    if given.shape not in ((m, p), (m, p, p)):
        raise CannotEstimate(f"X_error is {given.shape}: give ({m}, {p}) variances or ({m}, {p}, {p}) covariances")
    if (missing := ~np.isfinite(given.reshape(m, -1)).min(axis=1)).any():
        raise CannotEstimate(f"X_error is missing or infinite at {rows_of(missing)}: fill it in")
    errors = given[:, :, np.newaxis] * np.eye(p) if given.ndim == 2 else given
    smallest = np.linalg.eigvalsh(errors)[:, 0]
    negative = np.asarray(smallest < -TOLERANCE * np.abs(errors).max(axis=(1, 2)))
    if negative.any():
        raise CannotEstimate(f"X_error is not a covariance at {rows_of(negative)}: variances must not be negative")
    return np.asarray(errors, dtype=np.float64)


def _in_basis(areas: Areas, errors: Array) -> Array:
    turn = linalg.solve_triangular(areas.triangle, np.eye(len(areas.triangle)))
    return np.asarray(turn.T @ errors @ turn, dtype=np.float64)


def _sampled(areas: Areas, errors: Array) -> _Data:
    return _Data(areas.sampled_y, areas.sampled_basis, areas.sampled_variance, errors[areas.is_sampled])


def _solve(data: _Data, keep: Mask, tolerance: float, max_iterations: int) -> _Solved:
    """Fit once for every row of `keep` (k, m), which says which areas take part."""
    weight = keep / data.variance
    coefficients, sigma2 = _one_round(data, keep, weight)
    for iteration in range(1, max_iterations + 1):
        total = data.variance + sigma2[:, np.newaxis] + _covariate_variance(data.errors, coefficients)
        reached = _one_round(data, keep, keep / total)
        change = _change(coefficients, reached[0], 1.0) + _change(sigma2, reached[1], float(np.median(data.variance)))
        coefficients, sigma2 = reached
        if change < tolerance:
            return _Solved(coefficients, sigma2, iteration, True)
    return _Solved(coefficients, sigma2, max_iterations, False)


def _change(before: Array, after: Array, scale: float) -> float:
    return float((np.abs(after - before) / np.maximum(np.abs(before), _SMALL * scale)).max())


def _one_round(data: _Data, keep: Mask, weight: Array) -> tuple[Array, Array]:
    """Modified least squares with the weights given (k, m), then the moment estimate of sigma2."""
    m, p = data.basis.shape
    signal = data.basis[:, :, np.newaxis] * data.basis[:, np.newaxis, :] - data.errors
    normal = (weight @ signal.reshape(m, p * p)).reshape(-1, p, p)
    if (np.linalg.eigvalsh(normal)[:, 0] <= 0).any():
        raise CannotEstimate("the covariates' errors are as large as their differences: drop the noisiest covariate")
    right = ((weight * data.y) @ data.basis)[:, :, np.newaxis]
    coefficients = np.asarray(np.linalg.solve(normal, right)[:, :, 0], dtype=np.float64)
    residual = data.y - coefficients @ data.basis.T
    excess = keep * (residual**2 - data.variance - _covariate_variance(data.errors, coefficients))
    return coefficients, np.maximum(excess.sum(axis=1) / (keep.sum(axis=1) - p), 0.0)


def _covariate_variance(errors: Array, coefficients: Array) -> Array:
    """beta' C_i beta (k, m)."""
    return np.asarray(np.einsum("kp,mpq,kq->km", coefficients, errors, coefficients, optimize=True))


def _leave_one_out(data: _Data, tolerance: float, max_iterations: int) -> _Solved:
    m = len(data.y)
    if m - 1 <= data.basis.shape[1]:
        raise CannotEstimate(f"{m} sampled areas are too few to leave one out: use one covariate less")
    rows = (np.arange(start, min(start + _CHUNK, m)) for start in range(0, m, _CHUNK))
    parts = [_solve(data, np.arange(m) != left[:, np.newaxis], tolerance, max_iterations) for left in rows]
    return _Solved(
        np.concatenate([part.coefficients for part in parts]),
        np.concatenate([part.sigma2 for part in parts]),
        max(part.iterations for part in parts),
        all(part.converged for part in parts),
    )


def _predict(areas: Areas, errors: Array, solved: _Solved) -> _Predicted:
    synthetic = solved.coefficients @ areas.basis.T
    covariate_variance = _covariate_variance(errors, solved.coefficients)
    between = solved.sigma2[:, np.newaxis] + covariate_variance
    gamma = np.where(areas.is_sampled, between / (between + areas.variance), 0.0)
    direct = np.where(areas.is_sampled, areas.y, synthetic)
    leading = np.where(areas.is_sampled, gamma * areas.variance, between)
    return _Predicted(synthetic + gamma * (direct - synthetic), leading, gamma, covariate_variance, synthetic)


def _jackknife(areas: Areas, errors: Array, whole: _Predicted, sigma2: float, left_out: _Solved) -> _Jackknife:
    sampled = len(left_out.sigma2)
    share = (sampled - 1) / sampled
    bias, spread = np.zeros(len(areas.y)), np.zeros(len(areas.y))
    for start in range(0, sampled, _CHUNK):
        part = slice(start, start + _CHUNK)
        some = _Solved(left_out.coefficients[part], left_out.sigma2[part], 0, True)
        predicted = _predict(areas, errors, some)
        bias += share * (predicted.leading - whole.leading).sum(axis=0)
        spread += share * ((predicted.eblup - whole.eblup) ** 2).sum(axis=0)
    corrected = whole.leading[0] - bias
    mse = np.where(corrected > 0, corrected, whole.leading[0]) + spread
    away = left_out.coefficients - left_out.coefficients.mean(axis=0)
    return _Jackknife(np.maximum(mse, _known_error(areas, errors, whole, sigma2)), share * away.T @ away)


def _known_error(areas: Areas, errors: Array, whole: _Predicted, sigma2: float) -> Array:
    """The error were sigma2 known: of the prediction, and of coefficients by the modified least squares' own matrix."""
    sampled = areas.is_sampled
    total = (areas.variance + sigma2 + whole.covariate_variance[0])[sampled]
    basis = areas.sampled_basis
    normal = (basis / total[:, np.newaxis]).T @ basis - np.einsum("m,mpq->pq", 1 / total, errors[sampled])
    leverage = ((areas.basis @ np.linalg.inv(normal)) * areas.basis).sum(axis=1)
    return np.asarray(whole.leading[0] + (1 - whole.gamma[0]) ** 2 * leverage, dtype=np.float64)


def _fit(areas: Areas, errors: Array, solved: _Solved, left_out: _Solved) -> MeasurementErrorFit:
    predicted = _predict(areas, errors, solved)
    jackknife = _jackknife(areas, errors, predicted, float(solved.sigma2[0]), left_out)
    covariance = areas.coefficient_covariance(jackknife.covariance)
    synthetic, sampled = predicted.synthetic[0], areas.is_sampled
    total = areas.variance + solved.sigma2[0] + predicted.covariate_variance[0]
    loglik = log_likelihood(total[sampled], (areas.y - synthetic)[sampled])
    parameters = areas.X.shape[1] + 1
    aic, bic = information_criteria(loglik=loglik, parameters=parameters, areas=int(sampled.sum()))
    return MeasurementErrorFit(
        method="moments",
        beta=areas.coefficients(solved.coefficients[0]),
        beta_se=np.sqrt(np.diag(covariance)),
        beta_covariance=covariance,
        sigma2=float(solved.sigma2[0]),
        eblup=predicted.eblup[0],
        mse=jackknife.mse,
        gamma=predicted.gamma[0],
        synthetic=synthetic,
        covariate_variance=predicted.covariate_variance[0],
        is_sampled=sampled,
        loglik=loglik,
        aic=aic,
        bic=bic,
        iterations=solved.iterations,
        converged=solved.converged and left_out.converged,
    )
