"""How fast trust moves: variances of the model, from the survey alone, by penalised restricted likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from barometer.estimate.intervals import Array
from barometer.estimate.signals import filter as kalman
from barometer.estimate.signals.panel import Survey

# A handful of waves says little about how fast neighbourhoods move, and the likelihood then often has its top at "not
# at all", with intervals that are too narrow. So the logs of two ratios are given normal priors (after Chung et al. 2013,
# Psychometrika 78:685-709): in a year, neighbourhoods move by half the variance of their differences, the city as a
# whole by a tenth; each may well be five times more or less.
YEAR_WEEKS = 52.0
AREA_RATIO, CITY_RATIO = 0.5, 0.1
_LOG_RATIO_DEVIATION = 1.5
# Variance between areas, as a multiple of the spread of the direct estimates.
_LEAST_BETWEEN, _MOST_BETWEEN = 1e-3, 10.0
_LEAST_RATIO, _MOST_RATIO = 1e-3, 1e2
# The prior of the coefficients, in the same spread: flat for the level, of unit information for covariates' slopes.
_LEVEL_DEVIATIONS, _SLOPE_DEVIATIONS = 100.0, 1.0
_LEAST_SPREAD = 1e-9


@dataclass(frozen=True)
class Parameters:
    """Variances on the working scale: between areas (about the prior's line), a week's walk of an area, of the city."""

    between: float
    weekly: float
    citywide: float


def fit(survey: Survey) -> Parameters:
    """Maximise the penalised restricted likelihood of the direct estimates."""
    spread = _spread(survey)
    start = np.log([0.5, AREA_RATIO, CITY_RATIO])
    bounds = [(np.log(_LEAST_BETWEEN), np.log(_MOST_BETWEEN)), *[(np.log(_LEAST_RATIO), np.log(_MOST_RATIO))] * 2]
    found = optimize.minimize(_cost, start, args=(survey, spread), method="L-BFGS-B", bounds=bounds)
    return _parameters(found.x, spread)


def precision(survey: Survey, parameters: Parameters) -> Array:
    """Prior precision of the coefficients of `survey.line`."""
    spread = _spread(survey)
    deviations = np.full(survey.covariates.shape[1], _SLOPE_DEVIATIONS)
    deviations[0] = _LEVEL_DEVIATIONS
    return np.concatenate([1 / (deviations**2 * spread), 1 / (parameters.citywide * survey.gaps)])


def wave(survey: Survey, number: int, *, runs: int, states: int) -> kalman.Measurement:
    """A wave of the survey as a measurement, the same for every run."""
    shape = (runs, len(survey.areas))
    return kalman.Measurement(
        value=np.broadcast_to(survey.value[number], shape),
        variance=np.broadcast_to(survey.variance[number], shape),
        loading=np.broadcast_to(np.eye(states)[0], (runs, states)),
        line=survey.line(number + 1),
    )


def _cost(logs: Array, survey: Survey, spread: float) -> float:
    parameters = _parameters(logs, spread)
    prior = precision(survey, parameters)
    state = kalman.start(np.full((1, len(survey.areas), 1), parameters.between), precision=prior)
    for number, weeks in enumerate([0.0, *survey.gaps]):
        kalman.walk(state, parameters.weekly * weeks)
        kalman.update(state, wave(survey, number, runs=1, states=1))
    off = (logs[1:] - np.log([AREA_RATIO, CITY_RATIO])) / _LOG_RATIO_DEVIATION
    return float(-kalman.log_likelihood(state, prior)[0] + 0.5 * (off**2).sum())


def _parameters(logs: Array, spread: float) -> Parameters:
    between, area, city = np.exp(logs)
    between = float(between * spread)
    return Parameters(between, float(area * between / YEAR_WEEKS), float(city * between / YEAR_WEEKS))


def _spread(survey: Survey) -> float:
    return max(float(np.nanvar(survey.value)), _LEAST_SPREAD)
