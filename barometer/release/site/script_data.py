"""What scripts are given: figures once for all languages (`assets/figures.js`), and words in each page's own."""

from __future__ import annotations

import json
from typing import Any

from barometer.release import words
from barometer.release.language import N_, Language
from barometer.release.site.figures import OF_PEOPLE, Figure, Series
from barometer.release.site.view import Site, View
from barometer.release.words import unit_in_words

FIGURES_FILE = "assets/figures.js"
_METHODS, _REASONS = tuple(words.METHODS), tuple(words.REASONS)
# Sentences the script fills itself; placeholders as in catalogues.
SENTENCES = {
    "about": N_("about %(number)s"),
    "label": N_("%(name)s: %(value)s (%(interval)s)"),
    "missing": N_("%(name)s: no figure, %(reason)s"),
    "interval": N_("%(start)s to %(end)s"),
    "unknown": N_("not known"),
    "withheld": N_("withheld"),
    "mapTitle": N_("%(title)s, %(period)s"),
    "mapWords": N_("Darker means higher. %(shown)s of %(all)s neighbourhoods have a figure; hatched areas have none."),
    "apart": N_("%(number)s of them can be told apart from the whole city (%(value)s); the others cannot."),
    "noneApart": N_("No neighbourhood can be told apart from the whole city (%(value)s)."),
    "noFigure": N_("no figure"),
    "sorted": N_("Sorted by %(heading)s, ascending"),
    "sortedDown": N_("Sorted by %(heading)s, descending"),
    "madeFrom": N_("Made from: %(methods)s."),
    "model": N_("model"),
    "higher": N_("%(place)s is higher, by %(size)s"),
    "same": N_("cannot be told apart"),
    "lacking": N_("Left out, because one of the two has no figure: %(titles)s."),
    "percentagePoints": N_("%(size)s percentage points"),
    "compared": N_(
        "Of %(all)s figures that both have, %(apart)s can be told apart. The others may be equal: do not rank by them."
    ),
    "identical": N_("Both sides are the same. Choose another place or another period."),
    "placeAt": N_("%(place)s, %(period)s"),
    "newest": N_("newest figures"),
    "wholeCity": N_("Whole city"),
}


def figures_script(site: Site) -> str:
    """`assets/figures.js`: sets `window.barometerFigures`.

    Per indicator: isShare, isOfPeople, edges, colours, latest, periods (first and last day), days (their middle), rows:
    area -> a list a period of [value, lower, upper, n, method, effective n, standard error], or [reason, n] where there
    is no value, or nothing. Methods and reasons are places in the lists of those names.
    """
    night = site.night.night
    data = {
        "city": site.night.city.id,
        "areas": site.areas,
        "methods": _METHODS,
        "reasons": _REASONS,
        "indicators": {name: _indicator(series, night) for name, series in site.series.items()},
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f'"use strict";\nwindow.barometerFigures = {text};\n'


def _indicator(series: Series, night: Any) -> dict[str, Any]:
    return {
        "isShare": series.indicator.is_share,
        "isOfPeople": series.indicator.signal in OF_PEOPLE,
        "edges": series.edges,
        "colours": series.colours,
        "latest": series.latest,
        "periods": [[start.isoformat(), end.isoformat()] for start, end in series.periods],
        "days": [(start + (min(end, night) - start) / 2).isoformat() for start, end in series.periods],
        "rows": {area: [_packed(figure) for figure in figures] for area, figures in series.rows.items()},
    }


def _packed(figure: Figure) -> list[Any]:
    if figure.value is not None:
        method = _METHODS.index(figure.method) if figure.method in _METHODS else None
        numbers = (figure.value, figure.lower, figure.upper, figure.n, method, figure.effective_n)
        return [*numbers, figure.standard_error]
    reason = _REASONS.index(figure.missing_reason) if figure.missing_reason in _REASONS else None
    return [] if reason is None else [reason, figure.n]


def conventions(language: Language) -> dict[str, str]:
    """How a language writes numbers."""
    decimal, group = language.separators
    return {"language": language.tag, "decimal": decimal, "group": group, "percent": language.per_cent}


def script_words(view: View) -> dict[str, Any]:
    """Words and conventions of a page's language for its script."""
    language = view.language
    return conventions(language) | {
        "say": {name: language.catalogue.gettext(message) for name, message in SENTENCES.items()},
        "methods": {name: language.say(text) for name, text in words.METHODS.items()},
        "reasons": {name: language.say(text) for name, text in words.REASONS.items()},
        "indicators": {name: _words(series, view) for name, series in view.site.series.items()},
    }


def _words(series: Series, view: View) -> dict[str, Any]:
    indicator = series.indicator
    return {
        "title": view.title(indicator),
        "question": view.question(indicator),
        "direction": view.language.say(words.DIRECTIONS[indicator.direction]),
        "unit": unit_in_words(indicator, view.language),
        "voices": words.sentence_case(view.language.say(words.VOICES[indicator.signal])),
        "periods": [view.period(period) for period in series.periods],
    }
