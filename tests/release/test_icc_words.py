"""What is said of the Index: from scores alone, and beside trust without a claim of cause."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.city import load_city
from barometer.errors import BadConfiguration
from barometer.indicators import load_indicators
from barometer.release.icc_index import beside_others, comparable, index_scores, progress
from barometer.release.icc_words import (
    NO_CAUSE,
    NOTABLE_POINTS,
    beside_trust,
    findings,
    progress_in_words,
    read_beside,
    title,
)
from barometer.settings import PROJECT

CONFIGS = PROJECT / "configs"
KNOWN = frozenset(load_indicators(CONFIGS).by_id)


def beside(*rows: tuple[str, float, int, float | None]) -> pl.DataFrame:
    """Rows of `beside_others`: index, score, cities, median; the others all alike."""
    schema = {"index": pl.String, "score": pl.Float64, "cities": pl.Int64, "median": pl.Float64}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    same = pl.col("median")
    return frame.with_columns(
        lower_quartile=same, upper_quartile=same, sub_index=pl.lit(None, pl.String), year=pl.lit(2025, pl.Int64)
    )


@pytest.mark.parametrize(("score", "count"), [(59.9, 0), (60.0, 1), (40.0, 1), (40.1, 0)])
def test_ten_points_from_the_others_make_a_finding(score: float, count: int) -> None:
    assert NOTABLE_POINTS == 10
    assert len(findings(beside(("language", score, 3, 50.0)))) == count


def test_strengths_come_first_and_the_most_telling_first() -> None:
    found = findings(
        beside(
            ("language", 70, 5, 50), ("interaction", 10, 5, 50), ("commitment", 90, 5, 50), ("participation", 35, 5, 50)
        )
    )
    assert [each.index for each in found] == ["commitment", "language", "interaction", "participation"]
    assert [each.is_strength for each in found] == [True, True, False, False]
    assert found[0].words == "Commitment: 90, 40 points above the middle of 5 other cities."


@pytest.mark.parametrize(("upper", "count"), [(65.0, 0), (64.9, 1)])
def test_a_score_inside_the_others_middle_half_is_no_strength(upper: float, count: int) -> None:
    rows = beside(("language", 65.0, 9, 50.0)).with_columns(upper_quartile=pl.lit(upper))
    assert len(findings(rows)) == count


def test_with_too_few_other_cities_a_score_is_held_against_the_citys_own() -> None:
    found = findings(beside(("language", 80, 2, 10), ("interaction", 50, 0, None), ("commitment", 50, 2, 90)))
    assert [each.words for each in found] == ["Language: 80, 30 points above the middle of the city's own scores."]


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=12))
def test_no_finding_contradicts_its_scores(pairs: list[tuple[float, float]]) -> None:
    from barometer.city_files import ICC_INDICES

    rows = [(ICC_INDICES[i], score, 8, median) for i, (score, median) in enumerate(pairs)]
    scores = {row[0]: row for row in rows}
    for found in findings(beside(*rows)):
        _, score, _, median = scores[found.index]
        assert found.is_strength == (score > median)
        assert abs(score - median) >= NOTABLE_POINTS


def test_names_are_the_programmes() -> None:
    assert title("intercultural_lens", None) == "Intercultural lens"
    assert title("intercultural_lens", "public_space") == "Public space"


def test_progress_is_told_in_one_sentence() -> None:
    city = load_city("sample", CONFIGS)
    told = progress_in_words(progress(index_scores(city, CONFIGS)))
    assert told == "Between 2020 and 2026, 10 of 12 indices rose, 1 fell and 1 stayed as they were."


def test_one_year_is_no_progress() -> None:
    city = load_city("sample", CONFIGS)
    one = index_scores(city, CONFIGS).filter(pl.col("year") == 2026)
    assert progress_in_words(progress(one)) == ""


def test_the_shipped_lines_name_indices_and_indicators_that_there_are() -> None:
    lines = read_beside(CONFIGS, KNOWN)
    assert len(lines) >= 6
    assert all(" " in line.because and line.because.endswith(".") for line in lines)


def test_without_a_file_nothing_stands_beside(tmp_path: Path) -> None:
    assert read_beside(tmp_path, KNOWN) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {index: manners, indicators: [trust_police], because: x}", "is none of the twelve indices"),
        ("- {index: language, indicators: [happiness], because: x}", "happiness are not in indicators.yaml"),
        ("- {index: language, indicators: [], because: x}", "at least 1 item"),
        ("- [unclosed", "cannot be read"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "icc").mkdir()
    (tmp_path / "icc" / "beside_trust.yaml").write_text(text)
    with pytest.raises(BadConfiguration, match=said):
        read_beside(tmp_path, KNOWN)


def test_only_what_has_both_a_score_and_a_figure_stands_side_by_side() -> None:
    city = load_city("sample", CONFIGS)
    scores = index_scores(city, CONFIGS)
    values = pl.DataFrame(
        {
            "indicator": ["trust_council", "trust_health"],
            "value": [0.5, None],
            "lower": [0.45, None],
            "upper": [0.55, None],
        }
    )
    shown = beside_trust(read_beside(CONFIGS, KNOWN), beside_others(scores, comparable(scores)), values)
    assert shown["index"].to_list() == ["participation", "leadership_and_citizenship"]
    assert shown["indicator"].unique().to_list() == ["trust_council"]
    assert shown["score"].to_list() == [90.0, 45.0]


def test_the_panel_claims_no_cause() -> None:
    assert "cannot tell cause" in NO_CAUSE
