"""How fast trust moves: variances of the model, from the survey alone, by penalised restricted likelihood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from barometer.estimate.intervals import Array
from barometer.estimate.signals import filter as kalman
from barometer.estimate.signals.panel import Survey

# A handful of waves says little about how fast neighbourhoods move, and the likelihood then often has its top at "not
# at all", with intervals that are too narrow. So the logs of two ratios get normal priors: in a year, neighbourhoods
# move by half the variance of their differences, the city as a whole by a tenth; each may well be five times more or
# less. The variance that covariates leave between areas is kept off 0 by a gamma(2) prior on its root, half its log in
# the penalty (Chung et al. 2013, Psychometrika 78:685-709).
YEAR_WEEKS = 52.0
AREA_RATIO, CITY_RATIO = 0.5, 0.1
_LOG_RATIO_DEVIATION = 1.5
# Variance between areas (about the line of the covariates), as a part of the variance of their differences.
_LEAST_BETWEEN, _MOST_BETWEEN = 1e-3, 10.0
_LEAST_RATIO, _MOST_RATIO = 1e-3, 1e2
_BOUNDS = np.log([[_LEAST_BETWEEN, _MOST_BETWEEN], [_LEAST_RATIO, _MOST_RATIO], [_LEAST_RATIO, _MOST_RATIO]])
# The prior of the city's level is flat: this part of what one direct estimate says. Slopes of (standardised) covariates
# have a prior of unit information: as large as the differences between areas.
_LEVEL_PART = 1e-10
# Step of the numerical second derivatives, and the least curvature: a standard deviation of 1.5, as of the priors.
_STEP = 0.2
_LEAST_CURVATURE = _LOG_RATIO_DEVIATION**-2


@dataclass(frozen=True)
class Parameters:
    """Variances on the working scale: between areas (about the prior's line), a week's walk of an area, of the city."""

    between: float
    weekly: float
    citywide: float


@dataclass(frozen=True)
class Fit:
    """The likeliest parameters, and a few that are as likely together: predictions are averaged over these."""

    best: Parameters
    plausible: tuple[Parameters, ...]


def fit(survey: Survey) -> Parameters:
    """Maximise the penalised restricted likelihood of the direct estimates."""
    return _parameters(_best(survey), survey.spread)


def fit_with_doubt(survey: Survey) -> Fit:
    """The same, with six further points that stand for what the survey leaves open about the parameters.

    Third-degree cubature of the normal approximation at the top: points at +-sqrt(3) standard deviations along each
    principal axis of the logs, equal weights (Arasaratnam & Haykin 2009, IEEE Trans. Automatic Control 54:1254-1269).
    """
    top, spread = _best(survey), survey.spread
    curvature, axes = np.linalg.eigh(_curvature(top, survey))
    reach = axes * np.sqrt(len(top) / np.maximum(curvature, _LEAST_CURVATURE))
    points = np.clip(np.vstack([top + reach.T, top - reach.T]), _BOUNDS[:, 0], _BOUNDS[:, 1])
    return Fit(_parameters(top, spread), tuple(_parameters(point, spread) for point in points))


def precision(survey: Survey, parameters: Parameters) -> Array:
    """Prior precision of the coefficients of `survey.line`."""
    level = _LEVEL_PART / (survey.spread + survey.noise)
    slopes = np.full(survey.covariates.shape[1] - 1, 1 / survey.spread)
    return np.concatenate([[level], slopes, 1 / (parameters.citywide * survey.gaps)])


def wave(survey: Survey, number: int, *, runs: int, states: int) -> kalman.Measurement:
    """A wave of the survey as a measurement, the same for every run."""
    shape = (runs, len(survey.areas))
    return kalman.Measurement(
        value=np.broadcast_to(survey.value[number], shape),
        variance=np.broadcast_to(survey.variance[number], shape),
        loading=np.broadcast_to(np.eye(states)[0], (runs, states)),
        line=survey.line(number + 1),
    )


def surveyed_state(survey: Survey, parameters: Parameters) -> kalman.State:
    """The filter after all waves and nothing else."""
    return _led(survey, parameters, _waves(survey))


def _waves(survey: Survey) -> list[kalman.Measurement]:
    return [wave(survey, number, runs=1, states=1) for number in range(len(survey.waves))]


def _led(survey: Survey, parameters: Parameters, waves: Sequence[kalman.Measurement]) -> kalman.State:
    prior = precision(survey, parameters)[None]
    state = kalman.start(np.full((1, len(survey.areas), 1), parameters.between), precision=prior)
    for weeks, seen in zip([0.0, *survey.gaps], waves, strict=True):
        kalman.walk(state, parameters.weekly * weeks)
        kalman.update(state, seen)
    return state


def _best(survey: Survey) -> Array:
    start = np.log([0.5, AREA_RATIO, CITY_RATIO])
    bounds = optimize.Bounds(_BOUNDS[:, 0], _BOUNDS[:, 1])
    found = optimize.minimize(_cost(survey), start, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x)


def _cost(survey: Survey) -> Callable[[Array], float]:
    """Minus the penalised log likelihood, as a function of the logs of the three variances."""
    waves = _waves(survey)

    def cost(logs: Array) -> float:
        parameters = _parameters(logs, survey.spread)
        state = _led(survey, parameters, waves)
        likelihood = kalman.log_likelihood(state, precision(survey, parameters)[None])
        off = (logs[1:] - np.log([AREA_RATIO, CITY_RATIO])) / _LOG_RATIO_DEVIATION
        return float(-likelihood[0] + 0.5 * (off**2).sum() - 0.5 * logs[0])

    return cost


def _curvature(top: Array, survey: Survey) -> Array:
    """Second derivatives of the cost, by differences."""
    steps, cost = np.eye(len(top)) * _STEP, _cost(survey)
    found = np.empty((len(top), len(top)))
    for row, first in enumerate(steps):
        for column, second in enumerate(steps):
            ends = cost(top + first + second) + cost(top - first - second)
            found[row, column] = (ends - cost(top + first - second) - cost(top - first + second)) / (4 * _STEP**2)
    return (found + found.T) / 2


def _parameters(logs: Array, spread: float) -> Parameters:
    between, area, city = np.exp(logs)
    between = float(between * spread)
    return Parameters(between, float(area * spread / YEAR_WEEKS), float(city * spread / YEAR_WEEKS))
