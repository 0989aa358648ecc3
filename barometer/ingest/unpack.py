"""Bytes of a file, plain, gzip or zstd, in bounded pieces; and lines of bounded length cut from them."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

import zstandard

from barometer.ingest.source import Line

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAXIMUM_LINE_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 20
# One compressed block makes at most 128 KiB from 4 bytes, so small pieces keep even a hostile file's output bounded.
_PACKED_CHUNK_BYTES = 1 << 10
_KEPT_OF_A_LONG_LINE = 2_000
_WHOLE_DIGEST_BYTES = 64 << 20
_SAMPLE_BYTES = 64 << 10
_SAMPLES = 32

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


class _Frame(Protocol):
    """A decompressor of one frame, as both libraries have it."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class BrokenArchive(Exception):
    """A compressed file ends too early or is damaged after `intact_bytes` of content."""

    def __init__(self, intact_bytes: int) -> None:
        super().__init__(intact_bytes)
        self.intact_bytes = intact_bytes


def is_packed(path: Path) -> bool:
    """Whether the file is gzip or zstd, by its first bytes, whatever it is called."""
    with path.open("rb") as file:
        return file.read(4).startswith((_GZIP, _ZSTD))


def unpacked(path: Path) -> Iterator[bytes]:
    """Content of the file in pieces. Raises `BrokenArchive` after the intact part of a file that breaks off."""
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start.startswith(_GZIP):
            yield from _unpack(file, lambda: zlib.decompressobj(wbits=zlib.MAX_WBITS | 16))
        elif start.startswith(_ZSTD):
            yield from _unpack(file, zstandard.ZstdDecompressor().decompressobj)
        else:
            yield from _pieces(file, _CHUNK_BYTES)


def stretch(path: Path, start: int, end: int) -> Iterator[bytes]:
    """Bytes start..end of a plain file, in pieces."""
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (piece := file.read(min(_CHUNK_BYTES, end - start))):
            start += len(piece)
            yield piece


def cut_lines(pieces: Iterable[bytes], first_number: int = 1) -> Iterator[tuple[Line, bool]]:
    """Lines, each with whether a line end followed it; never more than two pieces are held at once.

    Of a line longer than 1 MiB only the beginning is kept. The last line comes without a line end, or not at all.
    """
    rest, number, too_long = b"", first_number, False
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for data in whole:
            yield _line(number, data, too_long), True
            number, too_long = number + 1, False
        if too_long or len(rest) > MAXIMUM_LINE_BYTES:
            rest, too_long = rest[:_KEPT_OF_A_LONG_LINE], True
    if rest:
        yield _line(number, rest, too_long), False


def _line(number: int, data: bytes, too_long: bool) -> Line:
    if too_long or len(data) > MAXIMUM_LINE_BYTES:
        return Line(number, data[:_KEPT_OF_A_LONG_LINE], too_long=True)
    return Line(number, data.removesuffix(b"\r"))


class Document(io.RawIOBase):
    """The content of a file as one stream. Where an archive breaks off, the stream ends after the last intact line."""

    def __init__(self, path: Path) -> None:
        self._pieces = unpacked(path)
        self._ready = b""
        self._held = b""
        self.is_broken = False
        self.intact_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        while not self._ready and self._advance():
            pass
        taken = self._ready[: len(view)]
        self._ready = self._ready[len(taken) :]
        view[: len(taken)] = taken
        return len(taken)

    def _advance(self) -> bool:
        """Fetch one piece, holding back what follows its last line end until more is known; False at the end."""
        try:
            piece = next(self._pieces, None)
        except BrokenArchive as broken:
            self.is_broken, self.intact_bytes, self._held = True, broken.intact_bytes, b""
            return False
        if piece is None:
            self._ready, self._held = self._held, b""
            return False
        whole, end, rest = (self._held + piece).rpartition(b"\n")
        is_too_long = len(rest) > MAXIMUM_LINE_BYTES
        self._ready, self._held = (whole + end + rest, b"") if is_too_long else (whole + end, rest)
        return True


def digest(path: Path) -> str:
    """What tells two versions of a file apart: SHA-256 of all of it up to 64 MiB, of its size and 32 samples beyond."""
    size = path.stat().st_size
    if size <= _WHOLE_DIGEST_BYTES:
        return _hex(stretch(path, 0, size))
    step = (size - _SAMPLE_BYTES) // (_SAMPLES - 1)
    samples = (b"".join(stretch(path, i * step, i * step + _SAMPLE_BYTES)) for i in range(_SAMPLES))
    return _hex([str(size).encode(), *samples])


def prefix_digest(path: Path, length: int) -> str:
    """What tells whether a plain file still begins as it did: SHA-256 of the ends of its first `length` bytes."""
    ends = [(0, min(length, _SAMPLE_BYTES)), (max(0, length - _SAMPLE_BYTES), length)]
    return _hex(piece for start, end in ends for piece in stretch(path, start, end))


def _hex(pieces: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for piece in pieces:
        total.update(piece)
    return total.hexdigest()


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    while piece := file.read(size):
        yield piece


def _unpack(file: BinaryIO, new_frame: Callable[[], _Frame]) -> Iterator[bytes]:
    """Content of one compressed frame after another, as far as they are intact."""
    frame, intact = new_frame(), 0
    for piece in _pieces(file, _PACKED_CHUNK_BYTES):
        packed = piece
        while packed:
            frame = new_frame() if frame.eof else frame
            try:
                content = frame.decompress(packed)
            except (zlib.error, zstandard.ZstdError):
                raise BrokenArchive(intact) from None
            packed = frame.unused_data if frame.eof else b""
            intact += len(content)
            yield content
    if not frame.eof:
        raise BrokenArchive(intact)
