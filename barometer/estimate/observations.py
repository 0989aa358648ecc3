"""Micro-level interaction in public space: rates per observer-hour, whatever the length and number of sessions."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from barometer.city import City
from barometer.estimate.cells import Cells, at_every_place, to_cells, with_reliability, withhold
from barometer.estimate.overdispersion import standardised_rates
from barometer.estimate.periods import PERIOD
from barometer.estimate.rates import GROUP, shares
from barometer.indicators import Indicator, ObservedRate, ObservedShare

_SESSION = [*GROUP, "session"]
# What a session's count depends on beside the place: who counts, when, and in which weather (where the table says).
_NUISANCES = ("observer", "hour_band", "weather")
# First local hours of midday and of evening. Finer bands would leave too few sessions in each.
_MIDDAY_HOUR, _EVENING_HOUR = 12, 17
_IN_GROUP = pl.col("group_size").fill_null(0) >= 2

# What is counted, and of which records it can be known: a form that notes no group sizes says nothing of groups.
_COUNTED = {
    "persons_staying": pl.col("persons").filter(pl.col("is_staying")).sum(),
    "persons_in_groups": pl.col("persons").filter(_IN_GROUP).sum(),
    "groups": (pl.col("persons") / pl.col("group_size")).filter(_IN_GROUP).sum(),
    "mixed_groups": (pl.col("persons") / pl.col("group_size"))
    .filter(_IN_GROUP & pl.col("is_mixed_group").fill_null(value=False))
    .sum(),
}
_IS_KNOWN = {
    "persons_staying": (pl.col("kind") == "stationary").any(),
    "persons_in_groups": pl.col("group_size").is_not_null().any(),
    "groups": pl.col("group_size").is_not_null().any(),
    "mixed_groups": pl.col("is_mixed_group").is_not_null().any(),
}


def estimate_observations(
    observations: pl.DataFrame, *, city: City, indicators: Sequence[Indicator], periods: pl.DataFrame
) -> Cells:
    """Rates and shares for every place and period with enough sessions that could have noted what is counted.

    `observations`: rows of the table with period_start and period_end. A session is one observer's stretch at one
    place; its exposure is its length in hours. Sessions in which nobody was seen count with their hours. Rates are
    those of the average observer and time of day; an optional column `weather` (text) is set aside likewise.
    """
    at_places = at_every_place(observations.with_columns(hour_band=_hour_band(city.timezone)), city)
    frames = [_estimate_one(at_places, indicator) for indicator in indicators]
    return Cells(found=pl.concat(frames), periods=periods)


def _hour_band(timezone: str) -> pl.Expr:
    hour = pl.col("started_at").dt.convert_time_zone(timezone).dt.hour()
    return (
        pl.when(hour < _MIDDAY_HOUR)
        .then(pl.lit("morning"))
        .when(hour < _EVENING_HOUR)
        .then(pl.lit("midday"))
        .otherwise(pl.lit("evening"))
    )


def _nuisances(observations: pl.DataFrame) -> list[str]:
    return [name for name in _NUISANCES if name in observations.columns]


def _sessions(observations: pl.DataFrame, counted: str) -> pl.DataFrame:
    """One row a session that could have noted `counted`: events, persons seen (trials) and hours watched (exposure)."""
    length = pl.col("ended_at").max() - pl.col("started_at").min()
    return (
        observations.group_by(_SESSION, maintain_order=True)
        .agg(
            *(pl.col(name).drop_nulls().first() for name in _nuisances(observations)),
            events=_COUNTED[counted].cast(pl.Float64),
            trials=pl.col("persons").sum().cast(pl.Float64),
            exposure=length.dt.total_seconds() / 3600,
            is_known=_IS_KNOWN[counted] | (pl.col("persons").sum() == 0),
        )
        .filter(pl.col("is_known") & (pl.col("exposure") > 0))
        .sort(_SESSION)
    )


def _estimate_one(observations: pl.DataFrame, indicator: Indicator) -> pl.DataFrame:
    measure = indicator.measure
    assert isinstance(measure, ObservedRate | ObservedShare)
    sessions = _sessions(observations, measure.counted)
    is_rate = isinstance(measure, ObservedRate)
    totals = standardised_rates(sessions, nuisances=_nuisances(sessions)) if is_rate else shares(sessions)
    totals = totals.with_columns(indicator=pl.lit(indicator.id))
    is_enough = pl.col("n") >= indicator.minimum_n
    enough = with_reliability(totals.filter(is_enough), by=("indicator", *PERIOD))
    cells = to_cells(pl.concat([enough, totals.filter(~is_enough)], how="diagonal"))
    return withhold(cells, where=~is_enough, reason="too_few")
