"""The DAGs as Airflow reads them: they load, are wired as drawn, and every task says what to do when it fails."""

from __future__ import annotations

import importlib.util
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
from airflow.sdk import DAG

from barometer.city import city_ids, load_city
from barometer.ops.cities import city_cards
from barometer.settings import PROJECT, Settings

DAGS = PROJECT / "dags"
CITIES = city_ids(Settings().configs)
IN_ORDER = [
    "open_night",
    "removals",
    "check_ingest",
    "prepare",
    "check_prepare",
    "shards",
    "classify",
    "group_rumours",
    "check_classify",
    "estimate",
    "explain",
    "check_estimate",
    "draft_release",
    "approve",
    "publish",
]


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"dag_file_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def dags_of(path: Path) -> dict[str, DAG]:
    return {dag.dag_id: dag for dag in vars(load(path)).values() if isinstance(dag, DAG)}


@pytest.fixture(scope="module")
def nightly() -> dict[str, DAG]:
    return dags_of(DAGS / "nightly.py")


@pytest.fixture(scope="module")
def every_dag() -> list[DAG]:
    return [dag for path in sorted(DAGS.glob("*.py")) for dag in dags_of(path).values()]


def test_there_is_one_nightly_dag_a_city(nightly: dict[str, DAG]) -> None:
    assert set(nightly) == {f"nightly_{city}" for city in CITIES}


@pytest.mark.parametrize("city", CITIES)
def test_steps_come_in_the_order_of_the_design(nightly: dict[str, DAG], city: str) -> None:
    dag = nightly[f"nightly_{city}"]
    for before, after in pairwise(IN_ORDER):
        assert after in dag.get_task(before).get_flat_relative_ids(upstream=False), f"{before} comes before {after}"


@pytest.mark.parametrize("city", CITIES)
def test_every_source_is_ingested_before_removals_and_checks(nightly: dict[str, DAG], city: str) -> None:
    dag = nightly[f"nightly_{city}"]
    cards = {card.id: card for card in city_cards(Settings().configs)}
    sources = [source for sources in cards[city].pools.values() for source in sources]
    assert sorted(sources) == sorted(source.id for source in load_city(city, Settings().configs).sources)
    ingests = [task for task in dag.tasks if task.task_id.startswith("ingest")]
    assert ingests
    assert all("removals" in task.get_flat_relative_ids(upstream=False) for task in ingests)


@pytest.mark.parametrize("city", CITIES)
def test_nothing_is_published_without_the_question(nightly: dict[str, DAG], city: str) -> None:
    publish = nightly[f"nightly_{city}"].get_task("publish")
    assert "approve" in publish.upstream_task_ids


@pytest.mark.parametrize("city", CITIES)
def test_sources_and_shards_are_mapped(nightly: dict[str, DAG], city: str) -> None:
    dag = nightly[f"nightly_{city}"]
    assert dag.get_task("classify").is_mapped
    assert all(task.is_mapped for task in dag.tasks if task.task_id.startswith("ingest"))


@pytest.mark.parametrize("city", CITIES)
def test_the_report_is_written_also_when_a_step_failed(nightly: dict[str, DAG], city: str) -> None:
    assert nightly[f"nightly_{city}"].get_task("run_report").is_teardown


def test_nights_of_a_city_run_one_at_a_time_and_are_not_made_up_for(nightly: dict[str, DAG]) -> None:
    for dag in nightly.values():
        assert dag.max_active_runs == 1
        assert not dag.catchup


def test_every_dag_and_every_task_tells_the_operator_what_to_do(every_dag: list[DAG]) -> None:
    for dag in every_dag:
        assert dag.doc_md, dag.dag_id
        for task in dag.tasks:
            words = task.partial_kwargs.get("doc_md") if task.is_mapped else task.doc_md
            assert words, f"{dag.dag_id}.{task.task_id} has no doc_md"
            assert len(words) > 40, f"{dag.dag_id}.{task.task_id} says too little"


def test_what_passes_is_retried_with_growing_waits(nightly: dict[str, DAG]) -> None:
    for dag in nightly.values():
        prepare = dag.get_task("prepare")
        assert prepare.retries >= 2
        assert prepare.retry_exponential_backoff


def test_tasks_say_which_tables_they_write(nightly: dict[str, DAG]) -> None:
    outlets = {asset.name for task in nightly["nightly_sample"].tasks if not task.is_mapped for asset in task.outlets}
    assert {"sample.posts", "sample.estimates", "sample.release"} <= outlets


def test_dag_files_import_no_step_until_a_task_runs() -> None:
    heavy = ("spacy", "great_expectations", "svy", "altair", "sklearn")
    for path in sorted(DAGS.glob("*.py")):
        code = path.read_text("utf-8")
        top = [line for line in code.splitlines() if line.startswith(("import ", "from "))]
        steps = ("ingest", "prepare", "classify", "estimate", "release", "check")
        assert not [line for line in top if any(f"barometer.{step}" in line for step in steps)]
        assert not [line for line in top if any(name in line for name in heavy)]
