"""A night knows its own end, and nothing of the machine's clock."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.towns import a_night


@pytest.mark.parametrize(
    ("day", "end"),
    [
        (date(2026, 1, 15), datetime(2026, 1, 16, 0, tzinfo=UTC)),
        (date(2026, 7, 15), datetime(2026, 7, 15, 23, tzinfo=UTC)),
        (date(2026, 3, 28), datetime(2026, 3, 29, 0, tzinfo=UTC)),
        (date(2026, 3, 29), datetime(2026, 3, 29, 23, tzinfo=UTC)),
    ],
    ids=["winter", "summer", "before the clocks change", "the day they change"],
)
def test_the_horizon_is_local_midnight(tmp_path: Path, day: date, end: datetime) -> None:
    assert a_night(tmp_path, day).horizon == end


def test_the_horizon_follows_the_city(tmp_path: Path) -> None:
    night = a_night(tmp_path, date(2026, 1, 15), timezone="Asia/Kolkata")
    assert night.horizon == datetime(2026, 1, 15, 18, 30, tzinfo=UTC)
    assert night.issued_at == night.horizon


def test_a_run_has_the_same_name_and_folder_every_time(tmp_path: Path) -> None:
    first, again = (a_night(tmp_path, date(2026, 5, 9)) for _ in range(2))
    assert first.run_id == again.run_id == "testville-2026-05-09"
    assert first.folder == again.folder == tmp_path / "home" / "runs" / "testville" / "testville-2026-05-09"
