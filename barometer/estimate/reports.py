"""Practitioners' ratings: means over raters, each rater one voice however often they report."""

from __future__ import annotations

import numpy as np
import polars as pl

from barometer.city import City
from barometer.estimate.cells import (
    PLACE,
    Cells,
    as_floats,
    at_every_place,
    to_cells,
    with_interval,
    with_reliability,
    withhold,
)
from barometer.estimate.intervals import mean_t
from barometer.estimate.periods import PERIOD
from barometer.indicators import Indicator

_GROUP = [*PLACE, *PERIOD]


def estimate_reports(reports: pl.DataFrame, *, city: City, indicator: Indicator, periods: pl.DataFrame) -> Cells:
    """Mean rating on the indicator's scale for every place and period with enough raters.

    `reports`: rows of the table with period_start and period_end. Raters are the clusters: a rater's reports on a place
    are averaged first, so the error comes from how raters differ, not from how often one of them reports.
    """
    rescaled = _rescaled(reports, indicator)
    raters = (
        at_every_place(rescaled, city)
        .group_by(*_GROUP, "rater", maintain_order=True)
        .agg(rating=pl.col("rating").mean())
        .sort(*_GROUP, "rater")
    )
    means = _means(raters).with_columns(indicator=pl.lit(indicator.id))
    return Cells(found=_as_cells(means, indicator), periods=periods)


def _rescaled(reports: pl.DataFrame, indicator: Indicator) -> pl.DataFrame:
    """Each rating moved from its form's scale to the indicator's."""
    lowest, highest = indicator.scale.minimum, _highest(indicator)
    place_on_scale = (pl.col("rating") - pl.col("scale_minimum")) / (pl.col("scale_maximum") - pl.col("scale_minimum"))
    return reports.with_columns(rating=(lowest + place_on_scale * (highest - lowest)).clip(lowest, highest))


def _means(raters: pl.DataFrame) -> pl.DataFrame:
    """Mean and squared standard error over raters, per place and period.

    With three or four raters their own spread says little, so the variance within places, pooled over the period's
    places, is used where it is larger: a place whose raters happen to agree is not thereby certain.
    """
    rating = pl.col("rating")
    means = raters.group_by(_GROUP, maintain_order=True).agg(
        value=rating.mean(), n=pl.len(), spread=((rating - rating.mean()) ** 2).sum()
    )
    df = pl.col("n") - 1
    alike = ["geography", *PERIOD]
    return (
        means.with_columns(df=df.sum().over(alike), pooled=pl.col("spread").sum().over(alike) / df.sum().over(alike))
        .with_columns(own=pl.col("spread") / df)
        .with_columns(variance=pl.max_horizontal(pl.col("own", "pooled").fill_nan(None)) / pl.col("n"))
        .sort(_GROUP)
    )


def _as_cells(means: pl.DataFrame, indicator: Indicator) -> pl.DataFrame:
    """`means` as cells; too few where the raters are fewer than the indicator needs or no spread can be estimated."""
    is_enough = (pl.col("n") >= max(indicator.minimum_n, 2)).fill_null(value=False)
    interval = mean_t(
        mean=as_floats(means, "value"),
        standard_error=np.sqrt(as_floats(means.with_columns(pl.col("variance").fill_null(0.0)), "variance")),
        df=as_floats(means, "df"),
        minimum=indicator.scale.minimum,
        maximum=_highest(indicator),
    )
    cells = with_interval(means, interval).with_columns(effective_n=pl.col("n").cast(pl.Float64))
    enough = with_reliability(cells.filter(is_enough), by=("indicator", *PERIOD))
    return withhold(
        to_cells(pl.concat([enough, cells.filter(~is_enough)], how="diagonal")), where=~is_enough, reason="too_few"
    )


def _highest(indicator: Indicator) -> float:
    maximum = indicator.scale.maximum
    assert maximum is not None, "indicators.py refuses an indicator of reports without a maximum"
    return maximum
