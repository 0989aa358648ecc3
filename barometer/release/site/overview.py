"""`index.html`: who is not heard, what changed and whether to believe it, what to do first; read in half a minute."""

from __future__ import annotations

from typing import Any

from barometer.release.alerts import alert_sentence
from barometer.release.site.claims import FADED_AFTER_DAYS, OPEN, claims, going_round, unnamed
from barometer.release.site.histories import history_drawing
from barometer.release.site.index_page import standing
from barometer.release.site.movers import (
    ADVICE_CLEAR,
    ADVICE_RUMOUR,
    ADVICE_RUMOUR_PLACED,
    ADVICE_UNCLEAR,
    ADVICE_UNHEARD,
    Mover,
    most_changed,
)
from barometer.release.site.view import View
from barometer.release.summary import Summary, summarise

FILE = "index.html"
MOST_ALERTS = 3
MOST_RUMOURS = 3


def render(view: View) -> str:
    """The page."""
    site = view.site
    summary = summarise(site.content, site.night.city, site.night.night, view.language)
    movers, found = most_changed(view), claims(view)
    city = site.night.city.id
    return view.page(
        "overview.html.j2",
        FILE,
        summary=summary,
        drawings_of={h.indicator: history_drawing(site.series[h.indicator], city, city) for h in summary.headlines},
        movers=movers,
        movers_in_short=movers_in_short(movers, summary, view),
        alerts=[alert_in_words(row, view) for row in alerts(view)[:MOST_ALERTS]],
        rumours=going_round(found)[:MOST_RUMOURS],
        faded_after_days=FADED_AFTER_DAYS,
        more_rumours=len(going_round(found)[MOST_RUMOURS:]),
        unnamed=len(unnamed(found)),
        first=first_steps(view, summary, movers, found),
        icc=site.icc,
        standing=standing(view),
    )


def alerts(view: View) -> list[dict[str, Any]]:
    """Alerts, the one with most evidence first."""
    return view.site.content.alerts.sort("evidence", descending=True).to_dicts()


def alert_in_words(row: dict[str, Any], view: View) -> dict[str, str]:
    """An alert in the language of the page: area, name, what moved, what to do first."""
    indicator = view.site.content.indicators[row["indicator"]]
    return {
        "area": row["area"],
        "name": row["area_name"],
        "message": alert_sentence(row, indicator, view.title(indicator), view.language),
        "advice": view.language.sentences(row["advice"]),
    }


def movers_in_short(movers: list[Mover], summary: Summary, view: View) -> str:
    """The neighbourhoods that changed most and which of them to believe, in two sentences."""
    say, listed = view.language.say, view.language.listed
    named = f"{listed([mover.name for mover in movers])}."
    believed = [mover.name for mover in movers if mover.verdict_kind == "yes"]
    if len(believed) == len(movers):
        return f"{named} {say('All of these changes can be believed, as far as figures go.')}"
    if believed:
        some = say("To be believed, as far as figures go: %(names)s. The others not yet.", names=listed(believed))
        return f"{named} {some}"
    luck = say(
        "None of these changes can be believed yet: among %(number)s comparisons a few as large turn up by luck.",
        number=view.language.number(summary.tested),
    )
    return f"{named} {luck}"


def first_steps(view: View, summary: Summary, movers: list[Mover], found: list[dict[str, Any]]) -> list[str]:
    """What to do first, in at most three sentences. `found`: the claims of the release (`claims.claims`)."""
    say = view.language.say
    steps = [say(ADVICE_UNHEARD)] if summary.unheard else []
    clear = [mover for mover in movers if mover.verdict_kind == "yes"]
    steps.append(say(ADVICE_CLEAR, name=clear[0].name) if clear else say(ADVICE_UNCLEAR))
    return [*steps, *rumour_steps(found, view)[:1]]


def rumour_steps(found: list[dict[str, Any]], view: View) -> list[str]:
    """What to do about claims: answer those that nothing answers, then put into words what nobody has read."""
    unanswered = [row for row in going_round(found) if row["standing"] == OPEN]
    unread = len(unnamed(found))
    steps = [_answer_it(row, view) for row in unanswered[:1]]
    if unread:
        steps.append(
            view.language.count(
                "Read the %(number)s group of posts that nobody has put into words yet, and say what it claims.",
                "Read the %(number)s groups of posts that nobody has put into words yet, and say what they claim.",
                unread,
            )
        )
    return steps


def _answer_it(row: dict[str, Any], view: View) -> str:
    say, names = view.language.say, view.site.areas
    places = [names[area] for area in row["areas"] if area in names]
    if not places:
        return say(ADVICE_RUMOUR, claim=row["name"])
    return say(ADVICE_RUMOUR_PLACED, claim=row["name"], places=view.language.listed(places))
