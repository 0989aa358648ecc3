"""Names, codes and points are placed in neighbourhoods; what cannot be is told apart from what need not be."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.tables.areas import (
    AREA,
    impossible_point,
    unknown_area,
    with_area_of_point,
    with_area_of_text,
)
from tests.towns import make_testville

CITY = make_testville(Path("nowhere"))


def of_text(*stated: str | None) -> list[str | None]:
    frame = pl.DataFrame({"where": stated}, schema={"where": pl.String})
    return with_area_of_text(frame, "where", CITY)[AREA].to_list()


def of_points(*points: tuple[float | None, float | None]) -> list[str | None]:
    frame = pl.DataFrame(points, schema={"x": pl.Float64, "y": pl.Float64}, orient="row")
    return with_area_of_point(frame, pl.col("x"), pl.col("y"), CITY)[AREA].to_list()


class TestText:
    @pytest.mark.parametrize("text", ["Northgate", "northgate", " NORTHGATE ", "T1", "t1", "L1"])
    def test_names_and_official_codes_are_known(self, text: str) -> None:
        assert of_text(text) == ["T1"]

    @pytest.mark.parametrize("text", [None, "Nowhere", "T9"])
    def test_others_are_not(self, text: str | None) -> None:
        assert of_text(text) == [None]

    def test_each_row_keeps_its_own(self) -> None:
        assert of_text("Westwood", None, "L2", "Westwood", "?") == ["T4", None, "T2", "T4", None]

    def test_only_a_stated_area_can_be_unknown(self) -> None:
        frame = with_area_of_text(pl.DataFrame({"where": ["T1", "?", None]}), "where", CITY)
        assert frame.select(unknown_area("where").when).to_series().to_list() == [False, True, False]


class TestPoints:
    def test_a_point_lies_in_its_square(self) -> None:
        assert of_points((-1.95, 53.05), (-1.65, 53.05)) == ["T1", "T4"]

    def test_a_point_elsewhere_or_none_is_unplaced(self) -> None:
        nan = float("nan")
        assert of_points((0.0, 0.0), (None, None), (nan, 53.05), (-1.95, float("inf"))) == [None] * 4

    def test_rows_keep_their_order_however_often_a_point_occurs(self) -> None:
        assert of_points((-1.65, 53.05), (-1.95, 53.05), (-1.65, 53.05)) == ["T4", "T1", "T4"]

    def test_no_rows_stay_no_rows(self) -> None:
        assert of_points() == []

    @pytest.mark.parametrize(
        ("x", "y", "is_wrong"),
        [
            (-1.95, 53.05, False),
            (180.0, 90.0, False),
            (180.1, 0.0, True),
            (0.0, -90.1, True),
            (float("nan"), 0.0, True),
            (None, 53.0, True),
        ],
    )
    def test_only_degrees_of_a_place_on_earth_are_possible(
        self, x: float | None, y: float | None, is_wrong: bool
    ) -> None:
        fault = impossible_point("x", "y", field="location", is_stated=pl.lit(value=True))
        frame = pl.DataFrame({"x": [x], "y": [y]}, schema={"x": pl.Float64, "y": pl.Float64})
        assert frame.select(fault.when).item() is is_wrong


@given(st.lists(st.tuples(st.floats(-2.0, -1.6), st.floats(53.0, 53.1)), max_size=20))
def test_a_point_is_placed_alike_alone_and_among_others(points: list[tuple[float, float]]) -> None:
    assert of_points(*points) == [of_points(point)[0] for point in points]
