"""How alike two claims are: in what the posts around them say, in time and in place.

People retell a claim in words of their own, so two posts of one story often share no word. Each post therefore stands
for the posts of its time and place that are most like it, too: its context.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.preprocessing import normalize

from barometer.classify.embed import Closeness, Embedder, Rows, days_of, fit_city_words

Array = NDArray[np.float64]

# Posts further back are not asked for context: a night must not grow dearer with the talkativeness of the city.
MOST_CONTEXT_POSTS = 20_000
CONTEXT_POSTS = 15
CONTEXT_DAYS = 10.0
_WORDS_ALONE_IN_CONTEXT = 0.4
RECENT_DAYS = 10.0
_BLOCK_OF_CLAIMS = 500


@dataclass(frozen=True)
class Claims:
    """What is compared of n claims, a row each: context, day and neighbourhood."""

    context: Rows
    days: Array
    areas: NDArray[np.intp]


@dataclass(frozen=True)
class Surroundings:
    """What claims are read against: the city's recent posts and its map."""

    embedder: Embedder
    closeness: Closeness
    rows: Rows
    days: Array
    areas: NDArray[np.intp]

    # As in `gather.Alike`: what makes groups one rumour, and what posts that were one before have over others.
    # Chosen on the sample city: how they do on stories they were not chosen on stands in docs/rumours.md.
    merge: float = 0.1
    stay: float = 0.04

    def alike(self, claims: pl.DataFrame) -> Array:
        """`alikeness` of every two of `claims`, (n, n), 0-1."""
        return alikeness(self.read(claims), self.closeness)

    def read(self, claims: pl.DataFrame) -> Claims:
        """`claims` (`text, created_at, area`) as what `alikeness` compares, in their order."""
        rows = self.embedder.embed(claims["text"].to_list())
        days, areas = days_of(claims["created_at"]), self.closeness.numbers(claims["area"])
        starts = range(0, max(1, claims.height), _BLOCK_OF_CLAIMS)
        blocks = [slice(start, start + _BLOCK_OF_CLAIMS) for start in starts]
        return Claims(_stacked([self._in_context(rows[at], days[at], areas[at]) for at in blocks]), days, areas)

    def _in_context(self, rows: Rows, days: Array, areas: NDArray[np.intp]) -> Rows:
        """Unit rows plus the mean of the posts that are most like them, of their place and days, if any."""
        if not len(self.days):
            return rows
        weights = np.maximum(products(rows, self.rows), 0.0) * np.exp(-_apart(days, self.days) / CONTEXT_DAYS)
        weights *= _WORDS_ALONE_IN_CONTEXT + self.closeness.matrix[np.ix_(areas, self.areas)]
        return cast(Rows, normalize(rows + largest(weights, CONTEXT_POSTS) @ self.rows))


def look_around(posts: pl.DataFrame, closeness: Closeness, *, embedder: Embedder | None = None) -> Surroundings:
    """Read the city's latest `posts` (`post, text, created_at, area`); without `embedder`, by the city's own words."""
    recent = posts.sort("created_at", "post").tail(MOST_CONTEXT_POSTS)
    chosen = embedder or fit_city_words(recent, closeness)
    rows = chosen.embed(recent["text"].to_list())
    return Surroundings(chosen, closeness, rows, days_of(recent["created_at"]), closeness.numbers(recent["area"]))


def alikeness(claims: Claims, closeness: Closeness) -> Array:
    """How alike every pair is, (n, n), 0-1: √(√context · e^(-days/10) · closeness of the neighbourhoods).

    A pair without any word in its contexts is not alike, however near: two stories may begin in one street on one day.
    """
    context = np.sqrt(np.clip(products(claims.context, claims.context), 0.0, 1.0))
    recent = np.exp(-_apart(claims.days, claims.days) / RECENT_DAYS)
    return cast(Array, np.sqrt(context * recent * closeness.matrix[np.ix_(claims.areas, claims.areas)]))


def _apart(ones: Array, others: Array) -> Array:
    return cast(Array, np.abs(ones[:, None] - others[None, :]))


def products(ones: Rows | Array, others: Rows | Array) -> Array:
    """Dense inner products of every pair of rows."""
    found = ones @ others.T
    return np.asarray(found.toarray() if sparse.issparse(found) else found, dtype=np.float64)


def largest(weights: Array, most: int) -> sparse.csr_matrix:
    """The `most` largest weights of each row, summing to one; a row of zeros where nothing weighs."""
    if weights.shape[1] > most:
        least = np.partition(weights, -most, axis=1)[:, [-most]]
        weights = np.where(weights >= least, weights, 0.0)
    return cast(sparse.csr_matrix, normalize(sparse.csr_matrix(weights), norm="l1"))


def _stacked(blocks: list[Rows]) -> Rows:
    if isinstance(blocks[0], np.ndarray):
        return np.vstack(cast("list[NDArray[np.float32]]", blocks))
    return sparse.vstack(cast("list[sparse.csr_matrix]", blocks)).tocsr()
