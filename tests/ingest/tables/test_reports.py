"""Practitioners' ratings become reports, each on its own scale."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.source import UnusableFile
from barometer.ingest.tables.reports import Reports
from tests.ingest.tables.desk import OpenDoor, Whole, a_context, lines, parse

HEADER = "id,rater,area,date,rating,scale,reason"
GOOD = "1,anna,Northgate,2026-03-02,4,1-5,Zebedee says people talk again"


def reports(*rows: str, header: str = HEADER, **options: object) -> Whole:
    return parse(Reports(), lines(header, *rows), a_context("reports", **options))


def test_a_good_row_is_one_report() -> None:
    door = OpenDoor()
    assert reports(GOOD).first("reports") == {
        "report": door.pseudonym("record", "a_source:1"),
        "rater": door.pseudonym("rater", "a_source:anna"),
        "reported_at": datetime(2026, 3, 2, 12, tzinfo=UTC),
        "area": "T1",
        "rating": 4.0,
        "scale_minimum": 1.0,
        "scale_maximum": 5.0,
        "reason": "[name] says people talk again",
        "position": "inbox/file.csv:2",
    }


class TestColumns:
    def test_case_blanks_and_own_names_do_not_matter(self) -> None:
        header = "ID, RATER ,Where,Date,Score,Scale,Reason"
        whole = reports(GOOD, header=header, columns={"area": "Where", "rating": "Score"})
        assert whole.rows["reports"].equals(reports(GOOD).rows["reports"])

    def test_the_scale_may_be_the_sources(self) -> None:
        whole = reports("1,anna,T1,2026-03-02,7", header="id,rater,area,date,rating", scale="0-10")
        assert (whole.first("reports")["scale_minimum"], whole.first("reports")["scale_maximum"]) == (0.0, 10.0)
        assert whole.first("reports")["reason"] is None

    def test_a_rows_own_scale_goes_before_the_sources(self) -> None:
        assert reports(GOOD, scale="0-10").first("reports")["scale_maximum"] == 5.0

    @pytest.mark.parametrize("missing", ["rater", "area", "date", "rating", "scale"])
    def test_a_missing_column_is_named(self, missing: str) -> None:
        with pytest.raises(UnusableFile, match=f"missing: {missing}"):
            reports(GOOD, header=HEADER.replace(missing, "other"))


class TestIds:
    def test_a_report_without_id_is_known_by_rater_area_and_date(self) -> None:
        header = HEADER.removeprefix("id,")
        first, again, other = (
            reports(row, header=header).first("reports")["report"]
            for row in (GOOD[2:], GOOD[2:].replace(",4,", ",5,"), GOOD[2:].replace("anna", "ben"))
        )
        assert first == again
        assert first != other

    def test_a_row_whose_id_is_empty_is_known_so_too(self) -> None:
        whole = reports(GOOD[1:], GOOD)
        assert whole.rows["reports"]["report"].n_unique() == 2


class TestRowsSetAside:
    @pytest.mark.parametrize(
        ("old", "new", "rule", "field"),
        [
            ("anna", "", "missing_field", "rater"),
            ("Northgate", "", "missing_field", "area"),
            ("Northgate", "Atlantis", "unknown_area", "area"),
            ("2026-03-02", "", "invalid_date", "date"),
            ("2026-03-02", "2 March", "invalid_date", "date"),
            ("2026-03-02", "1969-03-02", "implausible_date", "date"),
            ("2026-03-02", "2169-03-02", "implausible_date", "date"),
            (",4,", ",,", "invalid_rating", "rating"),
            (",4,", ",good,", "invalid_rating", "rating"),
            (",4,", ",nan,", "invalid_rating", "rating"),
            (",4,", ",0,", "rating_outside_scale", "rating"),
            (",4,", ",5.01,", "rating_outside_scale", "rating"),
            ("1-5", "", "invalid_scale", "scale"),
            ("1-5", "5-1", "invalid_scale", "scale"),
            ("1-5", "stars", "invalid_scale", "scale"),
        ],
    )
    def test_each_says_which_rule_and_field(self, old: str, new: str, rule: str, field: str) -> None:
        whole = reports(GOOD.replace(old, new))
        assert [(one.rule, one.field) for one in whole.rejected] == [(rule, field)]
        assert whole.rows["reports"].height == 0

    @pytest.mark.parametrize("rating", ["1", "5", "3.5"])
    def test_the_ends_of_the_scale_are_on_it(self, rating: str) -> None:
        assert reports(GOOD.replace(",4,", f",{rating},")).first("reports")["rating"] == float(rating)

    def test_no_reason_quotes_the_record(self) -> None:
        whole = reports(GOOD.replace("Northgate", "Atlantis"))
        assert "Atlantis" not in whole.rejected[0].reason
        assert "Atlantis" in (whole.rejected[0].record or "")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["anna", "ben", ""]),
            st.sampled_from(["Northgate", "T2", "", "?"]),
            st.sampled_from(["2026-03-02", "2026-03-02T10:00:00Z", "1969-01-01", ""]),
            st.one_of(st.floats().map(str), st.just("")),
            st.sampled_from(["1-5", "0-10", "-3..3", "", "5-1", "?"]),
            st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=10),
        ),
        max_size=10,
    )
)
def test_every_row_ends_in_exactly_one_place_and_every_rating_on_its_scale(rows: list[tuple[str, ...]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([HEADER.removeprefix("id,").split(","), *rows])
    whole = parse(Reports(), text.getvalue(), a_context("reports"))
    frame = whole.rows["reports"]
    assert (frame["rating"] >= frame["scale_minimum"]).all()
    assert (frame["rating"] <= frame["scale_maximum"]).all()
    assert frame["area"].null_count() == 0
