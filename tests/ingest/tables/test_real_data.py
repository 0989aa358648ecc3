"""Real files, read where they lie: what came of them is what an independent count of the raw rows says."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from barometer.ingest.source import DocumentParser
from barometer.ingest.tables.answers import Answers
from barometer.ingest.tables.observations import Observations
from barometer.settings import PROJECT
from tests.ingest.tables.desk import Whole, a_context, require_account, together

IN_CONFIGS = PROJECT / "configs" / "cities" / "testville"
SAN_FRANCISCO = "America/Los_Angeles"
RESPONDENTS_GSS_2006 = 4812
RESPONDENTS_ESS7_SPAIN = 1925
STATIONARY_SF, STATIONARY_SF_PERSONS = 10_725, 16_018
MOVEMENT_SF, MOVEMENT_SF_SET_ASIDE = 2135, 1


def raw(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [{name.strip(): cell for name, cell in row.items()} for row in csv.DictReader(file)]


def read(path: Path, parser: DocumentParser, signal: str, **options: Any) -> Whole:
    context = a_context(signal, folder=IN_CONFIGS, file=f"{signal}/{path.name}", **options)
    with path.open("rb") as file:
        whole = together(parser.parse_document(file, context))
    require_account(whole)
    return whole


def values(whole: Whole, item: str) -> Counter[float]:
    rows = whole.rows["answers"].filter(pl.col("item") == item).drop_nulls("value")
    return Counter(rows["value"].to_list())


def categories(whole: Whole, group: str) -> Counter[str]:
    rows = whole.rows["answers"].filter(pl.col("item") == f"group.{group}").drop_nulls("category")
    return Counter(rows["category"].to_list())


@pytest.fixture(scope="module")
def gss_path(shared_data: Path) -> Path:
    return shared_data / "surveys" / "gss_trust_panels" / "gss_panel06_long_trust.csv"


@pytest.fixture(scope="module")
def gss(gss_path: Path) -> Whole:
    return read(gss_path, Answers(), "answers", codebook="gss_panel")


class TestGssPanelOf2006:
    def test_every_interview_is_a_respondent_and_every_other_row_out_of_scope(self, gss: Whole, gss_path: Path) -> None:
        rows = raw(gss_path)
        interviews = [row for row in rows if row["year"]]
        assert (gss.read, gss.out_of_scope) == (len(rows), len(rows) - len(interviews))
        assert gss.rows["respondents"].height == len(interviews) == RESPONDENTS_GSS_2006
        assert not gss.rejected

    def test_people_waves_and_units_are_those_of_the_file(self, gss: Whole, gss_path: Path) -> None:
        interviews = [row for row in raw(gss_path) if row["year"]]
        found = gss.rows["respondents"]
        assert found["respondent"].n_unique() == len({row["firstid"] for row in interviews})
        assert Counter(found["wave"].to_list()) == Counter(row["year"] for row in interviews)
        assert found["cluster"].n_unique() == len({(row["vstrat"], row["vpsu"]) for row in interviews})
        assert found["stratum"].n_unique() == len({row["vstrat"] for row in interviews})

    def test_weights_are_those_of_the_file_or_one(self, gss: Whole, gss_path: Path) -> None:
        weights = [float(row["wtpan12"] or 1) for row in raw(gss_path) if row["year"]]
        assert gss.rows["respondents"]["weight"].sum() == pytest.approx(sum(weights))

    @pytest.mark.parametrize(
        ("item", "column", "yes"),
        [
            ("trust_generalised_two_way", "trust", "can Trust"),
            ("people_fair", "fair", "Fair"),
            ("people_helpful", "helpful", "Helpful"),
        ],
    )
    def test_answers_of_two_ways(self, gss: Whole, gss_path: Path, item: str, column: str, yes: str) -> None:
        given = [row[column] for row in raw(gss_path) if row["year"] and row[column]]
        assert values(gss, item) == {1.0: given.count(yes), 0.0: len(given) - given.count(yes)}

    def test_answers_of_three_ways(self, gss: Whole, gss_path: Path) -> None:
        given = Counter(row["confed"] for row in raw(gss_path) if row["year"] and row["confed"])
        wanted = {1.0: given["Hardly any"], 2.0: given["Only some"], 3.0: given["a Great Deal"]}
        assert values(gss, "confidence_federal_government") == wanted

    def test_groups(self, gss: Whole, gss_path: Path) -> None:
        rows = [row for row in raw(gss_path) if row["year"]]
        assert categories(gss, "sex") == Counter(row["sex"].lower() for row in rows if row["sex"])
        young = sum(18 <= int(row["age"]) <= 24 for row in rows if row["age"].isdigit())
        assert categories(gss, "age_band")["18-24"] == young

    def test_every_item_was_asked_of_everybody_or_says_why_not(self, gss: Whole) -> None:
        counted = gss.rows["answers"]["item"].value_counts()
        assert set(counted["count"]) == {RESPONDENTS_GSS_2006}

    @pytest.mark.parametrize("panel", ["08", "10"])
    def test_the_other_panels_need_no_other_codebook(self, shared_data: Path, panel: str) -> None:
        path = shared_data / "surveys" / "gss_trust_panels" / f"gss_panel{panel}_long_trust.csv"
        whole = read(path, Answers(), "answers", codebook="gss_panel")
        assert whole.rows["respondents"].height == sum(bool(row["year"]) for row in raw(path))
        assert not whole.rejected

    def test_a_missing_column_is_one_clear_line(self, gss_path: Path, tmp_path: Path) -> None:
        rows = list(csv.reader(gss_path.read_text("utf-8").splitlines()))
        at = rows[0].index("trust")
        broken = tmp_path / "broken.csv"
        with broken.open("w", newline="") as file:
            csv.writer(file).writerows([*row[:at], *row[at + 1 :]] for row in rows)
        with pytest.raises(Exception, match=r"column missing: trust \(the file has: firstid, .*") as refusal:
            read(broken, Answers(), "answers", codebook="gss_panel")
        assert "\n" not in str(refusal.value)


@pytest.fixture(scope="module")
def ess_path(shared_data: Path) -> Path:
    return shared_data / "surveys" / "cosme_ess7es" / "ess7es.csv"


@pytest.fixture(scope="module")
def ess(ess_path: Path) -> Whole:
    return read(ess_path, Answers(), "answers", codebook="ess7_spain")


class TestEss7Spain:
    def test_every_row_is_a_respondent(self, ess: Whole, ess_path: Path) -> None:
        assert ess.rows["respondents"].height == len(raw(ess_path)) == RESPONDENTS_ESS7_SPAIN
        assert not ess.rejected

    def test_weights_are_one_over_the_probability(self, ess: Whole, ess_path: Path) -> None:
        wanted = sum(1 / float(row["prob"]) for row in raw(ess_path))
        assert ess.rows["respondents"]["weight"].sum() == pytest.approx(wanted)

    def test_units_are_those_of_the_file(self, ess: Whole, ess_path: Path) -> None:
        rows, found = raw(ess_path), ess.rows["respondents"]
        assert found["cluster"].n_unique() == len({row["psu"] for row in rows})
        assert found["stratum"].n_unique() == len({row["stratum"] for row in rows})

    @pytest.mark.parametrize(
        ("item", "column"), [("trust_generalised_0_10", "ppltrst"), ("trust_parliament", "trstprl")]
    )
    def test_answers_from_0_to_10(self, ess: Whole, ess_path: Path, item: str, column: str) -> None:
        given = [float(row[column]) for row in raw(ess_path) if row[column]]
        assert values(ess, item) == Counter(given)
        missing = ess.rows["answers"].filter(pl.col("item") == item)["missing_code"].drop_nulls()
        assert missing.to_list() == ["no_answer"] * (RESPONDENTS_ESS7_SPAIN - len(given))


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "formats" / "public_life_sf"


class TestSanFrancisco:
    def test_stationary_counts(self, folder: Path) -> None:
        path = folder / "Civic Center SF - stationary - stae - transform-v1.csv"
        rows = raw(path)
        frame = read(path, Observations(), "observations", timezone=SAN_FRANCISCO).rows["observations"]
        assert frame.height == len(rows) == STATIONARY_SF
        assert frame["persons"].sum() == sum(persons(row) for row in rows) == STATIONARY_SF_PERSONS
        windows = {(row["name"], row["startedAt"], row["endedAt"]) for row in rows}
        assert frame["session"].n_unique() == len(windows)
        assert frame.filter(pl.col("activities").list.contains("sleep")).height == sum(
            int(row["activitySleep"] or 0) > 0 for row in rows
        )
        assert frame["is_staying"].all()

    def test_movement_counts_and_the_one_row_that_is_no_time(self, folder: Path) -> None:
        path = folder / "Civic Center SF - movement counts_stae-transform-v1.csv"
        rows = raw(path)
        wrong = [number for number, row in enumerate(rows, start=2) if "/" not in row["startedAt"]]
        whole = read(path, Observations(), "observations", timezone=SAN_FRANCISCO)
        assert whole.rows["observations"].height == len(rows) - len(wrong) == MOVEMENT_SF
        assert [one.position.rpartition(":")[2] for one in whole.rejected] == [str(line) for line in wrong]
        assert whole.rules == ["invalid_date"] * MOVEMENT_SF_SET_ASIDE

    def test_times_are_san_franciscos(self, folder: Path) -> None:
        path = folder / "ped-only-Civic Center SF - movement counts_stae-transform-v1.csv"
        frame = read(path, Observations(), "observations", timezone=SAN_FRANCISCO).rows["observations"]
        local = frame["started_at"].dt.convert_time_zone(SAN_FRANCISCO).dt.strftime("%m/%d/%y %I:%M %p")
        assert Counter(local.to_list()) == Counter(row["startedAt"] for row in raw(path))

    def test_counters_without_ends_need_a_stated_window(self, folder: Path) -> None:
        path = folder / "sample-people-counts-pc.csv"
        frame = read(path, Observations(), "observations", window_minutes=1).rows["observations"]
        assert frame["persons"].sum() == sum(int(row["modePedestrian"]) for row in raw(path))
        assert frame["observer"].n_unique() == len({row["surveyor"] for row in raw(path)})


def persons(row: dict[str, str]) -> int:
    """The largest of what postures, genders and ages add up to, and of any one activity."""
    counts = {
        name: int(cell or 0) for name, cell in row.items() if name.startswith(("posture", "gender", "age", "act"))
    }
    families = ("posture", "gender", "age")
    sums = [sum(count for name, count in counts.items() if name.startswith(family)) for family in families]
    return max(*sums, *(count for name, count in counts.items() if name.startswith("activity")))
