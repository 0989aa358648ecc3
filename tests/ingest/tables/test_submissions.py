"""Records of form services: how cells are found in them, and that each record ends in exactly one place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadConfiguration
from barometer.ingest.run import PARSERS
from barometer.ingest.source import Context, Line
from barometer.ingest.tables.answers import Answers, SubmittedAnswers
from barometer.ingest.tables.reports import SubmittedReports
from barometer.ingest.tables.submissions import (
    FLAVOURS,
    KOBO,
    LIMESURVEY,
    ODK,
    STAMP,
    Flavour,
    cell,
    flat,
    repetitions,
    taken_back,
)
from tests.ingest.live.form_servers import CODEBOOK, START, a_person
from tests.ingest.tables.desk import OpenDoor, Whole, a_context, lines, parse, require_account, together


def context_of(folder: Path, **options: Any) -> Context:
    (folder / "codebooks").mkdir(exist_ok=True)
    (folder / "codebooks" / "survey.yaml").write_text(yaml.safe_dump(CODEBOOK), "utf-8")
    return a_context("answers", folder=folder, codebook="survey.yaml", **options)


def submitted(flavour: Flavour, context: Context, *records: Any) -> Whole:
    texts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in records]
    part = SubmittedAnswers(flavour).parse_lines([Line(n, one) for n, one in enumerate(texts, start=1)], context)
    whole = together([part])
    require_account(whole)
    return whole


def kobo(**values: Any) -> dict[str, Any]:
    return {"_id": 1, "_validation_status": {}, **{f"about/{name}": one for name, one in a_person(**values).items()}}


def odk(system: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    stated = {"submissionDate": "2026-05-02T10:01:00.000Z", "updatedAt": None, "deletedAt": None, "reviewState": None}
    return {"__id": "uuid:1", "__system": stated | (system or {}), "about": a_person(**values)}


def limesurvey(**values: Any) -> dict[str, Any]:
    return {"id": "1", "submitdate": "2026-05-02 11:00:00", **a_person(), **values}


def test_all_three_and_a_file_say_the_same(tmp_path: Path) -> None:
    context = context_of(tmp_path)
    person = a_person()
    from_file = parse(Answers(), lines(",".join(person), ",".join(person.values())), context)
    for flavour, record in ((KOBO, kobo()), (ODK, odk()), (LIMESURVEY, limesurvey())):
        found = submitted(flavour, context, record)
        for table in ("respondents", "answers"):
            assert found.rows[table].drop("position").equals(from_file.rows[table].drop("position"))


class TestCells:
    @pytest.mark.parametrize("name", ["about/person", "person"])
    def test_a_question_goes_by_path_or_name(self, name: str) -> None:
        assert cell(flat(kobo()), name) == "p1"
        assert cell(flat(odk()), name) == "p1"

    def test_the_outermost_of_two_of_a_name_is_meant(self) -> None:
        assert cell(flat({"a": {"b": {"x": 1}}, "c": {"x": 2}}), "x") == "2"

    def test_one_choice_of_several(self) -> None:
        cells = flat({"about/helps": "shops talks"})
        assert [cell(cells, f"helps/{one}") for one in ("shops", "talks", "sings")] == ["1", "1", "0"]
        assert cell(cells, "unasked/shops") is None

    @pytest.mark.parametrize(
        "point",
        ["53.05 -1.95 0 0", {"type": "Point", "coordinates": [-1.95, 53.05, 12.0], "properties": {"accuracy": 5}}],
    )
    def test_a_point_has_a_longitude_and_a_latitude(self, point: Any) -> None:
        cells = flat({"about": {"home": point}})
        assert (cell(cells, "_home_longitude"), cell(cells, "home-Latitude")) == ("-1.95", "53.05")

    def test_a_point_nobody_gave_is_empty(self) -> None:
        assert cell(flat({"home": None}), "home_longitude") is None
        assert cell(flat({"home": "53.05"}), "home_longitude") is None

    def test_repetitions_are_numbered_and_never_taken_for_a_question(self) -> None:
        cells = flat({"places": [{"places/area": "T1"}, {"places/area": "T2"}]})
        assert dict(cells) == {"places[1]/area": "T1", "places[2]/area": "T2"}
        assert cell(cells, "area") is None

    @pytest.mark.parametrize(("answer", "text"), [(True, "true"), (3, "3"), (2.5, "2.5"), ("  ", None), ([], None)])
    def test_answers_are_text(self, answer: Any, text: str | None) -> None:
        assert cell({"x": answer}, "x") == text

    def test_a_record_of_each_repetition_keeps_the_other_answers(self) -> None:
        record = {"who": "r", "g": {"places": [{"area": "T1"}, {"area": "T2"}]}}
        found = repetitions(record, "places")
        assert [(cell(flat(one), "who"), cell(flat(one), "area")) for one in found] == [("r", "T1"), ("r", "T2")]
        assert repetitions({"who": "r"}, "places") == []
        assert repetitions(record, None) == [record]


class TestWhatIsTakenBack:
    @pytest.mark.parametrize(
        ("flavour", "record", "reason"),
        [
            (KOBO, kobo() | {"_validation_status": {"uid": "validation_status_not_approved"}}, "operator"),
            (ODK, odk({"reviewState": "rejected"}), "operator"),
            (ODK, odk({"deletedAt": "2026-05-03T10:00:00.000Z"}), "deleted"),
        ],
    )
    def test_a_refused_or_deleted_submission_is_a_removal(
        self, flavour: Flavour, record: dict[str, Any], reason: str, tmp_path: Path
    ) -> None:
        found = submitted(flavour, context_of(tmp_path), record)
        subject = OpenDoor().pseudonym("record", "a_source:1/p1")
        assert [(one.kind, one.subject, one.reason) for one in found.removals] == [("record", subject, reason)]
        assert found.rows["respondents"].is_empty()

    def test_a_record_that_only_takes_back(self, tmp_path: Path) -> None:
        found = submitted(KOBO, context_of(tmp_path), taken_back("f" * 32, START))
        assert [(one.subject, one.effective_at, one.reason) for one in found.removals] == [("f" * 32, START, "deleted")]

    def test_a_deleted_submission_without_a_respondent_is_set_aside(self, tmp_path: Path) -> None:
        found = submitted(ODK, context_of(tmp_path), odk({"deletedAt": "2026-05-03T10:00:00.000Z"}, person=""))
        assert found.rules == ["missing_field"]


class TestEditions:
    def test_a_later_edition_is_newer_by_so_many_microseconds(self, tmp_path: Path) -> None:
        found = submitted(KOBO, context_of(tmp_path), kobo(), {**kobo(police=2), STAMP: 3})
        first, second = found.rows["respondents"]["answered_at"]
        assert (second - first).microseconds == 3

    def test_central_tells_by_the_time_of_its_last_change(self) -> None:
        cells = flat(odk({"updatedAt": "2026-05-02T11:01:00.000Z"}))
        assert ODK.edition(cells) == 3600
        assert ODK.edition(flat(odk())) == 0
        assert ODK.edition(flat(odk({"updatedAt": "yesterday"}))) == 0


class TestHeldBack:
    def test_incomplete_responses_are_out_of_scope(self, tmp_path: Path) -> None:
        assert submitted(LIMESURVEY, context_of(tmp_path), limesurvey(submitdate=None)).out_of_scope == 1

    @pytest.mark.parametrize(
        ("state", "edition", "place"),
        [
            ("", 0, "out"),
            ("", 1, "gone"),
            ("validation_status_approved", 1, "row"),
            ("validation_status_on_hold", 0, "out"),
        ],
    )
    def test_only_approved(self, state: str, edition: int, place: str, tmp_path: Path) -> None:
        record = {**kobo(), "_validation_status": {"uid": state}, STAMP: edition}
        found = submitted(KOBO, context_of(tmp_path, only_approved=True), record)
        where = {"out": found.out_of_scope, "gone": len(found.removals), "row": found.rows["respondents"].height}
        assert [name for name, count in where.items() if count] == [place]


class TestBroken:
    @pytest.mark.parametrize(
        ("record", "rule"),
        [(b"{", "invalid_json"), (b"\xff", "invalid_json"), (b"[1]", "wrong_type"), (b"7", "wrong_type")],
    )
    def test_each_says_which_rule(self, record: bytes, rule: str, tmp_path: Path) -> None:
        assert submitted(KOBO, context_of(tmp_path), record).rules == [rule]

    def test_a_long_line_is_set_aside(self, tmp_path: Path) -> None:
        part = SubmittedAnswers(KOBO).parse_lines([Line(1, b"{", too_long=True)], context_of(tmp_path))
        assert [one.rule for one in part.rejected] == ["line_too_long"]

    def test_a_missing_codebook_is_a_mistake_of_the_configuration(self) -> None:
        with pytest.raises(BadConfiguration, match="nowhere"):
            submitted(KOBO, a_context("answers", codebook="nowhere.yaml"), kobo())

    def test_the_quarantine_gets_what_the_codebook_reads_and_nothing_else(self, tmp_path: Path) -> None:
        found = submitted(
            KOBO, context_of(tmp_path), {**kobo(police="good"), "phonenumber": "0123", "_submitted_by": "me"}
        )
        assert found.rules == ["unknown_answer"]
        assert "0123" not in (found.rejected[0].record or "")
        assert "me" not in json.loads(found.rejected[0].record or "{}").values()


class TestReports:
    def test_a_report_is_known_by_its_submission(self) -> None:
        record = {"_id": 5, "rater": "r1", "area": "T1", "date": "2026-05-02", "rating": "4", "reason": "Zebedee helps"}
        context = a_context("reports", scale="1-5")
        part = SubmittedReports(KOBO).parse_lines([Line(1, json.dumps(record).encode())], context)
        row = part.rows["reports"].row(0, named=True)
        assert (row["report"], row["reason"]) == (OpenDoor().pseudonym("record", "a_source:5"), "[name] helps")

    def test_a_refused_report_goes_whatever_else_is_wrong_with_it(self) -> None:
        record = {"_id": 5, "date": "2026-05-02", "_validation_status": {"uid": "validation_status_not_approved"}}
        part = SubmittedReports(KOBO).parse_lines([Line(1, json.dumps(record).encode())], a_context("reports"))
        assert [one.subject for one in part.removals] == [OpenDoor().pseudonym("record", "a_source:5")]


@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda one: one.service)
def test_every_service_has_its_parsers(flavour: Flavour) -> None:
    assert {("answers", flavour.service), ("reports", flavour.service)} <= set(PARSERS)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["_id", "__id", "id", "__system", "about", "person", "wave", "completed_at", "where", "police", "consent"]
)


@given(st.lists(st.dictionaries(KEYS, ANYTHING, max_size=6) | ANYTHING, max_size=6), st.sampled_from(FLAVOURS))
def test_whatever_comes_ends_in_exactly_one_place(records: list[Any], flavour: Flavour) -> None:
    context = a_context("reports", scale="1-5", columns={"rater": "person", "area": "where", "rating": "police"})
    part = SubmittedReports(flavour).parse_lines(
        [Line(number, json.dumps(one).encode()) for number, one in enumerate(records, start=1)], context
    )
    require_account(together([part]))
    assert part.read == len(records)
