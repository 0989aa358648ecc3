"""Where trust stands between waves: the surveys so far, led on by the signals that have earned weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from barometer.errors import BadInput
from barometer.estimate.intervals import Array
from barometer.estimate.signals.calibrate import calibrate, surveyed
from barometer.estimate.signals.course import Readings, course, silent, together
from barometer.estimate.signals.fit import Fit, Parameters, fit_with_doubt
from barometer.estimate.signals.panel import Signals, Survey, signals_panel, survey_panel, weeks_between
from barometer.estimate.signals.scale import Scale

NOWCAST_SCHEMA: dict[str, pl.DataType] = {
    "area": pl.String(),
    "period_end": pl.Date(),
    "value": pl.Float64(),
    "standard_error": pl.Float64(),
    "lower": pl.Float64(),
    "upper": pl.Float64(),
    "n": pl.Int64(),
    "effective_n": pl.Float64(),
    "share_from_survey": pl.Float64(),
    "share_from_signals": pl.Float64(),
    "share_from_prior": pl.Float64(),
    "missing_reason": pl.String(),
}


@dataclass(frozen=True)
class _Fitted:
    """A city made ready: panels up to the last period, and the model's parameters."""

    survey: Survey
    signals: Signals
    weights: Array
    fit: Fit
    scale: Scale


def nowcast(
    survey: pl.DataFrame,
    signals: pl.DataFrame,
    weights: pl.DataFrame,
    *,
    periods: Sequence[date],
    scale: Scale,
    prior: pl.DataFrame | None = None,
    areas: Sequence[str] | None = None,
    parameters: Parameters | None = None,
) -> pl.DataFrame:
    """Level of every area on the last day of every period, from what was known that day: NOWCAST_SCHEMA.

    `survey`: area, wave_end, value, variance, n (and effective_n where known): direct estimates of one indicator,
    before any is withheld. `signals`: area, period_end, signal, value, variance; `period_end` is the last day a value
    holds data of. `weights`: signal, weight (of `back_test`; a signal that is not there has none), and stream, where
    several signals of one stream shall share what one of them would count. `prior`: area and covariates, none of them
    made from this survey. `areas`: by default those of survey and prior.
    The states are filtered, never smoothed: a period knows no later row. The few parameters (variances, calibration of
    the signals) are those of the last period's knowledge, unless given. Rows before the first wave are `not_collected`.
    Standard error and interval hold the survey's error, movement since, and the prior's; `effective_n` is the size of a
    simple random sample as sure. Raises `BadInput` for broken frames.
    """
    days = sorted(set(periods))
    if not days:
        return pl.DataFrame(schema=NOWCAST_SCHEMA)
    whole = survey_panel(survey, scale=scale, prior=prior, areas=areas)
    known = whole.first(whole.waves_until(days[-1]))
    begun = [day for day in days if known.waves and day >= known.waves[0]]
    early = _not_collected(whole.areas, [day for day in days if day not in begun])
    if not begun:
        return early
    # Many small matrices: threads of the linear algebra would only wait for one another.
    with threadpool_limits(1):
        fitted = _fitted(known, signals, weights, last=days[-1], scale=scale, parameters=parameters)
        rows = _rows(fitted, begun)
    return pl.concat([early, rows]).sort("area", "period_end")


def _fitted(
    known: Survey,
    signals: pl.DataFrame,
    weights: pl.DataFrame,
    *,
    last: date,
    scale: Scale,
    parameters: Parameters | None,
) -> _Fitted:
    names, given = _admitted(weights)
    heard = signals_panel(signals, areas=known.areas).between(known.waves[0], last).only(names)
    fit = Fit(parameters, (parameters,)) if parameters else fit_with_doubt(known)
    return _Fitted(known, heard, np.array([given[name] for name in heard.names]), fit, scale)


def _admitted(weights: pl.DataFrame) -> tuple[list[str], dict[str, float]]:
    """Signals with weight. Those of one stream come from the same people and err together: they share a weight."""
    if weights["signal"].is_duplicated().any():
        raise BadInput("weights: a signal has more than one; give the skill table of one indicator")
    kept = weights.filter(pl.col("weight") > 0).cast({"weight": pl.Float64})
    if "stream" in kept.columns:
        kept = kept.with_columns(pl.col("weight") / pl.len().over("stream"))
    return kept["signal"].to_list(), dict(kept.select("signal", "weight").iter_rows())


def _rows(fitted: _Fitted, days: Sequence[date]) -> pl.DataFrame:
    runs = fitted.fit.plausible
    alone = course(fitted.survey, runs, silent(len(runs)), days=days)
    led = course(fitted.survey, runs, _readings(fitted), days=days)
    frames = [
        _frame(fitted, day, led=_averaged(level, variance), alone=_averaged(alone_level, alone_variance))
        for (day, level, variance), (_, alone_level, alone_variance) in zip(led, alone, strict=True)
    ]
    return pl.concat([pl.DataFrame(schema=NOWCAST_SCHEMA), *frames])


def _averaged(level: Array, variance: Array) -> tuple[Array, Array]:
    """Mean and variance over equally plausible parameters (rows): within each, and between them."""
    return level.mean(axis=0), variance.mean(axis=0) + level.var(axis=0)


def _readings(fitted: _Fitted) -> Readings:
    runs = len(fitted.fit.plausible)
    if not fitted.signals.names:
        return silent(runs)
    known = surveyed(fitted.survey, fitted.signals, fitted.fit.best)
    calibration = calibrate(fitted.signals, known)
    line = fitted.survey.line(len(fitted.survey.waves))
    return together(fitted.signals, calibration, fitted.weights, line=line, runs=runs)


def _frame(fitted: _Fitted, day: date, *, led: tuple[Array, Array], alone: tuple[Array, Array]) -> pl.DataFrame:
    survey, (level, variance) = fitted.survey, led
    value, error, lower, upper = fitted.scale.back(survey.centre + level, variance)
    from_survey, from_signals, from_prior = _shares(fitted, day, variance=variance, alone=alone[1])
    waves = survey.waves_until(day)
    unit = fitted.scale.unit_variance(value, float(survey.unit_variance[:waves].mean()))
    columns = {
        "area": survey.areas,
        "period_end": [day] * len(survey.areas),
        "value": value,
        "standard_error": error,
        "lower": lower,
        "upper": upper,
        "n": survey.n[:waves].sum(axis=0).round().astype(np.int64),
        "effective_n": unit / error**2,
        "share_from_survey": from_survey,
        "share_from_signals": from_signals,
        "share_from_prior": from_prior,
        "missing_reason": [None] * len(survey.areas),
    }
    return pl.DataFrame(columns, schema=NOWCAST_SCHEMA)


def _shares(fitted: _Fitted, day: date, *, variance: Array, alone: Array) -> tuple[Array, Array, Array]:
    """Parts of the precision (1 / variance) that came from the survey, from signals, and from the prior's line."""
    survey, parameters = fitted.survey, fitted.fit.best
    waves = survey.waves_until(day)
    unseen = parameters.citywide * weeks_between(survey.waves[waves - 1], day)
    before = parameters.between + parameters.weekly * weeks_between(survey.waves[0], day) + unseen
    signals = np.clip(1 - variance / alone, 0.0, 1.0)
    prior = (1 - signals) * np.minimum(alone / before, 1.0)
    return 1 - signals - prior, signals, prior


def _not_collected(areas: Sequence[str], days: Sequence[date]) -> pl.DataFrame:
    rows = [(area, day, 0, 0.0, "not_collected") for area in areas for day in days]
    known = {name: NOWCAST_SCHEMA[name] for name in ("area", "period_end", "n", "effective_n", "missing_reason")}
    frame = pl.DataFrame(rows, schema=known, orient="row")
    return pl.concat([pl.DataFrame(schema=NOWCAST_SCHEMA), frame], how="diagonal").sort("area", "period_end")
