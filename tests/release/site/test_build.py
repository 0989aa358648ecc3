"""The pages as files: complete, sound HTML, linked, safe, small, and in every language of the city."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from barometer.errors import BadConfiguration
from barometer.release.content import Content
from barometer.release.language import ENGLISH
from barometer.release.site import overview
from barometer.release.site.build import render_pages, site_languages
from barometer.release.site.view import PAGES, Site, View
from tests.release.site.reading import Page, is_outside, target

LARGEST_FIRST_LOAD_BYTES = 1_500_000
LARGEST_SITE_BYTES = 12_000_000
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
)


def test_every_page_is_there_in_both_languages(released: Path, site: Site) -> None:
    for folder in (released, released / "sv"):
        assert {path.name for path in folder.glob("*.html")} == set(PAGES)
        assert len(list((folder / "neighbourhoods").glob("*.html"))) == len(site.areas) == 63


def test_every_tag_is_ended_where_it_must_be(pages: dict[str, Page]) -> None:
    assert {name: (page.stray, page.unclosed) for name, page in pages.items() if page.stray or page.unclosed} == {}


def test_ids_are_unique_on_every_page(pages: dict[str, Page]) -> None:
    assert [name for name, page in pages.items() if len(set(page.ids)) != len(page.ids)] == []


def test_labels_and_descriptions_point_at_something(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        wanted = [
            each
            for _, attrs in page.tags
            for key in ("aria-labelledby", "aria-describedby", "for")
            for each in str(attrs.get(key) or "").split()
        ]
        assert set(wanted) <= set(page.ids), name
        labelled = {attrs.get("for") for tag, attrs in page.tags if tag == "label"}
        assert {attrs["id"] for tag, attrs in page.tags if tag in ("select", "input")} <= labelled, name


def test_headings_are_in_order_with_one_title(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
        assert levels.count(1) == 1, name
        assert levels[0] == 1, name
        assert all(after - before <= 1 for before, after in pairwise(levels)), name


def test_landmarks_and_a_way_past_them_are_there(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        tags = [tag for tag, _ in page.tags]
        assert [tags.count(landmark) for landmark in ("header", "main", "footer")] == [1, 1, 1], name
        first_link = next(attrs for tag, attrs in page.tags if tag == "a")
        assert first_link["class"] == "skip", name
        assert str(first_link["href"])[1:] in page.ids, name


def test_every_link_leads_to_a_file_of_the_release_and_a_place_in_it(pages: dict[str, Page], released: Path) -> None:
    broken = []
    for name, page in pages.items():
        for address in page.addresses("a", "link", "script", "img"):
            if is_outside(address) or address.startswith("data:"):
                continue
            path, fragment = target(released / name, address)
            place = path.relative_to(released.resolve()).as_posix()
            is_there = path.is_file() and (
                place not in pages or not fragment or "=" in fragment or fragment in pages[place].ids
            )
            broken += [] if is_there else [(name, address)]
    assert broken == []


def test_nothing_is_loaded_from_outside_and_no_script_stands_in_a_page(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        assert not [a for a in page.addresses("link", "script", "img") if is_outside(a)], name
        assert next(str(a["content"]) for _, a in page.tags if a.get("http-equiv")) == POLICY, name
        inline = [
            a for tag, a in page.tags if tag == "script" and "src" not in a and a.get("type") != "application/json"
        ]
        assert inline == [], name
        assert not [tag for tag, a in page.tags if "style" in a or any(key.startswith("on") for key in a)], name
        assert "style" not in [tag for tag, _ in page.tags], name


def test_a_page_says_its_language_and_leads_to_the_same_page_in_the_other(
    pages: dict[str, Page], released: Path
) -> None:
    for name, page in pages.items():
        is_swedish = name.startswith("sv/")
        assert dict(page.tags)["html"] == {"lang": "sv" if is_swedish else "en-GB"}
        there = [a for tag, a in page.tags if tag == "a" and a.get("hreflang") == ("en" if is_swedish else "sv")]
        found, _ = target(released / name, str(there[0]["href"]))
        expected = name.removeprefix("sv/") if is_swedish else f"sv/{name}"
        assert found == (released / expected).resolve(), name


def test_the_page_one_is_on_is_marked_in_the_navigation(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        current = [
            a["href"]
            for tag, a in page.tags
            if tag == "a" and a.get("aria-current") in ("page", "true") and "hreflang" not in a
        ]
        assert len(current) == 1, name
        assert str(current[0]).endswith("map.html" if "neighbourhoods" in name else name.split("/")[-1]), name


def test_the_first_load_and_the_whole_site_are_small(released: Path, pages: dict[str, Page]) -> None:
    for name in ("index.html", "map.html", "compare.html", "rumours.html", "index-icc.html"):
        loaded = {
            target(released / name, a)[0]
            for a in pages[name].addresses("link", "script", "img")
            if a.startswith("assets/")
        }
        size = (released / name).stat().st_size + sum(path.stat().st_size for path in loaded)
        assert size < LARGEST_FIRST_LOAD_BYTES, name
    kinds = (".html", ".js", ".css", ".svg")
    whole = sum(path.stat().st_size for path in released.rglob("*") if path.suffix in kinds)
    assert whole < LARGEST_SITE_BYTES


def test_only_pages_with_charts_load_vega(pages: dict[str, Page]) -> None:
    loads = {name for name, page in pages.items() if any("vega" in a for a in page.addresses("script"))}
    # Nobody has named a claim here, so that the page of rumours has no chart.
    assert loads == {f"{folder}{name}" for folder in ("", "sv/") for name in ("compare.html", "index-icc.html")}


def test_synthetic_is_said_on_every_page_and_never_on_a_real_citys(
    pages: dict[str, Page], view: View, content: Content
) -> None:
    assert all(
        ("SYNTETISKA DATA" if name.startswith("sv/") else "SYNTHETIC DATA") in page.text for name, page in pages.items()
    )
    city = replace(
        view.site.night.city, name="Testville", attribution=("a source",), icc_index=None, is_synthetic=False
    )
    real = Site(replace(content, is_synthetic=False), replace(view.site.night, city=city), view.site.folder)
    for file, page in render_pages(View(real, ENGLISH, (ENGLISH,))):
        if "neighbourhoods/" not in file:
            # the page of the data names the column `synthetic`
            assert ("synthetic" in Page(page).text.lower()) == (file == "data.html"), file
            assert "They are synthetic" not in page, file


def test_a_city_without_scores_shows_none(view: View) -> None:
    city = replace(view.site.night.city, icc_index=None)
    bare = View(Site(view.site.content, replace(view.site.night, city=city), view.site.folder), ENGLISH, (ENGLISH,))
    pages = dict(render_pages(bare))
    assert "The city has not provided its scores, so none are shown." in Page(pages["index-icc.html"]).text
    assert "vega.js" not in pages["index-icc.html"]


def test_a_language_without_a_catalogue_is_refused_in_one_line(site: Site) -> None:
    night = replace(site.night, city=replace(site.night.city, site_languages=("en", "xx")))
    with pytest.raises(BadConfiguration, match=r"site_languages names 'xx'.*choose among en, sv"):
        site_languages(night)


HOSTILE = st.text(
    alphabet=st.sampled_from([*"<>&\"'%(){}/\\;=", "s", "a", "é", "\u202e", "]", "-", "!", " "]),
    min_size=1,
    max_size=25,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=HOSTILE, place=HOSTILE, term=HOSTILE)
def test_names_stay_text_wherever_they_are_shown(view: View, name: str, place: str, term: str) -> None:
    # given a city, neighbourhoods and words of a rumour that would end what they stand in
    evil = f"{name}</script><img src=x onerror=alert(1)>%(x)s"
    night, content = view.site.night, view.site.content
    areas = night.city.areas.with_columns(name=pl.col("name") + pl.lit(f" {place}<b>"))
    unread = content.rumours.with_columns(terms=pl.concat_list(pl.lit([f"{term}<i>", "a", "b"])))
    rumours = pl.concat([unread, unread.with_columns(rumour=pl.lit("ff"), title=pl.lit(f"{term}<i>"))])
    changed = replace(content, rumours=rumours)
    city = replace(night.city, name=evil, areas=areas, site_languages=("en",))
    hostile = View(Site(changed, replace(night, city=city), view.site.folder), ENGLISH, (ENGLISH,))
    # when every kind of page is made
    made = {}
    for file, page in render_pages(hostile):
        made[file] = page
        if file.startswith("neighbourhoods/"):
            break
    # then no markup came of them, and the data are the same text
    for file, page in made.items():
        read = Page(page)
        tags = {tag for tag, _ in read.tags}
        assert not tags & {"b", "i"}, file
        assert not [a for tag, a in read.tags if tag == "img" and "onerror" in a], file
        assert read.stray == read.unclosed == [], file
    data = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', made["rumours.html"], re.DOTALL)
    assert data
    assert json.loads(data[1])["lives"][0]["label"] == f"{term}<i>"


def test_who_is_not_heard_comes_before_any_score(view: View) -> None:
    short = re.findall(r"<dt[^>]*>([^<]+)</dt>", overview.render(view))
    assert short == ["Who is not heard", "What changed most", "Which rumour is alive", "The Intercultural Cities Index"]


def test_the_overview_comes_in_the_order_an_official_asks(view: View) -> None:
    titles = re.findall(r"<h2[^>]*>([^<]+)</h2>", overview.render(view))
    assert titles[:4] == [
        "In short",
        "What changed most, and can we believe it?",
        "What to do first",
        "Trust in the whole city",
    ]
