"""Parametric bootstrap of an area estimate's mean squared error."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from barometer.estimate.small_area.areas import Array, check_areas
from barometer.estimate.small_area.errors import CannotEstimate
from barometer.estimate.small_area.models import Method, fit_model
from barometer.estimate.small_area.proximity import check_proximity
from barometer.estimate.small_area.results import SmallAreaFit, SpatialFit, SpatioTemporalFit
from barometer.estimate.small_area.spatial import Autoregression
from barometer.estimate.small_area.spatiotemporal import panel

REPLICATES = 200

# Refits stop where R stops: what is left is far below the bootstrap's own noise.
_REFIT_TOLERANCE = 1e-4

Draw = Callable[[np.random.Generator], Array]


def bootstrap_mse(
    y: npt.ArrayLike,
    X: npt.ArrayLike,  # noqa: N803
    variance: npt.ArrayLike,
    *,
    seed: int,
    replicates: int = REPLICATES,
    method: Method = "reml",
    proximity: Any = None,
    n_times: int | None = None,
) -> Array:
    """Mean squared error of every area's estimate (m,) by simulating from the fitted model and fitting again.

    The model is the one `fit_model` takes from the same arguments. Each replicate draws area effects and sampling
    errors, refits, and compares with its own truth (Gonzalez-Manteiga et al. 2008, J. Stat. Comput. Simul.
    78:443-462; R's `pbmseSFH` and `pbmseSTFH`). Its own noise is about 1/sqrt(2 replicates) of the root MSE's size.
    The same `seed` gives the same numbers. Raises `CannotEstimate`, also for fewer than 2 replicates.
    """
    if replicates < 2:
        raise CannotEstimate(f"{replicates} replicates say nothing of an error: use {REPLICATES} or more")
    areas = check_areas(y, X, variance)
    model = partial(fit_model, method=method, proximity=proximity, n_times=n_times)
    fit = model(areas.y, areas.X, areas.variance)
    draw = _effects(fit, proximity, n_times)
    generator, total = np.random.default_rng(seed), np.zeros(len(areas.y))
    for _ in range(replicates):
        truth = fit.synthetic + draw(generator)
        seen = truth + np.sqrt(areas.variance) * generator.standard_normal(len(truth))
        refit = model(seen, areas.X, areas.variance, tolerance=_REFIT_TOLERANCE)
        total += (refit.eblup - truth) ** 2
    return total / replicates


def _effects(fit: SmallAreaFit, proximity: Any, n_times: int | None) -> Draw:
    """How to draw the fitted model's effects of all rows."""
    rows = len(fit.eblup)
    if isinstance(fit, SpatioTemporalFit):
        structure = panel(rows, n_times or 0, proximity)
        theta = np.array([fit.sigma2, fit.rho or 0.0, fit.sigma2_time, fit.rho_time or 0.0])
        return lambda generator: structure.draw(theta, generator.standard_normal(structure.n_areas + rows))
    if isinstance(fit, SpatialFit):
        space = Autoregression(check_proximity(proximity, areas=rows))
        return lambda generator: space.draw(np.array([fit.sigma2, fit.rho or 0.0]), generator.standard_normal(rows))
    return lambda generator: np.sqrt(fit.sigma2) * generator.standard_normal(rows)
