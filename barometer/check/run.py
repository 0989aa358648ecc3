"""Checks the tables of one boundary of a night and stops the run when a critical rule fails."""

from __future__ import annotations

from types import ModuleType

import polars as pl

from barometer.check import (
    alerts,
    answers,
    audit_sample,
    audits,
    clusters,
    counts,
    coverage,
    estimates,
    explanations,
    fetches,
    labels,
    ledger,
    observations,
    platform_ids,
    posts,
    received_posts,
    reports,
    respondents,
    rumours,
    sensitivity,
    skill,
    source_health,
)
from barometer.check.engine import Outcome, evaluate
from barometer.errors import CheckFailed
from barometer.night import Night
from barometer.tables import TABLES

BOUNDARIES: dict[str, tuple[ModuleType, ...]] = {
    "ingest": (
        received_posts,
        platform_ids,
        respondents,
        answers,
        reports,
        observations,
        counts,
        fetches,
        source_health,
        ledger,
    ),
    "prepare": (posts, ledger),
    "classify": (labels, rumours, ledger),
    "estimate": (
        estimates,
        coverage,
        audit_sample,
        audits,
        skill,
        alerts,
        clusters,
        sensitivity,
        explanations,
        ledger,
    ),
}

LEDGER_STEPS: dict[str, tuple[str, ...]] = {
    "ingest": ("ingest", "removals"),
    "prepare": ("prepare",),
    "classify": ("classify", "rumours"),
    "estimate": ("estimate", "explain"),
}


def check(night: Night, boundary: str) -> list[Outcome]:
    """Evaluate every rule of the tables at `boundary` on the rows of this night, and keep the outcomes.

    Raises `CheckFailed`, after keeping them, naming every critical rule that does not hold. Data Docs lie in the run's
    folder under `data_docs/<boundary>/<table>/`.
    """
    if boundary not in BOUNDARIES:
        raise CheckFailed(f"no boundary {boundary!r}: choose one of {', '.join(BOUNDARIES)}")
    outcomes = [outcome for module in BOUNDARIES[boundary] for outcome in _check_table(night, boundary, module)]
    night.lake.replace(
        "checks", _as_rows(night, boundary, outcomes), partition={"night": night.night, "boundary": boundary}
    )
    _stop_on_failure(night, boundary, outcomes)
    return outcomes


def _rows(night: Night, boundary: str, table: str) -> pl.DataFrame:
    rows = night.lake.read(table).filter(pl.col("night") == night.night)
    if table == ledger.TABLE:
        # Only lines that exist whenever this boundary is checked: a later re-check must find the same.
        rows = rows.filter(pl.col("step").is_in(LEDGER_STEPS[boundary]))
    return rows.collect()


def _check_table(night: Night, boundary: str, module: ModuleType) -> list[Outcome]:
    rows = _rows(night, boundary, module.TABLE)
    derive = getattr(module, "derive", None)
    docs = night.folder / "data_docs" / boundary
    return evaluate(module.TABLE, derive(rows) if derive else rows, module.rules(night), docs=docs)


def _as_rows(night: Night, boundary: str, outcomes: list[Outcome]) -> pl.DataFrame:
    rows = [
        {
            "night": night.night,
            "boundary": boundary,
            "table_name": outcome.table,
            "rule": outcome.rule,
            "severity": outcome.severity,
            "is_met": outcome.is_met,
            "checked": outcome.checked,
            "unexpected": outcome.unexpected,
            "message": outcome.message,
        }
        for outcome in outcomes
    ]
    return pl.DataFrame(rows, schema=TABLES["checks"].schema)


def _stop_on_failure(night: Night, boundary: str, outcomes: list[Outcome]) -> None:
    failed = [outcome.message for outcome in outcomes if not outcome.is_met and outcome.severity == "critical"]
    if failed:
        raise CheckFailed(f"run {night.run_id} stops after {boundary}: " + "; ".join(failed))
