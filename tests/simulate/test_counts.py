"""Context counts: requests, incidents and footfall."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from barometer.city import City
from barometer.indicators import load_indicators
from barometer.ingest.tables.counts import CountsTable
from barometer.settings import PROJECT
from barometer.simulate.counts import ContextCounts
from barometer.simulate.world import World, make_world
from tests.ingest.tables.desk import Whole, a_context, parse


@pytest.fixture(scope="module")
def counts(world: World) -> ContextCounts:
    return ContextCounts(world)


def read(counts: ContextCounts, frame: pl.DataFrame) -> Whole:
    return parse(CountsTable(), frame.write_csv(), replace(a_context("counts"), city=counts.world.city))


class TestAreas:
    def test_a_day_is_read_to_the_last_row(self, counts: ContextCounts) -> None:
        whole = read(counts, counts.areas(10))
        assert not whole.rejected
        assert set(whole.rows["counts"]["counted_on"]) == {counts.plan.day(10)}

    def test_areas_without_any_have_no_row(self, counts: ContextCounts) -> None:
        assert (counts.areas(10)["count"] > 0).all()

    def test_the_less_the_police_are_trusted_the_more_incidents(self, counts: ContextCounts) -> None:
        series = pl.col("series") == "police_recorded_incidents"
        days = pl.concat([counts.areas(day).filter(series) for day in range(70)])
        summed = dict(days.group_by("area").agg(pl.col("count").sum()).iter_rows())
        people = counts.world.people
        rates = np.array([summed.get(area, 0) for area in people.areas]) / people.adults
        assert np.corrcoef(rates, counts.world.trust["police"].mean(axis=0))[0, 1] < -0.5


class TestFootfall:
    def test_counters_stand_in_the_city(self, counts: ContextCounts) -> None:
        whole = read(counts, counts.footfall(3))
        assert not whole.rejected
        assert whole.rows["counts"]["area"].null_count() == 0
        assert whole.rows["counts"].height == 12

    def test_they_stand_still(self, counts: ContextCounts) -> None:
        places = [counts.footfall(day).select("longitude", "latitude") for day in (0, 5)]
        assert places[0].equals(places[1])

    def test_weekends_are_quieter(self, counts: ContextCounts) -> None:
        by_day = [counts.footfall(day)["count"].sum() for day in range(70)]
        weekend = [by_day[day] for day in range(70) if counts.plan.day(day).weekday() >= 5]
        assert np.mean(weekend) < 0.85 * np.mean(by_day)


def test_every_series_is_one_of_an_indicator(counts: ContextCounts) -> None:
    wanted = {one.measure.series for one in load_indicators(PROJECT / "configs").of_signal("counts")}  # type: ignore[union-attr]
    assert set(counts.areas(0)["series"]) | set(counts.footfall(0)["series"]) == wanted


def test_the_same_seed_counts_the_same(small: World, sample_city: City) -> None:
    again = ContextCounts(make_world(sample_city, small.plan))
    assert again.areas(4).equals(ContextCounts(small).areas(4))
    assert again.footfall(4).equals(ContextCounts(small).footfall(4))
