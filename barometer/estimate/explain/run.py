"""The step `explain`: for every estimate that differs from that of the release before, how much came from what.

A change is split by estimating again with one factor after the other swapped from what it was to what it is, in every
order (Shapley): new data, late data, weights and margins, language model, configuration and method. Two things cannot
be swapped back: rows that were removed are destroyed, and former code is not at hand. What the former figure differs
by from the same figure made again from what is left is therefore theirs: of late or removed data if anything was
removed since, of configuration and method if the software changed (or the former configuration was not kept), and half
and half where both happened, which is the Shapley value of two causes known only together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from barometer.configured import configured
from barometer.estimate.explain.again import PARTS, Again, part_of
from barometer.estimate.explain.rebuild import former_configuration
from barometer.estimate.explain.shapley import Array, coalitions, shapley
from barometer.estimate.explain.sides import CONFIGURATION, FACTORS, LATE, NEW, Reader, Sides
from barometer.estimate.intervals import Z
from barometer.explained import change_in_words
from barometer.ledger import WHOLE_STEP, Counts, passed_through, record, timed
from barometer.night import Night
from barometer.published import Release, fingerprint, former, issued, software_version
from barometer.tables import TABLES

STEP = "explain"
_SERIES = ["indicator", "geography", "area"]
_PERIOD = ["period_start", "period_end"]
_SINCE = ["since_start", "since_end"]
# Numbers are kept to 12 significant digits; a smaller difference is none.
_NO_CHANGE = 1e-11


@dataclass(frozen=True)
class Split:
    """Changed cells of one part, factor -> part of each cell's change, and whether two causes were known together."""

    cells: pl.DataFrame
    parts: dict[str, Array]
    is_shared: bool


def explain(night: Night, *, reader: Reader | None = None) -> Counts:
    """Write the night's partition of `explanations`; empty when nothing was released before.

    `reader` has posts read by a former model, where a newer one is in use by now. Raises `BadInput` when the kept
    configuration of the release before cannot be read.
    """
    with timed(night, STEP), threadpool_limits(limits=1):
        rows = explanations(night, reader=reader)
        night.lake.replace("explanations", rows, partition={"night": night.night})
        changes = rows.select(*_SERIES, *_PERIOD).unique().height
        return record(night, STEP, WHOLE_STEP, passed_through(changes))


def explanations(night: Night, *, reader: Reader | None = None) -> pl.DataFrame:
    """Rows of `explanations` of the night, written nowhere."""
    now = issued(night)
    release = former(night, inputs_sha256=fingerprint(now))
    if release is None or now.is_empty():
        return TABLES["explanations"].empty()
    then, sides = _exact(night, release), replace(_sides(night, release), reader=reader)
    again = Again(sides)
    parts = {indicator.id: part_of(indicator) for indicator in sides.now.indicators.indicators}
    changes = changed_cells(then, now)
    named = changes.with_columns(part=pl.col("indicator").replace_strict(parts, default=None, return_dtype=pl.String))
    splits = [split(again, part, named.filter(pl.col("part") == part), is_method_new(sides)) for part in PARTS]
    made = [row for each in splits for row in _rows(each, sides)]
    return pl.DataFrame(made, schema=TABLES["explanations"].schema).sort(TABLES["explanations"].key)


def changed_cells(then: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """Estimates whose value differs from the former one of the same period, or, of a new period, of the newest before.

    Both: rows of `estimates` of one issue. Returns indicator, geography, area, period_start, period_end, since_start,
    since_end, value, value_then, standard_error, standard_error_then; a number that appears or vanishes is no change.
    """
    columns = [*_SERIES, *_PERIOD, "value", "standard_error"]
    before = then.select(columns).with_columns(since_start="period_start", since_end="period_end")
    same = now.select(columns).join(before, on=[*_SERIES, *_PERIOD], how="inner", suffix="_then")
    fresh = now.select(columns).join(before, on=[*_SERIES, *_PERIOD], how="anti")
    pairs = pl.concat([same, _newest_before(fresh, before).select(same.columns)])
    known = pairs.drop_nulls(["value", "value_then"])
    return known.filter((pl.col("value") - pl.col("value_then")).abs() > _NO_CHANGE).sort(*_SERIES, *_PERIOD)


def _newest_before(fresh: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    known = before.drop_nulls("value").rename({name: f"{name}_then" for name in ("value", "standard_error")})
    pairs = fresh.join(known.drop(_PERIOD), on=_SERIES, how="inner").filter(pl.col("since_end") < pl.col("period_end"))
    return pairs.sort("since_end", "since_start").unique([*_SERIES, *_PERIOD], keep="last", maintain_order=True)


def split(again: Again, part: str, cells: pl.DataFrame, is_method_new: bool) -> Split:
    """The changes of one part of the numbers, split over the factors that changed for it."""
    players, has_lost = sorted(again.changed[part]), again.has_lost(part)
    if cells.is_empty():
        return Split(cells, {}, is_shared=False)
    start, end = cells["value_then"].to_numpy(), cells["value"].to_numpy()
    inner = [each for each in coalitions(players) if 0 < len(each) < len(players)]
    values = {each: _values_of(again.values(part, each), cells) for each in inner}
    base = start
    if not players:
        base = end
    elif has_lost or is_method_new:
        base = _values_of(again.values(part, frozenset()), cells)
    parts = shapley(values | {frozenset(): base, frozenset(players): end}, players)
    for cause, share in _causes(has_lost=has_lost, is_method_new=is_method_new, is_alone=not players):
        parts[cause] = parts.get(cause, np.zeros(len(end))) + share * (base - start)
    return Split(cells, parts, is_shared=has_lost and is_method_new)


def _causes(*, has_lost: bool, is_method_new: bool, is_alone: bool) -> Iterator[tuple[str, float]]:
    """Whose the difference is between the former figure and the same made again, and which share of it."""
    if has_lost:
        yield LATE, 0.5 if is_method_new else 1.0
    if is_method_new or (is_alone and not has_lost):
        yield CONFIGURATION, 0.5 if has_lost else 1.0


def _values_of(made: pl.DataFrame, cells: pl.DataFrame) -> Array:
    """Value of each cell: of its period, else of the period it is compared with; NaN where there is neither."""
    keys = [*_SERIES, *_PERIOD]
    own = cells.select(keys).join(made, on=keys, how="left", maintain_order="left")["value"]
    earlier = made.rename(dict(zip(_PERIOD, _SINCE, strict=True)))
    since = cells.select(*_SERIES, *_SINCE).join(earlier, on=[*_SERIES, *_SINCE], how="left", maintain_order="left")[
        "value"
    ]
    return own.fill_null(since).fill_null(np.nan).to_numpy()


def _sides(night: Night, release: Release) -> Sides:
    estimated = night.lake.written_at("estimates", partition={"night": release.night}, as_of=release.approved_at)
    now = configured(night.city, night.settings.configs)
    return Sides(
        night=night,
        release=release,
        now=now,
        then=former_configuration(night, release, now),
        estimated_at=estimated,
    )


def is_method_new(sides: Sides) -> bool:
    """The former method is not at hand: another version of the software, or a configuration that was not kept."""
    return sides.then is None or sides.release.manifest["software"]["version"] != software_version()


def _exact(night: Night, release: Release) -> pl.DataFrame:
    """The rows the release was made from, as they were; as they are, where the lake was made anew since."""
    at: tuple[datetime | None, ...] = (release.approved_at, None)
    then, now = (
        night.lake.read("estimates", as_of=each).filter(pl.col("night") == release.night).collect() for each in at
    )
    return now if then.is_empty() else then


def _rows(each: Split, sides: Sides) -> Iterator[dict[str, Any]]:
    """Rows of the table of every cell whose change could be split."""
    names = dict(sides.night.city.areas.select("area", "name").iter_rows()) | {
        sides.night.city.id: sides.night.city.name
    }
    factors = [factor for factor in FACTORS if factor in each.parts]
    for index, cell in enumerate(each.cells.iter_rows(named=True)):
        parts = {factor: float(each.parts[factor][index]) for factor in factors}
        if all(np.isfinite(list(parts.values()))):
            yield from _rows_of_cell(cell, parts, sides, names[cell["area"]], is_shared=each.is_shared)


def _rows_of_cell(
    cell: dict[str, Any], parts: dict[str, float], sides: Sides, place: str, *, is_shared: bool
) -> Iterator[dict[str, Any]]:
    noise, is_within_noise = noise_of(cell, parts)
    is_other_period = (cell["since_start"], cell["since_end"]) != (cell["period_start"], cell["period_end"])
    words = change_in_words(
        place,
        sides.now.indicators[cell["indicator"]],
        parts,
        noise=noise,
        is_within_noise=is_within_noise,
        since=(cell["since_start"], cell["since_end"]) if is_other_period else None,
        is_shared=is_shared,
    )
    common = {name: cell[name] for name in (*_SERIES, *_PERIOD, *_SINCE)} | {
        "night": sides.night.night,
        "city": sides.night.city.id,
        "since": sides.release.name,
        "change": cell["value"] - cell["value_then"],
        "noise": noise,
        "is_within_noise": is_within_noise,
        "is_shared": is_shared,
        "words": words,
        "synthetic": sides.night.city.is_synthetic,
    }
    yield from (common | {"factor": factor, "part": part} for factor, part in parts.items())


def noise_of(cell: dict[str, Any], parts: dict[str, float]) -> tuple[float, bool]:
    """Half width of the 95 % interval of a change of data alone, and whether what the data changed lies within it.

    The two estimates are taken as independent, though most rows behind them are the same: the width is never too small,
    so a change that is called more than noise is. Where no data changed, nothing is within noise.
    """
    noise = Z * math.hypot(cell["standard_error"] or 0.0, cell["standard_error_then"] or 0.0)
    data = parts.get(NEW, 0.0) + parts.get(LATE, 0.0)
    return noise, bool(0 < abs(data) <= noise)
