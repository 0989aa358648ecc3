"""What covariates alone say of neighbourhoods nobody asked: learned elsewhere, held against what is known there.

The comparator is itself modelled (Onward's figures are multilevel regression and poststratification of a national
survey, partly from the same covariates), so a small error says that two models agree, not that either is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from barometer.errors import BadInput

Array = npt.NDArray[np.float64]

# Modest trees, slowly: few thousand areas with strongly related covariates overfit quickly (Friedman 2001, Annals of
# Statistics 29:1189-1232, sections 5 and 7).
_TREES = 500
_LEARNING_RATE = 0.05
_LEAVES = 31
_LEAST_AREAS_IN_A_LEAF = 20
_RIDGE = 1.0


@dataclass(frozen=True)
class LeftOut:
    """Predictions for the areas of the group left out (m,), and what is known of them (m,)."""

    predicted: Array
    known: Array

    @property
    def mean_absolute_error(self) -> float:
        """How far off an area is on average."""
        return float(np.abs(self.predicted - self.known).mean())

    @property
    def root_mean_squared_error(self) -> float:
        """The same, large misses counting more."""
        return float(np.sqrt(np.mean((self.predicted - self.known) ** 2)))

    @property
    def bias(self) -> float:
        """Mean error of the group as a whole: what no covariate says of it."""
        return float((self.predicted - self.known).mean())


def leave_group_out(
    areas: pl.DataFrame, *, target: str, covariates: Sequence[str], group: str, left_out: str, seed: int = 0
) -> LeftOut:
    """Gradient boosting on every group but one, predicting that one.

    `areas`: a row an area, with `target`, `covariates` (numbers, gaps allowed) and `group`. Neighbouring areas of one
    group share much that no covariate says, so a random split would flatter. Raises `BadInput` where a column is
    missing or the group has no area.
    """
    missing = [name for name in (target, group, *covariates) if name not in areas.columns]
    if missing:
        raise BadInput(f"areas: column {missing[0]} is missing; it has {', '.join(areas.columns)}")
    is_left_out = pl.col(group) == left_out
    held, rest = areas.filter(is_left_out), areas.filter(~is_left_out)
    if held.is_empty() or rest.is_empty():
        raise BadInput(f"areas, column {group}: {left_out} is none of its values, or the only one")
    model = HistGradientBoostingRegressor(
        max_iter=_TREES,
        learning_rate=_LEARNING_RATE,
        max_leaf_nodes=_LEAVES,
        min_samples_leaf=_LEAST_AREAS_IN_A_LEAF,
        l2_regularization=_RIDGE,
        random_state=seed,
    )
    # Threads that wait for each other cost more than they bring on so few rows.
    with threadpool_limits(limits=1):
        model.fit(rest.select(covariates).to_numpy(), rest[target].to_numpy())
    predicted = np.asarray(model.predict(held.select(covariates).to_numpy()), dtype=np.float64)
    return LeftOut(predicted, held[target].cast(pl.Float64).to_numpy())
