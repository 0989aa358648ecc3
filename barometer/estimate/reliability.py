"""How much of the difference between neighbourhoods is real: reliability of area estimates."""

from __future__ import annotations

import numpy as np
import polars as pl

from barometer.estimate.intervals import Array

# Intra-area correlations of neighbourhood attitudes lie between 0.01 (cohesion, Fone et al. 2006, Population Health
# Metrics 4:17) and 0.13 (Buckner's scale in 20 communities, Wilkinson 2007, Am J Community Psychology 40:214-229). An
# estimate far outside says more about a small sample than about the city, so it is held within these bounds.
LOWEST_ICC = 0.005
HIGHEST_ICC = 0.25
# What is assumed while there are too few areas to estimate it: the middle of those studies.
ASSUMED_ICC = 0.05
FEWEST_AREAS = 8


def spearman_brown(*, effective_n: Array, icc: float) -> Array:
    """Reliability of an area's mean of n respondents: n*rho / (1 + (n-1)*rho); 0 for none, towards 1 for many."""
    n = np.asarray(effective_n, dtype=np.float64)
    return np.asarray(np.where(n > 0, n * icc / (1 + (n - 1) * icc), 0.0).clip(0, 1), dtype=np.float64)


def intra_area_correlation(answers: pl.DataFrame) -> float:
    """Share of the variance of answers that lies between areas, pooled over waves and held within bounds.

    `answers`: one row a respondent, columns wave, area, value. One-way random-effects analysis of variance with unequal
    group sizes (Searle, Casella & McCulloch 1992, 3.6): rho = (MSB - MSW) / (MSB + (n0 - 1) MSW), sums of squares and
    degrees of freedom added over waves. `ASSUMED_ICC` while no wave has `FEWEST_AREAS` areas of two or more.
    """
    groups = _groups(answers)
    waves = _sums_of_squares(groups).filter(pl.col("areas") >= FEWEST_AREAS)
    if waves.is_empty():
        return ASSUMED_ICC
    total = waves.sum()
    within = total["ss_within"].item() / total["df_within"].item()
    between = total["ss_between"].item() / total["df_between"].item()
    size = total["size_times_df"].item() / total["df_between"].item()
    spread = between + (size - 1) * within
    return float(np.clip((between - within) / spread, LOWEST_ICC, HIGHEST_ICC)) if spread > 0 else LOWEST_ICC


def _groups(answers: pl.DataFrame) -> pl.DataFrame:
    """n, mean and sum of squares of every wave and area with two answers or more."""
    value = pl.col("value")
    return (
        answers.drop_nulls(["area", "value"])
        .group_by("wave", "area", maintain_order=True)
        .agg(n=pl.len(), mean=value.mean(), ss=((value - value.mean()) ** 2).sum())
        .filter(pl.col("n") >= 2)
        .sort("wave", "area")
    )


def _sums_of_squares(groups: pl.DataFrame) -> pl.DataFrame:
    """Per wave: areas, sums of squares and degrees of freedom, and n0 (mean group size for unequal groups) times df."""
    n = pl.col("n")
    grand_mean = (n * pl.col("mean")).sum() / n.sum()
    return groups.group_by("wave", maintain_order=True).agg(
        areas=pl.len(),
        ss_within=pl.col("ss").sum(),
        df_within=n.sum() - pl.len(),
        ss_between=(n * (pl.col("mean") - grand_mean) ** 2).sum(),
        df_between=pl.len() - 1,
        size_times_df=n.sum() - (n**2).sum() / n.sum(),
    )


def reliability_from_errors(*, values: Array, standard_errors: Array) -> Array | None:
    """Reliability of area values of unequal precision: tau^2 / (tau^2 + se^2), or None below `FEWEST_AREAS` areas.

    tau^2, the variance between areas, by the method of moments (DerSimonian & Laird 1986, Controlled Clinical Trials
    7:177-188), never negative.
    """
    if len(values) < FEWEST_AREAS or not (standard_errors > 0).all():
        return None
    weights = standard_errors**-2.0
    mean = (weights * values).sum() / weights.sum()
    spread = (weights * (values - mean) ** 2).sum()
    scale = weights.sum() - (weights**2).sum() / weights.sum()
    between = max((spread - (len(values) - 1)) / scale, 0.0)
    return np.asarray(between / (between + standard_errors**2), dtype=np.float64)
