"""What a simulation begins from: the written posts of the city's folder and where each neighbourhood's trust begins."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from barometer.city import City
from barometer.errors import BadConfiguration
from barometer.tables import LABEL_HEADS

WRITTEN_POSTS = "written_posts.jsonl"
WRITTEN_PLACES = "written_places.csv"
TRUTH_LEVELS = "truth_levels.csv"
_SCHEMA: dict[str, pl.DataType] = {
    "text": pl.String(),
    "day": pl.Int64(),
    "platform": pl.String(),
    "lang": pl.String(),
    "place": pl.String(),
    "place_in_text": pl.Boolean(),
    "trust": pl.String(),
    "target": pl.String(),
    "rumour": pl.String(),
    "hostile": pl.String(),
    "story": pl.String(),
}


def require_synthetic(city: City) -> None:
    """Raises `BadConfiguration` unless the city is marked synthetic: no real city's tables hold anything invented."""
    if not city.is_synthetic:
        raise BadConfiguration(f"city {city.id} is real: only a city with is_synthetic: true can be simulated")


def written_posts(city: City) -> pl.DataFrame:
    """The posts written for the city, with the area each is of (`area`, null where it is of none).

    Raises `BadConfiguration` when the file is missing, or names a place or label that does not exist.
    """
    posts = pl.read_ndjson(_required(city, WRITTEN_POSTS), schema=_SCHEMA)
    placed = posts.with_columns(_area(city).alias("area"))
    unknown = placed.filter(pl.col("place").is_not_null() & pl.col("area").is_null())["place"].unique().sort().to_list()
    if unknown:
        raise BadConfiguration(f"{WRITTEN_POSTS}: no neighbourhood of {city.id} is called {', '.join(unknown)}")
    for head, classes in LABEL_HEADS.items():
        if set(placed[head]) - set(classes):
            raise BadConfiguration(f"{WRITTEN_POSTS}: {head} must be one of {', '.join(classes)}")
    return placed


def truth_levels(city: City, areas: list[str]) -> list[float]:
    """Share of residents who trust most people at the beginning, for each of `areas`.

    Raises `BadConfiguration` when an area has none, or one that is no share.
    """
    schema = {"area": pl.String(), "social_trust_share": pl.Float64()}
    levels = pl.read_csv(_required(city, TRUTH_LEVELS), comment_prefix="#", schema_overrides=schema)
    known = dict(levels.select("area", "social_trust_share").iter_rows())
    wrong = [area for area in areas if not 0 < (known.get(area) or 0) < 1]
    if wrong:
        raise BadConfiguration(f"{TRUTH_LEVELS}: no share between 0 and 1 for {', '.join(wrong)}; add them")
    return [known[area] for area in areas]


def _area(city: City) -> pl.Expr:
    """Area of a post's place: by its name, else by `written_places.csv`, which divides places that were split since."""
    named = dict(city.neighbourhoods.select("name", "area").iter_rows())
    found = pl.col("place").replace_strict(named, default=None, return_dtype=pl.String)
    for place, word, area in _divided(city):
        held = pl.col("text").str.to_lowercase().str.contains(word, literal=True)
        found = pl.coalesce(found, pl.when((pl.col("place") == place) & held).then(pl.lit(area)))
    return found


def _divided(city: City) -> list[tuple[str, str, str]]:
    path = city.folder / WRITTEN_PLACES
    if not path.is_file():
        return []
    rows = pl.read_csv(path, comment_prefix="#", infer_schema=False)
    return [(row["place"], row["word"] or "", row["area"]) for row in rows.iter_rows(named=True)]


def _required(city: City, name: str) -> Path:
    path = city.folder / name
    if not path.is_file():
        raise BadConfiguration(f"city {city.id}: {name} is missing in {city.folder}; a simulation begins from it")
    return path
