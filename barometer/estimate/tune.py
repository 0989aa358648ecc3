"""What-if on a night's own data: everything estimated anew under changed settings, beside what was made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from barometer.city_files import Thresholds
from barometer.errors import BadInput
from barometer.estimate.periods import PERIOD
from barometer.estimate.run import Context, as_estimates, work_out
from barometer.estimate.what_if import Change, compare, read_overrides, tell, with_overrides
from barometer.indicators import Indicators, load_indicators
from barometer.night import Night

THRESHOLDS = "thresholds"


@dataclass(frozen=True)
class WhatIf:
    """What was changed, and every estimate of the night as it is and as it would be (`what_if.MOVES_SCHEMA`)."""

    changes: tuple[Change, ...]
    moves: pl.DataFrame
    titles: dict[str, str]
    names: dict[str, str]

    def lines(self) -> list[str]:
        """In words, of each indicator's newest period; indicators of which nothing moves at all are counted only."""
        newest = _newest(self.moves)
        is_moved = (pl.col("change").fill_null(0.0) != 0) | pl.col("movement").is_in(["appears", "vanishes"])
        moved = newest.filter(is_moved)["indicator"].unique().to_list()
        still = newest["indicator"].n_unique() - len(moved)
        told = tell(newest.filter(pl.col("indicator").is_in(moved)), self.changes, titles=self.titles, names=self.names)
        return [*told, f"{still} other indicators stay exactly as they are."]


def what_if(night: Night, file: Path) -> WhatIf:
    """Estimate `night` under the settings of `file`: those of indicators.yaml, and `thresholds` of the city's.

    Raises `BadConfiguration` for a setting that does not exist or is refused, `BadInput` when there are no estimates.
    """
    published = night.lake.read("estimates").filter(pl.col("night") == night.night).collect()
    if published.is_empty():
        raise BadInput(f"there are no estimates of {night.night} for {night.city.id}: run `barometer estimate` first")
    overrides = read_overrides(file)
    thresholds, of_city = with_overrides(
        night.city.thresholds, overrides.pop(THRESHOLDS, {}), source=f"{file}, {THRESHOLDS}"
    )
    indicators, of_indicators = with_overrides(load_indicators(night.settings.configs), overrides, source=str(file))
    changed = _changed(night, thresholds, indicators)
    moves = compare(published, as_estimates(work_out(changed).cells, changed))
    return WhatIf(
        changes=(*of_city, *of_indicators),
        moves=moves,
        titles={indicator.id: indicator.title for indicator in indicators.indicators},
        names=dict(night.city.areas.select("area", "name").iter_rows()) | {night.city.id: night.city.name},
    )


def newest_night(night: Night) -> Night:
    """The newest night with estimates in the lake of `night`'s city; raises `BadInput` when there is none."""
    newest = night.lake.read("estimates").select(pl.col("night").max()).collect().item()
    if newest is None:
        raise BadInput(f"there are no estimates for {night.city.id} yet: run a night first")
    return replace(night, night=newest)


def _changed(night: Night, thresholds: Thresholds, indicators: Indicators) -> Context:
    return Context(replace(night, city=replace(night.city, thresholds=thresholds)), indicators)


def _newest(moves: pl.DataFrame) -> pl.DataFrame:
    spans = moves.select("indicator", *PERIOD).unique().sort("period_end", "period_start", descending=True)
    return moves.join(
        spans.unique("indicator", keep="first", maintain_order=True), on=["indicator", *PERIOD], how="semi"
    )
