"""One way to make an index from clean values: how outliers are treated, parts normalised and scores aggregated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from barometer.estimate.composite.aggregate import aggregate
from barometer.estimate.composite.normalise import Normaliser, fit_normaliser
from barometer.estimate.composite.structure import Aggregation, Composite, Normalisation, Treatment, Weighting
from barometer.estimate.composite.treat import Treated, fit_treatment
from barometer.estimate.composite.tree import Tree
from barometer.estimate.composite.weigh import budget_weights, equal_weights, pca_weights

Array = npt.NDArray[np.float64]


class Recipe(NamedTuple):
    """A choice at every step. `aggregation` None: as the composite and its groups state."""

    treatment: Treatment
    normalisation: Normalisation
    aggregation: Aggregation | None


@dataclass(frozen=True)
class Fitted:
    """A recipe fitted to the published values: it scores any draws of them on the same fixed scale."""

    tree: Tree
    treated: tuple[Treated, ...]
    normaliser: Normaliser
    aggregations: tuple[Aggregation, ...]

    def score_parts(self, values: Array) -> Array:
        """Scores of parts, shaped as `values` (..., units, parts)."""
        columns = [treated.apply(values[..., part]) for part, treated in enumerate(self.treated)]
        return self.normaliser.apply(np.stack(columns, axis=-1))

    def score_groups(self, part_scores: Array, weights: Array) -> Array:
        """Scores of the tree's nodes, (..., units, nodes); `weights`: (..., columns)."""
        scores = part_scores
        for node, method in zip(self.tree.nodes, self.aggregations, strict=True):
            children = list(node.children)
            made = aggregate(scores[..., children], weights[..., children], method)
            scores = np.concatenate([scores, made[..., None]], axis=-1)
        return scores[..., part_scores.shape[-1] :]


def fit(values: Array, recipe: Recipe, tree: Tree, composite: Composite) -> Fitted:
    """Fit treatment and normalisation to `values` (units, parts); raises `BadInput` naming a part it cannot score.

    With goalposts nothing is treated: they bound the values by themselves, and a treatment would move them.
    """
    method = "none" if recipe.normalisation == "goalposts" else recipe.treatment
    treated = tuple(fit_treatment(column, method, maximum=composite.maximum_winsorised) for column in values.T)
    clean = np.stack([each.apply(column) for each, column in zip(treated, values.T, strict=True)], axis=-1)
    names = [leaf.id for leaf in tree.leaves]
    normaliser = fit_normaliser(clean, recipe.normalisation, signs=tree.signs, goalposts=tree.goalposts, names=names)
    aggregations = tuple(recipe.aggregation or node.aggregation or composite.aggregation for node in tree.nodes)
    return Fitted(tree, treated, normaliser, aggregations)


def fit_weights(fitted: Fitted, part_scores: Array, weighting: Weighting) -> Array:
    """Weight of every column of the tree among its siblings, (columns,), by the composite's scheme."""
    weights, scores = fitted.tree.weights.copy(), part_scores
    for node, method in zip(fitted.tree.nodes, fitted.aggregations, strict=True):
        children = list(node.children)
        if weighting == "equal":
            weights[children] = equal_weights(len(children))
        elif weighting == "budget":
            weights[children] = budget_weights(fitted.tree.points[:, children])
        elif weighting == "pca" and len(children) > 1:
            weights[children] = pca_weights(scores[..., children])
        made = aggregate(scores[..., children], weights[children], method)
        scores = np.concatenate([scores, made[..., None]], axis=-1)
    return weights


def ranks_of(scores: Array) -> Array:
    """Rank of each unit, scores (..., units, nodes): 1 is the highest, ties share the better, NaN where no score."""
    missing = np.isnan(scores)
    ranks = stats.rankdata(np.where(missing, np.inf, -scores), method="min", axis=-2)
    return np.where(missing, np.nan, ranks)
