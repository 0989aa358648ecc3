"""A night killed anywhere and run again leaves the same tables, row for row, as a night nobody disturbed."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import polars as pl
import pytest

from tests.fault.nights import LAST, all_tables, lake_bytes, run_night, writes_of

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]

# Ten points over the night's writes, as a share of their number, and at each moment of a write. They are one night's:
# killed, run again, killed further on, and again, until at last nobody kills it. The last point is after the last
# write: there the night is run again when all of it is done.
POINTS = (
    ("before", 0.0),
    ("inside", 0.1),
    ("after", 0.2),
    ("before", 0.3),
    ("inside", 0.4),
    ("after", 0.5),
    ("before", 0.6),
    ("inside", 0.75),
    ("after", 0.9),
    ("after", 1.0),
)


def assert_same_tables(found: dict[str, pl.DataFrame], expected: dict[str, pl.DataFrame]) -> None:
    for name, frame in expected.items():
        assert found[name].equals(frame), f"table {name} differs: {found[name].height} rows, expected {frame.height}"


def taken_back(evening: Path, undisturbed: Path) -> list[str]:
    """Pseudonyms of posts that the last night removed."""
    before, after = (all_tables(home)["received_posts"] for home in (evening, undisturbed))
    return before.join(after, on="post", how="anti")["post"].to_list()


def test_the_undisturbed_night_did_something(undisturbed: Path, evening: Path) -> None:
    tables, before = all_tables(undisturbed), all_tables(evening)
    assert writes_of(undisturbed) >= len(POINTS)
    for name in ("received_posts", "labels", "answers", "estimates", "removals", "ledger"):
        assert tables[name].height > before[name].height or name == "received_posts"
    assert tables["estimates"]["value"].count() > 0


def test_a_night_killed_at_every_point_and_run_again_gives_the_same_tables(
    evening: Path, undisturbed: Path, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(evening, tmp_path / "home"))
    assert kill_again_and_again(home, POINTS, writes_of(undisturbed)) >= len(POINTS) - 1
    assert run_night(home, LAST) == 0
    assert_same_tables(all_tables(home), all_tables(undisturbed))
    gone, left = taken_back(evening, undisturbed), lake_bytes(home)
    assert len(gone) > 1
    assert [post for post in gone if post.encode() in left] == []


def kill_again_and_again(home: Path, points: tuple[tuple[str, float], ...], writes: int) -> int:
    """Kill the night at each point; returns how often it was killed.

    What is written already is not written again, so later tries have fewer writes. A write that was killed inside may
    have come to its end all the same: then the last point may lie behind the night's end.
    """
    done = kills = 0
    for moment, share in points:
        number = max(round(share * (writes - 1)) - done, 0)
        kills += run_night(home, LAST, moment, 1 + number) == -signal.SIGKILL
        done += number + (moment == "after")
    return kills
