"""Values divided by a size, so that large and small units can be compared."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from barometer.errors import BadInput

Array = npt.NDArray[np.float64]


def denominate(values: Array, denominators: Array, *, names: tuple[str, ...] = ()) -> Array:
    """`values` over `denominators`, both (units, parts), NaN where either is missing; a part without one has ones.

    Raises `BadInput` that names the part when a denominator is zero or below (a size must be positive).
    """
    wrong = (denominators <= 0).any(axis=0)
    if wrong.any():
        called = [names[i] if names else str(i) for i in np.flatnonzero(wrong)]
        raise BadInput(f"denominators of {', '.join(called)}: every one must be above zero; mend or leave out the unit")
    return np.asarray(values / denominators, dtype=np.float64)
