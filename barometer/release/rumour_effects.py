"""Trust where a rumour was heard, before and after, beside like neighbourhoods where it was not: an association only.

Made of published values alone. Every neighbourhood that heard the rumour is held against its `MATCHES` likest among
those that did not (likeness: the value before, and the first principal components of the city's covariates); the mean
difference of the changes is reported with the error of matching with replacement (Abadie and Imbens, 2006,
Econometrica 74(1), equation 14, with one variance for all neighbourhoods), or with the published errors' own where
those are larger. A rumour settles where trust is already falling as readily as it makes it fall, so the words never
say more than that the two went together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import false_discovery_control, t

MATCHES = 3
COMPONENTS = 3
FEWEST_EXPOSED = 3
"""With fewer, a mean would speak of a single place."""
FALSE_DISCOVERY_RATE = 0.05

SCHEMA: dict[str, pl.DataType] = {
    "rumour": pl.String(),
    "indicator": pl.String(),
    "before_end": pl.Date(),
    "after_start": pl.Date(),
    "exposed": pl.Int64(),
    "matched": pl.Int64(),
    "before": pl.Float64(),
    "after": pl.Float64(),
    "change": pl.Float64(),
    "change_elsewhere": pl.Float64(),
    "difference": pl.Float64(),
    "lower": pl.Float64(),
    "upper": pl.Float64(),
    "p": pl.Float64(),
    "is_beyond_chance": pl.Boolean(),
}

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Side:
    """Areas of one kind: change, variance of its measurement, likeness features (areas x features), value before."""

    change: Vector
    variance: Vector
    likeness: Vector
    before: Vector


def rumour_effects(
    rumours: pl.DataFrame, estimates: pl.DataFrame, covariates: pl.DataFrame, *, indicators: list[str], geography: str
) -> pl.DataFrame:
    """One row a rumour and indicator for which at least `FEWEST_EXPOSED` neighbourhoods and `MATCHES` others have both.

    `rumours`: rumour, first_seen, neighbourhoods; `estimates`: published rows; `covariates`: area, covariate, value.
    The period before ends before the rumour was first seen, the period after begins later. Columns as in `SCHEMA`;
    changes and `difference` (with its 95 % interval) are in the indicator's unit. `is_beyond_chance` controls the false
    discovery rate (Benjamini and Hochberg) over all rows.
    """
    local = estimates.filter(pl.col("geography") == geography, pl.col("value").is_not_null())
    components = _components(covariates)
    rows = [
        row
        for rumour in rumours.sort("rumour").iter_rows(named=True)
        for indicator in indicators
        if (row := _effect(rumour, local.filter(pl.col("indicator") == indicator), components)) is not None
    ]
    return _tested(pl.DataFrame(rows, schema={name: dtype for name, dtype in SCHEMA.items() if name != _VERDICT}))


_VERDICT = "is_beyond_chance"


def _tested(rows: pl.DataFrame) -> pl.DataFrame:
    adjusted = false_discovery_control(rows["p"].to_numpy()) if rows.height else np.zeros(0)
    return rows.with_columns(pl.Series(_VERDICT, adjusted <= FALSE_DISCOVERY_RATE, dtype=pl.Boolean))


def _effect(rumour: dict[str, Any], rows: pl.DataFrame, components: pl.DataFrame) -> dict[str, Any] | None:
    """The row of one rumour and indicator; none where there is too little to tell anything."""
    periods = _around(rows, rumour["first_seen"])
    if periods is None:
        return None
    pairs = _pairs(rows, *periods).join(components, on="area", how="inner" if components.height else "left")
    is_exposed = pl.col("area").is_in(rumour["neighbourhoods"])
    exposed, others = _side(pairs.filter(is_exposed)), _side(pairs.filter(~is_exposed))
    if len(exposed.change) < FEWEST_EXPOSED or len(others.change) < MATCHES:
        return None
    told = {"rumour": rumour["rumour"], "indicator": rows["indicator"][0]}
    return told | {"before_end": periods[0][1], "after_start": periods[1][0]} | _matched(exposed, others)


_Period = tuple[date, date]


def _around(rows: pl.DataFrame, first_seen: datetime) -> tuple[_Period, _Period] | None:
    day = first_seen.date()
    spans = rows.select("period_start", "period_end").unique().sort("period_end", "period_start").rows()
    before = [span for span in spans if span[1] < day]
    after = [span for span in spans if span[0] >= day]
    return (before[-1], after[-1]) if before and after else None


def _pairs(rows: pl.DataFrame, before: _Period, after: _Period) -> pl.DataFrame:
    """area, before, change, variance (of the two measurements, taken as independent)."""
    then, now = (
        rows.filter(pl.col("period_start") == start, pl.col("period_end") == end).select(
            "area", "value", "standard_error"
        )
        for start, end in (before, after)
    )
    both = then.join(now, on="area", suffix="_after").drop_nulls().sort("area")
    variance = pl.col("standard_error") ** 2 + pl.col("standard_error_after") ** 2
    return both.select("area", before="value", change=pl.col("value_after") - pl.col("value"), variance=variance)


def _components(covariates: pl.DataFrame) -> pl.DataFrame:
    """area and the first principal components of its standardised covariates (newest year of each, complete ones)."""
    newest = covariates.sort("year").unique(["area", "covariate"], keep="last")
    wide = newest.pivot("covariate", index="area", values="value").sort("area")
    values = wide.drop("area").to_numpy() if wide.width > 1 else np.zeros((wide.height, 0))
    complete = np.isfinite(values.astype(float)).all(axis=0) & (values.std(axis=0) > 0 if values.size else True)
    kept = values[:, complete]
    if not kept.size:
        return pl.DataFrame({"area": wide["area"]}) if wide.height else pl.DataFrame(schema={"area": pl.String})
    standard = (kept - kept.mean(axis=0)) / kept.std(axis=0)
    left, size, _ = np.linalg.svd(standard, full_matrices=False)
    scores = (left * size)[:, :COMPONENTS]
    return pl.DataFrame({"area": wide["area"]} | {f"component_{k}": scores[:, k] for k in range(scores.shape[1])})


def _side(pairs: pl.DataFrame) -> _Side:
    features = pairs.select("before", pl.col("^component_.*$")).to_numpy()
    change, variance, before = (pairs[name].to_numpy() for name in ("change", "variance", "before"))
    return _Side(change=change, variance=variance, likeness=features, before=before)


def _matched(exposed: _Side, others: _Side) -> dict[str, Any]:
    nearest = _nearest(exposed.likeness, others.likeness)
    elsewhere = others.change[nearest].mean(axis=1)
    difference = exposed.change - elsewhere
    used = np.bincount(nearest.ravel(), minlength=len(others.change))
    size, mean = len(difference), float(difference.mean())
    error = float(np.sqrt(max(_matching_variance(difference, others, used), _measured_variance(exposed, others, used))))
    reach = float(t.ppf(0.975, size - 1)) * error
    before = float(exposed.before.mean())
    return {
        "exposed": size,
        "matched": int((used > 0).sum()),
        "before": before,
        "after": before + float(exposed.change.mean()),
        "change": float(exposed.change.mean()),
        "change_elsewhere": float(elsewhere.mean()),
        "difference": mean,
        "lower": mean - reach,
        "upper": mean + reach,
        "p": float(2 * t.sf(abs(mean) / error, size - 1)) if error > 0 else 1.0,
    }


def _nearest(exposed: Vector, others: Vector) -> npt.NDArray[np.int64]:
    """Places of each exposed area's likest others, every feature in its own standard deviations."""
    spread = np.vstack([exposed, others]).std(axis=0)
    scaled = np.where(spread > 0, spread, 1.0)
    apart = ((exposed[:, None, :] - others[None, :, :]) / scaled) ** 2
    return np.argsort(apart.sum(axis=2), axis=1, kind="stable")[:, :MATCHES]


def _matching_variance(difference: Vector, others: _Side, used: npt.NDArray[np.int64]) -> float:
    """Abadie and Imbens (2006): spread of the differences, and more where a match serves several times."""
    size, spread = len(difference), float(others.change.var(ddof=1))
    repeated = (used * (used - 1) / MATCHES**2).sum() * spread
    return float((((difference - difference.mean()) ** 2).sum() + repeated) / size**2)


def _measured_variance(exposed: _Side, others: _Side, used: npt.NDArray[np.int64]) -> float:
    """What the published standard errors alone make of the mean difference."""
    size = len(exposed.change)
    return float(exposed.variance.sum() / size**2 + ((used / (MATCHES * size)) ** 2 * others.variance).sum())
