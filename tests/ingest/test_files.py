"""The source `files`: what is new since the bookmark, once, in an order that depends on the content alone."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadInput
from barometer.ingest.files import FilesSource
from barometer.ingest.source import Context, Line, Parser, Part, Rejected, UnusableFile
from tests.ingest.helpers import a_context, a_source


class Echo:
    """A parser of lines that calls every line a rejected record, so that a test sees what it was given."""

    def parse_lines(self, lines: Sequence[Line], context: Context) -> Part:
        told = [(line.number, "too long" if line.too_long else line.data.decode("utf-8", "replace")) for line in lines]
        return Part(read=len(told), rejected=[Rejected(context.position(n), "echo", text) for n, text in told])


@dataclass
class EchoDocument:
    """A parser of documents that does the same with the lines of a whole file; refuses those that begin with `bad`."""

    seen: list[str] = field(default_factory=list)

    def parse_document(self, stream: BinaryIO, context: Context) -> Iterable[Part]:
        self.seen.append(context.file)
        content = stream.read()
        if content.startswith(b"bad"):
            raise UnusableFile("the file is bad: make it good", rule="is_bad", field="all")
        lines = [Line(number, data) for number, data in enumerate(content.splitlines(), start=1)]
        yield Echo().parse_lines(lines, context)


@dataclass
class Reader:
    """Reads a source night after night, from the bookmark of the night before."""

    folder: Path
    parser: Parser = field(default_factory=Echo)
    path: str = "posts"
    cursor: dict[str, Any] | None = None

    def source(self, until: dict[str, Any] | None = None) -> FilesSource:
        return FilesSource(a_source(path=self.path), self.folder, self.parser, a_context(), until=until)

    def night(self) -> list[tuple[str, str]]:
        """(position, text or rule) of everything new."""
        told: list[tuple[str, str]] = []
        for batch in self.source().fetch(self.cursor):
            assert batch.read == len(batch.quarantined)
            told += [(r.position, r.reason if r.rule == "echo" else r.rule) for r in batch.quarantined]
            self.cursor = json.loads(json.dumps(batch.cursor))
        return told

    def texts(self) -> list[str]:
        return [text for _, text in self.night()]


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    (tmp_path / "posts").mkdir()
    return Reader(tmp_path)


def put(reader: Reader, name: str, content: bytes) -> Path:
    path = reader.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def add(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


class TestWhichFiles:
    def test_a_folder_means_all_files_below_it_in_order_of_their_paths(self, reader: Reader) -> None:
        for name in ("posts/b/1.jsonl", "posts/a.jsonl", "posts/B.jsonl"):
            put(reader, name, b'"x"\n')
        assert [position for position, _ in reader.night()] == [
            "posts/B.jsonl:1",
            "posts/a.jsonl:1",
            "posts/b/1.jsonl:1",
        ]

    def test_a_pattern_means_what_it_matches(self, reader: Reader) -> None:
        for name in ("posts/a.jsonl", "posts/a.csv", "posts/a.jsonl.gz", "other/a.jsonl"):
            put(reader, name, b'"x"\n')
        reader.path = "posts/*.jsonl*"
        assert [position for position, _ in reader.night()] == ["posts/a.jsonl:1", "posts/a.jsonl.gz:1"]

    def test_a_path_may_be_one_file(self, reader: Reader) -> None:
        put(reader, "posts/a.jsonl", b'"x"\n')
        put(reader, "posts/b.jsonl", b'"x"\n')
        reader.path = "posts/a.jsonl"
        assert [position for position, _ in reader.night()] == ["posts/a.jsonl:1"]

    @pytest.mark.parametrize("name", [".hidden", "a.jsonl.tmp", "a.jsonl.part"])
    def test_hidden_files_and_unfinished_downloads_are_left_alone(self, reader: Reader, name: str) -> None:
        put(reader, f"posts/{name}", b'"x"\n')
        assert reader.night() == []

    def test_a_folder_that_is_not_there_has_no_files(self, tmp_path: Path) -> None:
        assert Reader(tmp_path / "nowhere").night() == []


class TestPlainLines:
    def test_nothing_new_is_nothing_to_do(self, reader: Reader) -> None:
        put(reader, "posts/a.jsonl", b'"1"\n"2"\n')
        assert reader.texts() == ['"1"', '"2"']
        assert reader.night() == []

    def test_only_what_was_appended_is_read_and_its_position_goes_on(self, reader: Reader) -> None:
        path = put(reader, "posts/a.jsonl", b'"1"\n\n"2"\n')
        reader.night()
        add(path, b'"3"\n')
        assert reader.night() == [("posts/a.jsonl:4", '"3"')]

    def test_the_bytes_before_are_not_read_again(self, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
        path = put(reader, "posts/a.jsonl", b'"x"\n' * 50_000)
        reader.night()
        add(path, b'"new"\n')
        read = []
        monkeypatch.setattr("barometer.ingest.files.cut_lines", counting_cut_lines(read))
        assert reader.texts() == ['"new"']
        assert sum(read) == len(b'"new"\n')

    def test_a_file_that_begins_otherwise_is_another_file(self, reader: Reader) -> None:
        put(reader, "posts/a.jsonl", b'"1"\n"2"\n')
        reader.night()
        put(reader, "posts/a.jsonl", b'"9"\n"2"\n"3"\n')
        assert reader.texts() == ['"9"', '"2"', '"3"']

    def test_a_file_that_became_shorter_is_another_file(self, reader: Reader) -> None:
        put(reader, "posts/a.jsonl", b'"1"\n"2"\n')
        reader.night()
        put(reader, "posts/a.jsonl", b'"1"\n')
        assert reader.texts() == ['"1"']

    def test_a_file_that_is_gone_is_remembered_in_case_it_comes_back(self, reader: Reader) -> None:
        path = put(reader, "posts/a.jsonl", b'"1"\n')
        reader.night()
        path.rename(reader.folder / "away")
        assert reader.night() == []
        (reader.folder / "away").rename(path)
        assert reader.night() == []

    def test_blank_lines_are_no_records_but_have_numbers(self, reader: Reader) -> None:
        put(reader, "posts/a.jsonl", b'\n  \n"1"\r\n\r\n"2"\n')
        assert reader.night() == [("posts/a.jsonl:3", '"1"'), ("posts/a.jsonl:5", '"2"')]

    def test_a_byte_order_mark_is_no_part_of_the_first_record(self, reader: Reader) -> None:
        put(reader, "posts/a.jsonl", b'\xef\xbb\xbf"1"\n')
        assert reader.texts() == ['"1"']

    def test_an_empty_file_is_told_once_and_read_when_it_fills(self, reader: Reader) -> None:
        path = put(reader, "posts/a.jsonl", b"")
        assert reader.night() == [("posts/a.jsonl:0", "empty_file")]
        assert reader.night() == []
        add(path, b'"1"\n')
        assert reader.texts() == ['"1"']

    def test_many_lines_come_in_batches(self, reader: Reader) -> None:
        put(reader, "posts/a.jsonl", b'"x"\n' * 4_500)
        sizes = [batch.read for batch in reader.source().fetch(None)]
        assert [size for size in sizes if size] == [2_000, 2_000, 500]

    def test_the_file_is_named_but_never_by_its_place_on_the_machine(self, reader: Reader) -> None:
        put(reader, "posts/a.jsonl", b"")
        ((position, _),) = reader.night()
        assert str(reader.folder) not in position


def counting_cut_lines(read: list[int]) -> Any:
    from barometer.ingest.unpack import cut_lines

    def counting(pieces: Iterable[bytes], first_number: int = 1) -> Any:
        def counted() -> Iterable[bytes]:
            for piece in pieces:
                read.append(len(piece))
                yield piece

        return cut_lines(counted(), first_number)

    return counting


class TestUnfinishedLastLine:
    def test_a_complete_record_without_line_end_is_read_and_never_again(self, reader: Reader) -> None:
        path = put(reader, "posts/a.jsonl", b'"1"\n"2"')
        assert reader.texts() == ['"1"', '"2"']
        add(path, b'\n"3"\n')
        assert reader.night() == [("posts/a.jsonl:3", '"3"')]

    def test_the_beginning_of_a_record_is_told_once_and_read_when_the_rest_has_come(self, reader: Reader) -> None:
        path = put(reader, "posts/a.jsonl", b'"1"\n{"id":')
        assert reader.night() == [("posts/a.jsonl:1", '"1"'), ("posts/a.jsonl:2", "unfinished_line")]
        assert reader.night() == []
        add(path, b' "2"}\n"3"\n')
        assert reader.night() == [("posts/a.jsonl:2", '{"id": "2"}'), ("posts/a.jsonl:3", '"3"')]

    def test_a_line_that_is_still_not_whole_when_it_has_grown_is_told_again(self, reader: Reader) -> None:
        path = put(reader, "posts/a.jsonl", b'{"id":')
        reader.night()
        add(path, b' "2", ')
        assert reader.night() == [("posts/a.jsonl:1", "unfinished_line")]

    def test_a_very_long_one_is_told_as_too_long(self, reader: Reader) -> None:
        put(reader, "posts/a.jsonl", b'"1"\n' + b"x" * 3_000_000)
        assert reader.night() == [("posts/a.jsonl:1", '"1"'), ("posts/a.jsonl:2", "line_too_long")]
        assert reader.night() == []

    def test_spaces_after_the_last_line_are_nothing(self, reader: Reader) -> None:
        put(reader, "posts/a.jsonl", b'"1"\n   ')
        assert reader.texts() == ['"1"']

    @given(
        records=st.lists(st.text(max_size=8).map(json.dumps), min_size=1, max_size=12),
        cuts=st.lists(st.integers(0, 200), max_size=4),
        ends_with_line_end=st.booleans(),
    )
    def test_however_a_file_grows_each_record_is_read_exactly_once(
        self, tmp_path_factory: pytest.TempPathFactory, records: list[str], cuts: list[int], ends_with_line_end: bool
    ) -> None:
        content = "\n".join(records).encode() + (b"\n" if ends_with_line_end else b"")
        folder = tmp_path_factory.mktemp("grows")
        reader, told = Reader(folder), []
        for size in [*sorted(cut % (len(content) + 1) for cut in cuts), len(content)]:
            put(reader, "posts/a.jsonl", content[:size])
            told += [text for text in reader.texts() if text not in ("unfinished_line", "empty_file")]
        assert told == records


PACKERS = [gzip.compress, zstandard.ZstdCompressor().compress]


@pytest.mark.parametrize("pack", PACKERS)
class TestPackedLines:
    def test_are_read_whole_and_once(self, reader: Reader, pack: Any) -> None:
        put(reader, "posts/a.jsonl.packed", pack(b'"1"\n"2"'))
        assert reader.texts() == ['"1"', '"2"']
        assert reader.night() == []

    def test_are_read_whole_again_when_they_changed(self, reader: Reader, pack: Any) -> None:
        put(reader, "posts/a.jsonl.packed", pack(b'"1"\n'))
        reader.night()
        put(reader, "posts/a.jsonl.packed", pack(b'"1"\n"2"\n'))
        assert reader.texts() == ['"1"', '"2"']

    def test_a_truncated_file_gives_its_whole_lines_and_one_line_that_says_so(self, reader: Reader, pack: Any) -> None:
        content = b"".join(b'"%d"\n' % number for number in range(100_000))
        packed = pack(content)
        put(reader, "posts/a.jsonl.packed", packed[: len(packed) // 2])
        *lines, (position, rule) = reader.night()
        assert rule == "truncated_file"
        assert position.startswith("posts/a.jsonl.packed:byte ")
        assert len(lines) > 1_000
        assert [text for _, text in lines] == [f'"{number}"' for number in range(len(lines))]
        assert reader.night() == []
        put(reader, "posts/a.jsonl.packed", packed)
        assert len(reader.night()) == 100_000

    def test_an_empty_one_has_no_records(self, reader: Reader, pack: Any) -> None:
        put(reader, "posts/a.jsonl.packed", pack(b""))
        assert reader.night() == []


class TestDocuments:
    @pytest.fixture
    def reader(self, tmp_path: Path) -> Reader:
        return Reader(tmp_path, EchoDocument())

    @pytest.mark.parametrize("pack", [bytes, *PACKERS])
    def test_are_taken_whole_whenever_their_content_changes(self, reader: Reader, pack: Any) -> None:
        put(reader, "posts/a.csv", pack(b"1\n2\n"))
        assert reader.texts() == ["1", "2"]
        assert reader.night() == []
        put(reader, "posts/a.csv", pack(b"1\n2\n3\n"))
        assert reader.texts() == ["1", "2", "3"]

    def test_the_same_content_written_again_is_not_read_again(self, reader: Reader) -> None:
        put(reader, "posts/a.csv", b"1\n")
        reader.night()
        put(reader, "posts/a.csv", b"1\n")
        assert reader.night() == []

    def test_an_unusable_file_is_one_line_and_is_tried_again_every_night(self, reader: Reader) -> None:
        put(reader, "posts/a.csv", b"bad")
        assert reader.night() == [("posts/a.csv:0", "is_bad")]
        assert reader.night() == [("posts/a.csv:0", "is_bad")]
        reader.parser = Echo()
        assert reader.texts() == ["unfinished_line"]

    def test_an_unusable_file_does_not_keep_the_next_from_being_read(self, reader: Reader) -> None:
        put(reader, "posts/a.csv", b"bad")
        put(reader, "posts/b.csv", b"1\n")
        assert reader.texts() == ["is_bad", "1"]

    def test_a_truncated_document_gives_its_whole_lines(self, reader: Reader) -> None:
        content = b"".join(b"%d\n" % number for number in range(100_000))
        packed = gzip.compress(content)
        put(reader, "posts/a.csv.gz", packed[: len(packed) // 2])
        *lines, last = reader.texts()
        assert last == "truncated_file"
        assert lines == [str(number) for number in range(len(lines))]

    def test_a_truncated_document_of_which_nothing_can_be_used_is_told_as_truncated_only(self, reader: Reader) -> None:
        packed = gzip.compress(b"bad header\n" + bytes(range(256)) * 4_000)
        put(reader, "posts/a.csv.gz", packed[: len(packed) // 2])
        assert reader.texts() == ["truncated_file"]

    def test_an_empty_document_is_told_once(self, reader: Reader) -> None:
        put(reader, "posts/a.csv", b"")
        assert reader.texts() == ["empty_file"]
        assert reader.night() == []

    def test_a_file_that_cannot_be_read_is_told_every_night_and_the_others_are_read(
        self, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(reader, "posts/a.csv", b"1\n")
        put(reader, "posts/b.csv", b"2\n")
        refuse_to_open(monkeypatch, "a.csv")
        assert reader.texts() == ["unreadable_file", "2"]
        assert reader.texts() == ["unreadable_file"]


def refuse_to_open(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    opened = Path.open

    def guarded(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.name == name:
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", guarded)


class TestReadingAgainUpToABookmark:
    def nights(self, reader: Reader) -> tuple[dict[str, Any], list[str]]:
        """Three nights' growth of a file; the bookmark after the second, and what the second read."""
        path = put(reader, "posts/a.jsonl", b'"1"\n')
        reader.night()
        self.first = reader.cursor
        add(path, b'"2"\n{"half":')
        second = reader.texts()
        until = reader.cursor
        assert until is not None
        add(path, b' 1}\n"3"\n')
        put(reader, "posts/b.jsonl", b'"new file"\n')
        reader.night()
        return until, second

    def again(self, reader: Reader, until: dict[str, Any]) -> list[str]:
        batches = reader.source(until).fetch(self.first)
        return [r.reason if r.rule == "echo" else r.rule for batch in batches for r in batch.quarantined]

    def test_a_night_reads_again_exactly_what_it_read(self, reader: Reader) -> None:
        until, second = self.nights(reader)
        assert second == ['"2"', "unfinished_line"]
        assert self.again(reader, until) == second

    def test_and_its_bookmark_is_the_same_again(self, reader: Reader) -> None:
        until, _ = self.nights(reader)
        *_, last = reader.source(until).fetch(self.first)
        assert last.cursor == until

    def test_a_file_that_is_gone_is_refused_by_name(self, reader: Reader) -> None:
        until, _ = self.nights(reader)
        (reader.folder / "posts/a.jsonl").unlink()
        with pytest.raises(BadInput, match=r"posts/a\.jsonl: the night 2026-05-09 read this file .* put the file back"):
            self.again(reader, until)

    def test_a_file_that_changed_is_refused(self, reader: Reader) -> None:
        until, _ = self.nights(reader)
        put(reader, "posts/a.jsonl", b'"9"\n"2"\n{"half": 1}\n"3"\n')
        with pytest.raises(BadInput, match="gone or changed"):
            self.again(reader, until)

    def test_a_document_that_changed_is_refused(self, tmp_path: Path) -> None:
        reader = Reader(tmp_path, EchoDocument())
        put(reader, "posts/a.csv", b"1\n")
        reader.night()
        until = reader.cursor
        put(reader, "posts/a.csv", b"2\n")
        with pytest.raises(BadInput, match="gone or changed"):
            list(reader.source(until).fetch(None))

    def test_a_night_that_read_nothing_reads_nothing_again(self, reader: Reader) -> None:
        self.nights(reader)
        shutil.rmtree(reader.folder / "posts")
        assert list(reader.source(self.first).fetch(self.first)) == []

    def test_a_file_read_by_the_night_must_still_be_there(self, reader: Reader) -> None:
        path = put(reader, "posts/a.jsonl", b'"1"\n')
        reader.night()
        own = reader.cursor
        assert own is not None
        reader.source().require_present({"files": {}}, own)
        path.unlink()
        reader.source().require_present(own, own)
        with pytest.raises(BadInput, match="is gone"):
            reader.source().require_present({"files": {}}, own)


def test_context_names_the_file_for_the_parser(tmp_path: Path) -> None:
    reader = Reader(tmp_path, EchoDocument())
    put(reader, "posts/deep/a.csv", b"1\n")
    reader.night()
    assert isinstance(reader.parser, EchoDocument)
    assert reader.parser.seen == ["posts/deep/a.csv"]
    assert replace(a_context(), file="x.csv").position(3) == "x.csv:3"
