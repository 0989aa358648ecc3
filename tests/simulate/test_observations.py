"""Counts in public places: the protocol's columns, and the true rates found in them again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from barometer.city import City
from barometer.ingest.tables.observations import Observations as Parser
from barometer.simulate.observations import MOVEMENT_COLUMNS, STATIONARY_COLUMNS, Observations
from barometer.simulate.plan import Plan
from barometer.simulate.world import World, make_world
from tests.ingest.tables.desk import Whole, a_context, parse


@pytest.fixture(scope="module")
def observations(world: World) -> Observations:
    return Observations(world)


@pytest.fixture(scope="module")
def plenty(sample_city: City) -> Observations:
    """So many sessions that rates can be told from chance."""
    return Observations(make_world(sample_city, Plan(seed=3, days=30, sessions=720)))


def read(observations: Observations, number: int) -> Whole:
    frame = pl.concat([day[number] for day in observations.days])
    context = replace(a_context("observations"), city=observations.world.city)
    return parse(Parser(), frame.write_csv(), context)


class TestSessions:
    def test_there_are_as_many_as_planned(self, observations: Observations) -> None:
        whole = read(observations, 0)
        assert not whole.rejected
        assert whole.rows["observations"]["session"].n_unique() == 300

    def test_gate_counts_are_sessions_of_their_own(self, observations: Observations) -> None:
        stationary, movement = (read(observations, number).rows["observations"] for number in (0, 1))
        assert movement["session"].n_unique() == movement.height == 300
        assert not set(stationary["session"]) & set(movement["session"])

    def test_empty_ones_are_told_of(self, plenty: Observations) -> None:
        frame = read(plenty, 0).rows["observations"]
        assert frame.filter(pl.col("persons") == 0).height > 0

    def test_places_are_observed_again_and_again(self, observations: Observations) -> None:
        frame = read(observations, 0).rows["observations"]
        assert frame["place"].n_unique() == len(observations.places) == 24
        assert frame.group_by("place").agg(pl.col("session").n_unique())["session"].min() >= 4

    def test_every_place_lies_in_its_area(self, observations: Observations) -> None:
        names = dict(zip(observations.world.areas, observations.world.people.names, strict=True))
        frame = read(observations, 0).rows["observations"]
        assert all(place.endswith(f", {names[area]}") for place, area in frame.select("place", "area").iter_rows())

    def test_they_last_an_hour_in_daylight(self, observations: Observations) -> None:
        frame = read(observations, 0).rows["observations"]
        hours = frame["started_at"].dt.convert_time_zone("Europe/London").dt.hour()
        assert hours.is_between(9, 19).all()
        assert ((frame["ended_at"] - frame["started_at"]).dt.total_minutes() == 60).all()


class TestColumns:
    def test_they_are_the_protocols(self, observations: Observations) -> None:
        stationary, movement = observations.days[0]
        assert tuple(stationary.columns) == STATIONARY_COLUMNS
        assert tuple(movement.columns) == MOVEMENT_COLUMNS

    def test_a_day_without_sessions_has_its_columns(self, world: World) -> None:
        nobody = Observations(replace(world, plan=replace(world.plan, sessions=0)))
        assert [frame.height for frame in nobody.days[0]] == [0, 0]
        assert nobody.days[0][0].columns == list(STATIONARY_COLUMNS)


class TestTrueRates:
    def test_they_are_found_again(self, plenty: Observations) -> None:
        frame = read(plenty, 0).rows["observations"]
        at = [plenty.world.areas.index(area) for area in frame["area"].unique()]
        hours = frame["session"].n_unique()
        groups = frame.filter(pl.col("group_size") >= 2)
        found = {
            "observed_staying_rate": frame["persons"].sum() / hours,
            "observed_group_rate": groups.height / hours,
            "observed_mixed_group_rate": groups.filter("is_mixed_group").height / hours,
            "observed_group_share": groups["persons"].sum() / frame["persons"].sum(),
        }
        for name, value in found.items():
            assert value == pytest.approx(float(plenty.rates[name][:, at].mean()), rel=0.08), name

    def test_more_trust_is_more_company(self, observations: Observations) -> None:
        trust = observations.world.trust["people"]
        for rates in observations.rates.values():
            assert rates.shape == trust.shape
            assert np.corrcoef(trust.ravel(), rates.ravel())[0, 1] > 0.9


def test_the_same_seed_counts_the_same(small: World, sample_city: City) -> None:
    one, other = Observations(small), Observations(make_world(sample_city, small.plan))
    assert all(a[0].equals(b[0]) and a[1].equals(b[1]) for a, b in zip(one.days, other.days, strict=True))
