"""The nightly DAG under a real scheduler: it runs, it really waits for a person, and a "no" publishes nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from barometer.lake import open_lake
from barometer.ops.api import TaskState
from barometer.ops.approval import APPROVE, HOLD, REJECT
from barometer.ops.embedded import Airflow
from barometer.ops.follow import Run, failure_in_words, follow, wait_for_question
from barometer.ops.home import ADMIN_USER
from barometer.settings import Settings
from tests.fault.nights import CITY, HISTORY, LAST
from tests.integration.airflow.conftest import NIGHT_SECONDS, releases

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

WAITS_AT_LEAST_SECONDS = 5


def by_task(tasks: Iterable[TaskState]) -> dict[str, set[str | None]]:
    """States of task instances, by task."""
    found: dict[str, set[str | None]] = {}
    for task in tasks:
        found.setdefault(task.task_id, set()).add(task.state)
    return found


def finish(started: Airflow, run: Run) -> str:
    return follow(started.admin, run, say=print, check=started.check, timeout_seconds=NIGHT_SECONDS)


@pytest.fixture(scope="module")
def asked(started: Airflow) -> Run:
    """The history's night, as far as the question."""
    run = started.start_night(CITY, HISTORY)
    question = wait_for_question(started.admin, run, check=started.check, timeout_seconds=NIGHT_SECONDS)
    assert question == "approve", failure_in_words(started.admin, run, started.home.logs)
    return run


def test_the_night_waits_for_a_person_and_publishes_nothing_meanwhile(
    started: Airflow, settings: Settings, asked: Run
) -> None:
    time.sleep(WAITS_AT_LEAST_SECONDS)
    now = by_task(started.admin.tasks(asked.dag_id, asked.run_id))
    assert now["approve"] == {"awaiting_input"}
    assert now["draft_release"] == {"success"}
    assert now["publish"] == {None}
    assert started.admin.run_state(asked.dag_id, asked.run_id) == "running"
    assert (settings.drafts / CITY).is_dir()
    assert releases(settings) == []


def ask_again(started: Airflow, run: Run) -> None:
    """What the handbook says of an answer that was wrong: clear the task, and the question is asked again."""
    started.admin.clear(run.dag_id, run.run_id, ["approve"])
    question = wait_for_question(started.admin, run, check=started.check, timeout_seconds=NIGHT_SECONDS)
    assert question == "approve", failure_in_words(started.admin, run, started.home.logs)


def decisions(settings: Settings) -> list[tuple[str, str, str]]:
    """What was decided about the draft so far: kind, by whom, why."""
    said = json.loads((settings.runs / CITY / f"{CITY}-{HISTORY}" / "decisions.json").read_text("utf-8"))
    return [(each["kind"], each["by"], each["reason"]) for each in said]


@pytest.fixture(scope="module")
def held(started: Airflow, asked: Run) -> Run:
    """The history's night, held for now and ended."""
    started.admin.answer(asked.dag_id, asked.run_id, "approve", HOLD, reason="the mayor wants to see it")
    assert finish(started, asked) == "success"
    return asked


def test_a_hold_publishes_nothing_and_is_kept_with_its_reason(started: Airflow, settings: Settings, held: Run) -> None:
    assert by_task(started.admin.tasks(held.dag_id, held.run_id))["publish"] == {"skipped"}
    assert releases(settings) == []
    assert decisions(settings) == [("hold", ADMIN_USER, "the mayor wants to see it")]


@pytest.fixture(scope="module")
def published(started: Airflow, held: Run) -> Run:
    """The same night, asked again, answered with a yes and ended."""
    ask_again(started, held)
    started.admin.answer(held.dag_id, held.run_id, "approve", APPROVE, reason="all figures looked at")
    assert finish(started, held) == "success"
    return held


def test_a_yes_publishes_in_the_name_of_who_said_it(settings: Settings, published: Run) -> None:
    release = releases(settings)[0]
    assert published.dag_id == f"nightly_{CITY}"
    approval = json.loads((release / "manifest.json").read_text("utf-8"))["approval"]
    assert approval["approved_by"] == ADMIN_USER
    assert not approval["is_stand_in"]
    assert approval["reason"] == "all figures looked at"


def test_sources_and_shards_were_mapped_and_every_task_succeeded(started: Airflow, published: Run) -> None:
    tasks = started.admin.tasks(published.dag_id, published.run_id)
    assert {task.state for task in tasks} == {"success"}
    assert len([task for task in tasks if task.task_id == "ingest" and task.map_index >= 0]) == 6
    assert [task for task in tasks if task.task_id == "classify" and task.map_index >= 0]


def test_the_assets_of_the_lake_were_updated(started: Airflow, published: Run) -> None:
    assert published.dag_id
    events = started.admin.asset_events()
    assert any(f"{CITY}/estimates" in event or f"{CITY}.estimates" in event for event in events)


def test_the_run_left_its_report(settings: Settings, published: Run) -> None:
    assert published.dag_id
    report = settings.runs / CITY / f"{CITY}-{HISTORY}" / "report.md"
    assert "All is well" in report.read_text("utf-8")


def test_retention_leaves_a_certificate_that_nothing_taken_back_is_held(
    started: Airflow, settings: Settings, published: Run
) -> None:
    assert published.dag_id
    day = datetime.combine(HISTORY, datetime.min.time(), UTC)
    started.admin.unpause("retention")
    run = Run("retention", started.admin.trigger("retention", "kept", (day, day + timedelta(days=1))))
    assert finish(started, run) == "success"
    stated = json.loads((settings.runs / CITY / "certificates" / f"{LAST}.json").read_text("utf-8"))
    assert stated["is_clean"]
    assert stated["search"]["files"] > 20


def test_a_no_publishes_nothing_and_is_kept_with_its_reason(
    started: Airflow, settings: Settings, published: Run
) -> None:
    before = releases(settings)
    ask_again(started, published)
    started.admin.answer(published.dag_id, published.run_id, "approve", REJECT, reason="a figure looks wrong")
    assert finish(started, published) == "success"
    assert by_task(started.admin.tasks(published.dag_id, published.run_id))["publish"] == {"skipped"}
    assert releases(settings) == before
    assert decisions(settings)[-1] == ("reject", ADMIN_USER, "a figure looks wrong")


def test_the_night_stands_in_the_ledger_and_balances(settings: Settings, published: Run) -> None:
    assert published.dag_id
    ledger = open_lake(settings, CITY).read("ledger").collect()
    ended = ledger.select(pl.sum_horizontal("written", "duplicate", "quarantined", "removed")).to_series()
    assert HISTORY in set(ledger["night"])
    assert ended.equals(ledger["received"].alias("written"))
