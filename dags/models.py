"""Models: learn the linear model again, on request, beside the one in use. Wiring only; models.md says the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from airflow.sdk import DAG, get_current_context, task

from barometer.ops.airflow import RETRIES
from barometer.ops.handbook import chapter, chapters

HANDBOOK = chapters(Path(__file__).with_suffix(".md"))


def train() -> str:
    from barometer.settings import Settings
    from barometer.train.linear import train_linear

    settings = Settings()
    output = settings.home / "models" / f"linear-{get_current_context()['dag_run'].run_after:%Y%m%dT%H%M%S}"
    written_posts = settings.configs / "cities" / "sample" / "written_posts.jsonl"
    train_linear(data=settings.data, sample=written_posts, output=output)
    return str(output)


def compare(candidate: str) -> None:
    from barometer.ops.scores import compared
    from barometer.settings import Settings

    print(compared(in_use=Settings().models / "linear", candidate=Path(candidate)))


with DAG(
    dag_id="models",
    dag_display_name="Models",
    schedule=None,
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=RETRIES,
    tags=["models"],
    doc_md=HANDBOOK[""],
) as dag:
    trained = task(doc_md=chapter(HANDBOOK, "train"))(train)()
    task(doc_md=chapter(HANDBOOK, "compare"))(compare)(trained)
