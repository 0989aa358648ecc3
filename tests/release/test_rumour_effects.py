"""Trust before and after a rumour beside like places: what is planted is found, and it is never called a cause."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.release.rumour_effects import FEWEST_EXPOSED, MATCHES, SCHEMA, rumour_effects

AREAS = [f"A{k:02}" for k in range(40)]
EXPOSED = AREAS[:8]
PERIODS = (
    (date(2026, 1, 1), date(2026, 1, 31)),
    (date(2026, 2, 1), date(2026, 2, 28)),
    (date(2026, 3, 1), date(2026, 3, 31)),
)
FIRST_SEEN = datetime(2026, 2, 10, 9, tzinfo=UTC)


def a_rumour(areas: list[str] = EXPOSED, name: str = "r1", first_seen: datetime = FIRST_SEEN) -> dict[str, object]:
    return {"rumour": name, "first_seen": first_seen, "neighbourhoods": areas}


def rumours(*several: dict[str, object]) -> pl.DataFrame:
    schema = {"rumour": pl.String, "first_seen": pl.Datetime("us", "UTC"), "neighbourhoods": pl.List(pl.String)}
    return pl.DataFrame(list(several), schema=schema)


def estimates(values: np.ndarray, *, error: float = 0.01, indicator: str = "trust") -> pl.DataFrame:
    """Published rows of every area and period; `values`: areas x periods."""
    return pl.DataFrame(
        [
            {
                "indicator": indicator,
                "geography": "msoa",
                "area": area,
                "period_start": start,
                "period_end": end,
                "value": None if np.isnan(values[k, p]) else float(values[k, p]),
                "standard_error": error,
            }
            for k, area in enumerate(AREAS)
            for p, (start, end) in enumerate(PERIODS)
        ],
        schema_overrides={"value": pl.Float64},
    )


NO_COVARIATES = pl.DataFrame(schema={"area": pl.String, "covariate": pl.String, "value": pl.Float64, "year": pl.Int64})


def covariates(values: np.ndarray) -> pl.DataFrame:
    rows = [(area, "deprivation", float(v), 2025) for area, v in zip(AREAS, values, strict=True)]
    return pl.DataFrame(rows, schema=NO_COVARIATES.schema, orient="row")


def a_city(seed: int, *, fall: float = 0.0, trend: float = 0.0) -> np.ndarray:
    """Areas x periods: a level of their own, a common trend, a fall after February where the rumour was heard."""
    random = np.random.default_rng(seed)
    level = random.normal(0.5, 0.08, size=(len(AREAS), 1))
    values = level + np.array([0.0, 0.0, trend]) + random.normal(0, 0.01, size=(len(AREAS), 3))
    values[: len(EXPOSED), 2] -= fall
    return values


def found(values: np.ndarray, **options: object) -> dict[str, object]:
    rows = rumour_effects(
        rumours(a_rumour()), estimates(values, **options), NO_COVARIATES, indicators=["trust"], geography="msoa"
    )
    assert rows.height == 1
    return rows.row(0, named=True)


def test_a_planted_fall_is_found_and_a_trend_everywhere_is_not_mistaken_for_it() -> None:
    row = found(a_city(1, fall=0.1, trend=0.05))
    assert row["difference"] == pytest.approx(-0.1, abs=0.02)
    assert row["change"] == pytest.approx(-0.05, abs=0.02)
    assert row["change_elsewhere"] == pytest.approx(0.05, abs=0.02)
    assert row["is_beyond_chance"]


def test_the_periods_lie_wholly_before_and_wholly_after_the_first_post() -> None:
    row = found(a_city(1, fall=0.1))
    assert row["before_end"] == date(2026, 1, 31)
    assert row["after_start"] == date(2026, 3, 1)


def test_numbers_hang_together() -> None:
    row = found(a_city(2, fall=0.05))
    assert row["after"] == pytest.approx(row["before"] + row["change"])
    assert row["difference"] == pytest.approx(row["change"] - row["change_elsewhere"])
    assert row["lower"] < row["difference"] < row["upper"]
    assert (row["exposed"], row["matched"] <= MATCHES * len(EXPOSED)) == (len(EXPOSED), True)


def test_intervals_hold_the_planted_fall_nearly_always_and_nothing_is_seldom_called_something() -> None:
    fell = [found(a_city(seed, fall=0.06)) for seed in range(60)]
    idle = [found(a_city(seed)) for seed in range(60)]
    assert np.mean([row["lower"] <= -0.06 <= row["upper"] for row in fell]) >= 0.88
    assert np.mean([row["is_beyond_chance"] for row in idle]) <= 0.12


def test_published_errors_widen_the_interval_where_they_are_larger_than_the_spread() -> None:
    narrow, wide = (found(a_city(3), error=error) for error in (0.001, 0.2))
    assert wide["upper"] - wide["lower"] > 3 * (narrow["upper"] - narrow["lower"])


def test_like_is_held_against_like() -> None:
    """Where deprivation itself makes trust fall, matching on it takes the difference away."""
    deprived = np.where(np.arange(len(AREAS)) % 5 == 0, 1.0, 0.0)
    deprived[: len(EXPOSED)] = 1.0
    values = a_city(4)
    values[:, 2] -= 0.1 * deprived
    rough = found(values)
    rows = rumour_effects(
        rumours(a_rumour()), estimates(values), covariates(deprived), indicators=["trust"], geography="msoa"
    )
    assert abs(rows["difference"][0]) < 0.03 < abs(float(str(rough["difference"])))


@pytest.mark.parametrize("areas", [[], EXPOSED[: FEWEST_EXPOSED - 1], AREAS[: len(AREAS) - MATCHES + 1], ["elsewhere"]])
def test_with_too_few_places_on_either_side_nothing_is_told(areas: list[str]) -> None:
    rows = rumour_effects(
        rumours(a_rumour(areas)), estimates(a_city(1)), NO_COVARIATES, indicators=["trust"], geography="msoa"
    )
    assert rows.is_empty()
    assert rows.schema == SCHEMA


@pytest.mark.parametrize("first_seen", [datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC)])
def test_without_a_period_before_and_one_after_nothing_is_told(first_seen: datetime) -> None:
    told = rumours(a_rumour(first_seen=first_seen))
    rows = rumour_effects(told, estimates(a_city(1)), NO_COVARIATES, indicators=["trust"], geography="msoa")
    assert rows.is_empty()


def test_withheld_values_take_no_part() -> None:
    values = a_city(5, fall=0.1)
    values[:6, 0] = np.nan
    rows = rumour_effects(rumours(a_rumour()), estimates(values), NO_COVARIATES, indicators=["trust"], geography="msoa")
    assert rows.is_empty()


def test_many_rumours_are_judged_together() -> None:
    several = rumours(*(a_rumour(AREAS[k : k + 8], f"r{k}") for k in range(0, 32, 4)))
    alone = found(a_city(6, fall=0.02))
    together = rumour_effects(
        several, estimates(a_city(6, fall=0.02)), NO_COVARIATES, indicators=["trust"], geography="msoa"
    )
    assert together.height == 8
    same = together.row(by_predicate=pl.col("rumour") == "r0", named=True)
    assert same["p"] == alone["p"]
    assert together["is_beyond_chance"].sum() <= (together["p"] <= 0.05).sum()


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    rows = estimates(a_city(seed, fall=0.03))
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=seed)
    one, other = (
        rumour_effects(rumours(a_rumour()), frame, NO_COVARIATES, indicators=["trust"], geography="msoa")
        for frame in (rows, shuffled)
    )
    assert one.equals(other)
