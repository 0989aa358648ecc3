"""Shares of people per small area: modelled on a scale without ends, given back with intervals inside 0..1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from barometer.estimate.small_area.areas import Array, Mask, rows_of
from barometer.estimate.small_area.errors import CannotEstimate
from barometer.estimate.small_area.models import Method, fit_model
from barometer.estimate.small_area.results import SmallAreaFit, interval
from barometer.estimate.small_area.transforms import (
    Transform,
    TransformName,
    expected_share,
    share_error,
    transform_named,
)


@dataclass(frozen=True, eq=False, kw_only=True)
class SharesFit:
    """Estimated shares of `m` areas (m,), all in 0..1: `share`, its `standard_error`, and 95 % interval ends.

    `fit` is the model on the transformed scale, with its own `eblup`, `mse`, `gamma`, `sigma2` and `converged`.
    """

    share: Array
    standard_error: Array
    lower: Array
    upper: Array
    is_sampled: Mask
    transform: TransformName
    fit: SmallAreaFit


def fit_shares(
    share: npt.ArrayLike,
    effective_n: npt.ArrayLike,
    X: npt.ArrayLike,  # noqa: N803
    *,
    transform: TransformName = "logit",
    method: Method = "reml",
    proximity: Any = None,
    n_times: int | None = None,
) -> SharesFit:
    """Model direct estimates of shares (m,), each as sure as `effective_n` (m,) simple random draws.

    An area whose share is NaN, or whose `effective_n` is NaN or 0, was not sampled and is predicted. `X`, `method`,
    `proximity` and `n_times` as for `fit_model`. Sampling variances are the delta method's: 1/(4 n) on the arcsine
    square-root scale; on the logit scale 1/(n p (1-p)) with p not the area's own share, whose error would leak into its
    weight, but the pooled share first and the first fit's regression share then.

    A share is the expectation of the back-transformed normal N(eblup, mse), so that it is not pulled towards 1/2 or
    away from it; interval ends are back-transformed as they are, so that they cover as on the scale of the model.
    In simulated cities of 63 areas with about 25 answers each, 95 % intervals covered 94 to 97 % with "arcsine" and
    "hb", 93 to 95 % with "arcsine" and "reml", 94 to 97 % with "logit" and "hb", 91 to 93 % with "logit" and "reml".

    Raises `CannotEstimate`, also where a share lies outside 0..1.
    """
    scale = transform_named(transform)
    direct, size = _check_shares(share, effective_n)
    y = scale.forward(direct, size)

    def fit_with(p: Array) -> SmallAreaFit:
        return fit_model(y, X, scale.variance(p, size), method=method, proximity=proximity, n_times=n_times)

    pooled = np.nansum(direct * size) / np.nansum(np.where(np.isnan(direct), np.nan, size))
    fit = fit_with(np.full(len(direct), pooled))
    fit = fit_with(scale.back(fit.synthetic)) if transform == "logit" else fit
    return _on_shares(scale, fit)


def _check_shares(share: npt.ArrayLike, effective_n: npt.ArrayLike) -> tuple[Array, Array]:
    direct = np.asarray(share, dtype=np.float64)
    size = np.asarray(effective_n, dtype=np.float64)
    if direct.ndim != 1 or direct.shape != size.shape:
        raise CannotEstimate(f"share is {direct.shape} and effective_n {size.shape}: give one number each an area")
    if (outside := (direct < 0) | (direct > 1)).any():
        raise CannotEstimate(f"share lies outside 0..1 at {rows_of(outside)}: give proportions, not percentages")
    if (negative := (size < 0) | np.isinf(size)).any():
        raise CannotEstimate(f"effective_n is negative or infinite at {rows_of(negative)}: give NaN where not sampled")
    is_sampled = ~np.isnan(direct) & (size > 0)
    if not is_sampled.any():
        raise CannotEstimate("no area was sampled: give at least one share more than there are covariates")
    return np.where(is_sampled, direct, np.nan), np.where(is_sampled, size, np.nan)


def _on_shares(scale: Transform, fit: SmallAreaFit) -> SharesFit:
    share = expected_share(scale, mean=fit.eblup, variance=fit.mse)
    ends = interval(fit)
    return SharesFit(
        share=share,
        standard_error=share_error(scale, mean=fit.eblup, variance=fit.mse, share=share),
        lower=scale.back(ends.lower),
        upper=scale.back(ends.upper),
        is_sampled=fit.is_sampled,
        transform=scale.name,
        fit=fit,
    )
