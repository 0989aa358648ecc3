"""Make Stockholm's data files: `python configs/cities/stockholm/build.py <folder of places>`.

Reads `geo_stockholm/` below the given folder and writes areas, boundaries and adjacency beside this script; the
other files are written by hand.
"""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import polars as pl
import shapely

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.dont_write_bytecode = True

from building import Area, in_degrees, in_metres, neighbours, read_areas, simplified, write_boundaries, write_csv  # noqa: E402

GEOGRAPHY = "stadsdel"
# The published districts overlap by up to 1.5 square metres and leave gaps narrower than this.
GAP_WIDTH_M = 1.0
ABBREVIATED = {"ULVSUNDA INDUSTRIOMR": "Ulvsunda industriområde"}


def slug(name: str) -> str:
    """`SÖDRA ÄNGBY` -> `sodra_angby`: the data give no official codes."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return plain.lower().replace(" ", "_")


def districts(places: Path) -> list[Area]:
    """The districts with the water that belongs to them, borders made to fit where they miss by centimetres."""
    path = places / "geo_stockholm" / "geojson" / "fullsize" / "stadsdelar.geo.json"
    drawn = read_areas(path, "name", "name")
    originals = [area.geometry for area in drawn]
    fitted = in_degrees(shapely.coverage_clean(in_metres(originals), gap_width=GAP_WIDTH_M), like=originals)
    named = [
        Area(slug(area.name), ABBREVIATED.get(area.name, area.name.title()), geometry)
        for area, geometry in zip(drawn, fitted, strict=True)
    ]
    return sorted(named, key=lambda area: area.code)


def area_rows(areas: list[Area]) -> pl.DataFrame:
    """Rows of areas.csv; the data have no population, so it stays empty: not known is not zero."""
    columns = {"area": [area.code for area in areas], "name": [area.name for area in areas]}
    unknown = pl.lit(None, pl.Int64)
    return pl.DataFrame(columns).select(
        pl.lit(GEOGRAPHY).alias("geography"), "area", "name", unknown.alias("population"), unknown.alias("adults")
    )


def main(places: Path, target: Path) -> None:
    """Read the published file below `places` and write the folder's data files into `target`."""
    areas = districts(places)
    write_boundaries(target, GEOGRAPHY, simplified(areas, tolerance_m=25.0))
    write_csv(target, "areas", [area_rows(areas)])
    write_csv(target, "adjacency", [neighbours(areas, GEOGRAPHY)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent)
