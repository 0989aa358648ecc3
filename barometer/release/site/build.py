"""Writes the pages of a release into its folder, beside the data files they offer. The same content, the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import vl_convert

from barometer.night import Night
from barometer.release.content import Content
from barometer.release.language import Language, load_language
from barometer.release.site import (
    brief,
    compare,
    data_page,
    index_page,
    map_page,
    methods,
    neighbourhood,
    overview,
    record_page,
    rumours_page,
)
from barometer.release.site.drawings import locator
from barometer.release.site.script_data import FIGURES_FILE, figures_script
from barometer.release.site.view import Site, View

VEGA_LITE = "6.4"
ASSETS = Path(__file__).parent / "assets"
_SINGLE = (overview, map_page, compare, rumours_page, index_page, methods, data_page)


def write_site(folder: Path, content: Content, night: Night) -> None:
    """Every page in every language of the city, drafts all: nobody has approved them yet. Call it when `folder` has its
    data files, whose sizes it states."""
    site = Site(content, night, folder)
    languages = site_languages(night)
    write_assets(folder, site)
    for language in languages:
        view = View(site, language, languages)
        _path(folder / view.brief).write_bytes(brief.render(view))
        for file, page in render_pages(view):
            _write(folder / file, page)


def site_languages(night: Night) -> tuple[Language, ...]:
    """The city's languages. Raises `BadConfiguration` where one has no catalogue."""
    return tuple(load_language(code, night.settings.configs) for code in night.city.site_languages)


def render_pages(view: View) -> Iterator[tuple[str, str]]:
    """Place below the release's folder, and text, of every page in the language of `view`."""
    for module in _SINGLE:
        yield f"{view.prefix}{module.FILE}", module.render(view)
    if record_page.has_record(view):
        yield f"{view.prefix}{record_page.FILE}", record_page.render(view)
    for file, page in neighbourhood.render_all(view):
        yield f"{view.prefix}{file}", page


def write_assets(folder: Path, site: Site) -> None:
    """What pages share: style, scripts, figures, outline of the city."""
    city = site.night.city
    for source in sorted(ASSETS.iterdir()):
        shutil.copyfile(source, _path(folder / "assets" / source.name))
    _write(folder / "assets" / "vega.js", vega_bundle())
    _write(folder / "assets" / "city.svg", locator(city.boundaries(city.primary)))
    _write(folder / FIGURES_FILE, figures_script(site))


@cache
def vega_bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, from the installed package."""
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    return bundle


def _write(path: Path, text: str) -> None:
    _path(path).write_text(text, "utf-8")


def _path(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
