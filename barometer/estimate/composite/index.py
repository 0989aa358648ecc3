"""A composite index from values to scores with errors, rank intervals and the sensitivity that goes with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from barometer.errors import BadConfiguration, BadInput
from barometer.estimate.composite.denominate import denominate
from barometer.estimate.composite.frames import denominators_of, group_labels, to_array, unit_names
from barometer.estimate.composite.impute import impute
from barometer.estimate.composite.recipe import Recipe, fit, fit_weights, ranks_of
from barometer.estimate.composite.screen import Screened, screen
from barometer.estimate.composite.structure import Composite
from barometer.estimate.composite.tree import Tree, grow
from barometer.estimate.composite.uncertainty import Published, Runs, mean_rank_shift, run_design, sensitivity
from barometer.estimate.intervals import CONFIDENCE

Array = npt.NDArray[np.float64]

SAMPLES = 256
SEED = 20_080_827
RANK_SHIFT = "mean_rank_shift"
_TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
# One unit has no rank, and two say no more than which is higher.
_FEWEST_UNITS = 3

SCORES_SCHEMA: dict[str, pl.DataType] = {
    "unit": pl.String(),
    "part": pl.String(),
    "level": pl.Int64(),
    "score": pl.Float64(),
    "standard_error": pl.Float64(),
    "lower": pl.Float64(),
    "upper": pl.Float64(),
    "sampling_error": pl.Float64(),
    "rank": pl.Int64(),
    "rank_lower": pl.Int64(),
    "rank_upper": pl.Int64(),
    "n_parts": pl.Int64(),
    "n_imputed": pl.Int64(),
    "missing_reason": pl.String(),
}
SCREENED_SCHEMA: dict[str, pl.DataType] = {
    "kind": pl.String(),
    "id": pl.String(),
    "availability": pl.Float64(),
    "is_kept": pl.Boolean(),
}


@dataclass(frozen=True)
class CompositeResult:
    """`scores`: one row a unit and group (the index is the part named as the composite), SCORES_SCHEMA.

    `sensitivity`: Sobol indices by output and assumption · `weights`: part, weight (share among its siblings) ·
    `treatments`: part, kind, winsorised · `screened`: every unit and part, its availability and whether it was kept.
    """

    id: str
    scores: pl.DataFrame
    sensitivity: pl.DataFrame
    weights: pl.DataFrame
    treatments: pl.DataFrame
    screened: pl.DataFrame

    @property
    def index(self) -> pl.DataFrame:
        """The rows of the index itself, best rank first."""
        return self.scores.filter(pl.col("part") == self.id).sort("rank", "unit", nulls_last=True)


def composite_index(
    values: pl.DataFrame,
    structure: Composite,
    *,
    errors: pl.DataFrame | None = None,
    denominators: pl.DataFrame | None = None,
    unit_groups: Mapping[str, str] | None = None,
    error_correlation: float = 0.0,
    explain_units: Sequence[str] = (),
    samples: int = SAMPLES,
    seed: int = SEED,
) -> CompositeResult:
    """Denominate, screen, impute, treat, normalise, weight and aggregate, with uncertainty and sensitivity.

    `values`: column unit and one a part, null where missing. `errors`: the same shape, the values' own standard errors
    (None: known exactly). `denominators`: column unit and those that parts name. `unit_groups`: unit
    -> group for imputation by group mean. `error_correlation` (0 to 1): of the errors of one unit's parts, as answers
    of the same respondents have it. `explain_units`: units whose own score also gets its Sobol indices.

    The score is the one of the methods chosen. Its `standard_error` is the root mean squared distance of the drawn
    scores from it, `lower` and `upper` enclose 95 % of them (and the score), `rank_lower` (best) and `rank_upper` 95 %
    of the ranks; draws vary the values by their errors (normal), weights, and every alternative the structure states.
    `sampling_error` is the same distance when the values alone vary, methods and weights as published. Scales are those
    of the published values in every draw. Units screened out have `missing_reason` too_few. Raises `BadInput` for
    values that do not fit the structure, or fewer than three units left.
    """
    if not 0 <= error_correlation < 1:
        raise BadConfiguration(
            f"error_correlation of {structure.id} must lie from 0 to below 1, not {error_correlation}"
        )
    data = _prepared(values, structure, errors=errors, denominators=denominators, unit_groups=unit_groups)
    published = _published(data, structure)
    runs = run_design(published, samples=samples, error_correlation=error_correlation, seed=seed)
    scores = pl.concat([_kept_rows(published, runs, data), _screened_rows(published, data)]).sort(
        "unit", "level", "part"
    )
    return CompositeResult(
        id=structure.id,
        scores=scores,
        sensitivity=sensitivity(runs, _outputs(published, runs, data, explain_units), seed=seed),
        weights=_weights(published),
        treatments=_treatments(published),
        screened=_screening(data, structure),
    )


def composite_scores(values: pl.DataFrame, structure: Composite) -> pl.DataFrame:
    """unit, score: the index that `composite_index` gives, without the draws that say how sure it is. Raises as it."""
    data = _prepared(values, structure, errors=None, denominators=None, unit_groups=None)
    score = pl.Series("score", _published(data, structure).scores[:, -1]).fill_nan(None)
    return pl.DataFrame([pl.Series("unit", data.kept, dtype=pl.String), score])


@dataclass(frozen=True)
class _Data:
    """Values and errors of the units and parts kept, without the gaps that could be filled, (units, parts)."""

    units: list[str]
    known: Screened
    values: Array
    errors: Array
    is_imputed: npt.NDArray[np.bool_]

    @property
    def kept(self) -> list[str]:
        """Units that have enough data, in the order of the arrays."""
        return [unit for unit, is_kept in zip(self.units, self.known.units_kept, strict=True) if is_kept]


def _prepared(
    values: pl.DataFrame,
    structure: Composite,
    *,
    errors: pl.DataFrame | None,
    denominators: pl.DataFrame | None,
    unit_groups: Mapping[str, str] | None,
) -> _Data:
    """Denominate, screen and impute."""
    units, leaves = unit_names(values), structure.leaves
    names = [leaf.id for leaf in leaves]
    sizes = denominators_of(denominators, units, leaves)
    raw = to_array(values, units, names, what="values")
    amounts = denominate(raw, sizes, names=tuple(names))
    known = screen(_without_constants(amounts, structure), structure.screening)
    if known.units_kept.sum() < _FEWEST_UNITS:
        raise BadInput(
            f"composite {structure.id}: fewer than {_FEWEST_UNITS} units have enough data; see its screening"
        )
    own = _own_errors(errors, raw, units, names) / sizes
    kept, labels = np.ix_(known.units_kept, known.parts_kept), group_labels(unit_groups, units)
    filled = impute(amounts[kept], structure.imputation, groups=None if labels is None else labels[known.units_kept])
    is_imputed = np.isnan(amounts[kept]) & np.isfinite(filled.values)
    return _Data(units, known, filled.values, np.where(is_imputed, filled.errors, own[kept]), is_imputed)


def _without_constants(amounts: Array, structure: Composite) -> Array:
    """A part that is the same everywhere counts as unknown, unless goalposts give it a place: it ranks nobody."""
    if {structure.normalisation, *structure.alternatives.normalisation} == {"goalposts"}:
        return amounts
    lowest, highest = np.nanmin(amounts, axis=0, initial=np.inf), np.nanmax(amounts, axis=0, initial=-np.inf)
    return np.where(lowest == highest, np.nan, amounts)


def _own_errors(errors: pl.DataFrame | None, raw: Array, units: Sequence[str], names: Sequence[str]) -> Array:
    """Standard errors of the values (units, parts), 0 where there is no value; every value must have one."""
    if errors is None:
        return np.zeros_like(raw)
    own = to_array(errors, units, names, what="errors")
    wrong = np.isfinite(raw) & ~(own >= 0)
    if wrong.any():
        unit, part = np.argwhere(wrong)[0]
        raise BadInput(f"errors of a composite: {names[part]} of {units[unit]} has a value but no standard error")
    return np.where(np.isfinite(raw), own, 0.0)


def _published(data: _Data, structure: Composite) -> Published:
    """The index by the methods chosen, without any draw."""
    names = [leaf.id for leaf, is_kept in zip(structure.leaves, data.known.parts_kept, strict=True) if is_kept]
    tree = grow(structure, frozenset(names))
    recipe = Recipe(structure.treatment, structure.normalisation, None)
    fitted = fit(data.values, recipe, tree, structure)
    part_scores = fitted.score_parts(data.values)
    weights = fit_weights(fitted, part_scores, structure.weighting)
    scores = fitted.score_groups(part_scores, weights)
    return Published(data.values, data.errors, structure, recipe, fitted, weights, scores)


def _kept_rows(published: Published, runs: Runs, data: _Data) -> pl.DataFrame:
    drawn, scores = runs.independent, published.scores
    ends = np.nanquantile(drawn, _TAILS, axis=0)
    rank_ends = np.nanquantile(ranks_of(drawn), _TAILS, axis=0)
    ranks = ranks_of(scores)
    columns = {
        "score": scores,
        "standard_error": _distance(drawn, scores),
        "lower": np.fmin(ends[0], scores),
        "upper": np.fmax(ends[1], scores),
        "sampling_error": _distance(runs.sampled, scores),
        "rank": ranks,
        "rank_lower": np.fmin(np.floor(rank_ends[0]), ranks),
        "rank_upper": np.fmax(np.ceil(rank_ends[1]), ranks),
        "n_parts": _counted(np.isfinite(data.values) & ~data.is_imputed, published.tree),
        "n_imputed": _counted(data.is_imputed, published.tree),
    }
    return _rows(data.kept, published.tree, columns)


def _distance(drawn: Array, scores: Array) -> Array:
    """Root mean squared distance of drawn scores (draws, units, nodes) from the published ones."""
    return np.asarray(np.sqrt(((drawn - scores) ** 2).mean(axis=0)), dtype=np.float64)


def _rows(units: Sequence[str], tree: Tree, columns: Mapping[str, Array]) -> pl.DataFrame:
    """(units, nodes) arrays as rows; a group of which a unit has nothing is missing with the reason too_few."""
    nodes, count = tree.nodes, len(units)
    frame = pl.DataFrame(
        {
            "unit": np.repeat(np.array(units, dtype=object), len(nodes)),
            "part": [node.id for node in nodes] * count,
            "level": [node.level for node in nodes] * count,
        }
        | {name: array.ravel() for name, array in columns.items()},
        schema_overrides={"unit": pl.String, "part": pl.String},
    ).with_columns(pl.col(pl.Float64).fill_nan(None))
    reason = pl.when(pl.col("score").is_null()).then(pl.lit("too_few")).alias("missing_reason")
    return frame.with_columns(reason).select(list(SCORES_SCHEMA)).cast(SCORES_SCHEMA)  # type: ignore[arg-type]


def _screened_rows(published: Published, data: _Data) -> pl.DataFrame:
    """Units with too little data: a row each, without a score."""
    out = [unit for unit, is_kept in zip(data.units, data.known.units_kept, strict=True) if not is_kept]
    empty = np.full((len(out), len(published.tree.nodes)), np.nan)
    columns = dict.fromkeys([name for name, dtype in SCORES_SCHEMA.items() if dtype.is_numeric()][1:], empty)
    return _rows(out, published.tree, columns)


def _counted(flags: npt.NDArray[np.bool_], tree: Tree) -> Array:
    """How many leaves below each node are flagged, (units, nodes)."""
    counts = flags.astype(np.float64)
    for node in tree.nodes:
        counts = np.concatenate([counts, counts[:, list(node.children)].sum(axis=1, keepdims=True)], axis=1)
    return counts[:, flags.shape[1] :]


def _outputs(published: Published, runs: Runs, data: _Data, explain_units: Sequence[str]) -> dict[str, Array]:
    """What the sensitivity is of: the mean shift in rank, and the score of each unit asked for."""
    absent = sorted(set(explain_units) - set(data.kept))
    if absent:
        raise BadInput(f"composite {published.composite.id} has no score of {', '.join(absent)} to explain")
    index = runs.scores[..., -1]
    own = {unit: index[:, data.kept.index(unit)] for unit in explain_units}
    return {RANK_SHIFT: mean_rank_shift(index, published.scores[:, -1])} | own


def _weights(published: Published) -> pl.DataFrame:
    """Weight of each part and group among its siblings, adding up to one."""
    tree, weights = published.tree, published.weights
    ids = [*(leaf.id for leaf in tree.leaves), *(node.id for node in tree.nodes)]
    rows = [
        (ids[child], node.id, float(weights[child] / weights[list(node.children)].sum()))
        for node in tree.nodes
        for child in node.children
    ]
    schema = {"part": pl.String(), "parent": pl.String(), "weight": pl.Float64()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _treatments(published: Published) -> pl.DataFrame:
    treated = published.fitted.treated
    return pl.DataFrame(
        {
            "part": [leaf.id for leaf in published.tree.leaves],
            "kind": [each.kind for each in treated],
            "winsorised": [each.winsorised for each in treated],
        }
    )


def _screening(data: _Data, structure: Composite) -> pl.DataFrame:
    known, leaves = data.known, [leaf.id for leaf in structure.leaves]
    kinds = ["part"] * len(leaves) + ["unit"] * len(data.units)
    shares = np.concatenate([known.per_part, known.per_unit])
    kept = np.concatenate([known.parts_kept, known.units_kept])
    return pl.DataFrame([kinds, [*leaves, *data.units], shares, kept], schema=SCREENED_SCHEMA)
