"""Observation rates: hours watched, not records made; a form that does not note a thing says nothing of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.city import City
from barometer.estimate.cells import complete
from barometer.estimate.observations import _hour_band, estimate_observations
from barometer.indicators import WHOLE_CITY
from tests.estimate.made import IN_BLOCK, INDICATORS, at_noon, one, periods_of, sighting, with_day
from tests.rows import rows
from tests.towns import make_testville

STAYING, GROUPS = "observed_staying_rate", "observed_group_rate"
MIXED, IN_GROUPS = "observed_mixed_group_rate", "observed_group_share"


@pytest.fixture
def city(tmp_path: Path) -> City:
    return make_testville(tmp_path)


def observed(city: City, sightings: list[dict[str, Any]], *names: str) -> pl.DataFrame:
    frame = with_day(rows("observations", *sightings), "started_at")
    indicators = [INDICATORS[name] for name in names]
    cells = estimate_observations(frame, city=city, indicators=indicators, periods=periods_of(*names))
    return complete(cells, city)


def local(city: City, sightings: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return one(observed(city, sightings, name), area="T1")


def sessions(persons: list[int], **values: Any) -> list[dict[str, Any]]:
    """One record a session."""
    return [sighting(i, f"s{i}", n, **values) for i, n in enumerate(persons)]


class TestRates:
    def test_people_staying_per_hour_watched(self, city: City) -> None:
        found = local(city, sessions([4, 8, 12]), STAYING)
        assert (found["value"], found["n"], found["effective_n"]) == (8, 3, 3)

    def test_half_an_hour_counts_as_half(self, city: City) -> None:
        assert local(city, sessions([4, 8, 12], minutes=30), STAYING)["value"] == 16

    def test_a_session_of_many_records_is_one_stretch(self, city: City) -> None:
        several = [sighting(i, f"s{i // 4}", 2) for i in range(12)]
        found = local(city, several, STAYING)
        assert (found["value"], found["n"]) == (8, 3)

    def test_those_who_pass_do_not_stay(self, city: City) -> None:
        passing = [sighting(10 + i, f"s{i}", 30, is_staying=False) for i in range(3)]
        assert local(city, [*sessions([4, 8, 12]), *passing], STAYING)["value"] == 8

    def test_sessions_that_counted_only_movement_say_nothing_of_staying(self, city: City) -> None:
        moving = [sighting(10 + i, f"m{i}", 30, kind="movement", is_staying=False) for i in range(5)]
        found = local(city, [*sessions([4, 8, 12]), *moving], STAYING)
        assert (found["value"], found["n"]) == (8, 3)

    def test_an_empty_session_counts_with_its_hours(self, city: City) -> None:
        assert local(city, sessions([4, 8, 12, 0]), STAYING)["value"] == 6

    def test_records_of_one_group_and_of_several_count_alike(self, city: City) -> None:
        # given three groups of two: as three records in one session, as one record of six people in the others
        one_by_one = [sighting(i, "s0", 2, group_size=2) for i in range(3)]
        together = [sighting(10 + i, f"s{i}", 6, group_size=2) for i in (1, 2)]
        found = local(city, [*one_by_one, *together], GROUPS)
        assert (found["value"], found["n"]) == (3, 3)

    def test_people_alone_are_no_group(self, city: City) -> None:
        alone = [sighting(10 + i, f"s{i}", 9, group_size=1) for i in range(3)]
        assert local(city, [*sessions([4, 4, 4], group_size=4), *alone], GROUPS)["value"] == 1

    def test_mixed_groups(self, city: City) -> None:
        mixed = sessions([3, 3, 3], group_size=3, is_mixed_group=True)
        plain = [sighting(10 + i, f"s{i}", 3, group_size=3, is_mixed_group=False) for i in range(3)]
        found = observed(city, [*mixed, *plain], MIXED, GROUPS)
        assert one(found, area="T1", indicator=MIXED)["value"] == 1
        assert one(found, area="T1", indicator=GROUPS)["value"] == 2

    def test_a_form_that_notes_no_mixture_says_nothing_of_it(self, city: City) -> None:
        found = observed(city, sessions([3, 3, 3], group_size=3), MIXED, GROUPS)
        assert one(found, area="T1", indicator=MIXED)["missing_reason"] == "too_few"
        assert one(found, area="T1", indicator=MIXED)["n"] == 0
        assert one(found, area="T1", indicator=GROUPS)["value"] == 1

    def test_the_city_is_watched_over_all_its_sessions(self, city: City) -> None:
        elsewhere = [sighting(10 + i, f"e{i}", 2, area="T2") for i in range(3)]
        whole = one(observed(city, [*sessions([8, 8, 8]), *elsewhere], STAYING), geography=WHOLE_CITY)
        assert (whole["value"], whole["n"]) == (5, 6)


def many(rng: np.random.Generator, *, keen: str = "") -> list[dict[str, Any]]:
    """Eighty sessions a place by four observers, one of whom may note three times as many; fewer in the evening."""
    seen = []
    for i in range(160):
        observer, is_evening = f"v{int(rng.integers(4))}", i % 4 == 0
        mean = 12.0 * (3.0 if observer == keen else 1.0) * (0.7 if is_evening else 1.0)
        persons = int(rng.negative_binomial(4, 4 / (4 + mean)))
        values = {"area": ("T1", "T2")[i // 4 % 2], "observer": observer}
        one = sighting(i, f"s{i}", persons, **values)
        seen.append(one | ({"started_at": at_noon(IN_BLOCK) + timedelta(hours=7)} if is_evening else {}))
    return [one | {"ended_at": one["started_at"] + timedelta(hours=1)} for one in seen]


class TestNuisances:
    def test_an_observer_who_notes_more_does_not_lift_the_places_they_happened_to_watch(self, city: City) -> None:
        # given a keen observer, sent mostly to T1, which is no livelier than T2; ten times over
        logs = []
        for seed in range(10):
            rng = np.random.default_rng(seed)
            sightings = [
                one | ({"area": "T1"} if one["observer"] == "v0" and rng.random() < 0.8 else {})
                for one in many(rng, keen="v0")
            ]
            found = observed(city, sightings, STAYING)
            plain = pl.DataFrame(sightings).group_by("area").agg(pl.col("persons").mean()).sort("area")["persons"]
            by_model = [one(found, area=area)["value"] for area in ("T1", "T2")]
            logs.append(np.log([plain[0] / plain[1], by_model[0] / by_model[1]]))
        # then T1 looks livelier by head count, and does not once the observer is set aside
        of_counts, of_rates = np.mean(logs, axis=0)
        assert of_counts > 0.2
        assert abs(of_rates) < 0.4 * of_counts

    def test_local_hours_decide_what_is_evening(self, city: City) -> None:
        # given summer time, seven hours after noon UTC is eight in the evening
        morning = [
            one | {"started_at": one["started_at"] - timedelta(hours=3, minutes=30)} for one in sessions([4, 8, 12])
        ]
        bands = with_day(rows("observations", *many(np.random.default_rng(1)), *morning), "started_at")
        found = bands.with_columns(band=_hour_band(city.timezone)).group_by("band").agg(pl.len()).sort("band")
        assert dict(found.iter_rows()) == {"evening": 40, "midday": 120, "morning": 3}

    def test_weather_is_used_where_the_table_says_it(self, city: City) -> None:
        frame = with_day(rows("observations", *many(np.random.default_rng(2))), "started_at")
        wet = frame.with_columns(
            weather=pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("rain")).otherwise(pl.lit("dry"))
        )
        emptier = wet.with_columns(
            persons=pl.when(pl.col("weather") == "rain").then(pl.col("persons") // 3).otherwise("persons")
        )
        values = [
            estimate_observations(table, city=city, indicators=[INDICATORS[STAYING]], periods=periods_of(STAYING)).found
            for table in (emptier, emptier.drop("weather"))
        ]
        errors = [one(cells, area="T1")["standard_error"] for cells in values]
        assert errors[0] < 0.95 * errors[1]


class TestShares:
    def test_people_in_company(self, city: City) -> None:
        alone = [sighting(10 + i, f"s{i}", 4, group_size=1) for i in range(3)]
        found = local(city, [*sessions([6, 6, 6], group_size=3), *alone], IN_GROUPS)
        assert (found["value"], found["n"]) == (0.6, 3)
        assert 0 < found["lower"] < 0.6 < found["upper"] < 1


class TestGates:
    def test_two_sessions_are_too_few(self, city: City) -> None:
        found = local(city, sessions([4, 8]), STAYING)
        assert (found["missing_reason"], found["value"], found["n"]) == ("too_few", None, 2)

    def test_a_session_without_length_is_no_session(self, city: City) -> None:
        assert local(city, sessions([4, 8, 12], minutes=0), STAYING)["n"] == 0

    @given(persons=st.lists(st.integers(0, 40), min_size=1, max_size=15), size=st.integers(1, 6))
    def test_whatever_is_seen_the_numbers_hold_together(self, tmp_path: Path, persons: list[int], size: int) -> None:
        seen = sessions(persons, group_size=size, is_mixed_group=True)
        found = observed(make_testville(tmp_path), seen, STAYING, GROUPS, MIXED, IN_GROUPS)
        for row in found.filter(pl.col("value").is_not_null()).iter_rows(named=True):
            assert 0 <= row["lower"] <= row["value"] <= row["upper"]
            assert 0 < row["effective_n"] <= row["n"] + 1e-9
            assert row["standard_error"] > 0
