"""The sample city's truth is known: what is made of its answers comes nearer to it step by step, and knows how near."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl
import pytest

from barometer.city import City, load_city
from barometer.estimate.borrow import borrow, lent
from barometer.estimate.inputs import events, known
from barometer.estimate.run import Context, work_out
from barometer.estimate.survey import direct_answers, gated, waves
from barometer.indicators import Indicators, load_indicators
from barometer.ingest.run import ingest_source
from barometer.night import Night, open_night
from barometer.prepare.privacy import city_door
from barometer.settings import Settings
from barometer.simulate.run import simulate

CITY, NIGHT, SEED = "sample", date(2026, 5, 10), 2026
FEW_POSTS = 300
SIGNALS = ("answers", "reports", "observations", "counts")


@dataclass(frozen=True)
class Recovered:
    """Figures of neighbourhoods beside the truth of their days, three ways: of the same five survey indicators."""

    direct: pl.DataFrame
    shown: pl.DataFrame
    combined: pl.DataFrame


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """The sample city of `make run` but for its posts, taken in."""
    settings = Settings(home=tmp_path_factory.mktemp("truth") / "home")
    city = load_city(CITY, settings.configs)
    simulate(city, settings, seed=SEED, posts=FEW_POSTS, through=NIGHT)
    made = open_night(CITY, NIGHT, settings)
    door = city_door(city, settings)
    for source in city.sources:
        if source.signal in SIGNALS:
            ingest_source(made, source, door)
    return made


@pytest.fixture(scope="module")
def indicators(night: Night) -> Indicators:
    return load_indicators(night.settings.configs)


@pytest.fixture(scope="module")
def recovered(night: Night, indicators: Indicators) -> Recovered:
    city, surveyed = night.city, indicators.of_signal("answers")
    respondents = events(night, "respondents")
    fielded = respondents.join(waves(respondents), on="wave").sort("response")
    direct = direct_answers(fielded, known(night, "answers"), city=city, indicators=surveyed)
    shown = lent(gated(direct, city=city, indicators=surveyed), borrow(direct, city=city, indicators=surveyed))
    of = {i.id: i.rests_on[0] for i in indicators.of_signal("combined") if i.measure.kind == "nowcast"}
    combined = work_out(Context(night, indicators)).cells.filter(pl.col("indicator").is_in(list(of)))
    # A nowcast speaks of the last day it knows, a wave of all its days.
    on = pl.min_horizontal("period_end", pl.lit(NIGHT))
    return Recovered(
        direct=beside_truth(night, city, direct.filter(pl.col("indicator").is_in(list(of.values())))),
        shown=beside_truth(night, city, shown.filter(pl.col("indicator").is_in(list(of.values())))),
        combined=beside_truth(night, city, combined.with_columns(pl.col("indicator").replace(of), period_start=on)),
    )


def beside_truth(night: Night, city: City, cells: pl.DataFrame) -> pl.DataFrame:
    daily = night.lake.read("truth").collect().select("indicator", "area", "day", true_value="value")
    local = cells.filter(pl.col("geography") == city.primary, pl.col("value").is_not_null())
    paired = local.join(daily, on=["indicator", "area"]).filter(
        pl.col("day").is_between("period_start", pl.min_horizontal("period_end", pl.lit(NIGHT)))
    )
    keys = ["indicator", "area", "period_end", "value", "standard_error", "lower", "upper"]
    return paired.group_by(keys).agg(pl.col("true_value").mean())


def rmse(figures: pl.DataFrame) -> dict[str, float]:
    squared = (pl.col("value") - pl.col("true_value")) ** 2
    return dict(figures.group_by("indicator").agg(squared.mean().sqrt()).sort("indicator").iter_rows())


def coverage(figures: pl.DataFrame) -> float:
    return float(figures.select(pl.col("true_value").is_between("lower", "upper").mean()).item())


def test_error_falls_from_answers_alone_to_models_to_all_that_is_known(recovered: Recovered) -> None:
    direct, shown, combined = (rmse(frame) for frame in (recovered.direct, recovered.shown, recovered.combined))
    assert set(direct) == set(shown) == set(combined)
    means = [sum(each[name] / direct[name] for name in direct) / len(direct) for each in (direct, shown, combined)]
    print("root mean squared error beside the answers alone: " + ", ".join(f"{mean:.3f}" for mean in means))
    assert means[0] > means[1] > means[2]
    assert all(combined[name] < direct[name] for name in direct)


@pytest.mark.parametrize("way", ["direct", "shown", "combined"])
def test_intervals_hold_the_truth_as_often_as_they_say(recovered: Recovered, way: str) -> None:
    held = coverage(getattr(recovered, way))
    print(f"{way}: {held:.3f}")
    assert 0.93 <= held <= 0.97


def test_stated_errors_are_as_large_as_true_ones(recovered: Recovered) -> None:
    for way in ("direct", "shown", "combined"):
        figures = getattr(recovered, way)
        scaled = figures.select(
            (((pl.col("value") - pl.col("true_value")) / pl.col("standard_error")) ** 2).mean().sqrt()
        ).item()
        assert 0.85 < scaled < 1.15, way


def test_a_signal_that_foretells_trust_has_earned_weight_and_idle_ones_none(
    night: Night, indicators: Indicators
) -> None:
    skill = work_out(Context(night, indicators)).beside["skill"]
    weighted = skill.filter(pl.col("weight") > 0)
    assert "practitioner_trust" in weighted["signal"].to_list()
    assert (weighted["lower"] > 0).all()
    assert not {"service_requests_rate", "footfall_rate"} & set(weighted["signal"])
