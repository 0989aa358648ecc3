"""Data availability and who is kept."""

from __future__ import annotations

import numpy as np
import pytest

from barometer.estimate.composite import Screening
from barometer.estimate.composite.screen import availability, screen

GAP = np.nan
# Three units, four parts: the last part is known for one unit only, the last unit for one of the first three parts.
VALUES = np.array([[1.0, 2.0, 3.0, GAP], [1.0, 2.0, GAP, 4.0], [1.0, GAP, GAP, GAP]])


def test_availability_by_unit_and_by_part() -> None:
    assert availability(VALUES, axis=1).tolist() == [0.75, 0.75, 0.25]
    assert availability(VALUES, axis=0) == pytest.approx([1, 2 / 3, 1 / 3, 1 / 3])


def test_infinite_is_not_known() -> None:
    assert availability(np.array([[np.inf, 1.0]]), axis=1).tolist() == [0.5]


def test_nothing_to_know_is_not_known() -> None:
    assert availability(np.empty((2, 0)), axis=1).tolist() == [0, 0]


def test_parts_are_dropped_before_units() -> None:
    """A part hardly anybody has must not count against the units that lack it."""
    found = screen(VALUES, Screening(minimum_per_unit=1.0, minimum_per_part=0.5))
    assert found.parts_kept.tolist() == [True, True, False, False]
    assert found.units_kept.tolist() == [True, True, False]


@pytest.mark.parametrize(("threshold", "is_kept"), [(2 / 3, True), (2 / 3 + 1e-9, False)])
def test_exactly_at_the_threshold_is_kept(threshold: float, is_kept: bool) -> None:
    found = screen(VALUES, Screening(minimum_per_unit=0, minimum_per_part=threshold))
    assert bool(found.parts_kept[1]) is is_kept


def test_a_part_nobody_has_is_dropped_even_without_a_threshold() -> None:
    values = np.array([[1.0, GAP], [2.0, GAP]])
    found = screen(values, Screening(minimum_per_unit=0, minimum_per_part=0))
    assert found.parts_kept.tolist() == [True, False]


def test_a_unit_with_nothing_is_dropped_even_without_a_threshold() -> None:
    values = np.array([[1.0, 2.0], [GAP, GAP]])
    found = screen(values, Screening(minimum_per_unit=0, minimum_per_part=0))
    assert found.units_kept.tolist() == [True, False]
