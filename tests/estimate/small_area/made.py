"""Areas whose truth is known, and the models written out plainly with full matrices to compare with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from barometer.estimate.small_area.areas import Array


class Made(NamedTuple):
    """Areas drawn from a Fay-Herriot model: what is seen of them, and the truth (m,)."""

    y: Array
    X: Array
    variance: Array
    truth: Array


BETA = np.array([1.0, 0.5, -0.3])


def make_areas(*, areas: int = 40, sigma2: float = 1.0, seed: int = 0, covariates: int = 2) -> Made:
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(areas), rng.normal(size=(areas, covariates))])
    variance = rng.uniform(0.3, 2.0, areas)
    beta = np.resize(BETA, covariates + 1)
    truth = design @ beta + np.sqrt(sigma2) * rng.normal(size=areas)
    return Made(truth + np.sqrt(variance) * rng.normal(size=areas), design, variance, truth)


def ring(areas: int) -> Array:
    """Areas in a circle, each beside two."""
    beside = np.roll(np.eye(areas), 1, axis=1)
    return (beside + beside.T) / 2


def lattice(side: int) -> Array:
    """side x side areas in a square, neighbours across edges, rows adding up to 1."""
    line = np.eye(side, k=1) + np.eye(side, k=-1)
    beside = np.kron(line, np.eye(side)) + np.kron(np.eye(side), line)
    return beside / beside.sum(axis=1, keepdims=True)


def make_spatial(*, side: int = 7, sigma2: float = 1.0, rho: float = 0.6, seed: int = 0) -> tuple[Made, Array]:
    rng = np.random.default_rng(seed)
    areas, proximity = side**2, lattice(side)
    design = np.column_stack([np.ones(areas), rng.normal(size=areas)])
    variance = rng.uniform(0.2, 0.6, areas)
    effects = np.linalg.solve(np.eye(areas) - rho * proximity, np.sqrt(sigma2) * rng.normal(size=areas))
    truth = design @ BETA[:2] + effects
    return Made(truth + np.sqrt(variance) * rng.normal(size=areas), design, variance, truth), proximity


class Plain(NamedTuple):
    """Best linear unbiased prediction with full matrices."""

    beta: Array
    beta_covariance: Array
    blup: Array
    g1: Array
    g2: Array
    loglik: float


def plain_blup(made: Made, effects: Array) -> Plain:
    """Everything that is linear, for a covariance `effects` (m, m) of the area effects: textbook formulas, O(m^3)."""
    y, design, variance = made.y, made.X, made.variance
    sigma = effects + np.diag(variance)
    inverse = np.linalg.inv(sigma)
    covariance = np.linalg.inv(design.T @ inverse @ design)
    beta = covariance @ design.T @ inverse @ y
    left_over = design - effects @ inverse @ design
    residual = y - design @ beta
    return Plain(
        beta=beta,
        beta_covariance=covariance,
        blup=design @ beta + effects @ inverse @ residual,
        g1=np.diag(effects - effects @ inverse @ effects),
        g2=np.diag(left_over @ covariance @ left_over.T),
        loglik=float(-0.5 * (len(y) * np.log(2 * np.pi) + np.linalg.slogdet(sigma)[1] + residual @ inverse @ residual)),
    )
