"""The masking set: what has to be found of every kind and naming tradition, and that the report is of this code."""

from __future__ import annotations

import re

import pytest

from barometer.city import load_city
from barometer.prepare.masks import mask_by_rule
from barometer.prepare.privacy import CityDoor, city_door
from barometer.settings import PROJECT, Settings
from benchmarks import bench_masking
from tests.prepare import masking_cases as cases

LEAST_OF_KIND = 0.98
LEAST_OF_NAMES = 0.94
LEAST_OF_A_TRADITION = 0.75
LEAST_OF_UNSEEN_NAMES = 0.8
MOST_MASKED_WRONGLY = 0.1


@pytest.fixture(scope="module")
def bradford(tmp_path_factory: pytest.TempPathFactory) -> CityDoor:
    home = tmp_path_factory.mktemp("bradford")
    return city_door(load_city("bradford", PROJECT / "configs"), Settings(home=home))


def test_the_set_is_as_large_and_as_wide_as_it_says() -> None:
    names = [name for people in cases.NAMES.values() for name in people]
    unseen = [name for people in cases.NAMES_UNSEEN.values() for name in people]
    assert len(cases.patterned()) + len(names) >= 260
    assert len(cases.patterned()) + len(names) + len(unseen) + len(cases.NOBODY) >= 350
    assert len(set(names + unseen)) == len(names + unseen)
    assert set(cases.NAMES) == set(cases.NAMES_UNSEEN)


@pytest.mark.parametrize("kind", cases.PATTERNED)
def test_what_has_a_pattern_is_found(bradford: CityDoor, kind: str) -> None:
    assert cases.recall_of_kinds(bradford.mask)[kind] >= LEAST_OF_KIND


def test_names_are_found_in_every_tradition(bradford: CityDoor) -> None:
    scores = cases.scores_of_names(bradford.mask)
    recalls = [recall for recall, _ in scores.values()]
    assert sum(recalls) / len(recalls) >= LEAST_OF_NAMES
    assert min(recalls) >= LEAST_OF_A_TRADITION


def test_names_never_met_are_found_too(bradford: CityDoor) -> None:
    recalls = [recall for recall, _ in cases.scores_of_names(bradford.mask, cases.NAMES_UNSEEN).values()]
    assert sum(recalls) / len(recalls) >= LEAST_OF_UNSEEN_NAMES


def test_masking_a_name_leaves_the_rest(bradford: CityDoor) -> None:
    precisions = [precision for _, precision in cases.scores_of_names(bradford.mask).values()]
    assert sum(precisions) / len(precisions) >= 0.98


def test_sentences_about_nobody_mostly_stay_whole(bradford: CityDoor) -> None:
    assert len(cases.masked_wrongly(bradford.mask)) / len(cases.NOBODY) <= MOST_MASKED_WRONGLY


def test_masking_the_set_twice_is_masking_it_once(bradford: CityDoor) -> None:
    texts = [case[2] for case in (*cases.patterned(), *cases.named())]
    once = bradford.mask(texts)
    assert bradford.mask(once) == once


def test_the_page_in_the_documents_is_of_this_code(bradford: CityDoor) -> None:
    page = (PROJECT / "docs" / "masking.md").read_text("utf-8")
    assert page == bench_masking.report(bradford.mask)


@pytest.mark.parametrize(
    "text",
    [
        "A650 AND A647 ARE SHUT",
        "THE 662 BUS 662D NEVER CAME",
        "BD10 BUS IS LATE, BD12 THE SAME",
        "bd10 bus, bd18 the shops",
        "M62 CAR FIRE",
        "room B12 and form P45",
        "covid19 and b4 and 2nite",
    ],
)
def test_roads_buses_and_districts_are_no_plates(text: str) -> None:
    assert "[plate]" not in mask_by_rule(text, "GB")


@pytest.mark.parametrize(("text", "country"), [("ABC 123", "SE"), ("ABC 12D", "SE"), ("AB12 CDE", "GB")])
def test_a_plate_is_masked_where_it_is_one(text: str, country: str) -> None:
    assert mask_by_rule(f"saw {text} again", country) == "saw [plate] again"
    assert mask_by_rule(f"saw {text} again", "ES") == f"saw {text} again"


def test_no_address_of_the_set_could_be_anybodys() -> None:
    # given the addresses of the set: all of domains kept for examples, or of none
    for secret in cases.PATTERNED["email"][1]:
        assert re.search(r"example\.|localhost", secret.lower())
