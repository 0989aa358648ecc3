"""Every message of the pages, found in the code and the templates as `barometer/release/locale/babel.cfg` says."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from barometer.release.language import LOCALES
from barometer.settings import PROJECT

KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None, "say": None, "count": (1, 2)}
_OPTIONS = {"**.j2": {"newstyle_gettext": "true", "silent": "false"}}


@cache
def messages() -> Catalog:
    """All messages of the pages, with where they stand."""
    found = Catalog()
    folder = PROJECT / "barometer" / "release"
    methods = [("**.py", "python"), ("**.j2", "jinja2")]
    for file, line, message, _, _ in extract_from_dir(folder, methods, _OPTIONS, keywords=KEYWORDS):
        found.add(message, locations=[(file, line)])
    return found


def catalogue(path: Path) -> Catalog:
    """A .po file."""
    with path.open("rb") as file:
        return read_po(file)


def translated(code: str) -> Catalog:
    """The pages' catalogue of a language."""
    return catalogue(LOCALES / code / "LC_MESSAGES" / "site.po")


def is_message(message: Message) -> bool:
    """Not the header."""
    return bool(message.id)
