"""Where like neighbourhoods lie together, in the newest period of every survey figure and of what is made of them."""

from __future__ import annotations

import polars as pl

from barometer.city import City
from barometer.estimate.periods import PERIOD
from barometer.estimate.spatial import global_moran, local_clusters
from barometer.indicators import WHOLE_CITY, Indicators

NONE = "none"
# One global test an indicator, at the usual level.
_SIGNIFICANT = 0.05
_GLOBAL_PERMUTATIONS = 999
CLUSTERS_SCHEMA: dict[str, pl.DataType] = {
    "indicator": pl.String(),
    "geography": pl.String(),
    "area": pl.String(),
    "period_start": pl.Date(),
    "period_end": pl.Date(),
    "moran_i": pl.Float64(),
    "quadrant": pl.String(),
    "p_value": pl.Float64(),
    "is_significant": pl.Boolean(),
}


def find_clusters(cells: pl.DataFrame, *, city: City, indicators: Indicators) -> pl.DataFrame:
    """CLUSTERS_SCHEMA: local statistics of every neighbourhood tested, and the global one for the whole city.

    `cells`: completed cells. What cannot be tested (too few neighbourhoods with a figure, or no neighbours) has no row.
    """
    adjacency = city.adjacency.filter(pl.col("geography") == city.primary).select("area", "neighbour")
    if adjacency.is_empty():
        return pl.DataFrame(schema=CLUSTERS_SCHEMA)
    surveyed = [i.id for signal in ("answers", "combined") for i in indicators.of_signal(signal)]
    local = cells.filter(pl.col("geography") == city.primary, pl.col("indicator").is_in(surveyed))
    newest = _newest(local).select("indicator", "area", *PERIOD, "value")
    whole = global_moran(newest, adjacency, permutations=_GLOBAL_PERMUTATIONS).with_columns(
        geography=pl.lit(WHOLE_CITY),
        area=pl.lit(city.id),
        quadrant=pl.lit(NONE),
        is_significant=pl.col("p_value") < _SIGNIFICANT,
    )
    parts = local_clusters(newest, adjacency).with_columns(
        geography=pl.lit(city.primary), moran_i="local_i", quadrant="cluster"
    )
    both = pl.concat([frame.select(list(CLUSTERS_SCHEMA)) for frame in (whole, parts)])
    return both.drop_nulls("moran_i").cast(CLUSTERS_SCHEMA).sort("indicator", "geography", "area")  # type: ignore[arg-type]


def _newest(local: pl.DataFrame) -> pl.DataFrame:
    """Rows of each indicator's newest period in which any neighbourhood has a value."""
    spans = local.drop_nulls("value").select("indicator", *PERIOD).unique()
    latest = spans.sort("period_end", "period_start", descending=True)
    newest = latest.unique("indicator", keep="first", maintain_order=True)
    return local.join(newest, on=["indicator", *PERIOD], how="semi")
