"""Texts as rows of numbers, so that texts about the same thing point the same way.

`CityWords` needs no trained model: it is fitted on the city's own recent posts. A sentence encoder can take its
place as an `Embedder`, since grouping asks for no more than unit rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import shortest_path
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer
from sklearn.preprocessing import normalize

from barometer.classify.text import normalise

MASKS = frozenset({"http", "user", "name", "email", "phone", "postcode", "plate"})
STOP_WORDS = frozenset(ENGLISH_STOP_WORDS | MASKS)
# They say that something is a claim, or is denied, and not which.
_HEARSAY = """
    apparently allegedly supposedly reckon reckons heard hear hearing told tell tells say says said saying saw
    seen know knows knew think believe true truth false untrue fake lie lies rumour rumours rumor rumors hoax
    fact confirmed claim claims claiming source sources word news share sharing shared post posted posting photo
    link mate cousin someone somebody everyone everybody people folk please
"""
HEARSAY = frozenset(_HEARSAY.split())
WORD = r"\b[^\W\d_][\w'’]+"

Array = NDArray[np.float64]
Rows = NDArray[np.float32] | sparse.csr_matrix

# Two posts count as of one place in so far as few neighbourhoods lie between them, and as of one time in so far as few
# days do. Chosen on half of the sample city's stories (docs/rumours.md).
STEPS_BETWEEN_PLACES = 1.5
DAYS_BETWEEN_TIMES = 7.0
# Next to nothing: on real threads of one event, none of them placed, more than that throws claims together.
CLOSENESS_WHEN_UNPLACED = 0.02
# What few posts use says little of where and when it is used: so many made-up pairs pull it to what is usual.
_USUAL_PAIRS = 2.0
# The least that a word counts, however evenly it is spread.
_FLOOR_OF_CONCENTRATION = 0.1
_LEAST_USUAL = 1e-6
_BLOCK_OF_WORDS = 2_000

_POSSESSIVE = re.compile(r"['’]s?$")
_ENDINGS = ("ings", "ing", "ers", "er", "ies", "ied", "es", "ed", "s", "ly")
_LEAST_STEM = 3
# A word that is there twice, so that a city without posts has a vocabulary.
_ANCHOR = ("zzz",)
_WORDS = re.compile(WORD)


class Embedder(Protocol):
    """Gives texts a direction each; texts about the same thing have a high cosine."""

    def embed(self, texts: Sequence[str]) -> Rows:
        """(n, d) rows of length one (or zero for a text that says nothing it knows), dense or sparse."""


class Remembered:
    """An embedder that reads each text once; `inner` reads the new ones."""

    def __init__(self, inner: Embedder) -> None:
        self._inner, self._rows = inner, dict[str, NDArray[np.float32]]()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, d) dense rows as `inner` gives them."""
        new = [text for text in dict.fromkeys(texts) if text not in self._rows]
        if new:
            self._rows.update(zip(new, _dense(self._inner.embed(new)), strict=True))
        return np.stack([self._rows[text] for text in texts]) if len(texts) else np.zeros((0, 0), dtype=np.float32)


def _dense(rows: Rows) -> NDArray[np.float32]:
    return rows if isinstance(rows, np.ndarray) else rows.toarray()


def stems(text: str) -> list[str]:
    """The words of `text` without stop words, masks, words of hearsay and endings, in order."""
    return [stem(word) for word in _WORDS.findall(normalise(text)) if word not in STOP_WORDS and word not in HEARSAY]


def stem(word: str) -> str:
    """`word` without its first ending that leaves at least three letters: closings, closed and closes are one."""
    plain = _POSSESSIVE.sub("", word)
    for ending in _ENDINGS:
        if plain.endswith(ending) and len(plain) - len(ending) >= _LEAST_STEM:
            return plain.removesuffix(ending)
    return plain


class Closeness:
    """How close two neighbourhoods are: 1 for the same, less for each one in between."""

    def __init__(self, areas: Sequence[str], neighbours: Iterable[tuple[str, str]]) -> None:
        self._place = {area: number for number, area in enumerate(areas)}
        unplaced = len(areas)
        touching = np.zeros((unplaced, unplaced))
        for one, other in neighbours:
            touching[self._place[one], self._place[other]] = 1.0
        self.matrix = np.full((unplaced + 1, unplaced + 1), CLOSENESS_WHEN_UNPLACED)
        if unplaced:
            steps = shortest_path(touching, directed=False, unweighted=True)
            self.matrix[:unplaced, :unplaced] = np.exp(-steps / STEPS_BETWEEN_PLACES)

    def numbers(self, areas: Iterable[str | None]) -> NDArray[np.intp]:
        """Row of each area in `matrix`; what is no known area is unplaced, the last row."""
        unplaced = len(self._place)
        return np.array(
            [unplaced if area is None else self._place.get(area, unplaced) for area in areas], dtype=np.intp
        )


def days_of(times: pl.Series) -> Array:
    """Days since 1970 of UTC times."""
    return times.dt.epoch("s").to_numpy() / 86_400.0


@dataclass(frozen=True)
class CityWords:
    """The words of a city's recent posts; each counts by how rare it is and how concentrated in place and time."""

    vectoriser: TfidfVectorizer
    weights: Array

    def embed(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """(n, words) unit rows: which of the city's words a text uses, weighted; zero for a text without any."""
        weighted = self.uses(texts) @ sparse.diags(self.weights)
        return cast(sparse.csr_matrix, normalize(weighted) if len(texts) else weighted.tocsr())

    def uses(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """(n, words) of 0 and 1: which words each text uses."""
        if not len(texts):
            return sparse.csr_matrix((0, len(self.vectoriser.vocabulary_)))
        return cast(sparse.csr_matrix, (self.vectoriser.transform(texts) > 0).astype(np.float64).tocsr())


def fit_city_words(posts: pl.DataFrame, closeness: Closeness) -> CityWords:
    """Fit on `posts` (`text, created_at, area`): words that two posts use, and how concentrated each is."""
    texts = posts["text"].to_list()
    vectoriser = TfidfVectorizer(analyzer=stems, min_df=2).fit([*texts, *_ANCHOR * 2])
    words = CityWords(vectoriser, np.asarray(vectoriser.idf_))
    days, areas = days_of(posts["created_at"]), closeness.numbers(posts["area"])
    concentration = concentration_of_words(words.uses(texts), days, areas, closeness)
    return CityWords(vectoriser, words.weights * (_FLOOR_OF_CONCENTRATION + concentration))


def concentration_of_words(
    uses: sparse.csr_matrix, days: Array, areas: NDArray[np.intp], closeness: Closeness
) -> Array:
    """How much closer in place and time two posts with a word are than two posts are, logarithm, at least 0; (words,).

    Closeness of a pair is `Closeness.matrix` times exp(-days / 7). Posts are counted in cells of one neighbourhood and
    one day, so that the cost grows with words and cells, not with pairs of posts.
    """
    if not len(days):
        return np.zeros(uses.shape[1])
    cells, cell_of = np.unique(np.column_stack([areas, np.floor(days)]), axis=0, return_inverse=True)
    place = cells[:, 0].astype(np.intp)
    kernel = closeness.matrix[np.ix_(place, place)]
    kernel *= np.exp(-np.abs(cells[:, 1, None] - cells[None, :, 1]) / DAYS_BETWEEN_TIMES)
    in_cells = _indicator(cell_of.ravel(), len(cells))
    own = in_cells @ np.diag(kernel)
    everybody = sparse.csr_matrix(in_cells.sum(axis=0))
    usual = max(float(_mean_pair(everybody, kernel, np.array([own.sum()]), 0.0)[0]), _LEAST_USUAL)
    found = _mean_pair((uses.T @ in_cells).tocsr(), kernel, uses.T @ own, usual)
    return cast(Array, np.log(np.maximum(found / usual, 1.0)))


def _indicator(column_of: NDArray[np.intp], columns: int) -> sparse.csr_matrix:
    rows = np.arange(len(column_of))
    return sparse.csr_matrix((np.ones(len(rows)), (rows, column_of)), shape=(len(rows), columns))


def _mean_pair(counts: sparse.csr_matrix, kernel: Array, own: Array, usual: float) -> Array:
    """Mean closeness of two different posts of each row, pulled to `usual`; a post's with itself, `own`, taken off."""
    posts = np.asarray(counts.sum(axis=1)).ravel()
    starts = range(0, counts.shape[0], _BLOCK_OF_WORDS)
    total = np.concatenate([_quadratic(counts[start : start + _BLOCK_OF_WORDS], kernel) for start in starts])
    return cast(Array, (total - own + _USUAL_PAIRS * usual) / (posts * (posts - 1) + _USUAL_PAIRS))


def _quadratic(counts: sparse.csr_matrix, kernel: Array) -> Array:
    """c' K c of every row c."""
    return np.asarray(counts.multiply(counts @ kernel).sum(axis=1)).ravel()
