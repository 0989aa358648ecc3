"""Stockholm: another country's districts, without population, margins or codes, work the same way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import shapely
from shapely.geometry import shape

from barometer.city import City, read_icc_index
from barometer.errors import BadConfiguration


def test_there_are_117_districts_with_names_and_codes_of_their_own(stockholm: City) -> None:
    areas = stockholm.neighbourhoods
    assert (stockholm.primary, areas.height) == ("stadsdel", 117)
    assert areas["area"].n_unique() == areas["name"].n_unique() == 117
    assert areas["area"].str.contains(r"^[a-z_]+$").all()
    assert {"Gamla Stan", "Södra Hammarbyhamnen", "Ulvsunda industriområde"} <= set(areas["name"])


def test_nothing_is_said_about_people_where_nothing_is_known(stockholm: City) -> None:
    assert stockholm.areas["population"].null_count() == 117
    assert stockholm.areas["adults"].null_count() == 117
    for name in ("population", "margins", "covariates", "crosswalk", "codes", "postcodes"):
        assert getattr(stockholm, name).is_empty()


def test_what_is_not_there_is_asked_for_in_plain_words(stockholm: City) -> None:
    with pytest.raises(BadConfiguration, match=r"city stockholm has no margins: add margins\.csv"):
        stockholm.need("margins")


@pytest.mark.parametrize(
    ("longitude", "latitude", "name"),
    [
        pytest.param(18.0708, 59.3251, "Gamla Stan", id="Stortorget"),
        pytest.param(18.0590, 59.3326, "Norrmalm", id="Sergels torg"),
        pytest.param(18.0723, 59.3148, "Södermalm", id="Medborgarplatsen"),
        pytest.param(17.9284, 59.3878, "Rinkeby", id="Rinkeby torg"),
        pytest.param(17.9443, 59.4030, "Kista", id="Kista galleria"),
        pytest.param(17.6389, 59.8586, None, id="Uppsala"),
        pytest.param(-1.7535, 53.7923, None, id="Bradford"),
    ],
)
def test_well_known_places_are_in_their_district(
    stockholm: City, longitude: float, latitude: float, name: str | None
) -> None:
    names = dict(stockholm.areas.select("area", "name").iter_rows())
    [area] = stockholm.locate([longitude], [latitude])
    assert (names[area] if area else None) == name


def test_boundaries_are_small_valid_and_fit_together(stockholm: City) -> None:
    shapes = [shape(feature["geometry"]) for feature in stockholm.boundaries()["features"]]
    assert (stockholm.folder / "boundaries" / "stadsdel.geojson").stat().st_size < 150_000
    assert all(geometry.is_valid for geometry in shapes)
    assert shapely.coverage_is_valid(shapes)


def test_neighbours_hang_together(stockholm: City) -> None:
    pairs = set(stockholm.adjacency.select("area", "neighbour").iter_rows())
    assert {other for _, other in pairs} == set(stockholm.areas["area"])
    assert all((other, one) in pairs for one, other in pairs)
    assert ("norrmalm", "vasastaden") in pairs
    assert ("rinkeby", "farsta") not in pairs


def test_aliases_name_districts_and_ambiguous_ones_several(stockholm: City) -> None:
    meant = {alias: set(group["area"]) for (alias,), group in stockholm.aliases.group_by("alias")}
    assert meant["Söder"] == {"sodermalm"}
    assert meant["Hässelby"] == {"hasselby_gard", "hasselby_strand", "hasselby_villastad"}
    assert meant["Rinkeby"] == {"rinkeby"}


def test_licence_is_stated_and_no_score_invented(stockholm: City) -> None:
    assert len(stockholm.attribution) == 1
    assert stockholm.attribution[0].endswith("(CC0-1.0)")
    index = read_icc_index(stockholm)
    assert index is not None
    assert not index.is_filled_in


def test_the_folder_is_made_again_the_same(stockholm: City, shared_data: Path, tmp_path: Path) -> None:
    build = stockholm.folder / "build.py"
    subprocess.run([sys.executable, "-B", str(build), str(shared_data / "places"), str(tmp_path)], check=True)
    for name in ("areas.csv", "adjacency.csv", "boundaries/stadsdel.geojson"):
        assert (tmp_path / name).read_bytes() == (stockholm.folder / name).read_bytes(), name


def test_simplified_districts_keep_size_and_place(stockholm: City, shared_data: Path) -> None:
    path = shared_data / "places" / "geo_stockholm" / "geojson" / "fullsize" / "stadsdelar.geo.json"
    features = json.loads(path.read_text("utf-8"))["features"]
    original = {feature["properties"]["name"]: shape(feature["geometry"]) for feature in features}
    names = dict(stockholm.areas.select("area", pl.col("name").str.to_uppercase()).iter_rows())
    simple = {names[a]: g for a, g in zip(stockholm.shapes["stadsdel"].areas, stockholm.shapes["stadsdel"].geometries,
                                          strict=True)}  # fmt: skip
    simple["ULVSUNDA INDUSTRIOMR"] = simple.pop("ULVSUNDA INDUSTRIOMRÅDE")
    assert simple.keys() == original.keys()
    whole, thinned = shapely.union_all(list(original.values())), shapely.union_all(list(simple.values()))
    assert thinned.symmetric_difference(whole).area / whole.area < 0.01
    assert all(simple[name].covers(geometry.representative_point()) for name, geometry in original.items())
