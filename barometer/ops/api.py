"""The few calls of Airflow's REST API (v2) that running a night needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from barometer.errors import BarometerError

POLL_SECONDS = 1.0
_REQUEST_SECONDS = 30.0
_PARKED_FOR = timedelta(seconds=3)
_COMPONENTS = ("scheduler", "dag_processor")


class AirflowDoesNotAnswer(BarometerError):
    """Airflow's API is not there, does not know the thing asked for, or refused; the message says which."""


@dataclass(frozen=True)
class TaskState:
    """One task instance: the task, the index of a mapped one (-1: not mapped), its state and duration in seconds."""

    task_id: str
    map_index: int
    state: str | None
    duration_seconds: float | None
    try_number: int


class AirflowApi:
    """Airflow's API as one of its users. `transport` is for tests that stand in for Airflow."""

    def __init__(self, url: str, user: str, password: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url
        self._credentials = {"username": user, "password": password}
        self._client = httpx.Client(base_url=url, timeout=_REQUEST_SECONDS, trust_env=False, transport=transport)

    def wait_until_ready(self, *, timeout_seconds: float, check: Callable[[], None] = lambda: None) -> None:
        """Return when API, scheduler and DAG processor answer; `check` may raise when one of them has died."""
        _wait(self._is_healthy, timeout_seconds, check, f"Airflow at {self._url} was not ready")
        self._log_in()

    def wait_for_dag(self, dag_id: str, *, timeout_seconds: float, check: Callable[[], None] = lambda: None) -> None:
        """Return when Airflow has read the DAG; raises with the import errors when it cannot."""
        _wait(lambda: self._knows(dag_id), timeout_seconds, check, f"Airflow did not find the DAG {dag_id}")

    def make_pools(self, pools: Mapping[str, int]) -> None:
        """Make the pools that are not there yet; those that are keep the slots an operator gave them."""
        if not pools:
            return
        entities = [{"name": name, "slots": slots, "include_deferred": False} for name, slots in pools.items()]
        action = {"action": "create", "action_on_existence": "skip", "entities": entities}
        self._call("PATCH", "/api/v2/pools", json={"actions": [action]})

    def unpause(self, dag_id: str) -> None:
        """Let the DAG's runs start."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, run_id: str, interval: tuple[datetime, datetime], **conf: object) -> str:
        """Start a run for a data interval; return its id."""
        start, end = (moment.isoformat() for moment in interval)
        body = {
            "dag_run_id": run_id,
            "logical_date": start,
            "data_interval_start": start,
            "data_interval_end": end,
            "conf": conf,
        }
        return str(self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def runs(self, dag_id: str) -> dict[str, str]:
        """State of every run of the DAG by run id."""
        found = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns", params={"limit": 100})["dag_runs"]
        return {run["dag_run_id"]: run["state"] for run in found}

    def delete_run(self, dag_id: str, run_id: str) -> None:
        """Forget a run; one that has not ended is ended first."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        self._call("PATCH", path, json={"state": "failed"})
        self._call("DELETE", path)

    def run_state(self, dag_id: str, run_id: str) -> str:
        """`queued`, `running`, `success` or `failed`."""
        return str(self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """Every task instance of a run."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        found = self._call("GET", path, params={"limit": 100, "order_by": "start_date"})["task_instances"]
        return [_task_state(each) for each in found]

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str]) -> None:
        """Run these tasks of a run again, and everything after them."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": list(task_ids),
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self._call("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body)

    def open_questions(self, dag_id: str, run_id: str) -> list[str]:
        """Task ids that wait for a person's answer, and have waited long enough to take one.

        The scheduler must have noticed that the task is parked: an answer that comes sooner, which only a machine can
        give, makes it believe that somebody killed the task. A question that is asked again keeps the time when it was
        first asked, so the start of the task's latest try counts, too.
        """
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/hitlDetails"
        found = self._call("GET", path, params={"response_received": False, "state": "awaiting_input"})["hitl_details"]
        settled = datetime.now(UTC) - _PARKED_FOR
        return [each["task_instance"]["task_id"] for each in found if _asked_at(each) < settled]

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str, *, reason: str = "") -> str:
        """Answer a question as this user, for a reason if any; return the id Airflow recorded as the responder's."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        given = {"reason": reason} if reason else {}
        answered = self._call("PATCH", path, json={"chosen_options": [option], "params_input": given})
        return str(answered["responded_by"]["id"])

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What a task returned."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self._call("GET", path, params={"deserialize": False})["value"]

    def asset_events(self) -> list[str]:
        """Names of the assets that were written, newest first."""
        found = self._call("GET", "/api/v2/assets/events", params={"limit": 100, "order_by": "-timestamp"})
        return [str(event["name"]) for event in found["asset_events"]]

    def _is_healthy(self) -> bool:
        try:
            health = self._client.get("/api/v2/monitor/health").json()
        except (httpx.TransportError, ValueError):
            return False
        return all(health.get(name, {}).get("status") == "healthy" for name in _COMPONENTS)

    def _log_in(self) -> None:
        token = self._call("POST", "/auth/token", json=self._credentials)["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def _knows(self, dag_id: str) -> bool:
        answer = self._client.get(f"/api/v2/dags/{dag_id}")
        if answer.is_success:
            return not answer.json()["is_stale"]
        broken = self._call("GET", "/api/v2/importErrors")["import_errors"]
        if broken:
            raise AirflowDoesNotAnswer(f"{broken[0]['filename']}: {_last_line(broken[0]['stack_trace'])}")
        return False

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            answer = self._client.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise AirflowDoesNotAnswer(f"Airflow at {self._url} does not answer ({error})") from error
        if answer.is_error:
            raise AirflowDoesNotAnswer(f"Airflow refused {method} {path}: {answer.status_code} {_detail(answer)}")
        return answer.json() if answer.content else {}


def _task_state(found: Mapping[str, Any]) -> TaskState:
    return TaskState(
        task_id=found["task_id"],
        map_index=found["map_index"],
        state=found["state"],
        duration_seconds=found["duration"],
        try_number=found["try_number"],
    )


def _asked_at(question: dict[str, Any]) -> datetime:
    """When a question was asked, the last time it was."""
    times = (question["created_at"], question["task_instance"].get("start_date"))
    return max(_moment(time) for time in times if time)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _wait(is_done: Callable[[], bool], timeout_seconds: float, check: Callable[[], None], message: str) -> None:
    end = time.monotonic() + timeout_seconds
    while not is_done():
        check()
        if time.monotonic() > end:
            raise AirflowDoesNotAnswer(f"{message} after {timeout_seconds:.0f} seconds")
        time.sleep(POLL_SECONDS)


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("detail", answer.text))[:300]
    except ValueError:
        return answer.text[:300]


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else "no reason given"
