"""Numbers in plain words, for the page: values, periods, reasons, methods. The page's script formats the same way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from barometer.indicators import Indicator

MINUS = "\u2212"
REASONS = {
    "not_collected": "not collected here in this period",
    "not_applicable": "not issued at present, or does not apply here",
    "too_few": "too few voices, or too alike across areas, to tell this area apart",
    "suppressed": "withheld to protect people: too few voices here, or in a place that could be worked out from it",
    "source_silent": "the source sent nothing in this period",
    "removed": "taken back at the request of those it came from",
    "not_converged": "the calculation gave no stable result",
}
METHODS = {
    "direct": "survey answers, weighted to the make-up of the population",
    "uncorrected": "share of people heard in public posts, read by a language model, not corrected for its errors",
    "mean": "average of practitioners' ratings",
    "rate": "counts set against time or population",
    "model": "statistical model that borrows strength from other areas",
    "prevalence": "share of people heard in public posts, corrected for the language model's errors",
    "composite": "several survey indicators combined",
    "nowcast": "the last survey, brought up to date by the signals that proved to foretell it",
}
DIMENSIONS = {
    "people": "Trust between people",
    "institutions": "Trust in institutions",
    "rumours": "Rumours and hostility",
    "observed": "Seen in public places",
    "context": "Context",
}
DIRECTIONS = {
    "more_trust": "A higher value means more trust.",
    "less_trust": "A higher value means less trust.",
    "context": "Context only: a higher value is neither better nor worse.",
}
VOICES = {
    "answers": "people answered",
    "combined": "people answered",
    "posts": "people heard",
    "reports": "ratings",
    "observations": "observation sessions",
    "counts": "records",
}
HEARD = {"answers": "answered the survey", "posts": "heard in public posts"}
RUMOUR_STATES = {
    "seen": "going round",
    "assessed": "looked into",
    "answered": "answered",
    "faded": "no longer heard",
}


COVERED = {
    "answers": "Survey answers (people)",
    "posts": "Public posts (people)",
    "reports": "Reports (practitioners)",
    "observations": "Observations (observers)",
    "counts": "Service and context counts (records)",
}
_STAND_IN = "(stand-in, not a person)"


def approved_by_in_words(name: str, *, is_stand_in: bool) -> str:
    """Who approved a release; a stand-in is never shown without saying that it is one."""
    return name if not is_stand_in or _STAND_IN in name else f"{name} {_STAND_IN}"


def sentence_case(text: str) -> str:
    """First letter large, the rest as it is; identifiers lose their underscores."""
    spaced = text.replace("_", " ")
    return spaced[:1].upper() + spaced[1:]


def value_in_words(value: float, indicator: Indicator) -> str:
    """A value in its unit: shares as per cent (one decimal between 0 and 10 %), everything else with one decimal."""
    if indicator.is_share:
        return f"{_fixed(100 * value, _share_decimals(value))}%"
    return _fixed(value, 1).replace("-", MINUS)


def _fixed(value: float, decimals: int) -> str:
    """Ties go away from zero, as JavaScript's `toFixed` has it, so that page and script never disagree on a number."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


def _share_decimals(value: float) -> int:
    return 1 if 0.0005 <= abs(value) < 0.0995 else 0


def unit_in_words(indicator: Indicator) -> str:
    """What stands after a value: nothing for shares, `out of 10` for a scale, else the unit."""
    if indicator.is_share:
        return ""
    is_scale = indicator.unit == "scale points" and indicator.scale.maximum is not None
    return f"out of {indicator.scale.maximum:g}" if is_scale else indicator.unit


def difference_in_words(difference: float, indicator: Indicator) -> str:
    """The size of a difference, without sign: shares in percentage points."""
    size = abs(difference)
    return f"{100 * size:.1f} percentage points" if indicator.is_share else f"{size:.1f}"


def day_in_words(day: date) -> str:
    """9 May 2026."""
    return f"{day.day} {day:%B %Y}"


def period_in_words(start: date, end: date, *, night: date) -> str:
    """13 April to 10 May 2026, and whether it is still running."""
    if start == end:
        words = day_in_words(start)
    elif start.year != end.year:
        words = f"{day_in_words(start)} to {day_in_words(end)}"
    elif start.month != end.month:
        words = f"{start.day} {start:%B} to {day_in_words(end)}"
    else:
        words = f"{start.day} to {day_in_words(end)}"
    return f"{words} (still running)" if end > night else words


def listed(items: Sequence[str]) -> str:
    """a, b and c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def counted(number: int, one: str, several: str) -> str:
    """1 neighbourhood, 3 neighbourhoods, no neighbourhoods."""
    return f"{'no' if number == 0 else f'{number:,}'} {one if number == 1 else several}"
