"""Figures that rest on sources which were suspiciously silent: said to be so, never shown as if little had happened."""

from __future__ import annotations

import polars as pl

from barometer.city import SourceConfig
from barometer.indicators import CountRate, Indicator
from barometer.night import Night

DOWN = ("silent", "failing")
LEAST_SHARE_DOWN = 0.5
"""A period is of a silent source when all its sources were down on at least this share of its days so far."""


def silent_periods(night: Night, cells: pl.DataFrame, indicators: tuple[Indicator, ...]) -> pl.DataFrame:
    """indicator, period_start, period_end of those `cells` whose sources were all down for too much of the period.

    The states are those of `source_health`; days without one (before sources were judged) count as days that worked.
    """
    health = night.lake.read("source_health").filter(pl.col("night") <= night.night).collect()
    found = [_silent(indicator, night, cells, health) for indicator in indicators]
    schema = {name: cells.schema[name] for name in _KEY}
    return pl.concat([pl.DataFrame(schema=schema), *found])


_KEY = ("indicator", "period_start", "period_end")


def _silent(indicator: Indicator, night: Night, cells: pl.DataFrame, health: pl.DataFrame) -> pl.DataFrame:
    own = [source.id for source in night.city.sources if _could_tell(source, indicator)]
    spans = cells.filter(pl.col("indicator") == indicator.id).select(_KEY).unique()
    if not own or health.is_empty():
        return spans.clear()
    down = days_down(health, own)
    last = pl.min_horizontal("period_end", pl.lit(night.night))
    days = (last - pl.col("period_start")).dt.total_days() + 1
    within = spans.join_where(down, pl.col("night") >= pl.col("period_start"), pl.col("night") <= pl.col("period_end"))
    counted = within.group_by(_KEY).agg(down=pl.len()).with_columns(days=days)
    return counted.filter(pl.col("down") >= LEAST_SHARE_DOWN * pl.col("days")).select(_KEY).sort(_KEY)


def days_down(health: pl.DataFrame, sources: list[str]) -> pl.DataFrame:
    """Nights on which every one of `sources` was silent or failing: column `night`."""
    own = health.filter(pl.col("source").is_in(sources))
    by_night = own.group_by("night").agg(down=pl.col("state").is_in(DOWN).sum(), judged=pl.len())
    return by_night.filter((pl.col("down") == pl.col("judged")) & (pl.col("judged") == len(sources))).select("night")


def _could_tell(source: SourceConfig, indicator: Indicator) -> bool:
    """Whether the indicator is made of what this source brings; a source of counts may be of another series."""
    if source.signal != indicator.signal:
        return False
    measure, series = indicator.measure, source.options.get("series")
    return not isinstance(measure, CountRate) or series in (None, measure.series)
