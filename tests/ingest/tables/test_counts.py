"""Dated counts are placed and kept, one row a record."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.source import UnusableFile
from barometer.ingest.tables import cells
from barometer.ingest.tables.counts import CountsTable
from tests.ingest.tables.desk import OpenDoor, Whole, a_context, lines, parse

HEADER = "id,series,area,date,count"
GOOD = "1,service_requests,Northgate,2026-03-02,3"


def counts(*rows: str, header: str = HEADER, **options: object) -> Whole:
    return parse(CountsTable(), lines(header, *rows), a_context("counts", **options))


def records(whole: Whole) -> list[str]:
    found: list[str] = whole.rows["counts"]["record"].to_list()
    return found


def test_a_good_row_is_one_count() -> None:
    assert counts(GOOD).first("counts") == {
        "record": OpenDoor().pseudonym("record", "a_source:1"),
        "series": "service_requests",
        "area": "T1",
        "counted_on": date(2026, 3, 2),
        "count": 3.0,
        "position": "inbox/file.csv:2",
    }


class TestPlaces:
    @pytest.mark.parametrize(
        ("point", "area"), [("-1.95,53.05", "T1"), ("-1.65,53.05", "T4"), ("0,0", None), (",", None)]
    )
    def test_points_are_placed_by_polygon(self, point: str, area: str | None) -> None:
        header = "series,longitude,latitude,date,count"
        assert counts(f"footfall,{point},2026-03-02,9", header=header).first("counts")["area"] == area

    @pytest.mark.parametrize("point", ["nan,53.05", "-1.95,", "-1.95,91", "east,west"])
    def test_impossible_points_set_the_row_aside(self, point: str) -> None:
        whole = counts(f"footfall,{point},2026-03-02,9", header="series,longitude,latitude,date,count")
        assert whole.rules == ["impossible_coordinates"]

    def test_a_count_of_the_whole_city_has_no_area(self) -> None:
        assert counts(GOOD.replace("Northgate", "")).first("counts")["area"] is None


class TestDays:
    def test_a_time_belongs_to_its_local_day(self) -> None:
        whole = counts(GOOD.replace("2026-03-02", "2026-04-01T23:30:00Z"))
        assert whole.first("counts")["counted_on"] == date(2026, 4, 2)

    def test_the_time_zone_may_be_the_sources(self) -> None:
        whole = counts(GOOD.replace("2026-03-02", "2026-04-01T23:30:00Z"), timezone="UTC")
        assert whole.first("counts")["counted_on"] == date(2026, 4, 1)

    def test_other_ways_to_write_dates(self) -> None:
        whole = counts(GOOD.replace("2026-03-02", "02/03/2026"), date_formats=["%d/%m/%Y"])
        assert whole.first("counts")["counted_on"] == date(2026, 3, 2)


class TestSeriesAndIds:
    def test_the_series_may_be_the_sources(self) -> None:
        whole = counts("T1,2026-03-02,3", header="area,date,count", series="footfall")
        assert whole.first("counts")["series"] == "footfall"

    def test_records_without_ids_are_told_apart_by_place_day_and_rank(self) -> None:
        rows = ["s,T1,2026-03-02,3", "s,T1,2026-03-02,3", "s,T2,2026-03-02,3"]
        whole = counts(*rows, header="series,area,date,count")
        assert len(set(records(whole))) == 3
        assert records(whole) == records(counts(*rows, header="series,area,date,count"))

    def test_ranks_go_on_from_block_to_block(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = ["s,T1,2026-03-02,3"] * 5
        at_once = records(counts(*rows, header="series,area,date,count"))
        monkeypatch.setattr(cells, "_ROWS_A_BLOCK", 2)
        assert records(counts(*rows, header="series,area,date,count")) == at_once
        assert len(set(at_once)) == 5

    @pytest.mark.parametrize("missing", ["date", "count", "series", "area"])
    def test_a_missing_column_is_named(self, missing: str) -> None:
        with pytest.raises(UnusableFile, match=f"missing: {missing}"):
            counts(GOOD, header=HEADER.replace(missing, "other"))


class TestRowsSetAside:
    @pytest.mark.parametrize(
        ("old", "new", "rule", "field"),
        [
            ("1,s", ",s", "missing_field", "id"),
            ("service_requests", "", "missing_field", "series"),
            ("Northgate", "Atlantis", "unknown_area", "area"),
            ("2026-03-02", "March", "invalid_date", "date"),
            ("2026-03-02", "1969-03-02", "implausible_date", "date"),
            ("2026-03-02", "2169-03-02", "implausible_date", "date"),
            (",3", ",", "invalid_count", "count"),
            (",3", ",-1", "invalid_count", "count"),
            (",3", ",nan", "invalid_count", "count"),
            (",3", ",inf", "invalid_count", "count"),
            (",3", ",many", "invalid_count", "count"),
        ],
    )
    def test_each_says_which_rule_and_field(self, old: str, new: str, rule: str, field: str) -> None:
        whole = counts(GOOD.removesuffix(old) + new if GOOD.endswith(old) else GOOD.replace(old, new, 1))
        assert [(one.rule, one.field) for one in whole.rejected] == [(rule, field)]

    def test_nought_is_a_count(self) -> None:
        assert counts(GOOD.removesuffix("3") + "0").first("counts")["count"] == 0.0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["requests", "footfall", ""]),
            st.sampled_from(["Northgate", "", "?"]),
            st.sampled_from(["2026-03-02", "2169-01-01", ""]),
            st.one_of(st.floats().map(str), st.just("")),
        ),
        max_size=12,
    )
)
def test_every_row_ends_in_exactly_one_place_and_records_are_told_apart(rows: list[tuple[str, ...]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([HEADER.removeprefix("id,").split(","), *rows])
    whole = parse(CountsTable(), text.getvalue(), a_context("counts"))
    assert len(set(records(whole))) == len(records(whole))
    assert (whole.rows["counts"]["count"] >= 0).all()


def test_a_footfall_counters_own_names_and_dates_are_mapped() -> None:
    content = lines("Site,Timestamp,Total pedestrians,Weather", "Northgate,02/05/2026 13:00,418,dry")
    names = {"date": "Timestamp", "count": "Total pedestrians", "area": "Site"}
    context = a_context("counts", series="footfall", columns=names, date_formats=["%d/%m/%Y %H:%M"])
    row = parse(CountsTable(), content, context).first("counts")
    assert (row["series"], row["area"], row["counted_on"], row["count"]) == ("footfall", "T1", date(2026, 5, 2), 418.0)
