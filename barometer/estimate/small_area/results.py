"""What a small-area model gives back: estimates with their errors, and the model behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from barometer.estimate.intervals import CONFIDENCE, Interval
from barometer.estimate.small_area.areas import Array, Mask
from barometer.estimate.small_area.errors import CannotEstimate


@dataclass(frozen=True, eq=False, kw_only=True)
class SmallAreaFit:
    """A fitted area-level model of `m` areas and `p` covariates, in the units of `y`.

    `beta`, `beta_se` (p,); `beta_covariance` (p, p); `sigma2` the variance of area effects; `eblup` (m,) the estimate
    of each area and `mse` (m,) its mean squared error; `gamma` (m,) the weight on the area's own direct estimate (0
    where `is_sampled` is False); `synthetic` (m,) X beta. `loglik` is the full Gaussian log-likelihood at the estimates
    for every method, so that `aic` and `bic` compare models with different covariates. `converged` is False where the
    estimates may not be trusted: iterations ran out, or a correlation lies at its bound.
    """

    method: str
    beta: Array
    beta_se: Array
    beta_covariance: Array
    sigma2: float
    eblup: Array
    mse: Array
    gamma: Array
    synthetic: Array
    is_sampled: Mask
    loglik: float
    aic: float
    bic: float
    iterations: int
    converged: bool

    @property
    def p_values(self) -> Array:
        """Two-sided normal p-values of the coefficients (p,)."""
        return np.asarray(2 * stats.norm.sf(np.abs(self.beta / self.beta_se)), dtype=np.float64)


@dataclass(frozen=True, eq=False, kw_only=True)
class SpatialFit(SmallAreaFit):
    """`rho` is the spatial autocorrelation of area effects, None where `sigma2` is 0: no effects, no correlation."""

    rho: float | None


@dataclass(frozen=True, eq=False, kw_only=True)
class SpatioTemporalFit(SmallAreaFit):
    """Rows are area-times. `sigma2`, `rho`: area effects in space; `sigma2_time`, `rho_time`: area-time effects.

    A correlation is None where its variance is 0.
    """

    rho: float | None
    sigma2_time: float
    rho_time: float | None


@dataclass(frozen=True, eq=False, kw_only=True)
class MeasurementErrorFit(SmallAreaFit):
    """`covariate_variance` (m,) is beta' C_i beta: how much the covariates' own error adds to the synthetic part."""

    covariate_variance: Array


def interval(fit: SmallAreaFit, *, confidence: float = CONFIDENCE) -> Interval:
    """Normal interval eblup -/+ z sqrt(mse) for every area, in the units of `y` (arrays of m)."""
    if not 0 < confidence < 1:
        raise CannotEstimate(f"confidence is {confidence}: give a share between 0 and 1, such as 0.95")
    standard_error = np.sqrt(fit.mse)
    half = float(stats.norm.ppf((1 + confidence) / 2)) * standard_error
    return Interval(standard_error, fit.eblup - half, fit.eblup + half)


def information_criteria(*, loglik: float, parameters: int, areas: int) -> tuple[float, float]:
    """AIC and BIC from a log-likelihood."""
    return -2 * loglik + 2 * parameters, -2 * loglik + parameters * float(np.log(areas))
