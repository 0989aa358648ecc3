"""Codebooks are checked as a whole, and every mistake is named at once."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadConfiguration
from barometer.indicators import load_indicators
from barometer.ingest.tables.codebook import Codebook, Group, Item, find_codebook, label, load_codebook
from barometer.settings import PROJECT

OWN = sorted((PROJECT / "configs" / "codebooks").glob("*.yaml"))

LEAST = """
    title: A survey
    source: invented
    respondent: id
    wave: {fixed: "1"}
    date: {fixed: 2026-03-02}
    items:
      trust_police: {column: q1, question: How much trust, scale: {minimum: 0, maximum: 10}}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "survey.yaml"
    path.write_text(textwrap.dedent(text), "utf-8")
    return path


def load(folder: Path, text: str) -> Codebook:
    return load_codebook(write(folder, text))


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(BadConfiguration) as refused:
        load(folder, text)
    return str(refused.value)


def with_changes(**changes: Any) -> str:
    return yaml.safe_dump(yaml.safe_load(textwrap.dedent(LEAST)) | changes)


class TestLoading:
    def test_the_least_codebook(self, tmp_path: Path) -> None:
        codebook = load(tmp_path, LEAST)
        assert codebook.needed == ("id", "q1")
        assert codebook.weight is None

    def test_every_mistake_is_named_at_once_with_its_field(self, tmp_path: Path) -> None:
        message = refusal(
            tmp_path,
            """
            title: A survey
            respondent: id
            wave: {column: w, fixed: "1"}
            date: {}
            area: {longitude: x}
            weigth: {column: w}
            items:
              Trust: {column: q1, question: How much trust, scale: {minimum: 0, maximum: 10}}
              trust_police: {column: q2, question: How much trust}
            groups:
              age_band: {column: age, bands: [16, 16, 25]}
            """,
        )
        assert message.startswith("codebook survey.yaml: 8 mistakes: ")
        for field in (
            "source",
            "wave",
            "date",
            "area",
            "weigth",
            "items.Trust",
            "items.trust_police",
            "groups.age_band",
        ):
            assert f"{field}" in message
        assert "\n" not in message

    @pytest.mark.parametrize("text", ["items: [", "- a list", "just words", ""])
    def test_what_is_no_codebook_is_refused(self, tmp_path: Path, text: str) -> None:
        assert "survey.yaml" in refusal(tmp_path, text)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(BadConfiguration, match=r"none\.yaml"):
            load_codebook(tmp_path / "none.yaml")

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"items": {}}, "items"),
            ({"weight": {"column": "w", "when_empty": 0}}, "weight.when_empty"),
            ({"consent": {"column": "c", "given": []}}, "consent.given"),
            ({"missing": {"9": "gone"}}, "missing.9"),
            ({"missing": {True: "refused"}}, "quotation marks"),
            ({"cluster": []}, "cluster"),
        ],
    )
    def test_single_mistakes(self, tmp_path: Path, changes: dict[str, Any], words: str) -> None:
        assert words in refusal(tmp_path, with_changes(**changes))


class TestFinding:
    def folders(self, tmp_path: Path) -> tuple[Path, Path, Path]:
        city = tmp_path / "configs" / "cities" / "testville"
        own, shared = city / "codebooks", tmp_path / "configs" / "codebooks"
        for folder in (own, shared):
            folder.mkdir(parents=True)
        return city, own, shared

    def test_a_citys_own_goes_before_the_shared_one(self, tmp_path: Path) -> None:
        city, own, shared = self.folders(tmp_path)
        write(shared, LEAST)
        assert find_codebook("survey", city) == shared / "survey.yaml"
        write(own, LEAST)
        assert find_codebook("survey.yaml", city) == own / "survey.yaml"

    def test_one_that_is_nowhere_is_named(self, tmp_path: Path) -> None:
        city, *_ = self.folders(tmp_path)
        with pytest.raises(BadConfiguration, match="codebook other"):
            find_codebook("other", city)


class TestItems:
    def item(self, **values: Any) -> Item:
        return Item.model_validate({"column": "q", "question": "?"} | values)

    def test_labels_are_compared_without_case_blanks_or_point_nought(self) -> None:
        assert self.item(coding={" Yes": 1, 2.0: 0}).coding == {"yes": 1.0, "2": 0.0}

    def test_labels_that_differ_only_in_case_are_a_mistake(self) -> None:
        with pytest.raises(ValueError, match="differ only"):
            self.item(coding={"Yes": 1, "yes": 0})

    def test_a_value_outside_the_scale_is_a_mistake(self) -> None:
        with pytest.raises(ValueError, match="most"):
            self.item(coding={"most": 11}, scale={"minimum": 0, "maximum": 10})

    def test_what_has_no_scale_cannot_be_turned_round(self) -> None:
        with pytest.raises(ValueError, match="is_reversed"):
            self.item(coding={"a": 1}, is_reversed=True)

    @pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 1)])
    def test_a_scale_is_a_range(self, low: int, high: int) -> None:
        with pytest.raises(ValueError, match="below maximum"):
            self.item(scale={"minimum": low, "maximum": high})

    def test_an_items_own_missing_codes_go_before_the_surveys(self, tmp_path: Path) -> None:
        codebook = load(tmp_path, with_changes(missing={"": "not_asked", "77": "refused", "88": "dont_know"}))
        item = self.item(scale={"minimum": 0, "maximum": 99}, missing={"77": "no_answer"})
        assert codebook.missing_of(item) == {"": "not_asked", "77": "no_answer", "88": "dont_know"}

    def test_an_empty_cell_is_no_answer_unless_the_survey_says_else(self, tmp_path: Path) -> None:
        codebook = load(tmp_path, LEAST)
        assert codebook.missing_of(codebook.items["trust_police"]) == {"": "no_answer"}


class TestGroups:
    def test_bands_are_named_by_their_ends(self) -> None:
        assert Group(column="age", bands=(16, 25, 75)).band_names == ("16-24", "25-74", "75+")

    def test_a_group_without_bands_has_no_names(self) -> None:
        assert Group(column="age").band_names == ()


class TestNeededColumns:
    def test_all_columns_are_named_once_and_optional_ones_left_out(self, tmp_path: Path) -> None:
        text = with_changes(
            area={"longitude": "x", "latitude": "y"},
            weight={"column": "w"},
            cluster=["stratum", "psu"],
            stratum="stratum",
            consent={"column": "ok", "given": ["yes"]},
            wave={"column": "wave"},
            date={"column": "day"},
            interviewed="day",
            groups={"tenure": {"column": "q1"}},
            optional=["psu"],
        )
        needed = load(tmp_path, text).needed
        assert sorted(needed) == sorted(["id", "day", "wave", "ok", "x", "y", "w", "stratum", "q1"])

    def test_a_survey_without_ids_needs_no_column_for_them(self, tmp_path: Path) -> None:
        assert load(tmp_path, with_changes(respondent="row_number")).needed == ("q1",)


class TestOwnCodebooks:
    @pytest.mark.parametrize("path", OWN, ids=[path.stem for path in OWN])
    def test_each_can_be_read_and_says_where_it_is_from(self, path: Path) -> None:
        codebook = load_codebook(path)
        assert codebook.items
        assert len(codebook.source) > 10

    def test_there_are_three(self) -> None:
        assert [path.stem for path in OWN] == ["ess7_spain", "gss_panel", "residents_pulse"]

    def test_the_pulse_asks_for_every_indicator_of_answers_in_its_unit(self) -> None:
        items = load_codebook(PROJECT / "configs" / "codebooks" / "residents_pulse.yaml").items
        for indicator in load_indicators(PROJECT / "configs").of_signal("answers"):
            measure = indicator.measure
            for name in measure.items:  # type: ignore[union-attr]
                values = set(items[name].coding.values())
                lowest = getattr(measure, "lowest_answer", indicator.scale.minimum)
                highest = getattr(measure, "highest_answer", indicator.scale.maximum)
                scale = items[name].scale
                ends = {min(values), max(values)} if values else {scale.minimum, scale.maximum} if scale else set()
                assert ends == {lowest, highest}, name


@given(st.text(max_size=20))
def test_a_label_is_compared_as_itself_however_often(text: str) -> None:
    assert label(label(text)) == label(text)


@given(st.integers(-999, 9999))
def test_whole_numbers_are_one_label_however_written(number: int) -> None:
    assert label(f"{number}.0") == label(f" {number} ") == str(number)
