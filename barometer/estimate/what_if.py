"""What if it were tuned otherwise: a changed configuration, and which places then move, by how much, in words.

Pure: nothing is read but the file of changes, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
import yaml
from pydantic import BaseModel, ValidationError

from barometer.errors import BadConfiguration, BadInput
from barometer.estimate.periods import PERIOD

Settings = TypeVar("Settings", bound=BaseModel)

# A move within one standard error of the published value is not told from staying.
NOTABLE_ERRORS = 1.0
MOVES = ("rises", "falls", "appears", "vanishes")

_KEY = ["indicator", "geography", "area", *PERIOD]
_COMPARED = ("value", "standard_error", "lower", "upper", "n", "effective_n", "method", "missing_reason")
_SUFFIX = "_if"

MOVES_SCHEMA: dict[str, pl.DataType] = {
    "indicator": pl.String(),
    "geography": pl.String(),
    "area": pl.String(),
    "period_start": pl.Date(),
    "period_end": pl.Date(),
    **{
        name + suffix: dtype
        for suffix in ("", _SUFFIX)
        for name, dtype in {
            "value": pl.Float64(),
            "standard_error": pl.Float64(),
            "lower": pl.Float64(),
            "upper": pl.Float64(),
            "n": pl.Int64(),
            "effective_n": pl.Float64(),
            "method": pl.String(),
            "missing_reason": pl.String(),
            "rank": pl.Int64(),
            "rank_lower": pl.Int64(),
            "rank_upper": pl.Int64(),
        }.items()
    },
    "change": pl.Float64(),
    "change_in_errors": pl.Float64(),
    "is_outside_interval": pl.Boolean(),
    "movement": pl.String(),
}


class Change(NamedTuple):
    """One setting changed: where (`indicators.trust_police.minimum_n`), what it was and what it would be."""

    place: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.place}: {self.before} → {self.after}"


def read_overrides(path: Path) -> dict[str, Any]:
    """The YAML file of a what-if; raises `BadConfiguration` when it cannot be read or holds no settings."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise BadConfiguration(f"{path}: cannot be read ({why}); name a YAML file of settings to change") from None
    if not isinstance(content, dict) or not content:
        raise BadConfiguration(f"{path}: must hold settings to change, as they stand in indicators.yaml")
    return content


def with_overrides(
    settings: Settings, overrides: Mapping[str, Any], *, source: str = "what-if"
) -> tuple[Settings, tuple[Change, ...]]:
    """`settings` with `overrides` merged into them, checked as a whole, and what changed.

    Overrides have the shape of the settings and say only what differs. In a list of things with an id (indicators,
    composites), they are named by it: `indicators: {trust_police: {minimum_n: 5}}`. A measure of another `kind`
    replaces the one there; other lists and single values are replaced. Raises `BadConfiguration` that lists every
    mistake at once: a key or id that does not exist (and which do), or a value that is refused.
    """
    mistakes: list[str] = []
    changes: list[Change] = []
    merged = _merged(settings, overrides, "", mistakes, changes)
    if mistakes:
        raise BadConfiguration(f"{source}: {'; '.join(mistakes)}")
    try:
        return type(settings).model_validate(merged), tuple(changes)
    except ValidationError as error:
        refused = [_in_words(found, merged) for found in error.errors(include_url=False, include_context=False)]
        raise BadConfiguration(f"{source}: {'; '.join(refused)}") from None


def _merged(node: Any, override: Any, place: str, mistakes: list[str], changes: list[Change]) -> Any:
    """`node` as plain values with the override in it; mistakes and changes are noted with their place."""
    if isinstance(node, BaseModel) and isinstance(override, Mapping) and not _is_other_kind(node, override):
        fields = {name: getattr(node, name) for name in type(node).model_fields}
        return _merged_keys(fields, override, place, mistakes, changes)
    if _has_ids(node) and isinstance(override, Mapping):
        return [*_merged_keys({item.id: item for item in node}, override, place, mistakes, changes).values()]
    if isinstance(node, Mapping) and isinstance(override, Mapping):
        override = {**node, **override}
    before = _plain(node)
    if before != _plain(override):
        changes.append(Change(place, before, override))
    return override


def _merged_keys(
    known: Mapping[str, Any], override: Mapping[str, Any], place: str, mistakes: list[str], changes: list[Change]
) -> dict[str, Any]:
    for name in override:
        if name not in known:
            mistakes.append(f"{place or 'the top'} has no {name}; it has {', '.join(known)}")
    return {
        name: _merged(value, override[name], f"{place}.{name}".lstrip("."), mistakes, changes)
        if name in override
        else _plain(value)
        for name, value in known.items()
    }


def _is_other_kind(node: BaseModel, override: Mapping[str, Any]) -> bool:
    """The override describes another kind of thing, which has other fields."""
    return "kind" in override and override["kind"] != getattr(node, "kind", None)


def _has_ids(node: Any) -> bool:
    return isinstance(node, (tuple, list)) and bool(node) and all(hasattr(item, "id") for item in node)


def _plain(node: Any) -> Any:
    """Models as plain values; tuples as lists, as YAML has them."""
    if isinstance(node, BaseModel):
        return {name: _plain(getattr(node, name)) for name in type(node).model_fields}
    if isinstance(node, Mapping):
        return {name: _plain(value) for name, value in node.items()}
    return [_plain(item) for item in node] if isinstance(node, (tuple, list)) else node


def _in_words(found: Any, merged: Any) -> str:
    """A refusal with its place, entries of lists named by their id."""
    place, node = [], merged
    for step in found["loc"]:
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            # A step into one of several shapes that a value may have (pydantic names the shape) is no place in the
            # file.
            continue
        place.append(
            str(node["id"]) if isinstance(step, int) and isinstance(node, dict) and "id" in node else str(step)
        )
    return f"{'.'.join(place) or 'the whole'}: {found['msg'].removeprefix('Value error, ')}"


def compare(published: pl.DataFrame, what_if: pl.DataFrame) -> pl.DataFrame:
    """Published estimates beside the same ones made otherwise; one row an indicator, place and period. MOVES_SCHEMA.

    Both frames: the row contract (`estimates`), one issue each. Columns that end in _if are of `what_if`. `change` is
    in the indicator's unit and `change_in_errors` in published standard errors: both rest on the same data, so it says
    how much the choice matters beside what is uncertain anyway, and is no test. Ranks (1 is the highest value of an
    indicator, geography and period) have the interval that the 95 % intervals leave them: only places whose interval
    lies wholly above are surely before (Klein, Wright & Wieczorek 2020, JRSS A 183:589-606). `movement`: rises, falls
    (by a standard error or more), stays, appears, vanishes, missing (in both). Raises `BadInput` when a frame has a
    place twice.
    """
    before, after = (_ranked(_once(frame, name)) for frame, name in ((published, "published"), (what_if, "what-if")))
    both = before.join(after, on=_KEY, how="full", suffix=_SUFFIX, coalesce=True)
    return both.with_columns(_moves()).with_columns(_movement()).select(list(MOVES_SCHEMA)).sort(_KEY)


def _once(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    twice = frame.filter(frame.select(_KEY).is_duplicated())
    if twice.height:
        indicator, _, area = twice.select(_KEY[:3]).row(0)
        raise BadInput(f"{name} estimates have {indicator} of {area} twice: compare one issue with one")
    return frame.select(*_KEY, *_COMPARED)


def _ranked(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds rank, rank_lower (best) and rank_upper (worst) among the places that have a value."""
    group = ["indicator", "geography", *PERIOD]
    parts = frame.sort(_KEY).partition_by(group, maintain_order=True)
    return pl.concat([_ranked_group(part) for part in parts]) if parts else _ranked_group(frame)


def _ranked_group(rows: pl.DataFrame) -> pl.DataFrame:
    known = rows.filter(pl.col("value").is_not_null())
    value, lower, upper = (known[name].cast(pl.Float64).to_numpy() for name in ("value", "lower", "upper"))
    ranks = {
        "rank": 1 + _above(value, value),
        "rank_lower": 1 + _above(lower, upper),
        "rank_upper": len(value) - _above(-upper, -lower),
    }
    columns = [pl.Series(name, rank, dtype=pl.Int64) for name, rank in ranks.items()]
    return rows.join(known.select("area").with_columns(columns), on="area", how="left", maintain_order="left")


def _above(values: npt.NDArray[np.float64], limits: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """How many of `values` lie above each limit."""
    return np.asarray(len(values) - np.searchsorted(np.sort(values), limits, side="right"), dtype=np.int64)


def _moves() -> list[pl.Expr]:
    change = pl.col("value" + _SUFFIX) - pl.col("value")
    error = pl.when(pl.col("standard_error") > 0).then(pl.col("standard_error"))
    outside = ~pl.col("value" + _SUFFIX).is_between("lower", "upper")
    return [change.alias("change"), (change / error).alias("change_in_errors"), outside.alias("is_outside_interval")]


def _movement() -> pl.Expr:
    had, has = pl.col("value").is_not_null(), pl.col("value" + _SUFFIX).is_not_null()
    # Without a published error, any change is one.
    size = pl.coalesce(pl.col("change_in_errors").abs(), pl.when(pl.col("change") != 0).then(NOTABLE_ERRORS), 0.0)
    return (
        pl.when(~had & ~has)
        .then(pl.lit("missing"))
        .when(~had)
        .then(pl.lit("appears"))
        .when(~has)
        .then(pl.lit("vanishes"))
        .when(size < NOTABLE_ERRORS)
        .then(pl.lit("stays"))
        .when(pl.col("change") > 0)
        .then(pl.lit("rises"))
        .otherwise(pl.lit("falls"))
        .alias("movement")
    )


def summary(moves: pl.DataFrame) -> pl.DataFrame:
    """One row an indicator, geography and period: places compared, how many move each way, the largest and mean move.

    Columns: indicator, geography, period_start, period_end, n, rises, falls, appears, vanishes, stays,
    largest_in_errors, mean_change, ratio_of_errors (mean what-if standard error over mean published one, of places with
    both).
    """
    counts = {name: (pl.col("movement") == name).sum().alias(name) for name in (*MOVES, "stays")}
    both = pl.col("change").is_not_null()
    return (
        moves.group_by("indicator", "geography", *PERIOD)
        .agg(
            n=pl.len(),
            **counts,
            largest_in_errors=pl.col("change_in_errors").abs().max(),
            mean_change=pl.col("change").mean(),
            ratio_of_errors=pl.col("standard_error" + _SUFFIX).filter(both).mean()
            / pl.col("standard_error").filter(both).mean(),
        )
        .sort("indicator", "geography", *PERIOD)
    )


def tell(
    moves: pl.DataFrame,
    changes: Sequence[Change] = (),
    *,
    titles: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
) -> list[str]:
    """The comparison in lines a person reads: what was changed, each indicator as a whole, then every place that moves.

    `titles` (of indicators) and `names` (of areas) stand for their ids where known. The largest moves come first.
    """
    titles, names = titles or {}, names or {}
    head = [f"Changed: {change}." for change in changes] or ["Nothing was changed."]
    lines = [_told_indicator(row, titles) for row in summary(moves).iter_rows(named=True)]
    size = pl.col("change_in_errors").abs().fill_null(float("inf"))
    moving = moves.filter(pl.col("movement").is_in(MOVES)).with_columns(size=size)
    told = moving.sort("indicator", "size", *_KEY[1:], descending=[False, True, *[False] * 4])
    return [*head, *lines, *(_told_place(row, titles, names) for row in told.iter_rows(named=True))]


def _told_indicator(row: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    title = titles.get(row["indicator"], row["indicator"])
    moved = [f"{row[name]} {_verb(name, row[name])}" for name in MOVES if row[name]]
    what = ", ".join(moved) if moved else "none moves by a standard error or more"
    ratio = row["ratio_of_errors"]
    errors = "" if ratio is None or not np.isfinite(ratio) else f"; errors are {ratio:.2f} times the published ones"
    return f"{title}, {row['period_start']} to {row['period_end']}: of {row['n']} places, {what}{errors}."


def _verb(movement: str, count: int) -> str:
    return movement if count == 1 else movement.removesuffix("s") if movement != "vanishes" else "vanish"


def _told_place(row: Mapping[str, Any], titles: Mapping[str, str], names: Mapping[str, str]) -> str:
    who = f"{names.get(row['area'], row['area'])}, {titles.get(row['indicator'], row['indicator'])}"
    before, after = _number(row["value"]), _number(row["value" + _SUFFIX])
    if row["movement"] == "appears":
        return f"{who}: a value appears ({after}), missing as published ({row['missing_reason'] or 'no row'})."
    if row["movement"] == "vanishes":
        return f"{who}: no value any more ({row['missing_reason' + _SUFFIX] or 'no row'}), published as {before}."
    ranks = f"rank {_rank(row, '')} becomes {_rank(row, _SUFFIX)}"
    told = f"{who}: {row['movement']} from {before} to {after} ({_size(row)})"
    return "; ".join([told, ranks, *_differences(row)]) + "."


def _size(row: Mapping[str, Any]) -> str:
    errors = row["change_in_errors"]
    much = "the published one has no error" if errors is None else f"{abs(errors):.1f} of its standard errors"
    return much + (", outside the published interval" if row["is_outside_interval"] else "")


def _differences(row: Mapping[str, Any]) -> Iterator[str]:
    """What else about the value changed."""
    for name, called in (("method", "method"), ("n", "n"), ("effective_n", "effective n")):
        before, after = row[name], row[name + _SUFFIX]
        if before != after:
            yield f"{called} {_number(before)} → {_number(after)}"


def _rank(row: Mapping[str, Any], suffix: str) -> str:
    return f"{row['rank' + suffix]} ({row['rank_lower' + suffix]}–{row['rank_upper' + suffix]})"


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
