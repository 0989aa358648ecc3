"""The words of claims: what two tellings share, which words are typical of a rumour, and the id that a post gives."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import polars as pl
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

from barometer.classify.embed import MASKS, WORD
from barometer.classify.text import normalise

_STOP_WORDS = sorted(ENGLISH_STOP_WORDS | MASKS)
_ID_DIGITS = 16


def words_of_claims(texts: Sequence[str]) -> TfidfVectorizer:
    """TF-IDF of single words without stop words and masks; `texts` (all posts, not only rumours) give frequencies."""
    vectoriser = TfidfVectorizer(
        preprocessor=normalise, token_pattern=WORD, stop_words=_STOP_WORDS, sublinear_tf=True, dtype=np.float64
    )
    return vectoriser.fit([*texts, "a claim"])


def rumour_id(post: str) -> str:
    """Id of the rumour that `post` begins: a hash, from which the post cannot be told."""
    return hashlib.sha256(f"rumour:{post}".encode()).hexdigest()[:_ID_DIGITS]


def shared_terms(posts: pl.DataFrame, words: TfidfVectorizer, *, least_voices: int, most: int) -> list[str]:
    """The most typical terms of one rumour's posts (`author, text`) that `least_voices` different authors use."""
    analyse = words.build_analyzer()
    authors: dict[str, set[str]] = {}
    for author, text in posts.select("author", "text").iter_rows():
        for term in set(analyse(text)) & words.vocabulary_.keys():
            authors.setdefault(term, set()).add(author)
    weights = {term: len(by) * float(words.idf_[words.vocabulary_[term]]) for term, by in authors.items()}
    shared = [term for term, by in authors.items() if len(by) >= least_voices]
    return sorted(shared, key=lambda term: (-weights[term], term))[:most]
