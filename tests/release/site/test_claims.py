"""Claims are told by a sentence only where there is one, with what their state means, every one of them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from barometer.classify.rumours import ANSWERED_SHARE, FADED_AFTER_DAYS
from barometer.release.language import ENGLISH
from barometer.release.site import claims, neighbourhood, overview, rumours_page
from barometer.release.site.brief import brief, render
from barometer.release.site.claims import claim, meaning, newest_first, passed_on
from barometer.release.site.overview import rumour_step
from barometer.release.site.view import Site, View
from tests.release.sample_night import invented_alerts
from tests.release.site.reading import Page

CLOSURE = "The council will close the branch library and sell the building to a developer for flats"
STATES = ("seen", "assessed", "answered", "faded")


def with_claims(view: View, *changes: dict[str, Any]) -> View:
    """The view with one claim a change, each like the sample's own but for it."""
    plain = view.site.content.rumours
    rows = [plain.row(0, named=True) | {"rumour": f"c{k}"} | change for k, change in enumerate(changes)]
    content = replace(view.site.content, rumours=pl.DataFrame(rows, schema=plain.schema))
    return View(Site(content, view.site.night, view.site.folder), ENGLISH, (ENGLISH,))


def told(view: View, **change: Any) -> dict[str, Any]:
    changed = with_claims(view, change)
    return claim(changed.site.content.rumours.row(0, named=True), changed)


def text(module: Any, view: View) -> str:
    return Page(module.render(view)).text


@pytest.fixture(scope="module")
def many(view: View) -> View:
    """Thirty claims, in every state, half of them heard in one neighbourhood."""
    area = next(iter(view.site.areas))
    return with_claims(
        view, *({"status": STATES[k % 4], "areas": [area] if k % 2 else [], "voices": 40 - k} for k in range(30))
    )


def test_a_linked_claim_leads_with_its_sentence_and_a_fitting_one_says_nobody_confirmed_it(view: View) -> None:
    linked = with_claims(view, {"evidence": ["synthetic-library-closure"]})
    assert f"About: “{CLOSURE}” (linked by a person)" in text(rumours_page, linked)
    fits = with_claims(view, {"suggested": ["synthetic-library-closure"]})
    for module in (rumours_page, overview):
        assert f"May be about: “{CLOSURE}” (words fit; confirmed by nobody)" in text(module, fits)
    assert brief(fits)["rumours"][0][0] == f"May be about: “{CLOSURE}” (words fit; confirmed by nobody)"


def test_a_claim_nobody_put_into_words_says_so_before_its_words(view: View) -> None:
    page = text(rumours_page, with_claims(view, {}))
    assert "Not yet put into words by anybody" in page
    assert page.index("Not yet put into words") < page.index("Words its posts share: library closing sold")
    assert brief(with_claims(view, {}))["rumours"][0][0] == (
        "Not yet put into words by anybody (Words its posts share: library, closing, sold)"
    )
    assert told(view)["label"] == "words: library, closing, sold"


def test_every_claim_stands_under_its_state(many: View) -> None:
    page = Page(rumours_page.render(many))
    assert {each for each in page.ids if each.startswith("r-")} == {f"r-c{k}" for k in range(30)}
    closed = [attrs for tag, attrs in page.tags if tag == "details" and attrs.get("class") == "state"]
    assert [attrs["id"] for attrs in closed] == [f"state-{state}" for state in STATES]
    assert all("open" not in attrs for attrs in closed)
    for count, name in ((8, "going round"), (8, "looked into"), (7, "answered"), (7, "no longer heard")):
        assert f"{name} {count} claims" in page.text


def test_a_neighbourhoods_links_lead_to_claims_that_are_there(many: View) -> None:
    page = Page(dict(neighbourhood.render_all(many))[many.area_file(next(iter(many.site.areas)))])
    wanted = {address.split("#")[1] for address in page.addresses("a") if "rumours.html#" in address}
    assert len(wanted) == 15
    assert wanted <= set(Page(rumours_page.render(many)).ids)


def test_those_with_an_answer_come_first_and_begin_with_it(view: View) -> None:
    changed = with_claims(view, {"week_voices": 90}, {"suggested": ["synthetic-library-closure"], "week_voices": 0})
    html = rumours_page.render(changed)
    assert html.index('id="r-c1"') < html.index('id="r-c0"')
    answered = html[html.index('id="r-c1"') : html.index('id="r-c0"')]
    assert answered.index("What may answer it") < answered.index("Words its posts share")


@pytest.mark.parametrize("by", ["posts", "person"])
def test_answered_is_explained_and_never_beside_nothing_answers_it(view: View, by: str) -> None:
    area = next(iter(view.site.areas))
    changed = with_claims(view, {"status": "answered", "status_by": by, "areas": [area]})
    page = Page(dict(neighbourhood.render_all(changed))[changed.area_file(area)]).text
    because = "enough people contradicted it in posts" if by == "posts" else "A person of the city ruled so."
    for words in (page, text(overview, changed), text(rumours_page, changed)):
        assert because in words
        assert "answers it yet" not in words


def test_what_states_mean_is_what_the_posts_are_counted_by(view: View) -> None:
    assert claims.FADED_AFTER_DAYS == FADED_AFTER_DAYS
    assert pytest.approx(1 / 3) == ANSWERED_SHARE
    assert "at least a third as many people" in meaning("answered", view)
    assert "14 days" in meaning("faded", view)
    assert len({meaning(state, view) for state in STATES}) == len(STATES)


@pytest.mark.parametrize(
    ("week", "words"),
    [
        (0, "Fewer than 5 people passed it on in the last week."),
        (25, "25 people or more passed it on in the last week."),
    ],
)
def test_how_many_passed_it_on_last_week_is_said(view: View, week: int, words: str) -> None:
    assert passed_on(week, view) == words
    assert words in text(overview, with_claims(view, {"week_voices": week}))


def test_claims_come_by_their_people_of_the_last_week_whatever_their_state(view: View) -> None:
    changed = with_claims(
        view,
        {"week_voices": 5, "status": "seen"},
        {"week_voices": 30, "status": "answered"},
        {"week_voices": 30, "voices": 90, "status": "assessed"},
    )
    assert [row["rumour"] for row in overview.alive_rumours(changed)] == ["c2", "c1", "c0"]
    assert newest_first({"week_voices": 5, "voices": 1, "rumour": "a"}) < newest_first(
        {"week_voices": 0, "voices": 99, "rumour": "b"}
    )
    assert "Claims heard" in text(overview, changed)


def test_until_a_person_has_ruled_the_advice_is_to_find_out(view: View) -> None:
    for change in ({}, {"suggested": ["synthetic-library-closure"]}):
        step = rumour_step(told(view, status="seen", **change), view)
        assert step.startswith("Find out what is meant and whether it is true:")
        assert "trusted" not in step


def test_a_ruled_claim_is_answered_where_it_is_heard_and_no_place_is_named_without_one(view: View) -> None:
    area, name = next(iter(view.site.areas.items()))
    linked = {"status": "seen", "evidence": ["synthetic-library-closure"]}
    assert rumour_step(told(view, areas=[area], **linked), view).endswith(f"through people who are trusted in {name}.")
    assert rumour_step(told(view, **linked), view).endswith("through people who are trusted.")
    ruled = rumour_step(told(view, status="seen", status_by="person"), view)
    assert re.search(r"“library, closing, sold”", ruled)


def test_the_brief_tells_state_and_finding(view: View) -> None:
    said = brief(with_claims(view, {"suggested": ["synthetic-library-closure"]}))["rumours"][0]
    assert "Answered: Called answered because enough people contradicted it in posts." in said[1]
    assert said[2].endswith("(finding on the claim: false)")


def test_a_brief_full_of_claims_and_alerts_still_has_two_pages(many: View, swedish: View) -> None:
    night, city = many.site.night, many.site.night.city
    rumours = many.site.content.rumours.with_columns(suggested=pl.lit(["synthetic-library-closure"]))
    alerts = invented_alerts(night, *city.neighbourhoods["area"][:2]).drop("message", "moved_with")
    alerts = alerts.with_columns(area_name=pl.lit("A neighbourhood with a long name")).with_columns(
        advice=pl.lit("Look first at who answered this time and in the waves before, on the page of who is heard. " * 2)
    )
    content = replace(many.site.content, rumours=rumours, alerts=alerts)
    for language in (ENGLISH, swedish.language):
        full = View(Site(content, night, many.site.folder), language, swedish.languages)
        assert len(re.findall(rb"/Type\s*/Page\b(?!s)", render(full))) == 2
