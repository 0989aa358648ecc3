"""Context: dated counts per 1,000 residents a week."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from barometer.city import City
from barometer.estimate.cells import Cells, at_every_place, places, to_cells, with_reliability
from barometer.estimate.periods import PERIOD, with_period
from barometer.estimate.rates import GROUP, rates
from barometer.indicators import WHOLE_CITY, CountRate, Indicator, Indicators

_RESIDENTS = 1000.0


def estimate_counts(
    counts: pl.DataFrame, *, city: City, indicators: Sequence[Indicator], settings: Indicators, periods: pl.DataFrame
) -> Cells:
    """Counts per 1,000 residents a week for every place and period in which the series came in.

    `counts`: rows of the table with day, period_start and period_end. The days between a series' first and last record
    are the ones it watched, so a running period is not taken for a quiet one.
    """
    frames = [_estimate_one(counts, city=city, indicator=indicator, settings=settings) for indicator in indicators]
    return Cells(found=pl.concat(frames), periods=periods)


def _estimate_one(counts: pl.DataFrame, *, city: City, indicator: Indicator, settings: Indicators) -> pl.DataFrame:
    measure = indicator.measure
    assert isinstance(measure, CountRate)
    series = counts.filter(pl.col("series") == measure.series)
    if measure.absent_means == "not_collected":
        # A counter that stands in no neighbourhood counts nobody's neighbourhood.
        series = series.filter(pl.col("area").is_in(city.neighbourhoods["area"].to_list()))
    weeks = _weeks_watched(series, settings).join(places(city), how="cross").filter(pl.col("population") > 0)
    counted = _counted(series, city=city, settings=settings)
    if measure.absent_means == "not_collected":
        weeks = _only_watched(weeks, counted)
    units = weeks.join(counted, on=[*GROUP, "week"], how="left").with_columns(
        events=pl.col("events").fill_null(0.0),
        exposure=pl.col("days") / 7 * pl.col("population") / _RESIDENTS,
    )
    totals = rates(units.sort(*GROUP, "week")).with_columns(
        indicator=pl.lit(indicator.id),
        n=pl.col("events").round().cast(pl.Int64),
        effective_n=pl.col("events") / pl.col("dispersion"),
    )
    return to_cells(with_reliability(totals, by=("indicator", *PERIOD)))


def _counted(series: pl.DataFrame, *, city: City, settings: Indicators) -> pl.DataFrame:
    """Events per place, period and week (its Monday)."""
    return (
        _with_week(at_every_place(series, city), settings)
        .group_by(*GROUP, "week", maintain_order=True)
        .agg(events=pl.col("count").sum())
        .sort(*GROUP, "week")
    )


def _only_watched(weeks: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """The places that have a record in the period; the whole city is then the residents of those neighbourhoods."""
    watched = weeks.join(counted.select(GROUP).unique(), on=GROUP, how="semi")
    is_whole = pl.col("geography") == WHOLE_CITY
    residents = pl.col("population").filter(~is_whole).sum().over(*PERIOD, "week")
    return watched.with_columns(population=pl.when(is_whole).then(residents).otherwise("population"))


def _weeks_watched(series: pl.DataFrame, settings: Indicators) -> pl.DataFrame:
    """The weeks of each period in which the series came in, with the days of each that it watched."""
    first, last = series["day"].min(), series["day"].max()
    spans = series.select(PERIOD).unique().sort(PERIOD)
    days = spans.with_columns(
        day=pl.date_ranges(
            pl.max_horizontal("period_start", pl.lit(first)), pl.min_horizontal("period_end", pl.lit(last))
        )
    ).explode("day")
    watched = _with_week(days, settings).group_by(*PERIOD, "week", maintain_order=True).agg(days=pl.len())
    return watched.sort(*PERIOD, "week")


def _with_week(rows: pl.DataFrame, settings: Indicators) -> pl.DataFrame:
    weeks = with_period(rows.select("day"), day="day", weeks=1, anchor=settings.weeks_anchor)
    return rows.with_columns(weeks["period_start"].alias("week"))
