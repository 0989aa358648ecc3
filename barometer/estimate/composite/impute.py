"""Missing values filled in, each with the error it brings: a guess is never known as well as what was measured."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from barometer.errors import BadInput
from barometer.estimate.composite.structure import Imputation

Array = npt.NDArray[np.float64]

_EM_STEPS = 200
_EM_TOLERANCE = 1e-8
# Added to the diagonal of the covariance of standardised values: with hardly more units than parts it is near singular.
_EM_RIDGE = 1e-3


class Imputed(NamedTuple):
    """`values` (units, parts) with gaps filled where they could be; `errors`: standard error of the filled, else 0."""

    values: Array
    errors: Array


def impute(values: Array, method: Imputation, *, groups: npt.NDArray[np.str_] | None = None) -> Imputed:
    """Fill NaN of `values` (units, parts).

    `none` leaves them. `mean`, `median`: of the part. `group_mean`: of the part among units of the same `groups` label
    (of all units where the group has none). `em`: conditional mean given the unit's other parts under a multivariate
    normal (Dempster, Laird & Rubin 1977, JRSS B 39:1-38). The standard error is the spread about what was filled in.
    Raises `BadInput` when `group_mean` comes without `groups`.
    """
    if method == "none":
        return Imputed(values, np.zeros_like(values))
    if method == "em":
        return _em(values)
    if method == "group_mean":
        return _by_group(values, groups)
    return _filled(values, np.nanmedian(values, axis=0) if method == "median" else np.nanmean(values, axis=0))


def _filled(values: Array, centre: Array) -> Imputed:
    missing = np.isnan(values)
    errors = np.where(missing, _spread(values), 0.0)
    return Imputed(np.where(missing, centre, values), errors)


def _spread(values: Array) -> Array:
    """Standard deviation of each part; 0 where one value or none is known."""
    known = np.isfinite(values).sum(axis=0)
    deviations = np.nansum((values - np.nanmean(values, axis=0)) ** 2, axis=0)
    return np.asarray(np.sqrt(deviations / np.maximum(known - 1, 1)), dtype=np.float64)


def _by_group(values: Array, groups: npt.NDArray[np.str_] | None) -> Imputed:
    if groups is None:
        raise BadInput("imputation by group_mean needs the group of every unit: pass unit_groups")
    filled, errors = _filled(values, np.nanmean(values, axis=0))
    for label in np.unique(groups):
        members = groups == label
        known = np.isfinite(values[members]).any(axis=0)
        chosen = np.ix_(members, known)
        filled[chosen], errors[chosen] = _filled(values[chosen], np.nanmean(values[chosen], axis=0))
    return Imputed(filled, errors)


def _em(values: Array) -> Imputed:
    centre, spread = np.nanmean(values, axis=0), _spread(values)
    scale = np.where(spread > 0, spread, 1.0)
    standard = (values - centre) / scale
    mean, covariance = np.zeros(values.shape[1]), np.eye(values.shape[1])
    for _ in range(_EM_STEPS):
        filled, extra = _expected(standard, mean, covariance)
        moved = filled.mean(axis=0)
        deviations = filled - moved
        updated = (deviations.T @ deviations + extra.sum(axis=0)) / len(filled) + _EM_RIDGE * np.eye(len(moved))
        step = max(np.abs(moved - mean).max(), np.abs(updated - covariance).max())
        mean, covariance = moved, updated
        if step < _EM_TOLERANCE:
            break
    filled, extra = _expected(standard, mean, covariance)
    errors = np.sqrt(np.maximum(np.diagonal(extra, axis1=1, axis2=2), 0.0)) * scale
    return Imputed(np.where(np.isnan(values), filled * scale + centre, values), errors)


def _expected(standard: Array, mean: Array, covariance: Array) -> tuple[Array, Array]:
    """Conditional mean of each unit's missing parts given its known ones, and the conditional covariance left."""
    filled, extra = standard.copy(), np.zeros((*standard.shape, standard.shape[1]))
    for unit in np.flatnonzero(np.isnan(standard).any(axis=1)):
        gap = np.isnan(standard[unit])
        slope = np.linalg.solve(covariance[np.ix_(~gap, ~gap)], covariance[np.ix_(~gap, gap)]).T
        filled[unit, gap] = mean[gap] + slope @ (standard[unit, ~gap] - mean[~gap])
        extra[unit][np.ix_(gap, gap)] = covariance[np.ix_(gap, gap)] - slope @ covariance[np.ix_(~gap, gap)]
    return filled, extra
