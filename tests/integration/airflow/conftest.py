"""A real Airflow with the nightly DAG of the small sample city."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from barometer.ops.embedded import Airflow, airflow
from barometer.ops.home import AirflowHome
from barometer.ops.processes import free_port
from barometer.settings import Settings
from tests.fault.nights import CITY, HISTORY, deliver, settings_at

NIGHT_SECONDS = 420


def needs(*programs: str) -> None:
    """Skip with the reason where a program is missing; under CI=true a missing one is a failure."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"under CI nothing is skipped, and {', '.join(missing)} is not installed")
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: install it to run this test")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home whose inbox holds the sample city's history."""
    home = tmp_path_factory.mktemp("airflow") / "home"
    deliver(home, HISTORY)
    return settings_at(home)


@pytest.fixture(scope="module")
def started(settings: Settings) -> Iterator[Airflow]:
    """Scheduler, DAG processor and API on SQLite with the LocalExecutor, as `make run` starts them."""
    home = AirflowHome(settings, free_port(), cities=(CITY,), is_scheduled=False)
    with airflow(home) as running:
        yield running


def releases(settings: Settings) -> list[Path]:
    """Folders of published releases of the sample city, oldest first."""
    return sorted(path.parent for path in (settings.releases / CITY).glob("2*/manifest.json"))
