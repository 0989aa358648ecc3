"""Models of survey figures: they lend strength, agree with the city, and know nothing of the few."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.city import City
from barometer.estimate.borrow import Areas, borrow, covariates, lent
from barometer.estimate.survey import gated
from barometer.indicators import WHOLE_CITY, Indicator, load_indicators
from barometer.settings import PROJECT
from tests.estimate.wide_town import direct_cells, make_widetown, truth

SIZE = 40


@pytest.fixture(scope="module")
def trust() -> Indicator:
    return load_indicators(PROJECT / "configs")["trust_neighbourhood"]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> City:
    return make_widetown(tmp_path_factory.mktemp("town"), size=SIZE)


def counts(*, few: int = 0) -> list[int]:
    """25 answers an area, but `few` in every tenth."""
    return [few if k % 10 == 0 else 25 for k in range(SIZE)]


def local(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.filter(pl.col("geography") != WHOLE_CITY).sort("area")


def test_every_neighbourhood_gets_a_figure_with_its_error(town: City, trust: Indicator) -> None:
    made = borrow(direct_cells(town, trust, counts=counts()), city=town, indicators=[trust])
    assert made["area"].to_list() == town.neighbourhoods["area"].sort().to_list()
    assert made.select("value", "standard_error", "lower", "upper").null_count().row(0) == (0, 0, 0, 0)
    assert made.filter((pl.col("lower") > pl.col("value")) | (pl.col("value") > pl.col("upper"))).is_empty()
    assert made["method"].unique().to_list() == ["model"]
    assert made["reliability"].is_between(0, 1).all()


def test_the_model_is_nearer_the_truth_than_the_answers_alone(town: City, trust: Indicator) -> None:
    true = truth(SIZE)
    errors = {"direct": [], "model": []}
    for seed in range(8):
        direct = direct_cells(town, trust, counts=counts(few=25), seed=seed)
        made = borrow(direct, city=town, indicators=[trust])
        errors["direct"].append(np.mean((local(direct)["value"].to_numpy() - true) ** 2))
        errors["model"].append(np.mean((made["value"].to_numpy() - true) ** 2))
    assert np.mean(errors["model"]) < 0.6 * np.mean(errors["direct"])


def test_figures_agree_with_the_whole_city(town: City, trust: Indicator) -> None:
    direct = direct_cells(town, trust, counts=counts())
    shown = lent(gated(direct, city=town, indicators=[trust]), borrow(direct, city=town, indicators=[trust]))
    adults = town.neighbourhoods.select("area", "adults")
    mean = (
        local(shown).join(adults, on="area").select((pl.col("value") * pl.col("adults")).sum() / pl.col("adults").sum())
    )
    whole = shown.filter(pl.col("geography") == WHOLE_CITY)["value"].item()
    assert mean.item() == pytest.approx(whole, abs=1e-9)


@given(st.integers(1, 9), st.floats(0, 10))
@settings(max_examples=10)
def test_the_answers_of_the_few_change_nothing(tmp_path_factory: pytest.TempPathFactory, few: int, said: float) -> None:
    """Given fewer answers than the least, whatever they say, every neighbourhood's figure is the same."""
    trust = load_indicators(PROJECT / "configs")["trust_neighbourhood"]
    town = make_widetown(tmp_path_factory.mktemp("town"), size=SIZE)
    direct = direct_cells(town, trust, counts=counts(few=few))
    is_few = (pl.col("geography") != WHOLE_CITY) & (pl.col("n") == few)
    other = direct.with_columns(value=pl.when(is_few).then(pl.lit(said)).otherwise("value"))
    numbers = ["area", "value", "standard_error", "lower", "upper", "reliability"]
    made, again = (borrow(cells, city=town, indicators=[trust]).select(numbers) for cells in (direct, other))
    assert made.equals(again)


def test_a_neighbourhood_nobody_answered_in_is_predicted_with_the_larger_error(town: City, trust: Indicator) -> None:
    made = borrow(direct_cells(town, trust, counts=counts(few=0)), city=town, indicators=[trust])
    unasked = made.filter(pl.col("n") == 0)
    assert unasked.height == 4
    assert unasked["standard_error"].mean() > 1.05 * made.filter(pl.col("n") > 0)["standard_error"].mean()


def test_a_direct_figure_that_may_be_shown_stays_as_it_is(town: City, trust: Indicator) -> None:
    many = [200 if k == 7 else 25 for k in range(SIZE)]
    direct = direct_cells(town, trust, counts=many)
    shown = lent(gated(direct, city=town, indicators=[trust]), borrow(direct, city=town, indicators=[trust]))
    kept = shown.filter(pl.col("area") == "A07")
    assert kept["method"].to_list() == [None]
    assert kept["value"].item() == direct.filter(pl.col("area") == "A07")["value"].item()


def test_waves_are_modelled_each_by_itself(town: City, trust: Indicator) -> None:
    later = (date(2026, 5, 1), date(2026, 5, 10))
    first = direct_cells(town, trust, counts=counts())
    both = pl.concat([first, direct_cells(town, trust, counts=counts(), seed=9, wave=later)])
    made = borrow(both, city=town, indicators=[trust])
    assert made.height == 2 * SIZE
    assert made.filter(pl.col("period_end") == first["period_end"][0]).equals(
        borrow(first, city=town, indicators=[trust])
    )


def test_too_few_neighbourhoods_carry_no_model(town: City, trust: Indicator, caplog: pytest.LogCaptureFixture) -> None:
    alone = [30, *[0] * (SIZE - 1)]
    direct = direct_cells(town, trust, counts=alone)
    assert borrow(direct, city=town, indicators=[trust]).is_empty()
    assert "trust_neighbourhood from 2026-03-01: no model of its neighbourhoods" in caplog.text
    shown = lent(gated(direct, city=town, indicators=[trust]), borrow(direct, city=town, indicators=[trust]))
    assert set(local(shown)["missing_reason"]) == {"too_few"}


def test_a_city_that_states_nothing_else_still_lends_strength(tmp_path: Path, trust: Indicator) -> None:
    plain = make_widetown(tmp_path, size=SIZE)
    bare = make_widetown(tmp_path, size=SIZE, covariates=plain.covariates.clear(), adjacency=plain.adjacency.clear())
    areas = Areas.of(bare)
    assert areas.design.shape == (SIZE, 1)
    assert areas.proximity is None
    assert borrow(direct_cells(bare, trust, counts=counts()), city=bare, indicators=[trust]).height == SIZE


def test_a_covariate_with_gaps_is_left_out(tmp_path: Path) -> None:
    plain = make_widetown(tmp_path, size=SIZE)
    gap = plain.covariates.with_columns(pl.lit("patchy").alias("covariate")).head(3)
    town = make_widetown(tmp_path, size=SIZE, covariates=pl.concat([plain.covariates, gap]))
    assert covariates(town).equals(covariates(plain))


def test_neighbours_count_each_alike(town: City) -> None:
    proximity = Areas.of(town).proximity
    assert proximity is not None
    assert proximity.sum(axis=1) == pytest.approx(np.ones(SIZE))
    assert (np.count_nonzero(proximity, axis=1) == 2).all()
