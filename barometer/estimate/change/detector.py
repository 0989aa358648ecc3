"""Evidence that the mean of a series has changed: an e-process a series, vectorised over series.

The model: value[t] = level + error[t], errors normal with the standard errors given and independent from period to
period. For one moment k of a possible change, the precision-weighted means before and since k differ by `d` with
variance 1/before + 1/since (sums of precisions), so that the errors of both sides count. d is what the recursive
residuals (Brown, Durbin & Evans 1975, JRSS B 37:149-192) say of a step at k: independent of the unknown level, and
standard normal as long as nothing changes. The likelihood ratio of a step of random size N(0, tau^2), up or down,
against none is therefore

    L[k, t] = (1 + tau^2 h)^(-1/2) exp(d^2 h / 2 * tau^2 h / (1 + tau^2 h)),   1/h = 1/before + 1/since

a martingale in t of mean 1 (Robbins 1970, Annals of Mathematical Statistics 41:1397-1409). Its average over the moments
that a look-back may hold is an e-process, the Shiryaev-Roberts e-detector of Shin, Ramdas & Rinaldo (2024, New England
Journal of Statistics in Data Science 2:229-260) over a known number of periods: at whichever period one stops to look,
its mean is at most 1 where nothing has changed, and it ever reaches c with probability at most 1/c. A period still
running is covered too: what comes in later only refines the same means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# Sizes of a step that are looked for, in usual errors of one period before it, in equal parts: a slow, a plain and a
# sharp change. They are ratios, so that the unit of an indicator plays no part.
STEP_SIZES = (0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Detection:
    """What is known at the newest period; n series, t periods.

    `log_evidence` (n, t): natural log of the e-process at every period. `start` (n,): index of the first period of the
    new level, the likeliest moment; 0 where no moment can be named. `before`, `since`, `change` (n,): levels and their
    difference, with standard errors, in the values' unit; NaN where `start` is 0.
    """

    log_evidence: Array
    start: npt.NDArray[np.int64]
    before: Array
    before_error: Array
    since: Array
    since_error: Array
    change: Array
    change_error: Array


@dataclass(frozen=True)
class _Sums:
    """Known periods only: precision (0 in a gap), precision times value (centred), precision squared; each (n, t)."""

    precision: Array
    weighted: Array
    squared: Array
    centre: Array


def detect(values: Array, errors: Array, *, horizon: int, dispersion: float = 1.0) -> Detection:
    """Evidence of a change in each series, at every period.

    `values`, `errors`: (n, t), periods in order; NaN in either is a gap. `horizon`: the most periods a look-back holds,
    fixed by the calendar and never by values, at least t and 2. `dispersion`: how many times as variable the values are
    as their errors say, at least 1. Raises `ValueError` for shapes that differ, errors that are not above 0, a horizon
    too short or a dispersion below 1.
    """
    _check(values, errors, horizon, dispersion)
    sums = _sums(values, errors)
    total, newest = _accumulate(sums, dispersion)
    moments = horizon - 1
    not_yet = np.maximum(moments - np.arange(values.shape[1]), 0)
    with np.errstate(divide="ignore"):
        log_evidence = np.logaddexp(total, np.log(not_yet)) - np.log(moments)
    return _described(sums, log_evidence, _likeliest(newest, sums), dispersion)


def _check(values: Array, errors: Array, horizon: int, dispersion: float) -> None:
    if values.ndim != 2 or values.shape != errors.shape:
        raise ValueError(f"values and errors must be two tables of one shape, not {values.shape} and {errors.shape}")
    if np.any(errors <= 0):
        raise ValueError("standard errors must be above 0; pass NaN for a gap")
    if horizon < max(values.shape[1], 2):
        raise ValueError(f"a horizon of {horizon} periods is too short for {values.shape[1]} periods")
    if not dispersion >= 1:
        raise ValueError(f"dispersion must be at least 1, not {dispersion}")


def _sums(values: Array, errors: Array) -> _Sums:
    is_known = np.isfinite(values) & np.isfinite(errors)
    precision = np.where(is_known, 1 / np.where(is_known, errors, 1.0) ** 2, 0.0)
    known = np.where(is_known, values, 0.0)
    # Centred, so that sums of large values do not swallow small changes.
    centre = (precision * known).sum(axis=1) / np.maximum(precision.sum(axis=1), np.finfo(float).tiny)
    return _Sums(precision, precision * np.where(is_known, known - centre[:, None], 0.0), precision**2, centre)


def _accumulate(sums: _Sums, dispersion: float) -> tuple[Array, Array]:
    """Log of the sum over moments k <= t of L[k, t] (n, t), and log L[k, newest] (n, t); period 0 is no moment."""
    total = np.full(sums.precision.shape, -np.inf)
    newest = np.full(sums.precision.shape, -np.inf)
    for k in range(1, sums.precision.shape[1]):
        log_ratio = _log_ratio(sums, k, dispersion)
        total[:, k:] = np.logaddexp(total[:, k:], log_ratio)
        newest[:, k] = log_ratio[:, -1]
    return total, newest


def _log_ratio(sums: _Sums, k: int, dispersion: float) -> Array:
    """log L[k, t] for t = k, k+1, ...: (n, t-k). 0 as long as either side is unknown."""
    before = sums.precision[:, :k].sum(axis=1, keepdims=True)
    since = np.cumsum(sums.precision[:, k:], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        step = (
            np.cumsum(sums.weighted[:, k:], axis=1) / since - sums.weighted[:, :k].sum(axis=1, keepdims=True) / before
        )
        information = 1 / (1 / before + 1 / since)
        # The usual precision of a period, each weighted by itself: a period that says nothing changes nothing.
        usual_precision = sums.squared[:, :k].sum(axis=1, keepdims=True) / before
        relative = information / usual_precision
        z_squared = step**2 * information / dispersion
        mixed = _mixed(z_squared, relative)
    return np.where((before > 0) & (since > 0), mixed, 0.0)


def _mixed(z_squared: Array, relative: Array) -> Array:
    """Log of the likelihood ratio averaged over STEP_SIZES; `relative`: information over the usual precision (> 0)."""
    mixed = np.full(z_squared.shape, -np.inf)
    for size in STEP_SIZES:
        ratio = size**2 * relative
        mixed = np.logaddexp(mixed, (z_squared * ratio / (1 + ratio) - np.log1p(ratio)) / 2)
    return np.asarray(mixed - np.log(len(STEP_SIZES)))


def _likeliest(newest: Array, sums: _Sums) -> npt.NDArray[np.int64]:
    """The moment with the largest ratio, among known periods that have a known one before; 0 where there is none."""
    is_known = sums.precision > 0
    is_moment = is_known & (np.cumsum(is_known, axis=1) > 1)
    best = np.argmax(np.where(is_moment, newest, -np.inf), axis=1)
    return np.where(is_moment.any(axis=1), best, 0)


def _described(sums: _Sums, log_evidence: Array, start: npt.NDArray[np.int64], dispersion: float) -> Detection:
    is_since = np.arange(sums.precision.shape[1])[None, :] >= start[:, None]
    level = [_level(sums, side, dispersion) for side in (~is_since, is_since)]
    (before, before_error), (since, since_error) = (
        (np.where(start > 0, part, np.nan) for part in side) for side in level
    )
    return Detection(
        log_evidence=log_evidence,
        start=start,
        before=before,
        before_error=before_error,
        since=since,
        since_error=since_error,
        change=since - before,
        change_error=np.hypot(before_error, since_error),
    )


def _level(sums: _Sums, side: npt.NDArray[np.bool_], dispersion: float) -> tuple[Array, Array]:
    """Precision-weighted mean of one side and its standard error."""
    precision = np.where(side, sums.precision, 0.0).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(side, sums.weighted, 0.0).sum(axis=1) / precision
        return mean + sums.centre, np.sqrt(dispersion / precision)
