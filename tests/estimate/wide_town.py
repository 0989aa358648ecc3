"""Widetown: an invented city with enough neighbourhoods for models, and direct survey cells of known truth."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from barometer.city import City
from barometer.estimate.cells import to_cells
from barometer.indicators import WHOLE_CITY, Indicator
from tests.towns import make_testville

WAVE = (date(2026, 3, 1), date(2026, 3, 10))


def make_widetown(folder: Path, *, size: int = 40, reach: int = 1, **changes: Any) -> City:
    """`size` neighbourhoods in a ring: adults, `reach` neighbours on either side, one covariate that trust follows."""
    areas = [f"A{k:02}" for k in range(size)]
    pairs = [(areas[k], areas[(k + step) % size]) for k in range(size) for step in range(-reach, reach + 1) if step]
    parts: dict[str, Any] = {
        "areas": pl.DataFrame(
            {
                "geography": ["hood"] * size,
                "area": areas,
                "name": areas,
                "population": [1500 + 10 * k for k in range(size)],
                "adults": [1000 + 10 * k for k in range(size)],
            }
        ),
        "adjacency": pl.DataFrame(
            {"geography": ["hood"] * len(pairs), "area": [a for a, _ in pairs], "neighbour": [b for _, b in pairs]}
        ),
        "covariates": pl.DataFrame(
            {
                "area": areas,
                "covariate": ["deprivation"] * size,
                "value": covariate(size).tolist(),
                "unit": ["score"] * size,
                "year": [2025] * size,
            }
        ),
    }
    return make_testville(folder, **(parts | changes))


def covariate(size: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Of mean 0 and spread 1, in no order of the ring."""
    values = np.random.default_rng(11).permutation(np.linspace(-1.7, 1.7, size))
    return np.asarray(values)


def truth(size: int, *, seed: int = 3, own: float = 0.2) -> np.ndarray[Any, np.dtype[np.float64]]:
    """True means on a scale of 0 to 10: what the covariate says, and `own` deviations."""
    return 6.0 - 0.8 * covariate(size) + np.random.default_rng(seed).normal(0, own, size)


def direct_cells(
    city: City, indicator: Indicator, *, counts: list[int], seed: int = 5, wave: tuple[date, date] = WAVE
) -> pl.DataFrame:
    """Direct cells of one wave as `direct_answers` makes them: answers of standard deviation 2, `counts` an area."""
    areas = city.neighbourhoods["area"].sort().to_list()
    true, n = truth(len(areas)), np.array(counts, dtype=np.float64)
    error = 2.0 / np.sqrt(np.maximum(n, 1))
    value = np.clip(true + np.random.default_rng(seed).normal(0, error), 0, 10)
    adults = city.neighbourhoods.sort("area")["adults"].to_numpy()
    whole, whole_error = float(np.average(true, weights=adults)), 2.0 / np.sqrt(n.sum())
    frame = pl.DataFrame(
        {
            "geography": [city.primary] * len(areas) + [WHOLE_CITY],
            "area": [*areas, city.id],
            "value": [*value, whole],
            "standard_error": [*error, whole_error],
            "n": [*counts, sum(counts)],
            "effective_n": [*n, n.sum()],
            "reliability": [*(n * 0.05 / (1 + (n - 1) * 0.05)), None],
        }
    ).filter(pl.col("n") > 0)
    half = 1.96 * pl.col("standard_error")
    return to_cells(
        frame.with_columns(
            indicator=pl.lit(indicator.id),
            period_start=pl.lit(wave[0]),
            period_end=pl.lit(wave[1]),
            lower=(pl.col("value") - half).clip(0, 10),
            upper=(pl.col("value") + half).clip(0, 10),
        )
    )
