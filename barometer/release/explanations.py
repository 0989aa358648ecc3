"""Why numbers changed, as it may be told: only of what is shown, as finely, and never one person's effect alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import polars as pl

from barometer.explained import change_in_words, rounded_parts, shown_scale
from barometer.indicators import WHOLE_CITY, Indicators
from barometer.published import REVISED, Release, revisions
from barometer.release.protect import SHOWN_DECIMALS, shown_step
from barometer.tables import TABLES

NEW, LATE = "new_data", "late_or_removed_data"
# Signals that tell of people; in a neighbourhood few of them come in late or are removed at a time.
_OF_PEOPLE = ("answers", "posts", "combined", "reports")
_SERIES = ("indicator", "geography", "area")
_CELL = [*_SERIES, "period_start", "period_end"]


def shown_explanations(
    rows: pl.DataFrame, *, shown: pl.DataFrame, before: Release | None, indicators: Indicators
) -> pl.DataFrame:
    """Explanations fit to publish, from rows of the table with `area_name` and without `night`.

    Kept are changes between two published values, in the wider of the steps that these are shown in (`coarse`), else in
    tenths (shares: of a percentage point); parts still add up to the change, and one that comes to nothing then is left
    out. Finer changes, added up over releases, would give back what was rounded off the values. The removal of one
    person's answers must not be seen by itself, so in a neighbourhood what came in late or was removed is counted with
    what is new; where half of it stands under method, because the two were known only together, nothing is told.
    """
    told = _between_published(rows, shown, before)
    made = [row for _, cell in told.group_by(_CELL, maintain_order=True) for row in _shown_cell(cell, indicators)]
    return pl.DataFrame(made, schema=rows.schema).sort([name for name in TABLES["explanations"].key if name != "night"])


def _between_published(rows: pl.DataFrame, shown: pl.DataFrame, before: Release | None) -> pl.DataFrame:
    """Rows about a value that is shown now and was published by the release they compare with."""
    if before is None:
        return rows.clear()
    now = shown.drop_nulls("value").select(*_CELL, step_now=shown_step())
    then = before.estimates.drop_nulls("value").select(
        *_SERIES, since_start="period_start", since_end="period_end", step_then=shown_step()
    )
    compared = rows.filter(pl.col("since") == before.name).join(now, on=_CELL, maintain_order="left")
    known = compared.join(then, on=[*_SERIES, "since_start", "since_end"], maintain_order="left")
    return known.with_columns(step=pl.max_horizontal("step_now", "step_then")).drop("step_now", "step_then")


def _shown_cell(cell: pl.DataFrame, indicators: Indicators) -> Iterator[dict[str, Any]]:
    """The rows of one change."""
    first = cell.row(0, named=True)
    indicator = indicators[first["indicator"]]
    parts = dict(cell.select("factor", "part").iter_rows())
    is_merged = LATE in parts and first["geography"] != WHOLE_CITY and indicator.signal in _OF_PEOPLE
    if is_merged and first["is_shared"]:
        return
    if is_merged:
        parts[NEW] = parts.get(NEW, 0.0) + parts.pop(LATE)
    scale = shown_scale(is_share=indicator.is_share)
    width = first.pop("step")
    tenths = max(1, round(width * scale)) if indicator.signal in _OF_PEOPLE else 1
    rounded = rounded_parts(parts, is_share=indicator.is_share, tenths=tenths)
    if not any(rounded.values()):
        return
    noise = round(math.ceil(first["noise"] * scale / tenths) * tenths / scale, SHOWN_DECIMALS)
    words = _words(first | {"noise": noise}, indicators, parts, is_merged=is_merged, tenths=tenths)
    common = first | {"change": sum(rounded.values()) / scale, "noise": noise, "words": words}
    yield from (common | {"factor": factor, "part": size / scale} for factor, size in rounded.items())


def _words(
    row: dict[str, Any], indicators: Indicators, parts: dict[str, float], *, is_merged: bool, tenths: int
) -> str:
    since = (row["since_start"], row["since_end"])
    return change_in_words(
        row["area_name"],
        indicators[row["indicator"]],
        parts,
        noise=row["noise"],
        is_within_noise=row["is_within_noise"],
        since=since if since != (row["period_start"], row["period_end"]) else None,
        is_shared=row["is_shared"],
        is_merged=is_merged,
        tenths=tenths,
    )


def published_revisions(named: pl.DataFrame, before: Release | None) -> pl.DataFrame:
    """What this release says otherwise than the one before said: `published.revisions`, with area_name and release."""
    then = named.clear() if before is None else before.estimates
    names = named.select("geography", "area", "area_name").unique()
    found = revisions(then, named).join(names, on=["geography", "area"], how="left", maintain_order="left")
    release = pl.lit("" if before is None else before.name).alias("release")
    left = [name for name in found.columns if name not in (*REVISED, "area_name")]
    return found.select(*REVISED[:3], "area_name", *REVISED[3:], release, *left)
