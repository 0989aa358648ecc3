import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from barometer.ops.api import AirflowApi, AirflowDoesNotAnswer, TaskState
from barometer.ops.nights import interval_of

URL = "http://127.0.0.1:1"
HEALTHY = {"scheduler": {"status": "healthy"}, "dag_processor": {"status": "healthy"}}
NIGHT = interval_of(date(2026, 5, 10), "Europe/London")


class StandInForAirflow:
    """Answers each request with what the test gave for its path; a list is answered item by item, the last for good."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.get(f"{request.method} {request.url.path}", (404, {"detail": "not found"}))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        return httpx.Response(status, json=content)

    def body(self, index: int = -1) -> Any:
        return json.loads(self.requests[index].content)


Connect = Callable[..., tuple[AirflowApi, StandInForAirflow]]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    monkeypatch.setattr("barometer.ops.api.POLL_SECONDS", 0.0)

    def connected(answers: dict[str, Any]) -> tuple[AirflowApi, StandInForAirflow]:
        airflow = StandInForAirflow(answers)
        return AirflowApi(URL, "admin", "secret", httpx.MockTransport(airflow)), airflow

    return connected


def test_it_waits_until_every_part_is_healthy_and_then_logs_in(connect: Connect) -> None:
    unwell = {"scheduler": {"status": "unhealthy"}, "dag_processor": {"status": None}}
    not_there = httpx.ConnectError("refused")
    api, airflow = connect(
        {
            "GET /api/v2/monitor/health": [not_there, unwell, HEALTHY],
            "POST /auth/token": {"access_token": "a token"},
            "GET /api/v2/dags/d/dagRuns/r": {"state": "running"},
        }
    )
    api.wait_until_ready(timeout_seconds=5)
    assert airflow.body() == {"username": "admin", "password": "secret"}
    assert api.run_state("d", "r") == "running"
    assert airflow.requests[-1].headers["authorization"] == "Bearer a token"


def test_it_does_not_wait_for_ever(connect: Connect) -> None:
    api, _ = connect({"GET /api/v2/monitor/health": {}})
    with pytest.raises(AirflowDoesNotAnswer, match="was not ready after 0 seconds"):
        api.wait_until_ready(timeout_seconds=0)


def test_waiting_ends_at_once_when_a_part_has_died(connect: Connect) -> None:
    api, _ = connect({"GET /api/v2/monitor/health": {}})

    def died() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        api.wait_until_ready(timeout_seconds=60, check=died)


def test_a_dag_that_airflow_cannot_read_is_named_with_the_reason(connect: Connect) -> None:
    trace = "Traceback\n  File nightly.py\nSyntaxError: invalid syntax\n"
    api, _ = connect(
        {"GET /api/v2/importErrors": {"import_errors": [{"filename": "nightly.py", "stack_trace": trace}]}}
    )
    with pytest.raises(AirflowDoesNotAnswer, match=r"nightly.py: SyntaxError: invalid syntax"):
        api.wait_for_dag("nightly_sample", timeout_seconds=60)


def test_a_dag_that_is_no_longer_there_is_waited_for(connect: Connect) -> None:
    api, airflow = connect({"GET /api/v2/dags/d": [{"is_stale": True}, {"is_stale": False}]})
    api.wait_for_dag("d", timeout_seconds=60)
    assert len(airflow.requests) == 2


def test_a_run_is_triggered_for_its_data_interval(connect: Connect) -> None:
    api, airflow = connect({"POST /api/v2/dags/d/dagRuns": {"dag_run_id": "r"}})
    assert api.trigger("d", "r", NIGHT, release=False) == "r"
    sent = airflow.body()
    assert sent["conf"] == {"release": False}
    assert datetime.fromisoformat(sent["data_interval_start"]) == NIGHT[0]
    assert datetime.fromisoformat(sent["data_interval_end"]) == NIGHT[1]
    assert sent["logical_date"] == sent["data_interval_start"]


def test_existing_pools_keep_the_slots_an_operator_gave_them(connect: Connect) -> None:
    api, airflow = connect({"PATCH /api/v2/pools": {}})
    api.make_pools({"bluesky": 1})
    (action,) = airflow.body()["actions"]
    assert action["action_on_existence"] == "skip"
    assert [(pool["name"], pool["slots"]) for pool in action["entities"]] == [("bluesky", 1)]


def test_no_pools_are_no_request(connect: Connect) -> None:
    api, airflow = connect({})
    api.make_pools({})
    assert not airflow.requests


def test_only_questions_that_have_settled_are_open(connect: Connect) -> None:
    now = datetime.now(UTC)
    details = [
        {"created_at": (now - timedelta(seconds=age)).isoformat(), "task_instance": {"task_id": name}}
        for name, age in (("settled", 10), ("fresh", 0))
    ]
    api, _ = connect({"GET /api/v2/dags/d/dagRuns/r/hitlDetails": {"hitl_details": details}})
    assert api.open_questions("d", "r") == ["settled"]


def test_a_question_that_is_asked_again_must_settle_again(connect: Connect) -> None:
    now = datetime.now(UTC)
    details = [
        {
            "created_at": (now - timedelta(minutes=5)).isoformat(),
            "task_instance": {"task_id": name, "start_date": (now - timedelta(seconds=age)).isoformat()},
        }
        for name, age in (("settled", 10), ("asked again", 1))
    ]
    api, _ = connect({"GET /api/v2/dags/d/dagRuns/r/hitlDetails": {"hitl_details": details}})
    assert api.open_questions("d", "r") == ["settled"]


def test_an_answer_is_given_in_this_users_name(connect: Connect) -> None:
    path = "/api/v2/dags/d/dagRuns/r/taskInstances/approve/-1/hitlDetails"
    api, airflow = connect({f"PATCH {path}": {"responded_by": {"id": "admin", "name": "admin"}}})
    assert api.answer("d", "r", "approve", "Approve") == "admin"
    assert airflow.body()["chosen_options"] == ["Approve"]


def test_tasks_are_read(connect: Connect) -> None:
    found = {"task_id": "ingest", "map_index": 2, "state": "success", "duration": 1.5, "try_number": 1, "pool": "x"}
    api, _ = connect({"GET /api/v2/dags/d/dagRuns/r/taskInstances": {"task_instances": [found]}})
    assert api.tasks("d", "r") == [TaskState("ingest", 2, "success", 1.5, 1)]


def test_a_run_is_ended_before_it_is_forgotten(connect: Connect) -> None:
    path = "/api/v2/dags/d/dagRuns/r"
    api, airflow = connect({f"PATCH {path}": {}, f"DELETE {path}": {}})
    api.delete_run("d", "r")
    assert [request.method for request in airflow.requests] == ["PATCH", "DELETE"]
    assert airflow.body(0) == {"state": "failed"}


def test_a_refusal_says_what_was_refused_and_why(connect: Connect) -> None:
    api, _ = connect({"GET /api/v2/dags/d/dagRuns/r": (403, {"detail": "Forbidden"})})
    with pytest.raises(AirflowDoesNotAnswer, match="refused GET /api/v2/dags/d/dagRuns/r: 403 Forbidden"):
        api.run_state("d", "r")


def test_an_airflow_that_is_gone_is_one_line(connect: Connect) -> None:
    api, _ = connect({"GET /api/v2/dags/d/dagRuns/r": httpx.ConnectError("refused")})
    with pytest.raises(AirflowDoesNotAnswer, match="does not answer"):
        api.run_state("d", "r")
