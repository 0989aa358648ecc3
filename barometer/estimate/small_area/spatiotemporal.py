"""The spatio-temporal Fay-Herriot model: area effects correlated in space, area-time effects in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from barometer.estimate.small_area import mixed
from barometer.estimate.small_area.areas import Areas, Array, check_areas
from barometer.estimate.small_area.errors import CannotEstimate
from barometer.estimate.small_area.mixed import Effects
from barometer.estimate.small_area.proximity import check_proximity
from barometer.estimate.small_area.results import SpatioTemporalFit
from barometer.estimate.small_area.scoring import (
    MAX_ITERATIONS,
    TOLERANCE,
    Box,
    Evaluation,
    Optimum,
    fisher_scoring,
)
from barometer.estimate.small_area.spatial import LARGEST_RHO, START_RHO, Autoregression, mixed_fields
from barometer.estimate.small_area.threads import one_thread


def spatiotemporal_fay_herriot(
    y: npt.ArrayLike,
    X: npt.ArrayLike,  # noqa: N803
    variance: npt.ArrayLike,
    n_times: int,
    proximity: Any,
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> SpatioTemporalFit:
    """Fit y_dt = x_dt'beta + u_d + w_dt + e_dt by REML (Marhuenda, Molina & Morales 2013, CSDA 58:308-325).

    Rows are sorted by area, then time: `y` (D n_times,), `X` (D n_times, p), `variance` (D n_times,); NaN where an area
    was not sampled at a time. `proximity` (D, D), row-standardised. u = rho W u + noise of variance sigma2; w_d follows
    a stationary AR(1) with correlation rho_time and innovation variance sigma2_time, as R's `eblupSTFH`.

    MSE: g1 + g2 + 2 g3 - g4, the second-order error of a mixed model with restricted likelihood (Das, Jiang & Rao
    2004, Annals of Statistics 32:818-840), at once; `bootstrap_mse` gives R's parametric bootstrap. `converged` is
    False where iterations ran out or a correlation of a positive variance ends at its bound.
    Cost: dense O((D n_times)^3); one core takes 1.6 s for 63 areas at 8 times.
    Raises `CannotEstimate`; see `check_areas` and `check_proximity`.
    """
    areas = check_areas(y, X, variance)
    structure = panel(len(areas.y), n_times, proximity)
    with one_thread():
        found = _maximum(areas, structure, tolerance, max_iterations)
        return _fit(areas, structure, found)


@dataclass(frozen=True, eq=False)
class Panel:
    """Covariance of u_d + w_dt at theta = (sigma2, rho, sigma2_time, rho_time), rows sorted by area, then time."""

    space: Autoregression
    n_areas: int
    n_times: int

    def __call__(self, theta: Array) -> Effects:
        sigma2, rho, sigma2_time, rho_time = (float(value) for value in theta)
        area, area_first, area_second = (self._spread(matrix) for matrix in self.space.correlation(rho))
        time, time_first, time_second = (self._blocks(matrix) for matrix in autocorrelation(rho_time, self.n_times))

        def seconds() -> Mapping[tuple[int, int], Array]:
            return {
                (0, 1): area_first,
                (1, 1): sigma2 * area_second,
                (2, 3): time_first,
                (3, 3): sigma2_time * time_second,
            }

        first = (area, sigma2 * area_first, time, sigma2_time * time_first)
        return Effects(sigma2 * area + sigma2_time * time, first, seconds)

    def draw(self, theta: Array, normal: Array) -> Array:
        """Effects (D n_times,) from `normal` (D + D n_times,) standard normal numbers."""
        sigma2_time, rho_time = float(theta[2]), float(theta[3])
        area = self.space.draw(theta[:2], normal[: self.n_areas])
        innovations = normal[self.n_areas :].reshape(self.n_areas, self.n_times).copy()
        innovations[:, 0] /= np.sqrt(1 - rho_time**2)
        time = np.sqrt(sigma2_time) * lfilter([1.0], [1.0, -rho_time], innovations, axis=1)
        return np.asarray(area[:, np.newaxis] + time, dtype=np.float64).ravel()

    def _spread(self, matrix: Array) -> Array:
        return np.asarray(np.kron(matrix, np.ones((self.n_times, self.n_times))), dtype=np.float64)

    def _blocks(self, matrix: Array) -> Array:
        return np.asarray(np.kron(np.eye(self.n_areas), matrix), dtype=np.float64)


def panel(rows: int, n_times: int, proximity: Any) -> Panel:
    """The structure of `rows` area-times; raises `CannotEstimate` where they are not whole areas of `n_times` >= 2."""
    if n_times < 2 or rows % n_times:
        raise CannotEstimate(
            f"{rows} rows do not make areas of {n_times} times each: give every area every time, at least two, "
            "with NaN where it was not sampled"
        )
    n_areas = rows // n_times
    return Panel(Autoregression(check_proximity(proximity, areas=n_areas)), n_areas, n_times)


def autocorrelation(rho: float, n_times: int) -> tuple[Array, Array, Array]:
    """Covariance rho^|t-s| / (1 - rho^2) of an AR(1) with unit innovations, and its first two derivatives in rho."""
    lag = np.abs(np.subtract.outer(np.arange(n_times), np.arange(n_times))).astype(np.float64)
    scale = 1 / (1 - rho**2)
    power = rho**lag
    slope = lag * rho ** np.maximum(lag - 1, 0)
    bend = lag * (lag - 1) * rho ** np.maximum(lag - 2, 0)
    first = slope * scale + 2 * rho * power * scale**2
    second = bend * scale + 4 * rho * slope * scale**2 + power * (2 * scale**2 + 8 * rho**2 * scale**3)
    return power * scale, first, second


def _maximum(areas: Areas, structure: Panel, tolerance: float, max_iterations: int) -> Optimum:
    """Scoring from R's start; where that ends at a bound or not at all, from uncorrelated effects too."""
    half = 0.5 * float(np.median(areas.sampled_variance))
    box = Box(
        np.array([0.0, -LARGEST_RHO, 0.0, -LARGEST_RHO]),
        np.array([np.inf, LARGEST_RHO, np.inf, LARGEST_RHO]),
        np.array([half, 1.0, half, 1.0]),
    )

    def evaluate(theta: Array) -> Evaluation:
        return mixed.evaluate(areas, structure, theta, "reml")

    def climb(start: list[float]) -> Optimum:
        return fisher_scoring(
            evaluate, start=np.array(start), box=box, tolerance=tolerance, max_iterations=max_iterations
        )

    found = climb([half, START_RHO, half, START_RHO])
    if found.converged and found.is_free.all():
        return found
    other = climb([half, 0.0, half, 0.0])
    return other if other.evaluation.value > found.evaluation.value + 1e-6 else found


def _fit(areas: Areas, structure: Panel, found: Optimum) -> SpatioTemporalFit:
    sigma2, rho, sigma2_time, rho_time = (float(value) for value in found.theta)
    exists = np.array([True, sigma2 > 0, True, sigma2_time > 0])
    found = replace(found, is_free=found.is_free & exists)
    fitted = mixed.fit_at(areas, structure(found.theta))
    prediction = mixed.predict(areas, fitted, found, "reml")
    inside = all(abs(r) < LARGEST_RHO for r, s in ((rho, sigma2), (rho_time, sigma2_time)) if s > 0)
    return SpatioTemporalFit(
        sigma2=sigma2,
        rho=rho if sigma2 > 0 else None,
        sigma2_time=sigma2_time,
        rho_time=rho_time if sigma2_time > 0 else None,
        converged=found.converged and inside,
        iterations=found.iterations,
        method="reml",
        **mixed_fields(areas, fitted, prediction, parameters=4),
    )
