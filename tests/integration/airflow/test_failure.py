"""A night that cannot succeed, under a real scheduler: it fails once, says why, reports, and releases nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from barometer.ops.api import TaskState
from barometer.ops.embedded import Airflow, airflow
from barometer.ops.follow import Run, failure_in_words, follow
from barometer.ops.home import AirflowHome
from barometer.ops.processes import free_port
from barometer.settings import Settings
from tests.fault.nights import CITY, HISTORY
from tests.integration.airflow.conftest import NIGHT_SECONDS, releases

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def with_a_source_that_fails(configs: Path, folder: Path) -> Path:
    """The project's configs, in which the sample city has one more source: of a service that nobody knows."""
    entry = "  - {id: mistaken, signal: posts, kind: live, service: nobody, format: jsonl, is_synthetic: true}\n"
    shutil.copytree(configs, folder / "configs")
    city = folder / "configs" / "cities" / CITY / "city.yaml"
    city.write_text(f"{city.read_text('utf-8').rstrip()}\n{entry}", "utf-8")
    return folder / "configs"


@pytest.fixture(scope="module")
def without_models(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """Airflow whose models' folder is empty, as after a bad installation, and with a source that cannot be read."""
    empty: Path = tmp_path_factory.mktemp("models")
    configs = with_a_source_that_fails(settings.configs, tmp_path_factory.mktemp("configs"))
    broken = settings.model_copy(update={"models": empty, "configs": configs})
    home = AirflowHome(broken, free_port(), cities=(CITY,), is_scheduled=False)
    with airflow(home) as running:
        yield running


@pytest.fixture(scope="module")
def failed(without_models: Airflow) -> Run:
    run = without_models.start_night(CITY, HISTORY)
    state = follow(without_models.admin, run, say=print, check=without_models.check, timeout_seconds=NIGHT_SECONDS)
    assert state == "failed"
    return run


def tasks_of(started: Airflow, run: Run, task_id: str) -> list[TaskState]:
    return [task for task in started.admin.tasks(run.dag_id, run.run_id) if task.task_id == task_id]


def test_a_source_that_fails_is_left_out_and_the_night_goes_on(without_models: Airflow, failed: Run) -> None:
    assert [task.state for task in tasks_of(without_models, failed, "ingest_nobody")] == ["skipped"]
    assert {task.state for task in tasks_of(without_models, failed, "ingest")} == {"success"}
    assert [task.state for task in tasks_of(without_models, failed, "check_prepare")] == ["success"]


def test_what_somebody_must_mend_is_not_tried_again(without_models: Airflow, failed: Run) -> None:
    tasks = tasks_of(without_models, failed, "classify")
    assert {task.state for task in tasks} == {"failed"}
    assert {task.try_number for task in tasks} == {1}


def test_the_reason_is_one_line_that_names_the_model(without_models: Airflow, failed: Run) -> None:
    line = failure_in_words(without_models.admin, failed, without_models.home.logs)
    assert line.startswith("task classify failed: ")
    assert "linear" in line
    assert "\n" not in line


def test_the_report_is_written_all_the_same(without_models: Airflow, failed: Run, settings: Settings) -> None:
    assert [task.state for task in tasks_of(without_models, failed, "run_report")] == ["success"]
    assert (settings.runs / CITY / f"{CITY}-{HISTORY}" / "report.md").is_file()


def test_nobody_is_asked_and_nothing_is_released(without_models: Airflow, failed: Run, settings: Settings) -> None:
    assert [task.state for task in tasks_of(without_models, failed, "approve")] == ["upstream_failed"]
    assert releases(settings) == []
