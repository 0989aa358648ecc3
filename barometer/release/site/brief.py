"""`brief.pdf`: the release on two pages of A4 for councillors, set by Typst from the same figures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import typst

from barometer.release.language import N_
from barometer.release.site.drawings import hatch
from barometer.release.site.figures import Series, default_indicator
from barometer.release.site.index_page import standing
from barometer.release.site.map_page import legend
from barometer.release.site.movers import most_changed
from barometer.release.site.overview import alert_in_words, alerts, alive_rumours, first_steps
from barometer.release.site.view import VERDICTS, View
from barometer.release.summary import HEADLINE_DIMENSIONS, summarise
from barometer.release.words import sentence_case, unit_in_words

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
    "stand": N_("Where the whole city stands"),
    "figure": N_("Figure"),
    "value": N_("Value"),
    "interval": N_("95%% interval"),
    "change": N_("Change"),
    "movers": N_("What changed most, and can we believe it?"),
    "believe": N_("Can we believe it?"),
    "first": N_("What to do first"),
    "alerts": N_("Worth a look first"),
    "rumours": N_("Claims heard"),
    "no_rumours": N_("No claim is going round that enough people carry to be shown."),
    "nothing_changed": N_("There is no earlier period to compare with yet."),
    "figures": N_("More figures for the whole city"),
    "sure": N_("How sure are we"),
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
    movers, rumours = most_changed(view), alive_rumours(view)
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
        "first": first_steps(view, summary, movers, rumours),
        "rumours": [_rumour(row, view) for row in rumours[:MOST_RUMOURS]],
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
    """What it may be about or its words, how many and since when and how it stands, what answers it."""
    say = view.language.say
    heard = say(
        "%(number)s people or more, last heard on %(day)s.",
        number=view.language.number(row["voices"]),
        day=view.language.day(row["last_seen"]),
    )
    state = f"{sentence_case(row['state'])}: {row['why']}"
    return [claim_name(row, view), " ".join((heard, row["week"], state)), _answer(row, view)]


def claim_name(row: dict[str, Any], view: View) -> str:
    """A claim's own sentence where it has one, else that it has none, with the words its posts share."""
    say = view.language.say
    for each in row["about"]:
        lead = say("About:") if each["is_confirmed"] else say("May be about:")
        sure = say("(linked by a person)") if each["is_confirmed"] else say("(words fit; confirmed by nobody)")
        return f"{lead} “{each['claim']}” {sure}"
    return f"{say('Not yet put into words by anybody')} ({say('Words its posts share:')} {', '.join(row['terms'])})"


def _answer(row: dict[str, Any], view: View) -> str:
    """What answers it, with the finding on the claim, or that nothing does."""
    say = view.language.say
    if not row["answers"]:
        return say("The city’s evidence library holds nothing on it.")
    lead = (
        say("What answers it:")
        if row["answers"][0]["is_confirmed"]
        else say("What may answer it (found by matching words, confirmed by nobody):")
    )
    return f"{lead} {'; '.join(_evidence(answer, view) for answer in row['answers'])}"


def _evidence(answer: dict[str, Any], view: View) -> str:
    named = f"{answer['title'] or answer['claim']} ({answer['source']})"
    known = VERDICTS.get(answer["verdict"])
    if known is None:
        return named
    finding = view.language.say("(finding on the claim: %(verdict)s)", verdict=view.language.say(known))
    return f"{named} {finding}"


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
    return " ".join(part for part in (said, invented, standing(view)) if part)


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
