"""A CSV or Parquet document -> blocks of rows of text, each with its line number; broken rows are set aside."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import polars as pl

from barometer.ingest.source import Context, Rejected, UnusableFile

LINE = "_line"
"""Column of a block that holds each row's line in the file (row number + 1 in a Parquet file)."""

MAXIMUM_LINE_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 20
_ROWS_A_BLOCK = 50_000
_DELIMITERS = ",;\t|"
_PARQUET_MAGIC = b"PAR1"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_ROW_ADVICE = "mend the row and deliver the file again under a new name"


@dataclass(frozen=True)
class Block:
    """Some rows of a document: `frame` has all columns as text (empty cells null) and `LINE`; unreadable rows apart."""

    frame: pl.DataFrame
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def read(self) -> int:
        """Records in this block, readable or not."""
        return self.frame.height + len(self.rejected)


def read_blocks(stream: BinaryIO, context: Context) -> Iterator[Block]:
    """Blocks of a CSV file (UTF-8, header first, delimiter found from the header) or of a Parquet file.

    Raises `UnusableFile` when the file is empty, has no usable header, or is not what it seems.
    """
    start = _read_exactly(stream, len(_PARQUET_MAGIC))
    if start == _PARQUET_MAGIC:
        yield _parquet_block(start + stream.read())
        return
    _refuse_other_encodings(start)
    yield from _csv_blocks(_Lines(stream, start), context)


def as_record(row: dict[str, Any]) -> str:
    """The row as one JSON object of its cells that hold something, for the quarantine."""
    told = {name: value for name, value in row.items() if value is not None and not name.startswith("_")}
    return json.dumps(told, ensure_ascii=False, default=str)


class _Lines:
    """Text lines of a byte stream; remembers which of them were too long or not UTF-8."""

    def __init__(self, stream: BinaryIO, start: bytes) -> None:
        self._pieces = _split_lines(stream, start)
        self.number = 0
        self.faults: dict[int, tuple[str, str]] = {}

    def __iter__(self) -> Iterator[str]:
        for data, is_too_long in self._pieces:
            self.number += 1
            yield self._decoded(data, is_too_long)

    def _decoded(self, data: bytes, is_too_long: bool) -> str:
        if is_too_long:
            self.faults[self.number] = ("line_too_long", "the line is longer than 1 MiB; split it or mend its quotes")
            return "\n"
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            self.faults[self.number] = ("invalid_utf8", "the line is not UTF-8; save the file as UTF-8")
            return data.decode("utf-8", "replace")

    def take_faults(self) -> list[tuple[str, str]]:
        """Faults of the lines read since the last call."""
        faults, self.faults = list(self.faults.values()), {}
        return faults


def _read_exactly(stream: BinaryIO, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := stream.read(size - len(data))):
        data += piece
    return data


def _split_lines(stream: BinaryIO, start: bytes) -> Iterator[tuple[bytes, bool]]:
    """Lines with their ends; of one that is longer than allowed only that it was."""
    rest, is_too_long = start, False
    while chunk := stream.read(_CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line + b"\n", is_too_long or len(line) > MAXIMUM_LINE_BYTES
            is_too_long = False
        if len(rest) > MAXIMUM_LINE_BYTES:
            rest, is_too_long = b"", True
    yield from _last_lines(rest, is_too_long)


def _last_lines(rest: bytes, is_too_long: bool) -> Iterator[tuple[bytes, bool]]:
    for line in rest.splitlines(keepends=True) or ([b""] if is_too_long else []):
        yield line, is_too_long
        is_too_long = False


def _refuse_other_encodings(start: bytes) -> None:
    if not start:
        raise UnusableFile("the file is empty; deliver it again with its rows", rule="empty_file")
    if start[:2] in _UTF16_MARKS:
        raise UnusableFile("the file is UTF-16; save it as UTF-8 CSV", rule="not_utf8")


def _csv_blocks(lines: _Lines, context: Context) -> Iterator[Block]:
    text = iter(lines)
    header_line = next(text).removeprefix("\ufeff")
    delimiter = max(_DELIMITERS, key=header_line.count)
    header = _header(next(csv.reader([header_line], delimiter=delimiter), []), lines)
    rows = _Rows(csv.reader(text, delimiter=delimiter), lines, len(header), context)
    while not rows.is_at_end:
        whole = list(itertools.islice(rows, _ROWS_A_BLOCK))
        yield Block(_frame(header, whole), rows.take_rejected())


def _header(cells: Sequence[str], lines: _Lines) -> list[str]:
    names = [cell.strip() or f"column_{place}" for place, cell in enumerate(cells, start=1)]
    if lines.take_faults() or not any(cell.strip() for cell in cells):
        raise UnusableFile("the first line is not a header of column names in UTF-8; add one", rule="no_header")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UnusableFile(
            f"columns are named twice: {', '.join(repeated)}; give each its own name", rule="repeated_column"
        )
    return names


class _Rows:
    """Rows of the right width, each preceded by its line number; keeps the others as rejected records."""

    def __init__(self, reader: Iterator[list[str]], lines: _Lines, width: int, context: Context) -> None:
        self._reader, self._lines, self._width, self._context = reader, lines, width, context
        self._rejected: list[Rejected] = []
        self.is_at_end = False

    def __iter__(self) -> Iterator[list[Any]]:
        while not self.is_at_end:
            line = self._lines.number + 1
            row = self._next(line)
            faults = self._lines.take_faults()
            if faults:
                self._reject(line, *faults[0], row=row)
            elif any(cell.strip() for cell in row):
                yield from self._of_width(row, line)

    def take_rejected(self) -> list[Rejected]:
        """Rejected records since the last call."""
        rejected, self._rejected = self._rejected, []
        return rejected

    def _next(self, line: int) -> list[str]:
        """The next row; an empty one at the end of the file or where the lines are no row (which is then rejected)."""
        try:
            return next(self._reader)
        except StopIteration:
            self.is_at_end = True
        except csv.Error:
            self._lines.take_faults()
            self._reject(line, "malformed_csv", f"no readable row: a quotation mark is not closed; {_ROW_ADVICE}")
        return []

    def _of_width(self, row: list[str], line: int) -> Iterator[list[Any]]:
        has_surplus = any(cell.strip() for cell in row[self._width :])
        if len(row) >= self._width and not has_surplus:
            yield [line, *row[: self._width]]
            return
        reason = f"the row has {len(row)} cells where the header has {self._width}; {_ROW_ADVICE}"
        self._reject(line, "wrong_number_of_cells", reason, row=row)

    def _reject(self, first: int, rule: str, reason: str, *, row: Sequence[str] = ()) -> None:
        last = self._lines.number
        where = f" (lines {first} to {last})" if last > first else ""
        told = json.dumps(list(row), ensure_ascii=False) if row else None
        self._rejected.append(Rejected(self._context.position(first), rule, reason + where, record=told))


def _frame(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> pl.DataFrame:
    columns = list(zip(*rows, strict=True)) or [()] * (len(header) + 1)
    schema = {LINE: pl.Int64(), **dict.fromkeys(header, pl.String())}
    return _emptied_cells(pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema))


def _emptied_cells(frame: pl.DataFrame) -> pl.DataFrame:
    stripped = pl.col(pl.String).str.strip_chars()
    return frame.with_columns(pl.when(stripped != "").then(stripped).name.keep())


def _parquet_block(data: bytes) -> Block:
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except Exception as fault:  # polars raises several unrelated types here; all mean the same to whoever delivered it
        raise UnusableFile(
            f"not a readable Parquet file ({type(fault).__name__}); deliver it again", rule="not_parquet"
        ) from fault
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested() or dtype == pl.Binary]
    if nested:
        raise UnusableFile(
            f"columns {', '.join(nested)} are not plain cells; write text, numbers or dates", rule="nested_column"
        )
    text = frame.rename(str.strip).with_columns(pl.all().cast(pl.String))
    return Block(_emptied_cells(text.with_row_index(LINE, offset=2).with_columns(pl.col(LINE).cast(pl.Int64))))
