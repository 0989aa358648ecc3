"""What every page is made from: the release's content, worked out once, and one language at a time."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from barometer.indicators import Indicator
from barometer.library import read_library
from barometer.night import Night
from barometer.release import words
from barometer.release.changes import latest_changes
from barometer.release.content import Content
from barometer.release.disclosure import MINIMUM_PERSONS, ROUNDING_BASE
from barometer.release.icc import icc_record
from barometer.release.icc_index import index_scores
from barometer.release.language import N_, Language
from barometer.release.site import drawings
from barometer.release.site.approval import approval_block
from barometer.release.site.figures import OF_PEOPLE, Figure, Series, collect_series

PAGES = {
    "index.html": N_("Overview"),
    "map.html": N_("Map"),
    "compare.html": N_("Compare"),
    "rumours.html": N_("Rumours"),
    "index-icc.html": N_("ICC Index"),
    "methods.html": N_("Methods"),
    "data.html": N_("Data"),
}
AREAS = "neighbourhoods"
BRIEF = "brief.pdf"
# Of the city's evidence library.
VERDICTS = {
    "true": N_("true"),
    "mostly_true": N_("mostly true"),
    "unproven": N_("unproven"),
    "misleading": N_("misleading"),
    "false": N_("false"),
}
_NOT_IN_A_FILE_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Site:
    """A release's content with what is the same in every language. `folder`: where its files already are."""

    content: Content
    night: Night
    folder: Path

    @cached_property
    def series(self) -> dict[str, Series]:
        """Figures of each indicator with rows."""
        return collect_series(self.content, self.night.city)

    @cached_property
    def changes(self) -> pl.DataFrame:
        """See `latest_changes`."""
        return latest_changes(self.content.estimates)

    @cached_property
    def areas(self) -> dict[str, str]:
        """Code -> name of every neighbourhood, in order of name."""
        return dict(self.night.city.neighbourhoods.sort("name").select("area", "name").iter_rows())

    @cached_property
    def paths(self) -> tuple[dict[str, str], str]:
        """See `map_paths`."""
        return drawings.map_paths(self.night.city.boundaries(self.night.city.primary))

    @cached_property
    def icc(self) -> dict[str, Any]:
        """See `icc_record`."""
        return icc_record(self.night.city)

    @cached_property
    def index_scores(self) -> pl.DataFrame:
        """See `index_scores`."""
        return index_scores(self.night.city, self.night.settings.configs)

    @cached_property
    def library(self) -> list[dict[str, str]]:
        """The city's evidence library."""
        return read_library(self.night.city.folder).to_dicts()

    @cached_property
    def minimum_persons(self) -> int:
        """Fewest people behind a count that is shown."""
        return max(MINIMUM_PERSONS, self.night.city.thresholds.minimum_n)


@dataclass(frozen=True)
class View:
    """A site in one language. Pages stand in `prefix` (empty for the city's first language)."""

    site: Site
    language: Language
    languages: tuple[Language, ...]

    @property
    def prefix(self) -> str:
        """Folder of this language's pages, with its slash."""
        return "" if self.language == self.languages[0] else f"{self.language.code}/"

    @property
    def brief(self) -> str:
        """Place of the PDF brief in this language, below the release's folder."""
        return f"{self.prefix}{BRIEF}"

    def page(self, template: str, file: str, **context: Any) -> str:
        """A page, `file` being its place below `prefix`."""
        site, depth = self.site, file.count("/")
        home = "../" * depth
        root = "../" * (depth + (1 if self.prefix else 0))
        city = site.night.city
        return (
            environment(self.language)
            .get_template(template)
            .render(
                view=self,
                city=city,
                night=site.night.night,
                is_synthetic=site.content.is_synthetic,
                approval_html=approval_block(None, self.language),
                file=file,
                home=home,
                root=root,
                pages=PAGES,
                alternatives=self._alternatives(file, root),
                minimum_persons=site.minimum_persons,
                rounding_base=ROUNDING_BASE,
                language=self.language,
                words=words,
                **context,
            )
        )

    def _alternatives(self, file: str, root: str) -> list[tuple[Language, str]]:
        """The same page in every language, from here."""
        views = (View(self.site, language, self.languages) for language in self.languages)
        return [(view.language, f"{root}{view.prefix}{file}") for view in views]

    def title(self, indicator: Indicator) -> str:
        """Its title."""
        return self.language.configured_text(indicator.title)

    def question(self, indicator: Indicator) -> str:
        """What was asked, what of it is shown, and why it is withheld where it is."""
        asked, withheld = map(self.language.configured_text, (indicator.question, indicator.withheld))
        counted = words.counted_in_words(indicator, self.language)
        return " ".join(part for part in (asked, counted, withheld) if part)

    def value(self, value: float | None, indicator: Indicator) -> str:
        """A value in its unit."""
        return "" if value is None else words.value_in_words(value, indicator, self.language)

    def interval(self, figure: Figure, indicator: Indicator) -> str:
        """Both ends of its interval, or that they are not known."""
        if figure.lower is None or figure.upper is None:
            return self.language.say("not known")
        return words.interval_in_words(figure.lower, figure.upper, indicator, self.language)

    def uncertain(self, figure: Figure, indicator: Indicator) -> str:
        """That a figure is too uncertain to say, where its interval is too wide for it; else nothing."""
        if figure.lower is None or figure.upper is None or not words.is_too_wide(figure.lower, figure.upper, indicator):
            return ""
        return self.language.say(words.TOO_UNCERTAIN)

    def people(self, n: int | None, indicator: Indicator) -> str:
        """How many are behind a figure."""
        if n is None:
            return self.language.say("withheld")
        number = self.language.number(n)
        is_rounded = indicator.signal in OF_PEOPLE and n > 0
        return self.language.say("about %(number)s", number=number) if is_rounded else number

    def reason(self, figure: Figure) -> str:
        """Why there is no figure."""
        message = words.REASONS.get(figure.missing_reason or "")
        return self.language.say(message) if message else self.language.say("not known why")

    def period(self, period: tuple[Any, Any]) -> str:
        """A period in words."""
        return words.period_in_words(*period, night=self.site.night.night, language=self.language)

    def by_dimension(self) -> list[tuple[str, list[Series]]]:
        """Indicators with rows, under the name of their dimension."""
        grouped = {
            dimension: [each for each in self.site.series.values() if each.indicator.dimension == dimension]
            for dimension in words.DIMENSIONS
        }
        return [(self.language.say(words.DIMENSIONS[name]), members) for name, members in grouped.items() if members]

    def area_file(self, area: str) -> str:
        """Place of a neighbourhood's page below `prefix`."""
        return f"{AREAS}/{_NOT_IN_A_FILE_NAME.sub('-', area)}.html"


@cache
def environment(language: Language) -> Environment:
    """Templates in one language."""
    made = Environment(
        loader=PackageLoader("barometer.release.site", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(  # type: ignore[attr-defined]
        language.catalogue.gettext, language.catalogue.ngettext, newstyle=True
    )
    made.filters["day"] = language.day
    made.filters["sentence_case"] = words.sentence_case
    made.globals |= {"drawings": drawings, "verdicts": VERDICTS}
    return made


def as_script_data(data: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704 (escaped here)
