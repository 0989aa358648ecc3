"""Which of the four models is meant, from what is known of the areas."""

from __future__ import annotations

from typing import Any, Literal

import numpy.typing as npt

from barometer.estimate.small_area.errors import CannotEstimate
from barometer.estimate.small_area.fay_herriot import fay_herriot
from barometer.estimate.small_area.hierarchical import hierarchical_fay_herriot
from barometer.estimate.small_area.measurement_error import measurement_error_fay_herriot
from barometer.estimate.small_area.results import SmallAreaFit
from barometer.estimate.small_area.scoring import TOLERANCE
from barometer.estimate.small_area.spatial import spatial_fay_herriot
from barometer.estimate.small_area.spatiotemporal import spatiotemporal_fay_herriot

Method = Literal["reml", "ml", "fh", "hb"]


def fit_model(
    y: npt.ArrayLike,
    X: npt.ArrayLike,  # noqa: N803
    variance: npt.ArrayLike,
    *,
    method: Method = "reml",
    proximity: Any = None,
    n_times: int | None = None,
    X_error: npt.ArrayLike | None = None,  # noqa: N803
    tolerance: float = TOLERANCE,
) -> SmallAreaFit:
    """Fit the model that the arguments call for.

    Only `y`, `X`, `variance`: Fay-Herriot, or hierarchical Bayes for method "hb". With `proximity`: spatial (REML or
    ML). With `proximity` and `n_times`: spatio-temporal (REML). With `X_error`: measurement error (moments, whatever
    `method` says). Raises `CannotEstimate` for a combination that no model has.
    """
    if X_error is not None:
        if proximity is not None or n_times is not None:
            raise CannotEstimate("X_error goes with neither proximity nor n_times: leave one of them out")
        return measurement_error_fay_herriot(y, X, variance, X_error, tolerance=tolerance)
    if n_times is not None:
        if proximity is None or method != "reml":
            raise CannotEstimate("n_times needs proximity and method 'reml': give both")
        return spatiotemporal_fay_herriot(y, X, variance, n_times, proximity, tolerance=tolerance)
    if proximity is not None:
        if method not in ("reml", "ml"):
            raise CannotEstimate(f"method {method!r} does not know proximity: use 'reml' or 'ml'")
        return spatial_fay_herriot(y, X, variance, proximity, method=method, tolerance=tolerance)
    if method == "hb":
        return hierarchical_fay_herriot(y, X, variance)
    return fay_herriot(y, X, variance, method=method, tolerance=tolerance)
