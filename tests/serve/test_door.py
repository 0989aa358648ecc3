"""Methods, rate limit, answers kept, validators, compression and headers of every answer."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from barometer.serve.app import ServeSettings, create_app
from barometer.serve.door import AnswerCache, Buckets, Door, Kept, accepts_gzip
from tests.serve.conftest import FIRST

ESTIMATES = "/v1/estimates?limit=50"


class Hand:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_everything_is_for_reading(client: TestClient, method: str) -> None:
    answer = client.request(method, "/v1/cities")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert answer.json()["detail"] == "everything here is for reading: use GET"


@pytest.mark.parametrize("path", ["/%0A", "/v1/cities%0A", "/sample/%0A", "/v1/\u202ecities", "/v1/%00"])
def test_an_address_with_a_character_that_cannot_be_seen_is_none(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "characters that cannot be seen" in answer.json()["detail"]


def test_head_is_get_without_a_body(client: TestClient) -> None:
    get, head = client.get(ESTIMATES), client.head(ESTIMATES)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["etag"] == get.headers["etag"]


def test_other_pages_scripts_may_read(client: TestClient) -> None:
    asked = client.options("/v1/cities", headers={"Origin": "https://example.org"})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    answer = client.get("/v1/cities", headers={"Origin": "https://example.org"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/cities", "/v1/nothing", "/", f"/sample/{FIRST}/index.html", "/ogc"])
def test_every_answer_has_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_an_answer_that_is_known_is_not_sent_again(client: TestClient) -> None:
    etag = client.get(ESTIMATES).headers["etag"]
    for known in (etag, f'"other", {etag}', etag.removeprefix("W/"), "*"):
        again = client.get(ESTIMATES, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    assert client.get(ESTIMATES, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_problem_has_no_validator_and_is_not_kept(client: TestClient) -> None:
    answer = client.get("/v1/estimates?limit=0", headers={"If-None-Match": "*"})
    assert answer.status_code == 400
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


def test_long_text_is_compressed_for_those_who_take_it(client: TestClient) -> None:
    plain = client.get(ESTIMATES, headers={"Accept-Encoding": "identity"})
    with client.stream("GET", ESTIMATES, headers={"Accept-Encoding": "gzip"}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) == len(raw) < len(plain.content) / 3
    assert gzip.decompress(raw) == plain.content
    assert packed.headers["etag"] == plain.headers["etag"]
    assert "content-encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["vary"]


def test_parquet_is_not_compressed_again(client: TestClient) -> None:
    answer = client.get("/v1/estimates?format=parquet", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("header", "taken"),
    [(b"gzip", True), (b"br, GZIP;q=0.5", True), (b"*", True), (b"gzip;q=0", False), (b"br", False), (b"", False)],
)
def test_who_takes_gzip(header: bytes, taken: bool) -> None:
    assert accepts_gzip(header) is taken


def test_too_many_requests_are_told_when_to_come_again(published: Path) -> None:
    limited = TestClient(create_app(published, ServeSettings(requests_per_second=0.5, burst=3)))
    statuses = [limited.get("/v1/cities").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = limited.get("/v1/cities")
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert "try again in" in refused.json()["detail"]
    assert refused.headers["access-control-allow-origin"] == "*"


def test_one_clients_haste_does_not_hold_up_another() -> None:
    buckets = Buckets(1, 1, Hand())
    assert buckets.wait_s("a") == 0
    assert buckets.wait_s("a") > 0
    assert buckets.wait_s("b") == 0


def test_after_the_stated_wait_there_is_a_token() -> None:
    clock = Hand()
    buckets = Buckets(2, 1, clock)
    buckets.wait_s("a")
    wait = buckets.wait_s("a")
    assert wait == pytest.approx(0.5)
    clock.now += wait
    assert buckets.wait_s("a") == 0


@given(st.lists(st.floats(0, 3), max_size=60), st.floats(0.1, 10), st.integers(1, 20))
def test_never_more_than_the_burst_and_what_time_allows(gaps: list[float], rate: float, burst: int) -> None:
    clock = Hand()
    buckets = Buckets(rate, burst, clock)
    allowed = 0
    for gap in gaps:
        clock.now += gap
        allowed += buckets.wait_s("a") == 0
    assert allowed <= burst + rate * sum(gaps) + 1e-6


def test_buckets_of_many_clients_stay_bounded() -> None:
    buckets = Buckets(1, 1, Hand())
    for number in range(10_050):
        buckets.wait_s(str(number))
    assert len(buckets._left) == 10_000


def test_kept_answers_are_bounded_by_number_and_bytes() -> None:
    cache = AnswerCache(most=2, most_bytes=10)
    for key, size in (("a", 4), ("b", 4), ("c", 4)):
        cache.get((key,), 1)
        cache.put((key,), Kept(200, (), b"x" * size))
    assert cache.get(("a",), 1) is None
    assert cache.get(("c",), 1) is not None
    cache.put(("d",), Kept(200, (), b"x" * 11))
    assert cache.get(("d",), 1) is None


def test_kept_answers_go_when_the_shelf_changes() -> None:
    cache = AnswerCache()
    cache.get(("a",), 1)
    cache.put(("a",), Kept(200, (), b"x"))
    assert cache.get(("a",), 1) is not None
    assert cache.get(("a",), 2) is None


def test_what_was_not_foreseen_is_said_and_logged_without_its_insides(caplog: pytest.LogCaptureFixture) -> None:
    async def breaks(scope: object, receive: object, send: object) -> None:
        raise RuntimeError("insides")

    door = Door(breaks, version=lambda: 0, buckets=None)
    answer = TestClient(door, raise_server_exceptions=False).get("/x")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "insides" not in answer.text
    assert "insides" in caplog.text


def test_the_same_question_is_answered_with_the_same_bytes(client: TestClient, published: Path) -> None:
    fresh = TestClient(create_app(published, ServeSettings(requests_per_second=0)))
    assert client.get(ESTIMATES).content == client.get(ESTIMATES).content == fresh.get(ESTIMATES).content
