"""Audit files: safe to open, complete to read back, and every bad row named with file, row and field."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadInput
from barometer.estimate.audit.files import (
    CSV_COLUMNS,
    LABELS_SCHEMA,
    ReadBack,
    labelling_config,
    read_csv,
    read_label_studio,
    write_csv,
    write_label_studio,
)
from barometer.tables import LABEL_HEADS

KNOWN = ("p1", "p2", "p3")
NONE = {"trust": "none", "target": "none", "rumour": "none", "hostile": "no"}
DISTRUST = {"trust": "distrust", "target": "media", "rumour": "none", "hostile": "no"}


def sample(*texts: str) -> pl.DataFrame:
    posts = [f"p{i}" for i in range(1, len(texts) + 1)]
    return pl.DataFrame({"post": posts, "text": list(texts), "author": ["secret"] * len(texts), "label": "distrust"})


def filled(path: Path, *rows: dict[str, str], delimiter: str = ",") -> Path:
    """The export as somebody filled it in."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, CSV_COLUMNS, delimiter=delimiter, restval="")
        writer.writeheader()
        writer.writerows({"text": "masked", "labeller": "L1"} | row for row in rows)
    return path


def back(tmp_path: Path, *rows: dict[str, str]) -> ReadBack:
    return read_csv(filled(tmp_path / "audit.csv", *rows), known=KNOWN)


def of(found: ReadBack) -> dict[tuple[str, str, str], str]:
    return {(row["post"], row["labeller"], row["head"]): row["label"] for row in found.labels.iter_rows(named=True)}


class TestCsvOut:
    @given(st.lists(st.text(max_size=40), min_size=1, max_size=8))
    def test_no_cell_can_become_a_formula(self, tmp_path: Path, texts: list[str]) -> None:
        path = tmp_path / "audit.csv"
        write_csv(sample(*texts), path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))]

    @pytest.mark.parametrize(
        "text", ["=1+1", "@sum(a1)", "+44", "-2", "ok;=cmd()", "a,@b", "x\t=1", "\t=1", "line\n=1"]
    )
    def test_nor_where_another_countrys_spreadsheet_cuts(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "audit.csv"
        write_csv(sample(text), path)
        body = path.read_text("utf-8-sig").split("\n", 1)[1]
        for mark in (",", ";", "\t", "\n", '"'):
            assert not any(part.startswith(("=", "+", "-", "@")) for part in body.split(mark))

    def test_a_plain_text_is_left_alone(self, tmp_path: Path) -> None:
        path, text = tmp_path / "audit.csv", 'They said "no", and 5-3 is 2: it’s fine; ok'
        write_csv(sample(text), path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            assert next(csv.DictReader(file))["text"] == text

    def test_neither_author_nor_the_models_label_is_shown(self, tmp_path: Path) -> None:
        write_csv(sample("a", "b"), tmp_path / "audit.csv")
        write_label_studio(sample("a", "b"), tmp_path / "audit.json")
        for name in ("audit.csv", "audit.json"):
            written = (tmp_path / name).read_text("utf-8")
            assert "secret" not in written
            assert "distrust" not in written


class TestCsvBack:
    def test_labels_come_back(self, tmp_path: Path) -> None:
        found = back(tmp_path, {"post": "p1"} | DISTRUST, {"post": "p2", "labeller": "L2"} | NONE)
        assert not found.problems
        assert found.labels.schema == LABELS_SCHEMA
        assert of(found)[("p1", "L1", "target")] == "media"
        assert of(found)[("p2", "L2", "hostile")] == "no"
        assert found.labels.height == 8

    @given(st.lists(st.text(max_size=30), min_size=3, max_size=3), st.sampled_from([",", ";"]))
    def test_whatever_the_text_and_the_separator(self, tmp_path: Path, texts: list[str], delimiter: str) -> None:
        exported = tmp_path / "out.csv"
        write_csv(sample(*texts), exported)
        with exported.open(encoding="utf-8-sig", newline="") as file:
            rows = [row | NONE | {"labeller": "L1"} for row in csv.DictReader(file)]
        found = read_csv(filled(tmp_path / "in.csv", *rows, delimiter=delimiter), known=KNOWN)
        assert not found.problems
        assert found.labels["post"].unique().sort().to_list() == list(KNOWN)

    def test_rows_left_empty_are_no_judgement(self, tmp_path: Path) -> None:
        found = back(tmp_path, {"post": "p1"}, {"post": "p2"} | NONE)
        assert found.labels["post"].unique().to_list() == ["p2"]
        assert not found.problems

    def test_a_head_left_empty_is_a_gap(self, tmp_path: Path) -> None:
        found = back(tmp_path, {"post": "p1", "rumour": "rumour", "hostile": "YES "})
        assert of(found) == {("p1", "L1", "rumour"): "rumour", ("p1", "L1", "hostile"): "yes"}

    @pytest.mark.parametrize(
        ("row", "problem"),
        [
            ({"post": "p9"} | NONE, "audit.csv, row 3, field post: p9 is no post of this audit"),
            ({"post": ""} | NONE, "audit.csv, row 3, field post: is empty"),
            ({"post": "p2", "labeller": " "} | NONE, "audit.csv, row 3, field labeller: is empty"),
            (
                {"post": "p2"} | NONE | {"trust": "maybe"},
                "row 3, field trust: maybe is not one of: trust, distrust, none",
            ),
            ({"post": "p2"} | NONE | {"trust": "distrust"}, "row 3, field target: is none where trust is distrust"),
            ({"post": "p2"} | NONE | {"target": "media"}, "row 3, field target: is media where trust is none"),
            ({"post": "p1"} | NONE, "row 3, field labeller: has labelled this post before"),
        ],
    )
    def test_a_bad_row_is_named_and_the_others_are_kept(
        self, tmp_path: Path, row: dict[str, str], problem: str
    ) -> None:
        found = back(tmp_path, {"post": "p1"} | DISTRUST, row, {"post": "p3"} | NONE)
        (line,) = found.problems
        assert problem in line
        assert "\n" not in line
        assert sorted(found.labels["post"].unique()) == ["p1", "p3"]

    def test_row_numbers_are_the_spreadsheets_also_after_a_text_of_several_lines(self, tmp_path: Path) -> None:
        found = back(tmp_path, {"post": "p1", "text": "one\ntwo\nthree"} | NONE, {"post": "p9"} | NONE)
        assert found.problems[0].startswith("audit.csv, row 3,")

    def test_two_labellers_of_a_post_are_both_kept(self, tmp_path: Path) -> None:
        found = back(tmp_path, {"post": "p1"} | NONE, {"post": "p1", "labeller": "L2"} | DISTRUST)
        assert found.labels["labeller"].unique().sort().to_list() == ["L1", "L2"]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"post,text\np1,x\n", "column labeller is missing"),
            (b"", "column post is missing"),
            (b"post,text,labeller,trust,target,rumour,hostile\np1,\xff\xfe,L1,none,none,none,no\n", "is not UTF-8"),
            (
                b"post,text,labeller,trust,target,rumour,hostile\np1," + b"x" * 200_000 + b",L1,,,,\n",
                "line 2: is no CSV",
            ),
        ],
    )
    def test_a_file_that_is_none_is_refused_as_a_whole(self, tmp_path: Path, content: bytes, words: str) -> None:
        path = tmp_path / "audit.csv"
        path.write_bytes(content)
        with pytest.raises(BadInput, match=words):
            read_csv(path, known=KNOWN)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match=r"audit\.csv: cannot be read"):
            read_csv(tmp_path / "audit.csv", known=KNOWN)


def choice(head: str, *values: str) -> dict[str, Any]:
    """One result of Label Studio's JSON export."""
    names = {"from_name": head, "to_name": "text", "type": "choices", "origin": "manual", "id": "EmgEjJhhLj"}
    return names | {"value": {"choices": list(values)}}


def annotation(labels: dict[str, str], **values: Any) -> dict[str, Any]:
    plain = {"id": 9, "completed_by": 1, "was_cancelled": False, "ground_truth": False, "lead_time": 10.7}
    return plain | {"result": [choice(head, label) for head, label in labels.items()]} | values


def task(post: Any, *annotations: dict[str, Any]) -> dict[str, Any]:
    return {"id": 4, "data": {"post": post, "text": "masked"}, "annotations": list(annotations), "predictions": []}


def exported(tmp_path: Path, *tasks: Any) -> ReadBack:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(list(tasks)), encoding="utf-8")
    return read_label_studio(path, known=KNOWN)


class TestLabelStudio:
    def test_tasks_are_its_import_format(self, tmp_path: Path) -> None:
        write_label_studio(sample("one", "zwei ü"), tmp_path / "tasks.json")
        tasks = json.loads((tmp_path / "tasks.json").read_text("utf-8"))
        assert tasks == [{"data": {"post": "p1", "text": "one"}}, {"data": {"post": "p2", "text": "zwei ü"}}]

    def test_the_configuration_asks_the_four_heads_of_the_tasks_text(self) -> None:
        view = ElementTree.fromstring(labelling_config())
        text = view.find("Text")
        assert text is not None
        assert text.attrib == {"name": "text", "value": "$text"}
        asked = {
            element.attrib["name"]: tuple(one.attrib["value"] for one in element) for element in view.findall("Choices")
        }
        assert asked == LABEL_HEADS
        assert {element.attrib["toName"] for element in view.findall("Choices")} == {"text"}
        assert {element.attrib["choice"] for element in view.findall("Choices")} == {"single"}

    def test_an_export_comes_back(self, tmp_path: Path) -> None:
        account = {"id": 7, "email": "someone@example.org", "first_name": "", "last_name": ""}
        found = exported(tmp_path, task("p1", annotation(DISTRUST), annotation(NONE, completed_by=account)), task("p2"))
        assert not found.problems
        assert of(found)[("p1", "1", "trust")] == "distrust"
        assert of(found)[("p1", "7", "trust")] == "none"
        assert "someone" not in str(found)

    def test_cancelled_annotations_and_other_results_are_skipped(self, tmp_path: Path) -> None:
        extra = annotation(NONE)
        extra["result"].append({"type": "rating", "from_name": "ease", "value": {"rating": 3}})
        found = exported(tmp_path, task("p1", annotation(DISTRUST, was_cancelled=True), extra))
        assert set(of(found).values()) == {"none", "no"}

    @pytest.mark.parametrize(
        ("broken", "problem"),
        [
            (
                task("p9", annotation(NONE)),
                "export.json, task 2, annotation 1, field post: p9 is no post of this audit",
            ),
            (task(None, annotation(NONE)), "task 2, annotation 1, field post: is empty"),
            (task("p2", annotation({})), "task 2, annotation 1, field result: holds no choice"),
            (task("p2", annotation(NONE | {"rumour": "perhaps"})), "field rumour: perhaps is not one of: rumour"),
            (task("p2", annotation({"mood": "good"})), "field mood: good is not one of: no such label head"),
            (task("p2", annotation(NONE, completed_by=None)), "field labeller: is empty"),
            (
                task("p2", annotation({}, result=[choice("trust", "trust", "none")])),
                "field trust: trust+none is not one",
            ),
            (task("p2", annotation({}, result="lost")), "field result: holds no choice"),
            (task("p2", "lost"), "field labeller: is empty"),  # type: ignore[arg-type]
        ],
    )
    def test_a_bad_annotation_is_named_and_the_others_are_kept(
        self, tmp_path: Path, broken: dict[str, Any], problem: str
    ) -> None:
        found = exported(tmp_path, task("p1", annotation(DISTRUST)), broken, task("p3", annotation(NONE)))
        (line,) = found.problems
        assert problem in line
        assert sorted(found.labels["post"].unique()) == ["p1", "p3"]

    @pytest.mark.parametrize(
        ("content", "words"), [("{", "is no JSON"), ('{"id": 1}', "must be a list of tasks"), ("", "is no JSON")]
    )
    def test_a_file_that_is_no_export(self, tmp_path: Path, content: str, words: str) -> None:
        path = tmp_path / "export.json"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(BadInput, match=words):
            read_label_studio(path, known=KNOWN)

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), _nested := (
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "post", "annotations", "result", "value", "choices", "type"]), inner)
    )))  # fmt: skip
    def test_no_json_makes_it_fall_over(self, tmp_path: Path, anything: Any) -> None:
        found = exported(tmp_path, anything, task("p1", annotation(NONE)))
        assert "p1" in found.labels["post"].to_list()

    def test_both_ways_say_the_same(self, tmp_path: Path) -> None:
        by_hand = back(tmp_path, {"post": "p1", "labeller": "1"} | DISTRUST)
        assert exported(tmp_path, task("p1", annotation(DISTRUST))).labels.equals(by_hand.labels)
