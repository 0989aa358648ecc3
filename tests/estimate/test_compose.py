"""Composites: every part counts, the ends of the scales are 0 and 100, and uncertainty always comes along."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.city import City
from barometer.estimate.cells import PERIODS_SCHEMA, complete, to_cells
from barometer.estimate.compose import Composites, composite_values, estimate_composites, structure_of
from barometer.indicators import WHOLE_CITY, Indicators, load_indicators
from barometer.settings import PROJECT
from tests.estimate.wide_town import WAVE, make_widetown

SIZE = 12
SCORE = "trust_between_people"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> City:
    return make_widetown(tmp_path_factory.mktemp("town"), size=SIZE)


@pytest.fixture(scope="module")
def indicators() -> Indicators:
    return load_indicators(PROJECT / "configs")


def surveyed(
    city: City, indicators: Indicators, *, at: float = 0.5, error: float = 0.0, n: int = 30, spread: float = 0.0
) -> pl.DataFrame:
    """Every part at the same place of its scale in every area (`spread`: rising over the areas), and in the city."""
    areas = city.neighbourhoods["area"].sort().to_list()
    rows = []
    for part in indicators[SCORE].rests_on:
        scale = indicators[part].scale
        width = (scale.maximum or 0.0) - scale.minimum
        for k, area in enumerate([*areas, city.id]):
            place = at + spread * (k / SIZE - 0.5)
            rows.append(
                {
                    "indicator": part,
                    "geography": WHOLE_CITY if area == city.id else city.primary,
                    "area": area,
                    "period_start": WAVE[0],
                    "period_end": WAVE[1],
                    "value": scale.minimum + place * width,
                    "standard_error": error * width,
                    "n": n + k,
                    "effective_n": float(n),
                }
            )
    return to_cells(pl.DataFrame(rows))


def periods() -> pl.DataFrame:
    span = {"period_start": [WAVE[0]], "period_end": [WAVE[1]]}
    return pl.DataFrame({"indicator": [SCORE], **span, "absent_reason": ["not_collected"]}, schema=PERIODS_SCHEMA)


def composed(city: City, indicators: Indicators, cells: pl.DataFrame) -> Composites:
    return estimate_composites(cells, city=city, indicators=indicators, periods=periods())


@given(st.floats(0.05, 0.95))
@settings(max_examples=8)
def test_parts_alike_give_a_score_at_the_same_place(tmp_path_factory: pytest.TempPathFactory, place: float) -> None:
    town = make_widetown(tmp_path_factory.mktemp("town"), size=SIZE)
    indicators = load_indicators(PROJECT / "configs")
    made = composed(town, indicators, surveyed(town, indicators, at=place)).cells.found
    assert made["value"].to_list() == pytest.approx([100 * place] * (SIZE + 1))


def test_scores_rise_with_their_parts_and_have_their_uncertainty(town: City, indicators: Indicators) -> None:
    made = composed(town, indicators, surveyed(town, indicators, error=0.03, spread=0.4))
    local = made.cells.found.filter(pl.col("geography") == town.primary).sort("area")
    assert local["value"].is_sorted()
    assert (local["standard_error"] > 0).all()
    assert local.filter((pl.col("lower") > pl.col("value")) | (pl.col("value") > pl.col("upper"))).is_empty()
    assert local["method"].unique().to_list() == ["composite"]


def test_the_whole_city_has_a_score_too(town: City, indicators: Indicators) -> None:
    made = composed(town, indicators, surveyed(town, indicators, error=0.03, spread=0.4)).cells.found
    assert made.filter(pl.col("geography") == WHOLE_CITY)["area"].to_list() == [town.id]


def test_sensitivity_always_comes_with_it(town: City, indicators: Indicators) -> None:
    made = composed(town, indicators, surveyed(town, indicators, error=0.03, spread=0.4)).sensitivity
    assert made["indicator"].unique().to_list() == [SCORE]
    assert made["period_end"].unique().to_list() == [WAVE[1]]
    assert made.height >= 2
    assert made["total"].drop_nulls().len() == made.height


def test_fewest_answers_of_any_part_stand_behind_it(town: City, indicators: Indicators) -> None:
    cells = surveyed(town, indicators)
    is_thin = (pl.col("indicator") == "wallet_stranger") & (pl.col("area") == "A03")
    thin = cells.with_columns(n=pl.when(is_thin).then(12).otherwise("n").cast(pl.Int64))
    made = composed(town, indicators, thin).cells.found
    assert made.filter(pl.col("area") == "A03")["n"].item() == 12


def test_a_neighbourhood_that_lacks_a_part_has_no_score(town: City, indicators: Indicators) -> None:
    cells = surveyed(town, indicators)
    is_gone = (pl.col("indicator") == "wallet_stranger") & (pl.col("area") == "A03")
    gap = cells.with_columns(value=pl.when(~is_gone).then("value"))
    made = composed(town, indicators, gap)
    assert "A03" not in made.cells.found["area"].to_list()
    completed = complete(made.cells, town).filter(pl.col("area") == "A03")
    assert completed["missing_reason"].to_list() == ["not_collected"]


def test_the_values_alone_are_those_of_the_whole(town: City, indicators: Indicators) -> None:
    cells = surveyed(town, indicators, error=0.03, spread=0.4)
    is_gone = (pl.col("indicator") == "wallet_stranger") & (pl.col("area") == "A03")
    gap = cells.with_columns(value=pl.when(~is_gone).then("value"))
    alone = composite_values(gap, city=town, indicators=indicators)
    whole = composed(town, indicators, gap).cells.found
    both = whole.join(alone, on=["indicator", "geography", "area", "period_start", "period_end"], suffix="_alone")
    assert both.height == whole.height == alone.height == SIZE
    assert both["value"].to_list() == pytest.approx(both["value_alone"].to_list(), rel=1e-11)


def test_too_few_places_have_no_values_alone(tmp_path: Path, indicators: Indicators) -> None:
    hamlet = make_widetown(tmp_path, size=1)
    assert composite_values(surveyed(hamlet, indicators), city=hamlet, indicators=indicators).is_empty()


def test_no_survey_no_score(town: City, indicators: Indicators) -> None:
    made = composed(town, indicators, surveyed(town, indicators).clear())
    assert made.cells.found.is_empty()
    assert made.sensitivity.is_empty()


def test_two_places_are_too_few_for_ranks_and_the_log_says_so(
    tmp_path: Path, indicators: Indicators, caplog: pytest.LogCaptureFixture
) -> None:
    hamlet = make_widetown(tmp_path, size=1)
    assert composed(hamlet, indicators, surveyed(hamlet, indicators)).cells.found.is_empty()
    assert f"{SCORE} from {date(2026, 3, 1)}: no composite" in caplog.text


def test_a_part_that_means_less_trust_is_turned_round(indicators: Indicators) -> None:
    parts = [indicators[name] for name in indicators[SCORE].rests_on]
    turned = parts[0].model_copy(update={"direction": "less_trust"})
    structure = structure_of(indicators[SCORE], [turned, *parts[1:]])
    assert [part.direction for part in structure.leaves] == ["negative", *["positive"] * 4]
    assert structure.leaves[1].goalposts == (parts[1].scale.minimum, parts[1].scale.maximum)
