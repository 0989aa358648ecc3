"""Forms and codebooks: our own agree to the last label, real ones convert, and every disagreement is said in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest
import yaml

from barometer.errors import BadConfiguration, BadInput
from barometer.indicators import load_indicators
from barometer.ingest.tables.codebook import Codebook, find_codebook, load_codebook
from barometer.ingest.tables.xlsform import (
    Form,
    codebook_of,
    differences,
    plain_id,
    read_form,
    report_differences,
    to_yaml,
    untranslated,
    wording,
)
from barometer.ingest.tables.xlsform_build import FormSource, build_form, read_source, write_neighbourhoods
from barometer.settings import PROJECT
from tests.towns import make_testville

FORMS = PROJECT / "configs" / "forms"
PULSE = FORMS / "residents_pulse.xlsx"
EXAMPLES = Path("formats", "xlsform_examples", "tests", "example_xls")


@pytest.fixture(scope="module")
def pulse() -> Form:
    return read_form(PULSE)


@pytest.fixture(scope="module")
def pulse_codebook() -> Codebook:
    return load_codebook(find_codebook("residents_pulse", PROJECT / "configs" / "cities" / "any"))


def a_form(tmp_path: Path, survey: list[list[Any]], choices: list[list[Any]] | None = None) -> Form:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "survey"
    for row in survey:
        sheet.append(row)
    if choices:
        other = book.create_sheet("choices")
        for row in choices:
            other.append(row)
    book.save(tmp_path / "form.xlsx")
    return read_form(tmp_path / "form.xlsx")


def a_codebook(**values: Any) -> Codebook:
    plain = {
        "title": "t",
        "source": "s",
        "respondent": "row_number",
        "wave": {"fixed": "1"},
        "date": {"column": "today"},
        "items": {"trust": {"column": "trust", "question": "Trust?", "scale": {"minimum": 0, "maximum": 10}}},
    }
    return Codebook.model_validate(plain | values)


HEADER = ["type", "name", "label", "constraint"]
TODAY = ["today", "today", None, None]
TRUST = ["integer", "trust", "Trust?", ". >= 0 and . <= 10"]
LISTS = [["list_name", "name", "label"], ["agree", "yes", "Yes"], ["agree", "no", "No"], ["agree", "98", "Don't know"]]


class TestOurOwn:
    def test_the_pulse_and_its_codebook_agree_in_columns_answers_and_words(
        self, pulse: Form, pulse_codebook: Codebook
    ) -> None:
        assert differences(pulse, pulse_codebook) == []
        assert wording(pulse, pulse_codebook) == []

    def test_the_codebook_made_from_the_pulse_reads_it_like_the_shipped_one(
        self, pulse: Form, pulse_codebook: Codebook
    ) -> None:
        made = Codebook.model_validate(yaml.safe_load(to_yaml(codebook_of(pulse, source="own"))))
        assert differences(pulse, made) == []
        assert set(made.needed) == set(pulse_codebook.needed)
        assert {n: (i.column, i.scale, i.unit) for n, i in made.items.items()} == {
            n: (i.column, i.scale, i.unit) for n, i in pulse_codebook.items.items()
        }
        for name, item in made.items.items():
            assert set(item.coding.items()) <= set(pulse_codebook.items[name].coding.items())
        assert set(made.groups) == set(pulse_codebook.groups)

    def test_every_survey_indicator_is_asked(self, pulse_codebook: Codebook) -> None:
        indicators = load_indicators(PROJECT / "configs")
        wanted = {
            item
            for one in indicators.indicators
            for item in (
                [one.measure.item] if getattr(one.measure, "item", None) else getattr(one.measure, "items", ())
            )
        }
        assert {name for name in wanted if name.startswith(("trust_", "wallet_", "cohesion_"))} <= set(
            pulse_codebook.items
        )

    def test_the_report_has_what_reports_need(self) -> None:
        assert report_differences(read_form(FORMS / "practitioner_report.xlsx"), {}, scale=None) == []

    @pytest.mark.parametrize("name", ["residents_pulse", "practitioner_report"])
    def test_the_spreadsheet_is_what_its_source_says(self, name: str, tmp_path: Path) -> None:
        build_form(read_source(FORMS / f"{name}.yaml"), tmp_path / "again.xlsx")
        shipped, again = (openpyxl.load_workbook(path) for path in (FORMS / f"{name}.xlsx", tmp_path / "again.xlsx"))
        assert shipped.sheetnames == again.sheetnames == ["survey", "choices", "settings"]
        for sheet in shipped.sheetnames:
            assert list(shipped[sheet].values) == list(again[sheet].values)

    def test_nobody_is_asked_for_a_name_or_an_address(self, pulse: Form) -> None:
        asked = " ".join(one.words.lower() for one in pulse.questions if one.is_asked)
        assert not any(word in asked for word in ("your name", "your address", "e-mail", "telephone", "date of birth"))

    def test_every_asked_question_but_consent_depends_on_consent(self) -> None:
        rows = read_source(FORMS / "residents_pulse.yaml").survey
        group = next(place for place, row in enumerate(rows) if row.relevant == "${consent} = 'yes'")
        before = [row.name for row in rows[:group] if row.type.startswith(("select", "integer", "text"))]
        assert before == ["consent"]


class TestBuilding:
    def test_a_further_language_gets_columns_to_fill(self, tmp_path: Path) -> None:
        build_form(read_source(FORMS / "residents_pulse.yaml"), tmp_path / "two.xlsx", languages=["Polski (pl)"])
        header = next(openpyxl.load_workbook(tmp_path / "two.xlsx")["survey"].values)
        assert {"label::English (en)", "label::Polski (pl)"} <= set(header)

    def test_what_is_not_translated_is_listed(self, tmp_path: Path) -> None:
        source = {
            "title": "t",
            "form_id": "t",
            "version": "1",
            "languages": ["English (en)", "Polski (pl)"],
            "survey": [
                {"type": "text", "name": "a", "label": {"English (en)": "One", "Polski (pl)": "Jeden"}},
                {"type": "text", "name": "b", "label": "Two"},
            ],
        }
        form = build_form(FormSource.model_validate(source), tmp_path / "t.xlsx")
        assert untranslated(form) == ["Polski (pl): no words for b"]

    def test_the_neighbourhoods_go_along_as_a_file(self, tmp_path: Path) -> None:
        path = write_neighbourhoods(make_testville(tmp_path), tmp_path / "out")
        assert path.read_text("utf-8").splitlines() == [
            "name,label", "T2,Eastfield", "T1,Northgate", "T3,Southbank", "T4,Westwood",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"survey": [{"type": "select_one nowhere", "name": "a"}]}, "no choices named nowhere"),
            ({"languages": []}, "languages"),
            ({"surprise": 1}, "surprise"),
        ],
    )
    def test_a_broken_source_is_refused_in_words(self, change: dict[str, Any], words: str, tmp_path: Path) -> None:
        plain = {
            "title": "t",
            "form_id": "t",
            "version": "1",
            "languages": ["en"],
            "survey": [{"type": "text", "name": "a"}],
        }
        (tmp_path / "f.yaml").write_text(yaml.safe_dump(plain | change), "utf-8")
        with pytest.raises(BadConfiguration, match=words):
            read_source(tmp_path / "f.yaml")


class TestRealForms:
    @pytest.mark.parametrize(
        ("name", "questions"), [("tutorial.xls", 10), ("widgets.xls", 20), ("xlsform_spec_test.xlsx", 30)]
    )
    def test_they_convert(self, shared_data: Path, name: str, questions: int) -> None:
        form = read_form(shared_data / EXAMPLES / name)
        assert len(form.questions) >= questions

    @pytest.mark.parametrize("name", ["widgets.xls", "xlsform_spec_test.xlsx"])
    def test_a_codebook_made_from_them_agrees_with_them(self, shared_data: Path, name: str) -> None:
        form = read_form(shared_data / EXAMPLES / name)
        made = Codebook.model_validate(yaml.safe_load(to_yaml(codebook_of(form, source="examples"))))
        of_items = {item.column for item in made.items.values()}
        assert not [line for line in differences(form, made) if line.split(":")[0] in of_items]


class TestCodebookWithoutRoles:
    def test_numbers_within_limits_and_choices_become_items(self, tmp_path: Path) -> None:
        survey = [
            HEADER,
            TODAY,
            TRUST,
            ["select_one agree", "plans", "Do you stay?", None],
            ["text", "why", "Why?", None],
        ]
        made = codebook_of(a_form(tmp_path, survey, LISTS), source="own")
        assert made["date"] == {"column": "today"}
        assert made["respondent"] == "row_number"
        assert made["missing"] == {"": "not_asked", "98": "dont_know"}
        assert made["items"]["trust"]["scale"] == {"minimum": 0, "maximum": 10}
        assert made["items"]["plans"]["coding"] == {"yes": 1, "no": 2}
        assert set(made["items"]) == {"trust", "plans"}

    def test_a_form_without_such_questions_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="nothing could become an item"):
            codebook_of(a_form(tmp_path, [HEADER, ["text", "why", "Why?", None]]), source="own")

    @pytest.mark.parametrize(
        ("constraint", "limits"),
        [(". > 0 and . < 5", (1, 4)), (".>=1 and .<=5", (1, 5)), (". <= 5", None), ("regex(., 'a')", None)],
    )
    def test_limits_are_read_from_constraints(self, constraint: str, limits: Any, tmp_path: Path) -> None:
        form = a_form(tmp_path, [HEADER, ["integer", "n", "N?", constraint], TRUST])
        scale = codebook_of(form, source="own")["items"].get("n", {}).get("scale")
        assert scale == (limits and {"minimum": limits[0], "maximum": limits[1]})

    @pytest.mark.parametrize(("name", "made"), [("Q1.a", "q1_a"), ("7th", "item_7th"), ("trust", "trust")])
    def test_names_become_ids(self, name: str, made: str) -> None:
        assert plain_id(name) == made


class TestDifferences:
    def of(self, form: Form, **values: Any) -> str:
        return "\n".join(differences(form, a_codebook(**values)))

    def test_none_where_they_agree(self, tmp_path: Path) -> None:
        assert self.of(a_form(tmp_path, [HEADER, TODAY, TRUST])) == ""

    @pytest.mark.parametrize(
        ("survey", "values", "words"),
        [
            ([TODAY], {}, "trust: the codebook reads it, the form has no such question"),
            (
                [TODAY, TRUST, ["text", "shoe", "Shoe size?", None]],
                {},
                "shoe: the form asks it, the codebook never reads it",
            ),
            ([TODAY, [*TRUST[:3], ". >= 1 and . <= 10"]], {}, "from 0 to 10, the form lets others through"),
            ([TODAY, ["text", "trust", "Trust?", None]], {}, "the form asks for text, item trust needs a number"),
            ([["text", "today", "Day?", None], TRUST], {}, "takes it for the date, the form asks for text"),
            (
                [TODAY, TRUST, ["select_one agree", "ok", "OK?", None]],
                {"consent": {"column": "ok", "given": ["agreed"]}},
                "takes agreed for consent, the form has no such choice",
            ),
        ],
    )
    def test_each_is_said(self, survey: list[list[Any]], values: dict[str, Any], words: str, tmp_path: Path) -> None:
        assert words in self.of(a_form(tmp_path, [HEADER, *survey], LISTS), **values)

    @pytest.mark.parametrize(
        ("coding", "missing", "words"),
        [
            ({"yes": 1, "no": 0}, {"98": "dont_know"}, ""),
            ({"yes": 1}, {"98": "dont_know"}, "the choice no is no answer that item trust knows"),
            (
                {"yes": 1, "no": 0, "maybe": 0.5},
                {"98": "dont_know"},
                "knows the value 0.5, no choice of the form gives it",
            ),
            ({"yes": 1, "no": 0}, {"98": "refused"}, "the choice 98 is dont_know in the form, refused in the codebook"),
            (
                {"yes": 1},
                {"98": "dont_know", "no": "refused"},
                "takes the choice no for refused, the form for an answer",
            ),
            ({"yes": 1, "no": 0, "98": 2}, {}, "the choice 98 is dont_know in the form, 2 in the codebook"),
        ],
    )
    def test_choices(self, coding: Any, missing: Any, words: str, tmp_path: Path) -> None:
        form = a_form(tmp_path, [HEADER, TODAY, ["select_one agree", "trust", "Trust?", None]], LISTS)
        items = {"trust": {"column": "trust", "question": "Trust?", "unit": "share", "coding": coding}}
        found = self.of(form, items=items, missing=missing)
        assert (words in found) if words else found == ""

    def test_several_answers_are_no_number(self, tmp_path: Path) -> None:
        form = a_form(tmp_path, [HEADER, TODAY, ["select_multiple agree", "trust", "Trust?", None]], LISTS)
        assert "several answers may be given" in self.of(form)

    def test_categories(self, tmp_path: Path) -> None:
        form = a_form(tmp_path, [HEADER, TODAY, TRUST, ["select_one agree", "own", "Own?", None]], LISTS)
        found = self.of(form, groups={"tenure": {"column": "own", "coding": {"yes": "owned", "maybe": "shared"}}})
        assert "knows no category for the choice no" in found
        assert "knows the category shared, no choice of the form gives it" in found

    def test_a_point_may_be_the_place(self, tmp_path: Path) -> None:
        form = a_form(tmp_path, [HEADER, TODAY, TRUST, ["geopoint", "home", "Where?", None]])
        assert self.of(form, area={"longitude": "_home_longitude", "latitude": "_home_latitude"}) == ""

    def test_other_words_are_noted(self, tmp_path: Path) -> None:
        form = a_form(tmp_path, [HEADER, TODAY, [*TRUST[:2], "Do you trust?", TRUST[3]]])
        assert wording(form, a_codebook()) == ["trust: the form asks 'Do you trust?', the codebook says 'Trust?'"]


class TestReports:
    def test_what_is_missing_and_what_is_too_much(self, tmp_path: Path) -> None:
        survey = [
            HEADER,
            ["text", "rater", "You?", None],
            ["text", "place", "Where?", None],
            ["text", "shoe", "Shoe?", None],
        ]
        found = report_differences(a_form(tmp_path, survey), {"area": "place"}, scale="1-5")
        assert [line.split(":")[0] for line in found] == ["date", "rating", "shoe"]


@pytest.mark.parametrize(("name", "content"), [("a.xlsx", b"not a workbook"), ("a.txt", b"x"), ("none.xlsx", None)])
def test_what_is_no_form_is_refused_in_one_line(name: str, content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput) as told:
        read_form(tmp_path / name)
    assert "\n" not in str(told.value)
