"""The ledger: what does not balance stops the run; what does is kept once, however often it is entered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import LedgerUnbalanced
from barometer.ledger import Counts, passed_through, quarantine, record, require_balance, timed, timings
from tests.rows import rows
from tests.towns import a_night

few = st.integers(0, 50)


@given(out_of_scope=few, written=few, duplicate=few, quarantined=few, removed=few)
def test_counts_that_add_up_balance(
    out_of_scope: int, written: int, duplicate: int, quarantined: int, removed: int
) -> None:
    received = written + duplicate + quarantined + removed
    counts = Counts(received + out_of_scope, out_of_scope, received, written, duplicate, quarantined, removed)
    assert counts.is_balanced


@given(
    field=st.sampled_from(["read", "received", "written", "duplicate", "quarantined", "removed"]), off=st.integers(1, 9)
)
def test_any_single_count_that_is_off_is_noticed(field: str, off: int) -> None:
    right = Counts(read=9, out_of_scope=2, received=7, written=4, duplicate=1, quarantined=1, removed=1)
    assert not replace(right, **{field: getattr(right, field) + off}).is_balanced


@given(counts=st.lists(few, max_size=6))
def test_sums_of_balanced_counts_balance(counts: list[int]) -> None:
    total = sum((passed_through(n) for n in counts), Counts())
    assert total.is_balanced
    assert total.written == sum(counts)


def test_counts_are_kept_once_however_often_they_are_entered(tmp_path: Path) -> None:
    night = a_night(tmp_path)
    for written in (3, 3, 5):
        record(night, "prepare", "all", passed_through(written))
    assert night.lake.read("ledger").collect()["written"].to_list() == [5]


def test_an_unbalanced_step_is_entered_and_stops_the_run(tmp_path: Path) -> None:
    night = a_night(tmp_path)
    with pytest.raises(LedgerUnbalanced, match=r"step ingest \(forum\): received 5 of 5 read.*lost or doubled"):
        record(night, "ingest", "forum", Counts(read=5, received=5, written=4))
    with pytest.raises(LedgerUnbalanced, match="step ingest"):
        require_balance(night)


def test_a_balanced_night_is_returned_in_order(tmp_path: Path) -> None:
    night = a_night(tmp_path)
    for step in ("prepare", "ingest"):
        record(night, step, "all", passed_through(1))
    assert require_balance(night)["step"].to_list() == ["ingest", "prepare"]


def test_quarantine_of_a_source_is_replaced_by_the_next_try(tmp_path: Path) -> None:
    night = a_night(tmp_path)
    for positions in (("a:1", "a:2"), ("a:1",)):
        found = ({"night": night.night, "source": "forum", "position": position} for position in positions)
        quarantine(night, "forum", rows("quarantine", *found))
    assert night.lake.read("quarantine").collect()["position"].to_list() == ["a:1"]


def test_durations_stay_out_of_the_lake(tmp_path: Path) -> None:
    night = a_night(tmp_path)
    with timed(night, "ingest", "a/source"):
        pass
    assert timings(night)[("ingest", "a/source")] >= 0
    assert not Path(night.lake.root).exists()


def test_a_step_that_fails_leaves_no_duration(tmp_path: Path) -> None:
    night = a_night(tmp_path)
    with pytest.raises(RuntimeError), timed(night, "ingest"):
        raise RuntimeError
    assert timings(night) == {}
