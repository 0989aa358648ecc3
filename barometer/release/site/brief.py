"""`brief.pdf`: the release on two pages of A4 for councillors, set by Typst from the same figures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import typst

from barometer.release.language import N_
from barometer.release.site.claims import claims, going_round
from barometer.release.site.drawings import hatch
from barometer.release.site.figures import Series, default_indicator
from barometer.release.site.index_page import standing
from barometer.release.site.map_page import legend
from barometer.release.site.movers import most_changed
from barometer.release.site.overview import alert_in_words, alerts, first_steps
from barometer.release.site.view import VERDICTS, View
from barometer.release.summary import HEADLINE_DIMENSIONS, summarise
from barometer.release.words import unit_in_words

TEMPLATE = Path(__file__).parent / "templates" / "brief.typ"
# Tagged, with a title, a language and words for every picture.
STANDARD: Final = "ua-1"
MOST_SENTENCES = 4
MOST_RUMOURS = 3
MOST_ALERTS = 2
MOST_FIGURES = 14
FEWER_FIGURES = 4
PAGES = 2
_PAGE = re.compile(rb"/Type\s*/Page\b(?!s)")
LABELS = {
    "kicker": N_("Social Trust Barometer"),
    "title": N_("Social trust in %(city)s: brief for councillors"),
    "synthetic": N_("SYNTHETIC DATA"),
    "synthetic_words": N_(
        "Every figure on this page comes from a simulation made for demonstration. None of it says anything about real "
        "people or real places."
    ),
    "approval": N_("Who approved this release, and when, stands at the top of every page of its site."),
    "unheard": N_("Who is not heard"),
    "stand": N_("Trust in the whole city"),
    "figure": N_("Figure"),
    "value": N_("Value"),
    "interval": N_("95%% interval"),
    "change": N_("Change"),
    "movers": N_("What changed most, and can we believe it?"),
    "believe": N_("Can we believe it?"),
    "first": N_("What to do first"),
    "alerts": N_("Worth a look first"),
    "rumours": N_("Which claims go round, and what answers them?"),
    "no_rumours": N_("No claim that a person has put into words is going round."),
    "nothing_changed": N_("There is no earlier period to compare with yet."),
    "figures": N_("More figures for the whole city"),
    "sure": N_("How sure are we?"),
    "icc": N_("Beside trust: the Intercultural Cities Index"),
    "from": N_("Where these figures come from"),
    "from_words": N_(
        "Survey answers are the measure, weighted to the make-up of the adult population. Where too few answered, a "
        "statistical model lends a neighbourhood strength from how like places answered. Public posts are read by a "
        "language model that makes mistakes: read them for movement, not for level. Practitioners’ reports, "
        "observations and counts stand beside them. Figures behind which there are fewer than %(minimum)s people are "
        "withheld."
    ),
    "limits": N_("What these figures cannot tell"),
    "limits_words": N_(
        "They show what changed, not why. They speak of areas: nobody is scored, and nothing here may be used about a "
        "single person. A missing figure is not zero."
    ),
    "map_alt": N_("Map of the city’s neighbourhoods, coloured by this figure; the pages list every one."),
    "licence": N_("Figures: Creative Commons Attribution 4.0 International (CC BY 4.0)."),
    "of": N_("page %(page)s of %(pages)s"),
}


def render(view: View) -> bytes:
    """The PDF: fewer figures of the whole city where the rest needs the room of its two pages.

    Dates itself by the night, so that drafting again gives the same bytes.
    """
    content = brief(view)
    made = _set(content, view)
    while len(_PAGE.findall(made)) > PAGES and content["figures"]:
        content["figures"] = content["figures"][:-FEWER_FIGURES]
        made = _set(content, view)
    return made


def _set(content: dict[str, Any], view: View) -> bytes:
    made = typst.compile(
        TEMPLATE.read_bytes(),
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"brief": json.dumps(content, ensure_ascii=False)},
        pdf_standards=STANDARD,
        timestamp=int(view.site.night.issued_at.timestamp()),
    )
    if not isinstance(made, bytes):
        raise TypeError(f"typst gave {type(made).__name__}, not one PDF")
    return made


def brief(view: View) -> dict[str, Any]:
    """Everything the template sets: text ready to read, and the map as SVG."""
    site, say = view.site, view.language.say
    summary = summarise(site.content, site.night.city, site.night.night, view.language)
    movers, found = most_changed(view), claims(view)
    series = site.series[default_indicator(site.series, site.night.city)]
    return {
        "language": view.language.code,
        "city": site.night.city.name,
        "day": view.language.day(site.night.night),
        "is_synthetic": site.content.is_synthetic,
        "labels": labels(view),
        "unheard": summary.unheard[:MOST_SENTENCES],
        "headlines": [
            [h.title, f"{h.value} {(h.roughly and f'({h.roughly})') or h.unit}".strip(), h.interval, h.change]
            for h in summary.headlines
        ],
        "movers": [[mover.name, mover.sentence, mover.verdict, " ".join(mover.reasons)] for mover in movers],
        "alerts": [
            [alert["name"], f"{alert['message']} {alert['advice']}"]
            for alert in (alert_in_words(row, view) for row in alerts(view)[:MOST_ALERTS])
        ],
        "first": first_steps(view, summary, movers, found),
        "rumours": [_rumour(row, view) for row in going_round(found)[:MOST_RUMOURS]],
        "figures": city_figures(view)[:MOST_FIGURES],
        "sureness": summary.sureness,
        "icc": _icc(view),
        "map": map_svg(series, view),
        "map_title": say(
            "%(title)s, %(period)s",
            title=view.title(series.indicator),
            period=view.period(series.periods[series.latest]),
        ),
        "legend": legend(series, view),
        "run": site.night.run_id,
        "attribution": list(site.night.city.attribution),
    }


def labels(view: View) -> dict[str, str]:
    """The brief's own words."""
    city, minimum = view.site.night.city.name, view.site.minimum_persons
    values = {"city": city, "minimum": minimum, "page": "{page}", "pages": "{pages}"}
    return {name: view.language.say(text, **values) for name, text in LABELS.items()}


def _rumour(row: dict[str, Any], view: View) -> list[str]:
    """The claim in a sentence, how many passed it on and how they took it, what answers it."""
    return [f"“{row['name']}”", " ".join((row["week"], row["reaction"], row["ruling"])).strip(), _answer(row, view)]


def _answer(row: dict[str, Any], view: View) -> str:
    """What answers it, with the finding on the claim, or that nothing does."""
    say = view.language.say
    found = [_evidence(answer, view) for answer in row["answers"]]
    said = found or [say("nothing yet. The city’s evidence library holds no answer to it.")]
    return f"{say('What answers it:')} {'; '.join(said)}"


def _evidence(answer: dict[str, Any], view: View) -> str:
    named = f"{answer['title'] or answer['claim']} ({answer['source']})"
    known = VERDICTS.get(answer["verdict"])
    if known is None:
        return named
    finding = view.language.say("the claim was found %(verdict)s", verdict=view.language.say(known))
    return f"{finding} — {named}"


def city_figures(view: View) -> list[list[str]]:
    """Title, value and interval of the whole city's newest figures of trust, in the order of indicators.yaml."""
    city, found = view.site.night.city.id, []
    for series in view.site.series.values():
        figure = series.at(city)
        if figure.is_shown and series.indicator.dimension in HEADLINE_DIMENSIONS:
            indicator = series.indicator
            unit = unit_in_words(indicator, view.language)
            value = f"{view.value(figure.value, indicator)} {unit}".strip()
            uncertain = view.uncertain(figure, indicator)
            value = f"{value} ({uncertain})" if uncertain else value
            found.append([view.title(indicator), value, view.interval(figure, indicator)])
    return found


def _icc(view: View) -> str:
    record, say = view.site.icc, view.language.say
    if not record["is_provided"]:
        return say("The city has not provided its scores, so none are shown. None have been estimated.")
    said = say(
        "What the city does, scored from 0 to 100, entered by the city for %(year)s. It does not measure trust.",
        year=record["year"],
    )
    invented = say("These scores are invented for the demonstration.") if record["is_synthetic"] else ""
    return " ".join(part for part in (said, invented, *standing(view)) if part)


def map_svg(series: Series, view: View) -> str:
    """The map of the pages as a file of its own, with the colours of print."""
    paths, box = view.site.paths
    fills = {area: series.at(area) for area in paths}
    shapes = "".join(
        f'<path fill="{"url(#hatch)" if fills[area].value is None else series.colour(fills[area].value or 0.0)}" '
        f'd="{path}"/>'
        for area, path in paths.items()
    )
    pattern = (
        str(hatch())
        .replace('class="hatch-ground"', 'fill="#f1f3f4"')
        .replace('class="hatch-line"', 'stroke="#8a949e" stroke-width="5"')
    )
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">'
    return f'{opening}{pattern}<g stroke="#ffffff" stroke-width="3">{shapes}</g></svg>'
