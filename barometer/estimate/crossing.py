"""Whether two groupings cross, such as raters and neighbourhoods: without crossing, one cannot be adjusted for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Codes = npt.NDArray[np.int64]


class Crossing(NamedTuple):
    """The largest set of rows in which every level of one grouping can be compared with every other.

    `rows` (n,): whether each row belongs to it. `left`, `right`: levels of the two groupings in it. `spare_pairs`:
    distinct pairs beyond the left + right - 1 that hold it together; at 0 every difference between two places may as
    well be one between their raters.
    """

    rows: npt.NDArray[np.bool_]
    left: int
    right: int
    spare_pairs: int


def largest_crossing(left: Codes, right: Codes) -> Crossing:
    """Largest connected part of the graph that joins the levels `left` (n,) and `right` (n,) of each row.

    Effects of both groupings are comparable exactly within a connected part (Searle 1971, Linear Models, 7.4). Codes
    are 0, 1, …; a tie goes to the part with the lowest code. An empty input is a crossing of nothing.
    """
    if not len(left):
        return Crossing(np.zeros(0, dtype=np.bool_), 0, 0, 0)
    pairs = np.unique(np.column_stack([left, right]), axis=0)
    offset = int(left.max()) + 1
    size = offset + int(right.max()) + 1
    joined = coo_array((np.ones(len(pairs)), (pairs[:, 0], offset + pairs[:, 1])), shape=(size, size))
    part_of = connected_components(joined, directed=False)[1]
    parts = part_of[left]
    rows = parts == np.bincount(parts).argmax()
    within = pairs[np.isin(part_of[pairs[:, 0]], parts[rows][:1])]
    n_left, n_right = len(np.unique(within[:, 0])), len(np.unique(within[:, 1]))
    return Crossing(rows, n_left, n_right, len(within) - (n_left + n_right - 1))
