"""Working scales: logit for shares, the scale itself for means. There and back, with smoothed sampling variances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from barometer.errors import BadInput
from barometer.estimate.intervals import Array, Z

# An area's own estimate of its share makes its own variance wrong in step with it (a share that came out near 0 looks
# sure of itself), so the variance is taken half-way between that share and the wave's mean.
_OWN_PART = 0.5
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(20)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
# Where no spread of answers is left to estimate a variance from, a wave has none that could be pooled.
_LEAST_VARIANCE = 1e-9
_FURTHEST_LOGIT = 700.0


@dataclass(frozen=True)
class Scale:
    """Scale of an indicator: `share` (0 to 1, worked on as a logit) or `mean` (worked on as it is)."""

    kind: Literal["share", "mean"] = "mean"
    minimum: float = -np.inf
    maximum: float = np.inf

    def to_working(self, value: Array, variance: Array, n: Array) -> tuple[Array, Array]:
        """Direct estimates of one wave (areas) and their smoothed sampling variances, both on the working scale.

        The unit variance (sampling variance times effective n) is pooled over the wave's areas: with some twenty
        answers an area's own variance is mostly noise (generalised variance function, Wolter 2007, ch. 7). Shares:
        empirical logit log((np + 1/2) / (nq + 1/2)), nearly unbiased (Anscombe 1956, Biometrika 43:461-464).
        Raises `BadInput` for a share outside 0-1.
        """
        if self.kind == "mean":
            return value, np.full_like(value, _pooled(n * variance)) / n
        if ((value < 0) | (value > 1)).any():
            raise BadInput("survey: a share lies outside 0 to 1; give means with Scale('mean')")
        mean = float(np.average(value, weights=n))
        design_effect = _pooled(n * variance) / max(_pooled(value * (1 - value)), _LEAST_VARIANCE)
        effective = n / max(design_effect, _LEAST_VARIANCE)
        logit = np.log((effective * value + 0.5) / (effective * (1 - value) + 0.5))
        near = np.clip(_OWN_PART * value + (1 - _OWN_PART) * mean, 0.5 / (effective + 1), 1 - 0.5 / (effective + 1))
        return logit, 1 / (effective * near * (1 - near))

    def back(self, level: Array, variance: Array) -> tuple[Array, Array, Array, Array]:
        """Value, standard error, lower and upper end of the 95 % interval, in the indicator's unit.

        A share's value is the mean of the back-turned normal (Gauss-Hermite quadrature), not the turned-back mean.
        """
        deviation = np.sqrt(variance)
        ends = self._turned(level - Z * deviation), self._turned(level + Z * deviation)
        if self.kind == "mean":
            value, error = np.clip(level, self.minimum, self.maximum), deviation
        else:
            turned = self._turned(level[..., None] + deviation[..., None] * _NODES)
            value = np.asarray(turned @ _WEIGHTS)
            error = np.sqrt(np.maximum((turned - value[..., None]) ** 2 @ _WEIGHTS, 0.0))
        return value, error, np.minimum(ends[0], value), np.maximum(ends[1], value)

    def unit_variance(self, value: Array, pooled: float) -> Array:
        """Variance of one answer: of a share p(1-p), of a mean what the survey's answers had on average."""
        return value * (1 - value) if self.kind == "share" else np.full_like(value, pooled)

    def _turned(self, level: Array) -> Array:
        if self.kind == "mean":
            return np.clip(level, self.minimum, self.maximum)
        return np.asarray(1 / (1 + np.exp(-np.clip(level, -_FURTHEST_LOGIT, _FURTHEST_LOGIT))))


def _pooled(unit: Array) -> float:
    return max(float(unit.mean()), _LEAST_VARIANCE)
