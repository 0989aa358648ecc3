"""The pages of the sample city's release, read once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from barometer.night import Night
from barometer.release.content import Content, collect_content
from barometer.release.language import ENGLISH, load_language
from barometer.release.site.build import site_languages
from barometer.release.site.view import Site, View
from tests.release.site.reading import Page


@pytest.fixture(scope="session")
def content(sample: Night) -> Content:
    return collect_content(sample)


@pytest.fixture(scope="session")
def site(sample: Night, content: Content, drafted: Path) -> Site:
    return Site(content, sample, drafted)


@pytest.fixture(scope="session")
def view(site: Site) -> View:
    """In English."""
    return View(site, ENGLISH, site_languages(site.night))


@pytest.fixture(scope="session")
def swedish(site: Site) -> View:
    return View(site, load_language("sv", site.night.settings.configs), site_languages(site.night))


@pytest.fixture(scope="session")
def pages(released: Path) -> dict[str, Page]:
    """Place in the release -> page, for every kind of page and three neighbourhoods of each language."""
    return {path.relative_to(released).as_posix(): Page(path.read_text("utf-8")) for path in _chosen(released)}


def _chosen(released: Path) -> Iterator[Path]:
    for folder in (released, released / "sv"):
        yield from sorted(folder.glob("*.html"))
        yield from sorted((folder / "neighbourhoods").glob("*.html"))[::25]
