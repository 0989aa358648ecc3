"""The whole index against the numbers COINr prints for the ASEM data (../shared/data/methods/coinr_asem/reference)."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from barometer.estimate.composite import CompositeResult, composite_index
from tests.estimate.composite.asem import Table, as_built, as_in_overview, printed, read

PRINTED_DIGITS = 0.005 + 1e-9


@pytest.fixture(scope="module")
def built(shared_data: Path) -> CompositeResult:
    values = read(shared_data)
    groups = dict(zip(values["unit"], values["EurAsia_group"], strict=True))
    return composite_index(values, as_built(shared_data), denominators=values, unit_groups=groups, samples=64)


@pytest.fixture(scope="module")
def overview(shared_data: Path) -> CompositeResult:
    values = read(shared_data)
    return composite_index(values, as_in_overview(shared_data), denominators=values, samples=16)


def _score(result: CompositeResult, unit: str, part: str) -> float:
    return float(result.scores.filter(unit=unit, part=part)["score"].item())


def _rank(result: CompositeResult, unit: str, part: str) -> int:
    return int(result.scores.filter(unit=unit, part=part)["rank"].item())


def _compared(result: CompositeResult, table: Table) -> int:
    """Compare every printed score (two decimals); the number of scores compared."""
    compared = 0
    for unit, scores in table.items():
        for part, score in scores.items():
            ours = _rank(result, unit, "Index") if part == "Rank" else _score(result, unit, part)
            assert ours == pytest.approx(score, abs=PRINTED_DIGITS), f"{part} of {unit}"
            compared += 1
    return compared


@pytest.mark.parametrize(
    ("unit", "score"), [("CHE", 68.38), ("NLD", 64.82), ("DNK", 64.80), ("NOR", 64.47), ("BEL", 63.54)]
)
def test_the_index_of_the_first_five(built: CompositeResult, unit: str, score: float) -> None:
    assert _score(built, unit, "Index") == pytest.approx(score, abs=PRINTED_DIGITS)


def test_every_printed_index_sub_index_and_pillar(built: CompositeResult, shared_data: Path) -> None:
    table = printed(shared_data, "results.output.txt")
    assert list(table) == ["CHE", "NLD", "DNK", "NOR", "BEL", "SWE"]
    assert _compared(built, table) == 6 * 12


def test_every_printed_score_where_gaps_are_left_out(overview: CompositeResult, shared_data: Path) -> None:
    table = printed(shared_data, "overview.output.txt")
    assert list(table) == ["CHE", "DNK", "NLD", "NOR", "BEL", "SWE"]
    assert _compared(overview, table) == 6 * 12


def test_the_five_countries_screened_out(overview: CompositeResult) -> None:
    dropped = overview.screened.filter(kind="unit", is_kept=False)["id"]
    assert dropped.to_list() == ["BGD", "BRN", "KHM", "LAO", "MMR"]
    missing = overview.scores.filter(pl.col("unit").is_in(dropped.to_list()))
    assert missing["score"].is_null().all()
    assert missing["missing_reason"].unique().to_list() == ["too_few"]


@pytest.mark.parametrize(
    ("part", "score", "rank"),
    [
        ("Index", 39.79, 45),
        ("Conn", 28.60, 44),
        ("Sust", 50.99, 43),
        ("Physical", 18.78, 48),
        ("ConEcFin", 6.38, 49),
        ("Political", 51.90, 33),
        ("Instit", 59.84, 37),
        ("P2P", 6.07, 47),
        ("Environ", 75.34, 6),
        ("Social", 22.74, 51),
        ("SusEcFin", 54.88, 36),
    ],
)
def test_the_summary_of_india(built: CompositeResult, part: str, score: float, rank: int) -> None:
    assert _score(built, "IND", part) == pytest.approx(score, abs=PRINTED_DIGITS)
    assert _rank(built, "IND", part) == rank


@pytest.mark.parametrize(
    ("unit", "part", "score"),
    [
        ("AUS", "ConEcFin", 12.6),
        ("AUS", "P2P", 39.5),
        ("AUS", "Index", 45.8),
        ("AUT", "Environ", 69.5),
        ("AUT", "Index", 61.9),
        ("BEL", "Conn", 64.0),
        ("BGD", "P2P", 5.85),
        ("BGD", "Index", 39.0),
        ("BGR", "Sust", 56.9),
        ("BGR", "Index", 50.8),
    ],
)
def test_countries_further_down_the_list(built: CompositeResult, unit: str, part: str, score: float) -> None:
    """Printed with three significant digits."""
    assert _score(built, unit, part) == pytest.approx(score, abs=0.05 + 1e-9)


def test_levels_are_pillar_sub_index_index(built: CompositeResult) -> None:
    levels = dict(built.scores.select("part", "level").unique().iter_rows())
    assert (levels["P2P"], levels["Conn"], levels["Index"]) == (2, 3, 4)
    assert len(levels) == 8 + 2 + 1


def test_every_score_has_an_error_and_intervals_that_hold_it(built: CompositeResult) -> None:
    rows = built.scores
    assert rows.height == 51 * 11
    assert (rows["standard_error"] > 0).all()
    assert rows.select((pl.col("lower") <= pl.col("score")) & (pl.col("score") <= pl.col("upper"))).to_series().all()
    inside = (pl.col("rank_lower") <= pl.col("rank")) & (pl.col("rank") <= pl.col("rank_upper"))
    assert rows.select(inside).to_series().all()


def test_switzerland_leads_however_the_index_is_made(built: CompositeResult) -> None:
    first = built.index.row(0, named=True)
    assert first["unit"] == "CHE"
    assert first["rank_upper"] <= 2


def test_aggregation_moves_ranks_more_than_weights_do(built: CompositeResult) -> None:
    """As COINr's own sensitivity analysis of these data finds: the method of aggregation matters most."""
    total = dict(built.sensitivity.select("assumption", "total").iter_rows())
    assert max(total, key=total.__getitem__) == "aggregation"


def test_imputed_values_count_as_imputed_and_bring_an_error(built: CompositeResult, overview: CompositeResult) -> None:
    known = overview.screened.filter(kind="unit", id="LAO")["availability"].item()
    row = built.scores.filter(unit="LAO", part="Index").row(0, named=True)
    assert row["n_parts"] == round(49 * known) == 39
    assert row["n_imputed"] == 10
    assert row["sampling_error"] > built.scores.filter(unit="CHE", part="Index")["sampling_error"].item() == 0


def test_what_was_treated(built: CompositeResult) -> None:
    treated = dict(built.treatments.filter(pl.col("kind") != "none").select("part", "winsorised").iter_rows())
    assert set(treated) >= {"Flights", "Bord", "Gas", "Services", "FDI", "ForPort", "CostImpEx"}
    assert "TIRcon" not in treated
    assert max(treated.values()) <= 5
