"""Airflow's own backfill runs past nights in their order, without asking anybody when told so."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from barometer.city import load_city
from barometer.lake import open_lake
from barometer.ops.embedded import Airflow, airflow
from barometer.ops.home import AirflowHome
from barometer.ops.processes import airflow_command, free_port
from barometer.settings import Settings
from barometer.simulate.run import simulate
from tests.fault.nights import CITY, HISTORY, SEED, settings_at
from tests.integration.airflow.conftest import NIGHT_SECONDS, releases

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

DAG_ID = f"nightly_{CITY}"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home whose inbox holds two weeks of the sample city: what is tried here is the order of nights."""
    made = settings_at(tmp_path_factory.mktemp("backfill") / "home")
    first = HISTORY - timedelta(days=13)
    city = load_city(CITY, made.configs)
    simulate(city, made, seed=SEED, posts=80, respondents=200, first_day=first, days=15, through=HISTORY)
    return made


@pytest.fixture(scope="module")
def scheduled(settings: Settings) -> Iterator[Airflow]:
    """Airflow with the DAG on its schedule, and not yet switched on."""
    home = AirflowHome(settings, free_port(), cities=(CITY,), is_scheduled=True)
    with airflow(home) as running:
        running.admin.wait_for_dag(DAG_ID, timeout_seconds=NIGHT_SECONDS, check=running.check)
        yield running


def backfill(started: Airflow, first: date, last: date) -> None:
    command = airflow_command("backfill", "create", "--dag-id", DAG_ID, "--dag-run-conf", '{"release": false}')
    days = ["--from-date", f"{first}T00:00:00+00:00", "--to-date", f"{last}T12:00:00+00:00"]
    done = subprocess.run(
        [*command, *days], env=started.home.environment(), capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def wait_until_ended(started: Airflow, runs: int) -> dict[str, str]:
    end = time.monotonic() + NIGHT_SECONDS
    while time.monotonic() < end:
        started.check()
        found = {run: state for run, state in started.admin.runs(DAG_ID).items() if run.startswith("backfill__")}
        if len(found) >= runs and set(found.values()) <= {"success", "failed"}:
            return found
        time.sleep(1)
    raise AssertionError(f"the backfill did not end: {started.admin.runs(DAG_ID)}")


def test_a_backfill_of_two_nights_fills_the_tables_and_asks_nobody(scheduled: Airflow, settings: Settings) -> None:
    first = HISTORY - timedelta(days=1)
    backfill(scheduled, first, HISTORY)
    # Airflow starts a backfill's runs only of a DAG that is switched on; that also starts the schedule's own night.
    scheduled.admin.unpause(DAG_ID)
    found = wait_until_ended(scheduled, runs=2)
    assert set(found.values()) == {"success"}
    nights = set(open_lake(settings, CITY).read("estimates").collect()["night"])
    assert {first, HISTORY} <= nights
    assert releases(settings) == []
