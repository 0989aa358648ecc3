"""The run report: what an operator reads in the morning, as Markdown for people and JSON for machines.

It reads what the steps left (ledger, timings, quarantine, checks, estimates) and is written also when a step failed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from barometer.ledger import timings
from barometer.night import Night

NOT_JUDGED = "Failing: its ingest did not finish; read the task's log, mend, clear the task."
MOST_EXAMPLES = 5

_COUNTS = ("read", "out_of_scope", "received", "written", "duplicate", "quarantined", "removed")
_HEALTH = ("state", "records", "expected", "evidence")
_SAME_NUMBER = ("indicator", "geography", "area", "period_start", "period_end")


@dataclass(frozen=True)
class RunReport:
    """Everything the report says, as plain values."""

    run_id: str
    city: str
    night: str
    verdict: str
    steps: list[dict[str, Any]]
    sources: list[dict[str, Any]]
    quarantine: list[dict[str, Any]]
    failed_checks: list[dict[str, Any]]
    changes: dict[str, Any]
    largest_changes: list[dict[str, Any]]
    explained: str


def run_report(night: Night) -> Path:
    """Write `report.md` and `report.json` to the run's folder; returns the path of `report.md`."""
    report = collect_report(night)
    night.folder.mkdir(parents=True, exist_ok=True)
    _write(night.folder / "report.json", json.dumps(asdict(report), indent=2, default=str) + "\n")
    return _write(night.folder / "report.md", to_markdown(report))


def collect_report(night: Night) -> RunReport:
    """Gather the report of `night` from the lake and the run's folder."""
    steps = _steps(night)
    sources = source_health(night)
    failed = _failed_checks(night)
    compared = _compared_numbers(night)
    return RunReport(
        run_id=night.run_id,
        city=night.city.name,
        night=night.night.isoformat(),
        verdict=_verdict(steps, sources, failed),
        steps=steps,
        sources=sources,
        quarantine=_quarantine(night),
        failed_checks=failed,
        changes=_change_counts(compared),
        largest_changes=_largest_changes(compared),
        explained=_explained(night),
    )


def source_health(night: Night) -> list[dict[str, Any]]:
    """For every configured source: its state and the evidence; failing where nobody judged it."""
    judged = night.lake.read("source_health").filter(pl.col("night") == night.night).collect()
    rows = {row["source"]: row for row in judged.select("source", *_HEALTH).iter_rows(named=True)}
    unknown = {"state": "failing", "records": None, "expected": None, "evidence": NOT_JUDGED}
    return [{"source": source.id, **unknown, **rows.get(source.id, {})} for source in night.city.sources]


def _steps(night: Night) -> list[dict[str, Any]]:
    seconds = timings(night)
    rows = night.lake.read("ledger").filter(pl.col("night") == night.night).collect()
    return [
        {name: row[name] for name in ("step", "part", *_COUNTS)} | {"seconds": seconds.get((row["step"], row["part"]))}
        for row in rows.sort("step", "part").iter_rows(named=True)
    ]


def _quarantine(night: Night) -> list[dict[str, Any]]:
    rows = night.lake.read("quarantine").filter(pl.col("night") == night.night).collect()
    grouped = rows.sort("position").group_by("source", "rule", maintain_order=True)
    summary = grouped.agg(
        pl.len().alias("records"),
        pl.col("position").head(MOST_EXAMPLES).alias("positions"),
        pl.col("reason").first().alias("example"),
    )
    return summary.sort("source", "rule").to_dicts()


def _failed_checks(night: Night) -> list[dict[str, Any]]:
    rows = night.lake.read("checks").filter(pl.col("night") == night.night, ~pl.col("is_met")).collect()
    return rows.select("boundary", "severity", "message").unique().sort("severity", "boundary", "message").to_dicts()


def _compared_numbers(night: Night) -> pl.DataFrame:
    """This night's estimates beside those of the latest night before it."""
    estimates = night.lake.read("estimates").filter(pl.col("night") <= night.night).collect()
    now = estimates.filter(pl.col("night") == night.night)
    earlier = estimates.filter(pl.col("night") < night.night)
    before = earlier.filter(pl.col("night") == pl.col("night").max())
    columns = [*_SAME_NUMBER, "value", "lower", "upper", "n"]
    return now.select(columns).join(before.select(columns), on=_SAME_NUMBER, how="left", suffix="_before")


def _change_counts(compared: pl.DataFrame) -> dict[str, Any]:
    both = compared.filter(pl.col("value").is_not_null() & pl.col("value_before").is_not_null())
    return {
        "numbers": compared.height,
        "with_value": compared["value"].count(),
        "first_time": compared.filter(pl.col("value").is_not_null() & pl.col("value_before").is_null()).height,
        "lost": compared.filter(pl.col("value").is_null() & pl.col("value_before").is_not_null()).height,
        "revised": both.filter(pl.col("value") != pl.col("value_before")).height,
        "outside_former_interval": both.filter(_left_former_interval()).height,
    }


def _left_former_interval() -> pl.Expr:
    return (pl.col("value") < pl.col("lower_before")) | (pl.col("value") > pl.col("upper_before"))


def _largest_changes(compared: pl.DataFrame) -> list[dict[str, Any]]:
    width = pl.max_horizontal(pl.col("upper_before") - pl.col("lower_before"), 1e-9)
    moved = compared.with_columns(change=pl.col("value") - pl.col("value_before"))
    ranked = moved.filter(pl.col("change").abs() > 0).sort(
        (pl.col("change") / width).abs(), *_SAME_NUMBER, descending=[True] + [False] * len(_SAME_NUMBER)
    )
    return ranked.head(MOST_EXAMPLES).select(*_SAME_NUMBER, "value_before", "value", "lower", "upper").to_dicts()


def _explained(night: Night) -> str:
    """What most of each change since the release before came from, in one line; empty when nothing was explained."""
    rows = night.lake.read("explanations").filter(pl.col("night") == night.night).collect()
    if rows.is_empty():
        return ""
    ordered = rows.sort(pl.col("part").abs(), "factor", descending=[True, False])
    changes = ordered.unique(_SAME_NUMBER, keep="first", maintain_order=True)
    counts = changes.group_by("factor").len().sort("len", "factor", descending=[True, False])
    causes = ", ".join(f"{factor.replace('_', ' ')} ({count:,})" for factor, count in counts.iter_rows())
    within = changes["is_within_noise"].sum()
    return (
        f"Since release {changes['since'][0]}, {changes.height:,} numbers changed, {within:,} "
        f"of them by no more than the noise of their data; most of each change came from {causes}."
    )


def _verdict(
    steps: Sequence[dict[str, Any]], sources: Sequence[dict[str, Any]], failed: Sequence[dict[str, Any]]
) -> str:
    critical = sum(check["severity"] == "critical" for check in failed)
    broken = [source["source"] for source in sources if source["state"] == "failing"]
    hushed = [source["source"] for source in sources if source["state"] == "silent"]
    held = sum(step["quarantined"] for step in steps if step["step"] == "ingest")
    if critical:
        return f"The run stopped: {critical} critical rule(s) failed. Nothing is published before that is mended."
    if broken:
        return f"Needs you: {', '.join(broken)} could not be read. The rest of the night went on."
    if hushed:
        return f"Have a look: {', '.join(hushed)} suspiciously silent."
    return f"All is well; {held:,} record(s) wait in quarantine." if held else "All is well; nothing needs you."


def to_markdown(report: RunReport) -> str:
    """The report as Markdown."""
    sections = (
        f"# {report.city}, night of {report.night}\n\n**{report.verdict}**\n\nRun `{report.run_id}`.\n",
        "## Steps\n\n" + _table(report.steps, ("step", "part", *_COUNTS, "seconds")),
        "## Sources\n\n" + _table(report.sources, ("source", *_HEALTH)),
        "## Quarantine\n\n"
        + (_table(report.quarantine, ("source", "rule", "records", "positions", "example")) or "Empty.\n"),
        "## Rules that did not hold\n\n"
        + (_table(report.failed_checks, ("boundary", "severity", "message")) or "None.\n"),
        "## What changed in the numbers\n\n"
        + _change_words(report)
        + (f"\n{report.explained}\n" if report.explained else ""),
    )
    return "\n".join(sections)


def _change_words(report: RunReport) -> str:
    c = report.changes
    words = (
        f"{c['with_value']:,} of {c['numbers']:,} numbers have a value; {c['first_time']:,} for the first time, "
        f"{c['lost']:,} lost theirs, {c['revised']:,} were revised, {c['outside_former_interval']:,} of them beyond "
        "their former 95 % interval.\n"
    )
    columns = ("indicator", "area", "period_start", "value_before", "value", "lower", "upper")
    return words + ("\n" + _table(report.largest_changes, columns) if report.largest_changes else "")


def _table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    if not rows:
        return ""
    head = f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n"
    return head + "".join(f"| {' | '.join(_cell(row.get(column)) for column in columns)} |\n" for row in rows)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|").replace("\n", " ")


def _write(path: Path, text: str) -> Path:
    draft = path.with_suffix(path.suffix + ".tmp")
    draft.write_text(text, "utf-8")
    return draft.replace(path)
