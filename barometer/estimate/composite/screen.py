"""Data availability: which units and which parts are known well enough to enter a composite."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from barometer.estimate.composite.structure import Screening

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Screened(NamedTuple):
    """Availability (0 to 1) of each unit and part, and which are kept."""

    per_unit: Array
    per_part: Array
    units_kept: Flags
    parts_kept: Flags


def availability(values: Array, *, axis: int) -> Array:
    """Share of `values` (units, parts) that is known along `axis`; 0 where there is nothing to know."""
    known = np.isfinite(values)
    return np.asarray(known.sum(axis) / max(known.shape[axis], 1), dtype=np.float64)


def screen(values: Array, thresholds: Screening) -> Screened:
    """Drop parts known for too few units, then units with too few of the parts that are left.

    `values`: (units, parts), NaN where missing. Exactly at a threshold is kept. A part that nobody has is never kept.
    """
    per_part = availability(values, axis=0)
    parts_kept = (per_part >= thresholds.minimum_per_part) & (per_part > 0)
    per_unit = availability(values[:, parts_kept], axis=1)
    units_kept = (per_unit >= thresholds.minimum_per_unit) & (per_unit > 0)
    return Screened(per_unit, per_part, units_kept, parts_kept)
