"""Which signals earn their weight: rolling-origin back-tests against the next wave's direct estimates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from barometer.estimate.intervals import Array
from barometer.estimate.reliability import FEWEST_AREAS
from barometer.estimate.signals.calibrate import calibrate, surveyed
from barometer.estimate.signals.course import apart, course
from barometer.estimate.signals.fit import fit
from barometer.estimate.signals.panel import Signals, Survey, signals_panel, survey_panel
from barometer.estimate.signals.scale import Scale
from barometer.estimate.signals.skill import FEWEST_ORIGINS, Flags, Scores, Skill, is_tried, skill, weights

SKILL_SCHEMA: dict[str, pl.DataType] = {
    "indicator": pl.String(),
    "signal": pl.String(),
    "skill": pl.Float64(),
    "lower": pl.Float64(),
    "upper": pl.Float64(),
    "rmse_without": pl.Float64(),
    "rmse_with": pl.Float64(),
    "n_origins": pl.Int64(),
    "n_areas": pl.Int64(),
    "weight": pl.Float64(),
    "verdict": pl.String(),
}


@dataclass(frozen=True)
class _Origin:
    """Predictions (run x area, first run without any signal) of one wave by what was known on its last day."""

    level: Array
    variance: Array
    is_heard: Flags


def back_test(
    survey: pl.DataFrame,
    signals: pl.DataFrame,
    *,
    indicator: str,
    scale: Scale,
    prior: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The skill of every signal as a predictor of `indicator` between waves: SKILL_SCHEMA, sorted by signal.

    For each wave but the first: the filter is fitted and each signal calibrated on earlier waves only, then led to the
    wave's last day by the signal (what was known until then), and by nothing. Both are held against the wave's direct
    estimates. Without a signal, the filter carries the surveys so far forward, neighbourhoods partially pooled: it is
    at least as good as the last wave's raw figures, so that no signal is credited with what pooling does.
    `survey`, `signals`, `prior`: as for `nowcast`. Raises `BadInput` for broken frames.
    """
    panel = survey_panel(survey, scale=scale, prior=prior)
    heard = signals_panel(signals, areas=panel.areas)
    if not heard.names:
        return pl.DataFrame(schema=SKILL_SCHEMA)
    origins = range(1, len(panel.waves))
    if not origins:
        return _table(indicator, heard.names, _untried(len(heard.names)))
    # Many small matrices: threads of the linear algebra would only wait for one another.
    with threadpool_limits(1):
        found = skill(_scores(panel, [_predict(panel, heard, wave) for wave in origins]))
    return _table(indicator, heard.names, found)


def _predict(panel: Survey, heard: Signals, wave: int) -> _Origin:
    known, now = panel.first(wave), panel.waves[wave]
    seen = heard.between(panel.waves[0], now)
    parameters = fit(known)
    calibration = calibrate(seen, surveyed(known, seen, parameters))
    readings = apart(seen, calibration, known.line(wave))
    ((_, level, variance),) = course(known, [parameters] * (len(seen.names) + 1), readings, days=[now])
    return _Origin(level, variance, np.asarray(np.isfinite(seen.value).any(axis=1)))


def _scores(panel: Survey, origins: list[_Origin]) -> Scores:
    value, noise = panel.value[1:], panel.variance[1:]
    level = np.stack([origin.level for origin in origins], axis=1)
    expected = np.stack([origin.variance[0] for origin in origins])
    squared = (level - value) ** 2
    is_scored = np.stack([origin.is_heard for origin in origins], axis=1) & np.isfinite(value)

    def scored(values: Array) -> Array:
        return np.where(is_scored, np.broadcast_to(values, is_scored.shape), 0.0)

    return Scores(
        weight=scored(1 / (noise + expected)),
        without=scored(squared[0]),
        gained=scored(squared[0] - squared[1:]),
        noise=scored(noise),
        expected=scored(expected),
    )


def _untried(size: int) -> Skill:
    nothing, none = np.zeros(size), np.zeros(size, dtype=np.int64)
    return Skill(nothing, nothing, nothing, nothing, nothing, none, none)


def _table(indicator: str, names: list[str], found: Skill) -> pl.DataFrame:
    columns = {
        "indicator": [indicator] * len(names),
        "signal": names,
        "skill": found.skill,
        "lower": found.lower,
        "upper": found.upper,
        "rmse_without": found.error_without,
        "rmse_with": found.error_with,
        "n_origins": found.n_origins,
        "n_areas": found.n_areas,
        "weight": weights(found),
        "verdict": _verdicts(found),
    }
    return pl.DataFrame(columns, schema=SKILL_SCHEMA).sort("signal")


def _verdicts(found: Skill) -> list[str]:
    tried, weight = is_tried(found), weights(found)
    return [_verdict(found, one, is_enough=bool(tried[one]), weight=float(weight[one])) for one in range(len(tried))]


def _verdict(found: Skill, one: int, *, is_enough: bool, weight: float) -> str:
    span = f"{found.skill[one]:.0%} ({found.lower[one]:.0%} to {found.upper[one]:.0%})"
    if not is_enough:
        return (
            f"no weight: tried on {found.n_origins[one]} later waves in {found.n_areas[one]} neighbourhoods, too few "
            f"to judge (at least {FEWEST_ORIGINS} and {FEWEST_AREAS})"
        )
    if weight > 0:
        return f"weight {weight:.2f}: takes {span} off the squared error of the survey carried forward"
    if found.upper[one] < 0:
        return f"no weight: makes the survey carried forward worse, by {span}"
    return f"no weight: not shown to beat the survey carried forward, {span}"
