"""Table files in a whole night: one clear line for what is broken, the ledger balances, and running again is free."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.city import SourceConfig
from barometer.ingest.run import ingest_source
from barometer.ledger import Counts
from barometer.night import Night
from barometer.tables import TABLES
from tests.ingest.tables.desk import OpenDoor, lines
from tests.towns import a_night, a_source

SURVEY = a_source(id="survey", signal="answers", format="csv", path="answers/*", options={"codebook": "survey"})
REPORTS = a_source(id="forms", signal="reports", format="csv", path="reports/*")
COUNTS = a_source(id="requests", signal="counts", format="csv", path="counts/*")
WALKS = a_source(id="walks", signal="observations", format="csv", path="observations/*")

ANSWER_HEADER = "id,wave,day,where,police"
REPORT_HEADER = "id,rater,area,date,rating,scale,reason"
REPORT = "1,anna,Northgate,2026-03-02,4,1-5,all well"
COUNT_HEADER = "id,series,area,date,count"
CODEBOOK: dict[str, Any] = {
    "title": "A survey",
    "source": "invented",
    "respondent": "id",
    "wave": {"column": "wave"},
    "date": {"column": "day"},
    "area": {"column": "where"},
    "items": {"trust_police": {"column": "police", "question": "?", "scale": {"minimum": 0, "maximum": 10}}},
}


def night_at(folder: Path, day: date = date(2026, 5, 9)) -> Night:
    night = a_night(folder, day, SURVEY, REPORTS, COUNTS, WALKS)
    codebooks = night.city.folder / "codebooks"
    codebooks.mkdir(parents=True, exist_ok=True)
    (codebooks / "survey.yaml").write_text(yaml.safe_dump(CODEBOOK), "utf-8")
    return night


def put(night: Night, name: str, content: str | bytes) -> None:
    path = night.settings.inbox / night.city.id / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def take_in(night: Night, source: SourceConfig) -> Counts:
    counts = ingest_source(night, source, OpenDoor())
    assert counts.is_balanced
    return counts


def table(night: Night, name: str) -> pl.DataFrame:
    return night.lake.read(name).sort(TABLES[name].key).collect()


def quarantined(night: Night) -> list[tuple[str, str]]:
    return table(night, "quarantine").select("position", "rule").rows()


class TestGoodFiles:
    def test_respondents_are_counted_and_answers_come_with_them(self, tmp_path: Path) -> None:
        night = night_at(tmp_path)
        put(night, "answers/a.csv", lines(ANSWER_HEADER, "1,1,2026-03-02,T1,6", "2,1,2026-03-02,T2,"))
        counts = take_in(night, SURVEY)
        assert (counts.read, counts.written) == (2, 2)
        assert table(night, "respondents").height == table(night, "answers").height == 2
        assert table(night, "answers")["synthetic"].all()

    @pytest.mark.parametrize(
        ("name", "pack"), [("a.csv.gz", gzip.compress), ("a.csv.zst", zstandard.ZstdCompressor().compress)]
    )
    def test_packed_files_are_files(self, tmp_path: Path, name: str, pack: Any) -> None:
        night = night_at(tmp_path)
        put(night, f"reports/{name}", pack(lines(REPORT_HEADER, REPORT).encode()))
        assert take_in(night, REPORTS).written == 1

    def test_a_file_delivered_again_is_all_duplicates(self, tmp_path: Path) -> None:
        first, second = night_at(tmp_path), night_at(tmp_path, date(2026, 5, 10))
        put(first, "reports/a.csv", lines(REPORT_HEADER, REPORT))
        take_in(first, REPORTS)
        put(second, "reports/b.csv", lines(REPORT_HEADER, REPORT, f"2{REPORT[1:]}"))
        counts = take_in(second, REPORTS)
        assert (counts.written, counts.duplicate) == (1, 1)
        assert table(second, "reports").height == 2

    def test_sources_keep_their_ids_apart(self, tmp_path: Path) -> None:
        night = night_at(tmp_path)
        put(night, "reports/a.csv", lines(REPORT_HEADER, REPORT))
        put(night, "counts/a.csv", lines(COUNT_HEADER, "1,requests,T1,2026-03-02,3"))
        take_in(night, REPORTS)
        take_in(night, COUNTS)
        assert table(night, "reports")["report"][0] != table(night, "counts")["record"][0]


class TestBrokenFiles:
    def test_a_survey_without_a_column_is_one_line_and_the_next_file_is_read(self, tmp_path: Path) -> None:
        night = night_at(tmp_path)
        put(night, "answers/a.csv", lines("id,wave,day,where", "1,1,2026-03-02,T1", "2,1,2026-03-02,T1"))
        put(night, "answers/b.csv", lines(ANSWER_HEADER, "3,1,2026-03-02,T1,6"))
        counts = take_in(night, SURVEY)
        assert (counts.written, counts.quarantined) == (1, 1)
        (row,) = table(night, "quarantine").iter_rows(named=True)
        assert (row["rule"], row["field"]) == ("missing_column", "police")
        assert row["position"].startswith("answers/a.csv")

    def test_it_is_read_as_soon_as_it_is_mended(self, tmp_path: Path) -> None:
        first, second = night_at(tmp_path), night_at(tmp_path, date(2026, 5, 10))
        put(first, "answers/a.csv", lines("id,wave,day,where", "1,1,2026-03-02,T1"))
        take_in(first, SURVEY)
        put(second, "answers/a.csv", lines(ANSWER_HEADER, "1,1,2026-03-02,T1,6"))
        assert take_in(second, SURVEY).written == 1

    @pytest.mark.parametrize(
        ("content", "rule"),
        [(b"", "empty_file"), (b"PAR1 but no more", "not_parquet"), ("id;rater\n".encode("utf-16"), "not_utf8")],
    )
    def test_a_file_that_is_none_is_one_line(self, tmp_path: Path, content: bytes, rule: str) -> None:
        night = night_at(tmp_path)
        put(night, "reports/a.csv", content)
        assert take_in(night, REPORTS).quarantined == 1
        assert [found for _, found in quarantined(night)] == [rule]

    def test_of_a_truncated_archive_what_is_whole_is_kept(self, tmp_path: Path) -> None:
        rows = [f"{number}{REPORT[1:]}" for number in range(20_000)]
        packed = zstandard.ZstdCompressor(level=1).compress(lines(REPORT_HEADER, *rows).encode())
        night = night_at(tmp_path)
        put(night, "reports/a.csv.zst", packed[: len(packed) * 3 // 4])
        counts = take_in(night, REPORTS)
        assert counts.quarantined == 1
        assert 0 < counts.written < len(rows)


class TestBrokenRows:
    def test_each_kind_is_one_line_and_the_good_rows_stay(self, tmp_path: Path) -> None:
        night = night_at(tmp_path)
        header = "id,name,startedAt,endedAt,location,modePedestrian"
        good = '1,Square,2026-05-04T10:00:00Z,2026-05-04T10:10:00Z,"-1.95, 53.05",4'
        bad = [
            good.replace("1,", "2,", 1).replace("-1.95", "nan"),
            good.replace("1,", "3,", 1).replace("2026-", "1969-"),
            good.replace("1,", "4,", 1).replace("2026-", "2169-"),
            good.replace("1,", "5,", 1) + ",surplus",
        ]
        put(night, "observations/a.csv", lines(header, good, *bad))
        counts = take_in(night, WALKS)
        assert (counts.written, counts.quarantined) == (1, 4)
        assert [rule for _, rule in quarantined(night)] == [
            "impossible_coordinates",
            "implausible_date",
            "implausible_date",
            "wrong_number_of_cells",
        ]

    def test_one_id_with_two_contents_is_set_aside_and_nothing_lost(self, tmp_path: Path) -> None:
        night = night_at(tmp_path)
        put(night, "reports/a.csv", lines(REPORT_HEADER, REPORT, REPORT, REPORT.replace(",4,", ",2,")))
        counts = take_in(night, REPORTS)
        assert counts.read == 3
        assert counts.written + counts.duplicate + counts.quarantined == 3
        assert counts.quarantined >= 1
        assert any("conflict" in rule for _, rule in quarantined(night))

    def test_a_respondent_who_did_not_agree_leaves_nothing(self, tmp_path: Path) -> None:
        night = night_at(tmp_path)
        book = CODEBOOK | {"consent": {"column": "ok", "given": ["yes"]}}
        (night.city.folder / "codebooks" / "survey.yaml").write_text(yaml.safe_dump(book), "utf-8")
        rows = ("1,1,2026-03-02,T1,6,yes", "2,1,2026-03-02,T1,7,no")
        put(night, "answers/a.csv", lines(f"{ANSWER_HEADER},ok", *rows))
        counts = take_in(night, SURVEY)
        assert (counts.written, counts.removed) == (1, 1)
        assert table(night, "answers")["value"].to_list() == [6.0]
        assert table(night, "removals")["reason"].to_list() == ["consent_withdrawn"]


ROW = st.tuples(
    st.integers(1, 4).map(str),
    st.sampled_from(["anna", "ben", ""]),
    st.sampled_from(["Northgate", "T2", "?"]),
    st.sampled_from(["2026-03-02", "1969-01-01", ""]),
    st.integers(0, 6).map(str),
)


@settings(max_examples=15)
@given(st.lists(ROW, max_size=8), st.lists(ROW, max_size=8))
def test_any_rows_balance_and_running_a_night_again_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, one: Sequence[tuple[str, ...]], other: Sequence[tuple[str, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("night")
    first, second = night_at(folder), night_at(folder, date(2026, 5, 10))
    for night, name, rows in ((first, "a", one), (second, "b", other)):
        put(night, f"reports/{name}.csv", lines(REPORT_HEADER, *(",".join((*row, "1-5", "x")) for row in rows)))
        counts = take_in(night, REPORTS)
        tables = {name: table(night, name) for name in ("reports", "quarantine", "ledger", "cursors")}
        assert counts.read == len(rows)
        assert take_in(night, REPORTS) == counts
        assert all(table(night, name).equals(frame) for name, frame in tables.items())
    assert table(second, "reports")["report"].is_unique().all()
