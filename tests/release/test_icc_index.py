"""The Index as data: read, compared, followed over the years; real and invented cities never meet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from barometer.city import City, load_city
from barometer.city_files import ICC_INDICES, ICC_LENS
from barometer.errors import BadConfiguration
from barometer.release.icc_index import (
    ANSWERS,
    LARGER_FROM_PERSONS,
    SCORE_SCHEMA,
    beside_others,
    comparable,
    facts_and_figures,
    index_scores,
    newest,
    progress,
)
from barometer.settings import PROJECT

CONFIGS = PROJECT / "configs"


@pytest.fixture(scope="module")
def sample() -> City:
    return load_city("sample", CONFIGS)


@pytest.fixture(scope="module")
def scores(sample: City) -> pl.DataFrame:
    return index_scores(sample, CONFIGS)


def a_set(root: Path, **files: str) -> Path:
    """Configs with one set of synthetic cities: `cities` and what else is given, as CSV."""
    folder = root / "icc" / "synthetic"
    folder.mkdir(parents=True)
    cities = (
        "city,name,country,population,foreign_born_percent,source\n"
        "small,Small,XA,199999,14.9,made\n"
        "large,Large,XB,200000,15,made\n"
        "quiet,Quiet,XA,50000,,made\n"
    )
    for name, text in ({"cities": cities} | files).items():
        (folder / f"{name}.csv").write_text(text)
    return root


SCORES = "city,year,index,sub_index,kind,score,source\n"
QUESTIONS = "question,index,sub_index,kind,points,text,is_shown\n"
GIVEN = "city,year,question,answer,source\n"


def test_the_sample_has_its_own_scores_and_sixteen_other_cities(scores: pl.DataFrame) -> None:
    assert scores.schema == SCORE_SCHEMA
    assert scores.filter("is_own")["city"].unique().to_list() == ["sample"]
    assert scores.filter(~pl.col("is_own"))["city"].n_unique() == 16
    assert scores["score"].is_between(0, 100).all()


def test_every_other_city_of_the_sample_says_that_it_is_synthetic(scores: pl.DataFrame) -> None:
    others = scores.filter(~pl.col("is_own"))
    assert others["name"].str.contains("(synthetic)", literal=True).all()
    assert others["source"].str.contains("no real city").all()


@pytest.mark.parametrize("city", ["bradford", "stockholm"])
def test_no_score_is_shipped_for_a_real_city_nor_is_it_set_beside_invented_ones(city: str) -> None:
    assert index_scores(load_city(city, CONFIGS), CONFIGS).is_empty()


def test_every_index_and_field_of_each_year_is_there_in_both_kinds(scores: pl.DataFrame) -> None:
    per_year = scores.group_by("city", "year", "kind").len()
    assert per_year["len"].unique().to_list() == [len(ICC_INDICES) + len(ICC_LENS)]
    assert scores.filter("is_own")["year"].unique().sort().to_list() == [2020, 2023, 2026]


def test_only_the_newest_year_is_compared(scores: pl.DataFrame) -> None:
    now = newest(scores)
    assert now.filter("is_own")["year"].unique().to_list() == [2026]
    assert now.filter(~pl.col("is_own"))["year"].unique().to_list() == [2025]


@pytest.mark.parametrize(
    ("asked", "cities"),
    [
        ({}, {"small", "large", "quiet"}),
        ({"size": "smaller"}, {"small", "quiet"}),
        ({"size": "larger"}, {"large"}),
        ({"diversity": "less"}, {"small"}),
        ({"diversity": "more"}, {"large"}),
        ({"country": "XA"}, {"small", "quiet"}),
        ({"size": "smaller", "country": "XB"}, set()),
    ],
)
def test_cities_are_filtered_at_the_programmes_limits(
    tmp_path: Path, sample: City, asked: dict[str, str], cities: set[str]
) -> None:
    rows = "".join(f"{city},2024,language,,core,50,made\n" for city in ("small", "large", "quiet"))
    scores = index_scores(sample, a_set(tmp_path, scores=SCORES + rows))
    assert set(comparable(scores, **asked)["city"]) == cities
    assert LARGER_FROM_PERSONS == 200_000


@pytest.mark.parametrize("asked", [{"size": "huge"}, {"diversity": "some"}])
def test_another_word_for_size_or_diversity_is_refused(scores: pl.DataFrame, asked: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is neither"):
        comparable(scores, **asked)


def test_the_citys_score_stands_beside_the_spread_of_the_others(tmp_path: Path, sample: City) -> None:
    given = zip(("small", "large", "quiet"), (10, 20, 60), strict=True)
    rows = "".join(f"{city},2024,language,,core,{score},made\n" for city, score in given)
    scores = index_scores(sample, a_set(tmp_path, scores=SCORES + rows))
    beside = beside_others(scores, comparable(scores))
    language = beside.row(by_predicate=pl.col("index") == "language", named=True)
    assert (language["score"], language["cities"]) == (65.0, 3)
    assert (language["lowest"], language["median"], language["highest"]) == (10.0, 20.0, 60.0)
    assert (language["lower_quartile"], language["upper_quartile"]) == (15.0, 40.0)
    commitment = beside.row(by_predicate=pl.col("index") == "commitment", named=True)
    assert (commitment["cities"], commitment["median"]) == (0, None)


def test_indices_come_in_the_programmes_order(scores: pl.DataFrame) -> None:
    beside = beside_others(scores, comparable(scores))
    assert beside.filter(pl.col("sub_index").is_null())["index"].to_list() == list(ICC_INDICES)
    assert beside.filter(pl.col("sub_index").is_not_null())["sub_index"].to_list() == list(ICC_LENS)


def test_progress_is_counted_from_the_first_year(scores: pl.DataFrame) -> None:
    commitment = progress(scores).filter(pl.col("index") == "commitment")
    assert commitment["year"].to_list() == [2020, 2023, 2026]
    first = commitment["score"][0]
    assert commitment["since_first"].to_list() == [score - first for score in commitment["score"]]


def test_a_score_is_the_share_of_points_that_answers_earn(tmp_path: Path, sample: City) -> None:
    questions = QUESTIONS + (
        "has_plan,commitment,,core,30,Is there a plan?,yes\nhas_money,commitment,,core,10,Is it paid for?,yes\n"
        "has_team,commitment,,extended,40,Is there a team?,no\n"
    )
    given = GIVEN + (
        "small,2024,has_plan,yes,made\nsmall,2024,has_money,no,made\nsmall,2024,has_team,partly,made\n"
        "large,2024,has_plan,partly,made\n"
    )
    worked = index_scores(sample, a_set(tmp_path, questions=questions, answers=given)).filter(
        pl.col("basis") == "answers"
    )
    found = {(row["city"], row["kind"]): row["score"] for row in worked.iter_rows(named=True)}
    assert found[("small", "core")] == pytest.approx(75.0)
    assert found[("small", "extended")] == pytest.approx(100 * (30 + 20) / 80)
    assert found[("large", "core")] == pytest.approx(50.0)


def test_a_final_score_goes_before_one_worked_out(tmp_path: Path, sample: City) -> None:
    files = {
        "questions": QUESTIONS + "has_plan,commitment,,core,30,Is there a plan?,yes\n",
        "answers": GIVEN + "small,2024,has_plan,yes,made\n",
        "scores": SCORES + "small,2024,commitment,,core,55,made\n",
    }
    rows = index_scores(sample, a_set(tmp_path, **files)).filter(pl.col("city") == "small", pl.col("kind") == "core")
    assert rows.select("score", "basis").rows() == [(55.0, "final")]


@given(answers=st.lists(st.sampled_from(sorted(ANSWERS)), min_size=1, max_size=8), data=st.data())
def test_a_score_from_answers_lies_between_0_and_100_and_never_falls_with_a_better_answer(
    tmp_path_factory: pytest.TempPathFactory, sample: City, answers: list[str], data: st.DataObject
) -> None:
    points = data.draw(st.lists(st.integers(1, 50), min_size=len(answers), max_size=len(answers)))
    better = data.draw(st.integers(0, len(answers) - 1))

    def score(of: list[str]) -> float:
        asked = "".join(f"q{i},language,,core,{p},Text?,yes\n" for i, p in enumerate(points))
        told = "".join(f"small,2024,q{i},{a},made\n" for i, a in enumerate(of))
        root = a_set(tmp_path_factory.mktemp("icc"), questions=QUESTIONS + asked, answers=GIVEN + told)
        rows = index_scores(sample, root).filter(pl.col("city") == "small", pl.col("kind") == "core")
        return float(rows["score"][0])

    before = score(answers)
    after = score([*answers[:better], "yes", *answers[better + 1 :]])
    assert 0 <= before <= after <= 100


def test_facts_and_figures_are_shares_of_the_cities_that_answered(tmp_path: Path, sample: City) -> None:
    files = {
        "questions": QUESTIONS
        + "has_plan,commitment,,core,1,Is there a plan?,yes\nhidden,language,,core,1,Hidden?,no\n",
        "answers": GIVEN
        + "small,2020,has_plan,no,made\nsmall,2024,has_plan,yes,made\n"
        + "large,2024,has_plan,no,made\nlarge,2024,hidden,no,made\n",
    }
    facts = facts_and_figures(sample, a_set(tmp_path, **files))
    assert facts.select("question", "answer", "cities", "asked", "share").rows() == [
        ("has_plan", "yes", 1, 2, 0.5),
        ("has_plan", "no", 1, 2, 0.5),
    ]


def test_every_mistake_of_a_set_is_named_with_its_row(tmp_path: Path, sample: City) -> None:
    rows = "small,2024,language,,core,101,made\nnowhere,2024,language,,core,50,made\nlarge,2024,manners,,core,50,made\n"
    rows += "large,2024,language,education,core,50,made\n"
    with pytest.raises(BadConfiguration) as refused:
        index_scores(sample, a_set(tmp_path, scores=SCORES + rows))
    said = str(refused.value)
    assert "row 2 ('101'): is above 100" in said
    assert "nowhere is not declared" in said
    assert "column index, row 4 ('manners'): is not allowed" in said
    assert "column sub_index: is given outside intercultural_lens" in said


def test_a_city_may_not_enter_one_year_twice(tmp_path: Path, sample: City) -> None:
    entered = yaml.safe_load((CONFIGS / "cities" / "sample" / "icc_index.yaml").read_text())
    entered["earlier"][0]["year"] = entered["year"]
    path = tmp_path / "icc_index.yaml"
    path.write_text(yaml.safe_dump(entered))
    with pytest.raises(BadConfiguration, match="scores of one year twice"):
        index_scores(replace(sample, icc_index=path), CONFIGS)


def test_the_synthetic_set_is_what_its_script_writes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import runpy

    script = runpy.run_path(str(CONFIGS / "icc" / "build_synthetic.py"))
    monkeypatch.setitem(script["main"].__globals__, "FOLDER", tmp_path)
    script["main"]()
    for path in sorted((CONFIGS / "icc" / "synthetic").glob("*.csv")):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
