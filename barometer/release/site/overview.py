"""`index.html`: who is not heard, what changed and whether to believe it, what to do first; read in half a minute."""

from __future__ import annotations

from typing import Any

import polars as pl

from barometer.release.site.claims import LABEL_TERMS, claim, newest_first
from barometer.release.site.histories import history_drawing
from barometer.release.site.index_page import standing
from barometer.release.site.movers import (
    ADVICE_CLEAR,
    ADVICE_RUMOUR,
    ADVICE_RUMOUR_PLACED,
    ADVICE_RUMOUR_UNKNOWN,
    ADVICE_UNCLEAR,
    ADVICE_UNHEARD,
    Mover,
    most_changed,
)
from barometer.release.site.view import View
from barometer.release.summary import Summary, summarise
from barometer.release.words import interval_in_words

FILE = "index.html"
MOST_ALERTS = 3
MOST_RUMOURS = 3
ALIVE = ("seen", "assessed", "answered")


def render(view: View) -> str:
    """The page."""
    site = view.site
    summary = summarise(site.content, site.night.city, site.night.night, view.language)
    movers, rumours = most_changed(view), alive_rumours(view)
    city = site.night.city.id
    return view.page(
        "overview.html.j2",
        FILE,
        summary=summary,
        drawings_of={h.indicator: history_drawing(site.series[h.indicator], city, city) for h in summary.headlines},
        movers=movers,
        alerts=[alert_in_words(row, view) for row in alerts(view)[:MOST_ALERTS]],
        rumours=rumours[:MOST_RUMOURS],
        first=first_steps(view, summary, movers, rumours),
        icc=site.icc,
        standing=standing(view),
    )


def alerts(view: View) -> list[dict[str, Any]]:
    """Alerts, the one with most evidence first."""
    return view.site.content.alerts.sort("evidence", descending=True).to_dicts()


def alert_in_words(row: dict[str, Any], view: View) -> dict[str, str]:
    """An alert in the language of the page: area, name, what moved, what to do first."""
    indicator = view.site.content.indicators[row["indicator"]]
    nearer, farther = sorted((row["lower"], row["upper"]), key=abs)
    size = interval_in_words(abs(nearer), abs(farther), indicator, view.language)
    values = {"title": view.title(indicator), "size": size, "day": view.language.day(row["first_seen"])}
    said = (
        view.language.say("“%(title)s” rose by %(size)s (95%% interval), seen since %(day)s.", **values)
        if row["direction"] == "up"
        else view.language.say("“%(title)s” fell by %(size)s (95%% interval), seen since %(day)s.", **values)
    )
    return {
        "area": row["area"],
        "name": row["area_name"],
        "message": said,
        "advice": view.language.sentences(row["advice"]),
    }


def alive_rumours(view: View) -> list[dict[str, Any]]:
    """Claims not yet faded, those that most people passed on in the last week first; see `claim`."""
    alive = view.site.content.rumours.filter(pl.col("status").is_in(ALIVE))
    return sorted((claim(row, view) for row in alive.to_dicts()), key=newest_first)


def first_steps(view: View, summary: Summary, movers: list[Mover], rumours: list[dict[str, Any]]) -> list[str]:
    """What to do first, in at most three sentences."""
    say = view.language.say
    steps = [say(ADVICE_UNHEARD)] if summary.unheard else []
    clear = [mover for mover in movers if mover.verdict_kind == "yes"]
    steps.append(say(ADVICE_CLEAR, name=clear[0].name) if clear else say(ADVICE_UNCLEAR))
    open_ = [row for row in rumours if row["status"] != "answered"]
    return [*steps, *([rumour_step(open_[0], view)] if open_ else [])]


def rumour_step(row: dict[str, Any], view: View) -> str:
    """What to do about a claim that nobody answered: find out what it is, until a person has ruled on it."""
    say, names = view.language.say, view.site.areas
    terms = ", ".join(row["terms"][:LABEL_TERMS])
    if not row["has_ruling"]:
        return say(ADVICE_RUMOUR_UNKNOWN, terms=terms)
    named = row["about"][0]["claim"] if row["about"] else terms
    places = [names[area] for area in row["areas"] if area in names]
    if not places:
        return say(ADVICE_RUMOUR, claim=named)
    return say(ADVICE_RUMOUR_PLACED, claim=named, places=view.language.listed(places))
