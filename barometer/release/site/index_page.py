"""`index-icc.html`: the Intercultural Cities Index as the city entered it, beside trust and never part of it."""

from __future__ import annotations

from typing import Any

from barometer.release.icc import INDICES, LENS, icc_record
from barometer.release.language import N_
from barometer.release.site.charts import CORE_COLOUR, EXTENDED_COLOUR, scores_chart
from barometer.release.site.view import View, as_script_data

FILE = "index-icc.html"
# Marked here, because the data files name them in the programme's own words.
NAMES = (
    N_("Commitment"),
    N_("Intercultural lens"),
    N_("Mediation and conflict resolution"),
    N_("Language"),
    N_("Media and communication"),
    N_("International outlook"),
    N_("Intercultural intelligence and competence"),
    N_("Welcoming newcomers"),
    N_("Leadership and citizenship"),
    N_("Anti-discrimination"),
    N_("Participation"),
    N_("Interaction"),
    N_("Education"),
    N_("Neighbourhoods"),
    N_("Public services"),
    N_("Business and labour market"),
    N_("Cultural and social life"),
    N_("Public space"),
)
_TITLES = INDICES | LENS


def render(view: View) -> str:
    """The page: what the Index is, the scores, and a chart of them."""
    record = icc_record(view.site.night.city)
    scores = [_named(score, view) for score in record["scores"]]
    return view.page(
        "index_icc.html.j2",
        FILE,
        icc=record | {"scores": scores},
        colours={"core": CORE_COLOUR, "extended": EXTENDED_COLOUR},
        highlights=_highlights(scores),
        data=as_script_data({"chart": scores_chart(), "scores": _bars(scores)}),
    )


def _named(score: dict[str, Any], view: View) -> dict[str, Any]:
    title = _TITLES[score["sub_index"] or score["index"]]
    return score | {"name": view.language.say(title)}


def _highlights(scores: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The three indices with the highest and the three with the lowest core score."""
    scored = [score for score in scores if not score["sub_index"] and score["core"] is not None]
    ordered = sorted(scored, key=lambda score: -score["core"])
    return (ordered[:3], ordered[:-4:-1]) if len(ordered) > 5 else ([], [])


def _bars(scores: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"name": score["name"], "kind": kind, "score": score[kind]}
        for score in scores
        for kind in ("core", "extended")
        if not score["sub_index"] and score[kind] is not None
    ]
