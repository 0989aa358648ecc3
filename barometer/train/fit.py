"""Counts of terms -> TF-IDF -> one logistic regression a head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from barometer.classify.decide import Floats, coherent_target, decide
from barometer.classify.linear import FITTED_CLASSES, Head, LinearModel, Terms, calibrated
from barometer.classify.text import TOKEN_PATTERN
from barometer.errors import BadInput
from barometer.tables import LABEL_HEADS
from barometer.train.data import SAMPLE
from barometer.train.scores import codes

Rows = NDArray[np.intp]
UNNAMED = "unnamed"


@dataclass(frozen=True)
class Recipe:
    """Every choice of the linear model; the defaults won the comparison in `models/linear/experiments.md`.

    `least_voices` keeps a term only when that many different authors (posts, where authors are unknown) use it: it
    drops noise, and whatever could tell of one person. `sample_weight`: weight of a made-up post beside a real one.
    """

    word_ngrams: tuple[int, int] = (1, 2)
    character_ngrams: tuple[int, int] | None = (2, 5)
    least_voices_words: int = 3
    least_voices_characters: int = 5
    is_sublinear: bool = True
    inverse_regularisation: float = 2.0
    is_balanced: bool = True
    sample_weight: float = 1.0


@dataclass(frozen=True)
class Counted:
    """How often each term stands in each post: posts x terms, before any term is dropped."""

    counts: sparse.csr_matrix
    terms: NDArray[np.object_]
    least_voices: int


@dataclass(frozen=True)
class Features:
    """TF-IDF of all posts, by the terms and frequencies of the rows learnt from."""

    matrix: sparse.csr_matrix
    halves: tuple[Terms, ...]


def count_terms(texts: Sequence[str], recipe: Recipe) -> list[Counted]:
    """Count words and characters of normalised texts, once for all folds."""
    words = CountVectorizer(lowercase=False, token_pattern=TOKEN_PATTERN, ngram_range=recipe.word_ngrams)
    counted = [_counted(words, texts, recipe.least_voices_words)]
    if recipe.character_ngrams:
        characters = CountVectorizer(lowercase=False, analyzer="char_wb", ngram_range=recipe.character_ngrams)
        counted.append(_counted(characters, texts, recipe.least_voices_characters))
    return counted


def _counted(vectoriser: CountVectorizer, texts: Sequence[str], least_voices: int) -> Counted:
    counts = vectoriser.set_params(dtype=np.float32).fit_transform(texts).tocsr()
    return Counted(counts, vectoriser.get_feature_names_out(), least_voices)


def features(counted: Sequence[Counted], voices: pl.Series, rows: Rows, recipe: Recipe) -> Features:
    """TF-IDF of every post, with the terms that enough voices among `rows` use and with their frequencies there."""
    matrices, halves = [], []
    for half in counted:
        kept = np.flatnonzero(_voices_per_term(half.counts[rows], voices[rows]) >= half.least_voices)
        weighting = TfidfTransformer(sublinear_tf=recipe.is_sublinear).fit(half.counts[rows][:, kept])
        matrices.append(weighting.transform(half.counts[:, kept]).astype(np.float32))
        halves.append(Terms(tuple(half.terms[kept]), weighting.idf_.astype(np.float32)))
    return Features(sparse.hstack(matrices, format="csr"), tuple(halves))


def _voices_per_term(counts: sparse.csr_matrix, voices: pl.Series) -> NDArray[np.float64]:
    """How many different voices use each term."""
    _, member = np.unique(voices.to_numpy().astype(str), return_inverse=True)
    ones = np.ones(len(member), dtype=np.float32)
    per_voice = sparse.csr_matrix((ones, (member, np.arange(len(member))))) @ counts
    return np.asarray((per_voice > 0).sum(axis=0)).ravel()


def voices_of(posts: pl.DataFrame) -> pl.Series:
    """Whose words each post is: the author where known, else the post itself."""
    return posts.select(pl.coalesce("author", pl.format("post {}", "id"))).to_series()


def fit_heads(matrix: sparse.csr_matrix, posts: pl.DataFrame, rows: Rows, recipe: Recipe) -> dict[str, Head]:
    """One head each for trust, target (of posts with trust or distrust), rumour and hostility, not yet calibrated."""
    return {head: _fit_head(matrix, posts, rows, head, recipe) for head in FITTED_CLASSES}


def _fit_head(matrix: sparse.csr_matrix, posts: pl.DataFrame, rows: Rows, head: str, recipe: Recipe) -> Head:
    classes = FITTED_CLASSES[head]
    labels = posts[head][rows]
    usable = rows[labels.is_in(list(classes)).to_numpy()]
    truth = codes(posts[head][usable], classes)
    missing = set(range(len(classes))) - set(truth.tolist())
    if missing:
        names = ", ".join(classes[place] for place in sorted(missing))
        raise BadInput(f"training posts, field {head}: no post is labelled {names}; add some of every class")
    weights = np.where(posts["set"][usable].to_numpy() == SAMPLE, recipe.sample_weight, 1.0)
    regression = LogisticRegression(
        C=recipe.inverse_regularisation, class_weight="balanced" if recipe.is_balanced else None, max_iter=500
    )
    with threadpool_limits(1):
        regression.fit(matrix[usable], truth, weights)
    return _head(regression)


def _head(regression: LogisticRegression) -> Head:
    """Two classes are fitted as one column; it is the second class's, beside zeros."""
    weights, bias = regression.coef_.T, regression.intercept_
    if weights.shape[1] == 1:
        weights, bias = np.hstack([np.zeros_like(weights), weights]), np.insert(bias, 0, 0.0)
    return Head(weights=np.ascontiguousarray(weights, dtype=np.float32), bias=bias.astype(np.float32))


def out_of_fold_scores(
    counted: Sequence[Counted], posts: pl.DataFrame, folds: Sequence[tuple[Rows, Rows]], recipe: Recipe
) -> dict[str, Floats]:
    """Scores of every head for every post, from a model that learnt from none of its fold; NaN outside the folds."""
    scores = {head: np.full((posts.height, len(classes)), np.nan) for head, classes in FITTED_CLASSES.items()}
    voices = voices_of(posts)
    for learn, test in folds:
        fold = features(counted, voices, learn, recipe)
        for head, fitted in fit_heads(fold.matrix, posts, learn, recipe).items():
            scores[head][test] = fitted.scores(fold.matrix[test])
    return scores


def labels_of(scores: dict[str, Floats]) -> pl.DataFrame:
    """Labels (and uncalibrated probabilities) from scores; calibration never changes a label."""
    found = {head: calibrated(values, 1.0, np.zeros(1)) for head, values in scores.items()}
    found["target"] = coherent_target(found["trust"], found["target"])
    return decide(found, {head: np.zeros(len(classes)) for head, classes in LABEL_HEADS.items()})


def fit_model(
    counted: Sequence[Counted],
    posts: pl.DataFrame,
    rows: Rows,
    scalings: dict[str, tuple[float, tuple[float, ...]]],
    recipe: Recipe,
) -> LinearModel:
    """The model learnt from `rows`, each head with the calibration found out of fold."""
    fitted = features(counted, voices_of(posts), rows, recipe)
    heads = {
        head: Head(weights=h.weights, bias=h.bias, temperature=scalings[head][0], shift=scalings[head][1])
        for head, h in fit_heads(fitted.matrix, posts, rows, recipe).items()
    }
    words, characters = fitted.halves
    return LinearModel(name=UNNAMED, version=UNNAMED, words=words, characters=characters, heads=heads)
