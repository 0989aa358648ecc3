"""A night killed anywhere and run again leaves the same tables, row for row, as a night nobody disturbed."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from tests.fault.nights import HISTORY, LAST, all_tables, deliver, kill_night, lake_of, run_night, writes_of

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600), pytest.mark.xdist_group("nights")]

# Ten points over the night's writes, as a share of their number, and at each moment of a write.
POINTS = [
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
]


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The history's night is done and the files of the last day have come."""
    home = tmp_path_factory.mktemp("evening") / "home"
    deliver(home, HISTORY)
    assert run_night(home, HISTORY) == 0
    deliver(home, LAST)
    return home


@pytest.fixture(scope="module")
def undisturbed(evening: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Path(shutil.copytree(evening, tmp_path_factory.mktemp("undisturbed") / "home"))
    assert run_night(home, LAST) == 0
    return home


def assert_same_tables(found: dict[str, pl.DataFrame], expected: dict[str, pl.DataFrame]) -> None:
    for name, frame in expected.items():
        assert found[name].equals(frame), f"table {name} differs: {found[name].height} rows, expected {frame.height}"


def test_the_undisturbed_night_did_something(undisturbed: Path, evening: Path) -> None:
    tables, before = all_tables(undisturbed), all_tables(evening)
    assert writes_of(undisturbed) >= len(POINTS)
    for name in ("received_posts", "labels", "answers", "estimates", "removals", "ledger"):
        assert tables[name].height > before[name].height or name == "received_posts"
    assert tables["estimates"]["value"].count() > 0


def test_the_same_night_again_changes_nothing(undisturbed: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(undisturbed, tmp_path / "home"))
    assert run_night(home, LAST) == 0
    assert_same_tables(all_tables(home), all_tables(undisturbed))


@pytest.mark.parametrize(("moment", "share"), POINTS)
def test_a_killed_night_run_again_gives_the_same_tables(
    moment: str, share: float, evening: Path, undisturbed: Path, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(evening, tmp_path / "home"))
    number = 1 + round(share * (writes_of(undisturbed) - 1))
    kill_night(home, LAST, moment, number)
    assert run_night(home, LAST) == 0
    assert_same_tables(all_tables(home), all_tables(undisturbed))
    assert lake_of(home).read("ledger").filter(pl.col("night") == LAST).collect().height > 0
