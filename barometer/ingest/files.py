"""The source `files`: watches a folder and hands over what is new in it.

A plain file of lines is read on from where it stopped the night before, so a night's work is proportional to what is
new. All other files (compressed, CSV, Parquet) are taken whole whenever their content changes; what was there before
then counts as duplicate.

The bookmark is `{"files": {path: mark}}`. The mark of a plain file of lines holds the bytes and line ends consumed
and a digest of them; if the file no longer begins so, it is another file and is read from its beginning. An
unfinished last line is read if it is a complete record; otherwise it is reported once, left where it is, and read
when the rest of it has come.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import msgspec

from barometer.city import SourceConfig
from barometer.errors import BadInput
from barometer.ingest.source import Batch, Context, Line, LineParser, Parser, Part, Rejected, UnusableFile
from barometer.ingest.unpack import Document, cut_lines, digest, is_packed, prefix_digest, stretch

LINES_A_BATCH = 2_000
_UNFINISHED_NAMES = (".tmp", ".part", ".partial", ".crdownload")
_GLOB = frozenset("*?[")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_CANNOT_RUN_AGAIN = (
    "{name}: the night {night} read this file and it {what}, so that night cannot be run again: "
    "put the file back as it was, or run a later night"
)

Mark: TypeAlias = dict[str, Any]
"""How far a file was read. Plain lines: bytes, lines, digest, waiting (bytes of an unfinished line); else: digest."""

_Step: TypeAlias = tuple[Part, Mark | None]
"""Some of a file; the last step carries the file's new mark."""

_LinesParser: TypeAlias = Callable[[Sequence[Line], Context], Part]
_DocumentParser: TypeAlias = Callable[[BinaryIO, Context], Iterable[Part]]


@dataclass(frozen=True)
class FilesSource:
    """The files of one configured source below `folder`, the city's inbox.

    `until` is the bookmark a later reading must not pass: given when a night is run again after later nights were
    run.
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

    def require_present(self, before: dict[str, Any], own: dict[str, Any]) -> None:
        """Raises `BadInput` when a file that a night read (its bookmark is `own`) is gone: its rows would be lost."""
        found = self.found()
        for name, mark in sorted(own["files"].items()):
            if name not in found and mark != before["files"].get(name):
                raise BadInput(_CANNOT_RUN_AGAIN.format(name=name, night=self.context.night, what="is gone"))

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
        read_then = sorted(self.until["files"].items())
        wanted = [name for name, mark in read_then if mark != marks.get(name) or mark.get("refused")]
        for name in wanted:
            self._require_unchanged(name, found.get(name))
        return [(name, found[name]) for name in wanted]

    def _require_unchanged(self, name: str, path: Path | None) -> None:
        """A night that is run again must find what it found the first time."""
        assert self.until is not None
        if path is None or not _is_as_marked(path, self.until["files"][name]):
            what = "is gone or changed since"
            raise BadInput(_CANNOT_RUN_AGAIN.format(name=name, night=self.context.night, what=what))

    def _read(self, name: str, path: Path, mark: Mark | None) -> Iterator[_Step]:
        context = replace(self.context, file=name)
        try:
            yield from self._steps(path, mark, context)
        except OSError as error:
            reason = f"the file cannot be read ({error.strerror}): give the run permission to read it, or remove it"
            yield _one_rejected(context, 0, "unreadable_file", reason), None

    def _steps(self, path: Path, mark: Mark | None, context: Context) -> Iterator[_Step]:
        if not isinstance(self.parser, LineParser):
            return _whole(path, mark, context, self.parser.parse_document)
        parse_lines = self.parser.parse_lines
        if is_packed(path):
            return _whole(path, mark, context, lambda stream, at: _parsed_lines(stream, at, parse_lines))
        until = self.until["files"][context.file] if self.until else None
        return _plain_lines(path, mark, until, context, parse_lines)


def _plain_lines(
    path: Path, mark: Mark | None, until: Mark | None, context: Context, parse: _LinesParser
) -> Iterator[_Step]:
    """New lines of a plain file, from `mark` to its present end, or to `until`."""
    size = until["bytes"] + until["waiting"] if until else path.stat().st_size
    start = mark if mark is not None and "bytes" in mark and _is_as_marked(path, mark) else _BEGINNING
    if start is mark and size == start["bytes"] + start["waiting"]:
        return
    meter = _Meter(stretch(path, start["bytes"], size))
    lines = _Lines(cut_lines(meter, start["lines"] + 1))
    for batch in _batches(lines):
        yield parse(batch, context), None
    if lines.unfinished is not None:
        yield _unfinished(lines.unfinished, context), None
    waiting = meter.bytes_after_last_end if lines.unfinished is not None else 0
    new = {"bytes": size - waiting, "lines": start["lines"] + meter.line_ends, "waiting": waiting}
    yield Part(read=0) if size else _empty(context), {**new, "digest": prefix_digest(path, size)}


_BEGINNING: Mark = {"bytes": 0, "lines": 0, "waiting": 0}


class _Meter:
    """Passes pieces on, counting line ends and the bytes after the last of them."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.line_ends = 0
        self.bytes_after_last_end = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            last = piece.rfind(b"\n")
            self.line_ends += piece.count(b"\n")
            self.bytes_after_last_end = len(piece) - last - 1 + (self.bytes_after_last_end if last < 0 else 0)
            yield piece


class _Lines:
    """Lines that hold something; one that is neither ended nor a complete record is set apart as `unfinished`."""

    def __init__(self, lines: Iterable[tuple[Line, bool]]) -> None:
        self._lines = lines
        self.unfinished: Line | None = None

    def __iter__(self) -> Iterator[Line]:
        for line, is_ended in self._lines:
            data = line.data.removeprefix(_BYTE_ORDER_MARK) if line.number == 1 else line.data
            if not data.strip():
                continue
            if is_ended or _is_complete(data):
                yield replace(line, data=data) if data is not line.data else line
            else:
                self.unfinished = line


def _is_complete(data: bytes) -> bool:
    """Whether a line without its end is a whole record: the beginning of a JSON object is never one itself."""
    try:
        msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _parsed_lines(stream: BinaryIO, context: Context, parse: _LinesParser) -> Iterator[Part]:
    pieces = iter(lambda: stream.read(io.DEFAULT_BUFFER_SIZE * 64), b"")
    lines = _Lines((line, True) for line, _ in cut_lines(pieces))
    return (parse(batch, context) for batch in _batches(lines))


def _whole(path: Path, mark: Mark | None, context: Context, parse: _DocumentParser) -> Iterator[_Step]:
    """The whole file, if its content is another than when it was last taken; a refused file is tried again."""
    new: Mark = {"digest": digest(path)}
    if mark == new:
        return
    document = Document(path)
    try:
        parts = [_empty(context)] if path.stat().st_size == 0 else list(parse(_buffered(document), context))
    except UnusableFile as error:
        parts = [] if document.is_broken else [_refused(error, context)]
        new = {**new, "refused": not document.is_broken}
    if document.is_broken:
        parts.append(_truncated(document.intact_bytes, context))
    yield from ((part, None) for part in parts)
    yield Part(read=0), new


def _buffered(document: Document) -> BinaryIO:
    return io.BufferedReader(document, buffer_size=1 << 20)


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    remaining = iter(lines)
    return iter(lambda: list(itertools.islice(remaining, LINES_A_BATCH)), [])


def _is_as_marked(path: Path, mark: Mark) -> bool:
    """Whether a file still is (or, if plain lines, still begins with) what was read of it."""
    if "bytes" not in mark:
        return bool(digest(path) == mark["digest"])
    read = int(mark["bytes"] + mark["waiting"])
    return path.stat().st_size >= read and bool(prefix_digest(path, read) == mark["digest"])


def _is_finished(path: Path) -> bool:
    return not path.name.startswith(".") and not path.name.endswith(_UNFINISHED_NAMES)


def _batch(part: Part, cursor: dict[str, Any]) -> Batch:
    return Batch(part.rows, part.removals, part.rejected, part.read, part.out_of_scope, cursor)


def _one_rejected(context: Context, where: int | str, rule: str, reason: str, **known: str | None) -> Part:
    return Part(read=1, rejected=[Rejected(context.position(where), rule, reason, **known)])


def _empty(context: Context) -> Part:
    return _one_rejected(context, 0, "empty_file", "the file is empty: deliver it again with its records, or remove it")


def _refused(error: UnusableFile, context: Context) -> Part:
    return _one_rejected(context, 0, error.rule, str(error), field=error.field)


def _truncated(intact_bytes: int, context: Context) -> Part:
    reason = (
        f"the compressed file breaks off after {intact_bytes} bytes of content: "
        "what came before was read; deliver it whole"
    )
    return _one_rejected(context, f"byte {intact_bytes}", "truncated_file", reason)


def _unfinished(line: Line, context: Context) -> Part:
    if line.too_long:
        reason = "the line is longer than 1 MiB: split it, or check that each record ends with a newline"
        return _one_rejected(context, line.number, "line_too_long", reason)
    reason = "the last line is not a complete record: it is read as soon as the rest of it is there"
    record = line.data.decode("utf-8", "replace")
    return _one_rejected(context, line.number, "unfinished_line", reason, record=record)
