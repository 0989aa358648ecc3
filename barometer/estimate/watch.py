"""Alerts: the few changes of the newest period that are hard to put down to chance, over the whole city together.

Every series (an indicator at a place) is watched by an e-process over the look-back (`change.detector`); e-BH picks
alerts from all series of a night (`change.discovery`). What is promised, and shown by simulation in the tests:

- on any night at most FALSE_ALARM_RATE of the alerts shown are false, on average;
- where nothing changes anywhere, the chance of even one alert in all the nights of a look-back is at most as much.

Half of that goes to the city's own figures and half to all neighbourhoods' together. Errors of one period must not
depend on those of the periods before. Nowcasts carry the same answers from period to period and so are not watched;
the figures they are made of are. Panels that are more restless or persistent than their errors say are judged by what
they usually do.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from barometer.city import City
from barometer.estimate.change import (
    Detection,
    detect,
    dispersion,
    e_bh,
    family_weights,
    innovations,
    threshold,
)
from barometer.estimate.change.companions import Span, meaning, moved_with
from barometer.estimate.change.detector import Array
from barometer.estimate.change.interval import change_interval
from barometer.estimate.change.panel import Panel, panels
from barometer.estimate.change.words import advice, message
from barometer.indicators import WHOLE_CITY, Indicator, Indicators

# Usual level; see the module's first lines for what it means here.
FALSE_ALARM_RATE = 0.05
# More than a small team can look into before the next night would not be read; the ones with most evidence are kept.
MOST_ALERTS = 10
# Two known periods make one difference and leave nothing to tell how restless a series usually is.
FEWEST_PERIODS = 3
# As published: far beyond the odds that anyone should believe.
MOST_EVIDENCE = 1e9
ALERTS_SCHEMA: dict[str, pl.DataType] = {
    "indicator": pl.String(),
    "geography": pl.String(),
    "area": pl.String(),
    "period_start": pl.Date(),
    "period_end": pl.Date(),
    "direction": pl.String(),
    "change": pl.Float64(),
    "lower": pl.Float64(),
    "upper": pl.Float64(),
    "evidence": pl.Float64(),
    "first_seen": pl.Date(),
    "moved_with": pl.List(pl.String()),
    "message": pl.String(),
    "advice": pl.String(),
}
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Judged:
    """A panel and what was found in it."""

    panel: Panel
    dispersion: float
    horizon: int
    found: Detection


@dataclass(frozen=True)
class _Series:
    """One watched series: row `row` of `judged`, its log e-value now, and what that must reach."""

    judged: _Judged
    row: int
    log_evidence: float
    log_threshold: float = np.inf


def find_alerts(cells: pl.DataFrame, *, city: City, indicators: Indicators) -> pl.DataFrame:
    """ALERTS_SCHEMA, most evidence first; at most MOST_ALERTS rows, what was cut is counted in the log.

    `cells`: completed cells (CELL_SCHEMA) of all periods of the look-back; a value that is null is a gap. Watched are
    indicators that are issued and have a direction, at places with a value in the newest period and FEWEST_PERIODS in
    all.
    """
    watched = [indicator.id for indicator in indicators.indicators if _is_watched(indicator)]
    here = cells.filter(pl.col("indicator").is_in(watched), pl.col("geography").is_in([city.primary, WHOLE_CITY]))
    judged = [_judge(panel, lookback_days=indicators.lookback_days) for panel in panels(here)]
    alerts = sorted(_standing_out(_series(judged)), key=_order)
    if len(alerts) > MOST_ALERTS:
        logger.info(
            "%s: %d changes stand out; the %d with most evidence are shown, %d are not",
            *(city.id, len(alerts), MOST_ALERTS, len(alerts) - MOST_ALERTS),
        )
    rows = [_row(alert, judged, indicators) for alert in alerts[:MOST_ALERTS]]
    return pl.DataFrame(rows, schema=ALERTS_SCHEMA, orient="row")


def _is_watched(indicator: Indicator) -> bool:
    is_context = "context" in (indicator.direction, indicator.dimension)
    return not (is_context or indicator.withheld or indicator.measure.kind == "nowcast")


def _judge(panel: Panel, *, lookback_days: int) -> _Judged:
    # What is judged, the newest period, has no say in how restless its panel usually is.
    usual = dispersion(innovations(panel.values, panel.errors)[:, :-1])
    horizon = panel.horizon(lookback_days)
    found = detect(panel.values, panel.errors, horizon=horizon, dispersion=usual)
    return _Judged(panel, usual, horizon, found)


def _series(judged: Sequence[_Judged]) -> list[_Series]:
    """Every series that can be watched, whatever its values say."""
    found = []
    for each in judged:
        is_known = each.panel.is_known
        is_enough = is_known[:, -1] & (is_known.sum(axis=1) >= FEWEST_PERIODS)
        newest = each.found.log_evidence[:, -1]
        found += [_Series(each, int(row), float(newest[row])) for row in np.flatnonzero(is_enough)]
    return found


def _standing_out(series: list[_Series]) -> list[_Series]:
    """The discoveries among all series, each with the log e-value it had to reach."""
    if not series:
        return []
    weights = family_weights(["city" if s.judged.panel.geography == WHOLE_CITY else "parts" for s in series])
    is_alert = e_bh(np.array([s.log_evidence for s in series]), rate=FALSE_ALARM_RATE, weights=weights)
    if not is_alert.any():
        return []
    needed = threshold(size=len(series), discoveries=int(is_alert.sum()), rate=FALSE_ALARM_RATE) - np.log(weights)
    return [
        _Series(series[i].judged, series[i].row, series[i].log_evidence, float(needed[i]))
        for i in np.flatnonzero(is_alert)
    ]


def _order(alert: _Series) -> tuple[float, str, str, str]:
    panel = alert.judged.panel
    return -alert.log_evidence, panel.indicator, panel.geography, panel.areas[alert.row]


def _row(alert: _Series, judged: Sequence[_Judged], indicators: Indicators) -> dict[str, object]:
    """One row of ALERTS_SCHEMA."""
    panel, found = alert.judged.panel, alert.judged.found
    indicator, area = indicators[panel.indicator], panel.areas[alert.row]
    before, since, change = (float(side[alert.row]) for side in (found.before, found.since, found.change))
    lower, upper = _interval(alert, indicator)
    start = int(found.start[alert.row])
    towards = meaning(change, indicator)
    span = Span(before_end=panel.ends[_last_before(panel, alert.row, start)], since_start=panel.starts[start])
    beside = [(each.panel, each.dispersion) for each in judged if each.panel.geography == panel.geography]
    return {
        "indicator": panel.indicator,
        "geography": panel.geography,
        "area": area,
        "period_start": panel.starts[-1],
        "period_end": panel.ends[-1],
        "direction": "up" if change > 0 else "down",
        "change": change,
        "lower": lower,
        "upper": upper,
        "evidence": float(np.exp(min(alert.log_evidence, np.log(MOST_EVIDENCE)))),
        "first_seen": panel.ends[_first_seen(alert)],
        "moved_with": moved_with(
            area, of=indicator.id, towards=towards, span=span, panels=beside, indicators=indicators
        ),
        "message": message(
            indicator,
            before=before,
            since=since,
            interval=(lower, upper),
            start=span.since_start,
            log_evidence=alert.log_evidence,
        ),
        "advice": advice(indicator, towards),
    }


def _interval(alert: _Series, indicator: Indicator) -> tuple[float, float]:
    """Ends of the change, no farther than the indicator's scale is long."""
    judged, one = alert.judged, slice(alert.row, alert.row + 1)
    values, errors = judged.panel.values[one], judged.panel.errors[one]
    lower, upper = change_interval(
        values,
        errors,
        detect(values, errors, horizon=judged.horizon, dispersion=judged.dispersion),
        horizon=judged.horizon,
        dispersion=judged.dispersion,
        log_threshold=np.array([alert.log_threshold]),
    )
    maximum = np.inf if indicator.scale.maximum is None else indicator.scale.maximum
    length = maximum - indicator.scale.minimum
    return max(float(lower[0]), -length), min(float(upper[0]), length)


def _last_before(panel: Panel, row: int, start: int) -> int:
    """Index of the last known period before `start`."""
    return int(np.flatnonzero(panel.is_known[row, :start])[-1])


def _first_seen(alert: _Series) -> int:
    """Index of the period since which the evidence has been above what it must reach without a break."""
    course: Array = alert.judged.found.log_evidence[alert.row]
    below = np.flatnonzero(course[:-1] < alert.log_threshold)
    return int(below[-1]) + 1 if below.size else 0
