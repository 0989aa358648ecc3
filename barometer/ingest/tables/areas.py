"""Names, codes and coordinates of a file -> neighbourhoods of the city."""

from __future__ import annotations

import polars as pl

from barometer.city import City
from barometer.ingest.tables.sift import Fault

AREA = "_area"
"""Column that holds the code of the neighbourhood a row is placed in, null where it is unplaced."""
_ADVICE = "write the neighbourhood's name or an official code as in the city's configuration, or leave it empty"
_LARGEST_LONGITUDE, _LARGEST_LATITUDE = 180.0, 90.0


def with_area_of_text(frame: pl.DataFrame, column: str, city: City) -> pl.DataFrame:
    """Add `AREA`: the neighbourhood whose name or official code the column states, null where none."""
    stated = frame[column].drop_nulls().unique(maintain_order=True).to_list()
    codes = dict(zip(stated, city.place_code(stated), strict=True))
    names = {_plain(name): area for name, area in city.neighbourhoods.select("name", "area").iter_rows()}
    found = {text: names.get(_plain(text)) or codes[text] for text in stated}
    area = pl.col(column).replace_strict(found, default=None, return_dtype=pl.String)
    return frame.with_columns(area.alias(AREA))


def unknown_area(column: str) -> Fault:
    """The rule that an area that is stated is one of the city's."""
    stated = pl.col(column).is_not_null()
    return Fault("unknown_area", column, stated & pl.col(AREA).is_null(), f"no such neighbourhood; {_ADVICE}")


def with_area_of_point(frame: pl.DataFrame, longitude: pl.Expr, latitude: pl.Expr, city: City) -> pl.DataFrame:
    """Add `AREA`: the neighbourhood a point (degrees, WGS84) lies in; null outside the city and without a point."""
    points = frame.select(longitude.alias("x"), latitude.alias("y"))
    distinct = points.unique(maintain_order=True).filter(_is_on_earth(pl.col("x"), pl.col("y")))
    places = pl.Series(AREA, city.locate(distinct["x"].to_list(), distinct["y"].to_list()), dtype=pl.String)
    placed = points.join(distinct.with_columns(places), on=["x", "y"], how="left", maintain_order="left")
    return frame.with_columns(placed[AREA])


def impossible_point(longitude: str, latitude: str, *, field: str, is_stated: pl.Expr) -> Fault:
    """The rule that coordinates that are stated are degrees of a place on earth."""
    reason = "not a longitude and latitude in degrees; mend the coordinates or leave them empty"
    wrong = ~_is_on_earth(pl.col(longitude), pl.col(latitude)).fill_null(value=False)
    return Fault("impossible_coordinates", field, is_stated & wrong, reason)


def _is_on_earth(longitude: pl.Expr, latitude: pl.Expr) -> pl.Expr:
    return (
        longitude.is_finite()
        & latitude.is_finite()
        & (longitude.abs() <= _LARGEST_LONGITUDE)
        & (latitude.abs() <= _LARGEST_LATITUDE)
    )


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
