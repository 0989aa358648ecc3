"""BM25 (Robertson & Zaragoza 2009): how well the words of a question fit each document, rare words counting more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

Array = NDArray[np.float64]
# The usual values: how soon a repeated word counts no more, and how far long documents are marked down.
K1 = 1.2
B = 0.75


@dataclass(frozen=True)
class Bm25:
    """Documents ready to be asked."""

    vectoriser: CountVectorizer
    weights: sparse.csc_matrix
    inverse_frequency: Array

    def scores(self, questions: Sequence[str]) -> Array:
        """(questions, documents), at least 0; each word of a question counts once."""
        if not len(questions):
            return np.zeros((0, self.weights.shape[1]))
        asked = (self.vectoriser.transform(questions) > 0).astype(np.float64)
        return np.asarray((asked @ self.weights).toarray())


def fit_bm25(documents: Sequence[str], analyse: Callable[[str], list[str]], *, k1: float = K1, b: float = B) -> Bm25:
    """Weigh every term of `documents` (one or more, one of them with a term) as `analyse` finds them."""
    vectoriser = CountVectorizer(analyzer=analyse)
    counts = vectoriser.fit_transform(documents).astype(np.float64).tocsr()
    held = np.diff(counts.tocsc().indptr)
    inverse = np.log1p((counts.shape[0] - held + 0.5) / (held + 0.5))
    length = np.asarray(counts.sum(axis=1)).ravel()
    damping = np.repeat(k1 * (1 - b + b * length / length.mean()), np.diff(counts.indptr))
    counts.data = counts.data * (k1 + 1) / (counts.data + damping)
    return Bm25(vectoriser, (counts @ sparse.diags(inverse)).T.tocsc(), inverse)
