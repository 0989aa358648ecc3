"""The city's door: ids become keyed pseudonyms and texts are masked before anything rests anywhere.

A pseudonym is the first 128 bits of HMAC-SHA256 (RFC 2104) under the city's key: the same id gives the same pseudonym
night after night, and without the key neither the id can be told from it nor a guessed id be tested against it.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from barometer.city import City
from barometer.prepare.keys import city_key
from barometer.prepare.language import language_identifier
from barometer.prepare.masks import mask_by_rule
from barometer.prepare.names import NameMasker
from barometer.prepare.seals import seal, unseal
from barometer.prepare.words import words
from barometer.settings import Settings

PSEUDONYM_HEX_DIGITS = 32
RECORD_CHARACTERS = 2_000
_RECORD_CHARACTERS_READ = 4 * RECORD_CHARACTERS
DROPPED = "[dropped]"

# Fields of platforms' records that say who, or which record: whatever they hold goes. The end of a field's name counts.
_IDENTIFYING_FIELD = (
    r"(?:[a-z0-9_\-]*(?:[_\-]|(?<=[a-z0-9])(?=(?-i:[A-Z]))))?(?:ids?|id_str|did|uri|url|urls|cid|rkey|rev|sig|handle|author|authors|username|user|user_name|"
    r"screen_name|display_?name|full_?name|first_?name|last_?name|sur_?name|name|nick(?:name)?|acct|account|accounts|avatar|"
    r"banner|email|e-mail|phone|mobile|tel|address|respondent|rater|observer|interviewer|ip|lat|lon|lng|latitude|longitude|"
    r"coordinates|geo|bbox|bounding_box)"
)
_IS_IDENTIFYING = re.compile(_IDENTIFYING_FIELD, re.IGNORECASE)
_IDENTIFYING_PAIR = re.compile(
    rf"""(?P<field>["']?\b{_IDENTIFYING_FIELD}["']?\s*[:=]\s*)(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;}}\]"']+)""",
    re.IGNORECASE,
)
_OPAQUE_ID = re.compile(r"(?<![\w\-])(?=[\w\-]*\d)(?=[\w\-]*[A-Za-z])[\w\-]{12,}|\d{6,}")
# Names are found as words, so the cells of a row are set apart from each other.
_BETWEEN_FIELDS = re.compile(r"(?<=[,;|\t])(?=[^\s\d])")


@dataclass(frozen=True)
class CityDoor:
    """What nothing personal passes. Holds the city's key: never log it, never store it."""

    key: bytes = field(repr=False)
    country: str
    names: NameMasker = field(repr=False)

    def pseudonym(self, kind: str, value: str) -> str:
        """32 hex digits for `value` as a `kind` ("post", "author", …): two kinds never share a pseudonym."""
        message = f"{kind}\x1f{value}".encode("utf-8", "surrogatepass")
        return hmac.digest(self.key, message, "sha256").hex()[:PSEUDONYM_HEX_DIGITS]

    def mask(self, texts: Sequence[str]) -> list[str]:
        """The texts masked, in their order. Masking what is masked changes nothing; equal texts are masked once."""
        masked = {text: text for text in texts}
        unfinished = list(masked)
        while unfinished:
            # Masks change what the model sees around a word: again until nothing changes, so that twice is once.
            after = self._masked_once([masked[text] for text in unfinished])
            changed = [text for text, now in zip(unfinished, after, strict=True) if masked[text] != now]
            masked.update(zip(unfinished, after, strict=True))
            unfinished = changed
        return [masked[text] for text in texts]

    def mask_record(self, record: str) -> str:
        """A rejected record of any form, masked, without ids, authors and coordinates, cut to 2,000 characters."""
        fragment = _whole_words(record)
        try:
            masked = json.dumps(self._masked_json(json.loads(fragment)), ensure_ascii=False)
        except (ValueError, RecursionError):
            masked = self._masked_fragment(fragment)
        return masked[:RECORD_CHARACTERS]

    def seal(self, post: str, platform_id: str) -> str:
        """See `prepare/seals.py`."""
        return seal(self.key, post, platform_id)

    def unseal(self, post: str, sealed_id: str) -> str:
        """See `prepare/seals.py`."""
        return unseal(self.key, post, sealed_id)

    def _masked_once(self, texts: Sequence[str]) -> list[str]:
        return self.names.mask([mask_by_rule(text, self.country) for text in texts])

    def _masked_json(self, value: Any, name: str = "") -> Any:
        if name and _IS_IDENTIFYING.fullmatch(name):
            return DROPPED
        if isinstance(value, dict):
            return {self._masked_field(key): self._masked_json(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self._masked_json(item, name) for item in value]
        return self._masked_fragment(value) if isinstance(value, str) else value

    def _masked_field(self, name: str) -> str:
        """A field's own name, which in maps of accounts or posts is an id."""
        return _OPAQUE_ID.sub(DROPPED, mask_by_rule(name, self.country))

    def _masked_fragment(self, text: str) -> str:
        """Text that may be part of a record: whatever is written beside an identifying field's name goes first."""
        without_fields = _IDENTIFYING_PAIR.sub(lambda match: match["field"] + DROPPED, text)
        return _OPAQUE_ID.sub(DROPPED, self.mask([_BETWEEN_FIELDS.sub(" ", without_fields)])[0])


def city_door(city: City, settings: Settings) -> CityDoor:
    """The door of `city`; its key is made on first use at `settings.keys/<city>.key`. Raises `BadConfiguration`."""
    english_too = tuple(dict.fromkeys([*city.languages, "en"]))
    return CityDoor(
        key=city_key(settings.keys / f"{city.id}.key"),
        country=city.country,
        names=NameMasker(
            places=place_names(city),
            is_english=language_identifier(english_too).is_english,
            has_capital_nouns=not words("languages_with_capital_nouns").isdisjoint(city.languages),
        ),
    )


def place_names(city: City) -> tuple[str, ...]:
    """Names the gazetteer knows as places: areas, their parts, aliases, the city, and each written as one word too."""
    areas = city.areas["name"].to_list()
    parts = [part.strip() for name in areas for part in re.split(r"[&,/]| and ", name)]
    aliases = city.aliases["alias"].to_list()
    names = {name for name in [city.name, *areas, *parts, *aliases] if name}
    return tuple(sorted(names | {name.replace(" ", "") for name in names}))


def _whole_words(record: str) -> str:
    """The first characters of a record, without the last word, which the cut may have left a half of."""
    if len(record) <= _RECORD_CHARACTERS_READ:
        return record
    return re.sub(r"""[^\s,;"'{}\[\]]*\Z""", "", record[:_RECORD_CHARACTERS_READ]) or DROPPED
