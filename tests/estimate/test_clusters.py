"""Clusters: of the newest period, of neighbourhoods with a figure, and none where there is nothing to find."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from barometer.city import City
from barometer.estimate.clusters import CLUSTERS_SCHEMA, NONE, find_clusters
from barometer.indicators import WHOLE_CITY, Indicators, load_indicators
from barometer.settings import PROJECT
from tests.estimate.wide_town import WAVE, make_widetown

SIZE = 40


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> City:
    return make_widetown(tmp_path_factory.mktemp("town"), size=SIZE, reach=2)


@pytest.fixture(scope="module")
def indicators() -> Indicators:
    return load_indicators(PROJECT / "configs")


def cells(city: City, values: list[float | None], *, indicator: str = "trust_police", later: int = 0) -> pl.DataFrame:
    """One wave of an indicator: `values` in the order of the ring."""
    areas = city.neighbourhoods["area"].sort().to_list()
    return pl.DataFrame(
        {
            "indicator": indicator,
            "geography": city.primary,
            "area": areas,
            "period_start": WAVE[0] + timedelta(days=later),
            "period_end": WAVE[1] + timedelta(days=later),
            "value": values,
        },
        schema_overrides={"value": pl.Float64},
    )


def hill(*, height: float = 3.0) -> list[float | None]:
    """Noise, but the first eight of the ring stand high together."""
    noise = np.random.default_rng(4).normal(0, 0.3, SIZE)
    return [float(noise[k] + (height if k < 8 else 0)) for k in range(SIZE)]


def test_a_hill_is_found_and_the_city_says_that_neighbours_are_alike(town: City, indicators: Indicators) -> None:
    found = find_clusters(cells(town, hill()), city=town, indicators=indicators)
    assert dict(found.schema) == CLUSTERS_SCHEMA
    whole = found.filter(pl.col("geography") == WHOLE_CITY).row(0, named=True)
    assert whole["area"] == town.id
    assert whole["moran_i"] > 0.5
    assert whole["is_significant"]
    core = found.filter(pl.col("quadrant") == "high-high")["area"].to_list()
    assert core
    assert set(core) <= {f"A{k:02}" for k in range(8)}


def test_noise_has_no_clusters(town: City, indicators: Indicators) -> None:
    found = find_clusters(cells(town, hill(height=0.0)), city=town, indicators=indicators)
    local = found.filter(pl.col("geography") == town.primary)
    assert local.height == SIZE
    assert not local["is_significant"].any()
    assert set(local["quadrant"]) == {NONE}


def test_only_the_newest_period_with_figures_counts(town: City, indicators: Indicators) -> None:
    empty = cells(town, [None] * SIZE, later=28)
    found = find_clusters(pl.concat([cells(town, hill()), empty]), city=town, indicators=indicators)
    assert found["period_end"].unique().to_list() == [WAVE[1]]


def test_a_neighbourhood_without_a_figure_has_no_row(town: City, indicators: Indicators) -> None:
    values = hill()
    values[20] = None
    found = find_clusters(cells(town, values), city=town, indicators=indicators)
    assert "A20" not in found["area"].to_list()
    assert found.filter(pl.col("geography") == town.primary).height == SIZE - 1


def test_too_few_figures_are_not_tested(town: City, indicators: Indicators) -> None:
    few = [1.0, 2.0, 3.0, *[None] * (SIZE - 3)]
    assert find_clusters(cells(town, few), city=town, indicators=indicators).is_empty()


def test_a_city_without_stated_neighbours_has_no_clusters(tmp_path: Path, indicators: Indicators) -> None:
    town = make_widetown(tmp_path, size=SIZE)
    alone = make_widetown(tmp_path, size=SIZE, adjacency=town.adjacency.clear())
    assert find_clusters(cells(alone, hill()), city=alone, indicators=indicators).is_empty()


def test_counts_of_posts_are_left_out(town: City, indicators: Indicators) -> None:
    said = cells(town, hill(), indicator="posts_trust_share")
    assert find_clusters(said, city=town, indicators=indicators).is_empty()


def test_the_same_cells_give_the_same_clusters_in_any_order(town: City, indicators: Indicators) -> None:
    laid = cells(town, hill())
    shuffled = laid.sample(fraction=1.0, shuffle=True, seed=1)
    assert date(2026, 3, 10) == WAVE[1]
    first, second = (find_clusters(frame, city=town, indicators=indicators) for frame in (laid, shuffled))
    assert first.equals(second)
