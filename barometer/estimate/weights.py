"""Raking: base weights of one wave are moved until the sample matches the city's margins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl
import svy
from svy.core.terms import Threshold
from svy.core.types import Category, Number
from svy.errors import WeightingError
from svy.weighting.types import TrimConfig

# A category with fewer respondents than this is raked together with the next smallest ones: a weight worked out from
# two or three people says more about them than about their group.
FEWEST_IN_CATEGORY = 5
MERGED = "merged categories"
UNKNOWN = "not stated"

_WEIGHT = "weight"
_RAKED = "raked_weight"
_TRIMMED = "trimmed_weight"
_TOLERANCE = 1e-5
_SWEEPS = 500
_TRIM_CYCLES = 100


@dataclass(frozen=True)
class Weighted:
    """A wave as a `svy` sample bound to its design, and what became of its weights.

    `outcome`: raked; raked_then_trimmed (margins and cap cannot both hold, so the cap is kept and the margins are met
    only nearly); unraked (no margin of the city was asked); not_converged (no weights meet the margins: no estimate of
    the wave may be shown).
    """

    sample: svy.Sample
    outcome: str

    @property
    def weight_column(self) -> str:
        """Name of the column of the sample's data that holds the final weights."""
        return str(self.sample.design.wgt)


def bind_design(respondents: pl.DataFrame) -> svy.Sample:
    """A `svy` sample of respondents: columns response, weight, stratum and cluster (both may be empty).

    Without a cluster every respondent is their own primary sampling unit. A stratum with one unit takes its variance
    around the grand mean (R survey's `lonely.psu = "adjust"`).
    """
    stratum = pl.col("stratum").fill_null("all")
    prepared = respondents.with_columns(
        stratum=stratum, cluster=stratum + "/" + pl.coalesce("cluster", pl.lit("respondent ") + pl.col("response"))
    )
    return svy.Sample(prepared, svy.Design(stratum="stratum", psu="cluster", wgt=_WEIGHT, singleton="center"))


def rake(respondents: pl.DataFrame, margins: Mapping[str, Mapping[str, float]], *, trim_ratio: float) -> Weighted:
    """Rake to `margins` (margin -> category -> population), no weight above `trim_ratio` times the mean weight.

    `respondents` has, besides what `bind_design` needs, a column for each margin. Those who did not state a category
    keep their share of the weighted sample; categories nobody is in cannot be represented and are left out of their
    margin; small ones are merged. Deville & Sarndal (1992), JASA 87:376-382; cap after Potter (1990).
    """
    usable = {name: targets for name, targets in margins.items() if name in respondents.columns and targets}
    fitted = [_fit_margin(respondents, name, targets) for name, targets in sorted(usable.items())]
    shares = {name: wanted for name, _, wanted in fitted if len(wanted) > 1}
    sample = bind_design(respondents.with_columns([column for name, column, _ in fitted if name in shares]))
    if not shares:
        return Weighted(sample, "unraked")
    return _capped(sample, shares, cap=Threshold("mean", trim_ratio))


def _capped(sample: svy.Sample, shares: Mapping[str, Mapping[str, float]], *, cap: Threshold) -> Weighted:
    """Margins and cap together where both can hold; else the margins first and the cap last; else no convergence."""
    together = _rake_once(sample, shares, TrimConfig(upper=cap, max_iter=_TRIM_CYCLES))
    if together is not None:
        return Weighted(together, "raked")
    raked = _rake_once(sample, shares, None)
    if raked is None:
        return Weighted(sample, "not_converged")
    trimmed = raked.weighting.trim(upper=cap, wgt_name=_TRIMMED, max_iter=_TRIM_CYCLES, on_nonconvergence="ignore")
    return Weighted(trimmed, "raked_then_trimmed")


def _rake_once(
    sample: svy.Sample, shares: Mapping[str, Mapping[str, float]], trimming: TrimConfig | None
) -> svy.Sample | None:
    """The raked sample, or None where no weights meet the shares (and the cap)."""
    targets: dict[str, dict[Category, Number]] = {}
    for margin, categories in shares.items():
        targets[margin] = {category: share for category, share in categories.items()}  # noqa: C416 (widens the key's type)
    try:
        return sample.weighting.rake(
            shares=targets,
            wgt_name=_RAKED,
            tol=_TOLERANCE,
            max_iter=_SWEEPS,
            trimming=trimming,
            on_nonconvergence="error",
        )
    except WeightingError:
        return None


def _fit_margin(
    respondents: pl.DataFrame, name: str, population: Mapping[str, float]
) -> tuple[str, pl.Series, dict[str, float]]:
    """The margin's column with unknown and small categories merged, and the share each is to have."""
    stated = respondents[name].replace_strict({category: category for category in population}, default=UNKNOWN)
    merged = _merge_small(stated)
    column = stated.replace(dict.fromkeys(merged, MERGED)).alias(name)
    unknown_share = _weighted_share(respondents, stated == UNKNOWN)
    heard = set(stated.unique()) - {UNKNOWN}
    total = sum(population[category] for category in heard)
    wanted: dict[str, float] = {UNKNOWN: unknown_share} if unknown_share > 0 else {}
    for category in sorted(heard):
        label = MERGED if category in merged else category
        wanted[label] = wanted.get(label, 0.0) + (1 - unknown_share) * population[category] / total
    return name, column, wanted


def _merge_small(stated: pl.Series) -> set[str]:
    """Categories to rake as one: those below `FEWEST_IN_CATEGORY`, with the next smallest until they reach it."""
    tally = stated.filter(stated != UNKNOWN).value_counts(name="n").sort("n", stated.name)
    merged: list[tuple[str, int]] = []
    for category, n in tally.iter_rows():
        if n >= FEWEST_IN_CATEGORY and (not merged or _size(merged) >= FEWEST_IN_CATEGORY):
            break
        merged.append((category, n))
    return {category for category, _ in merged}


def _size(merged: Iterable[tuple[str, int]]) -> int:
    return sum(n for _, n in merged)


def _weighted_share(respondents: pl.DataFrame, member: pl.Series) -> float:
    weights = respondents[_WEIGHT]
    return float(weights.filter(member).sum()) / float(weights.sum())
