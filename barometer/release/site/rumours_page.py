"""`rumours.html`: which claims go round, what answers them, how far they spread, and what trust did around them."""

from __future__ import annotations

from typing import Any

from barometer.release import words
from barometer.release.site.charts import life_chart
from barometer.release.site.claims import FADED_AFTER_DAYS, claims, going_round, unnamed
from barometer.release.site.neighbourhood import signed
from barometer.release.site.view import View, as_script_data

FILE = "rumours.html"
MOST_DRAWN = 12
MOST_EFFECTS = 12


def render(view: View) -> str:
    """The page: named claims that go round, the most passed on first; those gone quiet; groups without a name."""
    found = [_with_places(each, view) for each in claims(view)]
    named = [each for each in found if each["name"]]
    return view.page(
        "rumours.html.j2",
        FILE,
        rumours=found,
        alive=going_round(found),
        quiet=[each for each in named if not each["is_alive"]],
        unnamed=unnamed(found),
        effects=effects(found, view),
        faded_after_days=FADED_AFTER_DAYS,
        data=as_script_data(
            {"charts": {"lives": life_chart()}, "lives": [_life(each) for each in named[:MOST_DRAWN]]},
        ),
    )


def _with_places(row: dict[str, Any], view: View) -> dict[str, Any]:
    names = view.site.areas
    return row | {"places": [(names[area], view.area_file(area)) for area in row["areas"] if area in names]}


def _life(row: dict[str, Any]) -> dict[str, str]:
    return {
        "label": row["label"],
        "first": row["first_seen"].isoformat(),
        "last": row["last_seen"].isoformat(),
        "state": row["standing"],
        "state_name": row["standing_name"],
    }


def effects(found: list[dict[str, Any]], view: View) -> list[dict[str, Any]]:
    """Trust around the claims `found`, beside matched neighbourhoods, those beyond chance first: `rumour_effects`."""
    labels = {row["rumour"]: row["label"] for row in found}
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
