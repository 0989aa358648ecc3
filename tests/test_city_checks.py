"""Files of a city folder compared with each other: each contradiction alone, and all of them at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.city import load_city
from barometer.city_checks import OVERLAP_ALLOWED
from barometer.errors import BadConfiguration
from tests.cities.quadville import (
    CITY,
    NAMES,
    collection,
    icc_index,
    neighbourhoods,
    replace,
    square,
    write_quadville,
    write_yaml,
)


def mistakes_of(configs: Path) -> list[str]:
    """Lines of the refusal of Quadville, without its head; none when it is sound."""
    try:
        load_city("quadville", configs)
    except BadConfiguration as error:
        head, *lines = str(error).split("\n")
        assert head == f"city folder quadville has {len(lines)} mistake{'s' if len(lines) > 1 else ''}:"
        return [line.removeprefix("- ") for line in lines]
    return []


Break = Callable[[Path], None]


def swap(file: str, old: str, new: str) -> Break:
    """Break a file by replacing text."""
    return lambda folder: replace(folder / file, old, new)


def add(file: str, row: str) -> Break:
    """Break a file by adding a row."""

    def apply(folder: Path) -> None:
        path = folder / file
        path.write_text(path.read_text("utf-8") + row + "\n", "utf-8")

    return apply


def describe(**changes: Any) -> Break:
    """Break city.yaml by changing fields."""
    return lambda folder: write_yaml(folder / "city.yaml", CITY | changes)


def draw(*features: dict[str, Any]) -> Break:
    """Replace the boundaries of the neighbourhoods."""
    return lambda folder: (folder / "boundaries" / "hood.geojson").write_text(json.dumps(collection(*features)))


HOODS = neighbourhoods()["features"]
SOURCES: list[dict[str, Any]] = CITY["sources"]
GEOGRAPHIES: list[dict[str, Any]] = CITY["geographies"]

CASES: dict[str, tuple[Break, str]] = {
    # city.yaml
    "id is not the folder's": (describe(id="other"), "city.yaml, field id: is 'other'; write 'quadville'"),
    "two primary geographies": (
        describe(geographies=[{**g, "is_primary": True} for g in GEOGRAPHIES]),
        "city.yaml, field geographies: 2 are primary; mark exactly one",
    ),
    "no primary geography": (
        describe(geographies=[{**g, "is_primary": False} for g in GEOGRAPHIES]),
        "city.yaml, field geographies: 0 are primary",
    ),
    "geography twice": (
        describe(geographies=[*GEOGRAPHIES, GEOGRAPHIES[1]]),
        "city.yaml, geography ward: is named twice",
    ),
    "source twice": (describe(sources=[*SOURCES, SOURCES[0]]), "city.yaml, source forum: is named twice"),
    "real source in a synthetic city": (
        describe(sources=[SOURCES[0] | {"is_synthetic": False}, SOURCES[1]]),
        "city.yaml, source forum: is_synthetic is False but the city's is True; synthetic and real rows never share",
    ),
    "unknown codebook": (
        describe(sources=[SOURCES[1] | {"options": {"codebook": "lost.yaml"}}]),
        "city.yaml, source pulse: names the codebook lost.yaml, which is not in configs/codebooks",
    ),
    "attribution of a lost file": (
        describe(attribution=[{"statement": "x", "licence": "y", "files": ["lost.csv"]}]),
        "city.yaml, field attribution: names lost.csv, which is not here",
    ),
    # SOURCES.md, thresholds.yaml, icc_index.yaml
    "no statement of sources": (
        lambda folder: (folder / "SOURCES.md").unlink(),
        "SOURCES.md: is missing; say where each file comes from and under which licence",
    ),
    "thresholds out of range": (
        swap("thresholds.yaml", "reliability: 0.8", "reliability: 80"),
        "thresholds.yaml, field reliability: Input should be less than or equal to 1",
    ),
    "a real index in a synthetic city": (
        lambda folder: write_yaml(folder / "icc_index.yaml", icc_index() | {"is_synthetic": False}),
        "icc_index.yaml, field is_synthetic: is False but the city's is True; no score is invented",
    ),
    # areas.csv
    "undeclared geography": (
        add("areas.csv", "parish,P1,Parish,1,1"),
        "areas.csv, column geography: parish not in city.yaml",
    ),
    "two areas of one name": (
        add("areas.csv", "ward,W3,Upper Ward,1,1"),
        "areas.csv, column name: Upper Ward used for several areas",
    ),
    "more adults than people": (
        swap("areas.csv", "Upper Ward,2000,1600", "Upper Ward,2000,2600"),
        "areas.csv, area W1: has more adults than people",
    ),
    "totals that differ from the age bands": (
        swap("areas.csv", "Eastfield,1000,800", "Eastfield,1001,801"),
        "areas.csv, column adults: is not the sum of population.csv for Q2",
    ),
    # boundaries
    "an area not drawn": (draw(*HOODS[:3]), "boundaries/hood.geojson: no boundary for Q4; draw it or remove"),
    "an area not listed": (
        draw(*HOODS, square("Q5", "Fifth", -1.6)),
        "boundaries/hood.geojson: Q5 not in areas.csv; add the area there or remove the feature",
    ),
    "an area drawn twice": (
        draw(*HOODS, square("Q4", "Westwood", -1.6)),
        "boundaries/hood.geojson: several features for Q4; make one multi-polygon",
    ),
    "another name in the boundaries": (
        draw({**HOODS[0], "properties": {"area": "Q1", "name": "Norgate"}}, *HOODS[1:]),
        "boundaries/hood.geojson, property name: differs from areas.csv for Q1",
    ),
    "overlapping areas": (
        draw(square("Q1", "Northgate", -2.0, 0.12), *HOODS[1:]),
        "boundaries/hood.geojson: Q1 and Q2 overlap by 20.0% of the smaller; share one border",
    ),
    "a broken boundary file": (
        lambda folder: (folder / "boundaries" / "ward.geojson").write_text("{"),
        "boundaries/ward.geojson: cannot be read",
    ),
    # adjacency.csv
    "a neighbour one way only": (
        swap("adjacency.csv", "hood,Q2,Q1\n", ""),
        "adjacency.csv, Q1 → Q2: is only given one way; add the row of the other way",
    ),
    "its own neighbour": (add("adjacency.csv", "hood,Q1,Q1"), "adjacency.csv, area Q1: is its own neighbour"),
    "an unknown neighbour": (
        swap("adjacency.csv", "hood,Q4,Q3", "hood,Q9,Q3"),
        "adjacency.csv, column area, geography hood: Q9 not in areas.csv",
    ),
    "a neighbour of another geography": (
        swap("adjacency.csv", "hood,Q3,Q4", "hood,Q3,W1"),
        "adjacency.csv, column neighbour, geography hood: W1 not in areas.csv",
    ),
    "neighbours in an undeclared geography": (
        swap("adjacency.csv", "ward,W1,W2\nward,W2,W1", "parish,W1,W2\nparish,W2,W1"),
        "adjacency.csv, column geography: parish not in city.yaml",
    ),
    # population.csv
    "a band missing for one area": (
        swap("population.csv", "Q3,16-64,600\n", ""),
        "population.csv: Q3 lack some age bands; give every area all of 0-15, 16-64, 65+",
    ),
    "an area without population": (
        swap("population.csv", "Q3,0-15,200\nQ3,16-64,600\nQ3,65+,200\n", ""),
        "population.csv: Q3 lack some age bands",
    ),
    "a gap between bands": (swap("population.csv", "16-64", "18-64"), "population.csv, column age_band: bands 0-15"),
    "overlapping bands": (swap("population.csv", "0-15", "0-20"), "leave a gap or overlap; start at 0, follow on"),
    "no open band": (swap("population.csv", "65+", "65-99"), "leave a gap or overlap"),
    "no band at the adult age": (
        lambda folder: write_yaml(folder / "thresholds.yaml", {"adult_age_years": 18}),
        "population.csv, column age_band: no band starts at 18, the adult age in thresholds.yaml",
    ),
    # margins.csv
    "a margin without the whole city": (
        swap("margins.csv", "tenure,own,,400,households,households\n", ""),
        "margins.csv, margin tenure, category own: has no row for the whole city",
    ),
    "a margin of some areas": (
        swap("margins.csv", "tenure,own,Q2,100,households,households\n", ""),
        "margins.csv, margin tenure, category own: has 3 of 4 areas; give all of them or none",
    ),
    "a margin that does not add up": (
        swap("margins.csv", "tenure,rent,,400", "tenure,rent,,500"),
        "margins.csv, margin tenure, category rent: areas add up to 400, the whole city is 500",
    ),
    # crosswalk.csv
    "shares that do not add up": (
        swap("crosswalk.csv", "Q1,ward,W1,1.0", "Q1,ward,W1,0.9"),
        "crosswalk.csv, geography ward: shares of Q1 do not add up to 1",
    ),
    "an area without a ward": (
        swap("crosswalk.csv", "Q4,ward,W2,1.0\n", ""),
        "crosswalk.csv, geography ward: shares of Q4 do not add up to 1",
    ),
    "an unknown ward": (
        swap("crosswalk.csv", "Q4,ward,W2", "Q4,ward,W9"),
        "crosswalk.csv, column other_area, geography ward: W9 not in areas.csv",
    ),
    "a crosswalk to the primary geography": (
        add("crosswalk.csv", "Q1,hood,Q1,1.0"),
        "crosswalk.csv, column geography: hood is no second geography",
    ),
    # codes of unknown areas
    **{
        f"an unknown area in {file}": (
            add(file, row),
            f"{file}, column area: Q9 not in areas.csv; mend the code or add",
        )
        for file, row in {
            "covariates.csv": "Q9,owned_share,0.5,share,2021",
            "aliases.csv": "Nowhere,Q9,locality",
            "codes.csv": "E01000009,Q9",
            "postcodes.csv": "QV9,Q9",
        }.items()
    },
}


def test_the_sound_folder_has_no_mistakes(quadville: Path) -> None:
    assert mistakes_of(quadville) == []


@pytest.fixture
def quadville(tmp_path: Path) -> Path:
    """Configs with the sound city in it."""
    write_quadville(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("breaks", "said"), CASES.values(), ids=CASES.keys())
def test_a_contradiction_is_found_and_told(quadville: Path, breaks: Break, said: str) -> None:
    breaks(quadville / "cities" / "quadville")
    found = mistakes_of(quadville)
    assert any(said in line for line in found), found


@pytest.mark.parametrize(("breaks", "said"), CASES.values(), ids=CASES.keys())
def test_every_line_names_a_file_and_what_to_do(quadville: Path, breaks: Break, said: str) -> None:
    breaks(quadville / "cities" / "quadville")
    for line in mistakes_of(quadville):
        file, _, advice = line.partition(": ")
        assert file.split(",")[0].endswith((".csv", ".yaml", ".md", ".geojson")), line
        assert "; " in advice, line


AT_ONCE = (
    "source twice",
    "no statement of sources",
    "thresholds out of range",
    "a real index in a synthetic city",
    "two areas of one name",
    "more adults than people",
    "an area drawn twice",
    "a neighbour one way only",
    "its own neighbour",
    "a band missing for one area",
    "a margin without the whole city",
    "shares that do not add up",
    "a crosswalk to the primary geography",
    "an unknown area in covariates.csv",
    "an unknown area in aliases.csv",
    "an unknown area in codes.csv",
    "an unknown area in postcodes.csv",
)


def test_many_mistakes_in_many_files_are_all_told_at_once(quadville: Path) -> None:
    for name in AT_ONCE:
        CASES[name][0](quadville / "cities" / "quadville")
    found = mistakes_of(quadville)
    untold = [name for name in AT_ONCE if not any(CASES[name][1] in line for line in found)]
    assert untold == []
    assert len(found) >= len(AT_ONCE)
    assert len(found) == len(set(found)), "nothing is told twice"


def test_a_city_file_that_cannot_be_read_does_not_hide_mistakes_elsewhere(quadville: Path) -> None:
    folder = quadville / "cities" / "quadville"
    (folder / "city.yaml").write_text("id: [", "utf-8")
    replace(folder / "population.csv", "Q1,0-15,200", "Q1,0-15,many")
    (folder / "SOURCES.md").unlink()
    found = mistakes_of(quadville)
    assert {line.split(",")[0].split(":")[0] for line in found} == {"city.yaml", "population.csv", "SOURCES.md"}


def test_bad_values_do_not_hide_contradictions_in_the_same_file(quadville: Path) -> None:
    folder = quadville / "cities" / "quadville"
    add("codes.csv", "E01000003,Q9")(folder)
    add("codes.csv", ",Q1")(folder)
    found = mistakes_of(quadville)
    assert len(found) == 2
    assert "Q9 not in areas.csv" in found[1]


@pytest.mark.parametrize(("share", "is_refused"), [(0.5 * OVERLAP_ALLOWED, False), (2 * OVERLAP_ALLOWED, True)])
def test_slivers_of_rounding_are_borne_and_real_overlaps_are_not(
    quadville: Path, share: float, is_refused: bool
) -> None:
    wider = square("Q1", "Northgate", -2.0, 0.1 * (1 + share))
    draw(wider, *HOODS[1:])(quadville / "cities" / "quadville")
    assert bool(mistakes_of(quadville)) == is_refused


@pytest.mark.parametrize(("whole", "is_refused"), [(400, False), (405, False), (395, False), (406, True), (394, True)])
def test_small_differences_of_a_margin_are_borne(quadville: Path, whole: int, is_refused: bool) -> None:
    """Censuses perturb cells to protect people: up to 5 (or half a percent) between the areas and the city is borne."""
    swap("margins.csv", "tenure,own,,400", f"tenure,own,,{whole}")(quadville / "cities" / "quadville")
    assert bool(mistakes_of(quadville)) == is_refused


@given(shares=st.lists(st.floats(0.01, 1.0), min_size=2, max_size=2))
def test_a_crosswalk_is_taken_exactly_when_its_shares_add_up(
    tmp_path_factory: pytest.TempPathFactory, shares: list[float]
) -> None:
    configs = tmp_path_factory.mktemp("configs")
    folder = write_quadville(configs)
    rows = f"Q1,ward,W1,{shares[0]}\nQ1,ward,W2,{shares[1]}\n"
    replace(folder / "crosswalk.csv", "Q1,ward,W1,1.0\n", rows)
    assert (mistakes_of(configs) == []) == (abs(sum(shares) - 1) <= 0.001)


@given(removed=st.sets(st.sampled_from(list(NAMES)), min_size=1))
def test_every_undrawn_area_is_named(tmp_path_factory: pytest.TempPathFactory, removed: set[str]) -> None:
    configs = tmp_path_factory.mktemp("configs")
    folder = write_quadville(configs)
    draw(*(f for f in HOODS if f["properties"]["area"] not in removed))(folder)
    found = mistakes_of(configs)
    if removed == set(NAMES):
        assert found == ["boundaries/hood.geojson: holds no area; draw every area of areas.csv"]
    else:
        assert found == [
            f"boundaries/hood.geojson: no boundary for {', '.join(sorted(removed))}; "
            "draw it or remove the area from areas.csv"
        ]
