"""The nightly run: one DAG a city, generated from `configs/cities/`. Wiring only; nightly.md is for its operator."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, Param, PokeReturnValue, TriggerRule, chain, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from barometer.ops.airflow import RETRIES, is_retaining, schedule_of, table_asset
from barometer.ops.approval import HOLD, OPTIONS, REASON
from barometer.ops.cities import DEFAULT_POOL, CityCard, city_cards
from barometer.ops.handbook import chapter, chapters
from barometer.ops.retry import ONE_SOURCE, is_left_out

HANDBOOK = chapters(Path(__file__).with_suffix(".md"))
SOURCE_TABLES = ("received_posts", "answers", "reports", "observations", "counts")
ANSWER_WITHIN = timedelta(hours=20)
EARLIER_NIGHT_LOOK_SECONDS = 30

PARAMETERS = {
    "night": Param(None, type=["null", "string"], format="date", description="day to run; default: the schedule's"),
    "release": Param(True, type="boolean", description="off: fill the tables, make no draft, ask nobody"),
}


def the_night() -> Any:
    """The night of the running task (barometer.night.Night)."""
    from barometer.night import open_night
    from barometer.ops.cities import timezone_of
    from barometer.ops.nights import night_of

    context = get_current_context()
    run, city_id = context["dag_run"], context["dag"].dag_id.removeprefix("nightly_")
    day = night_of(
        requested=context["params"]["night"],
        interval_start=run.data_interval_start,
        run_after=run.run_after,
        timezone=timezone_of(city_id),
    )
    return open_night(city_id, day)


def open_night() -> PokeReturnValue:
    instance = get_current_context()["ti"]
    earlier = instance.get_previous_dagrun(state="running")
    waits_for = earlier.run_id if earlier is not None else "retention" if is_retaining(instance) else ""
    if waits_for:
        print(f"Waiting for {waits_for}, which is still running")
    return PokeReturnValue(is_done=not waits_for, xcom_value=the_night().run_id)


def ingest(source_id: str) -> None:
    from barometer.ingest.run import ingest_source
    from barometer.prepare.privacy import city_door

    night = the_night()
    source = next(source for source in night.city.sources if source.id == source_id)
    door = city_door(night.city, night.settings)
    try:
        print(ingest_source(night, source, door))
    except ONE_SOURCE as failed:
        instance = get_current_context()["ti"]
        if not is_left_out(failed, try_number=instance.try_number, most_tries=instance.max_tries + 1):
            raise
        raise AirflowSkipException(f"the night goes on without {source_id}: {failed}") from None


def removals() -> None:
    from barometer.ingest.removals import apply_removals

    print(apply_removals(the_night()))


def judge_sources() -> None:
    from barometer.ingest.health import judge_sources as judge

    for row in judge(the_night()).iter_rows(named=True):
        print(f"{row['source']}: {row['evidence']}")


def check(boundary: str) -> None:
    from barometer.check.run import check as check_boundary

    for outcome in check_boundary(the_night(), boundary):
        print(outcome.message)


def prepare() -> None:
    from barometer.prepare.privacy import city_door
    from barometer.prepare.run import prepare as prepare_posts

    night = the_night()
    print(prepare_posts(night, city_door(night.city, night.settings)))


def shards() -> list[int]:
    from barometer.classify.run import shards as shards_of

    return shards_of(the_night())


def classify(shard: int) -> None:
    from barometer.classify.run import classify_shard

    print(classify_shard(the_night(), shard))


def group_rumours() -> None:
    from barometer.classify.rumours import group_rumours as group

    print(group(the_night()))


def estimate() -> None:
    from barometer.estimate.run import estimate as estimate_indicators

    print(estimate_indicators(the_night()))


def explain() -> None:
    from barometer.classify.again import labels_by
    from barometer.estimate.explain.run import explain as explain_changes

    night = the_night()
    print(explain_changes(night, reader=partial(labels_by, night)))


def draft_release() -> str:
    from barometer.ops.records import records_beside
    from barometer.release.draft import draft_release as draft

    if not get_current_context()["params"]["release"]:
        raise AirflowSkipException("this run was started with `release` off")
    night = the_night()
    return str(draft(night, beside=records_beside(night)))


def differences(draft: str) -> str:
    from barometer.release.differences import draft_difference, in_markdown, write_differences

    night = the_night()
    found = draft_difference(night, Path(draft))
    write_differences(night, found)
    return in_markdown(found, Path(draft) / "index.html")


def publish(draft: str, answer: dict[str, Any]) -> str:
    from barometer.ops.approval import answer_of
    from barometer.release.publish import answered

    said = answer_of(answer)
    release = answered(
        the_night(),
        Path(draft),
        choice=said.choice.lower(),
        by=said.by,
        is_stand_in=said.is_stand_in,
        at=said.at,
        reason=said.reason,
    )
    if release is None:
        raise AirflowSkipException(f"nothing is published: {said.in_words()}")
    return str(release)


def run_report() -> str:
    from barometer.report import run_report as report

    return str(report(the_night()))


def step(function: Any, *, task_id: str = "", subject: str = "", **options: Any) -> Any:
    """A task of this function, with the handbook's chapter about it."""
    task_id = task_id or function.__name__
    return task(task_id=task_id, doc_md=chapter(HANDBOOK, subject or task_id), **options)(function)


def writes(city: CityCard, *tables: str) -> dict[str, Any]:
    return {"outlets": [table_asset(city.id, table) for table in tables]}


def ingest_step(city: CityCard, pool: str, sources: Sequence[str]) -> Any:
    """One mapped task a source; a rate-limited platform's sources share its pool."""
    task_id = "ingest" if pool == DEFAULT_POOL else f"ingest_{pool}"
    mapped = step(ingest, task_id=task_id, subject="ingest", pool=pool, **writes(city, *SOURCE_TABLES))
    return mapped.expand(source_id=list(sources))


def check_step(city: CityCard, boundary: str) -> Any:
    return step(check, task_id=f"check_{boundary}", **writes(city, "checks"))(boundary)


def approval_step(told: Any) -> HITLOperator:
    return HITLOperator(
        task_id="approve",
        doc_md=chapter(HANDBOOK, "approve"),
        subject="Publish the draft of {{ ti.xcom_pull(task_ids='open_night') }}?",
        body=f"{{{{ ti.xcom_pull(task_ids='{told.operator.task_id}') }}}}",
        options=list(OPTIONS),
        defaults=HOLD,
        params={REASON: Param("", type="string", maxLength=1000, title="Why (kept with the release)")},
        response_timeout=ANSWER_WITHIN,
    )


def nightly(city: CityCard) -> DAG:
    """The DAG of one city."""
    with DAG(
        dag_id=f"nightly_{city.id}",
        dag_display_name=f"Night of {city.name}",
        schedule=schedule_of(city),
        start_date=datetime(2020, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        default_args=RETRIES,
        params=PARAMETERS,
        tags=["nightly", city.id],
        doc_md=HANDBOOK[""],
    ) as dag:
        opened = task.sensor(
            task_id="open_night",
            doc_md=chapter(HANDBOOK, "open_night"),
            mode="reschedule",
            poke_interval=EARLIER_NIGHT_LOOK_SECONDS,
            timeout=timedelta(days=7),
        )(open_night)()
        ingested = [ingest_step(city, pool, sources) for pool, sources in city.pools.items()]
        split = step(shards)()
        classified = step(classify, **writes(city, "labels")).expand(shard=split)
        draft = step(draft_release)()
        told = step(differences)(draft)
        approved = approval_step(told)
        report = step(run_report)().as_teardown()
        chain(
            opened,
            ingested,
            step(removals, trigger_rule=TriggerRule.NONE_FAILED)(),
            step(judge_sources)(),
            check_step(city, "ingest"),
            step(prepare, **writes(city, "posts"))(),
            check_step(city, "prepare"),
            split,
            classified,
            step(group_rumours, trigger_rule=TriggerRule.NONE_FAILED, **writes(city, "rumours", "rumour_posts"))(),
            check_step(city, "classify"),
            step(estimate, **writes(city, "estimates", "coverage"))(),
            step(explain, **writes(city, "explanations"))(),
            check_step(city, "estimate"),
            draft,
            told,
            approved,
            step(publish, **writes(city, "release"))(draft, approved.output),
            report,
        )
        # When one of several parallel tasks fails, the report still waits for the others.
        [*ingested, classified] >> report
    return dag


for card in city_cards():
    globals()[f"nightly_{card.id}"] = nightly(card)
