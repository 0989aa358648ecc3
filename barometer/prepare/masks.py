"""Masks that need no model: links, e-mail addresses, account names, postcodes, telephone numbers, number plates.

Each mask is itself matched by no rule, so that masking twice is masking once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatcher

from barometer.prepare.words import words

URL_MASK = "http"
EMAIL_MASK = "[email]"
ACCOUNT_MASK = "@user"
PHONE_MASK = "[phone]"
PLATE_MASK = "[plate]"
NAME_MASK = "[name]"

Span = tuple[int, int]

# The first alternative that matches wins: a link may hold an @, and so does the address that @user@instance looks like.
_NETWORK_NAMES = re.compile(
    r"""
    (?P<url>    (?: (?<![a-z0-9+.\-]) [a-z][a-z0-9+.\-]{0,20}:// | \bwww\. | \bmailto: )
                (?: [^\s<>"]* [^\s<>".,;:!?)\]}'’…] )?
              | (?<![\w.\-@]) (?: [a-z0-9\-]+\. )+ [a-z]{2,} / (?: [^\s<>"]* [^\s<>".,;:!?)\]}'’…] )? )
  | (?P<account> (?: (?<!\w) | (?<=\bRT) )
                (?: [@＠] (?! \d{1,2} (?: [:.]\d\d )? \s? (?:am|pm)? \b ) \w (?: [\w.\-]* \w )? )+
              | (?<![\w/]) /?u/[\w\-]{3,}
              | \bdid:[a-z]+:[\w.:%\-]+
              | (?<![\w.\-]) [\w\-]+ \.bsky\.social\b )
  | (?P<email>  (?<![\w.+%'\-]) [\w.+%'\-]+ (?: @ | \s? [\[(] \s?at\s? [\])] \s? ) [\w\-]+ (?: \.[\w\-]+ )+
              | (?<![\w.+%'\-]) (?!RT@) [^\W\d][\w.+%'\-]* @ [^\W\d][\w\-]* )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MASK_OF_KIND = {"url": URL_MASK, "account": ACCOUNT_MASK, "email": EMAIL_MASK}

# Only where the country's code is fine enough to point at a street; the part that is kept names a district.
_POSTCODES: dict[str, re.Pattern[str]] = {
    # Outward and inward code; "M6 1st exit" is a motorway. Source: Royal Mail PAF Programmers' Guide, postcode formats.
    "GB": re.compile(
        r"(?<![A-Za-z0-9])(?P<kept>[A-Za-z]{1,2}\d[A-Za-z\d]?)\s{0,2}"
        r"(?!1st|2nd|3rd|\dth)\d[ABD-HJLNP-UW-Zabd-hjlnp-uw-z]{2}(?![A-Za-z0-9])"
    ),
    # Five digits; without the country mark only before a capitalised locality, since "100 20" may be any two numbers.
    "SE": re.compile(
        r"(?<!\w)(?:[Ss][Ee]-(?P<marked>\d{3})\s?\d{2}\b|(?P<kept>[1-9]\d{2})\s\d{2}(?=\s+[A-ZÅÄÖ][a-zåäö]))"
    ),
}

# Current (from 2001: two letters, the age, three letters), prefix (1983-2001) and suffix plates (1963-1983).
# Source: DVLA INF104, "Vehicle registration numbers and number plates". Current plates have ages 02-29 and 51-79.
_GB_CURRENT = r"[A-HJ-PR-Y][A-HJ-PR-Y](?:0[2-9]|[12]\d|5[1-9]|[67]\d)\s?{letters}"
_GB_PLATE = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    + _GB_CURRENT.format(letters="(?P<current>[A-HJ-PR-Z]{3})")
    + r"|[A-HJ-NPR-TV-Y]\d{1,3}\s?(?P<behind>[A-HJ-PR-Y]{3})|(?P<before>[A-HJ-PR-Y]{3})\s?\d{1,3}[A-HJ-NPR-TV-Y]"
    + r")(?![A-Za-z0-9])"
)
# In lower case only where it is written as one, or said to be one: "bd10 bus" is a postcode district and a bus.
_GB_PLATE_IN_LOWER_CASE = re.compile(
    r"(?<![a-z0-9])[a-hj-pr-y]{2}(?:0[2-9]|[12]\d|5[1-9]|[67]\d)[a-hj-pr-z]{3}(?![a-z0-9])"
    r"|(?<=\breg )[a-z]{2}\d\d\s?[a-z]{3}\b|(?<=\bplate )[a-z]{2}\d\d\s?[a-z]{3}\b"
    r"|(?<=\bregistration )[a-z]{2}\d\d\s?[a-z]{3}\b"
)
# Three letters, then three digits or two and a letter. Source: Transportstyrelsen, registreringsnummer.
_SE_PLATE = re.compile(r"(?<!\w)(?P<before>[A-HJ-PR-UW-Z]{3})\s?\d{2}[A-HJ-PR-UW-Z0-9](?!\w)")
_PLATES: dict[str, tuple[re.Pattern[str], ...]] = {"GB": (_GB_PLATE, _GB_PLATE_IN_LOWER_CASE), "SE": (_SE_PLATE,)}

_MINIMUM_PHONE_DIGITS = 9
# What numbering plans leave out (reserved and future ranges) still looks like a number somebody could ring.
_TRUNK_NUMBER = re.compile(r"(?<![\w.,£$€+])(?:\+|00|0)\d(?:[\s().\-]{0,2}\d){7,13}(?!\w)")
_LONG_DIGIT_RUN = re.compile(r"(?<![\d.,])\d{9,}")
_RING_THIS = re.compile(
    r"\b(?:tel|phone|ring|call|text|mobile|mob|whatsapp)(?:\s+(?:me|us|on|no|number|at))*[\s.:]+"
    r"(\d{5,8}|\d{3}[ \-]\d{3,4})\b",
    re.IGNORECASE,
)
_DATE = re.compile(r"\b(?:\d{1,2}[./\-]\d{1,2}[./\-]\d{2,4}|\d{4}-\d{2}-\d{2})\b")
_FEWEST_DIGITS_TO_RING = re.compile(r"(?:\d\D{0,3}){5}")


def mask_by_rule(text: str, country: str) -> str:
    """`text` with links, addresses, accounts, postcodes, number plates and telephone numbers masked.

    `country` is the ISO 3166 code whose forms of postcode and plate, and whose numbering plan, apply; international
    numbers always do.
    """
    masked = _masked_once(text, country)
    while masked != text:
        # What stood beside a masked part may only now be whole: again until nothing changes, so that twice is once.
        text, masked = masked, _masked_once(masked, country)
    return masked


def replace_spans(text: str, spans: Iterable[Span], mask: str) -> str:
    """`text` with every (start, end) replaced by `mask`; spans that overlap count as one."""
    parts, position = [], 0
    for start, end in _merged(spans):
        parts += [text[position:start], mask]
        position = end
    return "".join([*parts, text[position:]])


def _masked_once(text: str, country: str) -> str:
    masked = _NETWORK_NAMES.sub(lambda match: _MASK_OF_KIND[match.lastgroup or ""], text)
    return _mask_phones(_mask_plates(_mask_postcodes(masked, country), country), country)


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _mask_postcodes(text: str, country: str) -> str:
    pattern = _POSTCODES.get(country)
    return text if pattern is None else pattern.sub(_postcode_mask, text)


def _postcode_mask(match: re.Match[str]) -> str:
    kept = next(part for part in match.groupdict().values() if part)
    return f"[postcode {kept.upper()}]"


def _mask_plates(text: str, country: str) -> str:
    for pattern in _PLATES.get(country, ()):
        text = pattern.sub(_plate_mask, text)
    return text


def _plate_mask(match: re.Match[str]) -> str:
    """The mask, unless the three letters are a word of a sentence in capitals: "A650 AND", "BUS 662D"."""
    letters = next((part for part in match.groupdict().values() if part), "")
    return match.group() if letters.lower() in words("three_letters") else PLATE_MASK


def _mask_phones(text: str, country: str) -> str:
    if not _FEWEST_DIGITS_TO_RING.search(text):
        return text
    spans = [span for find in _PHONE_FINDERS for span in find(text, country)]
    return replace_spans(text, spans, PHONE_MASK)


def _in_numbering_plan(text: str, country: str) -> list[Span]:
    known = country if country in phonenumbers.SUPPORTED_REGIONS else None
    return [(match.start, match.end) for match in PhoneNumberMatcher(text, known, leniency=Leniency.VALID)]


def _behind_trunk_prefix(text: str, country: str) -> list[Span]:
    found = (match for match in _TRUNK_NUMBER.finditer(text) if not _DATE.match(match.group()))
    return [match.span() for match in found if sum(map(str.isdigit, match.group())) >= _MINIMUM_PHONE_DIGITS]


def _long_digit_runs(text: str, country: str) -> list[Span]:
    return [match.span() for match in _LONG_DIGIT_RUN.finditer(text)]


def _asked_to_ring(text: str, country: str) -> list[Span]:
    return [match.span(1) for match in _RING_THIS.finditer(text)]


_PHONE_FINDERS: tuple[Callable[[str, str], list[Span]], ...] = (
    _in_numbering_plan,
    _behind_trunk_prefix,
    _long_digit_runs,
    _asked_to_ring,
)
