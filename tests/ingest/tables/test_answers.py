"""Survey files become respondents and answers exactly as the codebook says, and nothing is lost on the way."""

from __future__ import annotations

import csv
import io
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadConfiguration
from barometer.ingest.source import UnusableFile
from barometer.ingest.tables import cells
from barometer.ingest.tables.answers import Answers
from tests.ingest.tables.desk import OpenDoor, Whole, a_context, lines, parse

POLICE = {"column": "police", "question": "Trust in the police?", "scale": {"minimum": 0, "maximum": 10}}
CODEBOOK: dict[str, Any] = {
    "title": "A survey",
    "source": "invented",
    "respondent": "id",
    "wave": {"column": "wave"},
    "date": {"column": "day"},
    "area": {"column": "where"},
    "weight": {"column": "w"},
    "missing": {"": "not_asked", "88": "dont_know", "99": "refused"},
    "items": {"trust_police": POLICE},
    "groups": {"tenure": {"column": "home", "coding": {"own": "owner", "rent": "tenant"}}},
}
HEADER = "id,wave,day,where,w,police,home"
GOOD = "7,1,2026-03-02,Northgate,1.5,6,own"


def survey(folder: Path, *rows: str, header: str = HEADER, **changes: Any) -> Whole:
    """A file of `rows` read with the codebook above, in which `changes` replace whole entries (None: taken out)."""
    return parse(Answers(), lines(header, *rows), context(folder, **changes))


def context(folder: Path, **changes: Any) -> Any:
    book = {name: entry for name, entry in (CODEBOOK | changes).items() if entry is not None}
    (folder / "codebooks").mkdir(exist_ok=True)
    (folder / "codebooks" / "survey.yaml").write_text(yaml.safe_dump(book), "utf-8")
    return a_context("answers", folder=folder, codebook="survey")


def answers(whole: Whole, item: str) -> list[tuple[Any, ...]]:
    rows = whole.rows["answers"].filter(pl.col("item") == item)
    return rows.select("value", "category", "missing_code").rows()


class TestAGoodRow:
    def test_it_is_one_respondent(self, tmp_path: Path) -> None:
        whole = survey(tmp_path, GOOD)
        door = OpenDoor()
        assert whole.first("respondents") == {
            "response": door.pseudonym("record", "a_source:1/7"),
            "respondent": door.pseudonym("respondent", "a_source:7"),
            "wave": "1",
            "answered_at": datetime(2026, 3, 2, 12, tzinfo=UTC),
            "area": "T1",
            "weight": 1.5,
            "cluster": None,
            "stratum": None,
            "position": "inbox/file.csv:2",
        }

    def test_it_is_one_answer_an_item_tied_to_its_respondent(self, tmp_path: Path) -> None:
        whole = survey(tmp_path, GOOD)
        assert answers(whole, "trust_police") == [(6.0, None, None)]
        assert answers(whole, "group.tenure") == [(None, "owner", None)]
        assert set(whole.rows["answers"]["response"]) == set(whole.rows["respondents"]["response"])
        assert set(whole.rows["answers"]["position"]) == {"inbox/file.csv:2"}

    def test_one_person_in_two_waves_is_two_responses(self, tmp_path: Path) -> None:
        rows = survey(tmp_path, GOOD, GOOD.replace("7,1,", "7,2,")).rows["respondents"]
        assert rows["respondent"].n_unique() == 1
        assert rows["response"].n_unique() == 2

    def test_numbers_written_by_statistics_packages_are_the_same(self, tmp_path: Path) -> None:
        plain, floated = survey(tmp_path, GOOD), survey(tmp_path, "7.0,1.0,2026-03-02,Northgate,1.5,6.0,OWN")
        for table in ("respondents", "answers"):
            assert plain.rows[table].equals(floated.rows[table])


class TestAnswersThatAreNone:
    @pytest.mark.parametrize(
        ("cell", "code"), [("", "not_asked"), ("88", "dont_know"), ("99.0", "refused"), (" 99 ", "refused")]
    )
    def test_missing_codes_say_why(self, tmp_path: Path, cell: str, code: str) -> None:
        whole = survey(tmp_path, f"7,1,2026-03-02,T1,1,{cell},own")
        assert answers(whole, "trust_police") == [(None, None, code)]

    def test_a_missing_code_on_the_scale_is_still_no_answer(self, tmp_path: Path) -> None:
        whole = survey(tmp_path, GOOD, items={"trust_police": POLICE | {"missing": {"6": "refused"}}})
        assert answers(whole, "trust_police") == [(None, None, "refused")]

    def test_a_missing_code_is_no_category_either(self, tmp_path: Path) -> None:
        group = {"tenure": {"column": "home", "missing": {"own": "no_answer"}}}
        assert answers(survey(tmp_path, GOOD, groups=group), "group.tenure") == [(None, None, "no_answer")]

    @pytest.mark.parametrize("cell", ["11", "-1", "six", "nan", "inf"])
    def test_an_answer_the_codebook_does_not_know_sets_the_row_aside(self, tmp_path: Path, cell: str) -> None:
        whole = survey(tmp_path, f"7,1,2026-03-02,T1,1,{cell},own", GOOD.replace("7,", "8,", 1))
        assert [(one.rule, one.field) for one in whole.rejected] == [("unknown_answer", "police")]
        assert whole.rejected[0].author == OpenDoor().pseudonym("respondent", "a_source:7")
        assert whole.rows["respondents"].height == 1
        assert cell not in whole.rejected[0].reason

    def test_an_unknown_category_sets_the_row_aside(self, tmp_path: Path) -> None:
        whole = survey(tmp_path, GOOD.replace("own", "castle"))
        assert [(one.rule, one.field) for one in whole.rejected] == [("unknown_answer", "home")]


class TestCoding:
    def item(self, folder: Path, cell: str, **entry: Any) -> list[tuple[Any, ...]]:
        item = {"column": "police", "question": "?"} | entry
        return answers(survey(folder, GOOD.replace(",6,", f",{cell},"), items={"an_item": item}), "an_item")

    def test_labels_have_values(self, tmp_path: Path) -> None:
        coding = {"can Trust": 1, "Cannot Trust": 0}
        assert self.item(tmp_path, "Cannot trust", coding=coding) == [(0.0, None, None)]

    @pytest.mark.parametrize(("cell", "value"), [("1", 5.0), ("5", 1.0), ("4", 2.0)])
    def test_a_reversed_scale_is_turned_round(self, tmp_path: Path, cell: str, value: float) -> None:
        scale = {"minimum": 1, "maximum": 5}
        assert self.item(tmp_path, cell, scale=scale, is_reversed=True) == [(value, None, None)]

    def test_coding_comes_before_turning_round(self, tmp_path: Path) -> None:
        entry = {"coding": {"agree": 1}, "scale": {"minimum": 1, "maximum": 5}, "is_reversed": True}
        assert self.item(tmp_path, "agree", **entry) == [(5.0, None, None)]

    @pytest.mark.parametrize(("cell", "band"), [("16", "16-24"), ("24", "16-24"), ("25.0", "25+"), ("88", "25+")])
    def test_numbers_fall_into_bands(self, tmp_path: Path, cell: str, band: str) -> None:
        groups = {"age_band": {"column": "home", "bands": [16, 25]}}
        whole = survey(tmp_path, GOOD.replace("own", cell), groups=groups, missing={"": "not_asked"})
        assert answers(whole, "group.age_band") == [(None, band, None)]

    def test_a_number_below_all_bands_is_unknown(self, tmp_path: Path) -> None:
        whole = survey(tmp_path, GOOD.replace("own", "15"), groups={"age_band": {"column": "home", "bands": [16]}})
        assert whole.rules == ["unknown_answer"]

    def test_labels_may_stand_beside_bands(self, tmp_path: Path) -> None:
        groups = {"age_band": {"column": "home", "bands": [16, 75], "coding": {"89 or Older": "75+"}}}
        whole = survey(tmp_path, GOOD.replace("own", "89 or older"), groups=groups)
        assert answers(whole, "group.age_band") == [(None, "75+", None)]

    def test_a_group_without_coding_is_its_label(self, tmp_path: Path) -> None:
        whole = survey(tmp_path, GOOD.replace("own", "House boat"), groups={"tenure": {"column": "home"}})
        assert answers(whole, "group.tenure") == [(None, "House boat", None)]


class TestDesign:
    def test_a_weight_may_be_one_over_a_probability(self, tmp_path: Path) -> None:
        row = GOOD.replace("1.5", "0.0001")
        whole = survey(tmp_path, row, weight={"column": "w", "is_probability": True})
        assert whole.first("respondents")["weight"] == pytest.approx(10_000)

    def test_without_weights_everybody_counts_as_one(self, tmp_path: Path) -> None:
        assert survey(tmp_path, GOOD, weight=None).first("respondents")["weight"] == 1.0

    def test_an_empty_weight_may_have_a_stated_value(self, tmp_path: Path) -> None:
        whole = survey(tmp_path, GOOD.replace("1.5", ""), weight={"column": "w", "when_empty": 2})
        assert whole.first("respondents")["weight"] == 2.0

    @pytest.mark.parametrize("cell", ["", "0", "-1", "nan", "inf", "heavy"])
    @pytest.mark.parametrize("is_probability", [False, True])
    def test_a_weight_that_is_none_sets_the_row_aside(self, tmp_path: Path, cell: str, is_probability: bool) -> None:
        whole = survey(tmp_path, GOOD.replace("1.5", cell), weight={"column": "w", "is_probability": is_probability})
        assert [(one.rule, one.field) for one in whole.rejected] == [("invalid_weight", "w")]

    def test_units_may_be_named_by_several_columns(self, tmp_path: Path) -> None:
        whole = survey(tmp_path, f"{GOOD},3,1.0", header=f"{HEADER},s,p", cluster=["s", "p"], stratum="s")
        first = whole.first("respondents")
        assert (first["cluster"], first["stratum"]) == ("3/1", "3")

    def test_an_optional_column_may_be_absent(self, tmp_path: Path) -> None:
        whole = survey(tmp_path, GOOD, cluster="psu", optional=["psu"])
        assert whole.first("respondents")["cluster"] is None


class TestWhenWhereWho:
    def test_one_day_for_all(self, tmp_path: Path) -> None:
        whole = survey(tmp_path, GOOD, date={"fixed": datetime(2015, 4, 8).date(), "timezone": "Europe/Madrid"})
        assert whole.first("respondents")["answered_at"] == datetime(2015, 4, 8, 10, tzinfo=UTC)

    def test_a_day_for_each_label(self, tmp_path: Path) -> None:
        date = {"column": "wave", "days": {"1": datetime(2026, 1, 5).date()}}
        whole = survey(tmp_path, GOOD, GOOD.replace("7,1,", "7,2,"), date=date)
        assert whole.first("respondents")["answered_at"] == datetime(2026, 1, 5, 12, tzinfo=UTC)
        assert [(one.rule, one.field) for one in whole.rejected] == [("invalid_date", "wave")]

    def test_a_format_of_its_own(self, tmp_path: Path) -> None:
        date = {"column": "day", "formats": ["%d.%m.%Y"]}
        whole = survey(tmp_path, GOOD.replace("2026-03-02", "02.03.2026"), date=date)
        assert whole.first("respondents")["answered_at"].date() == datetime(2026, 3, 2).date()

    @pytest.mark.parametrize(
        ("cell", "rule"),
        [
            ("", "invalid_date"),
            ("soon", "invalid_date"),
            ("1969-12-31", "implausible_date"),
            ("2169-03-02", "implausible_date"),
        ],
    )
    def test_dates_that_cannot_be(self, tmp_path: Path, cell: str, rule: str) -> None:
        whole = survey(tmp_path, GOOD.replace("2026-03-02", cell))
        assert [(one.rule, one.field) for one in whole.rejected] == [(rule, "day")]

    @pytest.mark.parametrize(("cell", "area"), [("northgate", "T1"), ("T4", "T4"), ("L2", "T2"), ("", None)])
    def test_names_and_codes_are_placed_and_an_empty_one_is_not(
        self, tmp_path: Path, cell: str, area: str | None
    ) -> None:
        assert survey(tmp_path, GOOD.replace("Northgate", cell)).first("respondents")["area"] == area

    def test_an_unknown_area_sets_the_row_aside(self, tmp_path: Path) -> None:
        whole = survey(tmp_path, GOOD.replace("Northgate", "Atlantis"))
        assert [(one.rule, one.field) for one in whole.rejected] == [("unknown_area", "where")]

    @pytest.mark.parametrize(
        ("x", "y", "area", "rules"),
        [
            ("-1.95", "53.05", "T1", []),
            ("", "", None, []),
            ("0", "0", None, []),
            ("nan", "53.05", None, ["impossible_coordinates"]),
            ("-1.95", "", None, ["impossible_coordinates"]),
            ("west", "53.05", None, ["impossible_coordinates"]),
        ],
    )
    def test_points_are_placed_by_polygon(
        self, tmp_path: Path, x: str, y: str, area: str | None, rules: list[str]
    ) -> None:
        where = {"longitude": "x", "latitude": "y"}
        whole = survey(tmp_path, f"{GOOD},{x},{y}", header=f"{HEADER},x,y", area=where)
        assert whole.rules == rules
        assert whole.rows["respondents"]["area"].to_list() == ([] if rules else [area])

    def test_a_survey_without_ids_counts_rows(self, tmp_path: Path) -> None:
        whole = survey(tmp_path, GOOD, GOOD, respondent="row_number")
        assert whole.rows["respondents"]["respondent"].n_unique() == 2

    @pytest.mark.parametrize(("row", "field"), [(GOOD[1:], "id"), (GOOD.replace("7,1", "7,"), "wave")])
    def test_who_and_which_wave_must_be_known(self, tmp_path: Path, row: str, field: str) -> None:
        whole = survey(tmp_path, row)
        assert [(one.rule, one.field) for one in whole.rejected] == [("missing_field", field)]

    def test_one_wave_for_the_whole_file(self, tmp_path: Path) -> None:
        assert survey(tmp_path, GOOD, wave={"fixed": "spring"}).first("respondents")["wave"] == "spring"


class TestOutOfTheSurvey:
    def test_a_row_without_interview_is_none_of_its_business(self, tmp_path: Path) -> None:
        whole = survey(tmp_path, GOOD, "8,1,,,,,", interviewed="day")
        assert (whole.read, whole.out_of_scope, whole.rows["respondents"].height) == (2, 1, 1)

    @pytest.mark.parametrize("cell", ["no", "", "99"])
    def test_a_row_without_consent_takes_its_respondent_back(self, tmp_path: Path, cell: str) -> None:
        consent = {"column": "ok", "given": ["Yes"]}
        whole = survey(tmp_path, f"{GOOD},yes", f"8{GOOD[1:]},{cell}", header=f"{HEADER},ok", consent=consent)
        assert whole.rows["respondents"].height == 1
        (removal,) = whole.removals
        assert (removal.kind, removal.reason) == ("respondent", "consent_withdrawn")
        assert removal.subject == OpenDoor().pseudonym("respondent", "a_source:8")
        assert removal.effective_at == datetime(2026, 3, 2, 12, tzinfo=UTC)
        assert whole.rows["answers"]["respondent"].n_unique() == 1


class TestFiles:
    def test_a_missing_column_is_one_clear_line_for_the_file(self, tmp_path: Path) -> None:
        with pytest.raises(UnusableFile) as refusal:
            survey(tmp_path, "7,1", header="id,wave")
        assert refusal.value.rule == "missing_column"
        assert "day, where, w, police, home" in str(refusal.value)

    def test_a_codebook_that_is_nowhere_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(BadConfiguration, match="codebook other"):
            parse(Answers(), lines(HEADER, GOOD), a_context("answers", folder=tmp_path, codebook="other"))

    def test_a_header_alone_is_no_respondents(self, tmp_path: Path) -> None:
        whole = survey(tmp_path)
        assert whole.read == 0
        assert whole.rows["answers"].height == 0

    def test_parquet_is_read_as_csv_is(self, tmp_path: Path) -> None:
        file = io.BytesIO()
        pl.read_csv(io.StringIO(lines(HEADER, GOOD))).write_parquet(file)
        from_parquet = parse(Answers(), file.getvalue(), context(tmp_path))
        assert from_parquet.rows["answers"].equals(survey(tmp_path, GOOD).rows["answers"])

    def test_blocks_change_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = [f"{number}{GOOD[1:]}" for number in range(30)]
        at_once = survey(tmp_path, *rows)
        monkeypatch.setattr(cells, "_ROWS_A_BLOCK", 7)
        in_blocks = survey(tmp_path, *rows)
        for table, key in (("respondents", ["response"]), ("answers", ["response", "item"])):
            assert at_once.rows[table].sort(key).equals(in_blocks.rows[table].sort(key))


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", "", "x"]),
        st.sampled_from(["1", "2", ""]),
        st.sampled_from(["2026-03-02", "2026-03-02T10:00:00Z", "1969-01-01", "2169-01-01", "", "?"]),
        st.sampled_from(["Northgate", "T2", "", "Atlantis"]),
        st.one_of(st.floats().map(str), st.just("")),
        st.one_of(st.integers(-2, 12).map(str), st.sampled_from(["88", "", "six"])),
        st.sampled_from(["own", "rent", "", "castle"]),
    ),
    max_size=12,
)


@given(ROWS)
def test_every_row_ends_in_exactly_one_place_and_every_number_is_one(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([HEADER.split(","), *rows])
    whole = parse(Answers(), text.getvalue(), context(tmp_path_factory.mktemp("survey")))
    assert whole.read == len(rows) - sum(not any(row) for row in rows)
    for weight in whole.rows["respondents"]["weight"]:
        assert math.isfinite(weight)
        assert weight > 0
    given_ = pl.sum_horizontal(pl.col(name).is_not_null() for name in ("value", "category", "missing_code"))
    assert whole.rows["answers"].filter(given_ != 1).height == 0
    assert whole.rows["answers"].height == 2 * whole.rows["respondents"].height
    assert whole.rows["answers"]["value"].drop_nulls().is_between(0, 10).all()
