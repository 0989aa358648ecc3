"""Retention: one daily DAG over all cities. Wiring only; retention.md is for its operator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, CronDataIntervalTimetable, get_current_context, task

from barometer.ops.airflow import RETRIES, is_scheduled
from barometer.ops.cities import city_cards
from barometer.ops.handbook import chapter, chapters

HANDBOOK = chapters(Path(__file__).with_suffix(".md"))
DAILY_AT = CronDataIntervalTimetable("0 3 * * *", timezone="UTC")


def maintain(city_id: str) -> None:
    from barometer.city import load_city
    from barometer.lake import open_lake
    from barometer.settings import Settings

    settings = Settings()
    keep = timedelta(days=load_city(city_id, settings.configs).thresholds.raw_retention_days)
    run = get_current_context()["dag_run"]
    today = (run.data_interval_end or run.run_after).date()
    print(open_lake(settings, city_id).maintain(received_before=today - keep))


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
    task(doc_md=chapter(HANDBOOK, "maintain"))(maintain).expand(city_id=[card.id for card in city_cards()])
