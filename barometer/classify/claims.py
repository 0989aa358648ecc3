"""Which posts carry the same claim: each joins the group it is most like, or begins one.

A group is the direction of its members' mean TF-IDF vector (words weighted by how rare they are among all posts of the
window). Words, not meanings, are compared: a claim retold in other words or another language begins another group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

from barometer.classify.text import normalise

# On the sample city's stories, 98 % of a post's group are of its story at 0.22, but 73 % at 0.14 (experiments.md).
JOIN_SIMILARITY = 0.22
MASKS = frozenset({"http", "user", "name", "email", "phone", "postcode", "plate"})
_STOP_WORDS = sorted(ENGLISH_STOP_WORDS | MASKS)
_WORD = r"\b[^\W\d_][\w'’]+"
_ID_DIGITS = 16

MEMBERS = {"post": pl.String(), "rumour": pl.String(), "similarity": pl.Float64()}


def words_of_claims(texts: Sequence[str]) -> TfidfVectorizer:
    """TF-IDF of single words without stop words and masks; `texts` (all posts, not only rumours) give frequencies."""
    vectoriser = TfidfVectorizer(
        preprocessor=normalise, token_pattern=_WORD, stop_words=_STOP_WORDS, sublinear_tf=True, dtype=np.float64
    )
    return vectoriser.fit([*texts, "a claim"])


def rumour_id(post: str) -> str:
    """Id of the rumour that `post` begins: a hash, from which the post cannot be told."""
    return hashlib.sha256(f"rumour:{post}".encode()).hexdigest()[:_ID_DIGITS]


class _Groups:
    """The groups so far: the vectors and groups of their members, and each group's id and sum's squared length."""

    def __init__(self, known: pl.Series, vectors: sparse.csr_matrix) -> None:
        self._vectors = vectors
        self.ids: list[str] = known.unique(maintain_order=True).to_list()
        place = {identity: number for number, identity in enumerate(self.ids)}
        self._group_of = np.zeros(vectors.shape[0], dtype=np.intp)
        self._group_of[: len(known)] = [place[identity] for identity in known]
        self._squared = _squared_sums(vectors[: len(known)], self._group_of[: len(known)], len(self.ids))

    def add(self, row: int, post: str, threshold: float) -> tuple[str, float]:
        """Put a row's post into the group most like it (the oldest wins a tie), or a new one below `threshold`."""
        cosines = _dense(self._vectors[:row] @ self._vectors[row].T) if row else np.empty(0)
        sums = np.bincount(self._group_of[:row], weights=cosines, minlength=len(self.ids))
        similarity = sums / np.sqrt(np.maximum(self._squared, np.finfo(float).tiny))
        best = int(np.argmax(similarity)) if self.ids else -1
        if best < 0 or similarity[best] < threshold:
            self.ids.append(rumour_id(post))
            self._squared, sums = np.append(self._squared, 0.0), np.append(sums, 0.0)
            similarity, best = np.append(similarity, 1.0), len(self.ids) - 1
        self._group_of[row] = best
        # |s + x|² = |s|² + 2 s·x + |x|², where |x| is 1, or 0 for a post without a known word.
        self._squared[best] += 2 * sums[best] + self._vectors[row].multiply(self._vectors[row]).sum()
        return self.ids[best], float(min(similarity[best], 1.0))


def join_claims(
    known: pl.DataFrame, fresh: pl.DataFrame, *, words: TfidfVectorizer, threshold: float = JOIN_SIMILARITY
) -> pl.DataFrame:
    """`post, rumour, similarity` (cosine, 0-1; 1 for the post that begins a rumour) of every row of `fresh`.

    `known` has `post, created_at, text, rumour`; `fresh` the same without `rumour`. The result does not depend on the
    order of the rows: posts are taken by time, then by id.
    """
    if fresh.is_empty():
        return pl.DataFrame(schema=MEMBERS)
    known, fresh = known.sort("created_at", "post"), fresh.sort("created_at", "post")
    groups = _Groups(known["rumour"], words.transform([*known["text"], *fresh["text"]]).tocsr())
    rows = [
        (post, *groups.add(known.height + row, post, threshold)) for row, post in enumerate(fresh["post"].to_list())
    ]
    return pl.DataFrame(rows, schema=MEMBERS, orient="row")


def _dense(column: sparse.csr_matrix) -> NDArray[np.float64]:
    return np.asarray(column.toarray(), dtype=np.float64).ravel()


def _squared_sums(vectors: sparse.csr_matrix, group_of: NDArray[np.intp], groups: int) -> NDArray[np.float64]:
    """Squared length of the sum of every group's vectors."""
    rows = np.arange(len(group_of))
    sums = sparse.csr_matrix((np.ones(len(rows)), (group_of, rows)), shape=(groups, len(rows))) @ vectors
    return np.asarray(sums.multiply(sums).sum(axis=1), dtype=np.float64).ravel()


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
