"""Nowcasts: the survey is the measure, the few are left out, and a running period knows no later day than tonight."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from barometer.city import City
from barometer.estimate.cells import PERIODS_SCHEMA, complete, to_cells
from barometer.estimate.combine import Nowcasts, estimate_nowcasts, skill_rows
from barometer.indicators import WHOLE_CITY, Indicators, load_indicators
from barometer.settings import PROJECT
from barometer.tables import TABLES
from tests.estimate.wide_town import direct_cells, make_widetown, truth

SIZE = 40
NOW = "trust_neighbourhood_now"
OF = "trust_neighbourhood"
WAVES = [(date(2026, 1, 5) + timedelta(weeks=8 * k), date(2026, 1, 18) + timedelta(weeks=8 * k)) for k in range(3)]
NIGHT = date(2026, 5, 20)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> City:
    return make_widetown(tmp_path_factory.mktemp("town"), size=SIZE)


@pytest.fixture(scope="module")
def indicators() -> Indicators:
    return load_indicators(PROJECT / "configs")


def survey(city: City, indicators: Indicators, *, few: int = 25) -> pl.DataFrame:
    """Three waves of one truth that stands still."""
    counts = [few if k % 10 == 0 else 25 for k in range(SIZE)]
    return pl.concat(
        [direct_cells(city, indicators[OF], counts=counts, seed=k, wave=wave) for k, wave in enumerate(WAVES)]
    )


def blocks() -> pl.DataFrame:
    """Four-week periods from the first wave to the one that runs on the night."""
    starts = [date(2025, 12, 29) + timedelta(weeks=4 * k) for k in range(6)]
    frame = pl.DataFrame({"indicator": NOW, "period_start": starts, "absent_reason": "not_collected"})
    return frame.with_columns(period_end=pl.col("period_start") + pl.duration(days=27)).select(list(PERIODS_SCHEMA))


def sensed(city: City, *, seed: int = 1, error: float = 0.3) -> pl.DataFrame:
    """Practitioners' ratings of every block: the truth with an error of their own."""
    areas, noise = city.neighbourhoods["area"].sort().to_list(), np.random.default_rng(seed)
    frames = [
        pl.DataFrame(
            {
                "indicator": "practitioner_trust",
                "geography": city.primary,
                "area": areas,
                "period_start": start,
                "period_end": end,
                "value": truth(SIZE) + noise.normal(0, error, SIZE),
                "standard_error": error,
                "n": 5,
            }
        )
        for start, end in blocks().select("period_start", "period_end").iter_rows()
    ]
    return to_cells(pl.concat(frames))


def made(city: City, indicators: Indicators, direct: pl.DataFrame, others: pl.DataFrame | None = None) -> Nowcasts:
    nothing = to_cells(pl.DataFrame(schema={"indicator": pl.String}))
    return estimate_nowcasts(
        direct,
        nothing if others is None else others,
        city=city,
        indicators=indicators,
        periods=blocks(),
        night=NIGHT,
    )


def of_period(cells: pl.DataFrame, end: date, city: City) -> pl.DataFrame:
    return cells.filter(pl.col("period_end") == end, pl.col("geography") == city.primary).sort("area")


LAST = date(2026, 6, 14)


def test_waves_together_are_nearer_the_truth_than_the_last_alone(town: City, indicators: Indicators) -> None:
    direct = survey(town, indicators)
    now = of_period(made(town, indicators, direct).cells.found, LAST, town)
    last = of_period(direct, WAVES[-1][1], town)
    true = truth(SIZE)
    errors = [np.mean((frame["value"].to_numpy() - true) ** 2) for frame in (now, last)]
    assert errors[0] < 0.5 * errors[1]
    assert now.height == SIZE
    assert set(now["method"]) == {"nowcast"}


def test_intervals_hold_the_truth(town: City, indicators: Indicators) -> None:
    now = of_period(made(town, indicators, survey(town, indicators)).cells.found, LAST, town)
    is_inside = (now["lower"].to_numpy() <= truth(SIZE)) & (truth(SIZE) <= now["upper"].to_numpy())
    assert is_inside.mean() > 0.85


def test_a_period_knows_nothing_of_later_waves(town: City, indicators: Indicators) -> None:
    direct = survey(town, indicators)
    end = date(2026, 2, 22)
    early = direct.filter(pl.col("period_end") <= end)
    whole, part = (of_period(made(town, indicators, cells).cells.found, end, town) for cells in (direct, early))
    # Only the few parameters (variances) may have learned from what came later, never the levels themselves.
    assert np.abs((whole["value"] - part["value"]).to_numpy()).max() < 0.3
    assert whole["n"].to_list() == part["n"].to_list()


def test_the_answers_of_the_few_change_nothing(town: City, indicators: Indicators) -> None:
    direct = survey(town, indicators, few=6)
    is_few = (pl.col("n") == 6) & (pl.col("geography") == town.primary)
    other = direct.with_columns(value=pl.when(is_few).then(1.0).otherwise("value"))
    first, second = (made(town, indicators, cells).cells.found for cells in (direct, other))
    assert first.equals(second)
    assert set(of_period(first, LAST, town).filter(pl.col("area").is_in(["A00", "A10"]))["n"]) == {0}


def test_the_whole_city_is_the_mean_of_its_adults(town: City, indicators: Indicators) -> None:
    cells = made(town, indicators, survey(town, indicators)).cells.found
    now = of_period(cells, LAST, town).join(town.neighbourhoods.select("area", "adults"), on="area")
    whole = cells.filter(pl.col("geography") == WHOLE_CITY, pl.col("period_end") == LAST).row(0, named=True)
    mean = (now["value"] * now["adults"]).sum() / now["adults"].sum()
    assert whole["value"] == pytest.approx(mean)
    assert whole["area"] == town.id
    assert whole["lower"] < whole["value"] < whole["upper"]
    assert whole["standard_error"] <= now["standard_error"].max()


def test_before_the_first_wave_nothing_is_known(town: City, indicators: Indicators) -> None:
    later = survey(town, indicators).filter(pl.col("period_start") > WAVES[0][0])
    early = complete(made(town, indicators, later).cells, town).filter(pl.col("period_end") == date(2026, 1, 25))
    assert early["value"].null_count() == early.height
    assert set(early["missing_reason"]) == {"not_collected"}


def test_every_signal_has_its_skill_said(town: City, indicators: Indicators) -> None:
    skill = made(town, indicators, survey(town, indicators), sensed(town)).skill
    assert skill["signal"].to_list() == ["practitioner_trust"]
    assert skill["indicator"].to_list() == [NOW]
    assert skill["verdict"][0]


def test_skill_fits_its_table(town: City, indicators: Indicators) -> None:
    rows = skill_rows(made(town, indicators, survey(town, indicators), sensed(town)).skill)
    declared = {name: dtype for name, dtype in TABLES["skill"].schema.items() if name in rows.columns}
    assert dict(rows.schema) == declared
    assert set(declared) == set(TABLES["skill"].schema) - {"night", "city", "synthetic"}


def test_a_withheld_indicator_is_no_signal(town: City, indicators: Indicators) -> None:
    hidden = sensed(town).with_columns(indicator=pl.lit("hostile_share"))
    assert made(town, indicators, survey(town, indicators), hidden).skill.is_empty()


def test_no_survey_no_nowcast(town: City, indicators: Indicators) -> None:
    nothing = survey(town, indicators).clear()
    assert made(town, indicators, nothing, sensed(town)).cells.found.is_empty()


def test_two_fieldworks_that_end_on_one_day_are_one_look(tmp_path: Path, indicators: Indicators) -> None:
    town = make_widetown(tmp_path, size=SIZE)
    direct = survey(town, indicators)
    shorter = direct.filter(pl.col("period_end") == WAVES[-1][1]).with_columns(
        period_start=pl.lit(WAVES[-1][1] - timedelta(days=2)), n=pl.col("n") - 5
    )
    both = pl.concat([direct, to_cells(shorter)])
    assert made(town, indicators, both).cells.found.equals(made(town, indicators, direct).cells.found)
