"""The pages: every file of every release as it was published, a way in, and a description of the API to read."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import re
from pathlib import Path, PurePosixPath
from typing import Any

from fastapi import APIRouter, Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from barometer.published import MANIFEST
from barometer.serve.answers import FOR_EVER, SHORTLY
from barometer.serve.problems import NotFound
from barometer.serve.shelf import LATEST, Release, Shelf

# Files of a city's folder that belong to no release: the list of releases, and the pointer to the newest.
OF_CITY = ("index.html", LATEST)
_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".geojson": "application/geo+json",
    ".gpkg": "application/geopackage+sqlite3",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".jsonld": "application/ld+json",
    ".parquet": "application/vnd.apache.parquet",
}
_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<content>.*?)</script>", re.DOTALL | re.IGNORECASE)
_INLINE_STYLE = re.compile(r"<style\b|\sstyle\s*=", re.IGNORECASE)
_DATA_BLOCK = re.compile(r"type\s*=\s*[\"']?application/", re.IGNORECASE)
_ASKS_TO_EVALUATE = re.compile(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*'unsafe-eval'")
# The page's own policy stands at its very beginning.
_HEAD_CHARACTERS = 2_000


def site(shelf: Shelf, root: Path) -> APIRouter:
    """The routes of the pages. Names are looked up in what is on the shelf; no path is made from a request."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def home() -> Response:
        return _page("home.html.j2", cities=[releases[-1] for releases in shelf.cities.values()])

    @router.get("/docs")
    def docs(request: Request) -> Response:
        return _page("docs.html.j2", api=request.app.openapi())

    @router.get("/{city}/")
    def city_page(city: str) -> Response:
        return _of_city(shelf, root, city, "index.html")

    @router.get("/{city}/{name}")
    def city_file(city: str, name: str) -> Response:
        return _of_city(shelf, root, city, name)

    @router.get("/{city}/{release}/{name:path}")
    def release_file(city: str, release: str, name: str) -> Response:
        page = f"{name}index.html" if not name or name.endswith("/") else name
        return _of_release(shelf.named(city, release), page)

    return router


def _of_city(shelf: Shelf, root: Path, city: str, name: str) -> Response:
    known = shelf.of_city(city)[0].city
    found = [root / known / each for each in OF_CITY if each == name]
    if not found or not found[0].is_file():
        raise NotFound(f"{city} has no page {name!r}; see /{city}/")
    return _file(found[0].read_bytes(), name, SHORTLY)


def _of_release(release: Release, name: str) -> Response:
    if name == MANIFEST:
        return _file((release.folder / MANIFEST).read_bytes(), name, FOR_EVER)
    return _file(release.file(name), name, FOR_EVER)


def _file(content: bytes, name: str, kept: str) -> Response:
    kind = media_type(name)
    headers = {"content-type": kind, "cache-control": kept}
    if kind.startswith("text/html"):
        headers["content-security-policy"] = policy(content.decode("utf-8"))
    return Response(content, headers=headers)


def media_type(name: str) -> str:
    """The type of a published file by its name."""
    suffix = PurePosixPath(name).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def policy(page: str) -> str:
    """A Content-Security-Policy that lets a page run exactly the scripts it was published with, and fetch nothing else.

    Each inline script is allowed by its hash, so that nothing slipped into the page later would run. Whether a script
    may compile text (Vega without its interpreter must) is as the page's own policy says.
    """
    scripts = sorted({_hash(match["content"]) for match in _SCRIPT.finditer(page) if _is_script(match)})
    evaluates = ["'unsafe-eval'"] if _ASKS_TO_EVALUATE.search(page[:_HEAD_CHARACTERS]) else []
    allowed = " ".join(["'self'", *scripts, *evaluates])
    styles = "'self' 'unsafe-inline'" if _INLINE_STYLE.search(page) else "'self'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src {styles}; img-src 'self' data: blob:; "
        "font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def _is_script(match: re.Match[str]) -> bool:
    return bool(match["content"]) and not _DATA_BLOCK.search(match["attributes"])


def _hash(script: str) -> str:
    # A browser hashes what it parsed: line ends as LF.
    digest = hashlib.sha256(script.replace("\r\n", "\n").replace("\r", "\n").encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _page(template: str, **values: Any) -> Response:
    environment = Environment(
        loader=PackageLoader("barometer.serve", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return _file(environment.get_template(template).render(**values).encode(), "page.html", SHORTLY)
