"""Whether the files of a city folder agree with each other. Every function notes all it finds and raises nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import polars as pl
import shapely

from barometer.city_files import (
    CITY_FILE,
    ICC_INDEX_FILE,
    SHEETS,
    CityDescription,
    Geography,
    IccIndex,
    Mistakes,
    Shapes,
    Thresholds,
    boundary_file,
    names,
)

# Neighbours may overlap by slivers of rounding; more than this share of the smaller one is a mistake.
OVERLAP_ALLOWED = 0.001
# Census counts are perturbed cell by cell to protect people, so areas need not add up to the city exactly.
MARGIN_DIFFERENCE_ALLOWED = 0.005
SHARES_DIFFERENCE_ALLOWED = 0.001


@dataclass(frozen=True)
class Contents:
    """What could be read of a city folder, broken or not."""

    geographies: tuple[Geography, ...]
    sheets: Mapping[str, pl.DataFrame]
    shapes: Mapping[str, Shapes]
    thresholds: Thresholds

    def areas_of(self, geography: str) -> list[str]:
        """Area codes of one geography by areas.csv."""
        areas = self.sheets["areas"]
        return areas.filter(pl.col("geography") == geography)["area"].to_list()

    @property
    def primary(self) -> str | None:
        """Id of the one primary geography, or None where there is not exactly one."""
        found = [geography.id for geography in self.geographies if geography.is_primary]
        return found[0] if len(found) == 1 else None


def check_description(description: CityDescription, folder_name: str, mistakes: Mistakes) -> None:
    """`city.yaml` by itself: its id, its geographies, its sources."""
    if description.id != folder_name:
        mistakes.add(CITY_FILE, "field id", f"is {description.id!r}", f"write {folder_name!r}, the folder's name")
    _check_geographies(description, mistakes)
    ids = [source.id for source in description.sources]
    for repeated in sorted({name for name in ids if ids.count(name) > 1}):
        mistakes.add(CITY_FILE, f"source {repeated}", "is named twice", "give every source its own id")
    for source in description.sources:
        if source.is_synthetic != description.is_synthetic:
            what = f"is_synthetic is {source.is_synthetic} but the city's is {description.is_synthetic}"
            mistakes.add(CITY_FILE, f"source {source.id}", what, "synthetic and real rows never share a city")


def _check_geographies(description: CityDescription, mistakes: Mistakes) -> None:
    if description.geography_from is not None:
        if description.geographies:
            what = "are given although geography_from borrows them"
            mistakes.add(CITY_FILE, "field geographies", what, "remove one of the two")
        return
    ids = [geography.id for geography in description.geographies]
    primary = [geography.id for geography in description.geographies if geography.is_primary]
    if len(primary) != 1:
        what = f"{len(primary)} are primary"
        mistakes.add(CITY_FILE, "field geographies", what, "mark exactly one with is_primary: true")
    for repeated in sorted({name for name in ids if ids.count(name) > 1}):
        mistakes.add(CITY_FILE, f"geography {repeated}", "is named twice", "give every geography its own id")


def check_contents(contents: Contents, mistakes: Mistakes) -> None:
    """Compare areas, boundaries and tables of one geography folder."""
    _check_areas(contents, mistakes)
    for geography in contents.geographies:
        _check_boundaries(geography.id, contents, mistakes)
    _check_adjacency(contents, mistakes)
    if contents.primary is None:
        return
    known = contents.areas_of(contents.primary)
    for name in ("population", "margins", "covariates", "aliases", "crosswalk", "codes", "postcodes"):
        _check_known(SHEETS[name].file, "area", contents.sheets[name]["area"], known, mistakes)
    _check_population(contents, mistakes)
    _check_margins(contents, mistakes)
    _check_crosswalk(contents, mistakes)


def check_icc_index(index: IccIndex, is_synthetic: bool, mistakes: Mistakes) -> None:
    """An index of invented scores may only stand in a synthetic city, and the other way round."""
    if index.is_synthetic != is_synthetic:
        what = f"is {index.is_synthetic} but the city's is {is_synthetic}"
        mistakes.add(ICC_INDEX_FILE, "field is_synthetic", what, "no score is invented for a real city")


def _check_known(file: str, column: str, values: pl.Series, known: Iterable[str], mistakes: Mistakes) -> None:
    strange = values.drop_nulls().filter(~values.drop_nulls().is_in(list(known)))
    if strange.len():
        what = f"{names(strange)} not in areas.csv"
        mistakes.add(file, f"column {column}", what, "mend the code or add the area")


def _check_areas(contents: Contents, mistakes: Mistakes) -> None:
    areas = contents.sheets["areas"]
    declared = [geography.id for geography in contents.geographies]
    strange = set(areas["geography"]) - set(declared)
    if declared and strange:
        mistakes.add("areas.csv", "column geography", f"{names(strange)} not in city.yaml", "declare it there")
    for geography in declared:
        if not contents.areas_of(geography):
            mistakes.add("areas.csv", f"geography {geography}", "has no areas", "add a row for each area")
    repeated = areas.filter(pl.struct("geography", "name").is_duplicated())["name"]
    if repeated.len():
        what = f"{names(repeated)} used for several areas"
        mistakes.add("areas.csv", "column name", what, "give every area of a geography its own name")
    inverted = areas.filter(pl.col("adults") > pl.col("population"))["area"]
    if inverted.len():
        mistakes.add("areas.csv", f"area {names(inverted)}", "has more adults than people", "mend adults or population")


def _check_boundaries(geography: str, contents: Contents, mistakes: Mistakes) -> None:
    shapes, file = contents.shapes[geography], boundary_file(geography)
    if not shapes.areas:
        return
    listed = dict(contents.sheets["areas"].filter(pl.col("geography") == geography).select("area", "name").iter_rows())
    undrawn, unlisted = set(listed) - set(shapes.areas), set(shapes.areas) - set(listed)
    if undrawn:
        mistakes.add(file, "", f"no boundary for {names(undrawn)}", "draw it or remove the area from areas.csv")
    if unlisted:
        mistakes.add(file, "", f"{names(unlisted)} not in areas.csv", "add the area there or remove the feature")
    repeated = {area for area in shapes.areas if shapes.areas.count(area) > 1}
    if repeated:
        mistakes.add(file, "", f"several features for {names(repeated)}", "make one multi-polygon of them")
    misnamed = [area for area, name in zip(shapes.areas, shapes.names, strict=True) if listed.get(area, name) != name]
    if misnamed:
        mistakes.add(file, "property name", f"differs from areas.csv for {names(misnamed)}", "use one name in both")
    for one, other, share in _overlaps(shapes):
        what = f"{one} and {other} overlap by {share:.1%} of the smaller"
        mistakes.add(file, "", what, "share one border between neighbours")


def _overlaps(shapes: Shapes) -> Iterable[tuple[str, str, float]]:
    """Pairs of areas whose overlap is more than rounding, with its share of the smaller area."""
    tree = shapely.STRtree(shapes.geometries)
    for left, right in zip(*tree.query(shapes.geometries, predicate="intersects"), strict=True):
        if left >= right or shapes.areas[left] == shapes.areas[right]:
            continue
        one, other = shapes.geometries[left], shapes.geometries[right]
        share = one.intersection(other).area / min(one.area, other.area)
        if share > OVERLAP_ALLOWED:
            yield shapes.areas[left], shapes.areas[right], share


def _check_adjacency(contents: Contents, mistakes: Mistakes) -> None:
    adjacency = contents.sheets["adjacency"]
    for geography in contents.geographies:
        rows = adjacency.filter(pl.col("geography") == geography.id)
        known = contents.areas_of(geography.id)
        _check_known("adjacency.csv", f"area, geography {geography.id}", rows["area"], known, mistakes)
        _check_known("adjacency.csv", f"neighbour, geography {geography.id}", rows["neighbour"], known, mistakes)
    strange = set(adjacency["geography"]) - {geography.id for geography in contents.geographies}
    if contents.geographies and strange:
        mistakes.add("adjacency.csv", "column geography", f"{names(strange)} not in city.yaml", "mend it")
    _check_pairs(set(adjacency.select("geography", "area", "neighbour").iter_rows()), mistakes)


def _check_pairs(pairs: set[tuple[str, str, str]], mistakes: Mistakes) -> None:
    own = [area for _, area, neighbour in pairs if area == neighbour]
    if own:
        mistakes.add("adjacency.csv", f"area {names(own)}", "is its own neighbour", "remove the row")
    single = [f"{area} → {other}" for geography, area, other in pairs if (geography, other, area) not in pairs]
    if single:
        mistakes.add("adjacency.csv", names(single), "is only given one way", "add the row of the other way")


def _check_population(contents: Contents, mistakes: Mistakes) -> None:
    population = contents.sheets["population"]
    if population.is_empty():
        return
    bands = sorted(set(population["age_band"]), key=_first_age)
    _check_bands(bands, contents.thresholds.adult_age_years, mistakes)
    incomplete = population.group_by("area").len().filter(pl.col("len") != len(bands))["area"].to_list()
    absent = set(contents.areas_of(contents.primary or "")) - set(population["area"])
    if incomplete or absent:
        what = f"{names([*incomplete, *absent])} lack some age bands"
        mistakes.add("population.csv", "", what, f"give every area all of {', '.join(bands)}")
        return
    _check_totals(population, contents, mistakes)


def _first_age(band: str) -> int:
    return int(band.rstrip("+").split("-")[0])


def _check_bands(bands: list[str], adult_age_years: int, mistakes: Mistakes) -> None:
    """Bands must follow each other without gap or overlap from 0 to an open end, with a border at the adult age."""
    edges = [0, *(int(band.split("-")[1]) + 1 for band in bands if "-" in band)]
    starts = [_first_age(band) for band in bands]
    rising = all(lower < upper for lower, upper in pairwise(edges))
    if edges != starts or not bands[-1].endswith("+") or not rising:
        what = f"bands {', '.join(bands)} leave a gap or overlap"
        mistakes.add("population.csv", "column age_band", what, "start at 0, follow on, end with e.g. 75+")
    elif adult_age_years not in starts:
        what = f"no band starts at {adult_age_years}, the adult age in thresholds.yaml"
        mistakes.add("population.csv", "column age_band", what, "split the band or change adult_age_years")


def _check_totals(population: pl.DataFrame, contents: Contents, mistakes: Mistakes) -> None:
    """areas.csv says the same as the age bands: everybody, and those of adult age."""
    is_adult = pl.col("age_band").map_elements(_first_age, pl.Int64) >= contents.thresholds.adult_age_years
    totals = population.group_by("area").agg(
        pl.col("persons").sum(), pl.col("persons").filter(is_adult).sum().alias("of_adult_age")
    )
    areas = contents.sheets["areas"].filter(pl.col("geography") == contents.primary).join(totals, on="area")
    for column, total in (("population", "persons"), ("adults", "of_adult_age")):
        wrong = areas.filter(pl.col(column).is_null() | (pl.col(column) != pl.col(total)))["area"]
        if wrong.len():
            what = f"is not the sum of population.csv for {names(wrong)}"
            mistakes.add("areas.csv", f"column {column}", what, "mend one of the two files")


def _check_margins(contents: Contents, mistakes: Mistakes) -> None:
    """A margin covers the whole city; where it has areas, it has all of them, adding up to the city."""
    expected = len(contents.areas_of(contents.primary or ""))
    for (margin, category), rows in contents.sheets["margins"].group_by("margin", "category", maintain_order=True):
        place = f"margin {margin}, category {category}"
        whole, parts = rows.filter(pl.col("area").is_null()), rows.filter(pl.col("area").is_not_null())
        if whole.is_empty():
            mistakes.add("margins.csv", place, "has no row for the whole city", "add one with an empty area")
        elif parts.height not in (0, expected):
            mistakes.add("margins.csv", place, f"has {parts.height} of {expected} areas", "give all of them or none")
        elif parts.height:
            _check_sum(place, int(whole["persons"][0]), int(parts["persons"].sum()), mistakes)


def _check_sum(place: str, whole: int, parts: int, mistakes: Mistakes) -> None:
    if abs(whole - parts) > max(5.0, MARGIN_DIFFERENCE_ALLOWED * whole):
        what = f"areas add up to {parts}, the whole city is {whole}"
        mistakes.add("margins.csv", place, what, "mend the counts")


def _check_crosswalk(contents: Contents, mistakes: Mistakes) -> None:
    crosswalk = contents.sheets["crosswalk"]
    others = [geography.id for geography in contents.geographies if not geography.is_primary]
    strange = set(crosswalk["geography"]) - set(others)
    if strange:
        mistakes.add("crosswalk.csv", "column geography", f"{names(strange)} is no second geography", "mend it")
    for geography in others:
        rows = crosswalk.filter(pl.col("geography") == geography)
        known = contents.areas_of(geography)
        _check_known("crosswalk.csv", f"other_area, geography {geography}", rows["other_area"], known, mistakes)
        sums = dict(rows.group_by("area").agg(pl.col("share").sum()).iter_rows())
        wrong = [
            area
            for area in contents.areas_of(contents.primary or "")
            if abs(sums.get(area, 0.0) - 1) > SHARES_DIFFERENCE_ALLOWED
        ]
        if wrong:
            what = f"shares of {names(wrong)} do not add up to 1"
            mistakes.add("crosswalk.csv", f"geography {geography}", what, "give every area shares that sum to 1")
