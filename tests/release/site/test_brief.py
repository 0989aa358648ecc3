"""The two-page brief: the same figures, tagged, two pages, the same bytes every time."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import typst

from barometer.release.language import ENGLISH
from barometer.release.site.brief import TEMPLATE, brief, map_svg, render
from barometer.release.site.claims import claims, going_round
from barometer.release.site.view import Site, View


def page_count(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


def test_it_is_two_tagged_pages_in_both_languages(released: Path) -> None:
    for name, language in (("brief.pdf", b"en"), ("sv/brief.pdf", b"sv")):
        pdf = (released / name).read_bytes()
        assert pdf.startswith(b"%PDF-")
        assert page_count(pdf) == 2
        assert b"/StructTreeRoot" in pdf
        assert b"/Lang (" + language in pdf.replace(b"/Lang(", b"/Lang (")
        assert b"pdfuaid" in pdf


def test_the_same_content_gives_the_same_bytes(view: View, released: Path) -> None:
    assert render(view) == (released / "brief.pdf").read_bytes()


def test_it_says_what_the_overview_says(view: View) -> None:
    said = brief(view)
    assert said["unheard"]
    assert said["headlines"][0][0] == "A lost wallet would come back from a neighbour"
    assert said["headlines"][0][1:3] == ["66% (about 7 in 10)", "64% to 69%"]
    assert len(said["movers"]) == 3
    named = going_round(claims(view))
    assert [row[0] for row in said["rumours"]] == [f"“{row['name']}”" for row in named]
    assert said["labels"]["title"].endswith("brief for councillors")


def test_swedish_says_it_in_swedish(view: View, swedish: View) -> None:
    ours, theirs = brief(view), brief(swedish)
    same = {name for name, text in ours["labels"].items() if theirs["labels"][name] == text}
    assert same == set()
    assert theirs["headlines"][0][1:3] == ["66\xa0% (omkring 7 av 10)", "64\xa0% till 69\xa0%"]


def test_markup_of_the_typesetter_in_a_name_stays_text(view: View) -> None:
    night = view.site.night
    evil = "#panic(1) $x$ *b* [[ @ref <label> \\ `code`"
    city = replace(night.city, name=evil, areas=night.city.areas.with_columns(name=pl.lit(evil)))
    hostile = View(Site(view.site.content, replace(night, city=city), view.site.folder), ENGLISH, (ENGLISH,))
    assert page_count(render(hostile)) == 2
    query = typst.query(
        TEMPLATE.read_bytes(), "heading.where(level: 1)", sys_inputs={"brief": json.dumps(brief(hostile))}
    )
    assert evil in json.dumps(json.loads(query), ensure_ascii=False).replace("\\\\", "\\")


def test_its_map_hatches_what_has_no_figure(view: View) -> None:
    series = view.site.series["wallet_neighbour"]
    drawn = map_svg(series, view)
    missing = sum(not series.at(area).is_shown for area in view.site.areas)
    assert missing > 0
    assert drawn.count('fill="url(#hatch)"') == missing
    assert "class=" not in drawn
