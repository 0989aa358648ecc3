"""How far raters disagree about an area, and whether one began to use the scale otherwise. No rater is ever ranked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import stats

from barometer.estimate.crossing import Codes
from barometer.estimate.intervals import Array
from barometer.estimate.raters import RaterModel, Ratings

Flags = npt.NDArray[np.bool_]

# Between two raters a range would give each away to the other.
FEWEST_RATERS_SHOWN = 3
# A shift is looked for where so many ratings lie on either side of it: fewer say more about two afternoons.
FEWEST_RATINGS_A_SIDE = 3
# Expected share of raters flagged wrongly among those flagged.
FALSE_DISCOVERY_RATE = 0.05
_BATCH = 200


def disagreement(model: RaterModel) -> pl.DataFrame:
    """How far raters differ about each area and period, their severities set aside; shown, never judged.

    Returns area, period (codes), n_raters, standard_deviation and range of the raters' mean adjusted ratings, in scale
    points; both empty below `FEWEST_RATERS_SHOWN` raters.
    """
    ratings = model.ratings
    rows = {"area": ratings.area, "period": ratings.period, "rater": ratings.rater, "adjusted": model.adjusted}
    is_shown = pl.col("n_raters") >= FEWEST_RATERS_SHOWN
    adjusted = pl.col("adjusted")
    return (
        pl.DataFrame(rows)
        .group_by("area", "period", "rater")
        .agg(adjusted.mean())
        .sort("area", "period", "rater")
        .group_by("area", "period", maintain_order=True)
        .agg(n_raters=pl.len(), standard_deviation=adjusted.std(), range=adjusted.max() - adjusted.min())
        .with_columns(pl.when(is_shown).then(pl.col("standard_deviation", "range")))
    )


def scale_shifts(model: RaterModel) -> pl.DataFrame:
    """Raters whose use of the scale shifted, and the period from which: rater, period (codes), in order of rater.

    For each rater and each period that could divide their ratings, a score test of one more or less severe since then;
    over a rater's periods the smallest p-value times their number (Bonferroni), over raters Benjamini-Hochberg (1995)
    at `FALSE_DISCOVERY_RATE`. Neither size nor direction is returned: a flag asks an operator to talk to someone, and
    must not become a mark.
    """
    rater, since = _divisions(model.ratings.rater, model.ratings.period)
    tested = pl.DataFrame({"rater": rater, "period": since, "p": _p_values(model, rater, since)})
    by_rater = (
        tested.sort("rater", "p", "period")
        .group_by("rater", maintain_order=True)
        .agg(pl.col("period").first(), p=(pl.col("p").first() * pl.len()).clip(0, 1))
    )
    is_flagged = benjamini_hochberg(by_rater["p"].to_numpy(), rate=FALSE_DISCOVERY_RATE)
    return by_rater.filter(pl.Series(is_flagged)).select("rater", "period")


def with_shifts(ratings: Ratings, shifts: pl.DataFrame) -> Ratings:
    """The ratings, told which came after a shift of `scale_shifts`, so that the areas' scores stay put."""
    shift = np.full(len(ratings.rater), -1, dtype=np.int64)
    for code, (who, since) in enumerate(shifts.select("rater", "period").iter_rows()):
        shift[(ratings.rater == who) & (ratings.period >= since)] = code
    return replace(ratings, shift=shift)


def benjamini_hochberg(p: Array, *, rate: float) -> Flags:
    """Which of the p-values (k,) to reject so that the expected share of wrong rejections is at most `rate`.

    Benjamini & Hochberg (1995), JRSS B 57:289-300.
    """
    if not len(p):
        return np.zeros(0, dtype=np.bool_)
    return np.asarray(stats.false_discovery_control(p) <= rate, dtype=np.bool_)


def _divisions(rater: Codes, period: Codes) -> tuple[Codes, Codes]:
    """Every rater and period with enough ratings before it and from it on."""
    count = np.zeros((int(rater.max()) + 1, int(period.max()) + 1), dtype=np.int64)
    np.add.at(count, (rater, period), 1)
    before = count.cumsum(axis=1) - count
    after = count.sum(axis=1, keepdims=True) - before
    who, since = np.nonzero((count > 0) & (before >= FEWEST_RATINGS_A_SIDE) & (after >= FEWEST_RATINGS_A_SIDE))
    return who, since


def _p_values(model: RaterModel, rater: Codes, since: Codes) -> Array:
    """Two-sided p-value of each rater being otherwise severe since that period; a batch of columns at a time."""
    ratings = model.ratings
    z = [
        model.score_test(((ratings.rater[:, None] == who) & (ratings.period[:, None] >= when)).astype(np.float64))
        for who, when in zip(_batches(rater), _batches(since), strict=True)
    ]
    return np.asarray(2 * stats.norm.sf(np.abs(np.concatenate([*z, np.zeros(0)]))), dtype=np.float64)


def _batches(codes: Codes) -> list[Codes]:
    return [codes[at : at + _BATCH] for at in range(0, len(codes), _BATCH)]
