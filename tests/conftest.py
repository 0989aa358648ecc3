"""What every test may ask for: the shared real data (or a reason to skip), an empty lake, a small night."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from barometer.lake import Lake
from barometer.settings import PROJECT, Settings
from tests.sharing_out import ByScope, longest_first

# Under CI the same code is tried with the same examples, so that a failure there can be had again; elsewhere examples
# are new every time, which is how new faults are found.
settings.register_profile(
    "barometer",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("barometer")


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByScope:
    return ByScope(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [items[place] for place in longest_first([item.nodeid for item in items])]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that is never copied into the project; tests skip where it is absent."""
    folder = Path(os.environ.get("BAROMETER_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set BAROMETER_DATA to run this test")
    return folder


class Ticking:
    """A clock that moves one second at every look, so that tests can ask for the past exactly."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def lake(tmp_path: Path, clock: Ticking) -> Lake:
    """An empty lake of the city 'testville'."""
    return Lake(root=str(tmp_path / "lake"), city="testville", clock=clock)


@pytest.fixture
def settings_here(tmp_path: Path) -> Settings:
    """Settings whose every written path is below the test's own folder; configs and models are the project's."""
    return Settings(home=tmp_path / "home")


@pytest.fixture
def a_day() -> date:
    return date(2026, 5, 9)
