"""From estimates in the row contract, and from wide frames, to arrays; mistakes are named."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from barometer.errors import BadInput
from barometer.estimate.composite import Composite, Part, wide
from barometer.estimate.composite.frames import denominators_of, group_labels, to_array, unit_names
from tests.rows import rows

INDEX = Composite.model_validate({"id": "index", "parts": ({"id": "trust_police"}, {"id": "trust_council"})})


def _estimate(area: str, indicator: str, value: float | None, error: float | None = 0.1) -> dict[str, object]:
    return {"area": area, "indicator": indicator, "value": value, "standard_error": error}


class TestWide:
    """Long estimates as one row a unit."""

    ESTIMATES = rows(
        "estimates",
        _estimate("N2", "trust_police", 5.0, 0.4),
        _estimate("N1", "trust_council", 4.0, 0.3),
        _estimate("N1", "trust_police", 6.0, 0.2),
        _estimate("N2", "footfall_rate", 99.0),
    )

    def test_one_row_a_unit_and_one_column_a_part(self) -> None:
        values, errors = wide(self.ESTIMATES, INDEX)
        assert values.columns == errors.columns == ["unit", "trust_police", "trust_council"]
        assert values.rows() == [("N1", 6.0, 4.0), ("N2", 5.0, None)]
        assert errors.rows() == [("N1", 0.2, 0.3), ("N2", 0.4, None)]

    def test_a_part_without_any_row_is_missing_everywhere(self) -> None:
        values, _ = wide(self.ESTIMATES.filter(pl.col("indicator") == "trust_police"), INDEX)
        assert values["trust_council"].to_list() == [None, None]

    def test_two_rows_of_one_cell_are_refused(self) -> None:
        twice = pl.concat([self.ESTIMATES, self.ESTIMATES])
        with pytest.raises(BadInput, match="stands twice; pass one period"):
            wide(twice, INDEX)


def test_units_are_sorted() -> None:
    assert unit_names(pl.DataFrame({"unit": ["b", "a"]})) == ["a", "b"]


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [({"area": ["a"]}, "need the column unit"), ({"unit": ["a", "b", "a"]}, "unit a stands twice")],
)
def test_units_must_be_there_once(frame: dict[str, list[str]], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        unit_names(pl.DataFrame(frame))


def test_an_array_has_the_units_in_the_order_asked_for_and_gaps_as_nan() -> None:
    frame = pl.DataFrame({"unit": ["a", "b"], "x": [1, None], "y": [2.0, 3.0]})
    found = to_array(frame, ["b", "a"], ["y", "x"], what="values")
    assert found == pytest.approx(np.array([[3.0, np.nan], [2.0, 1.0]]), nan_ok=True)


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        ({"unit": ["a", "b"]}, "errors of a composite lack the column x"),
        ({"x": [1.0, 2.0]}, "lack the column unit"),
        ({"unit": ["a"], "x": [1.0]}, "each unit once; see b"),
        ({"unit": ["a", "a", "b"], "x": [1.0, 1.0, 2.0]}, "repeated units"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused(frame: dict[str, list[object]], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        to_array(pl.DataFrame(frame), ["a", "b"], ["x"], what="errors")


def test_denominators_stand_below_the_parts_that_name_them() -> None:
    leaves = (Part(id="x", denominator="people"), Part(id="y"))
    found = denominators_of(pl.DataFrame({"unit": ["a", "b"], "people": [10, 20]}), ["a", "b"], leaves)
    assert found.tolist() == [[10, 1], [20, 1]]


def test_named_denominators_must_be_passed() -> None:
    with pytest.raises(BadInput, match="divided by people"):
        denominators_of(None, ["a"], (Part(id="x", denominator="people"),))


def test_without_denominators_everything_is_over_one() -> None:
    assert denominators_of(None, ["a"], (Part(id="x"),)).tolist() == [[1]]


def test_every_unit_needs_its_group() -> None:
    labels = group_labels({"a": "north", "b": "south"}, ["b", "a"])
    assert labels is not None
    assert labels.tolist() == ["south", "north"]
    assert group_labels(None, ["a"]) is None
    with pytest.raises(BadInput, match="say nothing of c"):
        group_labels({"a": "north"}, ["a", "c"])
