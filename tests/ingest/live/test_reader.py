"""Pages become batches, and the bookmark stands after the last page that came whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import ServiceUnavailable
from barometer.ingest.live.connector import Call
from barometer.ingest.live.reader import BEGINNING, RECORDS_A_BATCH, LiveSource, failed
from barometer.ingest.posts import PARSERS
from barometer.ingest.source import Batch, Context, Part, Rejected, UnusableFile
from tests.ingest.helpers import a_post
from tests.ingest.live.fakes import ForumOptions, Scripted
from tests.ingest.live.stand_in import a_call

POSTS = PARSERS["posts", "jsonl"]


def a_reader(connector: Scripted, parser: Any = POSTS) -> LiveSource:
    call: Call = a_call(options=ForumOptions())
    return LiveSource(connector, call, parser)


def positions(batches: Iterable[Batch]) -> list[str]:
    frames = [batch.rows["received_posts"] for batch in batches if "received_posts" in batch.rows]
    return pl.concat(frames)["position"].to_list()


def until_it_fails(batches: Iterator[Batch]) -> tuple[list[Batch], str]:
    got = []
    try:
        for batch in batches:
            got.append(batch)
    except ServiceUnavailable as failure:
        return got, str(failure)
    return got, ""


def test_every_page_moves_the_bookmark_and_the_end_says_done() -> None:
    batches = list(a_reader(Scripted([[a_post("1")], [], [a_post("2")]])).fetch(None))
    assert batches[-1].cursor == {"service": {"page": 3}, "records": 2, "gap": False, "done": True}
    assert [batch.cursor["done"] for batch in batches[:-1]] == [False] * (len(batches) - 1)
    assert sum(batch.read for batch in batches) == 2


def test_a_page_counts_only_whole() -> None:
    many = [a_post(str(number)) for number in range(RECORDS_A_BATCH + 1)]
    first, second, moved, _ = a_reader(Scripted([many])).fetch(None)
    assert (first.read, second.read) == (RECORDS_A_BATCH, 1)
    assert first.cursor["service"] is second.cursor["service"] is None
    assert moved.cursor["service"] == {"page": 1}


def test_positions_go_on_from_the_bookmark() -> None:
    reader = a_reader(Scripted([[], [a_post("1"), a_post("2")]]))
    batches = list(reader.fetch({**BEGINNING, "service": {"page": 1}, "records": 40}))
    assert positions(batches) == ["forum:41", "forum:42"]


def test_a_failure_leaves_the_bookmark_of_the_last_page() -> None:
    got, words = until_it_fails(a_reader(Scripted([[a_post("1")], [a_post("2")]], gives=[1])).fetch(None))
    assert words == "broke off"
    mark = failed(got[-1].cursor, ServiceUnavailable(words))
    assert mark == {"service": {"page": 1}, "records": 1, "gap": False, "done": False, "failure": "broke off"}


def test_a_failure_at_once_leaves_the_beginning() -> None:
    got, _ = until_it_fails(a_reader(Scripted([[a_post("1")]], gives=[0])).fetch(None))
    assert got == []
    assert failed({}, ServiceUnavailable("x"))["service"] is None


def test_the_next_try_forgets_why_the_last_one_failed() -> None:
    before = {"service": {"page": 1}, "records": 1, "gap": True, "done": False, "failure": "broke off"}
    last = list(a_reader(Scripted([[], [a_post("2")]])).fetch(before))[-1]
    assert last.cursor == {"service": {"page": 2}, "records": 2, "gap": True, "done": True}


def test_a_gap_is_kept_in_the_bookmark() -> None:
    batches = list(a_reader(Scripted([[a_post("1")], [a_post("2")]], gaps=frozenset({0}))).fetch(None))
    assert batches[-1].cursor["gap"] is True


def test_a_record_that_is_too_long_is_set_aside() -> None:
    long = b'{"id": "' + b"x" * (1 << 20) + b'"}'
    batches = list(a_reader(Scripted([[long, a_post("2")]])).fetch(None))
    rejected = [one for batch in batches for one in batch.quarantined]
    assert [(one.position, one.rule) for one in rejected] == [("forum:1", "line_too_long")]
    assert positions(batches) == ["forum:2"]


class WholeFiles:
    """A parser of whole files: each byte of a file is a record, and a file with an x is of no use."""

    def parse_document(self, stream: BinaryIO, context: Context) -> Iterable[Part]:
        content = stream.read()
        if b"x" in content:
            raise UnusableFile("a column is missing", rule="missing_column", field="day")
        for number, _ in enumerate(content, start=1):
            yield Part(read=1, rejected=[Rejected(context.position(number), "none", "for the test")])


def test_a_service_may_give_whole_files() -> None:
    batches = list(a_reader(Scripted([[b"ab"], [b"c", b"x"]]), WholeFiles()).fetch(None))
    rejected = [(one.position, one.rule) for batch in batches for one in batch.quarantined]
    assert rejected == [
        ("forum:1:1", "none"),
        ("forum:1:2", "none"),
        ("forum:2:1", "none"),
        ("forum:3", "missing_column"),
    ]
    assert sum(batch.read for batch in batches) == 4


@given(st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=6), st.data())
def test_wherever_a_try_stops_the_next_one_brings_the_rest(pages: list[list[int]], data: st.DataObject) -> None:
    prepared = [[a_post(str(number)) for number in page] for page in pages]
    stop = data.draw(st.integers(0, len(pages)))
    whole = list(a_reader(Scripted(prepared)).fetch(None))
    first, _ = until_it_fails(a_reader(Scripted(prepared, gives=[stop])).fetch(None))
    rest = list(a_reader(Scripted(prepared)).fetch(first[-1].cursor if first else None))
    assert sum(batch.read for batch in (*first, *rest)) == sum(batch.read for batch in whole)
    assert rest[-1].cursor == whole[-1].cursor
