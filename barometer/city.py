"""A city: its neighbourhoods, sources, languages, margins, thresholds; loaded from `configs/cities/<id>/` and checked.

Adding a city is adding a folder (`configs/cities/README.md`); a broken folder is refused with every mistake
listed at once. Needed: `city.yaml`, `areas.csv`, `adjacency.csv`, `boundaries/<geography>.geojson`, `SOURCES.md`.
Optional, and then an empty frame: population, margins, covariates, aliases, codes, postcodes (`City.need` raises in
plain words where a step cannot go without). `geography_from` borrows all of these from another city's folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import shapely

from barometer.city_checks import Contents, check_contents, check_description, check_icc_index
from barometer.city_files import (
    CITY_FILE,
    ICC_INDEX_FILE,
    SHEETS,
    SOURCES_FILE,
    THRESHOLDS_FILE,
    CityDescription,
    Geography,
    IccIndex,
    IccIndicator,
    IccScore,
    Mistakes,
    Shapes,
    SourceConfig,
    Thresholds,
    read_boundaries,
    read_sheet,
    read_yaml,
)
from barometer.errors import BadConfiguration

CODEBOOKS = "codebooks"

__all__ = [
    "City",
    "Geography",
    "IccIndex",
    "IccIndicator",
    "IccScore",
    "SourceConfig",
    "Thresholds",
    "city_ids",
    "load_city",
    "read_icc_index",
]


@dataclass(frozen=True, eq=False)
class City:
    """One tenant. Columns of the frames (types in `city_files.SHEETS`); `area` is a neighbourhood but in the first two:

    - areas: geography, area, name, population, adults (persons; null where not known)
    - adjacency: geography, area, neighbour; both ways
    - population: area, age_band, persons
    - margins: margin, category, area (null = whole city), persons (a count of `unit`), unit (persons or households),
      base (who is counted)
    - covariates: area, covariate, value, unit, year
    - aliases: alias, area, kind; an alias of several areas has a row for each
    - crosswalk: area, geography, other_area, share (0-1) of the area's population that lives in other_area
    - codes: code, area · postcodes: postcode_prefix, area
    """

    id: str
    name: str
    country: str
    timezone: str
    is_synthetic: bool
    languages: tuple[str, ...]
    folder: Path
    geographies: tuple[Geography, ...]
    attribution: tuple[str, ...]
    sources: tuple[SourceConfig, ...]
    thresholds: Thresholds
    icc_index: Path | None
    areas: pl.DataFrame
    adjacency: pl.DataFrame
    population: pl.DataFrame
    margins: pl.DataFrame
    covariates: pl.DataFrame
    aliases: pl.DataFrame
    crosswalk: pl.DataFrame
    codes: pl.DataFrame
    postcodes: pl.DataFrame
    shapes: Mapping[str, Shapes]
    # Languages of the published pages, the first one at the root of a release.
    site_languages: tuple[str, ...] = ("en",)
    contact: str = ""
    """Whom a service may write to: an e-mail or a URL."""

    @cached_property
    def primary(self) -> str:
        """Id of the geography whose areas are the neighbourhoods."""
        return next(geography.id for geography in self.geographies if geography.is_primary)

    @cached_property
    def neighbourhoods(self) -> pl.DataFrame:
        """Rows of `areas` of the primary geography."""
        return self.areas.filter(pl.col("geography") == self.primary)

    def boundaries(self, geography: str | None = None) -> dict[str, Any]:
        """GeoJSON FeatureCollection (WGS84, properties `area` and `name`) of a geography (default: primary)."""
        return self._shapes(geography).collection

    def need(self, table: str) -> pl.DataFrame:
        """The frame `table` (e.g. `margins`), or `BadConfiguration` that says which file to add when it is empty."""
        frame: pl.DataFrame = getattr(self, table)
        if frame.is_empty():
            columns = ", ".join(SHEETS[table].schema)
            raise BadConfiguration(f"city {self.id} has no {table}: add {SHEETS[table].file} with {columns}")
        return frame

    def locate(
        self,
        longitudes: Sequence[float | None] | npt.NDArray[np.float64],
        latitudes: Sequence[float | None] | npt.NDArray[np.float64],
        geography: str | None = None,
    ) -> list[str | None]:
        """Area code of each point (degrees, WGS84); None outside the city, for NaN, and out of range.

        A point on a border belongs to the first of its areas in the boundary file, so it is placed the same every time.
        Raises `ValueError` when the two are of different length.
        """
        x, y = np.asarray(longitudes, dtype=np.float64), np.asarray(latitudes, dtype=np.float64)
        if x.shape != y.shape:
            raise ValueError(f"{x.size} longitudes but {y.size} latitudes")
        shapes = self._shapes(geography)
        placed = np.full(x.size, len(shapes.areas), dtype=np.int64)
        usable = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        point, polygon = self._trees[geography or self.primary].query(
            shapely.points(x[usable], y[usable]), predicate="intersects"
        )
        np.minimum.at(placed, usable[point], polygon)
        return [*map((*shapes.areas, None).__getitem__, placed.tolist())]

    def place_code(self, codes: Iterable[str | None]) -> list[str | None]:
        """Primary area of each official code (any letter case); None where unknown or in several areas."""
        return [None if code is None else self._area_of_code.get(code.strip().upper()) for code in codes]

    def place_postcode(self, postcodes: Iterable[str | None]) -> list[str | None]:
        """Primary area of each postcode by the longest prefix in `postcodes`; None where no prefix is known."""
        return [None if postcode is None else self._by_prefix(postcode) for postcode in postcodes]

    def _by_prefix(self, postcode: str) -> str | None:
        plain = "".join(postcode.split()).upper()
        candidates = (plain[:length] for length in range(len(plain), 0, -1))
        return next((self._area_of_prefix[c] for c in candidates if c in self._area_of_prefix), None)

    def _shapes(self, geography: str | None) -> Shapes:
        wanted = geography or self.primary
        if wanted not in self.shapes:
            raise BadConfiguration(f"city {self.id} has no geography {wanted}: it has {', '.join(self.shapes)}")
        return self.shapes[wanted]

    @cached_property
    def _trees(self) -> dict[str, shapely.STRtree]:
        return {geography: shapely.STRtree(shapes.geometries) for geography, shapes in self.shapes.items()}

    @cached_property
    def _area_of_code(self) -> dict[str, str]:
        own = {area.upper(): area for area in self.neighbourhoods["area"]}
        return own | {code.upper(): area for code, area in self.codes.iter_rows()}

    @cached_property
    def _area_of_prefix(self) -> dict[str, str]:
        return dict(self.postcodes.iter_rows())


def city_ids(configs: Path) -> list[str]:
    """Ids of the cities configured below `configs`, sorted: the folders of `cities/` that hold a `city.yaml`."""
    return sorted(path.parent.name for path in (configs / "cities").glob(f"*/{CITY_FILE}"))


def load_city(city_id: str, configs: Path) -> City:
    """Load and check `<configs>/cities/<city_id>/`.

    Raises `BadConfiguration` that lists every mistake of the folder at once, one a line: file, place, what is wrong and
    what to do.
    """
    folder = configs / "cities" / city_id
    if city_id not in city_ids(configs):
        known = ", ".join(city_ids(configs)) or "none"
        raise BadConfiguration(f"no city {city_id!r}: {folder} has no {CITY_FILE}; cities there are: {known}")
    mistakes = Mistakes()
    description = read_yaml(folder / CITY_FILE, CityDescription, mistakes)
    lender = _lender(description, folder, mistakes)
    contents = _read_contents(folder, lender, description, mistakes)
    _check_own(folder, description, mistakes)
    if mistakes or description is None:
        raise BadConfiguration(_refusal(folder, mistakes))
    return _city(folder, lender, description, contents)


def read_icc_index(city: City) -> IccIndex | None:
    """The city's own entries of the ICC Index; None when it has not provided the file."""
    if city.icc_index is None:
        return None
    mistakes = Mistakes()
    index = read_yaml(city.icc_index, IccIndex, mistakes)
    if index is None:
        raise BadConfiguration(_refusal(city.folder, mistakes))
    return index


def _refusal(folder: Path, mistakes: Mistakes) -> str:
    plural = "mistake" if len(mistakes) == 1 else "mistakes"
    return "\n".join([f"city folder {folder.name} has {len(mistakes)} {plural}:", *(f"- {line}" for line in mistakes)])


def _read_thresholds(folder: Path, mistakes: Mistakes) -> Thresholds:
    path = folder / THRESHOLDS_FILE
    return (read_yaml(path, Thresholds, mistakes) if path.is_file() else None) or Thresholds()


def _lender(description: CityDescription | None, folder: Path, mistakes: Mistakes) -> Path | None:
    """Folder the geography is borrowed from, or None when the city has its own."""
    if description is None or description.geography_from is None:
        return None
    lender = folder.parent / description.geography_from
    borrowed = _described(lender)
    if lender == folder or borrowed is None or borrowed.geography_from is not None:
        what = f"{description.geography_from!r} is no other city with a sound city.yaml and a geography of its own"
        mistakes.add(CITY_FILE, "field geography_from", what, "name a city that has its own")
        return None
    for name in (*(sheet.file for sheet in SHEETS.values()), "boundaries"):
        if (folder / name).exists():
            what = f"is here although geography_from borrows it from {lender.name}"
            mistakes.add(name, "", what, "remove one of the two")
    return lender


def _described(folder: Path) -> CityDescription | None:
    return read_yaml(folder / CITY_FILE, CityDescription, Mistakes())


def _read_contents(
    folder: Path, lender: Path | None, description: CityDescription | None, mistakes: Mistakes
) -> Contents:
    """Read the geography's files, its own or the lender's, and compare them as far as they could be read."""
    thresholds = _read_thresholds(folder, mistakes)
    found = Mistakes()
    contents = _contents(lender or folder, _described(lender) if lender else description, thresholds, found)
    mistakes.extend(f"{lender.name}/{line}" if lender else line for line in found)
    return contents


def _contents(
    folder: Path, description: CityDescription | None, thresholds: Thresholds, mistakes: Mistakes
) -> Contents:
    geographies = description.geographies if description else ()
    contents = Contents(
        geographies=geographies,
        sheets={name: read_sheet(folder, name, mistakes) for name in SHEETS},
        shapes={geography.id: read_boundaries(folder, geography.id, mistakes) for geography in geographies},
        thresholds=thresholds,
    )
    check_contents(contents, mistakes)
    return contents


def _check_own(folder: Path, description: CityDescription | None, mistakes: Mistakes) -> None:
    """What a folder never borrows: its description, its statement of sources, its entries of the ICC Index."""
    if not (folder / SOURCES_FILE).is_file():
        mistakes.add(SOURCES_FILE, "", "is missing", "say where each file comes from and under which licence")
    if description is None:
        return
    check_description(description, folder.name, mistakes)
    _check_codebooks(folder.parent.parent / CODEBOOKS, description, mistakes)
    for attribution in description.attribution:
        for file in attribution.files:
            if not (folder / file).exists():
                mistakes.add(CITY_FILE, "field attribution", f"names {file}, which is not here", "mend the name")
    if (folder / ICC_INDEX_FILE).is_file():
        index = read_yaml(folder / ICC_INDEX_FILE, IccIndex, mistakes)
        if index is not None:
            check_icc_index(index, description.is_synthetic, mistakes)


def _check_codebooks(codebooks: Path, description: CityDescription, mistakes: Mistakes) -> None:
    for source in description.sources:
        codebook = source.options.get("codebook")
        if codebook is not None and not (codebooks / str(codebook)).is_file():
            what = f"names the codebook {codebook}, which is not in configs/{CODEBOOKS}"
            mistakes.add(CITY_FILE, f"source {source.id}", what, "write it or mend the name")


def _city(folder: Path, lender: Path | None, description: CityDescription, contents: Contents) -> City:
    borrowed = _described(lender) if lender else None
    attributions = (*description.attribution, *(borrowed.attribution if borrowed else ()))
    icc_index, sheets = folder / ICC_INDEX_FILE, contents.sheets
    return City(
        id=description.id,
        name=description.name,
        country=description.country,
        timezone=description.timezone,
        is_synthetic=description.is_synthetic,
        languages=description.languages,
        folder=folder,
        geographies=contents.geographies,
        attribution=tuple(dict.fromkeys(attribution.line for attribution in attributions)),
        sources=description.sources,
        thresholds=contents.thresholds,
        icc_index=icc_index if icc_index.is_file() else None,
        areas=sheets["areas"],
        adjacency=sheets["adjacency"],
        population=sheets["population"],
        margins=sheets["margins"],
        covariates=sheets["covariates"],
        aliases=_with_names(contents),
        crosswalk=sheets["crosswalk"],
        codes=sheets["codes"],
        postcodes=sheets["postcodes"],
        shapes=contents.shapes,
        site_languages=description.site_languages,
        contact=description.contact,
    )


def _with_names(contents: Contents) -> pl.DataFrame:
    """Aliases of the folder, and every neighbourhood's own name, so that a full name is always found."""
    areas = contents.sheets["areas"].filter(pl.col("geography") == contents.primary)
    own = areas.select(pl.col("name").alias("alias"), "area", pl.lit("name").alias("kind"))
    return pl.concat([own, contents.sheets["aliases"]]).unique(["alias", "area"], keep="first", maintain_order=True)
