"""Two nights of the small sample city, run once for all tests that look at what they leave."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.fault.nights import HISTORY, LAST, deliver, run_night


@pytest.fixture(scope="session")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The history's night is done and the files of the last day have come."""
    home = tmp_path_factory.mktemp("evening") / "home"
    deliver(home, HISTORY)
    assert run_night(home, HISTORY) == 0
    deliver(home, LAST)
    return home


@pytest.fixture(scope="session")
def undisturbed(evening: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both nights are done, and nobody disturbed them."""
    home = Path(shutil.copytree(evening, tmp_path_factory.mktemp("undisturbed") / "home"))
    assert run_night(home, LAST) == 0
    return home
