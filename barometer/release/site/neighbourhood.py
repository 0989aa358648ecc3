"""`neighbourhoods/<area>.html`: everything published about one neighbourhood, on a page that needs no script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from barometer.release import words
from barometer.release.language import N_
from barometer.release.protect import EVERYONE
from barometer.release.site.apart import p_of_difference, told_apart
from barometer.release.site.claims import claims, going_round, unnamed
from barometer.release.site.figures import Figure, Series
from barometer.release.site.histories import history_drawing, interval_drawing
from barometer.release.site.movers import explanations_of, most_changed
from barometer.release.site.view import View
from barometer.release.summary import change_sentence

FACTORS = {
    "new_data": N_("new data"),
    "late_or_removed_data": N_("late or removed data"),
    "weights": N_("weights and population figures"),
    "language_model": N_("the language model"),
    "configuration": N_("configuration and method"),
}
SHORT_METHODS = {
    "direct": N_("survey"),
    "uncorrected": N_("posts, not corrected"),
    "mean": N_("practitioners"),
    "rate": N_("counts"),
    "model": N_("model"),
    "prevalence": N_("posts, corrected"),
    "composite": N_("combined"),
    "nowcast": N_("brought up to date"),
}
MOST_SENTENCES = 6


def render_all(view: View) -> Iterator[tuple[str, str]]:
    """Place below the language's folder, and the page, for every neighbourhood."""
    shared = _Shared(view)
    for area, name in view.site.areas.items():
        yield view.area_file(area), _render(area, name, view, shared)


class _Shared:
    """What all pages of a language look things up in, by area."""

    def __init__(self, view: View) -> None:
        city = view.site.night.city
        local = view.site.changes.filter(pl.col("geography") == city.primary).sort("p")
        self.changes = _by_area(local)
        self.voices = voices(view)
        self.rumours = claims(view)
        self.dimensions = view.by_dimension()
        self.movers = {mover.area: mover for mover in most_changed(view)}
        adjacent = city.adjacency.filter(pl.col("geography") == city.primary)
        self.neighbours = _by_area(adjacent)


def _by_area(rows: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    parts = rows.partition_by(["area"], as_dict=True, maintain_order=True)
    return {str(area): part.to_dicts() for (area,), part in parts.items()}


def _render(area: str, name: str, view: View, shared: _Shared) -> str:
    neighbours = sorted(row["neighbour"] for row in shared.neighbours.get(area, []))
    names = view.site.areas
    return view.page(
        "neighbourhood.html.j2",
        view.area_file(area),
        area=area,
        name=name,
        sentences=_sentences(area, view, shared),
        mover=shared.movers.get(area),
        dimensions=_dimensions(area, view, shared),
        explanations=_explanations(area, view),
        rumours=[row for row in going_round(shared.rumours) if area in row["areas"]],
        unnamed=[row for row in unnamed(shared.rumours) if area in row["areas"]],
        has_placed_rumours=any(row["areas"] for row in shared.rumours),
        voices=[(title, counts["by_area"].get(area), counts["city"]) for title, counts in shared.voices],
        neighbours=sorted((names[code], view.area_file(code)) for code in neighbours if code in names),
    )


def _sentences(area: str, view: View, shared: _Shared) -> list[str]:
    """Changes beyond chance here, the clearest first, or that there are none."""
    clear = [row for row in shared.changes.get(area, []) if row["is_clear"]]
    said = [change_sentence(row, view.site.content.indicators, view.language) for row in clear[:MOST_SENTENCES]]
    return said or [view.language.say("No figure here changed by more than chance alone could explain.")]


_Rows = tuple[list[dict[str, Any]], list[tuple[str, list[str]]]]


def _dimensions(area: str, view: View, shared: _Shared) -> list[tuple[Any, ...]]:
    """Title, and rows of `_rows`, of each dimension."""
    apart = told_apart(view.site.series, area, view.site.night.city.id)
    return [(title, *_rows(members, area, view, apart)) for title, members in shared.dimensions]


def _rows(members: list[Series], area: str, view: View, apart: dict[str, float]) -> _Rows:
    """Rows of what has a figure here, and under each reason the titles of what has none."""
    shown = [_row(each, area, view, apart) for each in members if each.at(area).is_shown]
    missing: dict[str, list[str]] = {}
    for each in members:
        if not each.at(area).is_shown:
            missing.setdefault(view.reason(each.at(area)), []).append(view.title(each.indicator))
    return shown, list(missing.items())


def _row(series: Series, area: str, view: View, apart: dict[str, float]) -> dict[str, Any]:
    """One indicator here: its newest figure, how it was made, and its periods."""
    figure, city, indicator = series.at(area), view.site.night.city.id, series.indicator
    return {
        "id": indicator.id,
        "title": view.title(indicator),
        "unit": words.unit_in_words(indicator, view.language),
        "period": view.period(series.periods[series.latest]),
        "value": view.value(figure.value, indicator),
        "interval": view.interval(figure, indicator),
        "n": view.people(figure.n, indicator),
        "voices": view.language.say(words.VOICES[indicator.signal]),
        "method": _short_method(figure, view),
        "reliability": "" if figure.reliability is None else view.language.number(figure.reliability, 2),
        "city": view.value(series.at(city).value, indicator),
        "city_interval": view.interval(series.at(city), indicator) if series.at(city).is_shown else "",
        "waves": view.language.say("over all waves") if figure.method == "nowcast" else "",
        "verdict": _beside_city(series, figure, apart, view),
        "uncertain": view.uncertain(figure, indicator),
        "interval_drawing": interval_drawing(series, figure, city),
        "history_drawing": history_drawing(series, area, city),
        "history": _history(series, area, view),
    }


def _short_method(figure: Figure, view: View) -> str:
    message = SHORT_METHODS.get(figure.method or "")
    return view.language.say(message) if message and figure.is_shown else ""


def _beside_city(series: Series, figure: Figure, apart: dict[str, float], view: View) -> str:
    """Higher or lower only where the difference is more than its own error makes likely; see `told_apart`."""
    if p_of_difference(figure, series.at(view.site.night.city.id)) is None:
        return ""
    difference = apart.get(series.indicator.id)
    if difference is not None:
        return view.language.say("higher than the city") if difference > 0 else view.language.say("lower than the city")
    return view.language.say("like the city, as far as known")


def _history(series: Series, area: str, view: View) -> list[tuple[str, str, str, str]]:
    """Period, value, interval and people of every period with a value, newest first; none where there is only one."""
    shown = series.shown(area)
    return [
        (
            view.period(period),
            view.value(figure.value, series.indicator),
            view.interval(figure, series.indicator),
            view.people(figure.n, series.indicator),
        )
        for period, figure in reversed(shown)
        if len(shown) > 1
    ]


def _explanations(area: str, view: View) -> list[dict[str, Any]]:
    """Changes since the last release with their parts, in words of the page."""
    found = []
    for name, series in view.site.series.items():
        parts = explanations_of(view, name, area)
        if parts:
            found.append(explanation(series, parts, view))
    return found


def explanation(series: Series, parts: list[dict[str, Any]], view: View) -> dict[str, Any]:
    """One change since the last release: title, whole change, parts with their factor, whether it is within noise."""
    return {
        "title": view.title(series.indicator),
        "change": signed(parts[0]["change"], series, view),
        "since": parts[0]["since"],
        "is_within_noise": parts[0]["is_within_noise"],
        "parts": [(_factor(part, view), signed(part["part"], series, view)) for part in parts],
    }


def _factor(part: dict[str, Any], view: View) -> str:
    """What a part comes from; where the whole change is within noise, that new data are."""
    named = view.language.say(FACTORS.get(part["factor"], part["factor"]))
    if part["factor"] != "new_data" or not part["is_within_noise"]:
        return named
    return view.language.say("%(factor)s (within chance)", factor=named)


def signed(change: float, series: Series, view: View) -> str:
    """A change with its sign; one that rounds to nothing has none."""
    size = words.difference_in_words(change, series.indicator, view.language)
    if not any(digit in size for digit in "123456789"):
        return size
    return f"{'−' if change < 0 else '+'}{size}"


def voices(view: View) -> list[tuple[str, dict[str, Any]]]:
    """Per signal: its title, and voices of the newest period with any, by area and in the whole city."""
    city = view.site.night.city
    coverage = view.site.content.coverage.filter(
        pl.col("group") == EVERYONE, pl.col("geography").is_in([city.primary, "city"])
    )
    found = []
    parts = coverage.partition_by(["signal"], as_dict=True, maintain_order=True)
    for signal, title in words.COVERED.items():
        if (signal,) in parts:
            counts = _newest_counts(parts[(signal,)], "records" if signal == "counts" else "voices", view)
            found.append((view.language.say(title), {"by_area": counts, "city": counts.get(city.id)}))
    return found


def _newest_counts(rows: pl.DataFrame, count: str, view: View) -> dict[str, str]:
    heard = rows.filter((pl.col("records").sum() > 0).over("period_end"))
    newest = (heard if heard.height else rows).filter(pl.col("period_end") == pl.col("period_end").max())
    last = newest.unique("area", keep="last", maintain_order=True).select("area", count)
    return {area: _count_in_words(number, view) for area, number in last.iter_rows()}


def _count_in_words(number: int | None, view: View) -> str:
    if number is None:
        return view.language.say("too few to show")
    return view.language.number(number) if number else view.language.say("none")
