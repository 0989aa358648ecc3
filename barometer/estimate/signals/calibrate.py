"""What a signal is worth: how it goes with the surveyed level, how far each area's own bias lasts, and its noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barometer.estimate.intervals import Array
from barometer.estimate.reliability import FEWEST_AREAS
from barometer.estimate.signals.fit import Parameters, surveyed_state
from barometer.estimate.signals.panel import Signals, Survey, weeks_between

# No signal is taken to be surer than this part of its own variance.
_LEAST_NOISE = 1e-6
# What lasts of an area's residual is the signal's bias or the survey's error; after a few waves one cannot tell, and a
# signal without any bias would be followed blindly. At least this part is taken for bias.
_LEAST_LASTING = 0.25


@dataclass(frozen=True)
class Calibration:
    """For each signal, in its own unit: `signal = slope x level + lasting bias of the area + noise`.

    `slope` is shrunk towards 0 as far as its error asks; `noise` is added to the variance a value comes with.
    """

    slope: Array
    slope_error: Array
    lasting: Array
    noise: Array


@dataclass(frozen=True)
class Surveyed:
    """Levels at the signals' times given all waves of a survey (smoothed), as calibration needs them.

    `level`, `variance`: time x area. The covariance of an area's errors at two times is `walk - reach @ known @
    reach.T`; `walk`: time x time, `reach`: time x wave, `known`: area x wave x wave.
    """

    level: Array
    variance: Array
    walk: Array
    reach: Array
    known: Array


def surveyed(survey: Survey, signals: Signals, parameters: Parameters) -> Surveyed:
    """Smooth the survey over the signals' times: normal conditional means, area by area, given the city's line."""
    waves = np.array([weeks_between(survey.waves[0], day) for day in survey.waves])
    times = np.array([weeks_between(survey.waves[0], day) for day in signals.times])

    def covariance(first: Array, second: Array) -> Array:
        return np.asarray(parameters.between + parameters.weekly * np.minimum.outer(first, second))

    is_known = np.isfinite(survey.value)
    errors = np.where(is_known, survey.variance, np.inf).T
    known = _inverse(covariance(waves, waves), errors)
    state = surveyed_state(survey, parameters)
    coefficients = np.linalg.solve(state.information[0], state.score[0])
    lines = np.stack([survey.line(number + 1) for number in range(len(waves))]) @ coefficients
    off = np.where(is_known, survey.value - lines, 0.0)
    reach, walk = covariance(times, waves), covariance(times, times)
    level = np.einsum("tw,awv,va->ta", reach, known, off, optimize=True)
    variance = np.diag(walk)[:, None] - np.einsum("tw,awv,tv->ta", reach, known, reach, optimize=True)
    at = [survey.waves_until(day) for day in signals.times]
    line = np.stack([survey.line(number) @ coefficients for number in at]) if at else level
    return Surveyed(line + level, variance, walk, reach, known)


def calibrate(signals: Signals, survey: Surveyed) -> Calibration:
    """Calibrate each signal on the levels known from the survey.

    Regression of the signal on the survey's best prediction: as that prediction's error is independent of it, the slope
    is not attenuated (Berkson 1950, JASA 45:164-180). Both are taken as departures from the mean of the areas heard at
    that time, so a storm over the whole city counts for nothing. Lasting bias from products of residuals of one area at
    different times, less what the survey's own error puts into them; noise from what is left; the slope by generalised
    least squares over areas, and shrunk by max(0, 1 - (error / slope)^2) (James & Stein 1961).
    """
    is_enough = np.isfinite(signals.value).sum(axis=2) >= FEWEST_AREAS
    is_seen = np.isfinite(signals.value) & is_enough[..., None]
    z, x = _centred(signals.value, is_seen), _centred(np.broadcast_to(survey.level, is_seen.shape), is_seen)
    error = np.where(is_seen, signals.variance, 0.0)
    first = _ratio((x * z).sum((1, 2)), (x**2).sum((1, 2)))
    residual = z - first[:, None, None] * x
    total = np.maximum(_mean(residual**2 - error, is_seen), 0.0)
    shared = np.minimum(_products(residual, is_seen, total), total)
    own = np.maximum(shared - first**2 * _unknown(survey, is_seen), _LEAST_LASTING * shared)
    noise = np.maximum(total - shared, _LEAST_NOISE * _mean(z**2, is_seen) + np.finfo(np.float64).tiny)
    slope, slope_error = _slopes(z, x, is_seen, error + noise[:, None, None], shared)
    shrunk = slope * np.maximum(1 - _ratio(slope_error**2, slope**2, empty=1.0), 0.0)
    return Calibration(shrunk, slope_error, own, noise)


def _inverse(covariance: Array, errors: Array) -> Array:
    """Inverses of `covariance + diag(errors)` for every area; a wave an area was not in (infinite error) counts 0."""
    weight = np.where(np.isfinite(errors), 1 / np.sqrt(np.where(np.isfinite(errors), errors, 1.0)), 0.0)
    scaled = weight[:, :, None] * covariance * weight[:, None, :] + np.eye(len(covariance))
    return np.asarray(weight[:, :, None] * np.linalg.inv(scaled) * weight[:, None, :])


def _centred(values: Array, is_seen: Array) -> Array:
    """Departures from the mean over areas, 0 where nothing was seen."""
    known = np.where(is_seen, values, 0.0)
    mean = known.sum(axis=2, keepdims=True) / np.maximum(is_seen.sum(axis=2, keepdims=True), 1)
    return np.asarray(np.where(is_seen, known - mean, 0.0))


def _products(residual: Array, is_seen: Array, total: Array) -> Array:
    """Mean product of residuals of an area at two times; of a signal seen once, `total`: all of it may last."""
    counts = is_seen.sum(axis=1)
    products = (residual.sum(axis=1) ** 2 - (residual**2).sum(axis=1)).sum(axis=1)
    pairs = (counts * (counts - 1)).sum(axis=1)
    return np.where(pairs > 0, np.maximum(_ratio(products, pairs), 0.0), total)


def _unknown(survey: Surveyed, is_seen: Array) -> Array:
    """Mean covariance of the survey's own errors over the same pairs of times; their variance where there are none."""
    seen = is_seen.astype(np.float64)
    reached = np.einsum("sta,tw->saw", seen, survey.reach)
    walked = np.einsum("sta,tu,sua->s", seen, survey.walk, seen, optimize=True)
    both = walked - np.einsum("saw,awv,sav->s", reached, survey.known, reached, optimize=True)
    single = (seen * survey.variance).sum((1, 2))
    pairs = (seen.sum(axis=1) ** 2 - seen.sum(axis=1)).sum(axis=1)
    return np.where(pairs > 0, _ratio(both - single, pairs), _mean(survey.variance, is_seen))


def _slopes(z: Array, x: Array, is_seen: Array, noise: Array, shared: Array) -> tuple[Array, Array]:
    """Slope and its standard error, robust to whatever else goes on within an area (Liang & Zeger 1986, Biometrika 73).

    Values of an area are taken to share the variance `shared` (Sherman-Morrison, area by area).
    """
    weight = np.where(is_seen, 1 / noise, 0.0)
    drawn = shared[:, None] / (1 + shared[:, None] * weight.sum(axis=1))
    weighted = weight * (x - (drawn * (weight * x).sum(axis=1))[:, None, :])
    information = (weighted * x).sum((1, 2))
    slope = _ratio((weighted * z).sum((1, 2)), information)
    scores = (weighted * (z - slope[:, None, None] * x)).sum(axis=1)
    areas = is_seen.any(axis=1).sum(axis=1)
    spread = (scores**2).sum(axis=1) * areas / np.maximum(areas - 1, 1)
    variance = np.maximum(_ratio(spread, information**2), _ratio(np.ones_like(information), information, empty=np.inf))
    return slope, np.sqrt(variance)


def _mean(values: Array, is_seen: Array) -> Array:
    return _ratio(np.where(is_seen, values, 0.0).sum((1, 2)), is_seen.sum((1, 2)).astype(np.float64))


def _ratio(top: Array, bottom: Array, empty: float = 0.0) -> Array:
    safe = np.where(bottom > 0, bottom, 1.0)
    return np.where(bottom > 0, top / safe, empty)
