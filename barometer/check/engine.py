"""Runs the rules of one table through Great Expectations and keeps its Data Docs with the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from barometer.check.library import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
    UpdateDataDocsAction,
    gx,
)
from barometer.check.rule import Rule, Severity
from barometer.errors import CheckFailed

# No sample of offending values: Data Docs must not carry what people wrote.
_RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}


@dataclass(frozen=True)
class Outcome:
    """Whether one rule held, over how many rows, and what to say."""

    table: str
    rule: str
    severity: Severity
    is_met: bool
    checked: int
    unexpected: int
    message: str


def to_pandas_arrow(frame: pl.DataFrame) -> Any:
    """The boundary to Great Expectations, which has no polars engine: pandas backed by the same Arrow memory."""
    return frame.to_pandas(use_pyarrow_extension_array=True)


def evaluate(table: str, frame: pl.DataFrame, rules: Sequence[Rule], *, docs: Path) -> list[Outcome]:
    """Evaluate `rules` on `frame`; Data Docs go below `docs`. Raises `CheckFailed` when a rule cannot be evaluated."""
    if frame.is_empty():
        return [_outcome(table, rule, is_met=True, checked=0, unexpected=0) for rule in rules]
    results = _run(table, to_pandas_arrow(frame), rules, docs)
    return [_from_result(table, rule, results[rule.name], frame.height) for rule in rules]


def _run(table: str, frame: Any, rules: Sequence[Rule], docs: Path) -> dict[str, Any]:
    context = gx.get_context(mode="ephemeral", project_config=_configuration(docs / table))
    batch = (
        context.data_sources.add_pandas("lake").add_dataframe_asset(table).add_batch_definition_whole_dataframe("night")
    )
    suite = context.suites.add(gx.ExpectationSuite(table, expectations=[_with_identity(rule) for rule in rules]))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=table, data=batch, suite=suite))
    checkpoint = gx.Checkpoint(
        name=table,
        validation_definitions=[definition],
        actions=[UpdateDataDocsAction(name="data_docs", site_names=["run"])],
        result_format=_RESULT_FORMAT,
    )
    outcome = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": frame})
    (validation,) = outcome.run_results.values()
    return {result.expectation_config.meta["rule"]: result for result in validation.results}


def _configuration(docs: Path) -> Any:
    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        data_docs_sites={"run": _site(docs)},
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )


def _site(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
    }


def _with_identity(rule: Rule) -> Any:
    """The expectation, tagged so that its result finds back to the rule, with the advice as its note."""
    return rule.expectation.copy(update={"meta": {"rule": rule.name}, "notes": rule.advice})


def _from_result(table: str, rule: Rule, result: Any, rows: int) -> Outcome:
    if result.exception_info and result.exception_info.get("raised_exception"):
        raise CheckFailed(
            f"table {table}: rule {rule.name} cannot be evaluated: {result.exception_info['exception_message']}"
        )
    detail = result.result
    unexpected = int(detail.get("unexpected_count", 0 if result.success else rows))
    return _outcome(table, rule, is_met=bool(result.success), checked=rows, unexpected=unexpected)


def _outcome(table: str, rule: Rule, *, is_met: bool, checked: int, unexpected: int) -> Outcome:
    found = "holds" if is_met else f"{unexpected:,} of {checked:,} rows break it: {rule.advice}"
    message = f"table {table}, rule {rule.name}: {found}"
    return Outcome(table, rule.name, rule.severity, is_met, checked, unexpected, message)
