"""The application in a real server, asked over real sockets: what an operator starts and a researcher uses."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import polars as pl
import pytest
import uvicorn
from starlette.testclient import TestClient

from barometer.client import Barometer
from barometer.serve.app import ServeSettings, create_app, from_environment
from tests.serve.conftest import FIRST, NO_LIMIT, SECOND


@pytest.fixture(scope="module")
def address(published: Path) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(published, NO_LIMIT), log_level="warning", server_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)


def test_a_researcher_reads_now_and_then(address: str, published: Path) -> None:
    with Barometer(address) as trust:
        now, then = trust.estimates(), trust.estimates(as_of=date(2026, 5, 10))
    assert now.equals(pl.read_parquet(published / "sample" / SECOND / "estimates.parquet"))
    assert then.equals(pl.read_parquet(published / "sample" / FIRST / "estimates.parquet"))


def test_a_browser_follows_from_the_way_in_to_the_page(address: str) -> None:
    with httpx.Client(base_url=address, follow_redirects=True) as browser:
        assert browser.get("/sample").url.path == "/sample/"
        assert "SYNTHETIC" in browser.get("/").text
        page = browser.get(f"/sample/{SECOND}/index.html")
    assert page.status_code == 200
    assert "server" not in page.headers
    assert page.headers["content-encoding"] == "gzip"


def test_what_has_not_changed_is_not_sent_again(address: str) -> None:
    with httpx.Client(base_url=address) as reader:
        first = reader.get("/v1/estimates?indicator=trust_council")
        again = reader.get("/v1/estimates?indicator=trust_council", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_request_for_a_path_above_the_root_gets_nothing(address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(b"GET /sample/../../../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"root:" not in answer


def test_a_workers_application_is_made_from_the_environment(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAROMETER_RELEASES", str(published))
    monkeypatch.setenv("BAROMETER_SERVE_REQUESTS_PER_SECOND", "1")
    monkeypatch.setenv("BAROMETER_SERVE_BURST", "2")
    client = TestClient(from_environment())
    assert [client.get("/v1/cities").status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("wrong", [{"requests_per_second": -1}, {"burst": 0}])
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="greater than or equal"):
        ServeSettings(**wrong)
