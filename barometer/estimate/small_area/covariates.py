"""Few covariates out of many, so that a few dozen areas can carry them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from barometer.estimate.small_area.areas import Array, rows_of
from barometer.estimate.small_area.errors import CannotEstimate
from barometer.estimate.small_area.fay_herriot import fay_herriot

# One covariate per ten areas (Harrell 2015, Regression Modeling Strategies, section 4.4, asks 10 to 20).
AREAS_PER_COVARIATE = 10

# How often a column of pure noise may enter, over all candidates together.
FALSE_ENTRY = 0.05

# Share of the candidates' total variance that the principal components kept should hold.
SHARE_EXPLAINED = 0.8

# Relative spread below which a column is a constant but for rounding.
_CONSTANT = 1e-10


def standardise(candidates: npt.ArrayLike) -> tuple[Array, list[int]]:
    """Candidates (m, k) with mean 0 and standard deviation 1, without constant columns; and the columns kept.

    Raises `CannotEstimate` where a value is missing.
    """
    values = np.asarray(candidates, dtype=np.float64)
    missing = ~np.isfinite(values)
    if missing.any():
        column = int(np.flatnonzero(missing.any(axis=0))[0])
        raise CannotEstimate(f"candidate column {column} is missing at {rows_of(missing[:, column])}: leave it out")
    spread = values.std(axis=0)
    kept = np.flatnonzero(spread > _CONSTANT * np.abs(values).max(axis=0, initial=0))
    return (values[:, kept] - values[:, kept].mean(axis=0)) / spread[kept], [int(column) for column in kept]


def principal_components(candidates: npt.ArrayLike, *, at_most: int, share_explained: float = SHARE_EXPLAINED) -> Array:
    """An intercept and the fewest components of the standardised candidates that hold `share_explained`: (m, 1 + r).

    At most `at_most` components, scaled to standard deviation 1, each with its largest loading positive. The estimates
    to be modelled play no part, so errors of the model that follows need no correction for the choice: the way to go
    where nobody has chosen covariates beforehand.
    """
    values, kept = standardise(candidates)
    if not kept:
        return np.ones((len(values), 1))
    left, size, loadings = np.linalg.svd(values, full_matrices=False)
    explained = np.cumsum(size**2) / max((size**2).sum(), np.finfo(float).tiny)
    needed = int(np.searchsorted(explained, share_explained) + 1)
    real = int((size > _CONSTANT * size.max(initial=0)).sum())
    count = min(at_most, needed, real)
    largest = np.take_along_axis(loadings, np.abs(loadings).argmax(axis=1, keepdims=True), axis=1)[:count, 0]
    scores = left[:, :count] * np.sign(largest) * np.sqrt(len(values))
    return np.column_stack([np.ones(len(values)), scores])


def choose_covariates(
    y: npt.ArrayLike, candidates: npt.ArrayLike, variance: npt.ArrayLike, *, at_most: int | None = None
) -> tuple[int, ...]:
    """Columns of `candidates` (m, k) to put beside an intercept, best first: forward by the ML Fay-Herriot likelihood.

    The column that raises the likelihood most enters if a likelihood-ratio test says so at 5 % divided by the columns
    it was chosen from (Bonferroni), so that noise enters in about one city of twenty however many candidates there are;
    at most one per ten sampled areas, or `at_most`. Columns that are constant or hang on those chosen never enter. The
    choice uses `y`, and intervals of the model that follows do not know that it was made. Prefer covariates chosen
    beforehand, or `principal_components`.
    """
    direct, sampling = np.asarray(y, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    sampled = int((~(np.isnan(direct) | np.isnan(sampling))).sum())
    limit = sampled // AREAS_PER_COVARIATE if at_most is None else at_most
    values, columns = standardise(candidates)
    chosen: list[int] = []
    reached = _loglik(direct, values[:, chosen], sampling)
    while len(chosen) < limit and (others := [c for c in range(values.shape[1]) if c not in chosen]):
        logliks = {column: _loglik(direct, values[:, [*chosen, column]], sampling) for column in others}
        winner = max(others, key=lambda column: logliks[column])
        if 2 * (logliks[winner] - reached) < stats.chi2.isf(FALSE_ENTRY / len(others), 1):
            break
        chosen, reached = [*chosen, winner], logliks[winner]
    return tuple(columns[column] for column in chosen)


def _loglik(y: Array, covariates: Array, variance: Array) -> float:
    """Log-likelihood of the ML fit; minus infinity where the covariates cannot be fitted."""
    try:
        return fay_herriot(y, np.column_stack([np.ones(len(y)), covariates]), variance, method="ml").loglik
    except CannotEstimate:
        if covariates.shape[1] == 0:
            raise
        return -np.inf
