"""Bradford's folder: whole by itself, true to the published files it was made from, and made again the same."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import shapely
from shapely.geometry import shape

from barometer.city import City, read_icc_index
from barometer.city_files import ICC_INDICES
from barometer.settings import PROJECT

BUILT = ("areas", "adjacency", "population", "margins", "covariates", "crosswalk", "codes")
SPLIT = {
    "E02002186": {"E02006945": "Steeton, Eastburn & Silsden Moor", "E02006946": "Silsden Town"},
    "E02002221": {"E02006947": "Little Germany & Barkerend West", "E02006948": "Central Bradford & Goitside"},
}
NEW = {code: name for parts in SPLIT.values() for code, name in parts.items()}
LARGEST_BOUNDARY_BYTES = 150_000


def rows(path: Path) -> list[dict[str, str]]:
    """A published table as the csv module reads it, apart from the builder's way."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def drawn(path: Path, code: str) -> dict[str, shapely.Geometry]:
    features = json.loads(path.read_text("utf-8"))["features"]
    return {feature["properties"][code]: shape(feature["geometry"]) for feature in features}


@pytest.fixture(scope="module")
def places(shared_data: Path) -> Path:
    return shared_data / "places"


@pytest.fixture(scope="module")
def published(places: Path) -> Path:
    return places / "bradford"


# --- the folder by itself -------------------------------------------------------------------------------------------


def test_there_are_63_neighbourhoods_and_30_wards(bradford: City) -> None:
    assert bradford.primary == "msoa21"
    assert Counter(bradford.areas["geography"]) == {"msoa21": 63, "ward24": 30}
    assert not bradford.is_synthetic


def test_the_four_split_neighbourhoods_have_names_of_their_own(bradford: City) -> None:
    names = dict(bradford.neighbourhoods.select("area", "name").iter_rows())
    assert {code: names[code] for code in NEW} == NEW
    assert len(set(names.values())) == 63


def test_the_choice_of_the_four_names_is_documented(bradford: City) -> None:
    text = (bradford.folder / "SOURCES.md").read_text("utf-8")
    assert all(f"| {code}, " in text and f"| {name} |" in text for code, name in NEW.items())


def test_every_data_file_states_its_source_and_licence(bradford: City) -> None:
    text = (bradford.folder / "SOURCES.md").read_text("utf-8")
    files = [*bradford.folder.glob("*.csv"), *bradford.folder.glob("boundaries/*"), *bradford.folder.glob("*.yaml")]
    unstated = [file.name for file in files if f"{file.name}`" not in text]
    assert files
    assert unstated == []


def test_the_release_page_is_told_whom_to_name(bradford: City) -> None:
    text = " ".join(bradford.attribution)
    for owed in (
        "Office for National Statistics",
        "OGL v3.0",
        "Crown copyright and database right",
        "House of Commons",
    ):
        assert owed in text


@pytest.mark.parametrize(("geography", "areas"), [("msoa21", 63), ("ward24", 30)])
def test_boundaries_are_small_valid_and_without_gaps_or_overlaps(bradford: City, geography: str, areas: int) -> None:
    file = bradford.folder / "boundaries" / f"{geography}.geojson"
    shapes = [shape(feature["geometry"]) for feature in bradford.boundaries(geography)["features"]]
    assert file.stat().st_size < LARGEST_BOUNDARY_BYTES
    assert len(shapes) == areas
    assert all(geometry.is_valid for geometry in shapes)
    assert shapely.coverage_is_valid(shapes)
    assert shapely.union_all(shapes).geom_type == "Polygon"
    assert len(shapely.union_all(shapes).interiors) == 0


@pytest.mark.parametrize("geography", ["msoa21", "ward24"])
def test_neighbours_are_mutual_and_the_city_hangs_together(bradford: City, geography: str) -> None:
    mine = bradford.adjacency.filter(pl.col("geography") == geography)
    around: dict[str, set[str]] = defaultdict(set)
    for area, neighbour in mine.select("area", "neighbour").iter_rows():
        around[area].add(neighbour)
    assert all(area in around[neighbour] for area in around for neighbour in around[area])
    assert all(area not in neighbours for area, neighbours in around.items())
    areas = set(bradford.areas.filter(pl.col("geography") == geography)["area"])
    assert reached(next(iter(areas)), around) == areas


def reached(start: str, around: dict[str, set[str]]) -> set[str]:
    seen, waiting = {start}, [start]
    while waiting:
        new = around[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


def test_people_add_up_in_every_geography(bradford: City) -> None:
    sums = bradford.areas.group_by("geography").agg(pl.col("population", "adults").sum()).sort("geography")
    assert sums["population"].to_list() == [bradford.population["persons"].sum()] * 2
    grown = bradford.population.filter(pl.col("age_band") != "0-15")["persons"].sum()
    assert sums["adults"].to_list() == [grown] * 2


def test_margins_are_those_a_survey_can_be_raked_to(bradford: City) -> None:
    found = bradford.margins.group_by("margin").agg(pl.col("category").unique().sort(), pl.col("unit").unique())
    categories = {margin: set(names) for margin, names, _ in found.iter_rows()}
    units = {margin: unit for margin, _, [unit] in found.iter_rows()}
    assert categories == {
        "age_band": {"16-24", "25-34", "35-44", "45-54", "55-64", "65-74", "75+"},
        "tenure": {"owned_outright", "owned_mortgage", "social_rented", "private_rented"},
        "ethnic_group": {"asian", "black", "mixed", "white", "other"},
        "english_proficiency": {"main_language", "very_well_or_well", "not_well_or_not_at_all"},
        "disability": {"disabled", "not_disabled"},
    }
    assert units == {name: "households" if name == "tenure" else "persons" for name in categories}


def test_every_margin_covers_the_city_and_each_neighbourhood(bradford: City) -> None:
    counted = bradford.margins.group_by("margin", "category").agg(
        pl.col("area").null_count().alias("whole"), pl.col("area").drop_nulls().n_unique().alias("areas")
    )
    assert set(counted["whole"]) == {1}
    assert set(counted["areas"]) == {63}


def test_the_surveys_groups_are_categories_of_the_margins(bradford: City) -> None:
    """The residents' pulse codebook must speak the margins' language, or its answers cannot be weighted."""
    import yaml

    codebook = yaml.safe_load((PROJECT / "configs" / "codebooks" / "residents_pulse.yaml").read_text("utf-8"))
    known = {m: set(rows["category"]) for (m,), rows in bradford.margins.group_by("margin")}
    for margin, group in codebook["groups"].items():
        assert margin in known
        assert set(group.get("coding", {}).values()) <= known[margin]


def test_adult_bands_of_the_margin_are_those_of_the_population(bradford: City) -> None:
    margin = bradford.margins.filter((pl.col("margin") == "age_band") & pl.col("area").is_not_null())
    joined = margin.join(bradford.population, left_on=["area", "category"], right_on=["area", "age_band"])
    assert joined.height == 63 * 7
    assert (joined["persons"] == joined["persons_right"]).all()


def test_covariates_are_complete_and_each_has_one_unit_and_year(bradford: City) -> None:
    counted = bradford.covariates.group_by("covariate").agg(
        pl.len(), pl.col("unit").n_unique(), pl.col("year").n_unique()
    )
    assert set(counted["len"]) == {63}
    assert set(counted["unit"]) == {1}
    assert set(counted["year"]) == {1}
    assert {
        "imd2019_score", "imd2025_score", "cni2023_score", "owned_share", "social_rented_share", "private_rented_share",
        "english_not_well_share", "ethnic_fractionalisation", "ethnic_asian_share", "moved_from_abroad_share",
        "moved_within_uk_share", "overcrowded_share", "population_density",
    } <= set(counted["covariate"])  # fmt: skip


def test_shares_and_probabilities_lie_between_nought_and_one(bradford: City) -> None:
    bounded = bradford.covariates.filter(pl.col("unit").str.starts_with("share") | (pl.col("unit") == "probability"))
    assert bounded["covariate"].n_unique() >= 15
    assert bounded["value"].is_between(0, 1).all()


def test_religion_is_not_among_the_covariates(bradford: City) -> None:
    assert not bradford.covariates["covariate"].str.contains("relig|muslim|christian").any()


def test_there_is_no_postcode_directory_and_so_no_postcode_is_placed(bradford: City) -> None:
    assert bradford.postcodes.is_empty()
    assert bradford.place_postcode(["BD1 1HX"]) == [None]


def test_no_icc_score_is_invented(bradford: City) -> None:
    index = read_icc_index(bradford)
    assert index is not None
    assert not index.is_filled_in
    assert (index.year, index.source) == (None, None)
    assert tuple(entry.id for entry in index.indices) == ICC_INDICES


def test_there_is_a_file_source_for_every_signal_and_all_are_real(bradford: City) -> None:
    assert {source.signal for source in bradford.sources} == {
        "posts", "answers", "reports", "observations", "counts", "removals",
    }  # fmt: skip
    assert not any(source.is_synthetic for source in bradford.sources)


# --- aliases --------------------------------------------------------------------------------------------------------


def test_every_neighbourhood_has_names_beside_its_own(bradford: City) -> None:
    counted = bradford.aliases.filter(pl.col("kind") != "name").group_by("area").len()
    assert counted.height == 63
    assert counted["len"].min() >= 3


def test_the_city_and_common_words_are_not_aliases(bradford: City) -> None:
    listed = {alias.casefold() for alias in bradford.aliases["alias"]}
    assert not listed & {"bradford", "yorkshire", "leeds", "city centre", "town", "city hall", "bank", "the park"}


@pytest.mark.parametrize(
    ("alias", "names"),
    [
        ("Lister Park", {"Manningham & Lister Park"}),
        ("BRI", {"Toller Lane & Infirmary"}),
        ("Salts Mill", {"Saltaire & Baildon West"}),
        ("Silsden", {"Silsden Town"}),
        ("Airedale General", {"Steeton, Eastburn & Silsden Moor"}),
        ("Steeton & Silsden", {"Steeton, Eastburn & Silsden Moor", "Silsden Town"}),
        (
            "Central Bradford & Barkerend West",
            {"Little Germany & Barkerend West", "Central Bradford & Goitside"},
        ),
        ("Baildon", {"Baildon North", "Baildon South"}),
        ("Manchester Road", {"Holme Top", "Bankfoot", "Bowling Park"}),
        ("مانینگھم", {"Manningham & Lister Park"}),
    ],
)
def test_a_name_means_the_neighbourhoods_it_should(bradford: City, alias: str, names: set[str]) -> None:
    named = bradford.aliases.join(bradford.neighbourhoods, on="area").filter(pl.col("alias") == alias)
    assert set(named["name"]) == names


def test_keighley_alone_is_ambiguous(bradford: City) -> None:
    meant = bradford.aliases.join(bradford.neighbourhoods, on="area").filter(pl.col("alias") == "Keighley")
    assert meant.height == 5
    assert meant["name"].str.starts_with("Keighley").all()


def test_most_places_that_people_write_are_in_the_gazetteer(bradford: City) -> None:
    """Of the sample's written posts that name a place, four in five hold an alias of the neighbourhood meant."""
    aliases = {area: pattern(group["alias"]) for (area,), group in bradford.aliases.group_by("area")}
    meant = {alias: set(group["area"]) for (alias,), group in bradford.aliases.group_by("alias")}
    lines = (PROJECT / "configs" / "cities" / "sample" / "written_posts.jsonl").read_text("utf-8").splitlines()
    posts = [post for post in map(json.loads, lines) if post["place_in_text"]]
    found = [any(aliases[area].search(post["text"]) for area in meant[post["place"]]) for post in posts]
    assert len(posts) > 500
    assert np.mean(found) > 0.8


def pattern(aliases: pl.Series) -> re.Pattern[str]:
    longest_first = sorted(aliases, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)


# --- against the published files ------------------------------------------------------------------------------------


def test_the_folder_is_made_again_the_same(bradford: City, places: Path, tmp_path: Path) -> None:
    build = bradford.folder / "build.py"
    subprocess.run([sys.executable, "-B", str(build), str(places), str(tmp_path)], check=True)
    files = [*(f"{name}.csv" for name in BUILT), "boundaries/msoa21.geojson", "boundaries/ward24.geojson"]
    differing = [name for name in files if (tmp_path / name).read_bytes() != (bradford.folder / name).read_bytes()]
    assert differing == []
    assert not list(bradford.folder.rglob("__pycache__"))


def test_names_are_the_house_of_commons_librarys(bradford: City, places: Path) -> None:
    table = rows(places / "hoc_msoa_names" / "data" / "msoa-names.csv")
    library = {row["msoa11cd"]: row["msoa11hclnm"] for row in table if row["Laname"] == "Bradford"}
    names = dict(bradford.neighbourhoods.select("area", "name").iter_rows())
    assert {code: name for code, name in names.items() if code not in NEW} == {
        code: name for code, name in library.items() if code not in SPLIT
    }


@pytest.mark.parametrize(("geography", "file", "code"), [("msoa21", "msoa", "MSOA21CD"), ("ward24", "ward", "WD25CD")])
def test_simplified_boundaries_keep_size_and_place(
    bradford: City, published: Path, geography: str, file: str, code: str
) -> None:
    original = drawn(published / f"{file}.geojson", code)
    simple = dict(zip(bradford.shapes[geography].areas, bradford.shapes[geography].geometries, strict=True))
    assert set(simple) == set(original)
    whole, thinned = shapely.union_all(list(original.values())), shapely.union_all(list(simple.values()))
    assert thinned.area == pytest.approx(whole.area, rel=0.001)
    assert thinned.symmetric_difference(whole).area / whole.area < 0.01
    for area, geometry in original.items():
        assert simple[area].area == pytest.approx(geometry.area, rel=0.01), area
    middles = [geometry.representative_point() for geometry in original.values()]
    assert bradford.locate([p.x for p in middles], [p.y for p in middles], geography) == list(original)


def test_all_312_small_areas_are_placed_in_their_neighbourhood(bradford: City, published: Path) -> None:
    """A point inside each 2021 LSOA lands in the MSOA whose number it bears (004C is in 004)."""
    features = json.loads((published / "lsoa.geojson").read_text("utf-8"))["features"]
    number = {row["msoa21_name"]: row["msoa21_code"] for row in rows(published / "migration21_msoa21.csv")}
    points = [shape(feature["geometry"]).representative_point() for feature in features]
    expected = [number[feature["properties"]["LSOA21NM"][:-1]] for feature in features]
    assert len(expected) == 312
    assert bradford.locate([p.x for p in points], [p.y for p in points]) == expected
    assert bradford.place_code(feature["properties"]["LSOA21CD"] for feature in features) == expected


def test_neighbours_are_those_that_share_an_edge_in_the_published_boundaries(bradford: City, published: Path) -> None:
    owners: dict[frozenset[tuple[float, float]], set[str]] = defaultdict(set)
    for area, geometry in drawn(published / "msoa.geojson", "MSOA21CD").items():
        for edge in edges(geometry):
            owners[edge].add(area)
    expected = {(one, other) for both in owners.values() for one in both for other in both if one != other}
    mine = bradford.adjacency.filter(pl.col("geography") == "msoa21")
    assert set(mine.select("area", "neighbour").iter_rows()) == expected


def edges(geometry: shapely.Geometry) -> Iterator[frozenset[tuple[float, float]]]:
    for ring in shapely.get_rings(geometry):
        points = [(float(x), float(y)) for x, y in shapely.get_coordinates(ring)]
        yield from (frozenset(pair) for pair in pairwise(points))


def test_nobody_is_lost_between_the_estimates_and_the_age_bands(bradford: City, published: Path) -> None:
    estimates = {row["msoa11_code"]: row for row in rows(published / "population20_msoa11.csv")}
    counts = dict(bradford.neighbourhoods.select("area", "population").iter_rows())
    assert sum(counts.values()) == sum(int(float(row["total_population"])) for row in estimates.values())
    for code, row in estimates.items():
        assert sum(counts[part] for part in SPLIT.get(code, {code: ""})) == int(float(row["total_population"])), code


def test_age_bands_are_sums_of_single_years(bradford: City, published: Path) -> None:
    row = next(r for r in rows(published / "population20_msoa11.csv") if r["msoa11_code"] == "E02002183")
    bands = dict(bradford.population.filter(pl.col("area") == "E02002183").select("age_band", "persons").iter_rows())
    assert bands["0-15"] == sum(float(row[str(age)]) for age in range(16))
    assert bands["16-24"] == sum(float(row[str(age)]) for age in range(16, 25))
    assert bands["75+"] == sum(float(row[str(age)]) for age in range(75, 90)) + float(row["90+"])


@pytest.mark.parametrize("old", list(SPLIT))
def test_a_split_areas_people_are_shared_by_residents_of_2021(bradford: City, published: Path, old: str) -> None:
    table = rows(published / "disability21_lsoa21_ew.csv")
    numbers = {row["msoa21_code"]: row["msoa21_name"] for row in rows(published / "migration21_msoa21.csv")}
    lsoa = {row["lsoa21_code"]: row["lsoa21_name"][:-1] for row in rows(published / "lookup_lsoa11_lsoa21.csv")}
    residents = Counter[str]()
    for row in table:
        residents[lsoa[row["lsoa21_code"]]] += int(float(row["n"]))
    one, other = SPLIT[old]
    counts = dict(bradford.neighbourhoods.select("area", "population").iter_rows())
    share = residents[numbers[one]] / (residents[numbers[one]] + residents[numbers[other]])
    assert counts[one] / (counts[one] + counts[other]) == pytest.approx(share, abs=0.001)


@pytest.mark.parametrize(
    ("margin", "file", "total"),
    [
        ("tenure", "household_tenure21_lsoa21", 209_856),
        ("ethnic_group", "ethnicity21_msoa21", 546_362),
        ("disability", "disability21_lsoa21_ew", 546_411),
    ],
)
def test_margins_add_up_to_the_census(bradford: City, published: Path, margin: str, file: str, total: int) -> None:
    counted = sum(int(float(row["n"])) for row in rows(published / f"{file}.csv"))
    whole = bradford.margins.filter((pl.col("margin") == margin) & pl.col("area").is_null())["persons"].sum()
    assert whole == counted == total


def test_ward_codes_of_the_look_up_and_of_the_boundaries_agree(bradford: City, published: Path) -> None:
    listed = {row["ward24_code"] for row in rows(published / "lookup_lsoa21_ward24.csv")}
    assert set(bradford.shapes["ward24"].areas) == listed
    assert len(listed) == 30


def test_the_crosswalk_is_the_share_of_residents(bradford: City, published: Path) -> None:
    lookup = rows(published / "lookup_lsoa21_ward24.csv")
    residents = {r["lsoa21_code"]: float(r["total_residents"]) for r in rows(published / "disability21_lsoa21_ew.csv")}
    number = {row["msoa21_name"]: row["msoa21_code"] for row in rows(published / "migration21_msoa21.csv")}
    people: Counter[tuple[str, str]] = Counter()
    for row in lookup:
        people[number[row["lsoa21_name"][:-1]], row["ward24_code"]] += residents[row["lsoa21_code"]]
    totals: Counter[str] = Counter()
    for (area, _), count in people.items():
        totals[area] += count
    shares = {(a, w): s for a, _, w, s in bradford.crosswalk.iter_rows()}
    assert shares.keys() == people.keys()
    assert all(shares[a, w] == pytest.approx(count / totals[a], abs=1e-6) for (a, w), count in people.items())


def test_codes_of_2011_and_2021_are_placed_and_split_ones_are_not(bradford: City, published: Path) -> None:
    old = {row["msoa11_code"] for row in rows(published / "lookup_lsoa11_msoa11.csv")}
    placed = dict(zip(sorted(old), bradford.place_code(sorted(old)), strict=True))
    assert len(old) == 61
    assert {code for code, area in placed.items() if area is None} == set(SPLIT)
    assert all(area == code for code, area in placed.items() if area is not None)
    lsoas = [row["lsoa11_code"] for row in rows(published / "lookup_lsoa11_msoa11.csv")]
    assert None not in bradford.place_code(lsoas)


def test_no_ward_code_places_a_row_since_every_ward_spans_neighbourhoods(bradford: City) -> None:
    wards = bradford.areas.filter(pl.col("geography") == "ward24")["area"]
    assert bradford.place_code(wards) == [None] * 30


def value_of(city: City, area: str, covariate: str) -> float:
    row = city.covariates.filter((pl.col("area") == area) & (pl.col("covariate") == covariate))
    return float(row["value"].item())


def test_deprivation_of_2025_is_the_resident_weighted_mean_of_its_small_areas(bradford: City, published: Path) -> None:
    score = {r["lsoa21_code"]: float(r["IMD_score"]) for r in rows(published / "imd2025_england_lsoa21.csv")}
    people = {r["lsoa21_code"]: float(r["total_residents"]) for r in rows(published / "disability21_lsoa21_ew.csv")}
    for area in ("E02002234", "E02006945", "E02002183"):
        lsoas = [code for code in score if bradford.place_code([code]) == [area]]
        expected = sum(score[c] * people[c] for c in lsoas) / sum(people[c] for c in lsoas)
        assert value_of(bradford, area, "imd2025_score") == pytest.approx(expected, abs=1e-5)


def test_deprivation_of_2019_is_the_old_areas_in_both_parts_of_a_split(bradford: City, published: Path) -> None:
    score = {r["msoa11_code"]: float(r["Score"]) for r in rows(published / "imd2019_msoa11.csv")}
    for old, parts in SPLIT.items():
        assert {value_of(bradford, part, "imd2019_score") for part in parts} == {round(score[old], 6)}
    assert value_of(bradford, "E02002183", "imd2019_score") == round(score["E02002183"], 6)


def test_shares_of_the_census_are_counts_over_their_base(bradford: City, published: Path) -> None:
    ethnic = {
        r["ethnic_group"]: float(r["n"])
        for r in rows(published / "ethnicity21_msoa21.csv")
        if r["msoa21_code"] == "E02002217"
    }
    total = sum(ethnic.values())
    asian = ethnic["Asian, Asian British or Asian Welsh"] / total
    assert value_of(bradford, "E02002217", "ethnic_asian_share") == pytest.approx(asian, abs=1e-6)
    black = sum(count for name, count in ethnic.items() if name.startswith("Black"))
    groups = [count for name, count in ethnic.items() if not name.startswith("Black")]
    expected = 1 - sum((count / total) ** 2 for count in [*groups, black])
    assert value_of(bradford, "E02002217", "ethnic_fractionalisation") == pytest.approx(expected, abs=1e-6)


def test_proficiency_agrees_with_the_published_proportion(bradford: City, published: Path) -> None:
    for row in rows(published / "proficiency21_msoa21.csv"):
        expected = float(row["Proportion who cannot speak English (well)"])
        assert value_of(bradford, row["msoa21_code"], "english_not_well_share") == pytest.approx(expected, abs=1e-6)
