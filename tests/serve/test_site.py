"""Pages and files: those that were published, with a policy that lets only their own scripts run."""

from __future__ import annotations

import base64
import hashlib
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from barometer.serve.app import create_app
from barometer.serve.site import media_type, policy
from tests.serve.conftest import FIRST, NO_LIMIT, SECOND, add_release, raised


def test_every_file_of_every_release_is_as_it_was_published(client: TestClient, published: Path) -> None:
    for name in (FIRST, SECOND):
        folder = published / "sample" / name
        for path in (path for path in folder.rglob("*") if path.is_file()):
            answer = client.get(f"/sample/{name}/{path.relative_to(folder).as_posix()}")
            assert answer.content == path.read_bytes()
            assert "immutable" in answer.headers["cache-control"]


def test_the_way_in_names_the_city_and_that_it_is_synthetic(client: TestClient) -> None:
    page = client.get("/").text
    assert "Sample City" in page
    assert "SYNTHETIC" in page
    assert f"/sample/{SECOND}/index.html" in page


def test_without_releases_the_way_in_says_so(tmp_path: Path) -> None:
    empty = TestClient(create_app(tmp_path / "none", NO_LIMIT))
    assert "No city has published yet" in empty.get("/").text
    assert empty.get("/v1/estimates").json()["data"] == []
    assert empty.get("/ogc/collections").json()["collections"] == []


def test_the_list_of_releases_and_the_pointer_are_there(client: TestClient, published: Path) -> None:
    assert client.get("/sample/").content == (published / "sample" / "index.html").read_bytes()
    assert client.get("/sample/latest.json").json()["release"] == SECOND
    assert client.get(f"/sample/{FIRST}/").content == client.get(f"/sample/{FIRST}/index.html").content


@pytest.mark.parametrize(
    "path",
    [
        "/sample/../../../etc/passwd",
        "/sample/%2e%2e/%2e%2e/etc/passwd",
        f"/sample/{FIRST}/%2e%2e/%2e%2e/latest.json",
        f"/sample/{FIRST}/..%2f..%2flatest.json",
        f"/sample/{FIRST}/%2fetc%2fpasswd",
        f"/sample/{FIRST}/..\\..\\latest.json",
        "/sample/.lock",
        "/sample/.staging/x",
        "/sample/secret.txt",
        f"/sample/{FIRST}/estimates.csv%00.html",
        "/..%2fsample/latest.json",
    ],
)
def test_nothing_outside_a_release_can_be_had(published: Path, client: TestClient, path: str) -> None:
    secret = published / "sample" / "secret.txt"
    secret.write_text("not for you", "utf-8")
    answer = client.get(path)
    secret.unlink()
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@given(st.text(min_size=1, max_size=60))
@example("\n")
@example("index.html\n")
def test_no_name_gives_what_was_not_published(client: TestClient, published: Path, name: str) -> None:
    answer = client.get(f"/sample/{FIRST}/{quote(name, safe='')}")
    assert answer.status_code in (200, 404)
    if answer.status_code == 200:
        folder = published / "sample" / FIRST
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
        assert name in names or not name.strip("/.")


def test_a_folder_of_a_release_is_its_index_page(own_releases: Path) -> None:
    def with_folder(folder: Path) -> None:
        (folder / "more").mkdir()
        (folder / "more" / "index.html").write_text("<p>Hej", "utf-8")

    add_release(own_releases / "sample" / FIRST, "2026-05-13-1", with_folder)
    client = TestClient(create_app(own_releases, NO_LIMIT))
    assert client.get("/sample/2026-05-13-1/more/").text == "<p>Hej"
    assert client.get("/sample/2026-05-13-1/more/index.html").text == "<p>Hej"


def test_an_altered_page_is_not_given_out(own_releases: Path) -> None:
    page = own_releases / "sample" / FIRST / "index.html"
    page.write_text(page.read_text("utf-8") + "<script>alert(1)</script>", "utf-8")
    answer = TestClient(create_app(own_releases, NO_LIMIT)).get(f"/sample/{FIRST}/index.html")
    assert answer.status_code == 410
    assert "index.html is not as it was approved" in answer.json()["detail"]


def test_a_new_release_is_given_out_without_a_restart(own_releases: Path) -> None:
    app = create_app(own_releases, NO_LIMIT)
    client = TestClient(app)
    assert client.get("/v1/cities").json()["data"][0]["newest_release"] == SECOND
    add_release(own_releases / "sample" / FIRST, "2026-05-13-1", raised)
    time.sleep(1.05)
    assert client.get("/v1/cities").json()["data"][0]["newest_release"] == "2026-05-13-1"


def test_a_page_may_run_its_own_scripts_and_no_others(client: TestClient) -> None:
    stated = client.get(f"/sample/{FIRST}/index.html").headers["content-security-policy"]
    scripts = next(part for part in stated.split("; ") if part.startswith("script-src"))
    assert "'unsafe-inline'" not in scripts
    assert scripts == "script-src 'self'"
    assert "http" not in stated


def test_a_script_is_allowed_by_the_hash_a_browser_works_out() -> None:
    hashed = base64.b64encode(hashlib.sha256(b"a\nb").digest()).decode()
    assert f"'sha256-{hashed}'" in policy("<script>a\r\nb</script>")
    assert f"'sha256-{hashed}'" in policy('<SCRIPT type="module">a\nb</SCRIPT>')


def test_styles_stand_in_a_page_only_where_it_has_some() -> None:
    assert "style-src 'self';" in policy('<link rel="stylesheet" href="style.css">')
    assert "style-src 'self' 'unsafe-inline';" in policy("<style>p { margin: 0 }</style>")
    assert "style-src 'self' 'unsafe-inline';" in policy('<p style="margin: 0">')


def test_data_in_a_page_is_not_a_script() -> None:
    assert "sha256" not in policy('<script type="application/json">{"a": 1}</script>')
    assert "sha256" not in policy('<script src="page.js"></script>')


def test_text_is_compiled_only_where_the_page_itself_says_it_must_be() -> None:
    asks = """<meta http-equiv="Content-Security-Policy" content="script-src 'unsafe-eval'">"""
    assert "'unsafe-eval'" in policy(asks)
    assert "'unsafe-eval'" not in policy("<p>'unsafe-eval'</p>")


def test_the_description_can_be_read_without_another_place(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "/v1/estimates" in page
    assert "<script" not in page
    assert "https://" not in page.replace("https://creativecommons.org", "")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "text/csv; charset=utf-8"),
        ("a.geojson", "application/geo+json"),
        ("a.gpkg", "application/geopackage+sqlite3"),
        ("catalogue.jsonld", "application/ld+json"),
        ("page.js", "text/javascript"),
        ("page.css", "text/css"),
        ("unknown", "application/octet-stream"),
    ],
)
def test_files_have_their_type(name: str, kind: str) -> None:
    assert media_type(name) == kind
