"""Numbers in plain words, in the language of a page: values, periods, reasons. Scripts write numbers alike."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from barometer.indicators import AnswerShare, Indicator
from barometer.release.language import ENGLISH, N_, Language

REASONS = {
    "not_collected": N_("not collected here in this period"),
    "not_applicable": N_("not issued at present, or does not apply here"),
    "too_few": N_("too few voices, or too alike across areas, to tell this area apart"),
    "suppressed": N_("withheld to protect people: too few voices here, or in a place that could be worked out from it"),
    "source_silent": N_("the source sent nothing in this period"),
    "removed": N_("taken back at the request of those it came from"),
    "not_converged": N_("the calculation gave no stable result"),
}
METHODS = {
    "direct": N_("survey answers, weighted to the make-up of the population"),
    "uncorrected": N_("share of people heard in public posts, read by a language model, not corrected for its errors"),
    "mean": N_("average of practitioners' ratings"),
    "rate": N_("counts set against time or population"),
    "model": N_("statistical model that borrows strength from other areas"),
    "prevalence": N_("share of people heard in public posts, corrected for the language model's errors"),
    "composite": N_("several survey indicators combined"),
    "nowcast": N_("the last survey, brought up to date by the signals that proved to foretell it"),
}
DIMENSIONS = {
    "people": N_("Trust between people"),
    "institutions": N_("Trust in institutions"),
    "rumours": N_("Rumours and hostility"),
    "observed": N_("Seen in public places"),
    "context": N_("Context"),
}
DIRECTIONS = {
    "more_trust": N_("A higher value means more trust."),
    "less_trust": N_("A higher value means less trust."),
    "context": N_("Context only: a higher value is neither better nor worse."),
}
VOICES = {
    "answers": N_("people answered"),
    "combined": N_("people answered"),
    "posts": N_("people heard"),
    "reports": N_("ratings"),
    "observations": N_("observation sessions"),
    "counts": N_("records"),
}
HEARD = {"answers": N_("answered the survey"), "posts": N_("heard in public posts")}
# What a person of the city ruled on a claim, by the status given to it.
RULED = {
    "seen": N_("The city has seen it and not looked into it yet."),
    "assessed": N_("The city is looking into it."),
    "answered": N_("The city has answered it."),
    "faded": N_("The city has closed it."),
}


COVERED = {
    "answers": N_("Survey answers (people)"),
    "posts": N_("Public posts (people)"),
    "reports": N_("Reports (practitioners)"),
    "observations": N_("Observations (observers)"),
    "counts": N_("Service and context counts (records)"),
}
_STAND_IN = N_("(stand-in, not a person)")


def approved_by_in_words(name: str, *, is_stand_in: bool, language: Language = ENGLISH) -> str:
    """Who approved a release; a stand-in is never shown without saying that it is one."""
    if not is_stand_in or _STAND_IN in name:
        return name
    return f"{name} {language.say(_STAND_IN)}"


def sentence_case(text: str) -> str:
    """First letter large, the rest as it is; identifiers lose their underscores."""
    spaced = text.replace("_", " ")
    return spaced[:1].upper() + spaced[1:]


def value_in_words(value: float, indicator: Indicator, language: Language = ENGLISH) -> str:
    """A value in its unit: shares as per cent (one decimal between 0 and 10 %), everything else with one decimal."""
    if indicator.is_share:
        return language.share(value, _share_decimals(value))
    return language.number(value, 1)


def interval_in_words(lower: float, upper: float, indicator: Indicator, language: Language = ENGLISH) -> str:
    """58% to 66%."""
    start, end = (value_in_words(each, indicator, language) for each in (lower, upper))
    return between(start, end, language)


def between(start: str, end: str, language: Language = ENGLISH) -> str:
    """From one to the other."""
    return language.say("%(start)s to %(end)s", start=start, end=end)


def _share_decimals(value: float) -> int:
    return 1 if 0.0005 <= abs(value) < 0.0995 else 0


def in_ten(share: float, language: Language = ENGLISH) -> str:
    """A share (0-1) as people say it: about 4 in 10."""
    if share < 0.05:
        return language.say("fewer than 1 in 20")
    if share >= 0.95:
        return language.say("nearly all")
    tenths = min(max(int(10 * share + 0.5), 1), 9)
    return language.say("about half") if tenths == 5 else language.say("about %(tenths)s in 10", tenths=tenths)


WIDEST_INTERVAL = 0.4
"""Of its scale: a figure with a wider interval is said to be too uncertain to say."""
TOO_UNCERTAIN = N_("too uncertain to say")


def is_too_wide(lower: float, upper: float, indicator: Indicator) -> bool:
    """The interval spans more than `WIDEST_INTERVAL` of the indicator's scale; never where the scale has no end."""
    highest = indicator.scale.maximum
    return highest is not None and upper - lower > WIDEST_INTERVAL * (highest - indicator.scale.minimum)


def unit_in_words(indicator: Indicator, language: Language = ENGLISH) -> str:
    """What stands after a value: nothing for shares, `out of 10` for a scale, else the unit."""
    if indicator.is_share:
        return ""
    if indicator.unit == "scale points" and indicator.scale.maximum is not None:
        return language.say("out of %(highest)s", highest=f"{indicator.scale.maximum:g}")
    return language.configured_text(indicator.unit)


def change_in_words(before: float, now: float, indicator: Indicator, language: Language = ENGLISH) -> str:
    """The size of a change between two values as they are shown, so that a reader who subtracts finds the same."""
    scale = 100 if indicator.is_share else 1
    places = [_share_decimals(value) if indicator.is_share else 1 for value in (before, now)]
    then, later = (_rounded(scale * value, decimals) for value, decimals in zip((before, now), places, strict=True))
    size = language.number(float(abs(later - then)), max(places))
    return language.say("%(size)s percentage points", size=size) if indicator.is_share else size


def _rounded(value: float, decimals: int) -> Decimal:
    """As `Language.number` rounds."""
    return Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def counted_in_words(indicator: Indicator, language: Language = ENGLISH) -> str:
    """Which answers a share of answers counts; nothing for other figures."""
    measure = indicator.measure
    if not isinstance(measure, AnswerShare):
        return ""
    start, end = f"{measure.yes_from:g}", f"{measure.highest_answer:g}"
    return language.say(
        "Shown is the share of people who answered %(counted)s.",
        counted=end if start == end else between(start, end, language),
    )


def difference_in_words(difference: float, indicator: Indicator, language: Language = ENGLISH) -> str:
    """The size of a difference, without sign: shares in percentage points."""
    size = abs(difference)
    if indicator.is_share:
        return language.say("%(size)s percentage points", size=language.number(100 * size, 1))
    return language.number(size, 1)


def period_in_words(start: date, end: date, *, night: date, language: Language = ENGLISH) -> str:
    """13 April to 10 May 2026, and whether it is still running."""
    if start == end:
        words = language.day(start)
    elif start.year != end.year:
        words = between(language.day(start), language.day(end), language)
    elif start.month != end.month:
        words = between(f"{start.day} {language.month(start)}", language.day(end), language)
    else:
        words = between(f"{start.day}", language.day(end), language)
    if end <= night:
        return words
    until = f"{night.day} {language.month(night)}"
    return language.say("%(period)s (still running; data to %(day)s)", period=words, day=until)
