"""Neighbourhoods, wards and the city agree: benchmarking to a total, and ward values derived from neighbourhoods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import optimize

from barometer.errors import BadInput
from barometer.estimate.intervals import Interval, logit_t, mean_t

Array = npt.NDArray[np.float64]
Method = Literal["difference", "ratio", "mse_weighted"]
Scale = Literal["identity", "logit"]

# A ward's value stands when neighbourhoods with a value hold at least so much of its population.
MINIMUM_COVERED = 0.8
# Shares of a crosswalk come with six decimals, so those of one area add up to one within this.
SHARE_TOLERANCE = 1e-4
_EXACT = 1e-13
_STEPS = 1_000
# As far as a logit can go before a share is one in double precision.
_FURTHEST_LOGIT = 36.0

ROLLED_SCHEMA: dict[str, pl.DataType] = {
    "geography": pl.String(),
    "area": pl.String(),
    "value": pl.Float64(),
    "standard_error": pl.Float64(),
    "lower": pl.Float64(),
    "upper": pl.Float64(),
    "n_areas": pl.Int64(),
    "population": pl.Float64(),
    "covered": pl.Float64(),
    "missing_reason": pl.String(),
}


class Benchmarked(NamedTuple):
    """Values whose population-weighted mean is the total, and their mean squared errors; both (areas,).

    `discrepancy`: total minus the weighted mean before; large against its error, it says that the model is wrong.
    """

    values: Array
    mse: Array
    discrepancy: float


def benchmark(
    values: Array,
    mse: Array,
    population: Array,
    total: float,
    *,
    method: Method = "mse_weighted",
    scale: Scale = "identity",
    total_variance: float | None = None,
) -> Benchmarked:
    """Move estimates of areas as little as possible so that sum(population * value) / sum(population) is `total`.

    The least sum of phi * (change)² under that constraint is change = a * (total - mean), a = (w/phi) / sum(w²/phi), w
    the population shares (Datta, Ghosh, Steorts & Maples 2011, TEST 20:574-588; Bell, Datta & Ghosh 2013, Biometrika
    100:189-202). `method` chooses phi: difference (phi = w: all move alike), ratio (phi = w/value: in proportion),
    mse_weighted (phi = 1/mse: the uncertain move most). `scale` logit moves shares on the logit scale, so that they
    stay between 0 and 1 (not with ratio); a value that is 0 or 1 stays. `values`, `mse` (NaN not allowed),
    `population`: (areas,).

    Mean squared errors: where the total comes from the same data (`total_variance` None) the move adds to each, by its
    square (Steorts & Ghosh 2013, Statistica Sinica 23:749-767: an optimal estimate's error is uncorrelated with
    whatever the same data say). Where it comes from elsewhere with variance `total_variance` (0: it is the truth), and
    areas' errors are independent, the total informs: mse - 2 a w mse + a² (sum w² mse + total_variance). Raises
    `BadInput` for gaps, values off their scale, or a total that no move can reach.
    """
    shares = _checked(values, mse, population, total, method=method, scale=scale)
    discrepancy = float(total - shares @ values)
    if scale == "identity":
        pull = _pull(shares, _softness(values, mse, shares, method))
        moved = values + pull * discrepancy
        return Benchmarked(moved, _moved_mse(mse, moved - values, pull, shares, total_variance), discrepancy)
    slope = values * (1 - values)
    inside = slope > 0
    on_logit = np.divide(mse, slope**2, out=np.zeros_like(mse), where=inside)
    softness = np.where(inside, _softness(np.ones_like(values), on_logit, shares * slope, method), 0.0)
    change = _logit_change(values, softness * shares * slope, shares, total)
    moved = _expit(_logit(values) + change)
    pull = _pull(shares * slope, softness)
    moved_mse = _moved_mse(on_logit, change, pull, shares * slope, total_variance) * (moved * (1 - moved)) ** 2
    return Benchmarked(np.where(inside, moved, values), np.where(inside, moved_mse, mse), discrepancy)


def _checked(values: Array, mse: Array, population: Array, total: float, *, method: Method, scale: Scale) -> Array:
    """Population shares of the areas, after every input was looked at."""
    if not (values.shape == mse.shape == population.shape) or values.ndim != 1 or not values.size:
        raise BadInput("benchmarking needs one value, one mse and one population for each area")
    if not (np.isfinite(values).all() and np.isfinite(mse).all() and (mse >= 0).all() and np.isfinite(total)):
        raise BadInput("benchmarking needs known values and mean squared errors of 0 or more; leave out missing areas")
    if not ((population >= 0).all() and population.sum() > 0):
        raise BadInput("benchmarking needs populations of 0 or more, and someone who lives in the city")
    if scale == "logit" and not ((values >= 0).all() and (values <= 1).all() and 0 <= total <= 1):
        raise BadInput("benchmarking on the logit scale is for shares: values and total must lie between 0 and 1")
    if method == "ratio" and (scale == "logit" or not (values > 0).all()):
        raise BadInput("benchmarking by ratio is for values above zero as they are; use difference or mse_weighted")
    return np.asarray(population / population.sum(), dtype=np.float64)


def _softness(values: Array, mse: Array, shares: Array, method: Method) -> Array:
    """1/phi of each area: how readily it moves."""
    if method == "mse_weighted":
        return mse
    reach = np.divide(1.0, shares, out=np.zeros_like(shares), where=shares > 0)
    return reach * values if method == "ratio" else reach


def _pull(shares: Array, softness: Array) -> Array:
    """Part of the discrepancy that each area takes; raises `BadInput` when none can."""
    reach = float((shares**2 * softness).sum())
    if reach <= 0:
        raise BadInput("no area can move to meet the total: every mean squared error is zero, or every share 0 or 1")
    return np.asarray(shares * softness / reach, dtype=np.float64)


def _moved_mse(mse: Array, change: Array, pull: Array, shares: Array, total_variance: float | None) -> Array:
    if total_variance is None:
        return np.asarray(mse + change**2, dtype=np.float64)
    spread = float((shares**2 * mse).sum()) + total_variance
    return np.asarray(np.maximum(mse - 2 * pull * shares * mse + pull**2 * spread, 0.0), dtype=np.float64)


def _logit_change(values: Array, direction: Array, shares: Array, total: float) -> Array:
    """Change on the logit scale, along `direction`, after which the weighted mean is `total`."""
    if abs(total - shares @ values) < _EXACT:
        return np.zeros_like(values)
    logits, longest = _logit(values), float(direction.max(initial=0.0))
    if longest <= 0:
        raise BadInput("no area can move to meet the total: every mean squared error is zero, or every share 0 or 1")
    step = direction / longest
    furthest = 2 * _FURTHEST_LOGIT / step[step > 0].min()

    def excess(times: float) -> float:
        return float(shares @ _expit(logits + times * step) - total)

    if excess(-furthest) > 0 or excess(furthest) < 0:
        raise BadInput(
            f"no move of shares between 0 and 1 meets the total {total}; areas at 0 or 1 stay where they are"
        )
    return np.asarray(
        optimize.brentq(excess, -furthest, furthest, xtol=_EXACT, rtol=_EXACT, maxiter=_STEPS) * step, dtype=np.float64
    )


def _logit(values: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values) - np.log1p(-values), dtype=np.float64)


def _expit(logits: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float64)


def roll_up(
    areas: pl.DataFrame,
    *,
    crosswalk: pl.DataFrame,
    population: pl.DataFrame,
    minimum: float = 0.0,
    maximum: float | None = None,
    is_share: bool = False,
    minimum_covered: float = MINIMUM_COVERED,
) -> pl.DataFrame:
    """Values of wards (and of any other geography in `crosswalk`) as population-weighted means of neighbourhoods.

    `areas`: area, value, standard_error (null where missing). `crosswalk`: area, geography, other_area, share of the
    area's population that lives there (`City.crosswalk`). `population`: area, population. The interval is a normal one,
    cut at `minimum` and `maximum`; for shares it is made on the logit scale. Returns ROLLED_SCHEMA, one row a geography
    and other area; `covered`: share of its population in neighbourhoods that have a value. Below `minimum_covered` a
    row has the reason too_few.

    Assumes that people are alike within a neighbourhood, whichever ward they live in, and that the neighbourhoods'
    errors are independent; the first is not in the error. Population times value adds up over the wards to what it adds
    up to over the neighbourhoods, wherever every neighbourhood has a value. Raises `BadInput` when an area's shares do
    not add up to one, or it has no population.
    """
    pieces = _pieces(areas, crosswalk, population)
    known = pl.col("value").is_not_null()
    people = pl.col("people")
    rolled = pieces.group_by("geography", "other_area").agg(
        value=(people * pl.col("value")).sum() / people.filter(known).sum(),
        standard_error=((people * pl.col("standard_error")) ** 2).sum().sqrt() / people.filter(known).sum(),
        n_areas=known.sum(),
        population=people.sum(),
        covered=people.filter(known).sum() / people.sum(),
    )
    rolled = rolled.rename({"other_area": "area"}).sort("geography", "area")
    is_enough = (pl.col("covered") >= minimum_covered) & pl.col("value").is_finite()
    kept = rolled.with_columns(
        *(pl.when(is_enough).then(pl.col(name)).alias(name) for name in ("value", "standard_error")),
        missing_reason=pl.when(~is_enough).then(pl.lit("too_few")),
    )
    interval = _shares_interval if is_share else _mean_interval(minimum, maximum)
    return _with_ends(kept, interval).select(list(ROLLED_SCHEMA)).cast(ROLLED_SCHEMA)  # type: ignore[arg-type]


def _pieces(areas: pl.DataFrame, crosswalk: pl.DataFrame, population: pl.DataFrame) -> pl.DataFrame:
    """Each piece of a neighbourhood in another area: people who live there, and the neighbourhood's value."""
    sums = crosswalk.group_by("area", "geography").agg(pl.col("share").sum())
    wrong = sums.filter((pl.col("share") - 1).abs() > SHARE_TOLERANCE).sort("area")
    if wrong.height:
        area, geography, share = wrong.row(0)
        raise BadInput(
            f"crosswalk: shares of {area} over {geography} add up to {share:.6f}, not to 1; mend crosswalk.csv"
        )
    pieces = crosswalk.join(population.select("area", "population"), on="area", how="left").join(
        areas.select("area", pl.col("value").fill_nan(None), "standard_error"), on="area", how="left"
    )
    absent = pieces.filter(pl.col("population").is_null())["area"]
    if absent.len():
        raise BadInput(f"no population of {absent.sort()[0]}: a ward's value needs that of all its neighbourhoods")
    exact = pl.col("share") / pl.col("share").sum().over("area", "geography")
    return pieces.with_columns(people=exact * pl.col("population")).sort("geography", "other_area", "area")


def _with_ends(rolled: pl.DataFrame, interval: Callable[[Array, Array], Interval]) -> pl.DataFrame:
    values, errors = (
        rolled[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ("value", "standard_error")
    )
    _, lower, upper = interval(values, errors)
    ends = {"lower": lower, "upper": upper}
    return rolled.with_columns(pl.Series(name, end).fill_nan(None) for name, end in ends.items())


def _mean_interval(minimum: float, maximum: float | None) -> Callable[[Array, Array], Interval]:
    top = np.inf if maximum is None else maximum

    def interval(values: Array, errors: Array) -> Interval:
        return mean_t(mean=values, standard_error=errors, df=np.full_like(values, np.inf), minimum=minimum, maximum=top)

    return interval


def _shares_interval(values: Array, errors: Array) -> Interval:
    """On the logit scale inside 0 to 1; at either end the value itself."""
    inside = (values > 0) & (values < 1)
    safe = np.where(inside, values, 0.5)
    found = logit_t(share=safe, standard_error=errors, df=np.full_like(values, np.inf))
    return Interval(errors, np.where(inside, found.lower, values), np.where(inside, found.upper, values))
