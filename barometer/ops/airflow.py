"""The DAGs' common parts: the retry policy, a city's schedule, and the assets that stand for tables and releases."""

from __future__ import annotations

import os
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


def schedule_of(city: CityCard) -> CronDataIntervalTimetable | None:
    """Every night in the city's time zone; none where nights are only started by hand (`BAROMETER_SCHEDULE=off`)."""
    if os.environ.get(SCHEDULE_VARIABLE, "on") == "off":
        return None
    return CronDataIntervalTimetable(NIGHTLY_AT, timezone=city.timezone)


def table_asset(city_id: str, table: str) -> Asset:
    """What a task writes, as Airflow knows it: one table of the city's lake, or its releases."""
    return Asset(name=f"{city_id}.{table}", uri=f"barometer://{city_id}/{table}", group="lake")
