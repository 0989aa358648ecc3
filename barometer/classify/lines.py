"""`{"id", "text"}` JSON lines, plain, gzip or zstd, read as a stream; what cannot be used is named, not passed over."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import zstandard

from barometer.errors import BadInput

MAXIMUM_LINE_BYTES = 1_000_000
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_MARK = b"\xef\xbb\xbf"
_CHUNK_BYTES = 1 << 14
_EXAMPLE = 'each line must be {"id": "…", "text": "…"}'


@dataclass(frozen=True)
class Line:
    """One post of the file."""

    id: str
    text: str


@dataclass(frozen=True)
class Rejected:
    """A line that cannot be used: its number, the field at fault (empty: the line as a whole) and why."""

    number: int
    field: str
    reason: str


class _Unzstd(io.RawIOBase):
    """Decompressed bytes of zstd frames; unlike `stream_reader`, it raises when the data end inside a frame."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._waiting = file, b""
        self._frame = zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._waiting:
            data = self._frame.unused_data if self._frame.eof else b""
            data = data or self._file.read(_CHUNK_BYTES)
            if not data:
                return self._ended()
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj()
            self._waiting = self._frame.decompress(data)
        size = min(len(buffer), len(self._waiting))
        buffer[:size], self._waiting = self._waiting[:size], self._waiting[size:]
        return size

    def _ended(self) -> int:
        if not self._frame.eof:
            raise EOFError("the zstd data end inside a frame")
        return 0


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The file as stored (to tell how far it was read) and its uncompressed bytes; the kind is told by its first bytes.

    Raises `BadInput` when the file is not there or cannot be opened.
    """
    try:
        stored = path.open("rb")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); give a file of JSON lines") from error
    with stored:
        start = stored.read(4)
        stored.seek(0)
        if start.startswith(_GZIP):
            yield stored, cast(BinaryIO, gzip.GzipFile(fileobj=stored))
        elif start.startswith(_ZSTD):
            yield stored, cast(BinaryIO, io.BufferedReader(_Unzstd(stored)))
        else:
            yield stored, stored


def lines(file: BinaryIO) -> Iterator[Line | Rejected]:
    """Every line of `file` as a post or a rejection, in order; blank lines are none. Memory stays bounded."""
    number = 0
    try:
        for number, line in enumerate(_raw_lines(file), start=1):
            if line is None:
                yield Rejected(number, "", f"is longer than {MAXIMUM_LINE_BYTES:,} bytes; split or shorten it")
            elif line.strip():
                yield _parsed(number, line.removeprefix(_MARK) if number == 1 else line)
    except (EOFError, zlib.error, zstandard.ZstdError, gzip.BadGzipFile) as error:
        yield Rejected(number + 1, "", f"compressed data end early or are damaged ({error}); send the file again")


def _raw_lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Lines as bytes; None for one that is too long, whose bytes are dropped as they are read."""
    while line := file.readline(MAXIMUM_LINE_BYTES + 1):
        if len(line) <= MAXIMUM_LINE_BYTES:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(MAXIMUM_LINE_BYTES)
        yield None


def _parsed(number: int, line: bytes) -> Line | Rejected:
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Rejected(number, "", f"is not JSON in UTF-8 ({error}); {_EXAMPLE}")
    if not isinstance(record, dict):
        return Rejected(number, "", f"is not a JSON object; {_EXAMPLE}")
    identity = record.get("id")
    if isinstance(identity, int) and not isinstance(identity, bool):
        identity = str(identity)
    if not isinstance(identity, str) or not identity:
        return Rejected(number, "id", f"must be text or a whole number, and is {_kind(identity)}; {_EXAMPLE}")
    if not isinstance(record.get("text"), str):
        return Rejected(number, "text", f"must be text, and is {_kind(record.get('text'))}; {_EXAMPLE}")
    return Line(identity, record["text"])


def _kind(value: object) -> str:
    """What a value is, without showing it."""
    names = {str: "empty", bool: "true or false", dict: "an object", list: "a list", type(None): "missing"}
    return names.get(type(value), "a number")
