"""Negative binomial rates per hour watched, standardised to the average observer and hour of the day.

log mean = log exposure + place and period + observer + hour; variance = mean + alpha mean^2 (NB2). What cannot be
fitted so keeps the quasi-Poisson rate of `rates`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.linalg import LinAlgError, cho_solve, cholesky
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.special import gammaln
from threadpoolctl import threadpool_limits

from barometer.errors import BarometerError
from barometer.estimate.crossing import Codes, largest_crossing
from barometer.estimate.intervals import CONFIDENCE, Array, Z, poisson_rate
from barometer.estimate.rates import GROUP, rates

# Below so many sessions, or so many beyond one a place and period, alpha is not known well enough to be better than a
# pooled quasi-Poisson dispersion (its relative error is about sqrt(2 / df) or more: Clark & Perry 1989, Biometrics 45).
FEWEST_UNITS = 30
FEWEST_DF = 15
# An observer's effect can be told from the places' only where both cross, with a pair to spare at the least.
FEWEST_SPARE_PAIRS = 1
_ALPHA = (1e-4, 20.0)
# Standard deviation of observers' (hours') effects on the log rate: from none to a factor of e either way.
_SPREAD = (1e-3, 1.0)
_START_ALPHA, _START_SPREAD = 0.3, 0.2
# Both are kept to so many decimals, far finer than they can be known, so that the last bits of sums run in
# parallel never reach a published number.
_DECIMALS = 4
_TOLERANCE = 1e-11
_STEPS = 60
_CONVERGED = 1e-9
_LONGEST_STEP = 2.0


class NotConverged(BarometerError):
    """The likelihood of counts has no top that could be found; use the quasi-Poisson rates."""


@dataclass(frozen=True)
class Counted:
    """Counts as arrays: `events`, `exposure` (n,) > 0, `cell` codes 0, 1, … each with an event, and nuisances.

    `nuisance` (n, q): indicators of the levels of all nuisances, a row of zeros where a level is not known.
    `nuisance_of` (q,): which nuisance each column belongs to, 0, 1, …
    """

    events: Array
    exposure: Array
    cell: Codes
    nuisance: Array
    nuisance_of: Codes


@dataclass(frozen=True)
class NegativeBinomial:
    """A fitted model: `log_rate` (cells,) of an observer of no effect, `effect` (q,) of the nuisances on the log rate.

    `alpha`: over-dispersion. `spread`: standard deviation of each nuisance's effects. `criterion`: log of the adjusted
    profile likelihood. `_cell_information` (cells,), `_shared` (cells, q) and `_factor`: parts of the information.
    """

    alpha: float
    spread: Array
    log_rate: Array
    effect: Array
    criterion: float
    _cell_information: Array
    _shared: Array
    _factor: tuple[Array, bool]

    def standardised(self, counted: Counted) -> tuple[Array, Array]:
        """Rate (cells,) the average observer would see, and its standard error, by the delta method.

        Average: over the hours watched, so that rates without nuisances, and their total, stay what they are.
        """
        hours = counted.exposure * np.exp(counted.nuisance @ self.effect)
        average = hours.sum() / counted.exposure.sum()
        share = (hours @ counted.nuisance) / hours.sum()
        gradient = share - self._shared / self._cell_information[:, None]
        variance = 1 / self._cell_information
        if gradient.shape[1]:
            variance = variance + (gradient * cho_solve(self._factor, gradient.T).T).sum(axis=1)
        value = np.exp(self.log_rate) * average
        return value, value * np.sqrt(variance)

    def seen_by_the_average(self, *, exposure: Array, nuisance: Array, counted: Counted) -> Array:
        """Hours (n,) in which the average observer would have seen as much as was seen in each session."""
        average = (counted.exposure @ np.exp(counted.nuisance @ self.effect)) / counted.exposure.sum()
        return np.asarray(exposure * np.exp(nuisance @ self.effect) / average)


def fit_negative_binomial(counted: Counted) -> NegativeBinomial:
    """Fit by maximum adjusted profile likelihood over alpha and the spreads of the nuisances.

    Profile likelihood alone finds too little over-dispersion where places have few sessions each; less half the log
    determinant of the information it does not (Cox & Reid 1987, JRSS B 49:1-39; McCarthy, Chen & Smyth 2012, Nucleic
    Acids Res 40:4288). The same term makes it Laplace's approximation for the nuisances' normal random effects
    (Breslow & Clayton 1993, JASA 88:9-25). Raises `NotConverged`.
    """
    n_nuisances = int(counted.nuisance_of.max(initial=-1)) + 1
    start: Array = np.array([np.log(_START_ALPHA)] + [_START_SPREAD] * n_nuisances)
    bounds = [(np.log(_ALPHA[0]), np.log(_ALPHA[1]))] + [_SPREAD] * n_nuisances
    known = _Known(counted)
    latest = _Coefficients(known.start, np.zeros(counted.nuisance.shape[1]))

    def loss(point: Array) -> float:
        nonlocal latest
        fit = _fit_given(known, _parameters(point), latest)
        latest = _Coefficients(fit.log_rate, fit.effect)
        return -fit.criterion

    found = minimize(loss, start, method="L-BFGS-B", jac="3-point", bounds=bounds, tol=_TOLERANCE)
    if not np.isfinite(found.fun):
        raise NotConverged("the likelihood of the counts has no finite top")
    return _fit_given(known, _parameters(np.round(found.x, _DECIMALS)), latest)


def _parameters(point: Array) -> Array:
    """Alpha is sought on the log scale; spreads are not, so that none at all is no far-away point."""
    return np.append(np.exp(point[0]), point[1:])


@dataclass(frozen=True)
class _Coefficients:
    log_rate: Array
    effect: Array


class _Known:
    """A `Counted` with what does not change from step to step."""

    def __init__(self, counted: Counted) -> None:
        self.counted = counted
        n, cells = len(counted.events), int(counted.cell.max()) + 1
        self.in_cell = csr_array((np.ones(n), (counted.cell, np.arange(n))), shape=(cells, n))
        self.log_exposure = np.log(counted.exposure)
        self.start: Array = np.log((self.in_cell @ counted.events) / (self.in_cell @ counted.exposure))
        self.constant = float(-gammaln(counted.events + 1).sum())


def _fit_given(known: _Known, parameters: Array, start: _Coefficients) -> NegativeBinomial:
    """Coefficients at given alpha and spreads by Fisher scoring, the cells' own block eliminated (it is diagonal)."""
    counted, alpha, spread = known.counted, float(parameters[0]), parameters[1:]
    penalty = spread[counted.nuisance_of] ** -2.0
    log_rate, effect = start.log_rate, start.effect
    for _ in range(_STEPS):
        mean = np.exp(known.log_exposure + log_rate[counted.cell] + counted.nuisance @ effect)
        own, shared, factor = _information(known, mean / (1 + alpha * mean), penalty)
        score = (counted.events - mean) / (1 + alpha * mean)
        by_cell: Array = np.asarray(known.in_cell @ score)
        by_nuisance = counted.nuisance.T @ score - penalty * effect
        step = cho_solve(factor, by_nuisance - shared.T @ (by_cell / own)) if len(effect) else effect
        cell_step = (by_cell - shared @ step) / own
        longest = max(np.abs(step).max(initial=0.0), np.abs(cell_step).max())
        shorten = min(1.0, _LONGEST_STEP / longest) if longest else 1.0
        log_rate, effect = log_rate + shorten * cell_step, effect + shorten * step
        if longest < _CONVERGED:
            break
    else:
        raise NotConverged(f"no convergence in {_STEPS} steps at alpha {alpha:.3g}")
    log_determinant = np.log(own).sum() + 2 * np.log(np.diag(factor[0])).sum()
    prior = -0.5 * penalty @ effect**2 + 0.5 * np.log(penalty).sum()
    criterion = _log_likelihood(known, mean, alpha) + prior - 0.5 * log_determinant
    return NegativeBinomial(alpha, spread, log_rate, effect, float(criterion), own, shared, factor)


def _information(known: _Known, weight: Array, penalty: Array) -> tuple[Array, Array, tuple[Array, bool]]:
    """Diagonal of the cells, cells x nuisances, and the factor of the nuisances' Schur complement."""
    nuisance = known.counted.nuisance
    weighted = weight[:, None] * nuisance
    own: Array = np.asarray(known.in_cell @ weight)
    shared: Array = np.asarray(known.in_cell @ weighted)
    complement = nuisance.T @ weighted + np.diag(penalty) - shared.T @ (shared / own[:, None])
    try:
        return own, shared, (cholesky(complement, lower=True) if len(penalty) else complement, True)
    except LinAlgError:
        raise NotConverged("the information of the counts is not positive") from None


def _log_likelihood(known: _Known, mean: Array, alpha: float) -> float:
    """NB2 (Cameron & Trivedi 2013, Regression Analysis of Count Data, 3.3.1), for counts and parts of counts."""
    y, size = known.counted.events, 1 / alpha
    terms = gammaln(y + size) - gammaln(size) - (y + size) * np.log1p(alpha * mean) + y * np.log(alpha * mean)
    return float(terms.sum()) + known.constant


def standardised_rates(units: pl.DataFrame, *, nuisances: Sequence[str]) -> pl.DataFrame:
    """Events per exposure of every place and period as the average observer would have counted, with error.

    `units`: as for `rates`; `nuisances`: columns of texts, empty where not known, whose effects are to be set aside
    where they cross the places (observer, hour of day, weather). One fit a geography, over all its periods. Returns
    what `rates` does, and its numbers for a geography of few sessions or without convergence.
    """
    return pl.concat(
        [
            _one_geography(units.filter(pl.col("geography") == geography), nuisances)
            for geography in units["geography"].unique().sort()
        ]
        or [rates(units)]
    ).sort(GROUP)


def _one_geography(units: pl.DataFrame, nuisances: Sequence[str]) -> pl.DataFrame:
    usual = rates(units)
    seen = units.filter(pl.col("events").sum().over(GROUP) > 0)
    if seen.height < FEWEST_UNITS or seen.height - seen.select(GROUP).n_unique() < FEWEST_DF:
        return usual
    used = [name for name in nuisances if _crosses(seen, name)]
    counted, columns = _counted(seen, used)
    try:
        # Matrices this small gain nothing from several threads, which on a busy machine wait for one another.
        with threadpool_limits(limits=1, user_api="blas"):
            model = fit_negative_binomial(counted)
    except NotConverged:
        return usual
    return _replaced(usual, model, counted, _hours(units, columns, model, counted))


def _crosses(seen: pl.DataFrame, nuisance: str) -> bool:
    known = seen.drop_nulls(nuisance)
    found = largest_crossing(_codes(known, [nuisance]), _codes(known, GROUP))
    return found.left >= 2 and found.spare_pairs >= FEWEST_SPARE_PAIRS


def _codes(frame: pl.DataFrame, columns: Sequence[str]) -> Codes:
    """0, 1, … in the order of the values of several columns together."""
    return frame.select(pl.struct(columns).rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()


def _counted(seen: pl.DataFrame, nuisances: Sequence[str]) -> tuple[Counted, list[tuple[str, str]]]:
    """Arrays of the sessions, and which (nuisance, level) each nuisance column stands for."""
    columns = [(name, level) for name in nuisances for level in seen[name].drop_nulls().unique().sort()]
    counted = Counted(
        events=seen["events"].to_numpy(),
        exposure=seen["exposure"].to_numpy(),
        cell=_codes(seen, GROUP),
        nuisance=_indicators(seen, columns),
        nuisance_of=np.array([nuisances.index(name) for name, _ in columns], dtype=np.int64),
    )
    return counted, columns


def _indicators(units: pl.DataFrame, columns: Iterable[tuple[str, str]]) -> Array:
    found = [(units[name] == level).fill_null(value=False).cast(pl.Float64).to_numpy() for name, level in columns]
    return np.column_stack([*found, np.zeros((units.height, 0))])


def _hours(
    units: pl.DataFrame,
    columns: Sequence[tuple[str, str]],
    model: NegativeBinomial,
    counted: Counted,
) -> pl.DataFrame:
    """Per place and period: hours of the average observer, for the rate that could have gone unseen there."""
    hours = model.seen_by_the_average(
        exposure=units["exposure"].to_numpy(), nuisance=_indicators(units, columns), counted=counted
    )
    return units.with_columns(hours=pl.Series(hours)).group_by(GROUP, maintain_order=True).agg(pl.col("hours").sum())


def _replaced(usual: pl.DataFrame, model: NegativeBinomial, counted: Counted, hours: pl.DataFrame) -> pl.DataFrame:
    """`usual` with the model's values, errors and intervals."""
    value, error = np.zeros(usual.height), np.zeros(usual.height)
    is_seen = (usual["events"] > 0).to_numpy()
    value[is_seen], error[is_seen] = model.standardised(counted)
    watched = usual.join(hours, on=GROUP, how="left", maintain_order="left")
    none_upper = _unseen_rate(model.alpha, watched["hours"].to_numpy(), watched["n"].to_numpy())
    # Gamma limits with the model's own relative error: exact for Poisson, near the negative binomial's otherwise.
    informative = np.where(is_seen, value, 1.0) ** 2 / np.where(is_seen, error, 1.0) ** 2
    limits = poisson_rate(
        events=informative, exposure=informative / np.where(is_seen, value, 1.0), dispersion=np.ones(usual.height)
    )
    return usual.with_columns(
        pl.Series("value", value),
        pl.Series("standard_error", np.where(is_seen, error, none_upper / (2 * Z))),
        pl.Series("lower", np.where(is_seen, limits.lower, 0.0)),
        pl.Series("upper", np.where(is_seen, limits.upper, none_upper)),
        pl.Series("dispersion", 1 + model.alpha * value * watched["hours"].to_numpy() / watched["n"].to_numpy()),
    )


def _unseen_rate(alpha: float, hours: Array, sessions: Array) -> Array:
    """Highest rate at which `sessions` of `hours` together show nothing with probability 2.5 %.

    (1 + alpha mean)^(-sessions/alpha) = 0.025, the sessions taken as equally long; 3.69/hours as alpha goes to 0.
    """
    tail = (1 - CONFIDENCE) / 2
    return np.asarray(np.expm1(-np.log(tail) * alpha / sessions) / alpha * sessions / hours)
