"""A city as the steps see it: loading, placing points and codes, borrowing, asking for what is not there."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.city import City, city_ids, load_city, read_icc_index
from barometer.city_files import SHEETS
from barometer.errors import BadConfiguration
from tests.cities.quadville import (
    CITY,
    NAMES,
    SQUARE_DEGREES,
    collection,
    icc_index,
    square,
    tables,
    write_quadville,
    write_yaml,
)

LATITUDE = 53.05


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("configs")
    write_quadville(folder)
    return folder


@pytest.fixture(scope="module")
def quadville(configs: Path) -> City:
    return load_city("quadville", configs)


# --- what is loaded -------------------------------------------------------------------------------------------------


def test_a_sound_folder_is_loaded_with_what_it_says(quadville: City, configs: Path) -> None:
    assert (quadville.id, quadville.name, quadville.country) == ("quadville", "Quadville", "GB")
    assert quadville.timezone == "Europe/London"
    assert quadville.languages == ("en", "pl", "ur")
    assert quadville.is_synthetic
    assert quadville.folder == configs / "cities" / "quadville"
    assert quadville.primary == "hood"
    assert [geography.id for geography in quadville.geographies] == ["hood", "ward"]


@pytest.mark.parametrize("name", [name for name in SHEETS if name != "aliases"])
def test_every_frame_has_the_declared_columns_types_and_rows(quadville: City, name: str) -> None:
    frame: pl.DataFrame = getattr(quadville, name)
    assert frame.schema == {column: dtype() for column, dtype in SHEETS[name].schema.items()}
    assert frame.height == tables()[f"{name}.csv"].count("\n") - 1


def test_neighbourhoods_are_the_areas_of_the_primary_geography(quadville: City) -> None:
    assert quadville.neighbourhoods["area"].to_list() == list(NAMES)
    assert quadville.areas.height == 6


def test_a_margin_of_the_whole_city_has_no_area(quadville: City) -> None:
    whole = quadville.margins.filter(pl.col("area").is_null())
    assert dict(whole.select("category", "persons").iter_rows()) == {"own": 400, "rent": 400}
    assert set(whole["unit"]) == {"households"}


def test_aliases_hold_every_neighbourhoods_own_name_and_the_files_aliases(quadville: City) -> None:
    found = set(quadville.aliases.iter_rows())
    assert {(name, area, "name") for area, name in NAMES.items()} <= found
    assert {("the Gate", "Q1", "nickname"), ("Market Street", "Q2", "landmark")} <= found


def test_an_alias_of_two_areas_stands_once_for_each(quadville: City) -> None:
    shared = quadville.aliases.filter(pl.col("alias") == "Market Street")
    assert shared["area"].to_list() == ["Q1", "Q2"]


def test_an_alias_that_repeats_a_name_is_not_doubled(tmp_path: Path) -> None:
    folder = write_quadville(tmp_path)
    with (folder / "aliases.csv").open("a") as file:
        file.write("Northgate,Q1,locality\n")
    aliases = load_city("quadville", tmp_path).aliases
    assert aliases.filter(pl.col("alias") == "Northgate").rows() == [("Northgate", "Q1", "name")]


def test_sources_keep_their_order_and_take_defaults(quadville: City) -> None:
    forum, pulse = quadville.sources
    assert (forum.id, forum.signal, forum.kind, forum.format) == ("forum", "posts", "files", "jsonl")
    assert (forum.pool, forum.options) == ("default_pool", {})
    assert pulse.options == {"codebook": "pulse.yaml"}


def test_thresholds_come_from_the_file_and_otherwise_from_the_project(quadville: City) -> None:
    thresholds = quadville.thresholds
    assert (thresholds.minimum_n, thresholds.reliability) == (12, 0.8)
    assert (thresholds.place_confidence, thresholds.meng_defect_correlation) == (0.5, 0.02)
    assert (thresholds.near_duplicate_similarity, thresholds.adult_age_years) == (0.8, 16)


def test_attribution_is_one_line_a_source_for_the_release_page(quadville: City) -> None:
    assert quadville.attribution == ("Drawn by hand for tests (CC0-1.0)",)


def test_a_city_cannot_be_changed(quadville: City) -> None:
    with pytest.raises(AttributeError):
        quadville.name = "Elsewhere"  # type: ignore[misc]


def test_optional_files_may_be_absent_and_give_empty_frames(tmp_path: Path) -> None:
    geographies = [{"id": "hood", "name": "Neighbourhoods", "is_primary": True}]
    folder = write_quadville(tmp_path, geographies=geographies)
    only_hoods = [line for line in tables()["areas.csv"].splitlines() if not line.startswith("ward")]
    (folder / "areas.csv").write_text("\n".join(only_hoods) + "\n")
    pairs = [line for line in tables()["adjacency.csv"].splitlines() if not line.startswith("ward")]
    (folder / "adjacency.csv").write_text("\n".join(pairs) + "\n")
    optional = ["population", "margins", "covariates", "aliases", "crosswalk", "codes", "postcodes"]
    for name in optional:
        (folder / f"{name}.csv").unlink()
    for name in ("thresholds.yaml", "icc_index.yaml"):
        (folder / name).unlink()

    city = load_city("quadville", tmp_path)

    assert all(getattr(city, name).is_empty() for name in optional if name != "aliases")
    assert city.aliases["alias"].to_list() == list(NAMES.values())
    assert city.population.schema == {"area": pl.String(), "age_band": pl.String(), "persons": pl.Int64()}
    assert city.thresholds.minimum_n == 10
    assert city.icc_index is None
    assert read_icc_index(city) is None


def test_unknown_population_is_empty_and_not_zero(tmp_path: Path) -> None:
    folder = write_quadville(tmp_path)
    (folder / "population.csv").unlink()
    text = tables()["areas.csv"].replace("Northgate,1000,800", "Northgate,,")
    (folder / "areas.csv").write_text(text)
    first = load_city("quadville", tmp_path).neighbourhoods.row(0, named=True)
    assert (first["population"], first["adults"]) == (None, None)


# --- asking for what is not there -----------------------------------------------------------------------------------


def test_need_gives_the_frame_where_there_is_one(quadville: City) -> None:
    assert quadville.need("margins").equals(quadville.margins)


def test_need_says_which_file_to_add_where_there_is_none(tmp_path: Path) -> None:
    folder = write_quadville(tmp_path)
    (folder / "margins.csv").unlink()
    with pytest.raises(BadConfiguration, match=r"city quadville has no margins: add margins.csv with margin, category"):
        load_city("quadville", tmp_path).need("margins")


def test_an_unknown_city_is_refused_and_the_known_ones_are_named(configs: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"no city 'atlantis'.*cities there are: quadville"):
        load_city("atlantis", configs)


@pytest.mark.parametrize("city_id", ["../quadville", "", ".", "quadville/"])
def test_an_id_is_a_folder_name_and_no_path(configs: Path, city_id: str) -> None:
    with pytest.raises(BadConfiguration, match="no city"):
        load_city(city_id, configs)


def test_city_ids_are_the_folders_with_a_city_file(configs: Path, tmp_path: Path) -> None:
    assert city_ids(configs) == ["quadville"]
    assert city_ids(tmp_path) == []
    (tmp_path / "cities" / "notes").mkdir(parents=True)
    write_quadville(tmp_path)
    assert city_ids(tmp_path) == ["quadville"]


def test_an_unknown_geography_is_refused_and_the_known_ones_are_named(quadville: City) -> None:
    with pytest.raises(BadConfiguration, match=r"no geography parish: it has hood, ward"):
        quadville.locate([-1.95], [LATITUDE], "parish")
    with pytest.raises(BadConfiguration, match="no geography parish"):
        quadville.boundaries("parish")


# --- boundaries -----------------------------------------------------------------------------------------------------


def test_boundaries_are_geojson_with_area_and_name(quadville: City) -> None:
    features = quadville.boundaries("hood")["features"]
    assert [feature["properties"] for feature in features] == [{"area": a, "name": n} for a, n in NAMES.items()]
    assert quadville.boundaries() == quadville.boundaries("hood")
    assert json.loads(json.dumps(quadville.boundaries("ward")))["type"] == "FeatureCollection"


# --- points ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("longitude", "latitude", "area"),
    [
        pytest.param(-1.95, LATITUDE, "Q1", id="in the first square"),
        pytest.param(-1.61, 53.01, "Q4", id="in the last square"),
        pytest.param(-2.01, LATITUDE, None, id="just west of the city"),
        pytest.param(-1.95, 53.11, None, id="just north of the city"),
        pytest.param(None, LATITUDE, None, id="no longitude"),
        pytest.param(-1.95, None, None, id="no latitude"),
        pytest.param(math.nan, LATITUDE, None, id="not a number"),
        pytest.param(-1.95, math.inf, None, id="infinite"),
        pytest.param(-1.95, 953.05, None, id="latitude out of range"),
        pytest.param(358.05, LATITUDE, None, id="longitude out of range"),
        pytest.param(LATITUDE, -1.95, None, id="swapped"),
        pytest.param(0.0, 0.0, None, id="null island"),
        pytest.param(-1.9, LATITUDE, "Q1", id="on a border: the first of the two"),
        pytest.param(-1.8, LATITUDE, "Q2", id="on the next border"),
        pytest.param(-2.0, 53.0, "Q1", id="on a corner"),
    ],
)
def test_a_point_is_placed_by_polygon(
    quadville: City, longitude: float | None, latitude: float | None, area: str | None
) -> None:
    assert quadville.locate([longitude], [latitude]) == [area]


def test_points_keep_their_order_and_bad_ones_do_not_shift_the_others(quadville: City) -> None:
    longitudes = [None, -1.65, math.nan, -1.95, 999.0, -1.85]
    assert quadville.locate(longitudes, [LATITUDE] * 6) == [None, "Q4", None, "Q1", None, "Q2"]


def test_points_are_placed_in_the_geography_asked_for(quadville: City) -> None:
    assert quadville.locate([-1.85, -1.75], [LATITUDE] * 2, "ward") == ["W1", "W2"]


def test_no_points_give_no_places(quadville: City) -> None:
    assert quadville.locate([], []) == []


def test_series_and_arrays_are_taken_too(quadville: City) -> None:
    frame = pl.DataFrame({"x": [-1.95, None], "y": [LATITUDE, LATITUDE]})
    assert quadville.locate(frame["x"].to_list(), frame["y"].to_list()) == ["Q1", None]
    assert quadville.locate(np.array([-1.65]), np.array([LATITUDE])) == ["Q4"]


def test_coordinates_of_different_length_are_refused(quadville: City) -> None:
    with pytest.raises(ValueError, match="2 longitudes but 1 latitudes"):
        quadville.locate([-1.95, -1.85], [LATITUDE])


@given(
    points=st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(allow_nan=True), st.floats(-2.1, -1.5)),
            st.one_of(st.none(), st.floats(allow_nan=True), st.floats(52.9, 53.2)),
        ),
        max_size=30,
    )
)
def test_any_points_are_placed_as_arithmetic_says(
    quadville: City, points: list[tuple[float | None, float | None]]
) -> None:
    """Whatever comes in, one place a point comes out, and it is the square that arithmetic finds (borders aside)."""
    found = quadville.locate([x for x, _ in points], [y for _, y in points])
    assert len(found) == len(points)
    for (x, y), area in zip(points, found, strict=True):
        if x is None or y is None or not (math.isfinite(x) and math.isfinite(y)) or is_near_a_border(x, y):
            assert area is None or area in NAMES
        else:
            assert area == square_of(x, y)


def is_near_a_border(x: float, y: float) -> bool:
    edges_x = [-2.0 + i * SQUARE_DEGREES for i in range(5)]
    return min(abs(x - edge) for edge in edges_x) < 1e-6 or min(abs(y - edge) for edge in (53.0, 53.1)) < 1e-6


def square_of(x: float, y: float) -> str | None:
    inside = -2.0 < x < -1.6 and 53.0 < y < 53.1
    return list(NAMES)[int((x + 2.0) / SQUARE_DEGREES)] if inside else None


def test_a_point_in_a_hole_between_parts_is_outside(tmp_path: Path) -> None:
    """An area of two parts with a gap: both parts are the area, the gap is nobody's."""
    folder = write_quadville(tmp_path)
    west, east = square("Q1", "Northgate", -2.0, 0.03), square("Q1", "Northgate", -1.95, 0.05)
    parts = [feature["geometry"]["coordinates"] for feature in (west, east)]
    first = {
        "type": "Feature",
        "properties": west["properties"],
        "geometry": {"type": "MultiPolygon", "coordinates": parts},
    }
    others = json.loads((folder / "boundaries" / "hood.geojson").read_text())["features"][1:]
    (folder / "boundaries" / "hood.geojson").write_text(json.dumps(collection(first, *others)))
    city = load_city("quadville", tmp_path)
    assert city.locate([-1.99, -1.96, -1.94], [LATITUDE] * 3) == ["Q1", None, "Q1"]


# --- codes and postcodes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "area"),
    [
        ("E01000001", "Q1"),
        ("e01000002", "Q2"),
        ("  E01000001 ", "Q1"),
        ("Q3", "Q3"),
        ("q3", "Q3"),
        ("W1", None),
        ("E09999999", None),
        ("", None),
        (None, None),
    ],
)
def test_an_official_code_names_a_neighbourhood_or_nothing(quadville: City, code: str | None, area: str | None) -> None:
    assert quadville.place_code([code]) == [area]


def test_codes_keep_their_order(quadville: City) -> None:
    assert quadville.place_code(["E01000002", None, "E01000001"]) == ["Q2", None, "Q1"]


@pytest.mark.parametrize(
    ("postcode", "area"),
    [
        pytest.param("QV1 3AB", "Q1", id="outward code"),
        pytest.param("QV12 3AB", "Q2", id="the longest prefix decides"),
        pytest.param("qv123ab", "Q2", id="any case, no space"),
        pytest.param("QV2", "Q3", id="outward code alone"),
        pytest.param("QV", None, id="shorter than any prefix"),
        pytest.param("ZZ1 1ZZ", None, id="elsewhere"),
        pytest.param(" ", None, id="blank"),
        pytest.param(None, None, id="none"),
    ],
)
def test_a_postcode_is_placed_by_its_longest_known_prefix(
    quadville: City, postcode: str | None, area: str | None
) -> None:
    assert quadville.place_postcode([postcode]) == [area]


@given(st.text(max_size=12))
def test_any_text_as_code_or_postcode_gives_an_area_or_nothing(quadville: City, text: str) -> None:
    assert quadville.place_code([text])[0] in {*NAMES, None}
    assert quadville.place_postcode([text])[0] in {*NAMES, None}


# --- the ICC Index --------------------------------------------------------------------------------------------------


def test_the_icc_index_is_read_as_the_city_entered_it(quadville: City) -> None:
    index = read_icc_index(quadville)
    assert index is not None
    assert index.is_filled_in
    assert len(index.indices) == 12
    lens = next(entry for entry in index.indices if entry.id == "intercultural_lens")
    assert [score.id for score in lens.sub_indices][:2] == ["education", "neighbourhoods"]
    assert (lens.core, lens.extended) == (50.0, 50.0)


def test_an_index_broken_after_loading_is_refused_with_its_mistakes(tmp_path: Path) -> None:
    folder = write_quadville(tmp_path)
    city = load_city("quadville", tmp_path)
    write_yaml(folder / "icc_index.yaml", icc_index() | {"year": 1066})
    with pytest.raises(BadConfiguration, match=r"icc_index.yaml, field year: .*greater than or equal to 2008"):
        read_icc_index(city)


# --- borrowing another city's geography -----------------------------------------------------------------------------


def write_tenant(configs: Path, **changes: object) -> Path:
    """A city that borrows Quadville's geography."""
    tenant = configs / "cities" / "tenant"
    tenant.mkdir()
    own = {"id": "tenant", "name": "Tenant", "geography_from": "quadville", "geographies": [], "attribution": []}
    write_yaml(tenant / "city.yaml", CITY | own | changes)
    (tenant / "SOURCES.md").write_text("# Invented\n")
    return tenant


def test_a_tenant_borrows_geography_and_keeps_its_own_description(tmp_path: Path) -> None:
    write_quadville(tmp_path)
    tenant_folder = write_tenant(tmp_path, languages=["en"])
    tenant, lender = load_city("tenant", tmp_path), load_city("quadville", tmp_path)
    assert (tenant.id, tenant.languages, tenant.folder) == ("tenant", ("en",), tenant_folder)
    assert all(getattr(tenant, name).equals(getattr(lender, name)) for name in SHEETS)
    assert tenant.boundaries("ward") == lender.boundaries("ward")
    assert tenant.geographies == lender.geographies
    assert tenant.locate([-1.95], [LATITUDE]) == ["Q1"]


def test_a_tenant_owes_the_lenders_attribution_and_not_its_scores_or_thresholds(tmp_path: Path) -> None:
    write_quadville(tmp_path)
    write_tenant(tmp_path)
    tenant = load_city("tenant", tmp_path)
    assert tenant.attribution == ("Drawn by hand for tests (CC0-1.0)",)
    assert tenant.icc_index is None
    assert tenant.thresholds.minimum_n == 10


def test_a_tenant_hears_of_mistakes_in_the_lenders_files_and_whose_they_are(tmp_path: Path) -> None:
    folder = write_quadville(tmp_path)
    write_tenant(tmp_path)
    (folder / "adjacency.csv").unlink()
    with pytest.raises(BadConfiguration, match=r"- quadville/adjacency.csv: is missing"):
        load_city("tenant", tmp_path)


@pytest.mark.parametrize("lender", ["nowhere", "tenant"])
def test_a_tenant_must_borrow_from_another_city_that_exists(tmp_path: Path, lender: str) -> None:
    write_quadville(tmp_path)
    write_tenant(tmp_path, geography_from=lender)
    with pytest.raises(BadConfiguration, match=rf"field geography_from: '{lender}' is no other city"):
        load_city("tenant", tmp_path)


def test_a_lender_must_have_a_geography_of_its_own(tmp_path: Path) -> None:
    write_quadville(tmp_path)
    write_tenant(tmp_path)
    second = tmp_path / "cities" / "second"
    second.mkdir()
    write_yaml(second / "city.yaml", CITY | {"id": "second", "geography_from": "tenant", "geographies": []})
    (second / "SOURCES.md").write_text("# Invented\n")
    with pytest.raises(BadConfiguration, match=r"'tenant' is no other city with a sound city\.yaml and a geography"):
        load_city("second", tmp_path)


def test_a_tenant_with_geography_files_of_its_own_is_refused(tmp_path: Path) -> None:
    write_quadville(tmp_path)
    tenant = write_tenant(tmp_path, geographies=CITY["geographies"])
    (tenant / "codes.csv").write_text(tables()["codes.csv"])
    (tenant / "boundaries").mkdir()
    with pytest.raises(BadConfiguration) as refused:
        load_city("tenant", tmp_path)
    message = str(refused.value)
    assert "- codes.csv: is here although geography_from borrows it from quadville; remove one of the two" in message
    assert "- boundaries: is here although geography_from borrows it" in message
    assert "field geographies: are given although geography_from borrows them" in message
