"""What is learnt: terms of enough voices, weights that fit the classes, and scores from posts not learnt from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from barometer.classify.linear import FITTED_CLASSES
from barometer.classify.text import normalise
from barometer.errors import BadInput
from barometer.tables import LABEL_HEADS
from barometer.train.data import SAMPLE
from barometer.train.fit import (
    Features,
    Recipe,
    count_terms,
    features,
    fit_heads,
    fit_model,
    labels_of,
    out_of_fold_scores,
    voices_of,
)
from barometer.train.groups import split
from tests.train.made import a_post, frame, many

RECIPE = Recipe()
NO_SCALING = {head: (1.0, (0.0,) * len(classes)) for head, classes in FITTED_CLASSES.items()}


def featured(posts: pl.DataFrame, rows: list[int] | None = None, recipe: Recipe = RECIPE) -> Features:
    learnt = np.array(rows if rows is not None else range(posts.height))
    return features(count_terms(texts_of(posts), recipe), voices_of(posts), learnt, recipe)


def texts_of(posts: pl.DataFrame) -> list[str]:
    return [normalise(text) for text in posts["text"]]


def words_kept(posts: pl.DataFrame, rows: list[int] | None = None) -> set[str]:
    return set(featured(posts, rows).halves[0].terms)


def test_a_word_of_three_posts_is_kept_and_one_of_two_is_not() -> None:
    posts = frame(*(a_post(n, text=f"bins {'late' if n < 2 else 'early'}") for n in range(5)))
    assert words_kept(posts) == {"bins", "early", "bins early"}


def test_a_word_that_one_author_uses_often_is_one_voice() -> None:
    # given a nickname that one author uses in ten posts, and a word of three authors
    posts = frame(
        *(a_post(n, text="gaffer bins", author="ann") for n in range(10)),
        *(a_post(n, text="bins", author=f"author{n}") for n in range(10, 16)),
    )
    assert words_kept(posts) == {"bins"}


def test_characters_need_five_voices() -> None:
    posts = frame(*(a_post(n, text="zq" if n < 4 else "xw") for n in range(9)))
    terms = featured(posts).halves[1].terms
    assert any("xw" in term for term in terms)
    assert not any("zq" in term for term in terms)


def test_terms_and_frequencies_come_from_the_rows_learnt_from_only() -> None:
    early, late = ([a_post(n, text=text) for n in range(6)] for text in ("early bins", "late bins"))
    posts = frame(*early, *late)
    assert words_kept(posts, list(range(6))) == {"early", "bins", "early bins"}
    # and the posts not learnt from are still given features
    assert featured(posts, list(range(6))).matrix.shape[0] == 12


def test_the_features_learnt_from_are_those_the_model_reads() -> None:
    # given a model, whose texts are counted by another path than in training
    posts = frame(*many(0, 120))
    counted = count_terms(texts_of(posts), RECIPE)
    rows = np.arange(posts.height)
    model = fit_model(counted, posts, rows, NO_SCALING, RECIPE)
    # then both give the same numbers
    trained = features(counted, voices_of(posts), rows, RECIPE).matrix
    assert np.abs(trained - model.features(posts["text"].to_list())).max() < 1e-6


def test_a_model_learns_what_words_say() -> None:
    posts = frame(*many(0, 300))
    model = fit_model(count_terms(texts_of(posts), RECIPE), posts, np.arange(300), NO_SCALING, RECIPE)
    found = model.predict(["crooked liars at the council, apparently heard", "reliable honest nurses", "vermin"])
    assert found.select("trust", "target").rows()[:2] == [("distrust", "local_government"), ("trust", "health")]
    assert found["rumour"][0] == "rumour"
    assert found["hostile"].to_list() == ["no", "no", "yes"]


def test_heads_have_a_column_for_every_class() -> None:
    posts = frame(*many(0, 120))
    matrix = featured(posts).matrix
    heads = fit_heads(matrix, posts, np.arange(120), RECIPE)
    shapes = {head: (fitted.weights.shape, len(fitted.bias)) for head, fitted in heads.items()}
    assert shapes == {head: ((matrix.shape[1], len(c)), len(c)) for head, c in FITTED_CLASSES.items()}
    assert all(fitted.weights.dtype == np.float32 for fitted in heads.values())


def test_fitting_twice_gives_the_same_weights() -> None:
    posts = frame(*many(0, 120))
    matrix = featured(posts).matrix
    one, two = (fit_heads(matrix, posts, np.arange(120), RECIPE) for _ in range(2))
    assert all(np.array_equal(one[head].weights, two[head].weights) for head in FITTED_CLASSES)


def test_a_class_without_a_post_is_named() -> None:
    posts = frame(*many(0, 120)).filter(pl.col("target") != "media")
    with pytest.raises(BadInput, match="field target: no post is labelled media; add some of every class"):
        fit_heads(featured(posts).matrix, posts, np.arange(posts.height), RECIPE)


def test_lighter_sample_posts_weigh_less() -> None:
    # given real posts that call 'newt' trust and as many sample posts that call it distrust
    real = [a_post(n, text="newt", trust="trust", target="people") for n in range(30)]
    made_up = [a_post(n, text="newt", trust="distrust", target="people", set=SAMPLE) for n in range(30, 60)]
    rest = many(100, 100)
    posts = frame(*real, *made_up, *rest)
    rows = np.arange(posts.height)

    def trust_of_newt(weight: float) -> float:
        recipe = replace(RECIPE, sample_weight=weight)
        model = fit_model(count_terms(texts_of(posts), recipe), posts, rows, NO_SCALING, recipe)
        return float(model.predict(["newt"])["trust_trust"][0])

    assert trust_of_newt(0.1) > trust_of_newt(1.0) + 0.2


def test_out_of_fold_scores_never_come_from_the_posts_own_labels() -> None:
    # given posts whose word tells the label only of that post: nothing can be learnt for it from others
    posts = frame(*many(0, 200))
    parts = split(posts, seed=1)
    counted = count_terms(texts_of(posts), RECIPE)
    before = out_of_fold_scores(counted, posts, parts.folds, RECIPE)
    # when one post's own label is changed
    row = int(parts.folds[0][1][0])
    other = "trust" if posts["trust"][row] != "trust" else "distrust"
    flipped = pl.Series([other if n == row else value for n, value in enumerate(posts["trust"])])
    after = out_of_fold_scores(counted, posts.with_columns(trust=flipped), parts.folds, RECIPE)
    # then its own score stays
    assert after["trust"][row].tolist() == before["trust"][row].tolist()


def test_every_post_learnt_from_has_a_score_and_no_other() -> None:
    posts = frame(*many(0, 200))
    parts = split(posts, seed=1)
    scores = out_of_fold_scores(count_terms(texts_of(posts), RECIPE), posts, parts.folds, RECIPE)
    for head, classes in FITTED_CLASSES.items():
        has_score = ~np.isnan(scores[head]).any(axis=1)
        assert scores[head].shape == (200, len(classes))
        assert np.flatnonzero(has_score).tolist() == parts.learn.tolist()


def test_labels_of_scores_are_the_highest_and_coherent() -> None:
    scores = {head: np.zeros((2, len(classes))) for head, classes in FITTED_CLASSES.items()}
    scores["trust"][0, LABEL_HEADS["trust"].index("distrust")] = 5
    scores["target"][:, FITTED_CLASSES["target"].index("media")] = 5
    scores["trust"][1, LABEL_HEADS["trust"].index("none")] = 5
    found = labels_of(scores)
    assert found.select("trust", "target").rows() == [("distrust", "media"), ("none", "none")]


def test_a_voice_is_an_author_or_else_the_post() -> None:
    posts = frame(a_post(1, author="ann"), a_post(2), a_post(3, author="ann"))
    voices = voices_of(posts).to_list()
    assert voices[0] == voices[2] == "ann"
    assert voices[1] not in {"ann", "x2"}


def test_words_alone_are_a_recipe_for_comparison() -> None:
    posts = frame(*many(0, 60))
    assert len(featured(posts, recipe=replace(RECIPE, character_ngrams=None)).halves) == 1
