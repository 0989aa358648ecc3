"""The Fay-Herriot model with its variance averaged over what the data leave possible, instead of fixed at one guess."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from barometer.estimate.small_area.areas import Areas, Array, check_areas
from barometer.estimate.small_area.errors import CannotEstimate
from barometer.estimate.small_area.fay_herriot import (
    likelihood_maximum,
    log_likelihood,
    profile_value,
    shrinkage_of,
    weighted_fit,
)
from barometer.estimate.small_area.results import SmallAreaFit, information_criteria
from barometer.estimate.small_area.scoring import MAX_ITERATIONS, TOLERANCE, Optimum
from barometer.estimate.small_area.threads import one_thread

# Points of Gauss-Legendre quadrature: four times as many move no estimate by 1e-10 of its error.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(80)

# Where the posterior density has fallen to e^-35 of its summit, nothing that counts lies beyond.
_DROP = 35.0
_FIRST_REACH_SD = 4.0
_DOUBLINGS = 60


def hierarchical_fay_herriot(y: npt.ArrayLike, X: npt.ArrayLike, variance: npt.ArrayLike) -> SmallAreaFit:  # noqa: N803
    """Posterior means and variances of the Fay-Herriot model under flat priors of beta and sigma2 >= 0.

    Arguments as for `fay_herriot`. `eblup` and `mse` are the posterior mean and variance of each area, by quadrature
    over sigma2 (Rao & Molina 2015, Small Area Estimation, section 10.3; with equal sampling variances the flat prior
    makes the posterior variance unbiased for the MSE to second order: Datta, Rao & Smith 2005, Biometrika 92:183-196).
    `sigma2`, `beta`, `gamma` are posterior means; `loglik` is at those. Unlike REML, no answer rests on sigma2 = 0:
    intervals cover at least 94 % at 63 areas however small sigma2 is, more than 95 % where it is nearly 0. O(m p^2).

    Raises `CannotEstimate`, also for fewer than 3 areas more than covariates, where the posterior is improper.
    """
    areas = check_areas(y, X, variance)
    sampled, covariates = areas.sampled_basis.shape
    if sampled <= covariates + 2:
        raise CannotEstimate(
            f"{sampled} sampled areas are too few for {covariates} covariates and a variance: give at least "
            f"{covariates + 3}"
        )
    with one_thread():
        mode = likelihood_maximum(areas, "reml", TOLERANCE, MAX_ITERATIONS)
        return _fit(areas, _posterior(areas, mode), mode)


@dataclass(frozen=True, eq=False)
class _Posterior:
    """Values of sigma2 (k,) and their weights (k,), adding up to 1."""

    sigma2: Array
    weight: Array


def _posterior(areas: Areas, mode: Optimum) -> _Posterior:
    """Quadrature in x = log(sigma2 + median variance), in which the posterior is nearly normal."""
    base = float(np.median(areas.sampled_variance))
    centre = float(np.log(mode.theta[0] + base))
    spread = 1 / np.sqrt(mode.evaluation.information[0, 0]) / (mode.theta[0] + base)
    lowest = float(np.log(base))

    def density(x: float) -> float:
        return profile_value(areas, max(float(np.exp(x)) - base, 0.0), "reml") + float(x)

    def reach(direction: int) -> float:
        step, top = _FIRST_REACH_SD * float(spread), density(centre)
        for _ in range(_DOUBLINGS):
            x = centre + direction * step
            if x <= lowest or density(x) < top - _DROP:
                return max(x, lowest)
            step *= 2
        raise CannotEstimate("the variance between areas has no upper limit: use fewer covariates or more areas")

    lower, upper = reach(-1), reach(1)
    x = 0.5 * (lower + upper) + 0.5 * (upper - lower) * _NODES
    log_weight = np.array([density(point) for point in x]) + np.log(_WEIGHTS)
    weight = np.exp(log_weight - log_weight.max())
    return _Posterior(np.maximum(np.exp(x) - base, 0.0), weight / weight.sum())


def _fit(areas: Areas, posterior: _Posterior, mode: Optimum) -> SmallAreaFit:
    mean, spread = _averages(areas, posterior)
    covariance = areas.coefficient_covariance(mean.covariance + spread.covariance)
    sigma2 = float(posterior.weight @ posterior.sigma2)
    synthetic, sampled = areas.basis @ mean.coefficients, areas.is_sampled
    loglik = log_likelihood(sigma2 + areas.sampled_variance, (areas.y - synthetic)[sampled])
    parameters = areas.X.shape[1] + 1
    aic, bic = information_criteria(loglik=loglik, parameters=parameters, areas=int(sampled.sum()))
    return SmallAreaFit(
        method="hb",
        beta=areas.coefficients(mean.coefficients),
        beta_se=np.sqrt(np.diag(covariance)),
        beta_covariance=covariance,
        sigma2=sigma2,
        eblup=mean.eblup,
        mse=mean.mse + spread.mse,
        gamma=mean.gamma,
        synthetic=synthetic,
        is_sampled=sampled,
        loglik=loglik,
        aic=aic,
        bic=bic,
        iterations=mode.iterations,
        converged=mode.converged,
    )


@dataclass(frozen=True, eq=False)
class _Moments:
    eblup: Array
    mse: Array
    gamma: Array
    coefficients: Array
    covariance: Array


def _averages(areas: Areas, posterior: _Posterior) -> tuple[_Moments, _Moments]:
    """Posterior means of what holds at one sigma2, and what its uncertainty adds to variances and covariances."""
    parts = [_at(areas, float(sigma2)) for sigma2 in posterior.sigma2]
    mean = _Moments(
        *(
            np.asarray(sum(w * getattr(part, name) for w, part in zip(posterior.weight, parts, strict=True)))
            for name in _Moments.__dataclass_fields__
        )
    )
    away = [(part.eblup - mean.eblup) ** 2 for part in parts]
    apart = [np.outer(part.coefficients - mean.coefficients, part.coefficients - mean.coefficients) for part in parts]
    added = np.asarray(sum(w * a for w, a in zip(posterior.weight, away, strict=True)))
    spread = np.asarray(sum(w * a for w, a in zip(posterior.weight, apart, strict=True)))
    return mean, _Moments(mean.eblup, added, mean.gamma, mean.coefficients, spread)


def _at(areas: Areas, sigma2: float) -> _Moments:
    """Prediction and its error g1 + g2 with sigma2 known."""
    fit = weighted_fit(areas.sampled_y, areas.sampled_basis, sigma2 + areas.sampled_variance)
    shrinkage = shrinkage_of(areas, sigma2)
    synthetic = areas.basis @ fit.coefficients
    direct = np.where(areas.is_sampled, areas.y, synthetic)
    leverage = ((areas.basis @ fit.covariance) * areas.basis).sum(axis=1)
    mse = sigma2 * shrinkage + shrinkage**2 * leverage
    eblup = synthetic + (1 - shrinkage) * (direct - synthetic)
    return _Moments(eblup, mse, 1 - shrinkage, fit.coefficients, fit.covariance)
