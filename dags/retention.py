"""Retention: one daily DAG over all cities. Wiring only; retention.md is for its operator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import (
    DAG,
    CronDataIntervalTimetable,
    PokeReturnValue,
    TriggerRule,
    get_current_context,
    task,
    task_group,
)

from barometer.ops.airflow import RETRIES, is_quiet, is_scheduled
from barometer.ops.cities import city_cards
from barometer.ops.handbook import chapter, chapters

HANDBOOK = chapters(Path(__file__).with_suffix(".md"))
DAILY_AT = CronDataIntervalTimetable("0 3 * * *", timezone="UTC")
LOOK_SECONDS = 60


def wait_for_the_night(city_id: str) -> PokeReturnValue:
    return PokeReturnValue(is_done=is_quiet(get_current_context()["ti"], city_id))


def the_day(city_id: str) -> Any:
    """The day it is done on (barometer.night.Night)."""
    from barometer.night import open_night

    run = get_current_context()["dag_run"]
    return open_night(city_id, (run.data_interval_end or run.run_after).date())


def recheck(city_id: str) -> None:
    from barometer.ops.rechecks import recheck_sources

    instance = get_current_context()["ti"]
    for line in recheck_sources(the_day(city_id), try_number=instance.try_number, most_tries=instance.max_tries + 1):
        print(line)


def retain(city_id: str) -> str:
    from barometer.ingest.retention import retain as retain_city

    return str(retain_city(the_day(city_id)))


@task_group
def of_city(city_id: str) -> None:
    waited = task.sensor(
        doc_md=chapter(HANDBOOK, "wait_for_the_night"),
        mode="reschedule",
        poke_interval=LOOK_SECONDS,
        timeout=timedelta(days=1),
    )(wait_for_the_night)(city_id)
    asked = task(doc_md=chapter(HANDBOOK, "recheck"))(recheck)(city_id)
    waited >> asked >> task(doc_md=chapter(HANDBOOK, "retain"), trigger_rule=TriggerRule.ALL_DONE)(retain)(city_id)


with DAG(
    dag_id="retention",
    dag_display_name="Retention",
    schedule=DAILY_AT if is_scheduled() else None,
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=RETRIES,
    tags=["retention"],
    doc_md=HANDBOOK[""],
) as dag:
    of_city.expand(city_id=[card.id for card in city_cards()])
