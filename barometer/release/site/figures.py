"""Published figures by indicator, place and period, as pages and their script need them. From protected tables only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import polars as pl

from barometer.city import City
from barometer.indicators import Indicator
from barometer.release.changes import latest_periods
from barometer.release.content import Content

# Viridis (matplotlib, CC0), light to dark: readable in every common form of colour blindness and in grey.
VIRIDIS = (
    "#fde725",
    "#addc30",
    "#5ec962",
    "#28ae80",
    "#21918c",
    "#2c728e",
    "#3b528b",
    "#472d7b",
    "#440154",
)
MOST_CLASSES = 7
_NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
# Figures of people: their numbers are rounded, and said to be.
OF_PEOPLE = ("answers", "posts", "combined")


class Figure(NamedTuple):
    """One published row: a value with its error, or the reason there is none."""

    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    n: int | None = None
    method: str | None = None
    missing_reason: str | None = None
    effective_n: float | None = None
    standard_error: float | None = None
    reliability: float | None = None

    @property
    def is_shown(self) -> bool:
        """There is a value."""
        return self.value is not None


NOTHING = Figure()
Period = tuple[date, date]


@dataclass(frozen=True)
class Series:
    """One indicator over its periods: `rows` holds, per area (and the city's id), one figure a period."""

    indicator: Indicator
    periods: list[Period]
    latest: int
    rows: dict[str, list[Figure]]
    edges: list[float]

    def at(self, area: str, back: int = 0) -> Figure:
        """The figure of the newest period with any value, or of one that many periods before."""
        place = self.latest - back
        return self.rows[area][place] if area in self.rows and place >= 0 else NOTHING

    def shown(self, area: str) -> list[tuple[Period, Figure]]:
        """Periods in which the area has a value, oldest first."""
        both = zip(self.periods, self.rows.get(area, ()), strict=False)
        return [(period, figure) for period, figure in both if figure.is_shown]

    @property
    def colours(self) -> list[str]:
        """One a map class."""
        return class_colours(len(self.edges) - 1)

    def colour(self, value: float) -> str:
        """Of the map class that holds `value`."""
        above = sum(value >= edge for edge in self.edges[1:-1])
        return self.colours[above]


def collect_series(content: Content, city: City) -> dict[str, Series]:
    """Series of every indicator with rows about neighbourhoods or the whole city, in the order of indicators.yaml."""
    rows = content.estimates.filter(pl.col("geography").is_in([city.primary, "city"]))
    parts = rows.partition_by(["indicator"], as_dict=True, maintain_order=True)
    known = [i for i in content.indicators.indicators if (i.id,) in parts]
    return {indicator.id: _series(indicator, parts[(indicator.id,)], city) for indicator in known}


def _series(indicator: Indicator, rows: pl.DataFrame, city: City) -> Series:
    periods = rows.select("period_start", "period_end").unique().sort("period_end", "period_start").rows()
    at = {period: place for place, period in enumerate(periods)}
    figures = {area: [NOTHING] * len(periods) for area in rows["area"].unique().sort().to_list()}
    for area, start, end, *figure in rows.select("area", "period_start", "period_end", *Figure._fields).iter_rows():
        figures[area][at[start, end]] = Figure(*figure)
    newest = latest_periods(rows).select("period_start", "period_end").row(0)
    local = rows.filter(pl.col("area") != city.id)["value"].drop_nulls().to_list()
    return Series(indicator, periods, at[newest], figures, class_edges(local))


def default_indicator(series: dict[str, Series], city: City) -> str:
    """The indicator shown first: of trust, the one with most neighbourhoods shown; among equals the file's first."""
    trust = [name for name, each in series.items() if each.indicator.direction == "more_trust"] or list(series)
    return max(trust, key=lambda name: _shown_places(series[name], city))


def _shown_places(series: Series, city: City) -> int:
    return sum(series.at(area).is_shown for area in series.rows if area != city.id)


def class_edges(values: Sequence[float]) -> list[float]:
    """Round edges of equal map classes that hold all `values`: as fine as about `MOST_CLASSES` classes allow."""
    if not values:
        return [0.0, 1.0]
    lowest, highest = min(values), max(values)
    step = _nice_step((highest - lowest) / MOST_CLASSES)
    first = math.floor(lowest / step + 1e-9)
    last = max(math.ceil(highest / step - 1e-9), first + 1)
    return [round(k * step, 10) for k in range(first, last + 1)]


def _nice_step(least: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is not below `least`; 0.1 for no spread at all."""
    if least <= 0:
        return 0.1
    power = 10.0 ** math.floor(math.log10(least))
    return next(nice * power for nice in _NICE_STEPS if nice * power >= least - 1e-12)


def class_colours(classes: int) -> list[str]:
    """Viridis from light (low) to dark (high), spread over the classes."""
    if classes == 1:
        return [VIRIDIS[len(VIRIDIS) // 2]]
    return [VIRIDIS[round(k * (len(VIRIDIS) - 1) / (classes - 1))] for k in range(classes)]
