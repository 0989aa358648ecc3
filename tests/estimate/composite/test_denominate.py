"""Values over sizes."""

from __future__ import annotations

import numpy as np
import pytest

from barometer.errors import BadInput
from barometer.estimate.composite.denominate import denominate


def test_each_value_is_divided_by_its_own_size() -> None:
    found = denominate(np.array([[10.0, 3.0], [20.0, 4.0]]), np.array([[5.0, 1.0], [10.0, 1.0]]))
    assert found.tolist() == [[2, 3], [2, 4]]


def test_a_missing_size_leaves_the_value_missing() -> None:
    found = denominate(np.array([[10.0], [20.0]]), np.array([[np.nan], [10.0]]))
    assert np.isnan(found[0, 0])
    assert found[1, 0] == 2


@pytest.mark.parametrize("size", [0.0, -3.0])
def test_a_size_of_nothing_is_refused_by_name(size: float) -> None:
    with pytest.raises(BadInput, match="denominators of flights"):
        denominate(np.array([[1.0, 1.0]]), np.array([[1.0, size]]), names=("ships", "flights"))
