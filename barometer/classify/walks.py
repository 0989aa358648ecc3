"""How likely two claims tell one story: where walks from post to post lead from each, and how far apart they happened.

A walk steps from a post to one of the posts most like it, of its place and time: in half of the steps by the city's
words, in half by meaning. Claims of one story that share no word meet on the posts around them after two steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit
from sklearn.preprocessing import normalize

from barometer.classify.alike import largest, products
from barometer.classify.embed import Array, Closeness, Embedder, Rows, days_of, fit_city_words
from barometer.classify.evidence import readable

# A city's night must stay cheap: of more posts than this, those most like a claim are walked through, and all claims.
MOST_POSTS = 2_000
NEIGHBOURS = 15
# In a young city fifteen posts would be everybody: a post has no more neighbours than one in so many posts.
POSTS_PER_NEIGHBOUR = 20
DAYS = 10.0
# What neighbours of another place count beside those of the same one.
ELSEWHERE = 0.4
STAY = 0.3
_MEANING_POWER = 2
_BLOCK = 500

# Logistic regression over pairs of claims of the sample city, refitted by `benchmarks/bench_rumours.py`, which also
# tells how it does on stories that it was not fitted on.
INTERCEPT = -3.12
WEIGHTS = (9.507, 3.858, -0.0812)
# Walks that overlap less than this have not met: two stories may begin in one street on one day.
LEAST_OVERLAP = 0.05


@dataclass(frozen=True)
class Pairs:
    """What is known of every pair of n claims, (n, n) each: overlap of walks, closeness of places, days apart."""

    walks: Array
    places: Array
    days: Array


@dataclass(frozen=True)
class Walks:
    """The city's recent `posts` (`post, text, created_at, area`), its map, and what texts mean."""

    posts: pl.DataFrame
    closeness: Closeness
    embedder: Embedder

    # As in `gather.Alike`. Between .17 and .23 it makes little difference (docs/rumours.md).
    merge: float = 0.18
    stay: float = 0.1

    def alike(self, claims: pl.DataFrame) -> Array:
        """How likely each two of `claims` (`post, text, created_at, area`) tell one story, (n, n), 0-1."""
        return likelihood(self.pairs(claims))

    def pairs(self, claims: pl.DataFrame) -> Pairs:
        """What the likelihood is made of."""
        columns = ("post", "text", "created_at", "area")
        others = self.posts.join(claims.select("post"), on="post", how="anti").sort("created_at", "post")
        ground = _ground(pl.concat([claims.select(columns), others.select(columns)]), self.closeness)
        ground = ground.most_like_the_first(claims.height)
        steps = ground.steps(_meanings(ground.texts, self.embedder))
        led = normalize(steps[: claims.height] @ steps)
        mine = slice(0, claims.height)
        return Pairs(products(led, led), ground.near(mine, mine), ground.apart(mine, mine))


def likelihood(pairs: Pairs, *, weights: Sequence[float] = WEIGHTS, intercept: float = INTERCEPT) -> Array:
    """Logistic regression over the three, falling to 0 where the walks do not meet, however near in place and time."""
    score = intercept + weights[0] * pairs.walks + weights[1] * pairs.places + weights[2] * pairs.days
    return expit(score) * np.minimum(pairs.walks / LEAST_OVERLAP, 1.0)


@dataclass(frozen=True)
class _Ground:
    """Posts to walk through: their words (unit rows), days and neighbourhoods."""

    texts: list[str]
    words: Rows
    days: Array
    areas: NDArray[np.intp]
    closeness: Closeness

    def near(self, ones: slice, others: slice) -> Array:
        """Closeness of the neighbourhoods of posts, 0-1."""
        return cast(Array, self.closeness.matrix[np.ix_(self.areas[ones], self.areas[others])])

    def apart(self, ones: slice, others: slice) -> Array:
        """Days between posts."""
        return cast(Array, np.abs(self.days[ones, None] - self.days[None, others]))

    def likeness(self, rows: slice, vectors: Rows | Array, power: int) -> Array:
        """How likely a step leads from each of `rows` to each post, up to a factor; never to itself."""
        found = np.maximum(products(vectors[rows], vectors), 0.0) ** power
        found *= np.exp(-self.apart(rows, slice(None)) / DAYS) * (ELSEWHERE + self.near(rows, slice(None)))
        found[np.arange(found.shape[0]), np.arange(len(self.texts))[rows]] = 0.0
        return cast(Array, found)

    def most_like_the_first(self, count: int) -> _Ground:
        """The first `count` posts and, as far as there is room, those of the others that are most like any of them."""
        if len(self.texts) <= MOST_POSTS or not count:
            return self
        best = np.zeros(len(self.texts))
        for rows in _blocks(count):
            best = np.maximum(best, self.likeness(rows, self.words, 1).max(axis=0))
        best[:count] = np.inf
        kept = np.sort(np.argsort(-best, kind="stable")[: max(MOST_POSTS, count)])
        texts = [self.texts[row] for row in kept]
        return _Ground(texts, self.words[kept], self.days[kept], self.areas[kept], self.closeness)

    def steps(self, meanings: Array) -> sparse.csr_matrix:
        """(posts, posts): where one step leads from each, or that it stays."""
        parts, most = [], max(1, min(NEIGHBOURS, len(self.texts) // POSTS_PER_NEIGHBOUR))
        for rows in _blocks(len(self.texts)):
            by_words = largest(self.likeness(rows, self.words, 1), most)
            by_meaning = largest(self.likeness(rows, meanings, _MEANING_POWER), most)
            parts.append(0.5 * (by_words + by_meaning))
        stay = STAY * sparse.identity(len(self.texts), format="csr")
        return cast(sparse.csr_matrix, normalize(sparse.vstack(parts).tocsr() + stay, norm="l1"))


def _ground(posts: pl.DataFrame, closeness: Closeness) -> _Ground:
    texts = posts["text"].to_list()
    words = fit_city_words(posts, closeness).embed(texts)
    return _Ground(texts, words, days_of(posts["created_at"]), closeness.numbers(posts["area"]), closeness)


def _blocks(count: int) -> list[slice]:
    return [slice(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK)]


def _meanings(texts: list[str], embedder: Embedder) -> Array:
    """Unit rows of what `texts` mean, without what they all have in common; each distinct text is read once."""
    plain = [readable(text) for text in texts]
    distinct = list(dict.fromkeys(plain))
    place = {text: row for row, text in enumerate(distinct)}
    read = embedder.embed(distinct)
    rows = np.asarray(read if isinstance(read, np.ndarray) else read.toarray(), dtype=np.float64)
    every = rows[[place[text] for text in plain]]
    return cast(Array, normalize(every - every.mean(axis=0)) if len(every) else every)
