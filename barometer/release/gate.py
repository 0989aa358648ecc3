"""The gate of every draft: its own files, and those of all earlier releases, are attacked; a success refuses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from barometer.errors import ReleaseRefused
from barometer.release.attack import Range
from barometer.release.before import COVERAGE_FAMILY, ESTIMATES_FAMILY, Key
from barometer.release.cover import Family, attacked, exposed_means
from barometer.release.readback import cells_beside, coverage_said, estimates_said

# Numbers that speak of the people of a cell; a value may be made without them (see `protect.MODELLED`).
_COUNTS = ("n", "effective_n", "voices", "records", "voices_per_1000")
_NAMED = 10


def require_safe(
    folder: Path, *, estimates: Mapping[Key, Family], coverage: Mapping[Key, Family], withheld: pl.DataFrame
) -> None:
    """Raise `ReleaseRefused` naming the cells when the files in `folder` tell a number that must stay unknown.

    `estimates`, `coverage`: the exact families, with what earlier releases showed of them. `withheld`: indicator,
    period_start, period_end, cell and `keeps_value` of every estimate that is withheld.
    """
    said, covered = estimates_said(folder), coverage_said(folder)
    found = [
        *_stated(said, withheld),
        *_spoken_of(cells_beside(folder), withheld),
        *_small_but_stated(said.filter(pl.col("number") == "n"), estimates, ESTIMATES_FAMILY),
        *_small_but_stated(covered.filter(pl.col("number") == "voices"), coverage, COVERAGE_FAMILY),
        *_worked_out(said.filter(pl.col("number") == "n"), estimates, ESTIMATES_FAMILY),
        *_means_worked_out(said.filter(pl.col("number") == "value"), estimates),
        *_worked_out(covered.filter(pl.col("number") == "voices"), coverage, COVERAGE_FAMILY),
    ]
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise ReleaseRefused(
            f"{folder.name}: the draft gives away what it withholds: {'; '.join(found[:_NAMED])}{more}; nothing was "
            "released; do not publish these numbers by hand, and report the fault"
        )


def _stated(said: pl.DataFrame, withheld: pl.DataFrame) -> Iterator[str]:
    """Numbers of withheld cells that a file simply states."""
    told = said.join(withheld, on=[*ESTIMATES_FAMILY, "cell"])
    is_kept = pl.col("keeps_value") & ~pl.col("number").is_in(_COUNTS)
    for row in told.filter(~is_kept).sort(*ESTIMATES_FAMILY, "cell", "file").iter_rows(named=True):
        yield f"{row['file']} states {row['number']} of {row['indicator']} from {row['period_start']}, {row['cell']}"


def _spoken_of(cells: pl.DataFrame, withheld: pl.DataFrame) -> Iterator[str]:
    """Rows of other tables about a value that is withheld."""
    hidden = withheld.filter(~pl.col("keeps_value"))
    told = cells.join(hidden, on=[*ESTIMATES_FAMILY, "cell"], how="semi").sort(*ESTIMATES_FAMILY, "cell", "file")
    for row in told.iter_rows(named=True):
        yield f"{row['file']} speaks of {row['indicator']} from {row['period_start']}, {row['cell']}"


def _small_but_stated(counts: pl.DataFrame, families: Mapping[Key, Family], key: tuple[str, ...]) -> Iterator[str]:
    """Counts of sensitive cells that a file states, whatever the tables in memory say."""
    rows = [(*k, cell) for k, family in families.items() for cell in sorted(family.sensitive)]
    sensitive = pl.DataFrame(rows, schema={name: counts.schema[name] for name in (*key, "cell")}, orient="row")
    for row in counts.join(sensitive, on=[*key, "cell"]).iter_rows(named=True):
        yield f"{row['file']} states the count of {row[key[0]]} from {row['period_start']}, {row['cell']}"


def _worked_out(counts: pl.DataFrame, families: Mapping[Key, Family], key: tuple[str, ...]) -> Iterator[str]:
    """Small cells whose number follows, nearly enough, from the counts the files state and the releases before."""
    stated = {
        found: dict(rows.select("cell", pl.col("said").cast(pl.Int64)).iter_rows())
        for found, rows in counts.partition_by(key, as_dict=True).items()
    }
    for found, family in families.items():
        for cell, bounds in attacked(family, stated.get(found, {})).items():
            yield f"{found[0]} from {found[1]}, {cell}: {_between(bounds)}"


def _means_worked_out(values: pl.DataFrame, families: Mapping[Key, Family]) -> Iterator[str]:
    """Sensitive cells whose value follows nearly enough from the values the files state."""
    parts = values.partition_by(ESTIMATES_FAMILY, as_dict=True)
    stated = {found: frozenset(rows["cell"].to_list()) for found, rows in parts.items()}
    for found, family in families.items():
        for cell, (low, high) in exposed_means(family, stated.get(found, frozenset())).items():
            yield f"the value of {found[0]} from {found[1]}, {cell}: can only be {low:.3f} to {high:.3f}"


def _between(bounds: Range) -> str:
    low, high = bounds
    return f"can only be {low:g}" if low == high else f"can only be {low:g} to {high:g}"
