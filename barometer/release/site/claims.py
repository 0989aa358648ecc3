"""A claim as pages say it: its sentence, where a person gave it one, what answers it, and how people take it."""

from __future__ import annotations

from datetime import date
from typing import Any

from barometer.release.disclosure import ROUNDING_BASE
from barometer.release.language import N_
from barometer.release.rumours import answers
from barometer.release.site.view import View
from barometer.release.words import RULED

LABEL_TERMS = 3
# How long a claim is silent before it counts as gone quiet; the figure of the step that groups posts.
FADED_AFTER_DAYS = 14
# What a reader is told of a named claim: whether it still goes round and whether anything answers it.
ANSWERED, OPEN, QUIET = "answered", "open", "quiet"
STANDINGS = {
    ANSWERED: N_("going round, has an answer"),
    OPEN: N_("going round, no answer yet"),
    QUIET: N_("gone quiet"),
}
_TENTHS = 10


def claims(view: View) -> list[dict[str, Any]]:
    """Every claim of the release (see `claim`), the most alive first (see `most_alive_first`)."""
    return sorted((claim(row, view) for row in view.site.content.rumours.to_dicts()), key=most_alive_first)


def claim(row: dict[str, Any], view: View) -> dict[str, Any]:
    """A row of `published_rumours`, with what pages say of it.

    name (a person's sentence for it, "" while it has none), label (that, or its words), is_alive, answers, standing (a
    key of `STANDINGS`), standing_name, week and reaction (sentences), ruling (what a person ruled, or ""),
    may_be (sentences of the library whose words fit, confirmed by nobody).
    """
    found = [each | {"published": _day(each["published"], view)} for each in answers(row, view.site.library)]
    confirmed = [each for each in found if each["is_confirmed"]]
    name = row["title"] or next((each["claim"] for each in confirmed), "")
    status = row["status"]
    is_alive = status != "faded"
    standing = QUIET if not is_alive else ANSWERED if confirmed else OPEN
    words = ", ".join(row["terms"][:LABEL_TERMS])
    return row | {
        "name": name,
        "label": name or view.language.say("words: %(words)s", words=words),
        "is_alive": is_alive,
        "answers": confirmed,
        "may_be": [each["claim"] for each in found if not each["is_confirmed"]],
        "standing": standing,
        "standing_name": view.language.say(STANDINGS[standing]),
        "week": passed_on(row["week_voices"], view),
        "reaction": reaction(row, view),
        "ruling": view.language.say(RULED[status]) if row["status_by"] == "person" else "",
    }


def _day(text: str, view: View) -> str:
    """A day of the library as the page writes days; what is no day stays as it is."""
    try:
        return view.language.day(date.fromisoformat(text))
    except ValueError:
        return text


def passed_on(week_voices: int, view: View) -> str:
    """How many passed it on in the last week, never so exactly that they could be counted back."""
    if not week_voices:
        return view.language.say(
            "Fewer than %(number)s people passed it on in the last week.", number=view.language.number(ROUNDING_BASE)
        )
    return view.language.say(
        "%(number)s people or more passed it on in the last week.", number=view.language.number(week_voices)
    )


def reaction(row: dict[str, Any], view: View) -> str:
    """How those who wrote about it took it, in tenths."""
    tenths = round((row["share_corrected"] or 0.0) * _TENTHS)
    if not row["is_contradicted"]:
        return view.language.say("Nobody has contradicted it in posts.")
    if tenths == 0:
        return view.language.say("Fewer than 1 in 10 of those who wrote about it contradicted it.")
    if tenths == _TENTHS:
        return view.language.say("Nearly all of those who wrote about it contradicted it.")
    return view.language.say(
        "About %(tenths)s in 10 of those who wrote about it contradicted it.", tenths=view.language.number(tenths)
    )


def most_alive_first(row: dict[str, Any]) -> tuple[int, int, int, str]:
    """Order of claims: people of the last week, then the day it was last heard, then people altogether."""
    return -row["week_voices"], -row["last_seen"].toordinal(), -row["voices"], row["rumour"]


def going_round(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Named claims that still go round, in the order given."""
    return [each for each in found if each["name"] and each["is_alive"]]


def unnamed(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Groups of posts that still go round and that nobody has put into words, in the order given."""
    return [each for each in found if not each["name"] and each["is_alive"]]
