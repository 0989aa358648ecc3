"""The lake: idempotent, atomic, able to answer for the past, and able to forget to the last byte."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from barometer import lake as lake_module
from barometer.errors import SchemaMismatch
from barometer.lake import Lake, tombstone
from barometer.tables import TABLES, Column
from tests.conftest import Ticking
from tests.rows import NIGHT, rows

OTHER_NIGHT = NIGHT + timedelta(days=1)


def cursors(*pairs: tuple[date, str, str]) -> pl.DataFrame:
    return rows("cursors", *({"night": night, "source": source, "cursor": text} for night, source, text in pairs))


def all_bytes(lake: Lake) -> bytes:
    return b"".join(path.read_bytes() for path in Path(lake.root).rglob("*") if path.is_file())


def posts_of(lake: Lake, table: str = "posts") -> list[str]:
    return sorted(lake.read(table).collect()["post"].to_list())


def put_post(
    lake: Lake, post: str, author: str, text: str, *, night: date = NIGHT, repost_of: str | None = None
) -> None:
    """One post and everything derived from it, each row in the partition it belongs to."""
    shared = {"night": night, "post": post}
    spoken = {"author": author, "text": text, "repost_of": repost_of}
    lake.append("received_posts", rows("received_posts", shared | spoken))
    lake.append("posts", rows("posts", shared | spoken))
    lake.append("labels", rows("labels", shared))
    lake.append("rumour_posts", rows("rumour_posts", shared | {"rumour": f"r-{post}"}))
    lake.append("rumours", rows("rumours", {"night": night, "rumour": f"r-{post}"}))


def killed_after(writes: int) -> Callable[..., None]:
    """A writer that is interrupted once it has written so often."""
    done = 0

    def write(*arguments: Any, **options: Any) -> None:
        nonlocal done
        if done == writes:
            raise KeyboardInterrupt
        done += 1
        write_deltalake(*arguments, **options)

    return write


def test_nothing_written_reads_as_an_empty_table(lake: Lake) -> None:
    assert lake.read("posts").collect().height == 0


class TestReplace:
    def test_what_is_written_is_read_back(self, lake: Lake) -> None:
        frame = cursors((NIGHT, "a", "1"))
        assert lake.replace("cursors", frame, partition={"night": NIGHT, "source": "a"}) == 1
        assert lake.read("cursors").collect().equals(frame)

    def test_writing_the_same_again_changes_nothing_not_even_the_version(self, lake: Lake) -> None:
        frame = cursors((NIGHT, "a", "1"))
        lake.replace("cursors", frame, partition={"night": NIGHT, "source": "a"})
        before = lake.versions()
        assert lake.replace("cursors", frame, partition={"night": NIGHT, "source": "a"}) == 0
        assert lake.versions() == before

    def test_other_partitions_stay(self, lake: Lake) -> None:
        lake.replace("cursors", cursors((NIGHT, "a", "1")), partition={"night": NIGHT, "source": "a"})
        lake.replace("cursors", cursors((NIGHT, "b", "2")), partition={"night": NIGHT, "source": "b"})
        lake.replace("cursors", cursors().clear(), partition={"night": NIGHT, "source": "a"})
        assert lake.read("cursors").collect()["source"].to_list() == ["b"]

    def test_a_partition_may_be_a_prefix_of_the_partition_columns(self, lake: Lake) -> None:
        lake.replace("cursors", cursors((NIGHT, "a", "1"), (NIGHT, "b", "2")), partition={"night": NIGHT})
        lake.replace("cursors", cursors((NIGHT, "a", "3")), partition={"night": NIGHT})
        assert lake.read("cursors").collect().rows() == [(NIGHT, "a", "3")]

    def test_rows_of_another_partition_are_refused(self, lake: Lake) -> None:
        with pytest.raises(SchemaMismatch, match="column source: 1 rows are not of partition 'a'"):
            lake.replace("cursors", cursors((NIGHT, "b", "1")), partition={"night": NIGHT, "source": "a"})

    def test_a_column_that_is_no_partition_is_refused(self, lake: Lake) -> None:
        with pytest.raises(SchemaMismatch, match="not partition columns"):
            lake.replace("cursors", cursors((NIGHT, "a", "1")), partition={"cursor": "1"})

    def test_a_frame_that_does_not_match_is_refused_with_the_column(self, lake: Lake) -> None:
        wrong = cursors((NIGHT, "a", "1")).with_columns(cursor=pl.lit(1))
        with pytest.raises(SchemaMismatch, match="column cursor: is Int32, declared String"):
            lake.replace("cursors", wrong, partition={"night": NIGHT, "source": "a"})

    @given(source=st.text(min_size=1, max_size=20).filter(lambda s: s.isprintable() and s.strip() == s))
    def test_any_printable_name_of_a_source_is_a_partition(
        self, source: str, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        lake = Lake(root=str(tmp_path_factory.mktemp("lake")), city="c")
        frame = cursors((NIGHT, source, "1"))
        lake.replace("cursors", frame, partition={"night": NIGHT, "source": source})
        lake.replace("cursors", frame.with_columns(cursor=pl.lit("2")), partition={"night": NIGHT, "source": source})
        assert lake.read("cursors").collect()["cursor"].to_list() == ["2"]

    def test_writers_of_different_partitions_at_once_all_succeed(self, lake: Lake) -> None:
        def write(source: str) -> int:
            frame = cursors((NIGHT, source, "1"))
            return lake.replace("cursors", frame, partition={"night": NIGHT, "source": source})

        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(write, "abcdef")) == [1] * 6
        assert sorted(lake.read("cursors").collect()["source"].to_list()) == list("abcdef")


class TestAppend:
    def test_appending_twice_adds_once(self, lake: Lake) -> None:
        frame = cursors((NIGHT, "a", "1"), (OTHER_NIGHT, "a", "2"))
        assert lake.append("cursors", frame) == 2
        assert lake.append("cursors", frame) == 0
        assert lake.read("cursors").collect().height == 2

    @given(batches=st.lists(st.lists(st.integers(0, 9), unique=True, max_size=5), max_size=4))
    def test_any_batches_in_any_order_give_each_key_once(
        self, batches: list[list[int]], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        lake = Lake(root=str(tmp_path_factory.mktemp("lake")), city="c")
        added = sum(
            lake.append("posts", rows("posts", *({"post": str(i)} for i in batch))) for batch in batches if batch
        )
        expected = {str(i) for batch in batches for i in batch}
        assert added == len(expected)
        assert set(posts_of(lake)) == expected


class TestAsOf:
    def test_the_past_reads_as_it_was(self, lake: Lake, clock: Ticking) -> None:
        partition = {"night": NIGHT, "source": "a"}
        before = clock()
        lake.replace("cursors", cursors((NIGHT, "a", "1")), partition=partition)
        between = clock()
        lake.replace("cursors", cursors((NIGHT, "a", "2")), partition=partition)
        assert lake.read("cursors", as_of=before).collect().height == 0
        assert lake.read("cursors", as_of=between).collect()["cursor"].to_list() == ["1"]
        assert lake.read("cursors").collect()["cursor"].to_list() == ["2"]

    def test_a_lake_of_the_past_reads_as_it_was_and_takes_no_writes(self, lake: Lake, clock: Ticking) -> None:
        partition = {"night": NIGHT, "source": "a"}
        lake.replace("cursors", cursors((NIGHT, "a", "1")), partition=partition)
        then = lake.at(clock())
        lake.replace("cursors", cursors((NIGHT, "a", "2")), partition=partition)
        assert then.read("cursors").collect()["cursor"].to_list() == ["1"]
        assert then.read("cursors", as_of=clock()).collect()["cursor"].to_list() == ["2"]
        with pytest.raises(SchemaMismatch, match="the past is fixed"):
            then.replace("cursors", cursors((NIGHT, "a", "3")), partition=partition)

    def test_it_knows_when_the_newest_row_was_written(self, lake: Lake, clock: Ticking) -> None:
        partition = {"night": NIGHT, "source": "a"}
        before = clock()
        assert lake.written_at("cursors", partition=partition, as_of=before) is None
        lake.replace("cursors", cursors((NIGHT, "a", "1")), partition=partition)
        between = clock()
        lake.replace("cursors", cursors((NIGHT, "a", "2")), partition=partition)
        after = clock()
        first, second = (lake.written_at("cursors", partition=partition, as_of=at) for at in (between, after))
        assert first is not None
        assert second is not None
        assert before < first < between < second < after
        assert lake.written_at("cursors", partition={"night": OTHER_NIGHT}, as_of=after) is None

    def test_the_past_survives_small_file_maintenance(self, lake: Lake, clock: Ticking) -> None:
        partition = {"night": NIGHT, "source": "a"}
        lake.replace("cursors", cursors((NIGHT, "a", "1")), partition=partition)
        between = clock()
        lake.replace("cursors", cursors((NIGHT, "a", "2")), partition=partition)
        lake.maintain(older_than_hours=0)
        assert lake.read("cursors", as_of=between).collect()["cursor"].to_list() == ["1"]

    def test_a_removal_reaches_the_past_and_spares_the_rest_of_it(self, lake: Lake, clock: Ticking) -> None:
        lake.append("posts", rows("posts", {"post": "gone"}, {"post": "stays"}))
        between = clock()
        lake.replace("posts", rows("posts", {"post": "gone"}, {"post": "later"}), partition={"night": NIGHT})
        lake.remove("posts", pl.DataFrame({"post": ["gone"]}))
        assert lake.read("posts", as_of=between).collect()["post"].to_list() == ["stays"]
        assert posts_of(lake) == ["later"]


class TestRemove:
    def test_a_post_goes_with_everything_derived_from_it(self, lake: Lake) -> None:
        put_post(lake, "p1", "ann", "the first text")
        put_post(lake, "p2", "bob", "the second text")
        deleted = lake.remove("received_posts", pl.DataFrame({"post": ["p1"]}))
        assert deleted["posts"] == deleted["labels"] == deleted["rumour_posts"] == deleted["rumours"] == 1
        for table in ("received_posts", "posts", "labels", "rumour_posts"):
            assert posts_of(lake, table) == ["p2"]

    def test_no_byte_of_it_is_left_on_disk(self, lake: Lake) -> None:
        put_post(lake, "pseudonym-of-p1", "author-ann", "a text that must vanish")
        put_post(lake, "pseudonym-of-p2", "author-bob", "a text that stays")
        assert b"author-ann" in all_bytes(lake)
        lake.remove("received_posts", pl.DataFrame({"post": ["pseudonym-of-p1"]}))
        left = all_bytes(lake)
        assert b"pseudonym-of-p2" in left
        for trace in (b"pseudonym-of-p1", b"author-ann", b"must vanish"):
            assert trace not in left

    def test_an_author_goes_with_all_posts_and_their_reposts(self, lake: Lake) -> None:
        put_post(lake, "p1", "ann", "one")
        put_post(lake, "p2", "ann", "two", night=OTHER_NIGHT)
        put_post(lake, "p3", "bob", "one", repost_of="p1")
        put_post(lake, "p4", "bob", "own words")
        lake.remove("received_posts", pl.DataFrame({"author": ["ann"]}))
        assert posts_of(lake) == posts_of(lake, "received_posts") == posts_of(lake, "labels") == ["p4"]

    def test_derived_rows_go_even_when_the_raw_row_was_purged_before(self, lake: Lake) -> None:
        put_post(lake, "p1", "ann", "one")
        put_post(lake, "p2", "ann", "two", night=OTHER_NIGHT)
        assert lake.maintain(received_before=OTHER_NIGHT, older_than_hours=0)["raw_posts_purged"] == 1
        assert posts_of(lake) == ["p1", "p2"]
        lake.remove("received_posts", pl.DataFrame({"author": ["ann"]}))
        assert posts_of(lake) == posts_of(lake, "labels") == []

    def test_a_respondent_goes_with_the_answers_and_the_quarantined_records(self, lake: Lake) -> None:
        for i, who in enumerate(("r1", "r2")):
            lake.append(
                "respondents", rows("respondents", {"response": who, "respondent": f"person-{who}", "source": who})
            )
            lake.append("answers", rows("answers", {"response": who, "respondent": f"person-{who}", "source": who}))
            lake.append(
                "quarantine", rows("quarantine", {"subject": who, "position": f"row {i}", "record": f"raw-{who}"})
            )
        lake.remove("respondents", pl.DataFrame({"respondent": ["person-r1"]}))
        for table in ("respondents", "answers"):
            assert lake.read(table).collect()["respondent"].to_list() == ["person-r2"]
        assert lake.read("quarantine").collect()["subject"].to_list() == ["r2"]
        assert b"raw-r1" not in all_bytes(lake)

    def test_files_of_a_killed_write_go_too(self, lake: Lake) -> None:
        put_post(lake, "p1", "ann", "one")
        orphan = Path(lake.location("labels")) / "night=2026-05-09" / "part-00000-orphan.parquet"
        orphan.parent.mkdir(parents=True, exist_ok=True)
        orphan.write_bytes(b"left by a killed process: p1")
        lake.remove("received_posts", pl.DataFrame({"post": ["p1"]}))
        assert not orphan.exists()

    def test_the_newer_version_of_an_edited_post_is_spared(self, lake: Lake) -> None:
        put_post(lake, "p1", "ann", "first words")
        edited = rows("received_posts", {"night": OTHER_NIGHT, "post": "p1", "text": "better words"})
        lake.replace("received_posts", edited, partition={"night": OTHER_NIGHT})
        lake.remove("received_posts", pl.DataFrame({"post": ["p1"]}), before=OTHER_NIGHT)
        assert lake.read("received_posts").collect()["text"].to_list() == ["better words"]
        assert posts_of(lake) == posts_of(lake, "labels") == []
        assert b"first words" not in all_bytes(lake)

    def test_superseded_rows_are_seen_until_they_are_removed(self, lake: Lake) -> None:
        for post in ("p1", "p2"):
            lake.replace("posts", rows("posts", {"post": post}), partition={"night": NIGHT})
        assert posts_of(lake) == ["p2"]
        assert sorted(lake.read_every_version("posts").collect()["post"].to_list()) == ["p1", "p2"]
        lake.remove("posts", pl.DataFrame({"post": ["p1"]}))
        assert lake.read_every_version("posts").collect()["post"].to_list() == ["p2"]

    def test_a_removal_killed_half_way_is_finished_by_the_next(
        self, lake: Lake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put_post(lake, "p1", "ann", "one")
        tables = ("received_posts", "posts", "labels", "rumour_posts")
        for survived in (0, 1, 1, 1, 1):
            with monkeypatch.context() as patch:
                patch.setattr("barometer.lake.write_deltalake", killed_after(survived))
                with pytest.raises(KeyboardInterrupt):
                    lake.remove("received_posts", pl.DataFrame({"author": ["ann"]}))
            assert posts_of(lake, "received_posts") == ["p1"]
        lake.remove("received_posts", pl.DataFrame({"author": ["ann"]}))
        assert [posts_of(lake, table) for table in tables] == [[]] * len(tables)

    def test_posts_that_repeat_each_other_do_not_go_round_for_ever(self, lake: Lake) -> None:
        put_post(lake, "p1", "ann", "one", repost_of="p2")
        put_post(lake, "p2", "bob", "two", repost_of="p1")
        lake.remove("received_posts", pl.DataFrame({"post": ["p1"]}))
        assert posts_of(lake) == posts_of(lake, "received_posts") == []

    def test_removing_what_is_not_there_removes_nothing(self, lake: Lake) -> None:
        put_post(lake, "p1", "ann", "one")
        deleted = lake.remove("received_posts", pl.DataFrame({"post": ["unknown"]}))
        assert sum(deleted.values()) == 0
        assert posts_of(lake) == ["p1"]

    @given(gone=st.sets(st.integers(0, 5)), kept=st.sets(st.integers(0, 5)))
    def test_exactly_what_is_named_goes(
        self, gone: set[int], kept: set[int], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        lake = Lake(root=str(tmp_path_factory.mktemp("lake")), city="c")
        names = {f"post-{i}" for i in gone | kept}
        if names:
            lake.append("posts", rows("posts", *({"post": name} for name in sorted(names))))
        lake.remove("posts", pl.DataFrame({"post": [f"post-{i}" for i in gone]}, schema={"post": pl.String}))
        assert set(posts_of(lake)) == names - {f"post-{i}" for i in gone}


class TestTombstone:
    def test_it_is_stable_and_says_nothing_of_the_pseudonym(self) -> None:
        assert tombstone("abc") == tombstone("abc") != tombstone("abd")
        assert "abc" not in tombstone("abc")
        assert len(tombstone("abc")) == 64


def test_the_log_keeps_no_row_value(lake: Lake) -> None:
    put_post(lake, "pseudonym-1", "author-1", "secret text")
    logs = b"".join(path.read_bytes() for path in Path(lake.root).rglob("_delta_log/*"))
    for value in (b'pseudonym-1"', b"author-1", b"secret text"):
        assert value not in logs


def test_maintenance_keeps_every_row(lake: Lake) -> None:
    for i in range(4):
        lake.append("posts", rows("posts", {"post": str(i)}))
    lake.maintain(older_than_hours=0)
    assert posts_of(lake) == ["0", "1", "2", "3"]


def test_two_cities_never_meet(tmp_path: Path) -> None:
    here, there = (Lake(root=str(tmp_path), city=city) for city in ("here", "there"))
    here.append("posts", rows("posts", {"post": "p"}))
    assert there.read("posts").collect().height == 0


def test_times_before_any_write_are_empty(lake: Lake) -> None:
    lake.append("posts", rows("posts", {"post": "p"}))
    assert lake.read("posts", as_of=datetime(1999, 1, 1, tzinfo=UTC)).collect().height == 0


def test_a_column_declared_later_is_empty_in_what_was_there(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = TABLES["cursors"]
    lake.append("cursors", cursors((NIGHT, "a", "1")))
    wider = replace(declared, columns=(*declared.columns, Column("note", pl.String, "a note", nullable=True)))
    monkeypatch.setitem(TABLES, "cursors", wider)
    assert lake.read("cursors").collect()["note"].to_list() == [None]
    lake.append("cursors", rows("cursors", {"night": OTHER_NIGHT, "source": "a", "note": "hello"}))
    assert lake.read("cursors").sort("night").collect()["note"].to_list() == [None, "hello"]


def test_files_are_not_destroyed_while_a_write_is_under_way(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is written and not yet committed looks like a dead one."""
    lake.append("posts", rows("posts", {"post": "a"}))
    order: list[str] = []
    began, may_end = threading.Event(), threading.Event()
    write = lake_module.write_deltalake

    def slowly(*arguments: object, **options: object) -> None:
        began.set()
        may_end.wait(10)
        write(*arguments, **options)
        order.append("written")

    def destroy() -> None:
        lake.destroy_unreferenced_files()
        order.append("destroyed")

    monkeypatch.setattr(lake_module, "write_deltalake", slowly)
    writer = threading.Thread(target=lambda: lake.append("posts", rows("posts", {"post": "b"})))
    writer.start()
    assert began.wait(10)
    destroyer = threading.Thread(target=destroy)
    destroyer.start()
    destroyer.join(0.2)
    assert destroyer.is_alive()
    may_end.set()
    writer.join(10)
    destroyer.join(10)
    assert order == ["written", "destroyed"]
    assert lake.read("posts").collect()["post"].sort().to_list() == ["a", "b"]
