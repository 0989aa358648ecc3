"""The page as a file: self-contained, marked, safe, and with everything a reader must find."""

from __future__ import annotations

import html.parser
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from barometer.errors import ReleaseRefused
from barometer.night import Night
from barometer.release.content import collect_content
from barometer.release.draft import draft_release
from barometer.release.site import DOWNLOADS, Approval, render_page, render_releases, with_approval
from tests.release.sample_night import invented_alerts, invented_skill, sample_night

LARGEST_PAGE_BYTES = 3_000_000
APPROVAL = Approval("A. Person", is_stand_in=False, approved_at=datetime(2026, 5, 10, 8, tzinfo=UTC))


class Elements(html.parser.HTMLParser):
    """Every start tag with its attributes, and the text outside scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._hidden else data


@pytest.fixture(scope="module")
def page(released: Path) -> str:
    return (released / "index.html").read_text("utf-8")


@pytest.fixture(scope="module")
def elements(page: str) -> Elements:
    parsed = Elements()
    parsed.feed(page)
    return parsed


def test_the_page_is_small_enough_to_send(page: str) -> None:
    assert len(page.encode()) < LARGEST_PAGE_BYTES


def test_the_page_asks_for_nothing_from_outside(elements: Elements) -> None:
    loaded = [attrs.get("src") or attrs.get("href") for tag, attrs in elements.tags if tag in ("script", "img", "link")]
    assert [address for address in loaded if address and not address.startswith("data:")] == []
    policy = next(attrs["content"] for tag, attrs in elements.tags if attrs.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_every_link_leads_into_the_page_or_to_a_file_beside_it(elements: Elements, released: Path) -> None:
    links = [str(attrs["href"]) for tag, attrs in elements.tags if tag == "a"]
    ids = {attrs.get("id") for _, attrs in elements.tags}
    assert all(link[1:] in ids if link.startswith("#") else (released / link).is_file() for link in links)
    assert set(DOWNLOADS) <= set(links)


def test_the_bundle_is_there_once(page: str) -> None:
    assert page.count("window.vegaEmbed") == 1


def test_the_page_says_synthetic_and_who_approved_it(elements: Elements) -> None:
    assert "SYNTHETIC DATA" in elements.text
    assert "(stand-in, not a person)" in elements.text


def test_a_real_citys_page_does_not_say_synthetic(sample: Night, drafted: Path) -> None:
    content = replace(collect_content(sample), is_synthetic=False)
    named = replace(sample, city=replace(sample.city, name="Testville", attribution=("a source",), icc_index=None))
    parsed = Elements()
    parsed.feed(render_page(drafted, content, named))
    assert "synthetic" not in parsed.text.lower()
    assert "The city has not provided its scores, so none are shown." in parsed.text


def test_language_title_and_headings_are_in_order(elements: Elements) -> None:
    assert ("html", {"lang": "en-GB"}) in elements.tags
    levels = [int(tag[1]) for tag, _ in elements.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_landmarks_and_labels_are_there(elements: Elements) -> None:
    tags = [tag for tag, _ in elements.tags]
    for landmark in ("header", "nav", "main", "footer"):
        assert tags.count(landmark) == 1
    labelled = {attrs.get("for") for tag, attrs in elements.tags if tag == "label"}
    assert {attrs["id"] for tag, attrs in elements.tags if tag == "select"} <= labelled
    assert any(attrs.get("class") == "skip" for tag, attrs in elements.tags if tag == "a")
    assert sum(attrs.get("aria-live") == "polite" for _, attrs in elements.tags) == 2


def test_ids_are_unique(elements: Elements) -> None:
    ids = [attrs["id"] for _, attrs in elements.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)


def test_all_twelve_indices_stand_apart_from_trust(elements: Elements) -> None:
    assert "It does not measure trust and no trust figure on this page is made from it." in elements.text
    assert "Intercultural intelligence and competence" in elements.text
    assert "These scores are invented for the demonstration." in elements.text


def test_claims_are_told_as_words_with_at_least_so_many_people(elements: Elements) -> None:
    assert "library" in elements.text
    assert "40 or more" in elements.text
    assert "secret" not in elements.text


def test_a_name_with_markup_stays_text_in_page_and_data(sample: Night, drafted: Path) -> None:
    # given a city and a neighbourhood whose names would end the script they stand in
    evil = "</script><script>alert(1)</script>"
    city = replace(
        sample.city, name=f"Town {evil}", areas=sample.city.areas.with_columns(name=sample.city.areas["name"] + evil)
    )
    night = replace(sample, city=city)
    page = render_page(drafted, collect_content(night), night)
    assert evil not in page
    data = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert data
    assert json.loads(data[1])["city"]["name"] == f"Town {evil}"


def test_the_approval_takes_the_place_of_the_drafts_notice(drafted: Path) -> None:
    draft = (drafted / "index.html").read_text("utf-8")
    approved = with_approval(draft, APPROVAL)
    assert "Nobody has approved this page yet" in draft
    assert "Nobody has approved this page yet" not in approved
    assert "<strong>A. Person</strong> on 10 May 2026 at 08:00 UTC" in approved


@pytest.mark.parametrize("page", ["", "<!-- approval begins -->", "<!-- approval ends -->"])
def test_a_page_without_a_place_for_approval_is_refused(page: str) -> None:
    with pytest.raises(ReleaseRefused, match="has no place for the approval"):
        with_approval(page, APPROVAL)


def test_an_empty_list_of_releases_says_so() -> None:
    assert "Nothing has been released yet." in render_releases("Testville", False, [])


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Elements:
    """The page of a draft with an alert and signals whose skill is known."""
    home = tmp_path_factory.mktemp("telling")
    plain = sample_night(home / "plain")
    shown = collect_content(plain).estimates.filter(
        pl.col("indicator") == "trust_council", pl.col("geography") == plain.city.primary
    )
    area = shown.filter(pl.col("value").is_not_null().all().over("area"))["area"][0]
    night = sample_night(
        home / "telling",
        alerts=invented_alerts(plain, area),
        skill=invented_skill(plain, practitioner_trust=0.4, posts_trust_share=0.0, rumour_share=0.0),
    )
    parsed = Elements()
    parsed.feed((draft_release(night) / "index.html").read_text("utf-8"))
    return parsed


def test_a_change_worth_a_look_is_told_with_what_to_do_first(telling: Elements) -> None:
    assert "Worth a look first" in telling.text
    assert "Trust fell from 6.1 to 5.3." in telling.text
    assert "Look first at who answered." in telling.text


def test_an_alert_leads_to_its_place_and_figure(telling: Elements) -> None:
    buttons = [
        found for tag, found in telling.tags if tag == "button" and found.get("data-indicator") == "trust_council"
    ]
    assert buttons
    assert all(button["data-area"] for button in buttons)


def test_what_signals_add_is_said_with_its_interval_and_the_idle_ones_have_no_weight(telling: Elements) -> None:
    text = " ".join(telling.text.split())
    assert "What signals add to the survey" in text
    assert "Trust as practitioners sense it (0 to 10) 20% 5% to 35% 0.40" in text
    assert "Voices that pass on a rumour -10% -40% to 20% none" in text
    assert "3 signals tried" in text


def test_a_night_with_neither_says_nothing_of_them(elements: Elements) -> None:
    assert "Worth a look first" not in elements.text
    assert "What signals add to the survey" not in elements.text


def test_how_models_are_made_is_said_in_plain_words(elements: Elements) -> None:
    text = " ".join(elements.text.split())
    assert "their answers are left out altogether" in text
    assert "carried to the end of the period" in text
