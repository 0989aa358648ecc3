"""The source `files`: watches a folder and hands over what is new in it.

A plain file of lines is read on from where it stopped the night before, so a night's work is proportional to what is new. All other
files (compressed, CSV, Parquet) are taken whole whenever their content changes; what was there before then counts as duplicate.

The bookmark is `{"files": {path: mark}}`. The mark of a plain file of lines holds the bytes and line ends consumed and a digest of
them; if the file no longer begins so, it is another file and is read from its beginning. An unfinished last line is read if it is a
complete record; otherwise it is reported once, left where it is, and read when the rest of it has come.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import msgspec

from barometer.city import SourceConfig
from barometer.errors import BadInput
from barometer.ingest.source import Batch, Context, DocumentParser, Line, LineParser, Parser, Part, Rejected, UnusableFile
from barometer.ingest.unpack import BrokenArchive, Document, cut_lines, digest, is_packed, prefix_digest, stretch, unpacked

LINES_A_BATCH = 2_000
_UNFINISHED_NAMES = (".tmp", ".part", ".partial", ".crdownload")
_GLOB = frozenset("*?[")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Mark: TypeAlias = dict[str, Any]
"""How far a file was read. Plain lines: bytes, lines, digest, waiting (bytes of an unfinished line); else: digest."""

_Step: TypeAlias = tuple[Part, Mark | None]
"""Some of a file; the last step carries the file's new mark."""


@dataclass(frozen=True)
class FilesSource:
    """The files of one configured source below `folder`, the city's inbox.

    `until` is the bookmark a later reading must not pass: given when a night is run again after later nights were run.
    """

    config: SourceConfig
    folder: Path
    parser: Parser
    context: Context
    until: dict[str, Any] | None = None

    def fetch(self, cursor: dict[str, Any] | None) -> Iterator[Batch]:
        """Batches of all new content in the order of the files' paths; each batch's cursor is good for whole files.

        Raises `BadInput` when `until` asks for a file that is gone or is no longer what it was.
        """
        marks: dict[str, Mark] = dict((cursor or {}).get("files", {}))
        for name, path in self._wanted(marks):
            for part, mark in self._read(name, path, marks.get(name)):
                if mark is not None:
                    marks[name] = mark
                yield _batch(part, {"files": dict(marks)})

    def found(self) -> dict[str, Path]:
        """Files of the source by their path below the inbox, sorted; hidden and unfinished downloads are left alone."""
        pattern = self.config.path.rstrip("/")
        if not _GLOB & set(pattern):
            pattern = pattern if (self.folder / pattern).is_file() else f"{pattern}/**/*"
        paths = {path.relative_to(self.folder).as_posix(): path for path in self.folder.glob(pattern) if path.is_file()}
        return {name: paths[name] for name in sorted(paths) if _is_finished(paths[name])}

    def _wanted(self, marks: dict[str, Mark]) -> list[tuple[str, Path]]:
        found = self.found()
        if self.until is None:
            return list(found.items())
        wanted = [name for name, mark in sorted(self.until["files"].items()) if mark != marks.get(name)]
        for name in wanted:
            self._require_unchanged(name, found.get(name))
        return [(name, found[name]) for name in wanted]

    def _require_unchanged(self, name: str, path: Path | None) -> None:
        """A night that is run again must find what it found the first time."""
        assert self.until is not None
        if path is None or not _is_as_marked(path, self.until["files"][name]):
            raise BadInput(
                f"{name}: the night {self.context.night} read this file, and it is gone or changed since, so that night "
                "cannot be run again; put the file back as it was, or run a later night"
            )

    def _read(self, name: str, path: Path, mark: Mark | None) -> Iterator[_Step]:
        context = replace(self.context, file=name)
        try:
            yield from self._steps(path, mark, context)
        except OSError as error:
            reason = f"the file cannot be read ({error.strerror}): give the run permission to read it, or remove it"
            yield _one_rejected(Rejected(context.position(0), "unreadable_file", reason)), mark

    def _steps(self, path: Path, mark: Mark | None, context: Context) -> Iterator[_Step]:
        if not hasattr(self.parser, "parse_lines"):
            return _whole(path, mark, context, cast(DocumentParser, self.parser).parse_document)
        parse_lines = cast(LineParser, self.parser).parse_lines
        if is_packed(path):
            return _whole(path, mark, context, lambda stream, at: _parsed_lines(stream, at, parse_lines))
        end = self.until["files"][context.file] if self.until else None
        return _plain_lines(path, mark, end, context, parse_lines)


_LinesParser: TypeAlias = Callable[[Sequence[Line], Context], Part]


def _plain_lines(
    path: Path, mark: Mark | None, until: Mark | None, context: Context, parse: _LinesParser
) -> Iterator[_Step]:
    """New lines of a plain file, from `mark` to its present end (or to `until`)."""
    size = until["bytes"] + until["waiting"] if until else path.stat().st_size
    is_same = mark is not None and "bytes" in mark and _is_as_marked(path, mark)
    start = mark if mark is not None and is_same else {"bytes": 0, "lines": 0, "waiting": 0}
    if is_same and size == start["bytes"] + start["waiting"]:
        return
    if size == 0:
        yield _one_rejected(_empty(context)), _mark(path, 0, 0, 0)
        return
    tail = _Tail(start["lines"])
    for lines in _batched(tail.whole_lines(cut_lines(stretch(path, start["bytes"], size), start["lines"] + 1))):
        yield parse(lines, context), None
    waiting = size - start["bytes"] - tail.finished_bytes(path, start["bytes"], size) if tail.unfinished else 0
    if tail.unfinished:
        yield _one_rejected(_unfinished(tail.unfinished, context)), None
    yield Part(read=0), _mark(path, size - waiting, tail.line_ends, waiting)
