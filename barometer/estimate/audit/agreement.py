"""How well the people who label agree: Krippendorff's alpha for categories, with gaps, and its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from barometer.errors import BadInput
from barometer.estimate.intervals import CONFIDENCE

BOOTSTRAP_SAMPLES = 1000

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Agreement:
    """Alpha (1 perfect, 0 as by chance, below 0 worse) with a 95 % interval.

    `n_units`: posts labelled by two people or more. All three numbers are nan where alpha is not defined; `reason` then
    says why.
    """

    alpha: float
    lower: float
    upper: float
    n_units: int
    n_labellers: int
    reason: str = ""


def agreement_of(labels: pl.DataFrame, *, head: str, seed: int = 0) -> Agreement:
    """Agreement on one label head. `labels`: post, labeller, head, label, one row a judgement.

    Raises `BadInput` when one labeller judged a post twice.
    """
    rows = labels.filter(pl.col("head") == head)
    if rows.select(pl.struct("post", "labeller").is_duplicated().any()).item():
        raise BadInput(f"labels of {head}: a labeller judged the same post twice")
    n_labellers = rows["labeller"].n_unique()
    table = rows.group_by("post", "label").len().sort("post", "label").pivot("label", index="post", values="len")
    counts = table.drop("post").fill_null(0).to_numpy().astype(np.int64)
    return alpha_of_counts(counts, n_labellers=n_labellers, seed=seed)


def alpha_of_counts(counts: Counts, *, n_labellers: int, seed: int = 0) -> Agreement:
    """Agreement from how many labellers gave each unit (row) each category (column).

    Krippendorff (2011), Computing Krippendorff's alpha-reliability, section C-E, nominal metric. The interval resamples
    units (Zapf et al. 2016, BMC Medical Research Methodology 16:93).
    """
    paired = counts[counts.sum(axis=1) >= 2] if counts.size else np.zeros((0, 1), dtype=np.int64)
    n_units = len(paired)
    if n_units == 0:
        return _undefined("no post was labelled by two people", n_units, n_labellers)
    alpha = float(_alpha(np.ones((1, n_units), dtype=np.int64), paired)[0])
    if np.isnan(alpha):
        return _undefined("every label is the same, so agreement by chance cannot be told apart", n_units, n_labellers)
    drawn = np.random.default_rng(seed).multinomial(n_units, np.full(n_units, 1 / n_units), BOOTSTRAP_SAMPLES)
    resampled = _alpha(drawn, paired)
    # A resample of one category only agrees as far as can be seen.
    resampled = np.where(np.isnan(resampled), 1.0, resampled)
    lower, upper = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Agreement(alpha, min(float(lower), alpha), max(float(upper), alpha), n_units, n_labellers)


def _alpha(times: Counts, counts: Counts) -> Array:
    """1 - observed / expected disagreement, each unit taken as often as a row of `times` (samples, units) says."""
    of_unit = counts.sum(axis=1)
    disagreement = (of_unit**2 - (counts**2).sum(axis=1)) / (of_unit - 1)
    by_category = times @ counts
    n = by_category.sum(axis=1).astype(np.float64)
    expected = (n**2 - (by_category**2).sum(axis=1)) / (n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - (times * disagreement).sum(axis=1) / expected, np.nan)


def _undefined(reason: str, n_units: int, n_labellers: int) -> Agreement:
    return Agreement(np.nan, np.nan, np.nan, n_units, n_labellers, reason)
