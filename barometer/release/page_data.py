"""What the page's script needs, as compact JSON: figures, boundaries, words. Built from protected tables only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl

from barometer.city import City
from barometer.indicators import Indicator
from barometer.release.changes import latest_periods
from barometer.release.charts import map_chart, trend_chart
from barometer.release.content import Content
from barometer.release.geometry import flat_boundaries
from barometer.release.protect import EVERYONE
from barometer.release.words import (
    COVERED,
    DIMENSIONS,
    DIRECTIONS,
    HEARD,
    METHODS,
    REASONS,
    VOICES,
    period_in_words,
    unit_in_words,
)

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
TREND_HEIGHT_PX = 260
_NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def page_data(content: Content, city: City, night: date) -> dict[str, Any]:
    """Everything the script shows.

    Areas by name; a row of figures is [value, lower, upper, n, method, reason, effective n].
    """
    areas = city.neighbourhoods.sort("name")
    shown = [i for i in content.indicators.indicators if i.id in set(content.estimates["indicator"].to_list())]
    return {
        "city": {"id": city.id, "name": city.name},
        "night": night.isoformat(),
        "areas": [{"area": area, "name": name} for area, name in areas.select("area", "name").iter_rows()],
        "shapes": flat_boundaries(city.boundaries(city.primary)),
        "indicators": [_indicator(indicator, content, city, night) for indicator in shown],
        "chosen": default_indicator(content, city),
        "defectCorrelation": city.thresholds.meng_defect_correlation,
        "coverage": _coverage(content.coverage, city),
        "words": {"reasons": REASONS, "methods": METHODS, "covered": COVERED, "voices": VOICES, "heard": HEARD},
        "charts": {
            "map": map_chart(),
            "trend": trend_chart(height=TREND_HEIGHT_PX),
        },
    }


def default_indicator(content: Content, city: City) -> str:
    """The indicator shown first: of trust, the one with most neighbourhoods shown; among equals the file's first."""
    latest = content.estimates.join(latest_periods(content.estimates), on=["indicator", "period_start", "period_end"])
    local = latest.filter(pl.col("geography") == city.primary)
    shown = dict(local.group_by("indicator").agg(pl.col("value").count()).iter_rows())
    ids = [i.id for i in content.indicators.indicators if i.id in shown]
    trust = [name for name in ids if content.indicators[name].direction == "more_trust"] or ids
    return max(trust, key=lambda name: shown[name])


def _indicator(indicator: Indicator, content: Content, city: City, night: date) -> dict[str, Any]:
    rows = content.estimates.filter(
        pl.col("indicator") == indicator.id, pl.col("geography").is_in([city.primary, "city"])
    )
    periods = rows.select("period_start", "period_end").unique().sort("period_end", "period_start").rows()
    latest = latest_periods(rows).select("period_start", "period_end").row(0)
    local = rows.filter(pl.col("area") != city.id)["value"].drop_nulls().to_list()
    edges = class_edges(local)
    return {
        "id": indicator.id,
        "title": indicator.title,
        "question": f"{indicator.question} {indicator.withheld}".strip(),
        "unit": unit_in_words(indicator),
        "isShare": indicator.is_share,
        "direction": DIRECTIONS[indicator.direction],
        "dimension": DIMENSIONS[indicator.dimension],
        "signal": indicator.signal,
        "edges": edges,
        "colours": class_colours(len(edges) - 1),
        "periods": [_period(start, end, night) for start, end in periods],
        "latest": periods.index(latest),
        "rows": _figures(rows, periods),
    }


def _period(start: date, end: date, night: date) -> dict[str, Any]:
    last = min(end, night)
    middle = start + (last - start) / 2
    words = period_in_words(start, end, night=night)
    return {"start": start.isoformat(), "end": end.isoformat(), "day": middle.isoformat(), "words": words}


def _figures(rows: pl.DataFrame, periods: Sequence[tuple[date, date]]) -> dict[str, list[list[Any]]]:
    """Area -> one row of figures a period, in order of `periods`."""
    at = {period: i for i, period in enumerate(periods)}
    figures: dict[str, list[list[Any]]] = {
        area: [[] for _ in periods] for area in rows["area"].unique().sort().to_list()
    }
    figure_columns = ("value", "lower", "upper", "n", "method", "missing_reason", "effective_n")
    columns = ("area", "period_start", "period_end", *figure_columns)
    for area, start, end, *figure in rows.select(columns).iter_rows():
        figures[area][at[start, end]] = figure
    return figures


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


def _coverage(coverage: pl.DataFrame, city: City) -> dict[str, dict[str, int | None]]:
    """Signal -> area -> voices of the newest period with any, empty where withheld."""
    everyone = coverage.filter(pl.col("group") == EVERYONE, pl.col("geography").is_in([city.primary, "city"]))
    found = {}
    for (signal,), rows in everyone.partition_by(["signal"], as_dict=True, maintain_order=True).items():
        heard = rows.filter((pl.col("records").sum() > 0).over("period_end"))
        latest = (heard if heard.height else rows).filter(pl.col("period_end") == pl.col("period_end").max())
        count = "voices" if signal != "counts" else "records"
        found[str(signal)] = dict(
            latest.unique("area", keep="last", maintain_order=True).select("area", count).iter_rows()
        )
    return found
