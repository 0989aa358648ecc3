"""The DAGs' common parts, as Airflow itself will use them."""

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import RetryAction

from barometer.errors import CheckFailed
from barometer.ops.airflow import (
    RETRIES,
    RetryWhatPasses,
    is_quiet,
    is_retaining,
    is_scheduled,
    schedule_of,
    table_asset,
)
from barometer.ops.cities import CityCard

CITY = CityCard("here", "Here", "Europe/Madrid", {})


def test_what_may_pass_is_tried_again_with_the_tasks_own_growing_delay() -> None:
    decision = RetryWhatPasses().evaluate(OSError("the disk did not answer"), try_number=1, max_tries=3)
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay is None
    assert "the disk did not answer" in (decision.reason or "")


def test_what_somebody_must_mend_fails_at_once_and_says_so() -> None:
    decision = RetryWhatPasses().evaluate(CheckFailed("labels: 40 % hostile"), try_number=1, max_tries=3)
    assert decision.action is RetryAction.FAIL
    assert decision.reason == "trying again cannot cure this: labels: 40 % hostile"


def test_retries_grow_and_end() -> None:
    waits = [RETRIES["retry_delay"] * RETRIES["retry_exponential_backoff"] ** n for n in range(RETRIES["retries"])]
    assert waits == [timedelta(seconds=20), timedelta(minutes=1), timedelta(minutes=3)]
    assert max(waits) < RETRIES["max_retry_delay"]


def test_a_night_is_run_by_the_clock_of_its_city(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BAROMETER_SCHEDULE", raising=False)
    schedule = schedule_of(CITY)
    assert schedule is not None
    assert (schedule.expression, str(schedule.timezone)) == ("0 4 * * *", "Europe/Madrid")


def test_where_the_schedule_is_off_nights_are_started_by_hand_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAROMETER_SCHEDULE", "off")
    assert schedule_of(CITY) is None
    assert not is_scheduled()


def test_two_cities_tables_are_two_assets() -> None:
    here, there = table_asset("here", "posts"), table_asset("there", "posts")
    assert (here.name, here.uri) == ("here.posts", "barometer://here/posts")
    assert here != there


class Instance:
    """A running task that can be asked how many runs and tasks are in some state."""

    def __init__(self, *, runs: int = 0, tasks: dict[tuple[str, str], int] | None = None) -> None:
        self.runs, self.tasks = runs, tasks or {}

    def get_dr_count(self, *, dag_id: str, states: list[str]) -> int:
        assert (dag_id, states) == ("nightly_here", ["running"])
        return self.runs

    def get_ti_count(self, *, dag_id: str, task_ids: list[str], states: list[str]) -> int:
        return sum(count for (task, state), count in self.tasks.items() if task in task_ids and state in states)


@pytest.mark.parametrize(
    ("instance", "is_so"),
    [
        (Instance(), True),
        (Instance(runs=1), False),
        (Instance(runs=1, tasks={("approve", "awaiting_input"): 1}), True),
        (Instance(runs=1, tasks={("approve", "deferred"): 1}), True),
        (Instance(runs=2, tasks={("approve", "awaiting_input"): 1}), False),
        (Instance(runs=1, tasks={("approve", "running"): 1}), False),
        (Instance(runs=1, tasks={("classify", "deferred"): 1}), False),
    ],
)
def test_a_city_is_quiet_when_no_night_runs_or_all_wait_for_a_person(instance: Any, is_so: bool) -> None:
    assert is_quiet(instance, "here") is is_so


@pytest.mark.parametrize(("state", "is_so"), [("running", True), ("queued", True), ("success", False)])
def test_a_night_does_not_begin_beside_retention(state: str, is_so: bool) -> None:
    assert is_retaining(Instance(tasks={("of_city.retain", state): 1})) is is_so
    assert not is_retaining(Instance(tasks={("of_city.wait_for_the_night", state): 1}))
