"""The Python client against the application itself, and against services that fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import httpx
import polars as pl
import pytest
from starlette.testclient import TestClient

from barometer import client as module
from barometer.client import ATTEMPTS, Barometer
from barometer.errors import ServiceRefused, ServiceUnavailable
from barometer.serve.app import create_app
from tests.serve.conftest import FIRST, NO_LIMIT, SECOND


@pytest.fixture(scope="module")
def barometer(published: Path) -> Iterator[Barometer]:
    inside = TestClient(create_app(published, NO_LIMIT))

    def ask(request: httpx.Request) -> httpx.Response:
        answer = inside.get(str(request.url), headers={"Accept-Encoding": "identity"})
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)

    with Barometer("http://testserver/", transport=httpx.MockTransport(ask)) as found:
        yield found


def answering(handler: Callable[[httpx.Request], httpx.Response]) -> tuple[Barometer, list[float]]:
    waits: list[float] = []
    return Barometer("http://b", transport=httpx.MockTransport(handler), sleep=waits.append), waits


def test_estimates_are_the_very_rows_that_were_published(barometer: Barometer, published: Path) -> None:
    found = barometer.estimates()
    assert found.equals(pl.read_parquet(published / "sample" / SECOND / "estimates.parquet"))


def test_filters_and_the_past(barometer: Barometer, published: Path) -> None:
    then = barometer.estimates(indicator=["trust_council"], as_of=date(2026, 5, 10), geography="city")
    first = pl.read_parquet(published / "sample" / FIRST / "estimates.parquet")
    assert then.equals(first.filter(pl.col("indicator") == "trust_council", pl.col("geography") == "city"))
    assert barometer.estimates(release=FIRST, city="sample").equals(first)
    late = barometer.estimates(indicator="trust_council", period_from=date(2026, 3, 1), period_to=date(2026, 4, 1))
    assert late["period_start"].unique().to_list() == [date(2026, 3, 2)]


def test_pages_are_followed(barometer: Barometer, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = barometer.estimates(indicator="trust_council")
    monkeypatch.setattr(module, "PAGE_ROWS", 30)
    assert barometer.estimates(indicator="trust_council").equals(whole)


def test_no_rows_still_have_their_columns(barometer: Barometer) -> None:
    found = barometer.estimates(indicator="nothing")
    assert found.height == 0
    assert found.schema["value"] == pl.Float64


def test_the_other_tables(barometer: Barometer) -> None:
    assert barometer.cities()["city"].to_list() == ["sample"]
    assert barometer.releases("sample").schema["night"] == pl.Date
    assert "trust_council" in barometer.indicators(city="sample")["indicator"].to_list()
    assert barometer.rumours()["first_seen"].to_list() == [date(2026, 4, 2)]
    index = barometer.index(release=SECOND)
    assert index.height == 18
    assert set(index.columns) >= {"city", "year", "index", "core", "extended"}


def test_a_refusal_is_in_the_services_own_words(barometer: Barometer) -> None:
    with pytest.raises(ServiceRefused, match=r"no city 'ghost' has published here; cities are: sample \(HTTP 404\)"):
        barometer.estimates(city="ghost")


def test_a_busy_service_is_asked_again_when_it_says_so() -> None:
    answers = iter([httpx.Response(429, headers={"retry-after": "7"}), httpx.Response(200, json={"data": []})])
    barometer, waits = answering(lambda _: next(answers))
    assert barometer.cities().is_empty()
    assert waits == [7.0]


def test_a_service_that_stays_busy_is_given_up() -> None:
    barometer, waits = answering(lambda _: httpx.Response(503))
    with pytest.raises(ServiceUnavailable, match="no reason given"):
        barometer.cities()
    assert waits == [1.0] * ATTEMPTS


def test_a_service_that_cannot_be_reached_is_said_in_words() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    barometer, _ = answering(refuse)
    with pytest.raises(ServiceUnavailable, match="cannot be reached"):
        barometer.indicators()
