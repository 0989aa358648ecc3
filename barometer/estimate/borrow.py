"""Survey figures of neighbourhoods where too few answered, made by lending them strength from all the others.

Where fewer than the least number answered, the model is fitted as if nobody had: such a figure rests on what the
neighbourhood is like and on how others like it answered, and tells nothing of the few who did.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from barometer.city import City
from barometer.errors import BadInput
from barometer.estimate.cells import CELL_SCHEMA, as_floats, to_cells
from barometer.estimate.intervals import Array
from barometer.estimate.periods import PERIOD
from barometer.estimate.reliability import FEWEST_AREAS
from barometer.estimate.rollup import Benchmarked, benchmark
from barometer.estimate.small_area import (
    CannotEstimate,
    SmallAreaFit,
    fit_model,
    fit_shares,
    interval,
    principal_components,
    row_standardise,
)
from barometer.estimate.small_area.models import Method
from barometer.indicators import WHOLE_CITY, Indicator

Mask = npt.NDArray[np.bool_]

logger = logging.getLogger(__name__)

METHOD = "model"
# Components of the city's covariates that a model may use: with some sixty areas, one per twenty.
MOST_COMPONENTS = 3
# A model with neighbours is preferred only where it explains the data clearly better (Burnham & Anderson 2002, 2.6).
CLEARLY_BETTER = 2.0
# One-sided 10 %: a cheap look that misses few; the models are then compared by what they explain.
NOTABLE_Z = 1.28


@dataclass(frozen=True)
class Modelled:
    """A model's figures of every neighbourhood, in the indicator's unit, with 95 % intervals inside its scale (m,)."""

    value: Array
    standard_error: Array
    lower: Array
    upper: Array
    fit: SmallAreaFit


@dataclass(frozen=True)
class Areas:
    """The city's neighbourhoods (m), sorted, and what models know of each: `design` (m, 1 + k), `proximity` (m, m)."""

    names: list[str]
    design: Array
    proximity: Array | None

    @classmethod
    def of(cls, city: City) -> Areas:
        """From the city's covariates and neighbours; an intercept alone, and no proximity, where it states none."""
        frame = covariates(city)
        components = frame.drop("area").to_numpy()
        design = np.column_stack([np.ones(frame.height), *components.T])
        return cls(frame["area"].to_list(), design, _proximity(city, frame["area"].to_list()))


def borrow(direct: pl.DataFrame, *, city: City, indicators: Sequence[Indicator]) -> pl.DataFrame:
    """CELL_SCHEMA: a model's figure of every neighbourhood, for each indicator and wave that can carry a model.

    `direct`: cells of `direct_answers`, none withheld for being few. Fay-Herriot averaged over what the variance
    between areas may be, with neighbours (REML) where that is clearly better (`small_area`); the figures together agree
    with the whole city's direct one (`rollup.benchmark`).
    A wave whose areas cannot carry a model has no rows, and the log says why.
    """
    known = direct.filter(pl.col("value").is_not_null())
    areas = Areas.of(city)
    frames = [
        _one_wave(wave, areas, city=city, indicator=indicator)
        for indicator in indicators
        for wave in known.filter(pl.col("indicator") == indicator.id).partition_by(PERIOD, maintain_order=True)
    ]
    return pl.concat([to_cells(pl.DataFrame(schema=CELL_SCHEMA)), *frames])


def covariates(city: City) -> pl.DataFrame:
    """One row a neighbourhood, sorted: area, and the leading components of the city's covariates (none: no columns)."""
    areas = city.neighbourhoods.select("area").sort("area")
    wide = (
        city.covariates.pivot("covariate", index="area", values="value", sort_columns=True)
        if len(city.covariates)
        else areas
    )
    complete = areas.join(wide, on="area", how="left")
    usable = [name for name in complete.columns if name != "area" and complete[name].null_count() == 0]
    if not usable:
        return areas
    components = principal_components(complete.select(usable).to_numpy(), at_most=MOST_COMPONENTS)[:, 1:]
    return areas.hstack([pl.Series(f"component_{k + 1}", column) for k, column in enumerate(components.T)])


def _one_wave(wave: pl.DataFrame, areas: Areas, *, city: City, indicator: Indicator) -> pl.DataFrame:
    local = wave.filter(pl.col("geography") == city.primary).drop("geography", "indicator", *PERIOD)
    laid = pl.DataFrame({"area": areas.names}).join(local, on="area", how="left", maintain_order="left")
    laid = laid.with_columns(pl.col("n").fill_null(0), pl.col("effective_n").fill_null(0.0))
    try:
        made = _model(laid, areas, city=city, indicator=indicator)
    except CannotEstimate as reason:
        logger.warning("%s from %s: no model of its neighbourhoods (%s)", indicator.id, wave["period_start"][0], reason)
        return to_cells(pl.DataFrame(schema=CELL_SCHEMA))
    whole = wave.filter(pl.col("geography") == WHOLE_CITY)
    return _as_cells(laid, _benchmarked(made, laid, whole, city=city, indicator=indicator), wave, city, indicator)


def _model(laid: pl.DataFrame, areas: Areas, *, city: City, indicator: Indicator) -> Modelled:
    is_heard = as_floats(laid, "n") >= max(indicator.minimum_n, city.thresholds.minimum_n)
    if is_heard.sum() < FEWEST_AREAS:
        raise CannotEstimate(f"{is_heard.sum()} neighbourhoods have enough answers, {FEWEST_AREAS} are needed")
    heard = laid.with_columns(
        pl.when(pl.Series(is_heard)).then(name).alias(name) for name in ("value", "effective_n", "standard_error")
    )
    plain = _fitted(heard, areas, indicator, proximity=None)
    if areas.proximity is None or not _are_neighbours_alike(plain.fit, areas.proximity):
        return plain
    # An approximation of its errors can fail where rho nears a bound; then it is not better.
    with np.errstate(invalid="ignore"):
        spatial = _fitted(heard, areas, indicator, proximity=areas.proximity)
    return spatial if _is_clearly_better(spatial.fit, plain.fit) else plain


def _are_neighbours_alike(fit: SmallAreaFit, proximity: Array) -> bool:
    """What the plain model leaves over is alike among neighbours: only then is the dearer model worth trying.

    Moran's I of the area effects where they are known, against its moments under normality (Cliff & Ord 1981, 1.5).
    """
    known = fit.is_sampled
    effect = (fit.eblup - fit.synthetic)[known]
    weights, size = proximity[np.ix_(known, known)], int(known.sum())
    total, spread = weights.sum(), float(effect @ effect)
    if spread <= 0 or total <= 0:
        return False
    both = weights + weights.T
    once, twice = (both**2).sum() / 2, (both.sum(axis=1) ** 2).sum()
    expected = -1 / (size - 1)
    variance = (size**2 * once - size * twice + 3 * total**2) / (total**2 * (size**2 - 1)) - expected**2
    moran = size / total * float(effect @ weights @ effect) / spread
    return bool(moran - expected > NOTABLE_Z * np.sqrt(variance))


def _is_clearly_better(spatial: SmallAreaFit, plain: SmallAreaFit) -> bool:
    """It explains clearly more, and its errors are sound."""
    return spatial.converged and bool((spatial.mse > 0).all()) and spatial.aic < plain.aic - CLEARLY_BETTER


def _fitted(heard: pl.DataFrame, areas: Areas, indicator: Indicator, *, proximity: Array | None) -> Modelled:
    value, size = as_floats(heard, "value"), as_floats(heard, "effective_n")
    method: Method = "hb" if proximity is None else "reml"
    if indicator.is_share:
        shares = fit_shares(value, size, areas.design, transform="arcsine", method=method, proximity=proximity)
        return Modelled(shares.share, shares.standard_error, shares.lower, shares.upper, shares.fit)
    fit = fit_model(value, areas.design, _unit_variance(heard) / size, method=method, proximity=proximity)
    error, lower, upper = interval(fit)
    lowest, highest = indicator.scale.minimum, indicator.scale.maximum
    inside = np.clip(fit.eblup, lowest, highest)
    return Modelled(inside, error, np.clip(lower, lowest, inside), np.clip(upper, inside, highest), fit)


def _unit_variance(laid: pl.DataFrame) -> float:
    """Variance of one answer, pooled over areas: a generalised variance function (Wolter 2007, chapter 7)."""
    n = pl.col("n")
    known = laid.filter(pl.col("standard_error") > 0)
    pooled = known.select((pl.col("standard_error") ** 2 * pl.col("effective_n") * n).sum() / n.sum()).item()
    if not pooled:
        raise CannotEstimate("no area's answers differ from one another: the wave says nothing of its own error")
    return float(pooled)


def _proximity(city: City, areas: list[str]) -> Array | None:
    """Row-standardised neighbours in the order of `areas`; none where the city states no neighbours."""
    number = {area: k for k, area in enumerate(areas)}
    pairs = city.adjacency.filter(pl.col("geography") == city.primary).select("area", "neighbour").rows()
    if not pairs:
        return None
    matrix = np.zeros((len(areas), len(areas)))
    for area, neighbour in pairs:
        matrix[number[area], number[neighbour]] = 1.0
    return np.asarray(row_standardise(matrix), dtype=np.float64)


def _benchmarked(
    made: Modelled, laid: pl.DataFrame, whole: pl.DataFrame, *, city: City, indicator: Indicator
) -> Modelled:
    """The figures moved, the least sure ones most, until adults' mean over all neighbourhoods is the city's figure.

    Neighbourhoods whose own direct figure is shown keep it. Nothing is moved where the city has no figure, does not
    know how many adults live where, or no move can meet the city's figure.
    """
    adults = laid.join(city.neighbourhoods.select("area", "adults"), on="area", how="left", maintain_order="left")
    is_shown = _is_shown_directly(laid, city=city, indicator=indicator)
    if whole.is_empty() or adults["adults"].null_count() or is_shown.all():
        return made
    values = np.where(is_shown, as_floats(laid, "value"), made.value)
    try:
        moved = benchmark(
            values,
            np.where(is_shown, 0.0, made.standard_error**2),
            as_floats(adults, "adults"),
            float(whole["value"].item()),
            scale="logit" if indicator.is_share else "identity",
        )
    except BadInput as reason:
        logger.warning("%s: neighbourhoods do not add up to the city (%s)", indicator.id, reason)
        return made
    return _shifted(made, moved, moved.values - values, indicator)


def _shifted(made: Modelled, moved: Benchmarked, shift: Array, indicator: Indicator) -> Modelled:
    """Values and errors as moved, intervals with them and as much wider as the errors are."""
    error = np.sqrt(moved.mse)
    wider = np.divide(error, made.standard_error, out=np.ones_like(error), where=error > made.standard_error)
    lower = made.value - wider * (made.value - made.lower) + shift
    upper = made.value + wider * (made.upper - made.value) + shift
    lowest, highest = indicator.scale.minimum, indicator.scale.maximum
    value = np.clip(moved.values, lowest, highest)
    return Modelled(value, error, np.clip(lower, lowest, value), np.clip(upper, value, highest), made.fit)


def _is_shown_directly(laid: pl.DataFrame, *, city: City, indicator: Indicator) -> Mask:
    least = max(indicator.minimum_n, city.thresholds.minimum_n)
    is_sure = pl.col("reliability").fill_null(0.0) >= city.thresholds.reliability
    return np.asarray(laid.select(is_sure & (pl.col("n") >= least)).to_series().to_numpy(), dtype=np.bool_)


def _as_cells(laid: pl.DataFrame, made: Modelled, wave: pl.DataFrame, city: City, indicator: Indicator) -> pl.DataFrame:
    fit = made.fit
    between = fit.sigma2 + float(np.var(fit.synthetic))
    reliability = np.clip(1 - fit.mse / between, 0, 1) if between > 0 else np.zeros(laid.height)
    reason = None if fit.converged else "not_converged"
    numbers = {
        name: pl.Series(name, values if fit.converged else [None] * laid.height, dtype=pl.Float64)
        for name, values in (
            ("value", made.value),
            ("standard_error", made.standard_error),
            ("lower", made.lower),
            ("upper", made.upper),
        )
    }
    return to_cells(
        laid.select("area", "n", "effective_n").with_columns(
            *numbers.values(),
            pl.Series("reliability", reliability, dtype=pl.Float64),
            indicator=pl.lit(indicator.id),
            geography=pl.lit(city.primary),
            period_start=pl.lit(wave["period_start"][0], dtype=pl.Date),
            period_end=pl.lit(wave["period_end"][0], dtype=pl.Date),
            missing_reason=pl.lit(reason, dtype=pl.String),
            method=pl.lit(METHOD),
        )
    )


def lent(gated: pl.DataFrame, modelled: pl.DataFrame) -> pl.DataFrame:
    """Gated direct cells, with a model's figure in place of every neighbourhood's that is `too_few` or not there."""
    key = ["indicator", "geography", "area", *PERIOD]
    is_kept = pl.col("missing_reason").is_null() | (pl.col("missing_reason") != "too_few")
    kept = gated.filter(is_kept)
    taken = modelled.join(kept, on=key, how="anti")
    left = gated.filter(~is_kept).join(taken, on=key, how="anti")
    return to_cells(pl.concat([kept, taken, left], how="diagonal"))
