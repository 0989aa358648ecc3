"""A language of the published pages: its sentences (gettext catalogues), numbers and dates.

English stands in the code. Every other language has `locale/<code>/LC_MESSAGES/site.po` beside this file and, for what
`indicators.yaml` says, `configs/locale/<code>/indicators.po`; both are read as text and never compiled to disk.
"""

from __future__ import annotations

import gettext
import io
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, cached_property
from pathlib import Path

from babel import Locale
from babel.dates import format_date, get_month_names
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import get_decimal_symbol, get_group_symbol

from barometer.errors import BadConfiguration

SOURCE_LANGUAGE = "en"
LOCALES = Path(__file__).parent / "locale"
MINUS = "\u2212"
_SITE, _INDICATORS = Path("LC_MESSAGES") / "site.po", "indicators.po"
# British English for dates and numbers, as the text is written.
_REGIONS = {"en": "en_GB"}


def N_(message: str) -> str:  # noqa: N802 (the name gettext's tools look for)
    """Marks a text for translation where it is only stored; it is translated where it is shown."""
    return message


@dataclass(frozen=True)
class Language:
    """Says things in one language. Messages have placeholders, `%(name)s`, and double every other per cent sign."""

    code: str
    catalogue: gettext.NullTranslations = field(default_factory=gettext.NullTranslations, compare=False)
    configured: gettext.NullTranslations = field(default_factory=gettext.NullTranslations, compare=False)

    def say(self, message: str, **values: object) -> str:
        """The message with its placeholders filled."""
        return self.catalogue.gettext(message) % values

    def count(self, one: str, several: str, number: int, **values: object) -> str:
        """The plural form that goes with `number`, which fills the placeholder `number`."""
        return self.catalogue.ngettext(one, several, number) % {"number": self.number(number), **values}

    def configured_text(self, text: str) -> str:
        """A title, question or unit of indicators.yaml."""
        return self.configured.gettext(text) if text else ""

    def sentences(self, text: str) -> str:
        """Two known sentences or groups of sentences after each other; as it is where they are not known."""
        cuts = (at + 1 for at, mark in enumerate(text) if mark == " ")
        halves = ((text[: at - 1], text[at:]) for at in cuts)
        known = ((self.catalogue.gettext(a), self.catalogue.gettext(b), a, b) for a, b in halves)
        whole = self.catalogue.gettext(text)
        return next((f"{a} {b}" for a, b, was_a, was_b in known if a != was_a and b != was_b), whole)

    @property
    def is_source(self) -> bool:
        """English, in which everything is written."""
        return self.code == SOURCE_LANGUAGE

    @cached_property
    def locale(self) -> Locale:
        """Its conventions for numbers and dates (CLDR)."""
        return Locale.parse(_REGIONS.get(self.code, self.code).replace("-", "_"))

    @property
    def tag(self) -> str:
        """BCP 47, for `lang` and for the script's numbers."""
        return str(self.locale).replace("_", "-")

    @cached_property
    def name(self) -> str:
        """What its speakers call it."""
        name = Locale.parse(self.code.replace("-", "_")).get_language_name() or self.code
        return name[:1].upper() + name[1:]

    @cached_property
    def separators(self) -> tuple[str, str]:
        """Decimal sign, and sign between thousands."""
        return get_decimal_symbol(self.locale), get_group_symbol(self.locale)

    @cached_property
    def per_cent(self) -> str:
        """What stands after a number of per cent, with the space that goes before it."""
        return str(self.locale.percent_formats[None].suffix[0])

    def number(self, value: float, decimals: int = 0) -> str:
        """A number; ties go away from zero, as in the reader's browser, so that page and script never disagree."""
        rounded = Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
        decimal, group = self.separators
        plain = f"{rounded:,}".replace(",", "\0").replace(".", decimal).replace("\0", group)
        return plain.replace("-", MINUS if rounded else "")

    def share(self, value: float, decimals: int = 0) -> str:
        """A share (0-1) as per cent."""
        return f"{self.number(100 * value, decimals)}{self.per_cent}"

    def day(self, day: date) -> str:
        """9 May 2026."""
        return format_date(day, "d MMMM y", locale=self.locale)

    def month(self, day: date) -> str:
        """May."""
        return str(get_month_names("wide", locale=self.locale)[day.month])

    def moment(self, at: datetime) -> str:
        """9 May 2026, 08:30 UTC (in the time zone the moment has)."""
        return self.say("%(day)s at %(time)s UTC", day=self.day(at.date()), time=f"{at:%H:%M}")

    def listed(self, items: list[str]) -> str:
        """a, b and c."""
        return format_list(items, locale=self.locale) if items else ""


ENGLISH = Language(SOURCE_LANGUAGE)


def load_language(code: str, configs: Path) -> Language:
    """The language `code`. Raises `BadConfiguration` where it has no catalogue."""
    if code == SOURCE_LANGUAGE:
        return ENGLISH
    path = LOCALES / code / _SITE
    if not path.is_file():
        known = ", ".join([SOURCE_LANGUAGE, *sorted(found.name for found in LOCALES.iterdir() if found.is_dir())])
        raise BadConfiguration(
            f"site_languages names {code!r}, of which there is no catalogue: write {path}, or choose among {known}"
        )
    return Language(code, read_catalogue(path), read_catalogue(configs / "locale" / code / _INDICATORS))


@cache
def read_catalogue(path: Path) -> gettext.NullTranslations:
    """Translations of a .po file, kept for the life of the process; none where there is no such file."""
    if not path.is_file():
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
