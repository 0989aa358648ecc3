"""Posts that must stay on one side of every split: near copies, one story, one author, what these chain together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import StratifiedGroupKFold

from barometer.errors import BadInput
from barometer.train.data import SILVER
from barometer.train.events import plain

# Jaccard similarity of sets of words and word pairs. Copies with a changed link have more, other posts far less.
NEAR_COPY_SIMILARITY = 0.5
FOLDS = 5
_ROWS_AT_ONCE = 1_000
_WORD = r"\S+"
_LEAST_PER_STRATUM = 4 * FOLDS
# So that the held-out fifth and every fold have some.
_LEAST_GROUPS = 4 * FOLDS
# The held-out posts are the same whatever seed a model is trained with.
_HELD_OUT_SEED = 0

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Split:
    """Rows held out for the card's figures, rows learnt from, and the folds (learn, test) among the latter."""

    held_out: Rows
    learn: Rows
    folds: tuple[tuple[Rows, Rows], ...]


def groups(posts: pl.DataFrame) -> NDArray[np.int32]:
    """Group number of every post: connected components of near copies, stories and authors."""
    pairs = [*near_copies(posts["text"].to_list()), *_chained(posts["story"]), *_chained(posts["author"])]
    ends = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    graph = sparse.coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(posts.height, posts.height))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int32)


def near_copies(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of rows whose texts share at least half of all their words and word pairs."""
    plain_texts = [plain(text) or "-" for text in texts]
    counter = CountVectorizer(ngram_range=(1, 2), binary=True, token_pattern=_WORD, dtype=np.float32)
    terms = counter.fit_transform(plain_texts).tocsr()
    sizes = np.asarray(terms.sum(axis=1)).ravel()
    starts = range(0, terms.shape[0], _ROWS_AT_ONCE)
    return [pair for start in starts for pair in _similar_pairs(terms, sizes, start)]


def _similar_pairs(terms: sparse.csr_matrix, sizes: NDArray[np.float32], start: int) -> list[tuple[int, int]]:
    shared = (terms[start : start + _ROWS_AT_ONCE] @ terms.T).tocoo()
    left, right = shared.row + start, shared.col
    similarity = shared.data / (sizes[left] + sizes[right] - shared.data)
    is_copy = (similarity >= NEAR_COPY_SIMILARITY) & (left < right)
    return list(zip(left[is_copy].tolist(), right[is_copy].tolist(), strict=True))


def _chained(values: pl.Series) -> list[tuple[int, int]]:
    """Each row with the row before it that holds the same value."""
    latest: dict[str, int] = {}
    pairs = []
    for row, value in enumerate(values):
        if value is not None:
            if value in latest:
                pairs.append((latest[value], row))
            latest[value] = row
    return pairs


def split(posts: pl.DataFrame, *, seed: int) -> Split:
    """A fifth of the gold and sample posts held out, always the same; the rest in five folds.

    No group straddles any border. Silver posts (one pass) are never scored as held out: if their group is, they are
    left out.
    """
    member = groups(posts)
    kinds = _strata(posts)
    careful = np.flatnonzero(posts["set"].to_numpy() != SILVER)
    if len(set(member[careful])) < _LEAST_GROUPS:
        raise BadInput(
            f"training posts: gold and sample posts are of fewer than {_LEAST_GROUPS} groups; add more posts"
        )
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=_HELD_OUT_SEED)
    held_out = careful[next(splitter.split(careful, kinds[careful], member[careful]))[1]]
    learn = np.flatnonzero(~np.isin(member, member[held_out]))
    inner = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    folds = [(learn[train], learn[test]) for train, test in inner.split(learn, kinds[learn], member[learn])]
    return Split(held_out=held_out, learn=learn, folds=tuple(folds))


def _strata(posts: pl.DataFrame) -> NDArray[np.object_]:
    """What every fold should hold its share of: set, trust, rumour, hostility; what is too rare for that, together."""
    joined = posts.select(pl.concat_str(["set", "trust", "rumour", "hostile"], separator=" ").alias("stratum"))
    is_rare = pl.len().over("stratum") < _LEAST_PER_STRATUM
    strata = joined.select(pl.when(is_rare).then(pl.lit("rare")).otherwise("stratum")).to_series()
    return strata.to_numpy().astype(object)
