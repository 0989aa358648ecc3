"""JSON lines as they come: compressed or not, broken in every way, never silently short."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.lines import MAXIMUM_LINE_BYTES, Line, Rejected, lines, opened
from barometer.errors import BadInput

GOOD = b'{"id": "a", "text": "rain"}'


def read(content: bytes) -> list[Line | Rejected]:
    return list(lines(io.BytesIO(content)))


def read_file(path: Path) -> list[Line | Rejected]:
    with opened(path) as (_, plain):
        return list(lines(plain))


def test_a_post_is_its_id_and_text_and_other_fields_are_ignored() -> None:
    assert read(b'{"id": "a", "text": "rain", "lang": "en", "nested": {"id": 3}}') == [Line("a", "rain")]


def test_a_whole_number_is_an_id() -> None:
    assert read(b'{"id": 1234567890123456789, "text": ""}') == [Line("1234567890123456789", "")]


@pytest.mark.parametrize("content", [b"", b"\n", b"\n  \n\r\n"])
def test_an_empty_file_and_blank_lines_are_no_posts(content: bytes) -> None:
    assert read(content) == []


def test_line_numbers_count_blank_lines_too() -> None:
    found = read(b"\n" + GOOD + b"\n\nbroken\n")
    assert [line.number for line in found if isinstance(line, Rejected)] == [4]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    assert read(b"\xef\xbb\xbf" + GOOD + b"\r\n" + GOOD) == [Line("a", "rain")] * 2


@pytest.mark.parametrize(
    ("content", "field", "reason"),
    [
        (b'{"text": "x"}', "id", "is missing"),
        (b'{"id": null, "text": "x"}', "id", "is missing"),
        (b'{"id": "", "text": "x"}', "id", "is empty"),
        (b'{"id": true, "text": "x"}', "id", "is true or false"),
        (b'{"id": 1.5, "text": "x"}', "id", "is a number"),
        (b'{"id": "a"}', "text", "is missing"),
        (b'{"id": "a", "text": 5}', "text", "is a number"),
        (b'{"id": "a", "text": ["x"]}', "text", "is a list"),
        (b'{"id": "a", "text": {"en": "x"}}', "text", "is an object"),
        (b'["a", "x"]', "", "is not a JSON object"),
        (b"id,text", "", "is not JSON"),
        (b'{"id": "a", "text": "x', "", "is not JSON"),
        (b'{"id": "a", "text": "\xff\xfe"}', "", "is not JSON"),
        (b'{"id": "a", "text": "\\ud800"}', "", "is not JSON"),
        (b"\x00\x01\x02", "", "is not JSON"),
    ],
)
def test_a_bad_line_names_its_field_and_what_is_wrong(content: bytes, field: str, reason: str) -> None:
    # given a bad line between two good ones
    first, bad, last = read(GOOD + b"\n" + content + b"\n" + GOOD)
    # then only it is rejected, with its number
    assert first == last == Line("a", "rain")
    assert isinstance(bad, Rejected)
    assert (bad.number, bad.field) == (2, field)
    assert reason in bad.reason


def test_a_rejection_never_shows_what_the_line_says() -> None:
    secret = "Jane of 4 Mill Lane"
    bad_lines = [f'{{"id": {{"x": "{secret}"}}, "text": "x"}}', f'{{"id": "a", "text": ["{secret}"]}}', secret]
    for rejected in read("\n".join(bad_lines).encode()):
        assert isinstance(rejected, Rejected)
        assert "Jane" not in rejected.reason


def test_a_line_of_the_greatest_length_is_read_and_a_longer_one_is_not() -> None:
    # given lines around the limit, and a good one after
    frame = len(b'{"id": "a", "text": ""}')
    fits = b'{"id": "a", "text": "' + b"x" * (MAXIMUM_LINE_BYTES - frame - 1) + b'"}\n'
    assert len(fits) == MAXIMUM_LINE_BYTES
    too_long = fits.replace(b'"}\n', b'x"}\n')
    found = read(fits + too_long + GOOD + b"\n")
    # then only the longer one is rejected
    assert isinstance(found[0], Line)
    assert isinstance(found[1], Rejected)
    assert (found[1].number, found[2]) == (2, Line("a", "rain"))
    assert "longer than 1,000,000 bytes" in found[1].reason


def test_a_huge_line_without_an_end_is_one_rejection() -> None:
    (found,) = read(b"x" * (3 * MAXIMUM_LINE_BYTES + 5))
    assert isinstance(found, Rejected)
    assert found.number == 1


def many(count: int) -> bytes:
    return b"".join(
        json.dumps({"id": str(n), "text": f"post {n} of many words"}).encode() + b"\n" for n in range(count)
    )


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "two gzip members": lambda data: gzip.compress(data[:500]) + gzip.compress(data[500:]),
    "two zstd frames": lambda data: zstandard.compress(data[:500]) + zstandard.compress(data[500:]),
}


@pytest.mark.parametrize("packer", PACKERS.values(), ids=PACKERS.keys())
def test_compression_is_told_by_content_and_not_by_name(tmp_path: Path, packer: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "posts.data"
    path.write_bytes(packer(many(3_000)))
    assert read_file(path) == read(many(3_000))


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_compressed_data_that_end_early_are_told_and_what_came_before_is_used(tmp_path: Path, packer: str) -> None:
    # given two thirds of a compressed file
    whole = PACKERS[packer](many(30_000))
    path = tmp_path / "cut"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    *before, last = read_file(path)
    # then whole lines before the cut are posts, and the end is one rejection that says what to do
    assert len(before) > 1_000
    assert before == read(many(len(before)))
    assert isinstance(last, Rejected)
    assert last.number == len(before) + 1
    assert "end early or are damaged" in last.reason
    assert "send the file again" in last.reason


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_a_damaged_middle_is_told(tmp_path: Path, packer: str) -> None:
    damaged = bytearray(PACKERS[packer](many(30_000)))
    damaged[len(damaged) // 2 : len(damaged) // 2 + 40] = bytes(40)
    (tmp_path / "damaged").write_bytes(damaged)
    assert any(isinstance(line, Rejected) for line in read_file(tmp_path / "damaged"))


@pytest.mark.parametrize("name", ["absent.jsonl", "."])
def test_a_file_that_cannot_be_opened_is_one_clear_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=r"cannot be read .*; give a file of JSON lines"), opened(tmp_path / name):
        pass


@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), st.text(max_size=60)), max_size=8))
def test_whatever_is_written_as_json_is_read_back(posts: list[tuple[str, str]]) -> None:
    content = b"".join(json.dumps({"id": i, "text": t}, ensure_ascii=True).encode() + b"\n" for i, t in posts)
    assert read(content) == [Line(i, t) for i, t in posts]


@given(st.binary(max_size=400))
def test_any_bytes_end_as_posts_or_rejections_one_for_each_line_with_something_in_it(content: bytes) -> None:
    filled = [line for line in content.split(b"\n") if line.strip()]
    assert len(read(content)) == len(filled)
