"""Counts per exposure with over-dispersion: what observations and context counts share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from barometer.estimate.cells import PLACE, as_floats, with_interval
from barometer.estimate.intervals import dispersion_of, poisson_rate, wilson
from barometer.estimate.periods import PERIOD

GROUP = [*PLACE, *PERIOD]


def rates(units: pl.DataFrame) -> pl.DataFrame:
    """Events per exposure of every place and period, with error.

    `units`: one row a session or week, columns geography, area, period_start, period_end, events, exposure (> 0).
    Quasi-Poisson with one rate a place and one dispersion a period and geography: phi = sum((y - mu)^2/mu) / df
    (McCullagh & Nelder 1989, 6.2). Returns GROUP, value, n (units), effective_n, events, dispersion, standard_error,
    lower, upper.
    """
    expected = pl.col("events").sum().over(GROUP) / pl.col("exposure").sum().over(GROUP) * pl.col("exposure")
    totals = _totals(units.with_columns(misfit=_pearson(expected, expected)), "exposure")
    interval = poisson_rate(
        events=as_floats(totals, "events"),
        exposure=as_floats(totals, "exposure"),
        dispersion=as_floats(totals, "dispersion"),
    )
    return with_interval(totals, interval)


def shares(units: pl.DataFrame) -> pl.DataFrame:
    """Events out of trials of every place and period, with error.

    `units`: as for `rates`, with column trials (>= events) for exposure. Quasi-binomial: as above with the variance
    mu(1 - mu/trials); the interval is Wilson's for trials/phi draws. Places without a trial are left out.
    """
    units = units.filter(pl.col("trials") > 0)
    share = pl.col("events").sum().over(GROUP) / pl.col("trials").sum().over(GROUP)
    expected = share * pl.col("trials")
    totals = _totals(units.with_columns(misfit=_pearson(expected, expected * (1 - share))), "trials")
    draws = np.maximum(as_floats(totals, "trials") / as_floats(totals, "dispersion"), 1.0)
    return with_interval(totals, wilson(share=as_floats(totals, "value"), effective_n=draws))


def _pearson(expected: pl.Expr, variance: pl.Expr) -> pl.Expr:
    """Squared Pearson residual; nothing where nothing was expected (and so nothing seen)."""
    return pl.when(variance > 0).then((pl.col("events") - expected) ** 2 / variance).otherwise(0.0)


def _totals(units: pl.DataFrame, exposure: str) -> pl.DataFrame:
    totals = (
        units.group_by(GROUP, maintain_order=True)
        .agg(
            pl.col("events", exposure, "misfit").sum(),
            n=pl.len(),
            # Kish's effective number of units of unequal exposure.
            effective_n=pl.col(exposure).sum() ** 2 / (pl.col(exposure) ** 2).sum(),
        )
        .with_columns(value=pl.col("events") / pl.col(exposure))
    )
    return totals.join(_dispersions(totals, ["geography", *PERIOD]), on=["geography", *PERIOD], how="left").sort(GROUP)


def _dispersions(totals: pl.DataFrame, alike: Sequence[str]) -> pl.DataFrame:
    pooled = totals.group_by(alike, maintain_order=True).agg(pl.col("misfit").sum(), df=(pl.col("n") - 1).sum())
    phi = [dispersion_of(chi_squared=row["misfit"], df=row["df"]) for row in pooled.iter_rows(named=True)]
    return pooled.select(*alike, pl.Series("dispersion", phi, dtype=pl.Float64))
