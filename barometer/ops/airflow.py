"""The DAGs' common parts: the retry policy, a city's schedule, and the assets that stand for tables and releases."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, CronDataIntervalTimetable, RetryDecision, RetryPolicy

from barometer.ops.cities import CityCard
from barometer.ops.retry import is_curable

# After the day has ended everywhere in Europe that a clock change could make ambiguous.
NIGHTLY_AT = "0 4 * * *"
SCHEDULE_VARIABLE = "BAROMETER_SCHEDULE"


class RetryWhatPasses(RetryPolicy):
    """Try again what time can cure; fail at once, and say so, what only somebody can."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Any | None = None
    ) -> RetryDecision:
        """Decide for one failure; the delays are the task's own exponential ones."""
        if is_curable(exception):
            return RetryDecision.retry(reason=f"try {try_number}: {exception} may pass")
        return RetryDecision.fail(reason=f"trying again cannot cure this: {exception}")


# Three more tries, 20 seconds, one minute and three minutes apart (with Airflow's own jitter).
RETRIES: dict[str, Any] = {
    "retries": 3,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": 3.0,
    "max_retry_delay": timedelta(minutes=15),
    "retry_policy": RetryWhatPasses(),
}


def is_scheduled() -> bool:
    """Whether DAGs run by the clock here, or only by hand (`BAROMETER_SCHEDULE=off`)."""
    return os.environ.get(SCHEDULE_VARIABLE, "on") != "off"


def schedule_of(city: CityCard) -> CronDataIntervalTimetable | None:
    """Every night in the city's time zone; none where nights are only started by hand."""
    return CronDataIntervalTimetable(NIGHTLY_AT, timezone=city.timezone) if is_scheduled() else None


def table_asset(city_id: str, table: str) -> Asset:
    """What a task writes, as Airflow knows it: one table of the city's lake, or its releases."""
    return Asset(name=f"{city_id}.{table}", uri=f"barometer://{city_id}/{table}", group="lake")


# Where a night waits for a person; nothing is being written then.
_WAITING_TASK = "approve"
_WAITING_STATES = ["deferred", "awaiting_input"]
_AT_WORK = ["scheduled", "queued", "running", "restarting"]
RETENTION_TASK = "of_city.retain"


def is_quiet(instance: Any, city_id: str) -> bool:
    """Whether no night of the city is at work: none is running, or all that are wait for a person."""
    dag_id = f"nightly_{city_id}"
    running = instance.get_dr_count(dag_id=dag_id, states=["running"])
    waiting = instance.get_ti_count(dag_id=dag_id, task_ids=[_WAITING_TASK], states=_WAITING_STATES)
    return bool(running <= waiting)


def is_retaining(instance: Any) -> bool:
    """Whether raw text of some city is being expired just now: a night must not begin beside it."""
    return bool(instance.get_ti_count(dag_id="retention", task_ids=[RETENTION_TASK], states=_AT_WORK))
