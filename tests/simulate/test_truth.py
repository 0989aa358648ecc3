"""The table of truth: declared indicators, in their units, for every area and day so far."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from barometer.indicators import load_indicators
from barometer.settings import PROJECT
from barometer.simulate.observations import Observations
from barometer.simulate.people import Numbers
from barometer.simulate.posts import Posts
from barometer.simulate.reports import Reports
from barometer.simulate.truth import true_values, truth_table
from barometer.simulate.world import World


@pytest.fixture(scope="module")
def values(world: World) -> dict[str, Numbers]:
    return true_values(world, Posts(world), Reports(world), Observations(world))


class TestValues:
    def test_every_one_is_of_a_declared_indicator_and_on_its_scale(self, values: dict[str, Numbers]) -> None:
        declared = load_indicators(PROJECT / "configs").by_id
        for name, value in values.items():
            scale = declared[name].scale
            assert value.min() >= scale.minimum
            assert scale.maximum is None or value.max() <= scale.maximum

    def test_every_signal_of_opinion_has_some(self, values: dict[str, Numbers]) -> None:
        signals = {load_indicators(PROJECT / "configs")[name].signal for name in values}
        assert signals == {"answers", "posts", "reports", "observations"}

    def test_areas_differ_and_days_do(self, values: dict[str, Numbers]) -> None:
        for name, value in values.items():
            assert value.shape == (70, 63)
            assert value.std(axis=1).min() > 0, name
            assert value.std(axis=0).max() > 0, name


class TestTable:
    def test_one_row_an_indicator_area_and_day(self, world: World, values: dict[str, Numbers]) -> None:
        table = truth_table(world, values, world.plan.last_day)
        assert table.height == len(values) * 63 * 70
        assert table["synthetic"].all()

    def test_the_future_is_not_told(self, world: World, values: dict[str, Numbers]) -> None:
        through = world.plan.last_day - timedelta(days=1)
        table = truth_table(world, values, through)
        assert table["day"].max() == through
        assert table.height == len(values) * 63 * 69

    def test_each_value_stands_with_its_area_and_day(self, world: World, values: dict[str, Numbers]) -> None:
        table = truth_table(world, values, world.plan.last_day)
        at = (pl.col("indicator") == "trust_police") & (pl.col("area") == world.areas[7])
        row = table.filter(at & (pl.col("day") == world.plan.day(33)))
        assert row["value"].to_list() == [values["trust_police"][33, 7]]
