"""The neighbourhoods that changed most, each with whether to believe it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from barometer.release.language import N_
from barometer.release.site.histories import history_drawing
from barometer.release.site.view import View
from barometer.release.summary import STANDARD_NORMAL_95, change_sentence
from barometer.release.words import change_in_words, difference_in_words, period_in_words

MOST_SHOWN = 3
FEW_PEOPLE = 30
# What tells of trust comes before what tells of something else.
_OF_TRUST = ("more_trust", "less_trust")


@dataclass(frozen=True)
class Mover:
    """One neighbourhood's largest change."""

    area: str
    name: str
    sentence: str
    period: str
    verdict_kind: str
    verdict: str
    reasons: list[str]
    drawing: Markup


def most_changed(view: View) -> list[Mover]:
    """The change least likely to be chance of each of the three neighbourhoods where that is least likely of all."""
    city, indicators = view.site.night.city, view.site.content.indicators
    of_trust = [i.id for i in indicators.indicators if i.direction in _OF_TRUST]
    local = view.site.changes.filter(pl.col("geography") == city.primary, pl.col("indicator").is_in(of_trust))
    best = local.sort("p", "area_name", "indicator").unique("area", keep="first", maintain_order=True)
    return [_mover(row, view) for row in best.head(MOST_SHOWN).iter_rows(named=True)]


def _mover(row: dict[str, Any], view: View) -> Mover:
    kind, believed = verdict(row, view)
    return Mover(
        area=row["area"],
        name=row["area_name"],
        sentence=change_sentence(row, view.site.content.indicators, view.language),
        period=period_in_words(
            row["period_start"], row["period_end"], night=view.site.night.night, language=view.language
        ),
        verdict_kind=kind,
        verdict=believed,
        reasons=_reasons(row, view),
        drawing=history_drawing(view.site.series[row["indicator"]], row["area"], view.site.night.city.id),
    )


def verdict(row: dict[str, Any], view: View) -> tuple[str, str]:
    """Whether to believe a change: yes, careful or no, and the words for it."""
    if not row["is_clear"] and is_clear_alone(row):
        return "no", view.language.say(
            "Not yet. It looks clear by itself, but among %(number)s comparisons a few as large turn up by luck.",
            number=view.language.number(view.site.changes.height),
        )
    if not row["is_clear"]:
        return "no", view.language.say(
            "Not yet: of %(number)s changes compared, chance alone makes a few as large as this.",
            number=view.language.number(view.site.changes.height),
        )
    if explained_by_method(row, view):
        return "careful", view.language.say("With care: most of it comes from how it was measured, not from new data.")
    return "yes", view.language.say("Yes, as far as figures go: chance alone would hardly make a change of this size.")


def is_clear_alone(row: dict[str, Any]) -> bool:
    """The change's own 95 % interval leaves out 0."""
    return bool(abs(row["change"]) > STANDARD_NORMAL_95 * row["change_error"])


def explained_by_method(row: dict[str, Any], view: View) -> bool:
    """The explanation of the change, where there is one, puts more than half of it down to something else than data."""
    found = explanations_of(view, row["indicator"], row["area"])
    return bool(found) and bool(found[0]["is_within_noise"])


def explanations_of(view: View, indicator: str, area: str) -> list[dict[str, Any]]:
    """Parts of a change since the last release, the largest first; none where there are no explanations."""
    rows = view.site.content.explanations.filter(pl.col("indicator") == indicator, pl.col("area") == area)
    newest = rows.filter(pl.col("period_end") == pl.col("period_end").max())
    return newest.sort(pl.col("part").abs(), "factor", descending=[True, False]).to_dicts()


def _reasons(row: dict[str, Any], view: View) -> list[str]:
    language, series = view.language, view.site.series[row["indicator"]]
    change = change_in_words(row["value_before"], row["value"], series.indicator, language)
    error = difference_in_words(STANDARD_NORMAL_95 * row["change_error"], series.indicator, language)
    said = [language.say("A change of %(change)s, give or take %(error)s.", change=change, error=error)]
    figure = series.at(row["area"])
    if figure.n is not None and figure.n < FEW_PEOPLE and series.indicator.signal in ("answers", "posts"):
        said.append(language.count(
            "Only about %(number)s person is behind it.", "Only about %(number)s people are behind it.", figure.n
        ))  # fmt: skip
    if figure.method in ("model", "nowcast"):
        said.append(language.say("The figure is a model’s: it leans on how like places answered."))
    return said


ADVICE_UNHEARD = N_(
    "Reach those who are not heard: the groups and places above. Until they are, no figure speaks for them."
)
ADVICE_CLEAR = N_(
    "Go and ask in %(name)s what people there have noticed, before planning anything. The figure does not say why."
)
ADVICE_UNCLEAR = N_(
    "No single neighbourhood stands out beyond chance: wait for the next survey before acting on any one of them."
)
ADVICE_RUMOUR = N_(
    "Find out whether the claim “%(claim)s” is true, and answer it through people who are trusted: the city has no "
    "published answer."
)
ADVICE_RUMOUR_PLACED = N_(
    "Find out whether the claim “%(claim)s” is true, and answer it through people who are trusted where it is heard "
    "(%(places)s): the city has no published answer."
)
