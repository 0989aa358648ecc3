"""Crossed random effects for practitioners' ratings: what a neighbourhood is like, set apart from who rated it.

rating = mean of the period + area + severity of the rater + area in that period + error
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import brentq, minimize
from scipy.sparse import csr_array
from scipy.special import digamma, polygamma

from barometer.errors import BarometerError
from barometer.estimate.crossing import Codes
from barometer.estimate.intervals import Array

# Standard deviations relative to the error's are kept to so many decimals, far finer than they can be known, so that
# the last bits of sums run in parallel never reach a published number.
_DECIMALS = 4
_LARGEST = 100.0
# Where the search for the variances begins, relative to the error's.
_START = 0.25
_STEP = 0.1
_MOST_STEPS = 2000
_TOLERANCE_OF_RELATIVE = 1e-5
_TOLERANCE = 1e-7
# Ratings without any error at all would have endless weight; scale points squared.
_NO_ERROR = 1e-12
# Share of a contrast's information below which the model has explained it but for rounding.
_EXPLAINED = 1e-8
# Variances are plausible while the deviance is within so much of its lowest (a 99 % range of one of them).
_PLAUSIBLE_EXCESS = 6.63
_NODES = 4
_GRID_PRECISION = 1e-4
# Corners of the grid so much less likely than its top change no digit that is shown.
_NEGLIGIBLE = 1e-3
# A rater at most so many times steadier, or less steady, than the usual one: a few ratings cannot show more.
_MOST_UNUSUAL = 3.0
# Precisions are believed half-way (on the log scale): taken in full, intervals that hold 94 to 95 % of true scores came
# to hold 93 %, as steadiness that was chance counted as knowledge.
_BELIEF = 0.5


class RatingsTooFew(BarometerError):
    """There are not enough ratings, raters or areas to tell severity from what was rated."""


@dataclass(frozen=True)
class Ratings:
    """Ratings as arrays of length n. `area`, `rater` and `period` are codes 0, 1, …; `weight` is relative precision.

    `shift`: code of the change in its rater's use of the scale that a rating came after, -1 for none; None: nobody's
    changed. A change is a fixed effect: as another random rater it would pull the level of all scores.
    """

    rating: Array
    area: Codes
    rater: Codes
    period: Codes
    weight: Array
    shift: Codes | None = None

    @property
    def levels(self) -> tuple[int, int, int]:
        """Number of periods, areas and raters."""
        return int(self.period.max()) + 1, int(self.area.max()) + 1, int(self.rater.max()) + 1


class Variances(NamedTuple):
    """Variance components, in squared points of the rating's scale."""

    area: float
    rater: float
    area_period: float
    error: float


class Scores(NamedTuple):
    """Severity-adjusted scores and their standard errors (root of the prediction error variance), scale points."""

    value: Array
    standard_error: Array


class _Sums:
    """What the likelihood needs of the ratings: weighted cross-products, over all rows and by area and period."""

    def __init__(self, ratings: Ratings) -> None:
        self.n_periods, self.n_areas, self.n_raters = ratings.levels
        n, w, y = len(ratings.rating), ratings.weight, ratings.rating
        shift = np.full(n, -1) if ratings.shift is None else ratings.shift
        self.n_fixed = self.n_periods + int(shift.max(initial=-1)) + 1
        self.first_rater = self.n_fixed + self.n_areas
        self.n, self.size = n, self.first_rater + self.n_raters
        columns = np.concatenate(
            [ratings.period, self.n_fixed + ratings.area, self.first_rater + ratings.rater, self.n_periods + shift]
        )
        is_there = np.concatenate([np.ones(3 * n, dtype=np.bool_), shift >= 0])
        rows = np.tile(np.arange(n), 4)[is_there]
        self.design = csr_array((np.ones(len(rows)), (rows, columns[is_there])), shape=(n, self.size))
        self.cells, self.cell = np.unique(ratings.area * self.n_periods + ratings.period, return_inverse=True)
        self.in_cell = csr_array((np.ones(n), (self.cell, np.arange(n))), shape=(len(self.cells), n))
        weighted = csr_array(self.design.multiply(w[:, None]))
        self.cross = (self.design.T @ weighted).toarray()
        self.by_cell = csr_array(self.in_cell @ weighted)
        self.cross_y, self.y_by_cell = weighted.T @ y, self.in_cell @ (w * y)
        self.weight_by_cell = np.bincount(self.cell, weights=w, minlength=len(self.cells))
        self.yy, self.log_weight = float(w @ y**2), float(np.log(w).sum())

    def cells_of(self, area: Codes, period: Codes) -> tuple[Codes, npt.NDArray[np.bool_]]:
        """Row of `cells` of each pair, and whether it was rated at all (else row 0 stands in)."""
        wanted = area * self.n_periods + period
        found = np.searchsorted(self.cells, wanted).clip(0, len(self.cells) - 1)
        is_rated = (self.cells[found] == wanted) & (area >= 0)
        return np.where(is_rated, found, 0), is_rated


@dataclass(frozen=True)
class _Fit:
    """Henderson's mixed model equations solved at given standard deviations, area x period absorbed.

    `relative`: standard deviations of (area, rater, area x period), divided by the error's. `shrink`: how much of a
    rated area and period's own deviation is believed, per unit of its weight.
    """

    sums: _Sums
    relative: Array
    factor: tuple[Array, bool]
    scale: Array
    shrink: Array
    solution: Array
    error_variance: float
    deviance: float

    @cached_property
    def area_period(self) -> Array:
        """Predicted effect of each rated area and period, in the order of `sums.cells`."""
        return np.asarray(self.shrink * (self.sums.y_by_cell - self.sums.by_cell @ self.solution))

    def predict(self, area: Codes, period: Codes, weight: Array | None = None) -> tuple[Array, Array]:
        """Values and prediction error variances of the scores of `area` and `period` (k,), or of their weighted sum."""
        sums, (of_area, _, of_period) = self.sums, self.relative**2
        cell, is_rated = sums.cells_of(area, period)
        shrink = np.where(is_rated, self.shrink[cell], 0.0)
        known = np.zeros((len(area), sums.size))
        known[np.arange(len(area)), period] = 1.0
        known[np.arange(len(area)), sums.n_fixed + area] += area >= 0
        value = known @ self.solution + np.where(is_rated, self.area_period[cell], 0.0)
        own = of_period * (1 - shrink * sums.weight_by_cell[cell]) + np.where(area < 0, of_area, 0.0)
        rows = (known - shrink[:, None] * sums.by_cell[cell].toarray()) * self.scale
        if weight is not None:
            value, rows, own = weight[None] @ value, weight[None] @ rows, weight[None] ** 2 @ own
        shared = (solve_triangular(self.factor[0], rows.T, lower=True) ** 2).sum(axis=0)
        return value, (shared + own) * self.error_variance


def _solve(sums: _Sums, relative: Array) -> _Fit:
    """The equations and their REML deviance.

    Henderson (1975), Biometrics 31:423-447; profiled deviance as in Bates et al. (2015), J Stat Softw 67(1), eq. 42, in
    which an effect scaled by its own standard deviation keeps the equations well posed at zero variance.
    """
    theta = relative[2] ** 2
    shrink = theta / (1 + theta * sums.weight_by_cell)
    scale = np.repeat([1.0, relative[0], relative[1]], [sums.n_fixed, sums.n_areas, sums.n_raters])
    within = sums.by_cell.T @ csr_array(sums.by_cell.multiply(shrink[:, None]))
    matrix = (sums.cross - within.toarray()) * np.outer(scale, scale)
    matrix[np.diag_indices(sums.size)] += np.arange(sums.size) >= sums.n_fixed
    right = scale * (sums.cross_y - sums.by_cell.T @ (shrink * sums.y_by_cell))
    lower = cholesky(matrix, lower=True)
    solution = cho_solve((lower, True), right)
    df = sums.n - sums.n_fixed
    error = max(float(sums.yy - shrink @ sums.y_by_cell**2 - solution @ right) / df, _NO_ERROR)
    log_r = np.log1p(theta * sums.weight_by_cell).sum() - sums.log_weight
    deviance = log_r + 2 * np.log(np.diag(lower)).sum() + df * (1 + np.log(2 * np.pi * error))
    return _Fit(sums, relative, (lower, True), scale, shrink, scale * solution, error, float(deviance))


@dataclass(frozen=True)
class RaterModel:
    """A fitted model of ratings. Severities stay inside; only areas have scores."""

    ratings: Ratings
    _best: _Fit
    _free: npt.NDArray[np.bool_]

    @property
    def deviance(self) -> float:
        """-2 log restricted likelihood at its best."""
        return self._best.deviance

    @cached_property
    def _plausible(self) -> tuple[tuple[float, _Fit], ...]:
        """Fits at other variances, each with its share of the likelihood: what not knowing them adds to the errors."""
        return _plausible(self._best, self._free)

    @property
    def variances(self) -> Variances:
        """Variance components by restricted maximum likelihood."""
        error = self._best.error_variance
        of_area, of_rater, of_area_period = (float(x) for x in self._best.relative**2 * error)
        return Variances(of_area, of_rater, of_area_period, error)

    @property
    def typical_variances(self) -> Variances:
        """Variance components averaged over all plausible ones: not 0 only because 0 happens to be likeliest."""
        parts = np.array([np.append(fit.relative**2, 1.0) * fit.error_variance for _, fit in self._plausible])
        shares = np.array([share for share, _ in self._plausible])
        of_area, of_rater, of_area_period, error = (float(x) for x in shares @ parts)
        return Variances(of_area, of_rater, of_area_period, error)

    def scores(self, area: Codes, period: Codes) -> Scores:
        """Score of each pair (k,) of area and period: best linear unbiased prediction, whoever rated it and how often.

        The error allows for the other effects (Henderson 1975) and the variances being estimated too. An area without
        ratings, code -1, gets the period's mean with the whole variance between areas.
        """
        return self._predict(area, period)

    def weighted_score(self, area: Codes, period: Codes, weight: Array) -> Scores:
        """The mean of the scores (k,), weighted, as arrays of length 1 with the error of that mean."""
        return self._predict(area, period, weight / weight.sum())

    def _predict(self, area: Codes, period: Codes, weight: Array | None = None) -> Scores:
        """Law of total variance over the plausible fits."""
        shares = np.array([share for share, _ in self._plausible])
        parts = [fit.predict(area, period, weight) for _, fit in self._plausible]
        values, variances = (np.array(part) for part in zip(*parts, strict=True))
        value = shares @ values
        return Scores(value, np.sqrt(shares @ (variances + (values - value) ** 2)))

    @cached_property
    def adjusted(self) -> Array:
        """Each rating (n,) with its rater's severity taken off."""
        severity = self._best.solution[self._best.sums.first_rater :]
        return np.asarray(self.ratings.rating - severity[self.ratings.rater])

    @cached_property
    def residuals(self) -> Array:
        """Each rating (n,) less all that the model predicts of it."""
        sums = self._best.sums
        return np.asarray(self.ratings.rating - sums.design @ self._best.solution - self._best.area_period[sums.cell])

    def score_test(self, contrasts: Array) -> Array:
        """Standard normal statistic (k,) of adding each column of `contrasts` (n, k) to the model.

        Rao's score test: x'Py / sqrt(x'Px), P the projection of the fitted model, standard normal when the column has
        no effect. Nothing can be said of a column that the model already explains: it gets 0.
        """
        projected = self._projected(contrasts)
        information = (contrasts * projected).sum(axis=0)
        can_tell = information > _EXPLAINED * (contrasts**2 * self.ratings.weight[:, None]).sum(axis=0)
        score = projected.T @ self.ratings.rating / np.sqrt(self._best.error_variance)
        return np.where(can_tell, score / np.sqrt(np.where(can_tell, information, 1.0)), 0.0)

    def _projected(self, x: Array) -> Array:
        """P x in units of the error variance, without ever forming P (n, n)."""
        fit, sums, weight = self._best, self._best.sums, self.ratings.weight[:, None]

        def inverse(columns: Array) -> Array:
            in_cell = sums.in_cell @ (weight * columns)
            return np.asarray(weight * (columns - (fit.shrink[:, None] * in_cell)[sums.cell]))

        scale = fit.scale[:, None]
        inner = scale * cho_solve(fit.factor, scale * (sums.design.T @ inverse(x)))
        return inverse(x - sums.design @ inner)

    @cached_property
    def freedom(self) -> Array:
        """Degrees of freedom (n,) that each rating's residual keeps of its error: near 0 where the fit follows it.

        Diagonal of P in units of the error variance over the weight, as the residual is the error variance times Py
        over the weight.
        """
        fit, sums, weight = self._best, self._best.sums, self.ratings.weight
        shrink = fit.shrink[sums.cell]
        rows = (sums.design.toarray() - shrink[:, None] * sums.by_cell[sums.cell].toarray()) * fit.scale
        explained = (solve_triangular(fit.factor[0], rows.T, lower=True) ** 2).sum(axis=0)
        return np.asarray(1 - weight * shrink - weight * explained)


def fit_raters(ratings: Ratings) -> RaterModel:
    """Variance components by restricted maximum likelihood (Patterson & Thompson 1971) and everything they imply.

    Area x period is left out where it cannot be told from area (one period) or from error (no area rated twice in a
    period). Raises `RatingsTooFew` where no rating is left over to estimate an error from, or nothing converges.
    """
    sums = _Sums(ratings)
    if sums.n - sums.n_fixed < 2 or np.ptp(ratings.rating) == 0:
        raise RatingsTooFew(f"{sums.n} ratings in {sums.n_periods} periods, or all alike: no error can be estimated")
    has_area_period = sums.n_periods > 1 and sums.n > len(sums.cells)
    free = np.array([sums.n_areas > 1, sums.n_raters > 1, has_area_period])

    relative = _likeliest(lambda some: _solve(sums, _spread(some, free)).deviance, int(free.sum()))
    return RaterModel(ratings, _solve(sums, _spread(np.round(relative, _DECIMALS), free)), free)


def _likeliest(deviance: Callable[[Array], float], size: int) -> Array:
    """The standard deviations (size,) of least deviance. Raises `RatingsTooFew` where none is found.

    First by slope, as variances: at a standard deviation of 0 the slope is always 0, and a search that came there would
    stay. Then by simplex, which needs no slope and goes on where the first stopped short in a flat valley.
    """

    def of_variances(x: Array) -> float:
        return deviance(np.sqrt(x))

    def of_deviations(x: Array) -> float:
        return deviance(np.minimum(np.abs(x), _LARGEST))

    bounds = [(0.0, _LARGEST**2)] * size
    start: Array = np.full(size, _START)
    slope = minimize(of_variances, start, method="L-BFGS-B", bounds=bounds, tol=_TOLERANCE)
    centre: Array = np.sqrt(slope.x)
    simplex: Array = np.vstack([centre, centre + _STEP * np.eye(size)])
    found = minimize(
        of_deviations,
        centre,
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "xatol": _TOLERANCE_OF_RELATIVE, "fatol": 1e-8, "maxiter": _MOST_STEPS},
    )
    if not found.success:
        raise RatingsTooFew(f"no likeliest variances found in {_MOST_STEPS} steps: {found.message}")
    return np.asarray(np.minimum(np.abs(found.x), _LARGEST), dtype=np.float64)


def _spread(some: Array, free: npt.NDArray[np.bool_]) -> Array:
    """The free standard deviations at their places, 0 at those left out."""
    relative = np.zeros(len(free))
    relative[free] = some
    return relative


def _plausible(best: _Fit, free: npt.NDArray[np.bool_]) -> tuple[tuple[float, _Fit], ...]:
    """Fits over a grid of plausible standard deviations, each with its share of the restricted likelihood.

    That is their posterior under a uniform prior on each (Gelman 2006, Bayesian Analysis 1:515-533), by quadrature.
    """
    axes = [_axis(best, at) if free[at] else np.zeros(1) for at in range(len(free))]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(free))
    fits = [_solve(best.sums, point) for point in points]
    shares = np.exp([(best.deviance - fit.deviance) / 2 for fit in fits])
    kept = shares > _NEGLIGIBLE * shares.max()
    chosen = [fit for fit, is_kept in zip(fits, kept, strict=True) if is_kept]
    return tuple(zip((shares[kept] / shares[kept].sum()).tolist(), chosen, strict=True))


def _axis(best: _Fit, at: int) -> Array:
    """Midpoints of equal parts of the range in which one standard deviation keeps the deviance near its lowest."""
    here = float(best.relative[at])

    def excess(value: float) -> float:
        relative = np.where(np.arange(len(best.relative)) == at, value, best.relative)
        return _solve(best.sums, relative).deviance - best.deviance - _PLAUSIBLE_EXCESS

    low, high = 0.0, here + 1.0
    while excess(high) < 0 and high < _LARGEST:
        high *= 2
    high = brentq(excess, here, high, xtol=_GRID_PRECISION) if excess(high) > 0 else high
    low = brentq(excess, low, here, xtol=_GRID_PRECISION) if excess(low) > 0 else low
    return np.round(low + (high - low) * (np.arange(_NODES) + 0.5) / _NODES, _DECIMALS)


def fit_consistent_raters(ratings: Ratings) -> RaterModel:
    """As `fit_raters`, with raters who are steadier than others weighing more, as far as their ratings show it."""
    precision = _precision(fit_raters(ratings))
    return fit_raters(replace(ratings, weight=ratings.weight * precision[ratings.rater]))


def _precision(model: RaterModel) -> Array:
    """Relative precision of each rater, drawn towards the usual one.

    Empirical Bayes of variances (Smyth 2004, Stat Appl Genet Mol Biol 3:3, section 6.2): a scaled inverse chi squared
    prior with df0 degrees of freedom, fitted to the raters' own mean squared residuals.
    """
    rater, n_raters = model.ratings.rater, model.ratings.levels[2]
    squares = np.bincount(rater, weights=model.residuals**2, minlength=n_raters)
    df = np.asarray(np.bincount(rater, weights=model.freedom, minlength=n_raters), dtype=np.float64)
    mean_square = np.maximum(squares / np.maximum(df, 1e-9), 1e-6 * model.variances.error)
    prior_df, usual = _prior(np.log(mean_square), df)
    shrunk = (prior_df * usual + df * mean_square) / (prior_df + df) if np.isfinite(prior_df) else usual
    precision = np.clip(usual / np.broadcast_to(shrunk, n_raters), 1 / _MOST_UNUSUAL, _MOST_UNUSUAL)
    return np.asarray(precision**_BELIEF)


def _prior(log_square: Array, df: Array) -> tuple[float, float]:
    """Degrees of freedom and scale of the prior of variances; endless freedom where raters differ no more than chance.

    A rater with fewer than two degrees of freedom says nothing of how raters differ.
    """
    telling = df >= 2
    if telling.sum() < 3:
        return np.inf, 1.0
    half = df[telling] / 2
    centred = log_square[telling] - digamma(half) + np.log(half)
    excess = float(centred.var(ddof=1) - polygamma(1, half).mean())
    if excess <= 0:
        return np.inf, float(np.exp(centred.mean()))
    prior_half = _trigamma_inverse(excess)
    return 2 * prior_half, float(np.exp(centred.mean() + digamma(prior_half) - np.log(prior_half)))


def _trigamma_inverse(y: float) -> float:
    """x with trigamma(x) = y > 0, by Newton's steps on 1/trigamma (Smyth 2004, appendix)."""
    x = 0.5 + 1 / y
    for _ in range(50):
        slope = float(polygamma(2, x))
        value = float(polygamma(1, x))
        step = value * (1 - value / y) / slope
        x += step
        if -step / x < 1e-8:
            break
    return x
