"""Which posts of a stream of everything are a city's business: those that name its places or terms, in its languages.

Options of a source, all optional, read wherever a parser asks for a `Scope`: `terms` (words, phrases, hashtags),
`places` (true: the names of the city and its places too), `languages` (BCP 47; a post that states none is kept).
A term is found as whole words, in any case, and inside hashtags: "Wood End" in "wood-end", "#WoodEnd" and "#woodend".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from barometer.errors import BadConfiguration
from barometer.ingest.source import Context

Words: TypeAlias = tuple[str, ...]

_TOKEN = re.compile(r"#?\w+")
_PART_OF_HASHTAG = re.compile(r"[A-Z]?[^A-Z_]+|[A-Z]+(?![a-z])|[A-Z]")
_FEW_NEEDLES = 32
"""Looking for more than this many words in bytes costs more than decoding the record."""


@dataclass(frozen=True)
class Scope:
    """What a source wants of a stream."""

    by_first_word: dict[str, tuple[Words, ...]] | None
    """Wanted terms by their first word; None: whatever it says."""
    needles: tuple[bytes, ...]
    """One word of every term, in lower case; none where there are too many, or a term cannot be told in ASCII."""
    languages: frozenset[str]
    plain: tuple[str, ...] = ()
    """The needles as text, where every term has one: what holds none of them names no term."""

    def may_name(self, record: bytes) -> bool:
        """Whether a raw JSON record can name a term: never false where `names` is true of its text. Cheap.

        Only plain ASCII without escapes can be told from its bytes; everything else must be decoded.
        """
        if self.by_first_word is None or not self.needles or not record.isascii() or b"\\u" in record:
            return True
        lower = record.lower()
        return any(needle in lower for needle in self.needles)

    def wants(self, texts: Iterable[str], languages: Sequence[str] | None) -> bool:
        """Whether a post with these texts (its words, its tags) in these stated languages is wanted."""
        return self.speaks(languages) and (self.by_first_word is None or any(self._names(text) for text in texts))

    def speaks(self, languages: Sequence[str] | None) -> bool:
        """Whether any of the languages a post states is wanted; true where it states none."""
        if not self.languages or not languages:
            return True
        return any(_primary(language) in self.languages for language in languages)

    def _names(self, text: str) -> bool:
        assert self.by_first_word is not None
        if self.plain:
            lower = text.lower()
            if not any(needle in lower for needle in self.plain):
                return False
        words = list(_words(text))
        for index, word in enumerate(words):
            for term in self.by_first_word.get(word, ()):
                if tuple(words[index : index + len(term)]) == term:
                    return True
        return False


EVERYTHING = Scope(None, (), frozenset())


def scope_of(context: Context) -> Scope:
    """The scope that a source's options state. Raises `BadConfiguration` where terms or languages are no lists."""
    options = context.source.options
    terms = _listed(context, "terms")
    if options.get("places"):
        terms += (context.city.name, *context.city.aliases["alias"])
    is_limited = bool(options.get("terms")) or bool(options.get("places"))
    return _built(terms if is_limited else None, _listed(context, "languages"))


def _listed(context: Context, name: str) -> Words:
    stated: Any = context.source.options.get(name) or ()
    if not isinstance(stated, list | tuple) or not all(isinstance(one, str) and one.strip() for one in stated):
        raise BadConfiguration(f"source {context.source.id}: option {name} is not a list of words; write [one, two]")
    return tuple(stated)


@lru_cache(maxsize=32)
def _built(terms: Words | None, languages: Words) -> Scope:
    spoken = frozenset(_primary(language) for language in languages)
    if terms is None:
        return Scope(None, (), spoken)
    wanted = sorted({form for term in terms for form in _forms(term)})
    by_first: dict[str, tuple[Words, ...]] = {}
    for form in wanted:
        by_first[form[0]] = (*by_first.get(form[0], ()), form)
    needles = _needles(wanted)
    is_complete = all(any(word.isascii() and needle in word for needle in needles for word in form) for form in wanted)
    return Scope(by_first, tuple(needle.encode() for needle in needles), spoken, needles if is_complete else ())


def _forms(term: str) -> Iterator[Words]:
    """A term as separate words, and written in one as hashtags are."""
    separate = tuple(word.lstrip("#").lower() for word in _TOKEN.findall(term))
    if separate:
        yield separate
        yield ("".join(separate),)


def _needles(wanted: Sequence[Words]) -> tuple[str, ...]:
    """The longest word of each term, if it is ASCII; none where there are too many to look for."""
    longest = sorted({max(form, key=len) for form in wanted})
    # A text in ASCII cannot hold a word that is not, so such terms need not be looked for in one.
    plain = [word for word in longest if word.isascii()]
    least = [word for word in plain if not any(other != word and other in word for other in plain)]
    return tuple(least) if len(least) <= _FEW_NEEDLES else ()


def _words(text: str) -> Iterator[str]:
    """Words in lower case; of a hashtag, itself and its parts (`#WoodEnd`: woodend, wood, end)."""
    for token in _TOKEN.findall(text):
        if not token.startswith("#"):
            yield token.lower()
            continue
        yield token[1:].lower()
        parts = _PART_OF_HASHTAG.findall(token[1:])
        if len(parts) > 1:
            yield from (part.lower() for part in parts)


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()
