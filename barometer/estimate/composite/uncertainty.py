"""How far an index can be trusted: Monte Carlo over its assumptions, and which of them the doubt comes from.

Saisana, Saltelli & Tarantola (2005), JRSS A 168:307-323: every assumption is a random input; Saltelli's design is run
once and serves both. Sampling and indices by SALib.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from barometer.errors import BadConfiguration
from barometer.estimate.composite.recipe import Fitted, Recipe, fit, ranks_of
from barometer.estimate.composite.structure import Composite
from barometer.estimate.composite.tree import Tree
from barometer.estimate.composite.weigh import noisy_weights

Array = npt.NDArray[np.float64]
Rng = np.random.Generator
Choice = TypeVar("Choice")

# Different sets of errors, and of weights, that the design's input picks from.
_BANK = 1024
# Runs scored at once: bounds memory.
_CHUNK = 256
_RESAMPLES = 200

SENSITIVITY_SCHEMA: dict[str, pl.DataType] = {
    "output": pl.String(),
    "assumption": pl.String(),
    "first_order": pl.Float64(),
    "first_order_confidence": pl.Float64(),
    "total": pl.Float64(),
    "total_confidence": pl.Float64(),
}


@dataclass(frozen=True)
class Published:
    """The index as published: values and errors (units, parts), how it was made, scores (units, nodes)."""

    values: Array
    errors: Array
    composite: Composite
    recipe: Recipe
    fitted: Fitted
    weights: Array
    scores: Array

    @property
    def tree(self) -> Tree:
        """Its hierarchy."""
        return self.fitted.tree


class Runs(NamedTuple):
    """`scores`: (runs, units, nodes) on the published scale, in the order of Saltelli's design of `assumptions`.

    `sampled`: (draws, units, nodes), scores by the methods published when the values alone vary by their errors.
    """

    scores: Array
    assumptions: tuple[str, ...]
    sampled: Array

    @property
    def independent(self) -> Array:
        """The runs whose inputs were drawn independently (matrices A and B of the design)."""
        block = len(self.assumptions) + 2
        return np.concatenate([self.scores[::block], self.scores[block - 1 :: block]])


class _Bank(NamedTuple):
    """`options` along the first axis, and which of them each run takes."""

    options: Array
    picks: npt.NDArray[np.intp]

    def of(self, runs: slice) -> Array:
        """What these runs take."""
        return np.asarray(self.options[self.picks[runs]], dtype=np.float64)


class _Inputs(NamedTuple):
    """What the uncertain inputs choose among."""

    errors: Array
    weights: Array
    treatment: tuple[str, ...]
    normalisation: tuple[str, ...]
    aggregation: tuple[str | None, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """Number of alternatives of each assumption that has more than one."""
        return {name: len(options) for name, options in self._asdict().items() if len(options) > 1}


def run_design(published: Published, *, samples: int, error_correlation: float, seed: int) -> Runs:
    """Score the index under every run of Saltelli's design: samples x (assumptions + 2) runs.

    The same values, seed and samples give the same runs. Raises `BadConfiguration` unless `samples` is a power of two,
    for the Sobol sequence is even only then.
    """
    if samples < 2 or samples & (samples - 1):
        raise BadConfiguration(f"samples of a composite must be a power of two (say 512), not {samples}")
    inputs = _inputs(published, error_correlation=error_correlation, rng=np.random.default_rng(seed))
    names = tuple(inputs.sizes)
    picks = _picks(inputs.sizes, samples=samples, seed=seed)
    scores = np.empty((len(picks), *published.scores.shape))
    for recipe, rows in _by_recipe(inputs, names, picks):
        scores[rows] = _scored(published, recipe, inputs, names, picks[rows])
    every = np.arange(len(inputs.errors))
    errors, weights = _Bank(inputs.errors, every), _Bank(published.weights[None], np.zeros_like(every))
    sampled = _drawn(published.fitted, published.values, errors=errors, weights=weights)
    return Runs(scores, names, sampled)


def _inputs(published: Published, *, error_correlation: float, rng: Rng) -> _Inputs:
    alternatives, recipe = published.composite.alternatives, published.recipe
    noise = _correlated(rng, published.errors.shape, error_correlation) * published.tree.signs * published.errors
    weights = noisy_weights(published.weights, rng.random((_BANK, len(published.weights))), alternatives.weight_noise)
    has_errors, can_shift = bool(published.errors.any()), any(len(node.children) > 1 for node in published.tree.nodes)
    return _Inputs(
        errors=noise if has_errors else noise[:1],
        weights=weights if can_shift else published.weights[None],
        treatment=_options(recipe.treatment, alternatives.treatment),
        normalisation=_options(recipe.normalisation, alternatives.normalisation),
        aggregation=_options(recipe.aggregation, _other_aggregations(published)),
    )


def _correlated(rng: Rng, shape: tuple[int, ...], correlation: float) -> Array:
    """Standard normal errors (bank, units, parts), those of one unit correlated alike among its parts."""
    own, shared = rng.standard_normal((_BANK, *shape)), rng.standard_normal((_BANK, shape[0], 1))
    return np.asarray(np.sqrt(1 - correlation) * own + np.sqrt(correlation) * shared, dtype=np.float64)


def _options(chosen: Choice, others: Sequence[Choice]) -> tuple[Choice, ...]:
    return tuple(dict.fromkeys([chosen, *others]))


def _other_aggregations(published: Published) -> list[str | None]:
    """Alternatives that are not what every group does anyway."""
    used = set(published.fitted.aggregations)
    return [method for method in published.composite.alternatives.aggregation if used != {method}]


def _picks(sizes: dict[str, int], *, samples: int, seed: int) -> npt.NDArray[np.intp]:
    """Which alternative of every assumption each run takes, (runs, assumptions)."""
    if not sizes:
        return np.zeros((samples * 2, 0), dtype=np.intp)
    # SALib brings pandas and matplotlib: over a second to load, and only composites need it.
    from SALib.sample import sobol

    uniforms = sobol.sample(_problem(tuple(sizes)), samples, calc_second_order=False, seed=seed)
    counts = np.array(list(sizes.values()))
    return np.asarray(np.minimum((uniforms * counts).astype(np.intp), counts - 1), dtype=np.intp)


def _problem(names: tuple[str, ...]) -> dict[str, object]:
    return {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}


def _by_recipe(
    inputs: _Inputs, names: tuple[str, ...], picks: npt.NDArray[np.intp]
) -> list[tuple[Recipe, npt.NDArray[np.intp]]]:
    """Runs that share a recipe, which need it fitted once."""
    choices = [_picked(inputs, names, picks, step) for step in Recipe._fields]
    recipes, which = np.unique(np.stack(choices, axis=-1), axis=0, return_inverse=True)
    return [
        (Recipe(*(getattr(inputs, step)[i] for step, i in zip(Recipe._fields, recipe, strict=True))), rows)
        for number, recipe in enumerate(recipes)
        for rows in [np.flatnonzero(which.ravel() == number)]
    ]


def _picked(inputs: _Inputs, names: tuple[str, ...], picks: npt.NDArray[np.intp], step: str) -> npt.NDArray[np.intp]:
    return picks[:, names.index(step)] if step in names else np.zeros(len(picks), dtype=np.intp)


def _scored(
    published: Published, recipe: Recipe, inputs: _Inputs, names: tuple[str, ...], picks: npt.NDArray[np.intp]
) -> Array:
    """Scores of the runs of one recipe, brought to the published scale."""
    fitted = fit(published.values, recipe, published.tree, published.composite)
    plain = fitted.score_groups(fitted.score_parts(published.values), published.weights)
    errors = _Bank(inputs.errors, _picked(inputs, names, picks, "errors"))
    weights = _Bank(inputs.weights, _picked(inputs, names, picks, "weights"))
    raw = _drawn(fitted, published.values, errors=errors, weights=weights)
    return _on_published_scale(raw, plain, published.scores)


def _drawn(fitted: Fitted, values: Array, *, errors: _Bank, weights: _Bank) -> Array:
    """Scores (runs, units, nodes) of `values` with the errors and weights that each run picks."""
    parts = [
        fitted.score_groups(fitted.score_parts(values + errors.of(chunk)), weights.of(chunk))
        for chunk in (slice(start, start + _CHUNK) for start in range(0, len(errors.picks), _CHUNK))
    ]
    return np.concatenate(parts)


def _on_published_scale(scores: Array, plain: Array, published: Array) -> Array:
    """Give another recipe's scores the mean and spread that the published ones have over the units.

    Recipes differ in unit and level (a geometric mean is always the lower), which says nothing of any unit. The
    straight line is fitted once a recipe, without errors or moved weights, so that these keep their effect.
    """
    spread, target = np.nanstd(plain, axis=0), np.nanstd(published, axis=0)
    slope = np.divide(target, spread, out=np.ones_like(target), where=spread > 0)
    return np.asarray(np.nanmean(published, axis=0) + slope * (scores - np.nanmean(plain, axis=0)), dtype=np.float64)


def mean_rank_shift(scores: Array, published: Array) -> Array:
    """Mean absolute change of the units' ranks in each run; `scores` (runs, units), `published` (units,)."""
    moved = ranks_of(scores[..., None])[..., 0] - ranks_of(published[:, None])[:, 0]
    return np.asarray(np.nanmean(np.abs(moved), axis=-1), dtype=np.float64)


def sensitivity(runs: Runs, outputs: dict[str, Array], *, seed: int) -> pl.DataFrame:
    """First-order and total Sobol indices of each output (runs,) by assumption, with 95 % half-widths (bootstrap).

    `first_order`: share of the output's variance that knowing the assumption would remove; `total`: share that would be
    left if everything else were known. Null where the output does not vary. Columns: SENSITIVITY_SCHEMA.
    """
    frames = [_indices(runs, name, output, seed=seed) for name, output in outputs.items()]
    return pl.concat(frames) if frames else pl.DataFrame(schema=SENSITIVITY_SCHEMA)


def _indices(runs: Runs, name: str, output: Array, *, seed: int) -> pl.DataFrame:
    names = runs.assumptions
    if not names or not np.ptp(output) > 0:
        empty = dict.fromkeys(list(SENSITIVITY_SCHEMA)[2:], [None] * len(names))
        return pl.DataFrame({"output": [name] * len(names), "assumption": names, **empty}, schema=SENSITIVITY_SCHEMA)
    from SALib.analyze import sobol

    found = sobol.analyze(
        _problem(names), output, calc_second_order=False, num_resamples=_RESAMPLES, seed=seed, print_to_console=False
    )
    columns = [np.asarray(found[key]) for key in ("S1", "S1_conf", "ST", "ST_conf")]
    return pl.DataFrame([[name] * len(names), names, *columns], schema=SENSITIVITY_SCHEMA)
