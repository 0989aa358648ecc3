"""Frames of values to arrays and back, with every mistake named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from barometer.errors import BadInput
from barometer.estimate.composite.structure import Composite, Part

Array = npt.NDArray[np.float64]

UNIT = "unit"


def wide(estimates: pl.DataFrame, composite: Composite) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Values and standard errors, one row a unit and one column a part, for `composite_index`.

    `estimates`: rows of one geography and period with area, indicator, value, standard_error. Raises `BadInput` when an
    area has two rows of one indicator.
    """
    names = [part.id for part in composite.leaves]
    rows = estimates.filter(pl.col("indicator").is_in(names))
    twice = rows.filter(rows.select("area", "indicator").is_duplicated())
    if twice.height:
        area, indicator = twice.select("area", "indicator").row(0)
        raise BadInput(f"composite {composite.id}: {indicator} of {area} stands twice; pass one period and geography")
    return _laid_out(rows, "value", names), _laid_out(rows, "standard_error", names)


def _laid_out(rows: pl.DataFrame, column: str, names: Sequence[str]) -> pl.DataFrame:
    laid = rows.pivot(on="indicator", index="area", values=column)
    lacking = [pl.lit(None, dtype=pl.Float64).alias(name) for name in names if name not in laid.columns]
    return laid.rename({"area": UNIT}).with_columns(lacking).select(UNIT, *names).sort(UNIT)


def unit_names(values: pl.DataFrame) -> list[str]:
    """Units in the order all arrays have: sorted, so that rows may come in any. Raises `BadInput` if one recurs."""
    if UNIT not in values.columns:
        raise BadInput(f"values of a composite need the column {UNIT}; they have {', '.join(values.columns)}")
    if values[UNIT].is_duplicated().any():
        raise BadInput(
            f"unit {values.filter(values[UNIT].is_duplicated())[UNIT][0]} stands twice in a composite's values"
        )
    return sorted(values[UNIT].to_list())


def to_array(frame: pl.DataFrame, units: Sequence[str], columns: Sequence[str], *, what: str) -> Array:
    """(units, columns) with NaN for gaps. Raises `BadInput` that names a column or unit the frame lacks."""
    lacking = [name for name in columns if name not in frame.columns]
    if lacking or UNIT not in frame.columns:
        raise BadInput(f"{what} of a composite lack the column {', '.join(lacking or [UNIT])}")
    laid = pl.DataFrame({UNIT: list(units)}, schema={UNIT: pl.String}).join(
        frame, on=UNIT, how="left", maintain_order="left"
    )
    absent = set(units) - set(frame[UNIT])
    if absent or laid.height != len(units):
        raise BadInput(
            f"{what} of a composite must have each unit once; see {', '.join(sorted(absent)) or 'repeated units'}"
        )
    floats = laid.select(pl.col(name).cast(pl.Float64) for name in columns).fill_null(float("nan"))
    return np.asarray(floats.to_numpy(), dtype=np.float64).reshape(len(units), len(columns))


def denominators_of(frame: pl.DataFrame | None, units: Sequence[str], leaves: Sequence[Part]) -> Array:
    """Denominator of each unit and part, (units, parts); one where a part has none."""
    named = {leaf.denominator for leaf in leaves if leaf.denominator}
    if named and frame is None:
        raise BadInput(f"parts are divided by {', '.join(sorted(named))}: pass denominators")
    result = np.ones((len(units), len(leaves)))
    for column, leaf in enumerate(leaves):
        if frame is not None and leaf.denominator:
            result[:, column] = to_array(frame, units, [leaf.denominator], what="denominators")[:, 0]
    return result


def group_labels(unit_groups: Mapping[str, str] | None, units: Sequence[str]) -> npt.NDArray[np.str_] | None:
    """Label of each unit for imputation by group; raises `BadInput` for a unit without one."""
    if unit_groups is None:
        return None
    absent = [unit for unit in units if unit not in unit_groups]
    if absent:
        raise BadInput(f"unit_groups say nothing of {', '.join(absent)}")
    return np.array([unit_groups[unit] for unit in units], dtype=np.str_)
