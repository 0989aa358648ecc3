"""Testville: an invented city of four square neighbourhoods in two wards, for tests that need a city and no more."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from shapely.geometry import shape

from barometer.city import City, Geography, SourceConfig, Thresholds
from barometer.city_files import Shapes
from barometer.lake import Lake
from barometer.night import Night
from barometer.settings import Settings

AREAS = ("T1", "T2", "T3", "T4")
NAMES = ("Northgate", "Eastfield", "Southbank", "Westwood")
SQUARE_DEGREES = 0.1


def square(index: int) -> dict[str, Any]:
    """GeoJSON of the square neighbourhood number `index`, from west to east along latitude 53."""
    west, south = -2.0 + index * SQUARE_DEGREES, 53.0
    east, north = west + SQUARE_DEGREES, south + SQUARE_DEGREES
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "properties": {"area": AREAS[index], "name": NAMES[index]},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def _shapes() -> Shapes:
    features = [square(i) for i in range(len(AREAS))]
    geometries = tuple(shape(feature["geometry"]) for feature in features)
    return Shapes({"type": "FeatureCollection", "features": features}, AREAS, NAMES, geometries)


def a_source(**values: Any) -> SourceConfig:
    """A synthetic source of posts, with what the test changes."""
    plain = {"id": "posts", "signal": "posts", "format": "jsonl", "path": "posts/*.jsonl", "is_synthetic": True}
    return SourceConfig.model_validate(plain | values)


def make_testville(folder: Path, *sources: SourceConfig, **changes: Any) -> City:
    """The invented city; `changes` replace any of its parts."""
    parts: dict[str, Any] = {
        "id": "testville",
        "name": "Testville",
        "country": "GB",
        "timezone": "Europe/London",
        "is_synthetic": True,
        "languages": ("en", "pl", "ur"),
        "folder": folder,
        "geographies": (Geography(id="hood", name="Neighbourhoods", is_primary=True),),
        "sources": sources or (a_source(),),
        "thresholds": Thresholds(),
        "attribution": ("Testville is invented.",),
        "shapes": {"hood": _shapes()},
        "icc_index": None,
    }
    return City(**(parts | _sheets() | changes))


def _sheets() -> dict[str, pl.DataFrame]:
    """What a city's folder holds as tables."""
    size = len(AREAS)
    pairs = [(AREAS[i], AREAS[j]) for i in range(size) for j in range(size) if abs(i - j) == 1]
    areas = {"area": AREAS, "name": NAMES, "population": [1250] * size, "adults": [1000] * size}
    covariates = {"area": AREAS, "covariate": ["imd"] * size, "value": [10.0, 20.0, 30.0, 40.0]}
    tenure = {"margin": ["tenure"] * 2, "category": ["own", "rent"], "area": [None, None], "persons": [2400, 1600]}
    crosswalk = {"area": pl.String, "geography": pl.String, "other_area": pl.String, "share": pl.Float64}
    return {
        "areas": pl.DataFrame({"geography": ["hood"] * size} | areas),
        "adjacency": pl.DataFrame(
            {"geography": ["hood"] * len(pairs), "area": [a for a, _ in pairs], "neighbour": [b for _, b in pairs]}
        ),
        "population": pl.DataFrame({"area": AREAS, "age_band": ["16+"] * size, "persons": [1000] * size}),
        "margins": pl.DataFrame(
            tenure | {"unit": ["persons"] * 2, "base": ["adults"] * 2}, schema_overrides={"area": pl.String}
        ),
        "covariates": pl.DataFrame(covariates | {"unit": ["score"] * size, "year": [2025] * size}),
        "aliases": pl.DataFrame(
            {"alias": ["the Bank", "Wood End"], "area": ["T3", "T4"], "kind": ["nickname", "locality"]}
        ),
        "crosswalk": pl.DataFrame(schema=crosswalk),
        "codes": pl.DataFrame({"code": ["L1", "L2"], "area": ["T1", "T2"]}),
        "postcodes": pl.DataFrame({"postcode_prefix": ["TV1", "TV2 2"], "area": ["T1", "T2"]}),
    }


def a_night(tmp_path: Path, day: date = date(2026, 5, 9), *sources: SourceConfig, **changes: Any) -> Night:
    """A night of Testville with an empty lake below `tmp_path`."""
    settings = Settings(home=tmp_path / "home")
    city = make_testville(tmp_path / "city", *sources, **changes)
    return Night(city=city, lake=Lake(root=settings.lake, city=city.id), settings=settings, night=day)
