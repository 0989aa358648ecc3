"""OGC API Features, part 1: the requirements of core that a client leans on."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box, shape
from starlette.testclient import TestClient

from barometer.serve.ogc import box_of, interval_of

ITEMS = "/ogc/collections/sample-msoa21/items"


def items(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.get(ITEMS, params=asked)
    assert answer.headers["content-type"] == "application/geo+json"
    return answer.json()


def test_the_way_in_leads_to_everything(client: TestClient) -> None:
    links = {link["rel"]: link["href"] for link in client.get("/ogc").json()["links"]}
    assert {"self", "service-desc", "service-doc", "conformance", "data"} <= set(links)
    assert all(client.get(href).status_code == 200 for href in links.values())


def test_it_states_what_it_keeps_to(client: TestClient) -> None:
    stated = client.get("/ogc/conformance").json()["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in stated


def test_a_collection_has_an_extent_that_holds_its_features(client: TestClient) -> None:
    (collection,) = client.get("/ogc/collections").json()["collections"]
    assert collection == client.get("/ogc/collections/sample-msoa21").json()
    bounds = box(*collection["extent"]["spatial"]["bbox"][0])
    assert all(bounds.covers(shape(f["geometry"])) for f in items(client, limit=1_000)["features"])
    assert {"self", "items", "license"} == {link["rel"] for link in collection["links"]}


def test_pages_followed_give_every_feature_once(client: TestClient) -> None:
    page, found = items(client, limit=25), []
    while True:
        found += [feature["id"] for feature in page["features"]]
        assert page["numberReturned"] == len(page["features"])
        following = [link["href"] for link in page["links"] if link["rel"] == "next"]
        if not following:
            break
        page = client.get(following[0]).json()
    assert len(found) == len(set(found)) == page["numberMatched"]


def test_ten_features_unless_asked_otherwise(client: TestClient) -> None:
    assert items(client)["numberReturned"] == 10


def test_a_box_gives_what_it_touches_and_nothing_else(client: TestClient) -> None:
    everything = items(client, limit=1_000)["features"]
    west, south, east, north = shape(everything[0]["geometry"]).bounds
    asked = f"{west:.6f},{south:.6f},{east:.6f},{north:.6f}"
    found = {feature["id"] for feature in items(client, limit=1_000, bbox=asked)["features"]}
    wanted = {f["id"] for f in everything if shape(f["geometry"]).intersects(box(*box_of(asked)))}
    assert found == wanted
    assert 0 < len(found) < len(everything)
    assert items(client, bbox="0,0,1,1")["features"] == []


def test_a_box_over_the_180th_meridian_is_taken(client: TestClient) -> None:
    assert items(client, bbox="170,-80,-170,80")["numberMatched"] == 0
    assert items(client, bbox="-10,-80,-170,80")["numberMatched"] == items(client)["numberMatched"]


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ("2026-03-10", True),
        ("2020-01-01", False),
        ("2026-01-01T00:00:00Z/..", True),
        ("../2024-01-01", False),
        ("/2026-12-31", True),
    ],
)
def test_a_time_chooses_areas_with_figures_then(client: TestClient, asked: str, fits: bool) -> None:
    assert bool(items(client, datetime=asked)["numberMatched"]) is fits


@pytest.mark.parametrize(
    "asked",
    [{"bbox": "1,2,3"}, {"bbox": "0,5,1,4"}, {"bbox": "0,0,200,1"}, {"bbox": "a,b,c,d"}, {"datetime": "soon"},
     {"datetime": "../.."}, {"datetime": "2026-02-01/2026-01-01"}, {"limit": 0}, {"colour": "red"},
     {"datetime": "0001-01-01T00:00:00+10:00"}],
)  # fmt: skip
def test_a_parameter_that_is_wrong_or_unknown_is_400(client: TestClient, asked: dict[str, Any]) -> None:
    answer = client.get(ITEMS, params=asked)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_one_feature_can_be_had_by_its_id(client: TestClient) -> None:
    feature = items(client)["features"][0]
    found = client.get(f"{ITEMS}/{feature['id']}").json()
    assert found["properties"] == feature["properties"]
    assert {link["rel"] for link in found["links"]} == {"self", "collection"}
    assert client.get(f"{ITEMS}/nothing").status_code == 404
    assert client.get("/ogc/collections/nothing/items").status_code == 404


@given(st.dates(), st.dates())
def test_an_interval_is_read_as_it_is_written(one: date, other: date) -> None:
    first, last = sorted((one, other))
    assert interval_of(f"{first.isoformat()}/{last.isoformat()}") == (first, last)
    assert interval_of(first.isoformat()) == (first, first)


@given(st.text(max_size=40))
def test_no_text_but_a_time_is_taken_for_one(text: str) -> None:
    try:
        first, last = interval_of(text)
    except ValueError:
        return
    assert first <= last
