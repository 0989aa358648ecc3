"""Alerts of a whole night: what changed is found and told, what did not is not, and the rate holds through it all."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.city import City
from barometer.estimate.cells import CELL_SCHEMA
from barometer.estimate.watch import ALERTS_SCHEMA, FALSE_ALARM_RATE, MOST_ALERTS, find_alerts
from barometer.indicators import WHOLE_CITY
from barometer.tables import TABLES
from tests.estimate.change.made import INDICATORS, WAVES, cells, span
from tests.estimate.change.streams import at_most
from tests.estimate.wide_town import make_widetown

SIZE, PERIODS = 20, 12


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> City:
    return make_widetown(tmp_path_factory.mktemp("town"), size=SIZE)


def areas(city: City) -> list[str]:
    return city.neighbourhoods["area"].sort().to_list()


def noise(
    city: City, indicator: str, *, seed: int = 1, level: float = 6.0, error: float = 0.3, periods: int = PERIODS
) -> pl.DataFrame:
    """Every neighbourhood and the whole city, where nothing changes."""
    rng = np.random.default_rng([seed, len(indicator)])
    here = {area: rng.normal(level, error, periods).tolist() for area in areas(city)}
    there = {city.id: rng.normal(level, error / 4, periods).tolist()}
    return pl.concat(
        [
            cells(indicator, here, error=error),
            cells(indicator, there, error=error / 4, geography=WHOLE_CITY, n=1600.0),
        ]
    )


def moved(laid: pl.DataFrame, area: str, by: float, *, since: int, until: int = PERIODS) -> pl.DataFrame:
    """The same, `by` higher at one place from period `since` to before `until`."""
    is_hit = (pl.col("area") == area) & pl.col("period_start").is_between(span(since)[0], span(until - 1)[0])
    columns = [(pl.col(name) + pl.when(is_hit).then(by).otherwise(0.0)) for name in ("value", "lower", "upper")]
    return laid.with_columns(*columns)


def without(laid: pl.DataFrame, area: str, period: int) -> pl.DataFrame:
    is_hit = (pl.col("area") == area) & (pl.col("period_start") == span(period)[0])
    names = ("value", "standard_error", "lower", "upper")
    return laid.with_columns([pl.when(is_hit).then(None).otherwise(pl.col(name)).alias(name) for name in names])


def alerts(city: City, *frames: pl.DataFrame) -> pl.DataFrame:
    return find_alerts(pl.concat(frames), city=city, indicators=INDICATORS)


def test_a_fall_in_one_neighbourhood_is_told_and_nothing_else(town: City) -> None:
    # given trust in the police that fell by three points in A03, and distrust of it that rose there
    police = moved(noise(town, "trust_police"), "A03", -3.0, since=9)
    said = noise(town, "posts_distrust_police_justice", level=0.2, error=0.02)
    said = moved(said, "A03", 0.08, since=9)
    # when
    found = alerts(town, police, said)
    # then
    row = found.filter(pl.col("indicator") == "trust_police").row(0, named=True)
    assert set(found["area"]) == {"A03"}
    assert (row["geography"], row["direction"]) == (town.primary, "down")
    assert (row["period_start"], row["period_end"]) == span(PERIODS - 1)
    assert row["lower"] < row["change"] < row["upper"] < 0
    assert row["lower"] < -3.0 < row["upper"]
    assert row["evidence"] > SIZE / FALSE_ALARM_RATE
    assert span(9)[1] <= row["first_seen"] <= span(11)[1]
    assert row["moved_with"] == [INDICATORS["posts_distrust_police_justice"].title]
    assert row["message"].startswith("“Trust in the police (0 to 10)” fell from 5.8 to 3.1 out of 10")
    assert f"since {span(9)[0].day} {span(9)[0]:%B %Y}" in row["message"]
    assert "read the newest reports' reasons" in row["advice"]


def test_the_rows_fit_the_table_and_no_message_names_the_place(town: City) -> None:
    found = alerts(town, moved(noise(town, "trust_police"), "A03", -3.0, since=9))
    stamped = {"night", "city", "synthetic"}
    assert dict(found.schema) == ALERTS_SCHEMA
    assert {name: dtype for name, dtype in TABLES["alerts"].schema.items() if name not in stamped} == ALERTS_SCHEMA
    assert found.height == 1
    assert "A03" not in found["message"][0]
    assert found.null_count().row(0) == (0,) * found.width


def test_a_fall_of_the_whole_city_is_seen_though_no_neighbourhood_shows_it(town: City) -> None:
    laid = moved(noise(town, "trust_police"), town.id, -0.6, since=11)
    found = alerts(town, laid)
    assert found["geography"].to_list() == [WHOLE_CITY]
    assert found["area"].to_list() == [town.id]
    assert found["first_seen"].to_list() == [span(11)[1]]


def test_a_rise_is_told_as_one(town: City) -> None:
    row = alerts(town, moved(noise(town, "trust_police"), "A03", 3.0, since=9)).row(0, named=True)
    assert row["direction"] == "up"
    assert 0 < row["lower"] < row["change"] < row["upper"]
    assert "rose from" in row["message"]
    assert "thank those who did it" in row["advice"]


def test_where_nothing_changes_there_is_no_alert(town: City) -> None:
    assert alerts(town, noise(town, "trust_police"), noise(town, "trust_council")).is_empty()


def test_no_cells_no_alerts(town: City) -> None:
    empty = find_alerts(pl.DataFrame(schema=CELL_SCHEMA), city=town, indicators=INDICATORS)
    assert empty.is_empty()
    assert dict(empty.schema) == ALERTS_SCHEMA


@pytest.mark.parametrize("indicator", ["hostile_share", "correction_share", "footfall_rate", "trust_police_now"])
def test_what_is_withheld_without_direction_or_carried_over_is_not_watched(town: City, indicator: str) -> None:
    laid = noise(town, indicator, level=0.5, error=0.02)
    assert alerts(town, moved(laid, "A03", 0.4, since=9)).is_empty()
    watched = laid.with_columns(indicator=pl.lit("rumour_share"))
    assert alerts(town, moved(watched, "A03", 0.4, since=9)).height == 1


def test_another_geography_is_not_watched(town: City) -> None:
    wards = noise(town, "trust_police").filter(pl.col("geography") == town.primary)
    assert alerts(town, moved(wards.with_columns(geography=pl.lit("ward")), "A03", -3.0, since=9)).is_empty()


def test_three_known_periods_are_enough_and_two_are_not(town: City) -> None:
    laid = noise(town, "trust_police", error=0.1, periods=4)
    jump = moved(laid, "A03", -3.0, since=3, until=4)
    assert alerts(town, jump)["area"].to_list() == ["A03"]
    assert alerts(town, without(jump, "A03", 1))["area"].to_list() == ["A03"]
    assert alerts(town, without(without(jump, "A03", 1), "A03", 2)).is_empty()


def test_a_place_without_a_value_in_the_newest_period_has_no_alert(town: City) -> None:
    laid = moved(noise(town, "trust_police"), "A03", -3.0, since=8)
    assert alerts(town, laid).height == 1
    assert alerts(town, without(laid, "A03", PERIODS - 1)).is_empty()


def test_gaps_on_the_way_do_not_hide_a_change(town: City) -> None:
    laid = moved(noise(town, "trust_police"), "A03", -3.0, since=8)
    for gap in (2, 5, 9):
        laid = without(laid, "A03", gap)
    assert alerts(town, laid)["area"].to_list() == ["A03"]


def test_what_came_back_is_no_longer_an_alert(town: City) -> None:
    laid = noise(town, "trust_police", error=0.3)
    passing = moved(laid, "A03", -1.5, since=3, until=5)
    assert alerts(town, passing).is_empty()


def test_waves_and_blocks_are_watched_together(town: City) -> None:
    rng = np.random.default_rng(5)
    course = {area: rng.normal(6.0, 0.1, 4).tolist() for area in areas(town)}
    course["A07"][3] -= 2.0
    waves = cells("trust_council", course, error=0.1, every=WAVES, lasts=WAVES / 12)
    blocks = moved(noise(town, "rumour_share", level=0.2, error=0.02), "A07", 0.15, since=8)
    found = alerts(town, waves, blocks)
    assert sorted(found["indicator"]) == ["rumour_share", "trust_council"]
    council = found.filter(pl.col("indicator") == "trust_council").row(0, named=True)
    assert council["first_seen"] == council["period_end"]


def test_few_alerts_the_strongest_first_and_the_rest_counted(town: City, caplog: pytest.LogCaptureFixture) -> None:
    laid = noise(town, "trust_police")
    for number, area in enumerate(areas(town)[:13]):
        laid = moved(laid, area, -3.0 - 0.2 * number, since=7)
    with caplog.at_level(logging.INFO, logger="barometer.estimate.watch"):
        found = alerts(town, laid)
    assert found.height == MOST_ALERTS
    assert found["evidence"].is_sorted(descending=True)
    assert "13 changes stand out; the 10 with most evidence are shown, 3 are not" in caplog.text


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_order_of_the_cells_plays_no_part(seed: int) -> None:
    town = make_widetown(Path("nowhere"), size=SIZE)
    laid = moved(noise(town, "trust_police"), "A03", -3.0, since=9)
    shuffled = laid.sample(fraction=1.0, shuffle=True, seed=seed)
    assert alerts(town, laid).equals(alerts(town, shuffled))


def test_the_change_is_no_longer_than_the_scale(town: City) -> None:
    laid = noise(town, "wallet_neighbour", level=0.6, error=0.11)
    row = alerts(town, moved(laid, "A03", -0.6, since=6)).row(0, named=True)
    assert -1.0 <= row["lower"] < row["upper"] < 0


def test_evidence_is_no_larger_than_anyone_should_believe(town: City) -> None:
    laid = noise(town, "trust_police", error=0.01)
    row = alerts(town, moved(laid, "A03", -5.0, since=6)).row(0, named=True)
    assert row["evidence"] == pytest.approx(1e9)
    assert "less than once in 1,000,000 such looks" in row["message"]


def test_over_many_nights_a_city_where_nothing_changes_is_hardly_ever_alarmed(town: City) -> None:
    indicators = ("trust_police", "trust_council", "trust_health", "trust_schools")
    runs = 25
    alarmed = 0
    for seed in range(runs):
        found = alerts(town, *(noise(town, name, seed=seed) for name in indicators))
        alarmed += not found.is_empty()
    assert at_most(alarmed, of=runs, rate=FALSE_ALARM_RATE)
