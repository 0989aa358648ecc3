"""Cells: one row for every indicator, place and period, missing ones with their reason, and nothing let slip."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.city import City
from barometer.estimate.cells import (
    CELL_KEY,
    CELL_SCHEMA,
    Cells,
    at_every_place,
    complete,
    places,
    to_cells,
    with_interval,
    with_reliability,
    withhold,
)
from barometer.estimate.intervals import Interval
from barometer.indicators import WHOLE_CITY
from tests.estimate.made import BLOCK_END, BLOCK_START, one, periods_of
from tests.towns import AREAS, make_testville


@pytest.fixture
def city(tmp_path: Path) -> City:
    return make_testville(tmp_path)


def a_cell(**values: Any) -> pl.DataFrame:
    plain = {
        "indicator": "i",
        "geography": "hood",
        "area": "T1",
        "period_start": BLOCK_START,
        "period_end": BLOCK_END,
        "value": 0.5,
        "standard_error": 0.1,
        "lower": 0.3,
        "upper": 0.7,
        "n": 20,
        "effective_n": 15.0,
    }
    return to_cells(pl.DataFrame([plain | values]))


class TestPlaces:
    def test_the_neighbourhoods_and_then_the_whole_city(self, city: City) -> None:
        found = places(city)
        assert found["area"].to_list() == [*AREAS, "testville"]
        assert found["geography"].to_list() == ["hood"] * 4 + [WHOLE_CITY]
        assert found["adults"].to_list() == [1000] * 4 + [4000]
        assert found["population"].to_list() == [1250] * 4 + [5000]

    def test_other_geographies_have_no_direct_estimates(self, tmp_path: Path) -> None:
        plain = make_testville(tmp_path)
        wards = plain.areas.head(2).with_columns(geography=pl.lit("ward"), area=pl.Series(["W1", "W2"]))
        city = make_testville(tmp_path, areas=pl.concat([plain.areas, wards]))
        assert places(city).equals(places(plain))

    def test_residents_stand_in_for_adults_that_are_not_known(self, tmp_path: Path) -> None:
        areas = make_testville(tmp_path).areas.with_columns(adults=pl.lit(None, dtype=pl.Int64))
        found = places(make_testville(tmp_path, areas=areas))
        assert found["adults"].to_list() == [1250] * 4 + [5000]

    def test_an_unknown_population_stays_unknown(self, tmp_path: Path) -> None:
        nothing = pl.lit(None, dtype=pl.Int64)
        areas = make_testville(tmp_path).areas.with_columns(adults=nothing, population=nothing)
        assert places(make_testville(tmp_path, areas=areas))["adults"].null_count() == 5


class TestAtEveryPlace:
    def test_a_placed_row_counts_here_and_in_the_city(self, city: City) -> None:
        found = at_every_place(pl.DataFrame({"area": ["T1"], "x": [1]}), city)
        assert found.select("geography", "area", "x").rows() == [("hood", "T1", 1), (WHOLE_CITY, "testville", 1)]

    @pytest.mark.parametrize("area", [None, "elsewhere"])
    def test_an_unplaced_row_counts_in_the_city_only(self, city: City, area: str | None) -> None:
        found = at_every_place(pl.DataFrame({"area": [area]}, schema={"area": pl.String}), city)
        assert found.select("geography", "area").rows() == [(WHOLE_CITY, "testville")]


class TestWithhold:
    def test_the_value_goes_and_what_was_asked_stays(self) -> None:
        found = withhold(a_cell(reliability=0.4), where=pl.col("n") < 30, reason="too_few").row(0, named=True)
        assert found["missing_reason"] == "too_few"
        assert [found[name] for name in ("value", "standard_error", "lower", "upper")] == [None] * 4
        assert (found["n"], found["effective_n"], found["reliability"]) == (20, 15.0, 0.4)

    def test_what_is_good_enough_stays(self) -> None:
        cell = a_cell()
        assert withhold(cell, where=pl.col("n") < 20, reason="too_few").equals(cell)

    def test_a_first_reason_is_not_overwritten(self) -> None:
        cell = a_cell(value=None, missing_reason="not_converged")
        assert withhold(cell, where=pl.lit(value=True), reason="too_few")["missing_reason"][0] == "not_converged"


class TestComplete:
    def test_every_place_has_one_row_and_its_reason(self, city: City) -> None:
        found = complete(Cells(found=a_cell(), periods=periods_of("i", reason="source_silent")), city)
        assert found["area"].to_list() == ["testville", *AREAS]
        assert one(found, area="T1")["value"] == 0.5
        missing = one(found, area="T2")
        assert missing["missing_reason"] == "source_silent"
        assert (missing["value"], missing["n"], missing["effective_n"]) == (None, 0, 0.0)

    def test_what_was_found_keeps_its_own_reason(self, city: City) -> None:
        cell = withhold(a_cell(), where=pl.lit(value=True), reason="too_few")
        found = complete(Cells(found=cell, periods=periods_of("i", reason="not_collected")), city)
        assert one(found, area="T1")["missing_reason"] == "too_few"
        assert one(found, area="T1")["n"] == 20

    def test_what_nobody_asked_for_is_not_issued(self, city: City) -> None:
        stray = a_cell(period_start=date(2020, 1, 6), period_end=date(2020, 2, 2))
        found = complete(Cells(found=stray, periods=periods_of("i")), city)
        assert found["value"].null_count() == found.height

    @given(
        value=st.floats(0, 1),
        below=st.floats(0, 1),
        above=st.floats(0, 1),
    )
    def test_rounding_never_puts_a_value_outside_its_interval(
        self, tmp_path: Path, value: float, below: float, above: float
    ) -> None:
        cell = a_cell(value=value, lower=value * below, upper=value + (1 - value) * above)
        row = one(complete(Cells(found=cell, periods=periods_of("i")), make_testville(tmp_path)), area="T1")
        assert row["lower"] <= row["value"] <= row["upper"]

    @given(order=st.permutations(range(5)))
    def test_the_order_of_what_was_found_does_not_matter(self, tmp_path: Path, order: list[int]) -> None:
        city = make_testville(tmp_path)
        cells = pl.concat([a_cell(area=area, value=i / 10) for i, area in enumerate(AREAS)])
        whole = a_cell(geography=WHOLE_CITY, area="testville")
        periods = periods_of("i")
        expected = complete(Cells(found=pl.concat([cells, whole]), periods=periods), city)
        shuffled = pl.concat([cells, whole])[order]
        assert complete(Cells(found=shuffled, periods=periods), city).equals(expected)
        assert expected.select(CELL_KEY).is_unique().all()


class TestReliability:
    def test_it_is_of_neighbourhoods_and_never_of_the_city(self) -> None:
        areas = [f"A{i}" for i in range(10)]
        local = pl.concat([a_cell(area=area, value=float(i), standard_error=0.5) for i, area in enumerate(areas)])
        found = with_reliability(pl.concat([local, a_cell(geography=WHOLE_CITY, area="c")]), by=("indicator",))
        assert found.filter(pl.col("geography") == "hood")["reliability"].min() > 0.9  # type: ignore[operator]
        assert one(found, area="c")["reliability"] is None

    def test_groups_are_judged_by_themselves(self) -> None:
        apart = pl.concat([a_cell(area=f"A{i}", value=float(i), standard_error=0.1) for i in range(10)])
        alike = apart.with_columns(indicator=pl.lit("j"), value=pl.lit(1.0))
        found = with_reliability(pl.concat([apart, alike]), by=("indicator",))
        assert found.filter(pl.col("indicator") == "j")["reliability"].to_list() == [0.0] * 10
        assert (found.filter(pl.col("indicator") == "i")["reliability"] > 0.9).all()

    def test_nothing_gives_nothing(self) -> None:
        empty = with_reliability(to_cells(pl.DataFrame(schema=CELL_SCHEMA)), by=("indicator",))
        assert empty.is_empty()


def test_a_cell_has_every_column_in_its_type() -> None:
    assert dict(to_cells(pl.DataFrame({"indicator": ["i"], "geography": ["g"], "area": ["a"], "n": [3]})
        .with_columns(period_start=BLOCK_START, period_end=BLOCK_END)).schema) == CELL_SCHEMA  # fmt: skip


def test_an_interval_becomes_three_columns() -> None:
    frame = with_interval(pl.DataFrame({"x": [1]}), Interval(np.array([0.1]), np.array([0.2]), np.array([0.3])))
    assert frame.row(0) == (1, 0.1, 0.2, 0.3)
