"""Bytes and lines of plain, gzip and zstd files: all of them, in bounded pieces, up to where a file breaks off."""

from __future__ import annotations

import gzip
import io
import itertools
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest import unpack
from barometer.ingest.unpack import (
    MAXIMUM_LINE_BYTES,
    BrokenArchive,
    Document,
    cut_lines,
    digest,
    is_packed,
    prefix_digest,
    stretch,
    unpacked,
)


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def zstandardised(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


PACKERS = [gzipped, zstandardised]
Packer = Callable[[bytes], bytes]
LINES = b"".join(b'{"number": %d}\n' % number for number in range(60_000))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def intact_part(path: Path) -> tuple[bytes, int | None]:
    """What can be read of a file, and where it breaks off."""
    content = b""
    try:
        for piece in unpacked(path):
            content += piece
    except BrokenArchive as broken:
        return content, broken.intact_bytes
    return content, None


class TestUnpacked:
    @pytest.mark.parametrize("pack", [bytes, *PACKERS])
    def test_gives_all_of_a_file(self, file: Path, pack: Packer) -> None:
        file.write_bytes(pack(LINES))
        assert b"".join(unpacked(file)) == LINES

    @pytest.mark.parametrize("pack", PACKERS)
    def test_gives_all_frames_of_a_file_that_was_appended_to(self, file: Path, pack: Packer) -> None:
        file.write_bytes(pack(b"one\n") + pack(b"two\n") + pack(LINES))
        assert b"".join(unpacked(file)) == b"one\ntwo\n" + LINES

    @pytest.mark.parametrize("pack", PACKERS)
    def test_an_empty_frame_is_no_content(self, file: Path, pack: Packer) -> None:
        file.write_bytes(pack(b""))
        assert b"".join(unpacked(file)) == b""

    @pytest.mark.parametrize("pack", PACKERS)
    def test_a_file_cut_short_gives_what_came_before_the_cut_and_then_says_so(self, file: Path, pack: Packer) -> None:
        packed = pack(LINES)
        file.write_bytes(packed[: len(packed) * 2 // 3])
        content, intact_bytes = intact_part(file)
        assert 0 < len(content) < len(LINES)
        assert intact_bytes == len(content)
        assert LINES.startswith(content)

    @pytest.mark.parametrize("pack", PACKERS)
    @pytest.mark.parametrize("kept", [4, 7, 12])
    def test_a_file_of_which_only_the_head_is_there_is_broken_at_once(
        self, file: Path, pack: Packer, kept: int
    ) -> None:
        file.write_bytes(pack(LINES)[:kept])
        assert intact_part(file) == (b"", 0)

    @pytest.mark.parametrize("pack", [gzipped, zstandard.ZstdCompressor(write_checksum=True).compress])
    def test_a_damaged_file_with_a_checksum_is_broken_and_not_silently_wrong(self, file: Path, pack: Packer) -> None:
        packed = bytearray(pack(LINES))
        middle = len(packed) // 2
        packed[middle : middle + 64] = bytes(64)
        file.write_bytes(packed)
        _, intact_bytes = intact_part(file)
        assert intact_bytes is not None

    @pytest.mark.parametrize("pack", PACKERS)
    def test_junk_after_the_last_frame_is_told(self, file: Path, pack: Packer) -> None:
        file.write_bytes(pack(LINES) + b"junk after the end")
        assert intact_part(file) == (LINES, len(LINES))

    @pytest.mark.parametrize("pack", PACKERS)
    def test_a_file_that_swells_a_thousandfold_still_comes_in_bounded_pieces(self, file: Path, pack: Packer) -> None:
        file.write_bytes(pack(bytes(80_000_000)))
        assert max(len(piece) for piece in unpacked(file)) <= 40_000_000

    @given(content=st.binary(max_size=5_000), pack=st.sampled_from(PACKERS), cut=st.integers(0, 200))
    def test_whatever_is_cut_off_what_is_given_is_a_beginning(
        self, tmp_path_factory: pytest.TempPathFactory, content: bytes, pack: Packer, cut: int
    ) -> None:
        packed = pack(content)
        file = tmp_path_factory.mktemp("cut") / "file"
        file.write_bytes(packed[: max(4, len(packed) - cut)])
        given_back, intact_bytes = intact_part(file)
        assert content.startswith(given_back)
        assert intact_bytes is not None or given_back == content


class TestIsPacked:
    @pytest.mark.parametrize(("content", "expected"), [(b"", False), (b"{}\n", False), (gzipped(b""), True)])
    def test_tells_by_the_first_bytes_and_not_by_the_name(self, file: Path, content: bytes, expected: bool) -> None:
        file.write_bytes(content)
        assert is_packed(file) is expected

    def test_knows_zstandard(self, file: Path) -> None:
        file.write_bytes(zstandardised(b"x"))
        assert is_packed(file)


class TestStretch:
    def test_gives_the_bytes_between(self, file: Path) -> None:
        file.write_bytes(b"0123456789")
        assert b"".join(stretch(file, 3, 7)) == b"3456"

    def test_ends_where_the_file_ends(self, file: Path) -> None:
        file.write_bytes(b"0123")
        assert b"".join(stretch(file, 2, 99)) == b"23"

    def test_nothing_between_is_nothing(self, file: Path) -> None:
        file.write_bytes(b"0123")
        assert list(stretch(file, 4, 4)) == []


def pieces_of(content: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    return [content[a:b] for a, b in itertools.pairwise(places)]


class TestCutLines:
    def test_numbers_lines_from_the_first(self) -> None:
        cut = list(cut_lines([b"a\nb\n\nc"], first_number=5))
        assert [(line.number, line.data, ended) for line, ended in cut] == [
            (5, b"a", True),
            (6, b"b", True),
            (7, b"", True),
            (8, b"c", False),
        ]

    def test_takes_line_ends_of_windows(self) -> None:
        assert [line.data for line, _ in cut_lines([b"a\r\nb\r\n"])] == [b"a", b"b"]

    @given(content=st.binary(max_size=300).map(lambda b: b.replace(b"\r", b"\n")), cuts=st.lists(st.integers(0, 400)))
    def test_gives_the_same_lines_however_the_bytes_come(self, content: bytes, cuts: list[int]) -> None:
        lines = [line.data for line, _ in cut_lines(pieces_of(content, cuts))]
        expected = content.split(b"\n")
        assert lines == (expected if expected[-1] else expected[:-1])

    @given(content=st.binary(max_size=300), cuts=st.lists(st.integers(0, 400)))
    def test_only_the_last_line_may_lack_an_end(self, content: bytes, cuts: list[int]) -> None:
        ends = [ended for _, ended in cut_lines(pieces_of(content, cuts))]
        assert all(ends[:-1])
        assert ends[-1:] == ([content.endswith(b"\n")] if content else [])

    def test_a_line_of_exactly_the_limit_is_whole(self) -> None:
        ((line, _),) = cut_lines([b"x" * MAXIMUM_LINE_BYTES + b"\n"])
        assert not line.too_long
        assert len(line.data) == MAXIMUM_LINE_BYTES

    @pytest.mark.parametrize("size", [MAXIMUM_LINE_BYTES + 1, 3 * MAXIMUM_LINE_BYTES])
    @pytest.mark.parametrize("piece", [1 << 16, 1 << 23])
    def test_of_a_longer_line_only_the_beginning_is_kept_and_the_next_line_is_whole(
        self, size: int, piece: int
    ) -> None:
        content = b"x" * size + b"\nnext\n"
        lines = [line for line, _ in cut_lines(content[i : i + piece] for i in range(0, len(content), piece))]
        assert [line.too_long for line in lines] == [True, False]
        assert len(lines[0].data) <= 2_000
        assert lines[1].data == b"next"

    def test_a_line_of_fifty_megabytes_takes_a_few_megabytes_of_memory(self) -> None:
        def pieces() -> Iterator[bytes]:
            yield from (b"x" * (1 << 20) for _ in range(50))
            yield b"\nnext\n"

        tracemalloc.start()
        lines = [(line.number, line.too_long) for line, _ in cut_lines(pieces())]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert lines == [(1, True), (2, False)]
        assert peak < 10 << 20


class TestDocument:
    @pytest.mark.parametrize("pack", [bytes, *PACKERS])
    @pytest.mark.parametrize("content", [b"", b"no line end", b"a\nb\n", LINES, LINES + b"the last line has no end"])
    def test_is_the_whole_content(self, file: Path, pack: Packer, content: bytes) -> None:
        file.write_bytes(pack(content))
        document = Document(file)
        assert io.BufferedReader(document).read() == content
        assert not document.is_broken

    @pytest.mark.parametrize("pack", PACKERS)
    def test_ends_after_the_last_whole_line_of_a_broken_file(self, file: Path, pack: Packer) -> None:
        packed = pack(LINES)
        file.write_bytes(packed[: len(packed) // 2])
        document = Document(file)
        content = io.BufferedReader(document).read()
        assert content.endswith(b"}\n")
        assert LINES.startswith(content)
        assert document.is_broken
        assert document.intact_bytes >= len(content)

    def test_reads_into_small_buffers_without_losing_any_byte(self, file: Path) -> None:
        file.write_bytes(gzipped(LINES[:1_000]))
        document = Document(file)
        assert b"".join(iter(lambda: document.read(7) or b"", b"")) == LINES[:1_000]

    def test_does_not_hold_back_a_line_without_end(self, file: Path) -> None:
        file.write_bytes(gzipped(b"x" * (MAXIMUM_LINE_BYTES * 3)))
        document = Document(file)
        first = document.read(10)
        assert first == b"x" * 10
        assert not document.is_broken


class TestDigests:
    def test_the_digest_tells_versions_apart_and_ignores_the_name(self, tmp_path: Path) -> None:
        one, same, other = (tmp_path / name for name in ("one", "same", "other"))
        one.write_bytes(LINES)
        same.write_bytes(LINES)
        other.write_bytes(LINES.replace(b"59999", b"59998"))
        assert digest(one) == digest(same) != digest(other)

    def test_a_very_large_file_is_told_apart_by_samples_and_size(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(unpack, "_WHOLE_DIGEST_BYTES", 1_000)
        monkeypatch.setattr(unpack, "_SAMPLE_BYTES", 10)
        digests = set()
        for content in (LINES, LINES + b"\n", b"X" + LINES[1:], LINES[:-1] + b"X"):
            file.write_bytes(content)
            digests.add(digest(file))
        assert len(digests) == 4

    def test_the_digest_of_a_beginning_stays_while_the_file_grows(self, file: Path) -> None:
        file.write_bytes(LINES)
        before = prefix_digest(file, 200_000)
        file.write_bytes(LINES + b"more")
        assert prefix_digest(file, 200_000) == before

    @pytest.mark.parametrize("place", [0, 60_000, 199_999])
    def test_the_digest_of_a_beginning_changes_with_its_ends(self, file: Path, place: int) -> None:
        file.write_bytes(LINES)
        before = prefix_digest(file, 200_000)
        changed = bytearray(LINES)
        changed[place] ^= 1
        file.write_bytes(changed)
        assert prefix_digest(file, 200_000) != before
