"""`rumours.html`: which claims live, how far they spread, what answers them, and what trust did around them."""

from __future__ import annotations

from datetime import date
from typing import Any

from barometer.release import words
from barometer.release.rumours import answers
from barometer.release.site.charts import STATE_COLOURS, life_chart
from barometer.release.site.neighbourhood import signed
from barometer.release.site.view import View, as_script_data

FILE = "rumours.html"
MOST_SHOWN = 20
MOST_DRAWN = 12
LABEL_TERMS = 3
MOST_EFFECTS = 12
STATES = ("seen", "assessed", "answered", "faded")


def render(view: View) -> str:
    """The page, rumours that are still heard first."""
    found = sorted(view.site.content.rumours.to_dicts(), key=_order)
    rumours = [_rumour(row, view) for row in found]
    return view.page(
        "rumours.html.j2",
        FILE,
        rumours=rumours[:MOST_SHOWN],
        more=max(len(rumours) - MOST_SHOWN, 0),
        counts=[(view.language.say(words.RUMOUR_STATES[s]), sum(r["status"] == s for r in rumours)) for s in STATES],
        effects=effects(view),
        state_colours=STATE_COLOURS,
        data=as_script_data(
            {"charts": {"lives": life_chart()}, "lives": [_life(rumour) for rumour in rumours[:MOST_DRAWN]]}
        ),
    )


def _order(row: dict[str, Any]) -> tuple[bool, bool, int, int]:
    return row["status"] == "faded", row["status"] == "answered", -row["week_voices"], -row["voices"]


def _rumour(row: dict[str, Any], view: View) -> dict[str, Any]:
    language, names = view.language, view.site.areas
    return row | {
        "state": language.say(words.RUMOUR_STATES.get(row["status"], row["status"])),
        "stages": [(language.say(words.RUMOUR_STATES[state]), state == row["status"]) for state in STATES],
        "label": ", ".join(row["terms"][:LABEL_TERMS]),
        "places": [(names[area], view.area_file(area)) for area in row["areas"] if area in names],
        "answers": answers(row, view.site.library),
        "corrected": language.share(row["share_corrected"]) if row["share_corrected"] is not None else "",
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
    labels = {row["rumour"]: ", ".join(row["terms"][:LABEL_TERMS]) for row in view.site.content.rumours.to_dicts()}
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
