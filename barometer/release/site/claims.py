"""A claim as pages say it: what it may be about, what its state means, what answers it."""

from __future__ import annotations

from datetime import date
from typing import Any

from barometer.release.disclosure import ROUNDING_BASE
from barometer.release.language import N_
from barometer.release.rumours import answers
from barometer.release.site.view import View
from barometer.release.words import RUMOUR_STATES

LABEL_TERMS = 3
# When posts decide, as docs/rumours.md says; the figures are those of the step that groups posts.
FADED_AFTER_DAYS = 14
MEANINGS = {
    "seen": N_("People pass it on, and nobody has contradicted it in posts."),
    "assessed": N_(
        "Contradicted in posts, but by fewer than a third as many people as passed it on in the last %(days)s days; or "
        "a person ruled that it is being looked into."
    ),
    "answered": N_(
        "Contradicted in posts by at least a third as many people as passed it on in the last %(days)s days, or a "
        "person ruled so. That tells how people reacted, not whether it is true."
    ),
    "faded": N_("Neither passed on nor contradicted for %(days)s days, or a person ruled so."),
}
_BECAUSE_OF_POSTS = {
    "seen": N_("Nobody has contradicted it in posts."),
    "assessed": N_("Some people contradicted it in posts, too few to call it answered."),
    "answered": N_("Called answered because enough people contradicted it in posts."),
    "faded": N_("Nobody has passed it on or contradicted it for %(days)s days."),
}


def claim(row: dict[str, Any], view: View) -> dict[str, Any]:
    """A row of `published_rumours` with state, why (it is in that state), about (what it may claim), label, answers,
    has_ruling (a person said what it is or how it stands), week (people of the last week, in words)."""
    found = [each | {"published": _day(each["published"], view)} for each in answers(row, view.site.library)]
    about = [{"claim": each["claim"], "is_confirmed": each["is_confirmed"]} for each in found]
    words = ", ".join(row["terms"][:LABEL_TERMS])
    return row | {
        "state": view.language.say(RUMOUR_STATES.get(row["status"], row["status"])),
        "why": why(row, view),
        "about": about,
        "label": about[0]["claim"] if about else view.language.say("words: %(words)s", words=words),
        "answers": found,
        "has_ruling": row["status_by"] == "person" or bool(row["evidence"]),
        "week": passed_on(row["week_voices"], view),
    }


def _day(text: str, view: View) -> str:
    """A day of the library as the page writes days; what is no day stays as it is."""
    try:
        return view.language.day(date.fromisoformat(text))
    except ValueError:
        return text


def why(row: dict[str, Any], view: View) -> str:
    """Who decided the state of a claim: posts, and by what, or a person."""
    if row["status_by"] == "person":
        return view.language.say("A person of the city ruled so.")
    return view.language.say(_BECAUSE_OF_POSTS.get(row["status"], ""), days=FADED_AFTER_DAYS)


def meaning(state: str, view: View) -> str:
    """What a state means, for all claims in it."""
    return view.language.say(MEANINGS[state], days=FADED_AFTER_DAYS)


def passed_on(week_voices: int, view: View) -> str:
    """How many passed it on in the last week, never so exactly that they could be counted back."""
    if not week_voices:
        return view.language.say(
            "Fewer than %(number)s people passed it on in the last week.", number=view.language.number(ROUNDING_BASE)
        )
    return view.language.say(
        "%(number)s people or more passed it on in the last week.", number=view.language.number(week_voices)
    )


def newest_first(row: dict[str, Any]) -> tuple[int, int, str]:
    """Order of claims: people of the last week, then people altogether."""
    return -row["week_voices"], -row["voices"], row["rumour"]
