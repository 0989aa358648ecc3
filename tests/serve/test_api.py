"""`/v1` answers what was published: filters, pages, forms, releases."""

from __future__ import annotations

import hashlib
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from starlette.testclient import TestClient

from tests.serve.conftest import FIRST, SECOND


def rows(client: TestClient, **asked: Any) -> list[dict[str, Any]]:
    return client.get("/v1/estimates", params={"limit": 50_000, **asked}).json()["data"]


@pytest.fixture(scope="module")
def newest(published: Path) -> pl.DataFrame:
    return pl.read_parquet(published / "sample" / SECOND / "estimates.parquet")


def test_cities_are_listed_with_their_newest_release(client: TestClient) -> None:
    (city,) = client.get("/v1/cities").json()["data"]
    assert (city["city"], city["newest_release"], city["releases"]) == ("sample", SECOND, 2)
    assert city["synthetic"] is True
    assert client.get(city["page"]).status_code == 200


def test_all_estimates_are_those_of_the_newest_release(client: TestClient, newest: pl.DataFrame) -> None:
    found = rows(client)
    assert len(found) == newest.height
    assert [row["value"] for row in found] == newest["value"].to_list()


def test_missing_numbers_say_why(client: TestClient) -> None:
    found = rows(client)
    assert all((row["value"] is None) == (row["missing_reason"] is not None) for row in found)
    assert {row["missing_reason"] for row in found} > {None}


def test_filters_choose_rows(client: TestClient, newest: pl.DataFrame) -> None:
    area = newest.filter(pl.col("geography") != "city")["area"][0]
    found = rows(client, indicator=["trust_council", "rumour_share"], area=area, city="sample")
    assert {(row["area"], row["indicator"]) for row in found} == {(area, "trust_council"), (area, "rumour_share")}
    whole = rows(client, geography="city", indicator="trust_council")
    assert {row["area"] for row in whole} == {"sample"}


def test_periods_are_chosen_by_the_days_they_cover(client: TestClient) -> None:
    late = rows(client, indicator="trust_council", period_from="2026-03-29")
    early = rows(client, indicator="trust_council", period_to="2025-11-03")
    assert {row["period_start"] for row in late} == {"2026-03-02"}
    assert {row["period_start"] for row in early} == {"2025-11-03"}
    assert rows(client, indicator="trust_council", period_from="2026-03-30") == []


def test_an_unknown_indicator_has_no_rows(client: TestClient) -> None:
    assert rows(client, indicator="nothing") == []


def test_the_past_is_told_as_it_was_published(client: TestClient, published: Path) -> None:
    then = client.get("/v1/estimates", params={"as_of": "2026-05-10", "limit": 50_000}).json()
    assert then["releases"] == {"sample": FIRST}
    first = pl.read_parquet(published / "sample" / FIRST / "estimates.parquet")
    assert [row["value"] for row in then["data"]] == first["value"].to_list()
    assert then["data"] == rows(client, release=FIRST)
    assert then["data"] != rows(client)


@pytest.mark.parametrize("limit", [1, 7, 400, 5_000])
def test_pages_followed_to_the_end_give_every_row_once(client: TestClient, limit: int) -> None:
    asked = {"indicator": "trust_council", "limit": limit}
    address: str | None = "/v1/estimates"
    found: list[dict[str, Any]] = []
    while address:
        page = client.get(address, params=asked if address == "/v1/estimates" else None)
        found += page.json()["data"]
        address = page.json()["next"]
        assert page.links.get("next", {}).get("url") == address
        if limit == 1 and len(found) > 5:
            return
    assert found == rows(client, indicator="trust_council")
    assert len(found) == page.json()["total"]


def test_every_form_has_the_same_rows(client: TestClient) -> None:
    asked = {"indicator": "trust_council", "limit": 5_000}
    wanted = [row["value"] for row in rows(client, indicator="trust_council")]
    csv = pl.read_csv(StringIO(client.get("/v1/estimates", params={**asked, "format": "csv"}).text))
    parquet = pl.read_parquet(BytesIO(client.get("/v1/estimates", params={**asked, "format": "parquet"}).content))
    geojson = client.get("/v1/estimates", params=asked, headers={"Accept": "application/geo+json"}).json()
    assert csv["value"].to_list() == parquet["value"].to_list() == wanted
    assert [feature["properties"]["value"] for feature in geojson["features"]] == wanted
    assert {(f["geometry"] is None) for f in geojson["features"] if f["properties"]["geography"] == "city"} == {True}
    assert {f["geometry"]["type"] for f in geojson["features"] if f["geometry"]} <= {"Polygon", "MultiPolygon"}


def test_csv_is_paged_by_its_link(client: TestClient) -> None:
    page = client.get("/v1/estimates?format=csv&limit=3")
    following = client.get(page.links["next"]["url"])
    assert page.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(page.text.splitlines()) == len(following.text.splitlines()) == 4
    assert page.text != following.text


def test_a_named_release_of_a_city_may_be_kept_for_ever(client: TestClient) -> None:
    named = client.get(f"/v1/estimates?city=sample&release={FIRST}&limit=1").headers["cache-control"]
    newest = client.get("/v1/estimates?city=sample&limit=1").headers["cache-control"]
    any_city = client.get(f"/v1/estimates?release={FIRST}&limit=1").headers["cache-control"]
    assert "immutable" in named
    assert newest == any_city == "public, max-age=60"


def test_indicators_come_with_their_words(client: TestClient) -> None:
    found = {row["indicator"]: row for row in client.get("/v1/indicators").json()["data"]}
    assert set(found) == {row["indicator"] for row in rows(client)}
    assert found["trust_council"]["maximum"] == 10.0
    assert found["trust_council"]["question"]


def test_rumours_are_told_by_their_words_only(client: TestClient) -> None:
    (claim,) = client.get("/v1/rumours").json()["data"]
    assert claim["terms"] == ["library", "closing", "sold"]
    assert claim["voices"] % 5 == 0
    assert claim["synthetic"] is True


def test_the_index_is_no_measure_of_trust(client: TestClient) -> None:
    found = client.get("/v1/index").json()
    assert "does not measure trust" in found["meaning"]
    assert len(found["data"][0]["scores"]) == 18


def test_releases_are_listed_with_the_hash_of_every_file(client: TestClient) -> None:
    found = client.get("/v1/releases?city=sample").json()["data"]
    assert [release["release"] for release in found] == [FIRST, SECOND]
    for file in found[-1]["files"]:
        content = client.get(file["address"]).content
        assert hashlib.sha256(content).hexdigest() == file["sha256"]


def test_who_approved_by_name_is_not_an_answer_of_the_api(client: TestClient) -> None:
    assert "A. Person" not in client.get("/v1/releases").text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v1/estimates?indicater=x", 400, "there is no parameter 'indicater' here"),
        ("/v1/estimates?limit=0", 400, "parameter limit"),
        ("/v1/estimates?as_of=soon", 400, "parameter as_of"),
        ("/v1/estimates?city=ghost", 404, "no city 'ghost' has published here"),
        ("/v1/estimates?release=2020-01-01-1", 404, "there is no release '2020-01-01-1'"),
        ("/v1/estimates?format=geojson&limit=5001", 400, "at most 5000 a page"),
        ("/v1/nothing", 404, "no city 'v1'"),
        ("/v1/cities?x=1", 400, "there is no parameter 'x'"),
    ],
)
def test_mistakes_are_told_in_words(client: TestClient, path: str, status: int, words: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail"}
    assert words in problem["detail"]
