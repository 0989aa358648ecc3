"""The same nightly DAG on a cluster's parts, run natively: PostgreSQL, Redis, CeleryExecutor with two workers."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from barometer.ops.approval import APPROVE
from barometer.ops.embedded import Airflow, airflow
from barometer.ops.follow import failure_in_words, follow
from barometer.ops.home import AirflowHome
from barometer.ops.processes import COMPLETE, free_port
from barometer.settings import Settings
from tests.fault.nights import CITY, HISTORY
from tests.integration.airflow.conftest import NIGHT_SECONDS, needs, releases

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

USER = "airflow"
STARTS_WITHIN_SECONDS = 60
WORKERS = ("east", "west")


def postgres_program(name: str) -> str:
    """A PostgreSQL server program, which Debian keeps out of the path."""
    found = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))]
    return found[-1] if found else name


def as_server_user(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root; then its own user runs it."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


def wait_for(command: list[str]) -> None:
    end = time.monotonic() + STARTS_WITHIN_SECONDS
    while subprocess.run(command, capture_output=True, check=False).returncode:
        assert time.monotonic() < end, f"{command[0]} did not answer"
        time.sleep(0.2)


@contextmanager
def served(command: list[str]) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh PostgreSQL on loopback; yields its port."""
    needs(postgres_program("postgres"), postgres_program("initdb"), "pg_isready", "createdb")
    folder, port = Path("/tmp") / f"barometer-postgres-{os.getpid()}", str(free_port())
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    initdb = [postgres_program("initdb"), "-D", str(folder / "data"), "-U", USER, "--auth=trust", "-E", "UTF8"]
    subprocess.run(as_server_user(initdb), check=True, capture_output=True, cwd="/")
    options = ["-p", port, "-k", str(folder), "-h", "127.0.0.1", "-c", "fsync=off"]
    with served(as_server_user([postgres_program("postgres"), "-D", str(folder / "data"), *options])):
        wait_for(["pg_isready", "-h", "127.0.0.1", "-p", port, "-U", USER])
        subprocess.run(["createdb", "-h", "127.0.0.1", "-p", port, "-U", USER, "airflow"], check=True, cwd="/")
        yield port
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh Redis on loopback; yields its port."""
    needs("redis-server", "redis-cli")
    port, folder = str(free_port()), str(tmp_path_factory.mktemp("redis"))
    with served(["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder]):
        wait_for(["redis-cli", "-p", port, "ping"])
        yield port


@pytest.fixture(scope="module")
def cluster(settings: Settings, database: str, broker: str) -> Iterator[Airflow]:
    """Airflow with the CeleryExecutor and two workers."""
    where = f"{USER}@127.0.0.1:{database}/airflow"
    overrides = {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{where}",
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql://{where}",
        "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{broker}/0",
        "C_FORCE_ROOT": "true",
    }
    home = AirflowHome(settings, free_port(), cities=(CITY,), is_scheduled=False, overrides=overrides)
    workers = {
        f"worker-{name}": (
            "celery",
            "worker",
            "--concurrency",
            "1",
            "--celery-hostname",
            f"{name}@localhost",
            "--skip-serve-logs",
        )
        for name in WORKERS
    }
    with airflow(home, {**COMPLETE, **workers}) as running:
        yield running


def test_the_night_runs_on_two_workers_to_an_approved_release(cluster: Airflow, settings: Settings) -> None:
    run = cluster.start_night(CITY, HISTORY)
    state = follow(
        cluster.admin,
        run,
        say=print,
        check=cluster.check,
        on_question=lambda task: cluster.admin.answer(run.dag_id, run.run_id, task, APPROVE) and None,
        timeout_seconds=NIGHT_SECONDS,
    )
    assert state == "success", failure_in_words(cluster.admin, run, cluster.home.logs)
    assert len(releases(settings)) == 1


def test_both_workers_took_part(cluster: Airflow) -> None:
    for name in WORKERS:
        log = (cluster.home.logs / f"worker-{name}.log").read_text("utf-8", errors="replace")
        assert "execute_workload" in log, f"worker {name} ran no task"
