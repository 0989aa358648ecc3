"""Claims are told by a person's sentence and what answers it; what nobody has read stands apart; nothing is lost."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest

from barometer.classify.rumours import FADED_AFTER_DAYS
from barometer.release.language import ENGLISH
from barometer.release.site import claims, neighbourhood, overview, rumours_page
from barometer.release.site.brief import brief, render
from barometer.release.site.claims import STANDINGS, claim, most_alive_first, passed_on, reaction
from barometer.release.site.overview import rumour_steps
from barometer.release.site.view import Site, View
from tests.release.sample_night import invented_alerts
from tests.release.site.reading import Page

CLOSURE = "The council will close the branch library and sell the building to a developer for flats"
LIBRARY_ID = "synthetic-library-closure"
TITLE = "The library on Mill Lane will be sold"
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
    """Thirty claims, in every state, half of them heard in one neighbourhood, every third with a title."""
    area = next(iter(view.site.areas))
    return with_claims(
        view,
        *(
            {
                "status": STATES[k % 4],
                "areas": [area] if k % 2 else [],
                "voices": 40 - k,
                "title": None if k % 3 else f"{TITLE}, as number {k} says",
            }
            for k in range(30)
        ),
    )


def test_a_claim_goes_by_its_title_else_by_the_claim_that_a_person_linked(view: View) -> None:
    assert told(view, title=TITLE, evidence=[LIBRARY_ID])["name"] == TITLE
    assert told(view, evidence=[LIBRARY_ID])["name"] == CLOSURE
    for change in ({}, {"suggested": [LIBRARY_ID]}):
        unread = told(view, **change)
        assert unread["name"] == ""
        assert unread["label"] == "words: library, closing, sold"


def test_what_answers_a_named_claim_stands_beside_it_on_every_page(view: View) -> None:
    area = next(iter(view.site.areas))
    changed = with_claims(view, {"evidence": [LIBRARY_ID], "areas": [area]})
    place = Page(dict(neighbourhood.render_all(changed))[changed.area_file(area)]).text
    answer = "What answers it: the claim was found false — Is the branch library closing? No decision to sell"
    for words in (place, text(overview, changed), text(rumours_page, changed)):
        assert words.index(f"“{CLOSURE}”") < words.index(answer)
    assert brief(changed)["rumours"][0][0] == f"“{CLOSURE}”"
    assert brief(changed)["rumours"][0][2].startswith(answer)


def test_a_named_claim_without_evidence_says_that_nothing_answers_it_yet(view: View) -> None:
    changed = with_claims(view, {"title": TITLE, "suggested": [LIBRARY_ID]})
    for module in (overview, rumours_page):
        assert "What answers it: nothing yet." in text(module, changed)
        # What fits by its words alone is no answer.
        assert "the claim was found false" not in text(module, changed)
    assert "nothing yet" in brief(changed)["rumours"][0][2]


def test_what_nobody_has_read_is_counted_and_stands_apart_with_its_words(view: View) -> None:
    changed = with_claims(view, {"title": TITLE}, {"suggested": [LIBRARY_ID]}, {})
    page = text(rumours_page, changed)
    assert "2 groups of posts that nobody has read yet" in page
    assert page.index(TITLE) < page.index("Not yet put into words") < page.index("library, closing, sold")
    assert f"Words fit “{CLOSURE}”; confirmed by nobody." in page
    assert "2 more groups of posts have not been put into words by anybody yet." in text(overview, changed)
    assert [row[0] for row in brief(changed)["rumours"]] == [f"“{TITLE}”"]


def test_every_claim_that_lives_or_has_a_name_is_on_the_page_once(many: View) -> None:
    page = Page(rumours_page.render(many))
    is_shown = {f"r-c{k}" for k in range(30) if STATES[k % 4] != "faded" or k % 3 == 0}
    found = [each for each in page.ids if each.startswith("r-")]
    assert set(found) == is_shown
    assert len(found) == len(is_shown)


def test_a_neighbourhoods_links_lead_to_claims_that_are_there(many: View) -> None:
    page = Page(dict(neighbourhood.render_all(many))[many.area_file(next(iter(many.site.areas)))])
    wanted = {address.split("#")[1] for address in page.addresses("a") if "rumours.html#" in address}
    named_here = {f"r-c{k}" for k in range(30) if k % 2 and k % 3 == 0 and STATES[k % 4] != "faded"}
    assert wanted == named_here | {"unnamed"}
    assert wanted <= set(Page(rumours_page.render(many)).ids)


@pytest.mark.parametrize(
    ("status", "evidence", "standing"),
    [
        ("seen", [], "open"),
        ("answered", [], "open"),
        ("seen", [LIBRARY_ID], "answered"),
        ("faded", [LIBRARY_ID], "quiet"),
        ("faded", [], "quiet"),
    ],
)
def test_a_claim_stands_by_whether_it_goes_round_and_what_the_library_holds(
    view: View, status: str, evidence: list[str], standing: str
) -> None:
    assert told(view, title=TITLE, status=status, evidence=evidence)["standing"] == standing
    assert standing in STANDINGS


def test_a_claim_gone_quiet_is_told_after_those_that_live(view: View) -> None:
    changed = with_claims(view, {"title": "Old", "status": "faded", "week_voices": 90}, {"title": TITLE})
    page = text(rumours_page, changed)
    assert page.index("Going round now") < page.index(f"“{TITLE}”") < page.index("Gone quiet") < page.index("“Old”")
    assert "“Old”" not in text(overview, changed)


@pytest.mark.parametrize(
    ("status", "words"),
    [("assessed", "The city is looking into it."), ("answered", "The city has answered it.")],
)
def test_what_a_person_ruled_is_said_and_what_posts_decide_is_not(view: View, status: str, words: str) -> None:
    ruled = with_claims(view, {"title": TITLE, "status": status, "status_by": "person"})
    counted = with_claims(view, {"title": TITLE, "status": status, "status_by": "posts"})
    for module in (overview, rumours_page):
        assert words in text(module, ruled)
        assert words not in text(module, counted)


def test_silence_counts_as_long_as_the_step_that_groups_posts_says(view: View) -> None:
    assert claims.FADED_AFTER_DAYS == FADED_AFTER_DAYS
    assert "Heard in the last 14 days" in text(rumours_page, with_claims(view, {"title": TITLE}))


@pytest.mark.parametrize(
    ("week", "words"),
    [
        (0, "Fewer than 5 people passed it on in the last week."),
        (25, "25 people or more passed it on in the last week."),
    ],
)
def test_how_many_passed_it_on_last_week_is_said(view: View, week: int, words: str) -> None:
    assert passed_on(week, view) == words
    assert words in text(overview, with_claims(view, {"title": TITLE, "week_voices": week}))


@pytest.mark.parametrize(
    ("share", "is_contradicted", "words"),
    [
        (0.0, False, "Nobody has contradicted it in posts."),
        (0.0, True, "Fewer than 1 in 10 of those who wrote about it contradicted it."),
        (0.4, True, "About 4 in 10 of those who wrote about it contradicted it."),
        (1.0, True, "Nearly all of those who wrote about it contradicted it."),
    ],
)
def test_how_people_take_a_claim_is_said_in_tenths(view: View, share: float, is_contradicted: bool, words: str) -> None:
    assert reaction({"share_corrected": share, "is_contradicted": is_contradicted}, view) == words


def test_claims_come_by_the_last_week_then_by_the_day_then_by_people(view: View) -> None:
    def row(week: int, day: int, voices: int) -> dict[str, Any]:
        return {"week_voices": week, "last_seen": date(2026, 5, day), "voices": voices, "rumour": "a"}

    ordered = [row(30, 1, 5), row(5, 9, 90), row(0, 9, 20), row(0, 9, 10), row(0, 2, 99)]
    assert sorted([ordered[k] for k in (3, 1, 4, 0, 2)], key=most_alive_first) == ordered
    changed = with_claims(view, {"title": "Less", "week_voices": 5}, {"title": "More", "week_voices": 30})
    words = text(overview, changed)
    assert (
        words.index("“More” , last heard on")
        < words.index("Passed on by most people in the last week")
        < words.index("“Less”")
    )


def test_the_advice_is_to_answer_what_nothing_answers_then_to_read_what_nobody_read(view: View) -> None:
    area, name = next(iter(view.site.areas.items()))
    open_ = told(view, title=TITLE, areas=[area])
    unread = told(view)
    answered = told(view, evidence=[LIBRARY_ID])
    steps = rumour_steps([answered, unread, open_], view)
    assert steps[0].startswith(f"Find out whether the claim “{TITLE}” is true")
    assert f"where it is heard ({name})" in steps[0]
    assert steps[1] == "Read the 1 group of posts that nobody has put into words yet, and say what it claims."
    assert rumour_steps([answered], view) == []
    assert "where it is heard" not in rumour_steps([told(view, title=TITLE, areas=[])], view)[0]


def test_a_brief_full_of_claims_and_alerts_still_has_two_pages(many: View, swedish: View) -> None:
    night, city = many.site.night, many.site.night.city
    rumours = many.site.content.rumours.with_columns(evidence=pl.lit([LIBRARY_ID]))
    alerts = invented_alerts(night, *city.neighbourhoods["area"][:2]).drop("message", "moved_with")
    alerts = alerts.with_columns(area_name=pl.lit("A neighbourhood with a long name")).with_columns(
        advice=pl.lit("Look first at who answered this time and in the waves before, on the page of who is heard. " * 2)
    )
    content = replace(many.site.content, rumours=rumours, alerts=alerts)
    for language in (ENGLISH, swedish.language):
        full = View(Site(content, night, many.site.folder), language, swedish.languages)
        assert len(re.findall(rb"/Type\s*/Page\b(?!s)", render(full))) == 2
