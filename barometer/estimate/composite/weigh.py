"""Weights of the parts of one group: as given, equal, from the data, or from what experts would spend."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from barometer.errors import BadInput

Array = npt.NDArray[np.float64]

_VARIMAX_STEPS = 100
_VARIMAX_TOLERANCE = 1e-10


def as_shares(weights: Array) -> Array:
    """Weights (..., parts) that add up to one; raises `BadInput` when they add up to nothing."""
    total = weights.sum(axis=-1, keepdims=True)
    if not (total > 0).all():
        raise BadInput("weights add up to zero: give at least one part of every group a weight")
    return np.asarray(weights / total, dtype=np.float64)


def equal_weights(parts: int) -> Array:
    """One share each."""
    return np.full(parts, 1 / parts)


def budget_weights(points: Array) -> Array:
    """Mean share of each part in the budgets of experts; `points`: (experts, parts), each row on a scale of its own.

    Budget allocation of the OECD/JRC handbook (2008), section 6.2.
    """
    return np.asarray(as_shares(points).mean(axis=0), dtype=np.float64)


def pca_weights(scores: Array) -> Array:
    """Weights from the principal components of `scores` (units, parts); units with a gap are left out.

    Components with an eigenvalue above one are rotated (varimax); a part's weight is its squared loading on the
    component it loads on most, scaled by the share of variance that component explains (Nicoletti, Scarpetta & Boylaud
    2000, OECD Economics Department Working Paper 226; handbook section 6.1). They correct for overlap; they say nothing
    of importance. Raises `BadInput` with fewer than three complete units or a part that does not vary.
    """
    complete = scores[np.isfinite(scores).all(axis=1)]
    if len(complete) < 3 or not (np.ptp(complete, axis=0) > 0).all():
        raise BadInput("principal-component weights need three units with all parts, and parts that vary")
    if scores.shape[1] == 1:
        return np.ones(1)
    values, vectors = np.linalg.eigh(np.corrcoef(complete, rowvar=False))
    kept = values >= min(1.0, values.max())
    squared = varimax(vectors[:, kept] * np.sqrt(values[kept])) ** 2
    # Scaling a component's squared loadings to one and weighting it by what it explains cancel: the loadings remain.
    return as_shares(squared.max(axis=1))


def varimax(loadings: Array) -> Array:
    """Loadings (parts, components) rotated so that each part loads on few components (Kaiser 1958)."""
    parts, components = loadings.shape
    rotation, reached = np.eye(components), 0.0
    for _ in range(_VARIMAX_STEPS):
        rotated = loadings @ rotation
        gradient = loadings.T @ (rotated**3 - rotated * (rotated**2).sum(axis=0) / parts)
        left, singular, right = np.linalg.svd(gradient)
        rotation = left @ right
        if singular.sum() < reached * (1 + _VARIMAX_TOLERANCE):
            break
        reached = float(singular.sum())
    return np.asarray(loadings @ rotation, dtype=np.float64)


def noisy_weights(weights: Array, uniforms: Array, noise: float) -> Array:
    """`weights` (parts,) each times 1 - noise to 1 + noise; `uniforms`: (draws, parts) in 0 to 1. Not rescaled."""
    return np.asarray(weights * (1 + noise * (2 * uniforms - 1)), dtype=np.float64)
