"""`rumours.html`: which claims live, how far they spread, what answers them, and what trust did around them."""

from __future__ import annotations

from datetime import date
from typing import Any

from barometer.release import words
from barometer.release.site.charts import STATE_COLOURS, life_chart
from barometer.release.site.claims import claim, meaning, newest_first
from barometer.release.site.neighbourhood import signed
from barometer.release.site.view import View, as_script_data

FILE = "rumours.html"
MOST_DRAWN = 12
MOST_EFFECTS = 12
STATES = ("seen", "assessed", "answered", "faded")


def render(view: View) -> str:
    """The page: every claim under its state, those that most people passed on in the last week first."""
    rumours = sorted((_rumour(row, view) for row in view.site.content.rumours.to_dicts()), key=newest_first)
    alive = [rumour for rumour in rumours if rumour["status"] != "faded"]
    return view.page(
        "rumours.html.j2",
        FILE,
        states=[_state(state, rumours, view) for state in STATES],
        rumours=rumours,
        effects=effects(view),
        state_colours=STATE_COLOURS,
        data=as_script_data(
            {"charts": {"lives": life_chart()}, "lives": [_life(rumour) for rumour in alive[:MOST_DRAWN]]}
        ),
    )


def _state(state: str, rumours: list[dict[str, Any]], view: View) -> dict[str, Any]:
    """All claims in one state, under its name and what it means; those with an answer first."""
    members = sorted((r for r in rumours if r["status"] == state), key=lambda r: not r["answers"])
    return {
        "state": state,
        "name": view.language.say(words.RUMOUR_STATES[state]),
        "meaning": meaning(state, view),
        "rumours": members,
    }


def _rumour(row: dict[str, Any], view: View) -> dict[str, Any]:
    names = view.site.areas
    return claim(row, view) | {
        "places": [(names[area], view.area_file(area)) for area in row["areas"] if area in names],
        "corrected": view.language.share(row["share_corrected"]) if row["share_corrected"] is not None else "",
    }


def _life(rumour: dict[str, Any]) -> dict[str, str]:
    first: date = rumour["first_seen"]
    return {
        "label": rumour["label"],
        "first": first.isoformat(),
        "last": rumour["last_seen"].isoformat(),
        "state": rumour["status"],
        "state_name": rumour["state"],
    }


def effects(view: View) -> list[dict[str, Any]]:
    """Trust around rumours beside matched neighbourhoods, those beyond chance first; see `rumour_effects`."""
    labels = {row["rumour"]: claim(row, view)["label"] for row in view.site.content.rumours.to_dicts()}
    table = view.site.content.rumour_effects.sort("p", "rumour", "indicator")
    return [_effect(row, labels, view) for row in table.head(MOST_EFFECTS).iter_rows(named=True)]


def _effect(row: dict[str, Any], labels: dict[str, str], view: View) -> dict[str, Any]:
    series = view.site.series[row["indicator"]]
    lower, upper = (signed(row[name], series, view) for name in ("lower", "upper"))
    return {
        "label": labels.get(row["rumour"], row["rumour"]),
        "title": view.title(series.indicator),
        "exposed": view.language.number(row["exposed"]),
        "change": signed(row["change"], series, view),
        "elsewhere": signed(row["change_elsewhere"], series, view),
        "difference": signed(row["difference"], series, view),
        "interval": words.between(lower, upper, view.language),
        "is_beyond_chance": row["is_beyond_chance"],
    }
