"""What earlier releases showed of the same cells: the memory a reader has, and disclosure control must have too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from barometer.release.cover import Before
from barometer.release.disclosure import Former

SUPPRESSED = "suppressed"
PERIOD = ("period_start", "period_end")
ESTIMATES_FAMILY = ("indicator", *PERIOD)
COVERAGE_FAMILY = ("signal", *PERIOD)
Key = tuple[Any, ...]
_CELL = {"cell": pl.String(), "persons": pl.Int64(), "state": pl.String(), "shown": pl.Int64()}


@dataclass(frozen=True)
class FormerRelease:
    """An earlier release: its published tables, and the exact rows they were made from."""

    published: pl.DataFrame
    exact: pl.DataFrame
    published_coverage: pl.DataFrame = field(default_factory=pl.DataFrame)
    exact_coverage: pl.DataFrame = field(default_factory=pl.DataFrame)


def estimate_cells(rows: pl.DataFrame) -> pl.DataFrame:
    """Cells of exact estimates: the family's key, `cell` (the area), `persons`, and `state`, equal for equal rows."""
    state = pl.format("{}|{}", "n", pl.col("value").cast(pl.String).fill_null(""))
    return rows.select(*ESTIMATES_FAMILY, cell="area", persons="n", state=state)


def coverage_cells(rows: pl.DataFrame) -> pl.DataFrame:
    """The same of exact coverage; a cell is a place and a group."""
    state = pl.format("{}|{}", "voices", "records")
    return rows.select(*COVERAGE_FAMILY, cell=cell_name(), persons="voices", state=state)


def cell_name() -> pl.Expr:
    """Name of a coverage cell within its family."""
    return pl.concat_str("geography", "area", "group", separator="/")


def estimates_before(earlier: Sequence[FormerRelease], rows: pl.DataFrame) -> dict[Key, list[Before]]:
    """Family of `rows` (exact estimates of today) -> what each earlier release showed of it, without repeats."""
    has_no_count = pl.col("missing_reason").eq_missing(SUPPRESSED) | pl.col("n").is_null()
    seen = [
        _sight(
            estimate_cells(release.exact),
            release.published.select(*ESTIMATES_FAMILY, cell="area", shown=pl.when(~has_no_count).then("n")),
            family=ESTIMATES_FAMILY,
        )
        for release in earlier
    ]
    return _by_family(seen, estimate_cells(rows), ESTIMATES_FAMILY)


def coverage_before(earlier: Sequence[FormerRelease], rows: pl.DataFrame) -> dict[Key, list[Before]]:
    """The same for coverage."""
    seen = [
        _sight(
            coverage_cells(release.exact_coverage),
            release.published_coverage.select(*COVERAGE_FAMILY, cell=cell_name(), shown="voices"),
            family=COVERAGE_FAMILY,
        )
        for release in earlier
        if release.exact_coverage.width and release.published_coverage.width
    ]
    return _by_family(seen, coverage_cells(rows), COVERAGE_FAMILY)


def _sight(exact: pl.DataFrame, shown: pl.DataFrame, *, family: tuple[str, ...]) -> pl.DataFrame:
    """What one release showed, beside what was behind it; a cell that the lake no longer knows tells nothing."""
    return shown.join(exact, on=[*family, "cell"]).select(
        *family, *(pl.col(name).cast(dtype) for name, dtype in _CELL.items())
    )


def _by_family(seen: Sequence[pl.DataFrame], today: pl.DataFrame, family: tuple[str, ...]) -> dict[Key, list[Before]]:
    """One `Before` for each different sight of a family that today's tables still hold."""
    if not seen:
        return {}
    numbered = pl.concat([frame.with_columns(release=pl.lit(k)) for k, frame in enumerate(seen)])
    known = numbered.join(today.select(family).unique(), on=family, how="semi")
    same = today.select(*family, "cell", "state", is_same=pl.lit(value=True))
    told = known.join(same, on=[*family, "cell", "state"], how="left").with_columns(
        pl.col("is_same").fill_null(value=False)
    )
    found: dict[Key, list[Before]] = {}
    for (_, *key), sight in (
        _distinct(told, family).partition_by(("release", *family), as_dict=True, maintain_order=True).items()
    ):
        found.setdefault(tuple(key), []).append(_before(sight))
    return found


def _distinct(told: pl.DataFrame, family: tuple[str, ...]) -> pl.DataFrame:
    """The sights that differ from every earlier one of their family: a release seen again tells nothing new."""
    digests = (
        told.sort("release", *family, "cell")
        .group_by("release", *family, maintain_order=True)
        .agg(digest=pl.format("{}:{}:{}", "cell", "state", pl.col("shown").cast(pl.String).fill_null("")).str.join(";"))
    )
    first = digests.unique(subset=[*family, "digest"], keep="first", maintain_order=True)
    return told.join(first.select("release", *family), on=["release", *family], how="semi", maintain_order="left")


def _before(sight: pl.DataFrame) -> Before:
    cells: dict[str, int] = dict(sight.select("cell", "persons").iter_rows())
    withheld = sight.filter(pl.col("shown").is_null())["cell"].to_list()
    states: Mapping[str, str] = dict(sight.select("cell", "state").iter_rows())
    return Before(
        former=Former(frozenset(withheld), frozenset(sight.filter("is_same")["cell"].to_list()), states),
        persons=cells,
        shown=dict(sight.drop_nulls("shown").select("cell", "shown").iter_rows()),
    )
