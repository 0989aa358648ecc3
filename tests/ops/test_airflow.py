"""The DAGs' common parts, as Airflow itself will use them."""

from datetime import timedelta

import pytest
from airflow.sdk import RetryAction

from barometer.errors import CheckFailed
from barometer.ops.airflow import RETRIES, RetryWhatPasses, is_scheduled, schedule_of, table_asset
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
