"""Follow a night in Airflow, in plain words, and answer its question when asked to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from barometer.errors import BarometerError
from barometer.ops.api import POLL_SECONDS, AirflowApi, TaskState

WORDS = {
    "open_night": "opened the night",
    "removals": "deleted what was withdrawn",
    "check_ingest": "checked what came in",
    "prepare": "found language, place and duplicates of the posts",
    "check_prepare": "checked the posts",
    "shards": "split the posts for the workers",
    "classify": "read the posts: trust, target, rumour, hostility",
    "group_rumours": "grouped rumours",
    "check_classify": "checked the labels",
    "estimate": "estimated every indicator for every neighbourhood",
    "check_estimate": "checked the numbers",
    "draft_release": "drafted the release",
    "differences": "set the draft against the last release",
    "approve": "the release was answered for",
    "publish": "published the release",
    "run_report": "wrote the run report",
}
_INGEST = "ingest"
_ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}
_MARKS = {"success": "[green]✓[/]", "failed": "[red]✗[/]", "skipped": "[yellow]–[/]"}


class NightFailed(BarometerError):
    """A night ended badly; the message has the task, its reason, and where its log is."""


@dataclass(frozen=True)
class Run:
    """One run of one DAG."""

    dag_id: str
    run_id: str


def follow(
    api: AirflowApi,
    run: Run,
    *,
    say: Callable[[str], None],
    check: Callable[[], None] = lambda: None,
    on_question: Callable[[str], None] | None = None,
    timeout_seconds: float = 600,
) -> str:
    """Say each task as it ends, until the run has ended; return the run's last state.

    `on_question` is called with the id of a task that waits for a person; without it the question stays open. `check`
    is called at every look and may raise. Raises `NightFailed` when the run has not ended in time.
    """
    said: set[str] = set()
    end = time.monotonic() + timeout_seconds
    while time.monotonic() < end:
        check()
        state = api.run_state(run.dag_id, run.run_id)
        for line in _news(api.tasks(run.dag_id, run.run_id), said):
            say(line)
        if state in ("success", "failed"):
            return state
        if on_question:
            for task_id in api.open_questions(run.dag_id, run.run_id):
                on_question(task_id)
        time.sleep(POLL_SECONDS)
    raise NightFailed(f"run {run.run_id} has not ended after {timeout_seconds:.0f} seconds; its tasks wait or hang")


def wait_for_question(api: AirflowApi, run: Run, *, check: Callable[[], None], timeout_seconds: float) -> str:
    """Return the id of the task that waits for a person; raises `NightFailed` when the run ends without asking."""
    end = time.monotonic() + timeout_seconds
    while time.monotonic() < end:
        check()
        questions = api.open_questions(run.dag_id, run.run_id)
        if questions:
            return questions[0]
        if api.run_state(run.dag_id, run.run_id) in ("success", "failed"):
            raise NightFailed(f"run {run.run_id} ended without asking anybody")
        time.sleep(POLL_SECONDS)
    raise NightFailed(f"run {run.run_id} asked nobody within {timeout_seconds:.0f} seconds")


def in_words(task_id: str, tasks: int) -> str:
    """A task's deed in plain words."""
    if task_id.startswith(_INGEST):
        pool = task_id.removeprefix(_INGEST).lstrip("_")
        return f"took in what is new of {tasks} sources{f' ({pool})' if pool else ''}"
    return WORDS.get(task_id, task_id)


def failure_in_words(api: AirflowApi, run: Run, logs: Path) -> str:
    """The first failed task of a run, the one line that says why, and the log that has the rest."""
    failed = [task for task in api.tasks(run.dag_id, run.run_id) if task.state == "failed"]
    if not failed:
        return f"run {run.run_id} failed before any task did; see {logs / 'scheduler.log'}"
    log = task_log(logs, run, failed[0])
    return f"task {failed[0].task_id} failed: {reason_in(log)} (its log: {log})"


def task_log(logs: Path, run: Run, task: TaskState) -> Path:
    """Where Airflow keeps the log of a task's last try."""
    folder = logs / f"dag_id={run.dag_id}" / f"run_id={run.run_id}" / f"task_id={task.task_id}"
    mapped = folder if task.map_index < 0 else folder / f"map_index={task.map_index}"
    return mapped / f"attempt={task.try_number}.log"


def reason_in(log: Path) -> str:
    """The error a task's log (JSON lines) ends with, as "Kind: message"."""
    if not log.exists():
        return "it left no log; it was killed before it could start"
    details = [error for line in log.read_text(encoding="utf-8").splitlines() for error in _errors(line)]
    if not details:
        return "it left no reason; it was killed"
    return f"{details[-1]['exc_type']}: {details[-1]['exc_value']}"


def _errors(line: str) -> list[dict[str, str]]:
    try:
        entry = json.loads(line)
    except ValueError:
        return []
    return list(entry.get("error_detail") or [])[:1]


def _news(tasks: Iterable[TaskState], said: set[str]) -> list[str]:
    ordered = sorted(tasks, key=lambda task: task.task_id)
    groups = {task_id: list(group) for task_id, group in groupby(ordered, key=lambda task: task.task_id)}
    fresh = [task_id for task_id, group in groups.items() if task_id not in said and _has_ended(group)]
    said.update(fresh)
    shown = sorted(fresh, key=lambda task_id: list(WORDS).index(task_id) if task_id in WORDS else 0)
    return [line for task_id in shown if (line := _line(task_id, groups[task_id]))]


def _has_ended(group: list[TaskState]) -> bool:
    return all(task.state in _ENDED for task in group)


def _line(task_id: str, group: list[TaskState]) -> str:
    states = {task.state for task in group}
    if states <= {"upstream_failed", "removed"}:
        return ""
    worst = "failed" if "failed" in states else "success" if "success" in states else "skipped"
    seconds = max(task.duration_seconds or 0.0 for task in group)
    return f"  {_MARKS[worst]} {in_words(task_id, len(group))} [dim]{seconds:.1f} s[/]"
