"""What a draft would change, set against the release before it: for the person who is asked whether to publish."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from barometer.night import Night
from barometer.published import ESTIMATES, Release, read_manifest, releases_of
from barometer.release.before import ESTIMATES_FAMILY, SUPPRESSED

DIFFERENCES = "differences.json"
SHOWN_MOVES = 8
SHOWN_LINES = 12
# In standard errors of the difference of two values: what chance alone makes once in twenty times.
CLEAR_MOVE = 1.96
_CELL = ("indicator", "geography", "area", "area_name", *ESTIMATES_FAMILY[1:])
_VERSIONS = {"model_versions": "language model", "config_versions": "configuration", "software": "software"}


@dataclass(frozen=True)
class Move:
    """A figure that is another one now. `errors`: its size in standard errors of the difference; none where unknown."""

    indicator: str
    area: str
    period: str
    before: float
    now: float
    errors: float | None


@dataclass(frozen=True)
class DraftDifference:
    """Everything a person should know before saying yes. Counts are of figures (indicator, place and period)."""

    night: str
    against: str | None
    shown: int
    unchanged: int
    moved: int
    moved_clearly: int
    appeared: int
    gone: int
    largest: tuple[Move, ...]
    newly_suppressed: tuple[str, ...]
    no_longer_suppressed: tuple[str, ...]
    versions: tuple[str, ...]
    removals: tuple[str, ...]
    warnings: tuple[str, ...]
    sources: tuple[str, ...]


def draft_difference(night: Night, draft: Path) -> DraftDifference:
    """The `draft` of `night` against the newest release up to that night, with what the night itself reports."""
    before = _release_before(night)
    now = pl.read_parquet(draft / ESTIMATES)
    then = before.estimates if before else now.clear()
    figures = moves_between(then, now)
    return DraftDifference(
        night=night.night.isoformat(),
        against=before.folder.name if before else None,
        **_counted(figures),
        largest=largest_moves(figures),
        newly_suppressed=_named(figures.filter(pl.col("is_suppressed") & pl.col("value").is_not_null())),
        no_longer_suppressed=_named(figures.filter(pl.col("was_suppressed") & pl.col("value_now").is_not_null())),
        versions=changed_versions(before.manifest, read_manifest(draft)) if before else (),
        removals=_removals(night, before),
        warnings=_warnings(night),
        sources=_sources(night),
    )


def moves_between(then: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """Every figure of either of two published tables of estimates, side by side.

    Returns the key, value and standard_error (before), value_now and standard_error_now, was_suppressed,
    is_suppressed, change, and `errors`: the change in standard errors of the difference, empty where either is unknown.
    The two count as independent, so that `errors` understates how sure a change is of figures that share answers.
    """
    columns = ("value", "standard_error")
    is_suppressed = pl.col("missing_reason").eq_missing(SUPPRESSED)
    before = then.select(*_CELL, *columns, was_suppressed=is_suppressed)
    today = now.select(*_CELL, *(pl.col(name).alias(f"{name}_now") for name in columns), is_suppressed=is_suppressed)
    both = before.join(today, on=_CELL, how="full", coalesce=True)
    error = (pl.col("standard_error") ** 2 + pl.col("standard_error_now") ** 2).sqrt()
    return both.with_columns(
        pl.col("was_suppressed", "is_suppressed").fill_null(value=False),
        change=pl.col("value_now") - pl.col("value"),
    ).with_columns(errors=pl.when(error > 0).then(pl.col("change").abs() / error))


def _counted(figures: pl.DataFrame) -> dict[str, int]:
    had, has = pl.col("value").is_not_null(), pl.col("value_now").is_not_null()
    counts = figures.select(
        shown=has.sum(),
        unchanged=(pl.col("change") == 0).sum(),
        moved=(pl.col("change") != 0).sum(),
        moved_clearly=(pl.col("errors") >= CLEAR_MOVE).sum(),
        appeared=(has & ~had).sum(),
        gone=(had & ~has).sum(),
    )
    return dict(counts.row(0, named=True))


def largest_moves(figures: pl.DataFrame, *, most: int = SHOWN_MOVES) -> tuple[Move, ...]:
    """The figures that moved most, in standard errors; those of unknown error last."""
    moved = figures.filter(pl.col("change") != 0).sort(
        pl.col("errors").fill_null(-1.0), *_CELL[:3], *_CELL[4:], descending=[True, *([False] * 5)]
    )
    return tuple(
        Move(
            indicator=row["indicator"],
            area=row["area_name"],
            period=f"{row['period_start']} to {row['period_end']}",
            before=row["value"],
            now=row["value_now"],
            errors=None if row["errors"] is None else round(row["errors"], 1),
        )
        for row in moved.head(most).iter_rows(named=True)
    )


def _named(figures: pl.DataFrame) -> tuple[str, ...]:
    rows = figures.sort(*_CELL[:3], *_CELL[4:]).select("indicator", "area_name", "period_start").iter_rows()
    return tuple(f"{indicator}, {area}, from {start}" for indicator, area, start in rows)


def changed_versions(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """What the two manifests were made with, where it differs, in words."""
    return tuple(
        f"{name}: {_version(before.get(key))} before, {_version(now.get(key))} now"
        for key, name in _VERSIONS.items()
        if before.get(key) != now.get(key)
    )


def _version(stated: Any) -> str:
    if isinstance(stated, Mapping):
        return str(stated.get("version"))
    return ", ".join(str(each) for each in stated or ()) or "none"


def _release_before(night: Night) -> Release | None:
    releases = [r for r in releases_of(night.settings.releases / night.city.id) if r.night <= night.night]
    return releases[-1] if releases else None


def _removals(night: Night, before: Release | None) -> tuple[str, ...]:
    since = pl.col("night") > before.night if before else pl.lit(value=True)
    rows = night.lake.read("removals").filter((pl.col("night") <= night.night) & since).collect()
    counted = rows.group_by("kind", "reason").len().sort("kind", "reason")
    return tuple(f"{count} × {kind} {reason}".replace("_", " ") for kind, reason, count in counted.iter_rows())


def _warnings(night: Night) -> tuple[str, ...]:
    rows = night.lake.read("checks").filter((pl.col("night") == night.night) & ~pl.col("is_met")).collect()
    return tuple(rows.sort("boundary", "table_name", "rule")["message"].to_list())


def _sources(night: Night) -> tuple[str, ...]:
    troubled = pl.col("state").is_in(["silent", "failing"])
    rows = night.lake.read("source_health").filter((pl.col("night") == night.night) & troubled).collect()
    told = rows.sort("source").select("source", "state", "evidence").iter_rows()
    return tuple(f"{source} is {state}: {evidence}" for source, state, evidence in told)


def in_markdown(difference: DraftDifference, page: Path) -> str:
    """The same for a person to read beside the question; `page` is the draft's page."""
    d = difference
    against = f"since release {d.against}" if d.against else "(there is no release to compare with yet)"
    figures = [
        f"{d.shown} figures would be shown; {d.moved} moved, {d.moved_clearly} of them beyond chance, "
        f"{d.unchanged} stayed, {d.appeared} are new and {d.gone} would no longer be shown."
    ]
    parts = [
        f"Look at the page first: `{page}`",
        f"**The draft of {d.night} {against}**\n\n" + "\n".join(figures),
        _list("Moved most", [_move(move) for move in d.largest]),
        _list("Newly withheld", d.newly_suppressed),
        _list("No longer withheld", d.no_longer_suppressed),
        _list("Made with", d.versions),
        _list("Taken back since", d.removals),
        _list("Warnings of the checks", d.warnings),
        _list("Sources in trouble", d.sources),
    ]
    return "\n\n".join(part for part in parts if part)


def _move(move: Move) -> str:
    sure = "error unknown" if move.errors is None else f"{move.errors:g} standard errors"
    return f"{move.indicator}, {move.area}, {move.period}: {move.before:g} → {move.now:g} ({sure})"


def _list(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    shown = [f"- {_plain(line)}" for line in lines[:SHOWN_LINES]]
    more = [f"- and {len(lines) - SHOWN_LINES} more"] if len(lines) > SHOWN_LINES else []
    return "\n".join([f"**{title}** ({len(lines)})", "", *shown, *more])


def _plain(line: str) -> str:
    """One line of text, with nothing in it that Markdown would read as a link or as HTML."""
    return " ".join(line.split()).replace("<", "&lt;").replace("[", "\\[")


def write_differences(night: Night, difference: DraftDifference) -> Path:
    """Keep it as `differences.json` in the night's folder, outside the draft: it names what is withheld."""
    night.folder.mkdir(parents=True, exist_ok=True)
    staged = night.folder / f".{DIFFERENCES}.{uuid.uuid4().hex}"
    staged.write_text(json.dumps(asdict(difference), indent=2, ensure_ascii=False) + "\n", "utf-8")
    return staged.replace(night.folder / DIFFERENCES)
