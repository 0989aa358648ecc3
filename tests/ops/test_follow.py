import json
from pathlib import Path

import pytest

from barometer.ops import follow as module
from barometer.ops.api import TaskState
from barometer.ops.follow import (
    NightFailed,
    Run,
    failure_in_words,
    follow,
    in_words,
    reason_in,
    task_log,
    wait_for_question,
)

RUN = Run("nightly_sample", "by-hand-2026-05-10")


def a_task(task_id: str, state: str | None, map_index: int = -1, seconds: float = 1.0) -> TaskState:
    return TaskState(task_id, map_index, state, seconds, 1)


class StandInForAirflow:
    """Goes from one look to the next: each is the run's state, its tasks and its open questions."""

    def __init__(self, *looks: tuple[str, list[TaskState], list[str]]) -> None:
        self.looks = list(looks)

    def run_state(self, dag_id: str, run_id: str) -> str:
        return self.looks[0][0]

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        return self.looks[0][1]

    def open_questions(self, dag_id: str, run_id: str) -> list[str]:
        questions = self.looks[0][2]
        if len(self.looks) > 1:
            self.looks.pop(0)
        return questions


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.0)


def told(airflow: StandInForAirflow, **options: object) -> tuple[str, list[str]]:
    lines: list[str] = []
    state = follow(airflow, RUN, say=lines.append, on_question=lambda task_id: None, **options)  # type: ignore[arg-type]
    return state, lines


def test_each_task_is_told_once_as_it_ends() -> None:
    first = [a_task("open_night", "success"), a_task("removals", "running")]
    then = [a_task("open_night", "success"), a_task("removals", "success", seconds=2.25)]
    state, lines = told(StandInForAirflow(("running", first, []), ("running", then, []), ("success", then, [])))
    assert state == "success"
    assert len(lines) == 2
    assert "opened the night" in lines[0]
    assert "deleted what was withdrawn" in lines[1]
    assert "2.2 s" in lines[1]


def test_a_mapped_task_is_told_when_all_of_it_has_ended() -> None:
    half = [a_task("ingest", "success", 0), a_task("ingest", "running", 1)]
    whole = [a_task("ingest", "success", 0, seconds=9.0), a_task("ingest", "success", 1, seconds=4.0)]
    _, lines = told(StandInForAirflow(("running", half, []), ("success", whole, [])))
    assert len(lines) == 1
    assert "2 sources" in lines[0]
    assert "9.0 s" in lines[0]


def test_one_failed_part_makes_the_whole_mapped_task_failed() -> None:
    tasks = [a_task("ingest", "success", 0), a_task("ingest", "failed", 1)]
    _, lines = told(StandInForAirflow(("failed", tasks, [])))
    assert "✗" in lines[0]


def test_what_never_started_is_not_told() -> None:
    tasks = [a_task("prepare", "failed"), a_task("estimate", "upstream_failed"), a_task("publish", "skipped")]
    state, lines = told(StandInForAirflow(("failed", tasks, [])))
    assert state == "failed"
    assert ["found language" in lines[0], "published" in lines[1]] == [True, True]
    assert len(lines) == 2


def test_an_open_question_is_handed_on() -> None:
    asked: list[str] = []
    airflow = StandInForAirflow(("running", [], []), ("running", [], ["approve"]), ("success", [], []))
    follow(airflow, RUN, say=print, on_question=asked.append)  # type: ignore[arg-type]
    assert asked == ["approve"]


def test_a_dead_component_ends_the_following() -> None:
    def died() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        told(StandInForAirflow(("running", [], [])), check=died)


def test_a_run_that_hangs_is_not_followed_for_ever() -> None:
    with pytest.raises(NightFailed, match="has not ended after 0 seconds"):
        told(StandInForAirflow(("running", [], [])), timeout_seconds=0)


def test_the_question_is_waited_for() -> None:
    airflow = StandInForAirflow(("running", [], []), ("running", [], ["approve"]))
    found = wait_for_question(airflow, RUN, check=lambda: None, timeout_seconds=5)  # type: ignore[arg-type]
    assert found == "approve"


def test_a_run_that_ends_without_asking_is_a_failure() -> None:
    with pytest.raises(NightFailed, match="ended without asking"):
        wait_for_question(
            StandInForAirflow(("failed", [], [])),  # type: ignore[arg-type]
            RUN,
            check=lambda: None,
            timeout_seconds=5,
        )


def test_a_platforms_pool_is_told_beside_its_sources() -> None:
    assert in_words("ingest_bluesky", 3) == "took in what is new of 3 sources (bluesky)"
    assert in_words("something_new", 1) == "something_new"


def test_logs_lie_where_airflow_puts_them(tmp_path: Path) -> None:
    folder = tmp_path / "dag_id=nightly_sample" / "run_id=by-hand-2026-05-10" / "task_id=ingest"
    assert task_log(tmp_path, RUN, a_task("ingest", "failed", 2)) == folder / "map_index=2" / "attempt=1.log"
    assert task_log(tmp_path, RUN, a_task("ingest", "failed")) == folder / "attempt=1.log"


def test_the_reason_is_the_last_error_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "attempt=1.log"
    errors = [{"exc_type": "OSError", "exc_value": "first"}, {"exc_type": "CheckFailed", "exc_value": "posts: no rows"}]
    entries = [{"event": "began"}, *({"event": "failed", "error_detail": [error]} for error in errors)]
    log.write_text("no JSON\n" + "\n".join(map(json.dumps, entries)), encoding="utf-8")
    assert reason_in(log) == "CheckFailed: posts: no rows"


def test_a_task_that_was_killed_left_no_reason(tmp_path: Path) -> None:
    assert "killed" in reason_in(tmp_path / "nowhere.log")
    (tmp_path / "cut.log").write_text('{"event": "began"}\n', encoding="utf-8")
    assert "killed" in reason_in(tmp_path / "cut.log")


def test_a_failure_is_one_line_with_task_reason_and_log(tmp_path: Path) -> None:
    log = task_log(tmp_path, RUN, a_task("prepare", "failed"))
    log.parent.mkdir(parents=True)
    log.write_text(json.dumps({"error_detail": [{"exc_type": "KeyError", "exc_value": "'area'"}]}), encoding="utf-8")
    airflow = StandInForAirflow(("failed", [a_task("ingest", "success"), a_task("prepare", "failed")], []))
    line = failure_in_words(airflow, RUN, tmp_path)  # type: ignore[arg-type]
    assert line == f"task prepare failed: KeyError: 'area' (its log: {log})"


def test_a_run_that_failed_without_a_failed_task_points_at_the_scheduler(tmp_path: Path) -> None:
    assert "scheduler.log" in failure_in_words(StandInForAirflow(("failed", [], [])), RUN, tmp_path)  # type: ignore[arg-type]
