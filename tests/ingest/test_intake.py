"""What a try leaves for the next one: the same when it is read again, masked, whole or not there at all."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.intake import Intake, keep, kept
from barometer.ingest.live.reader import BEGINNING
from barometer.ingest.posts import PARSERS
from barometer.ingest.source import Batch, LineParser, Rejected, Removal
from tests.ingest.helpers import PlainDoor, a_context, a_post, as_lines

AT = datetime(2026, 5, 8, 10, tzinfo=UTC)
REMOVAL = Removal("post", "ab" * 16, AT, "deleted", "forum:9")


def a_batch(*ids: str, cursor: int = 1) -> Batch:
    parser = PARSERS["posts", "jsonl"]
    assert isinstance(parser, LineParser)
    part = parser.parse_lines(as_lines(*map(a_post, ids), b"broken"), a_context())
    return Batch(part.rows, [REMOVAL], part.rejected, part.read, part.out_of_scope, {"page": cursor})


def an_intake(*ids: str) -> Intake:
    intake = Intake()
    intake.add(a_batch(*ids), PlainDoor())
    return intake


def same(one: Intake, other: Intake) -> bool:
    return one.rows("received_posts").equals(other.rows("received_posts")) and (
        one.removals,
        one.rejected,
        one.read,
        one.out_of_scope,
        one.cursor,
    ) == (other.removals, other.rejected, other.read, other.out_of_scope, other.cursor)


@given(st.lists(st.sampled_from("12345"), max_size=5))
def test_an_intake_is_read_as_it_was_kept(tmp_path: Path, ids: list[str]) -> None:
    intake = an_intake(*ids)
    keep(intake, BEGINNING, tmp_path / "a.zip")
    again = kept(tmp_path / "a.zip", BEGINNING)
    assert again is not None
    assert same(again, intake)


def test_it_can_be_gone_on_with(tmp_path: Path) -> None:
    keep(an_intake("1"), BEGINNING, tmp_path / "a.zip")
    again = kept(tmp_path / "a.zip", BEGINNING)
    assert again is not None
    again.add(a_batch("2", cursor=2), PlainDoor())
    assert again.rows("received_posts").height == 2
    assert again.cursor == {"page": 2}
    assert len(again.removals) == 2


def test_it_holds_for_one_beginning_only(tmp_path: Path) -> None:
    keep(an_intake("1"), BEGINNING, tmp_path / "a.zip")
    assert kept(tmp_path / "a.zip", {**BEGINNING, "service": 7}) is None
    assert kept(tmp_path / "b.zip", BEGINNING) is None


def test_only_its_owner_may_read_it_and_a_broken_try_to_write_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.zip"
    keep(an_intake("1"), BEGINNING, file)
    before = file.read_bytes()

    def full(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(OSError):
        keep(an_intake("1", "2"), BEGINNING, file)
    assert file.read_bytes() == before
    assert file.stat().st_mode & 0o077 == 0


def test_rejected_records_are_masked_once_as_they_come_in() -> None:
    intake = Intake()
    rejected = [Rejected("a:1", "rule", "reason", record="raw words"), Rejected("a:2", "rule", "reason")]
    intake.add(Batch({}, [], rejected, 2, 0, {}), PlainDoor())
    assert [one.record for one in intake.rejected] == ["masked raw words", None]


def test_batches_without_rows_take_no_room() -> None:
    intake, empty = Intake(), a_batch().rows
    for _ in range(100):
        intake.add(Batch(empty, [], [], 1_000, 1_000, {}), PlainDoor())
    assert not intake.frames
    assert intake.read == intake.out_of_scope == 100_000
    assert intake.rows("received_posts").is_empty()
    assert isinstance(intake.rows("received_posts"), pl.DataFrame)
