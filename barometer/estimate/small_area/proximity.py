"""Which areas lie beside which: a row-standardised matrix, made and checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from barometer.estimate.small_area.areas import Array, rows_of
from barometer.estimate.small_area.errors import CannotEstimate

# Rows may be printed with 6 digits, as R's `spacetimeprox` is.
_ROW_SUM_TOLERANCE = 1e-4


def check_proximity(proximity: Any, *, areas: int) -> sparse.csc_array:
    """A dense or sparse (m, m) proximity matrix as a sparse one; row i holds the weights of area i's neighbours.

    Rows add up to 1; to 0 for an island, or to less where neighbours lie outside. Then any correlation within -1..1 is
    admissible. Raises `CannotEstimate` for any other shape or content.
    """
    matrix = sparse.csc_array(proximity, dtype=np.float64)
    if matrix.shape != (areas, areas):
        raise CannotEstimate(f"proximity is {matrix.shape[0]} x {matrix.shape[1]} for {areas} areas: give one row each")
    if not np.isfinite(matrix.data).all() or (matrix.data < 0).any():
        raise CannotEstimate("proximity has missing or negative weights: give 0 where areas are not neighbours")
    if matrix.diagonal().any():
        raise CannotEstimate("proximity has weights on its diagonal: an area is not its own neighbour")
    too_much = np.asarray(matrix.sum(axis=1)) > 1 + _ROW_SUM_TOLERANCE
    if too_much.any():
        raise CannotEstimate(f"proximity adds up to more than 1 at {rows_of(too_much)}: divide each row by its sum")
    return matrix


def row_standardise(adjacency: Any) -> Array:
    """Divide each row of a dense (m, m) adjacency by its sum; islands keep a row of zeros."""
    matrix = np.asarray(adjacency, dtype=np.float64)
    totals = matrix.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0), dtype=np.float64)
