"""Scales on which shares are nearly normal: there with the delta method, back without bias and never outside 0..1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from barometer.estimate.small_area.areas import Array
from barometer.estimate.small_area.errors import CannotEstimate

TransformName = Literal["logit", "arcsine"]

# Points of Gauss-Hermite quadrature. Against adaptive integration a share is right to 1e-9 up to a standard deviation
# of 2 logits; on the arcsine scale, which bends sharply at its ends, to 5e-5 up to a standard deviation of 0.3.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True)
class Transform:
    """A scale for shares. `forward` takes (share, effective_n), `variance` likewise; `back` returns a share."""

    name: TransformName
    forward: Callable[[Array, Array], Array]
    variance: Callable[[Array, Array], Array]
    back: Callable[[Array], Array]


def _logit(share: Array, effective_n: Array) -> Array:
    """Empirical logit log((x + 1/2) / (n - x + 1/2)), finite where all or none say yes (Anscombe 1956)."""
    yes = share * effective_n
    return np.asarray(np.log((yes + 0.5) / (effective_n - yes + 0.5)), dtype=np.float64)


def _logit_variance(share: Array, effective_n: Array) -> Array:
    """Delta method: 1 / (n p (1 - p)), at the share of x + 1/2 in n + 1, so that it is finite."""
    inside = (share * effective_n + 0.5) / (effective_n + 1)
    return np.asarray(1 / (effective_n * inside * (1 - inside)), dtype=np.float64)


def _arcsine(share: Array, effective_n: Array) -> Array:
    return np.asarray(np.arcsin(np.sqrt(share)), dtype=np.float64)


def _arcsine_variance(share: Array, effective_n: Array) -> Array:
    """Delta method: 1 / (4 n) whatever the share, which is what the scale is for."""
    return np.asarray(1 / (4 * effective_n), dtype=np.float64)


def _arcsine_back(value: Array) -> Array:
    return np.asarray(np.sin(np.clip(value, 0, np.pi / 2)) ** 2, dtype=np.float64)


TRANSFORMS: dict[str, Transform] = {
    "logit": Transform("logit", _logit, _logit_variance, special.expit),
    "arcsine": Transform("arcsine", _arcsine, _arcsine_variance, _arcsine_back),
}


def transform_named(name: str) -> Transform:
    """The transform of that name; raises `CannotEstimate` for any other."""
    if name not in TRANSFORMS:
        raise CannotEstimate(f"transform {name!r} is not known: use one of {', '.join(TRANSFORMS)}")
    return TRANSFORMS[name]


def expected_share(transform: Transform, *, mean: Array, variance: Array) -> Array:
    """E[back(Z)] for Z ~ N(mean, variance), element by element (m,): the back-transformation without its bias.

    Sugasawa & Kubokawa (2017, Computational Statistics & Data Analysis 114:47-60), by Gauss-Hermite quadrature.
    """
    return np.asarray(transform.back(_points(mean, variance)) @ _WEIGHTS, dtype=np.float64)


def share_error(transform: Transform, *, mean: Array, variance: Array, share: Array) -> Array:
    """Root of E[(back(Z) - share)^2] for Z ~ N(mean, variance): the standard error on the scale of shares (m,)."""
    away = transform.back(_points(mean, variance)) - share[:, np.newaxis]
    return np.asarray(np.sqrt(away**2 @ _WEIGHTS), dtype=np.float64)


def _points(mean: Array, variance: Array) -> Array:
    return np.asarray(mean[:, np.newaxis] + np.sqrt(variance)[:, np.newaxis] * _NODES, dtype=np.float64)
