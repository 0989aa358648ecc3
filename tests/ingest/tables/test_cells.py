"""CSV and Parquet documents become blocks of text cells; what is broken is set aside row by row."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.source import Rejected, UnusableFile
from barometer.ingest.tables import cells
from barometer.ingest.tables.cells import LINE, MAXIMUM_LINE_BYTES, as_record, read_blocks
from tests.ingest.tables.desk import a_context, lines

CONTEXT = a_context("counts")


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes at a time, as one that is being unpacked may."""

    def __init__(self, data: bytes, size: int = 3) -> None:
        self._rest, self._size = data, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        taken = self._rest[: min(self._size, len(buffer))]
        self._rest = self._rest[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)


def read(content: str | bytes) -> tuple[pl.DataFrame, list[Rejected]]:
    data = content.encode() if isinstance(content, str) else content
    blocks = list(read_blocks(io.BytesIO(data), CONTEXT))
    return pl.concat([block.frame for block in blocks]), [one for block in blocks for one in block.rejected]


def written(header: list[str], rows: list[list[str]], **dialect: Any) -> str:
    text = io.StringIO()
    csv.writer(text, **dialect).writerows([header, *rows])
    return text.getvalue()


class TestWellFormedFiles:
    def test_cells_are_stripped_text_and_empty_ones_are_null(self) -> None:
        frame, rejected = read(lines("a,b ", " x ,", "1.50, y"))
        assert not rejected
        assert frame.to_dicts() == [{LINE: 2, "a": "x", "b": None}, {LINE: 3, "a": "1.50", "b": "y"}]

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_the_delimiter_is_found_from_the_header(self, delimiter: str) -> None:
        frame, _ = read(written(["a", "b", "c"], [["1", "2,5", "x;y"]], delimiter=delimiter))
        assert frame.row(0) == (2, "1", "2,5", "x;y")

    def test_a_byte_order_mark_is_no_part_of_the_first_name(self) -> None:
        frame, _ = read("\ufeffa,b\n1,2\n")
        assert frame.columns == [LINE, "a", "b"]

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_a_last_line_without_an_end_is_a_row(self, end: str) -> None:
        frame, _ = read(f"a,b{end}1,2{end}3,4")
        assert frame["a"].to_list() == ["1", "3"]

    def test_a_quoted_cell_may_hold_lines_and_the_row_is_named_by_its_first(self) -> None:
        frame, _ = read(lines("a,b", '1,"two', 'lines"', "2,x"))
        assert frame[LINE].to_list() == [2, 4]
        assert frame["b"].to_list() == ["two\nlines", "x"]

    def test_blank_rows_are_no_records(self) -> None:
        frame, rejected = read(lines("a,b", "", " , ", "1,2", ""))
        assert frame[LINE].to_list() == [4]
        assert not rejected

    def test_empty_cells_beyond_the_header_are_forgiven(self) -> None:
        frame, rejected = read(lines("a,b", "1,2,,"))
        assert frame.height == 1
        assert not rejected

    def test_a_column_without_a_name_gets_one(self) -> None:
        frame, _ = read(lines("a,,c", "1,2,3"))
        assert frame.columns == [LINE, "a", "column_2", "c"]

    def test_a_header_alone_is_a_file_without_records(self) -> None:
        frame, rejected = read("a,b\n")
        assert frame.height == 0
        assert not rejected

    def test_bytes_may_come_in_any_pieces(self) -> None:
        text = lines("a,b", "1,é", "2,x").encode()
        frame = pl.concat(block.frame for block in read_blocks(Trickle(text), CONTEXT))
        assert frame["b"].to_list() == ["é", "x"]

    def test_large_files_come_in_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cells, "_ROWS_A_BLOCK", 10)
        text = lines("a", *map(str, range(25)))
        sizes = [block.read for block in read_blocks(io.BytesIO(text.encode()), CONTEXT)]
        assert sum(sizes) == 25
        assert max(sizes) <= 10


class TestBrokenRows:
    @pytest.mark.parametrize("row", ["1", "1,2,3"])
    def test_a_row_of_another_width_is_set_aside(self, row: str) -> None:
        frame, rejected = read(lines("a,b", row, "1,2"))
        assert frame[LINE].to_list() == [3]
        assert [(one.position, one.rule) for one in rejected] == [("inbox/file.csv:2", "wrong_number_of_cells")]
        assert json.loads(rejected[0].record or "") == row.split(",")

    def test_a_line_that_is_not_utf8_is_set_aside_and_the_next_is_read(self) -> None:
        frame, rejected = read(b"a,b\n1,caf\xe9\n2,x\n")
        assert frame["a"].to_list() == ["2"]
        assert rejected[0].rule == "invalid_utf8"
        assert "UTF-8" in rejected[0].reason

    def test_a_line_that_is_too_long_is_set_aside_and_the_next_is_read(self) -> None:
        frame, rejected = read(b"a,b\n1," + b"x" * (2 * MAXIMUM_LINE_BYTES) + b"\n2,y\n")
        assert frame["a"].to_list() == ["2"]
        assert [(one.position, one.rule) for one in rejected] == [("inbox/file.csv:2", "line_too_long")]

    def test_a_last_line_that_is_too_long_is_set_aside(self) -> None:
        frame, rejected = read(b"a,b\n2,y\n1," + b"x" * (2 * MAXIMUM_LINE_BYTES))
        assert frame["a"].to_list() == ["2"]
        assert [one.rule for one in rejected] == ["line_too_long"]

    def test_a_quotation_mark_that_is_never_closed_is_one_rejected_record_with_its_lines(self) -> None:
        body = [f"{number},plain" for number in range(20_000)]
        frame, rejected = read(lines("a,b", "1,x", '2,"open', *body))
        assert frame["a"][0] == "1"
        assert rejected[0].rule == "malformed_csv"
        assert "quotation mark" in rejected[0].reason
        assert "lines 3 to" in rejected[0].reason


class TestUnusableFiles:
    @pytest.mark.parametrize(
        ("content", "rule"),
        [
            (b"", "empty_file"),
            (b"\n1,2\n", "no_header"),
            (b",,\n1,2,3\n", "no_header"),
            (b"caf\xe9,b\n1,2\n", "no_header"),
            (b"a,b,a\n1,2,3\n", "repeated_column"),
            ("a,b\n1,2\n".encode("utf-16"), "not_utf8"),
            (b"PAR1 is how it begins, but it is none", "not_parquet"),
        ],
    )
    def test_it_is_refused_with_what_to_do(self, content: bytes, rule: str) -> None:
        with pytest.raises(UnusableFile) as refusal:
            read(content)
        assert refusal.value.rule == rule
        assert "\n" not in str(refusal.value)
        assert ";" in str(refusal.value)


class TestParquet:
    def as_parquet(self, frame: pl.DataFrame) -> bytes:
        file = io.BytesIO()
        frame.write_parquet(file)
        return file.getvalue()

    def test_cells_become_text_with_the_row_a_csv_file_would_have(self) -> None:
        frame = pl.DataFrame({" a": [1, None], "b": ["x", " "], "c": [0.5, 2.0]})
        read_back, _ = read(self.as_parquet(frame))
        assert read_back.to_dicts() == [
            {LINE: 2, "a": "1", "b": "x", "c": "0.5"},
            {LINE: 3, "a": None, "b": None, "c": "2.0"},
        ]

    def test_columns_that_are_no_cells_are_refused_by_name(self) -> None:
        with pytest.raises(UnusableFile, match="tags") as refusal:
            read(self.as_parquet(pl.DataFrame({"tags": [["x"]]})))
        assert refusal.value.rule == "nested_column"


class TestAsRecord:
    def test_it_tells_only_the_cells_that_hold_something(self) -> None:
        assert json.loads(as_record({"a": "x", "b": None, "_line": 3})) == {"a": "x"}


CELL = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)
NAMES = st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True), min_size=2, max_size=5, unique=True)


@given(st.data(), NAMES)
def test_whatever_is_written_as_csv_is_read_back(data: st.DataObject, header: list[str]) -> None:
    rows = data.draw(st.lists(st.lists(CELL, min_size=len(header), max_size=len(header)), max_size=8))
    frame, rejected = read(written(header, rows))
    assert not rejected
    wanted = [[cell.strip() or None for cell in row] for row in rows if any(cell.strip() for cell in row)]
    assert [list(row[1:]) for row in frame.iter_rows()] == wanted


@given(st.binary(max_size=400))
def test_any_bytes_are_read_set_aside_or_refused(content: bytes) -> None:
    blocks: list[cells.Block] = []
    with contextlib.suppress(UnusableFile):
        blocks = list(read_blocks(io.BytesIO(content), CONTEXT))
    positions = [one.position for block in blocks for one in block.rejected]
    read_lines = [line for block in blocks for line in block.frame[LINE]]
    assert len(set(positions)) == len(positions)
    assert len(set(read_lines)) == len(read_lines)
    assert sum(block.read for block in blocks) == len(positions) + len(read_lines)
