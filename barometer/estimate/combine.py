"""Survey indicators brought up to the week: the last waves, led on by the signals that earned it in back-tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from barometer.city import City
from barometer.estimate.borrow import covariates
from barometer.estimate.cells import CELL_SCHEMA, Cells, places, to_cells
from barometer.estimate.intervals import Z
from barometer.estimate.periods import PERIOD
from barometer.estimate.signals import SKILL_SCHEMA, Scale, back_test, nowcast
from barometer.indicators import WHOLE_CITY, Indicator, Indicators, Nowcast

METHOD = "nowcast"


@dataclass(frozen=True)
class Nowcasts:
    """Cells of every nowcast indicator, and SKILL_SCHEMA rows of every signal tried for each."""

    cells: Cells
    skill: pl.DataFrame


def estimate_nowcasts(
    direct: pl.DataFrame,
    others: pl.DataFrame,
    *,
    city: City,
    indicators: Indicators,
    periods: pl.DataFrame,
    night: date,
) -> Nowcasts:
    """Levels on the last day of every period (of the running one: on `night`), from what was known that day.

    `direct`: cells of `direct_answers`; those of fewer answers than the least are left out, as if nobody had answered.
    `others`: cells of posts, reports, observations and counts. `periods`: PERIODS_SCHEMA rows of the nowcasts.
    """
    signals = _signals(others, city=city, indicators=indicators, night=night)
    found, skills = [to_cells(pl.DataFrame(schema=CELL_SCHEMA))], [pl.DataFrame(schema=SKILL_SCHEMA)]
    for indicator in indicators.of_signal("combined"):
        if not isinstance(indicator.measure, Nowcast):
            continue
        survey = _survey(direct, city=city, of=indicators[indicator.measure.of])
        spans = periods.filter(pl.col("indicator") == indicator.id).select(PERIOD)
        if survey.is_empty() or spans.is_empty():
            continue
        cells, skill = _one(indicator, survey, signals, spans, city=city, indicators=indicators, night=night)
        found.append(cells)
        skills.append(skill)
    return Nowcasts(Cells(found=pl.concat(found), periods=periods), pl.concat(skills))


def _one(
    indicator: Indicator,
    survey: pl.DataFrame,
    signals: pl.DataFrame,
    spans: pl.DataFrame,
    *,
    city: City,
    indicators: Indicators,
    night: date,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    scale = _scale(indicators[indicator.rests_on[0]])
    prior = covariates(city)
    skill = back_test(survey, signals, indicator=indicator.id, scale=scale, prior=prior)
    streams = {each.id: each.signal for each in indicators.indicators}
    weights = skill.select("signal", "weight", stream=pl.col("signal").replace_strict(streams))
    days = spans.with_columns(day=pl.min_horizontal("period_end", pl.lit(night)))
    made = nowcast(
        survey,
        signals,
        weights,
        periods=days["day"].to_list(),
        scale=scale,
        prior=prior,
        areas=city.neighbourhoods["area"].sort().to_list(),
    )
    laid = made.rename({"period_end": "day"}).join(days, on="day", how="inner").drop("day")
    return _as_cells(laid, indicator=indicator, city=city), skill


def _survey(direct: pl.DataFrame, *, city: City, of: Indicator) -> pl.DataFrame:
    """Direct figures of one indicator by neighbourhood and wave: area, wave_end, value, variance, n, effective_n."""
    least = max(of.minimum_n, city.thresholds.minimum_n)
    usable = direct.filter(
        pl.col("indicator") == of.id,
        pl.col("geography") == city.primary,
        pl.col("value").is_not_null() & (pl.col("standard_error") > 0),
        pl.col("n") >= least,
    )
    # Two waves that ended on one day are one look at the city; the longer is the one with more answers.
    last = usable.sort("n").unique(["area", "period_end"], keep="last", maintain_order=True)
    return last.select(
        "area",
        wave_end="period_end",
        value="value",
        variance=pl.col("standard_error") ** 2,
        n=pl.col("n").cast(pl.Float64),
        effective_n="effective_n",
    ).sort("area", "wave_end")


def _signals(others: pl.DataFrame, *, city: City, indicators: Indicators, night: date) -> pl.DataFrame:
    """Figures of every indicator that is no survey's: area, period_end (the last day it can know), signal, …"""
    usable = others.filter(
        pl.col("geography") == city.primary,
        pl.col("value").is_not_null() & (pl.col("standard_error") > 0),
        ~pl.col("indicator").is_in(indicators.withheld),
    )
    return usable.select(
        "area",
        period_end=pl.min_horizontal("period_end", pl.lit(night)),
        signal="indicator",
        value="value",
        variance=pl.col("standard_error") ** 2,
    ).sort("signal", "area", "period_end")


def _scale(of: Indicator) -> Scale:
    if of.is_share:
        return Scale("share")
    assert of.scale.maximum is not None, "indicators.py refuses an indicator of answers without a maximum"
    return Scale("mean", minimum=of.scale.minimum, maximum=of.scale.maximum)


def _as_cells(made: pl.DataFrame, *, indicator: Indicator, city: City) -> pl.DataFrame:
    local = made.with_columns(geography=pl.lit(city.primary))
    both = pl.concat([local, _whole_city(made, city, indicator)], how="diagonal")
    return to_cells(both.with_columns(indicator=pl.lit(indicator.id), method=pl.lit(METHOD)))


def _whole_city(made: pl.DataFrame, city: City, indicator: Indicator) -> pl.DataFrame:
    """Adults' mean of the neighbourhoods, where each has a figure and its adults are known.

    Errors of neighbourhoods share the city's movement and are not independent; how far is not known here, so they are
    taken to err all together, which no true error of the mean exceeds.
    """
    adults = places(city).filter(pl.col("geography") != WHOLE_CITY).select("area", "adults")
    share = pl.col("adults") / pl.col("adults").sum()
    whole = (
        made.join(adults, on="area", how="left")
        .group_by(PERIOD, maintain_order=True)
        .agg(
            value=(pl.col("value") * share).sum(),
            standard_error=(pl.col("standard_error") * share).sum(),
            n=pl.col("n").sum(),
            effective_n=pl.col("effective_n").sum(),
            is_complete=pl.col("value").is_not_null().all() & pl.col("adults").is_not_null().all(),
        )
        .filter("is_complete")
    )
    half = Z * pl.col("standard_error")
    lower, upper = indicator.scale.minimum, indicator.scale.maximum
    return whole.with_columns(
        geography=pl.lit(WHOLE_CITY),
        area=pl.lit(city.id),
        lower=(pl.col("value") - half).clip(lower_bound=lower),
        upper=(pl.col("value") + half).clip(upper_bound=upper),
    )


def skill_rows(skill: pl.DataFrame) -> pl.DataFrame:
    """`skill` in the columns of the table of that name, but for night, city and synthetic."""
    return skill.select(
        "indicator",
        "signal",
        "skill",
        "lower",
        "upper",
        origins="n_origins",
        areas="n_areas",
        weight="weight",
        verdict="verdict",
    )
