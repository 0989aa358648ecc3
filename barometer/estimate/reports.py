"""Practitioners' ratings: adjusted for raters' severity where raters cross neighbourhoods, else means over raters."""

from __future__ import annotations

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from barometer.city import City
from barometer.estimate.cells import (
    PLACE,
    Cells,
    as_floats,
    at_every_place,
    places,
    to_cells,
    with_interval,
    with_reliability,
    withhold,
)
from barometer.estimate.crossing import Codes, largest_crossing
from barometer.estimate.intervals import mean_t
from barometer.estimate.periods import PERIOD, PERIOD_SCHEMA
from barometer.estimate.rater_checks import scale_shifts, with_shifts
from barometer.estimate.raters import RaterModel, Ratings, RatingsTooFew, Scores, fit_consistent_raters
from barometer.indicators import WHOLE_CITY, Indicator

_GROUP = [*PLACE, *PERIOD]
# Variances of areas and raters need a number of each (intervals of 8 by 10 held 96 % of true scores in simulation), and
# pairs of rater and area to spare, without which a severe rater and a distrustful area look alike.
FEWEST_RATERS = 10
FEWEST_AREAS = 8
FEWEST_SPARE_PAIRS = 10
_MODEL = "model"
_SCORE_SCHEMA: dict[str, pl.DataType] = {
    "geography": pl.String(),
    "area": pl.String(),
    **PERIOD_SCHEMA,
    "value": pl.Float64(),
    "standard_error": pl.Float64(),
    "reliability": pl.Float64(),
}


def estimate_reports(reports: pl.DataFrame, *, city: City, indicator: Indicator, periods: pl.DataFrame) -> Cells:
    """Rating on the indicator's scale for every place and period with enough raters.

    `reports`: rows of the table with period_start and period_end. Where raters and neighbourhoods cross enough, scores
    of the crossed model (`raters`), method model; a neighbourhood that no shared rater ties to the others, and every
    one where they do not cross, gets the mean over raters, each rater one voice however often they report.
    """
    rescaled = _rescaled(reports, indicator)
    raters = (
        at_every_place(rescaled, city)
        .group_by(*_GROUP, "rater", maintain_order=True)
        .agg(rating=pl.col("rating").mean())
        .sort(*_GROUP, "rater")
    )
    means = _as_cells(_means(raters).with_columns(indicator=pl.lit(indicator.id)), indicator)
    return Cells(found=_with_scores(means, _modelled(rescaled, city, indicator), indicator), periods=periods)


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


def _modelled(rescaled: pl.DataFrame, city: City, indicator: Indicator) -> pl.DataFrame:
    """Scores of the crossed model: geography, area, PERIOD, value, standard_error, reliability; none where it fails."""
    crossed = _crossed(rescaled, city)
    if crossed.is_empty():
        return pl.DataFrame(schema=_SCORE_SCHEMA)
    # Matrices this small gain nothing from several threads, which on a busy machine wait for one another for minutes.
    with threadpool_limits(limits=1, user_api="blas"):
        try:
            model = _fitted(crossed)
        except RatingsTooFew:
            return pl.DataFrame(schema=_SCORE_SCHEMA)
        return pl.concat([_area_scores(model, crossed, city), _city_scores(model, crossed, city)])


def _crossed(rescaled: pl.DataFrame, city: City) -> pl.DataFrame:
    """The ratings of the largest set of neighbourhoods tied by shared raters, sorted; none where that is too small."""
    here = rescaled.filter(pl.col("area").is_in(city.neighbourhoods["area"].to_list()))
    here = here.sort(*PERIOD, "area", "rater", "rating")
    found = largest_crossing(_codes(here["rater"]), _codes(here["area"]))
    is_enough = found.left >= FEWEST_RATERS and found.right >= FEWEST_AREAS and found.spare_pairs >= FEWEST_SPARE_PAIRS
    return here.filter(pl.Series(found.rows)) if is_enough else here.clear()


def _codes(column: pl.Series) -> Codes:
    """0, 1, … in the order of the values."""
    return column.rank("dense").cast(pl.Int64).to_numpy() - 1


def _fitted(crossed: pl.DataFrame) -> RaterModel:
    """The model, raters who began to use the scale otherwise allowed another severity since."""
    ratings = Ratings(
        rating=as_floats(crossed, "rating"),
        area=_codes(crossed["area"]),
        rater=_codes(crossed["rater"]),
        period=_codes(crossed["period_start"]),
        weight=np.ones(crossed.height),
    )
    model = fit_consistent_raters(ratings)
    shifts = scale_shifts(model)
    return model if shifts.is_empty() else fit_consistent_raters(with_shifts(ratings, shifts))


def _area_scores(model: RaterModel, crossed: pl.DataFrame, city: City) -> pl.DataFrame:
    rated = crossed.select("area", *PERIOD).with_columns(
        at=pl.Series(model.ratings.area), when=pl.Series(model.ratings.period)
    )
    rated = rated.unique().sort("area", *PERIOD)
    scores = model.scores(rated["at"].to_numpy(), rated["when"].to_numpy())
    between = model.typical_variances.area + model.typical_variances.area_period
    # Reliability of a predicted effect: 1 - PEV / its variance (Henderson 1975).
    reliability = np.clip(1 - scores.standard_error**2 / max(between, 1e-12), 0, 1)
    rows = rated.select(pl.lit(city.primary).alias("geography"), "area", *PERIOD)
    return _as_scores(rows, scores, reliability.tolist())


def _city_scores(model: RaterModel, crossed: pl.DataFrame, city: City) -> pl.DataFrame:
    """The neighbourhoods' scores, rated or not, weighted by their people, so that they roll up to the city's."""
    rated = crossed["area"].unique().sort().to_list()
    hoods = places(city).filter(pl.col("geography") == city.primary)
    area = np.array([rated.index(one) if one in rated else -1 for one in hoods["area"]])
    weight = hoods["adults"].fill_null(0).cast(pl.Float64).to_numpy()
    weight = weight if weight.sum() > 0 else np.ones(len(area))
    spans = crossed.select(PERIOD).unique().sort(PERIOD)
    parts = [model.weighted_score(area, np.full(len(area), when), weight) for when in range(spans.height)]
    scores = Scores(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    whole = spans.select(pl.lit(WHOLE_CITY).alias("geography"), pl.lit(city.id).alias("area"), *PERIOD)
    return _as_scores(whole, scores, [None] * spans.height)


def _as_scores(rows: pl.DataFrame, scores: Scores, reliability: list[float | None]) -> pl.DataFrame:
    return rows.with_columns(
        pl.Series("value", scores.value),
        pl.Series("standard_error", scores.standard_error),
        pl.Series("reliability", reliability, dtype=pl.Float64),
    ).select(list(_SCORE_SCHEMA))


def _with_scores(means: pl.DataFrame, scores: pl.DataFrame, indicator: Indicator) -> pl.DataFrame:
    """`means` with value, error, interval and method of the model where it has a score; withheld cells stay so."""
    lowest, highest = indicator.scale.minimum, _highest(indicator)
    held = scores.with_columns(pl.col("value").clip(lowest, highest))
    interval = mean_t(
        mean=as_floats(held, "value"),
        standard_error=as_floats(held, "standard_error"),
        df=np.full(held.height, np.inf),
        minimum=lowest,
        maximum=highest,
    )
    scored = with_interval(held, interval).with_columns(method=pl.lit(_MODEL))
    taken = ("value", "standard_error", "lower", "upper", "reliability", "method")
    joined = means.join(scored, on=_GROUP, how="left", suffix="_model", maintain_order="left")
    has_score = pl.col("method_model").is_not_null() & pl.col("missing_reason").is_null()
    return to_cells(
        joined.with_columns(pl.when(has_score).then(f"{name}_model").otherwise(name).alias(name) for name in taken)
    )


def _highest(indicator: Indicator) -> float:
    maximum = indicator.scale.maximum
    assert maximum is not None, "indicators.py refuses an indicator of reports without a maximum"
    return maximum
