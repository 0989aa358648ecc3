"""Context counts: per resident and week watched; no record is nothing where the series means so, else not known."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.city import City
from barometer.estimate.cells import complete
from barometer.estimate.counts import estimate_counts
from barometer.indicators import WHOLE_CITY
from tests.estimate.made import BLOCK_END, BLOCK_START, INDICATORS, counted, one, periods_of, with_day
from tests.rows import rows
from tests.towns import make_testville

REQUESTS, FOOTFALL = "service_requests_rate", "footfall_rate"


@pytest.fixture
def city(tmp_path: Path) -> City:
    return make_testville(tmp_path)


def rated(city: City, records: list[dict[str, Any]], *names: str) -> pl.DataFrame:
    wanted = names or (REQUESTS,)
    cells = estimate_counts(
        with_day(rows("counts", *records), "counted_on"),
        city=city,
        indicators=[INDICATORS[name] for name in wanted],
        settings=INDICATORS,
        periods=periods_of(*wanted, reason="not_collected"),
    )
    return complete(cells, city)


def daily(count: float, *, area: str = "T1", first: int = 0, days: int = 28, **values: Any) -> list[dict[str, Any]]:
    """The same count on each of the block's first `days` days."""
    return [
        counted(first + i, count, area=area, counted_on=BLOCK_START + timedelta(days=i), **values) for i in range(days)
    ]


def test_per_thousand_residents_a_week(city: City) -> None:
    # given five a day in a place of 1,250 residents: 35 a week, 28 per thousand
    found = one(rated(city, daily(5)), area="T1")
    assert found["value"] == pytest.approx(28)
    assert found["n"] == 140
    assert found["missing_reason"] is None


def test_a_running_period_is_not_taken_for_a_quiet_one(city: City) -> None:
    half = one(rated(city, daily(5, days=10)), area="T1")
    assert half["value"] == pytest.approx(28)


def test_days_between_the_first_and_last_record_were_watched(city: City) -> None:
    ends = [counted(1, 10, counted_on=BLOCK_START), counted(2, 10, counted_on=BLOCK_END)]
    # 20 in four weeks among 1,250
    assert one(rated(city, ends), area="T1")["value"] == pytest.approx(20 / 4 / 1.25)


def test_no_record_means_nothing_happened_where_the_series_says_so(city: City) -> None:
    found = one(rated(city, daily(5)), area="T2")
    assert (found["value"], found["n"], found["missing_reason"]) == (0, 0, None)
    assert found["upper"] > 0


def test_no_record_means_no_counter_where_the_series_says_so(city: City) -> None:
    found = one(rated(city, daily(5, series="footfall"), FOOTFALL), area="T2")
    assert (found["value"], found["missing_reason"]) == (None, "not_collected")


def test_the_city_of_a_series_with_counters_is_where_the_counters_are(city: City) -> None:
    # given counters in one of four places, and one that stands in no place
    nowhere = [r | {"area": None} for r in daily(9, first=500, series="footfall")]
    found = rated(city, [*daily(5, series="footfall"), *nowhere], FOOTFALL)
    # then the city's rate is that of the residents whose place is watched
    assert one(found, geography=WHOLE_CITY)["value"] == pytest.approx(28)


def test_counters_in_no_place_give_no_value(city: City) -> None:
    nowhere = [r | {"area": None} for r in daily(9, series="footfall")]
    assert rated(city, nowhere, FOOTFALL)["value"].null_count() == 5


def test_another_series_does_not_count(city: City) -> None:
    found = one(rated(city, [*daily(5), *daily(100, first=100, series="footfall")]), area="T1")
    assert found["value"] == pytest.approx(28)


def test_a_series_that_never_came_has_no_value(city: City) -> None:
    assert rated(city, daily(5), FOOTFALL)["value"].null_count() == 5


def test_the_city_counts_unplaced_records_too(city: City) -> None:
    unplaced = daily(5, area="T1") + [
        r | {"area": None, "record": f"u{r['record']}"} for r in daily(5, first=500)
    ]  # fmt: skip
    whole = one(rated(city, unplaced), geography=WHOLE_CITY)
    assert whole["value"] == pytest.approx(70 / 5)


def test_weeks_unlike_each_other_widen_the_interval(city: City) -> None:
    steady = daily(4)
    bursts = [r | {"count": 16.0 if r["counted_on"] < BLOCK_START + timedelta(days=7) else 0.0} for r in steady]
    calm, rough = (one(rated(city, records), area="T1") for records in (steady, bursts))
    assert rough["value"] == pytest.approx(calm["value"])
    assert rough["standard_error"] > 2 * calm["standard_error"]
    assert rough["effective_n"] < calm["effective_n"] / 4


def test_a_place_without_residents_has_no_rate(tmp_path: Path) -> None:
    areas = make_testville(tmp_path).areas.with_columns(
        population=pl.when(pl.col("area") == "T1").then(None).otherwise("population")
    )
    city = make_testville(tmp_path, areas=areas)
    found = rated(city, daily(5))
    assert one(found, area="T1")["missing_reason"] == "not_collected"
    assert one(found, area="T2")["value"] == 0


def test_a_period_in_which_nothing_came_is_not_a_period_of_nothing(city: City) -> None:
    before = [counted(1, 5, counted_on=date(2026, 4, 1))]
    assert rated(city, before)["value"].null_count() == 5


@given(counts=st.lists(st.integers(0, 200), min_size=1, max_size=28))
def test_whatever_is_counted_the_numbers_hold_together(tmp_path: Path, counts: list[int]) -> None:
    records = [counted(i, float(n), counted_on=BLOCK_START + timedelta(days=i)) for i, n in enumerate(counts)]
    for row in rated(make_testville(tmp_path), records).iter_rows(named=True):
        assert 0 <= row["lower"] <= row["value"] <= row["upper"]
        assert row["standard_error"] > 0
        assert row["effective_n"] <= row["n"] + 1e-9
