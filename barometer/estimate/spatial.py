"""Is trust alike among neighbours, and where are clusters: Moran's I with false-discovery control."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from barometer.errors import BadInput
from barometer.estimate.periods import PERIOD

Array = npt.NDArray[np.float64]

PERMUTATIONS = 9_999
FALSE_DISCOVERY_RATE = 0.05
SEED = 19_500_817
# With fewer areas the conditional permutations are too few to reach any small p-value.
MINIMUM_AREAS = 10

# esda 2.9 gives the local p-value of the nearer tail alone; twice that is two-sided. A test holds esda to it.
_TAILS = 2
# esda's codes of the quadrants of Moran's scatter plot: own value, then the neighbours'.
_QUADRANTS = {1: "high-high", 2: "low-high", 3: "low-low", 4: "high-low"}

GLOBAL_SCHEMA: dict[str, pl.DataType] = {
    "indicator": pl.String(),
    "period_start": pl.Date(),
    "period_end": pl.Date(),
    "moran_i": pl.Float64(),
    "expected": pl.Float64(),
    "p_value": pl.Float64(),
    "n": pl.Int64(),
    "n_missing": pl.Int64(),
    "n_islands": pl.Int64(),
    "missing_reason": pl.String(),
}
LOCAL_SCHEMA: dict[str, pl.DataType] = {
    "indicator": pl.String(),
    "period_start": pl.Date(),
    "period_end": pl.Date(),
    "area": pl.String(),
    "local_i": pl.Float64(),
    "quadrant": pl.String(),
    "p_value": pl.Float64(),
    "is_significant": pl.Boolean(),
    "cluster": pl.String(),
    "missing_reason": pl.String(),
}


@dataclass(frozen=True)
class Neighbourhood:
    """Areas that take part (each with a value and a neighbour that has one), their values, who borders on whom."""

    areas: list[str]
    values: Array
    neighbours: dict[str, list[str]]
    missing: list[str]
    islands: list[str]

    @property
    def reason(self) -> str | None:
        """Why nothing can be tested, or None."""
        if len(self.areas) < MINIMUM_AREAS:
            return "too_few"
        return "not_applicable" if np.ptp(self.values) == 0 else None


def global_moran(
    estimates: pl.DataFrame, adjacency: pl.DataFrame, *, permutations: int = PERMUTATIONS, seed: int = SEED
) -> pl.DataFrame:
    """Moran's I of every indicator and period: are neighbouring areas alike? Columns GLOBAL_SCHEMA.

    `estimates`: rows of one geography with indicator, area, period_start, period_end, value (null where missing).
    `adjacency`: area, neighbour, both ways, of the same geography. Weights are row-standardised. `p_value`: two-sided,
    by permuting values over areas; `expected`: -1/(n - 1). `n` areas take part: those with a value and a neighbour that
    has one; the others are counted as missing or as islands. Without a result `missing_reason` is too_few (fewer than
    MINIMUM_AREAS) or not_applicable (the same value everywhere). Errors of the values draw I towards its expectation;
    values smoothed by a spatial model push it up. Moran (1950), Biometrika 37:17-23; Cliff & Ord (1981). Raises
    `BadInput` for an area twice or adjacency one way.
    """
    rows = [
        {**cell, **_global(around, permutations=permutations, seed=seed)}
        for cell, around in _cells(estimates, adjacency)
    ]
    return pl.DataFrame(rows, schema=GLOBAL_SCHEMA)


def local_clusters(
    estimates: pl.DataFrame,
    adjacency: pl.DataFrame,
    *,
    permutations: int = PERMUTATIONS,
    false_discovery_rate: float = FALSE_DISCOVERY_RATE,
    seed: int = SEED,
) -> pl.DataFrame:
    """Local Moran of every area: which neighbourhoods are the core of a cluster, or stand apart? Columns LOCAL_SCHEMA.

    Frames as for `global_moran`. `quadrant`: own value and neighbours' mean against the city's mean (high-high, low-
    low, high-low, low-high). `p_value`: two-sided conditional permutation. `is_significant`: after Benjamini and
    Hochberg's control of the false-discovery rate over all areas of one indicator and period (`esda.fdr`; Caldas de
    Castro & Singer 2006). `cluster` is the quadrant where significant, else none. Areas without a value have
    `missing_reason` too_few, those without a neighbour that has one not_applicable; both are left out of the test.
    Anselin (1995), Geographical Analysis 27:93-115.
    """
    rows = [
        {**cell, **row}
        for cell, around in _cells(estimates, adjacency)
        for row in _local(around, permutations=permutations, rate=false_discovery_rate, seed=seed)
    ]
    return pl.DataFrame(rows, schema=LOCAL_SCHEMA)


def _cells(estimates: pl.DataFrame, adjacency: pl.DataFrame) -> Iterator[tuple[dict[str, Any], Neighbourhood]]:
    """Each indicator and period with its areas, sorted."""
    keys = ["indicator", *PERIOD]
    twice = estimates.filter(estimates.select(*keys, "area").is_duplicated())
    if twice.height:
        raise BadInput(
            f"area {twice['area'][0]} has two values of {twice['indicator'][0]}: pass one geography and issue"
        )
    _check_both_ways(adjacency)
    for rows in estimates.sort(*keys, "area").partition_by(keys, maintain_order=True):
        yield rows.select(keys).row(0, named=True), surround(rows, adjacency)


def _check_both_ways(adjacency: pl.DataFrame) -> None:
    pairs = adjacency.select("area", "neighbour")
    lone = pairs.join(pairs, left_on=["neighbour", "area"], right_on=["area", "neighbour"], how="anti")
    if lone.height:
        area, neighbour = lone.row(0)
        raise BadInput(f"adjacency has {area}, {neighbour} but not {neighbour}, {area}: list every border both ways")


def surround(rows: pl.DataFrame, adjacency: pl.DataFrame) -> Neighbourhood:
    """Who can be compared with whom. `rows`: area, value; `adjacency`: area, neighbour.

    An area that loses all its neighbours, because they have no values, counts as an island like one that never had any.
    """
    known = rows.filter(pl.col("value").is_not_null() & pl.col("value").is_finite()).sort("area")
    has_value = known["area"].to_list()
    borders = adjacency.filter(
        pl.col("area").is_in(has_value), pl.col("neighbour").is_in(has_value), pl.col("area") != pl.col("neighbour")
    )
    lists = borders.unique(["area", "neighbour"]).group_by("area").agg(pl.col("neighbour").sort())
    neighbours = dict(lists.sort("area").iter_rows())
    linked = known.filter(pl.col("area").is_in(list(neighbours)))
    return Neighbourhood(
        areas=linked["area"].to_list(),
        values=linked["value"].cast(pl.Float64).to_numpy(),
        neighbours=neighbours,
        missing=rows.filter(~pl.col("area").is_in(has_value))["area"].sort().to_list(),
        islands=known.filter(~pl.col("area").is_in(list(neighbours)))["area"].to_list(),
    )


def _global(around: Neighbourhood, *, permutations: int, seed: int) -> dict[str, Any]:
    counts = {"n": len(around.areas), "n_missing": len(around.missing), "n_islands": len(around.islands)}
    if around.reason is not None:
        return {**counts, "missing_reason": around.reason}
    # esda brings geopandas: over two seconds to load, and only this needs it.
    from esda.moran import Moran

    # esda's global test permutes with numpy's global generator.
    with _seeded(seed):
        moran = Moran(around.values, _weights(around), permutations=permutations)
    larger = int((moran.sim >= moran.I).sum())
    p_value = _two_sided(min(larger, permutations - larger), permutations)
    return {**counts, "moran_i": float(moran.I), "expected": float(moran.EI), "p_value": p_value}


def _local(around: Neighbourhood, *, permutations: int, rate: float, seed: int) -> list[dict[str, Any]]:
    aside = [{"area": area, "missing_reason": "too_few"} for area in around.missing]
    aside += [{"area": area, "missing_reason": "not_applicable"} for area in around.islands]
    if around.reason is not None:
        return _by_area([*aside, *({"area": area, "missing_reason": around.reason} for area in around.areas)])
    from esda import fdr
    from esda.moran import Moran_Local

    # An area whose permutations are all alike has no z value, which is not used here.
    with _seeded(seed), warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        # esda 2.9 announces that p_sim, which is of the nearer tail, will become two-sided; `_TAILS` says so to us.
        warnings.filterwarnings("ignore", message="The alternative hypothesis", category=DeprecationWarning)
        local = Moran_Local(around.values, _weights(around), permutations=permutations, seed=seed)
    p_values = np.minimum(_TAILS * np.asarray(local.p_sim, dtype=np.float64), 1.0)
    significant = p_values < fdr(p_values, rate)
    quadrants = [_QUADRANTS[int(code)] for code in local.q]
    tested = [
        {
            "area": area,
            "local_i": float(local.Is[i]),
            "quadrant": quadrants[i],
            "p_value": float(p_values[i]),
            "is_significant": bool(significant[i]),
            "cluster": quadrants[i] if significant[i] else "none",
        }
        for i, area in enumerate(around.areas)
    ]
    return _by_area([*aside, *tested])


def _by_area(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: str(row["area"]))


def _two_sided(extreme: int, permutations: int) -> float:
    """Twice the share of permutations at least as extreme, the one seen counted among them, at most 1."""
    return min(_TAILS * (extreme + 1) / (permutations + 1), 1.0)


def _weights(around: Neighbourhood) -> Any:
    """Row-standardised weights of libpysal, areas in the order of the values."""
    from libpysal.weights import W

    weights = W(around.neighbours, id_order=around.areas, silence_warnings=True)
    weights.transform = "r"
    return weights


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed numpy's global generator for a library that knows no other, and leave it as it was."""
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)
