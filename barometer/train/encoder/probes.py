"""What else the frozen encoder knows: one logistic regression on its embeddings a public task, scored on its test part.

A probe says what is in the embedding, not what the four heads do; the encoder itself learns nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from barometer.classify.encoder import EncoderModel
from barometer.train.encoder.auxiliary import TASKS, Row, rumour_stances, tweeteval_part
from barometer.train.scores import confusion, f1_by_class

MOST_TRAINING_POSTS = 4_000
_STANCE_TARGETS = ("abortion", "atheism", "climate", "feminist", "hillary")
_TASKS = {task.name: task for task in TASKS}


def probes(model: EncoderModel, posts: Path, *, seed: int) -> dict[str, Any]:
    """Task -> scores of a probe: macro-F1 and macro recall; TweetEval's stance is averaged over its five targets."""
    offensive = _tweeteval(model, posts, "offensive", "offensive", seed)
    stances = [_tweeteval(model, posts, f"stance/{name}", f"stance_{name}", seed) for name in _STANCE_TARGETS]
    sentiment = _tweeteval(model, posts, "sentiment", "sentiment", seed)
    return {
        "tweeteval_offensive": offensive,
        "tweeteval_stance": {
            "posts": sum(part["posts"] for part in stances),
            **{name: round(float(np.mean([part[name] for part in stances])), 4) for name in _SCORES},
        },
        "tweeteval_sentiment": sentiment,
        "rumoureval2017_stance": _rumour_stance(model, posts, seed),
    }


_SCORES = ("macro_f1", "macro_recall", "macro_f1_without_none")


def _tweeteval(model: EncoderModel, posts: Path, folder: str, task: str, seed: int) -> dict[str, Any]:
    classes = _TASKS[task].classes
    test = list(tweeteval_part(posts, folder, "test", classes))
    return _probe(model, list(_TASKS[task].read(posts)), test, classes, seed)


def _rumour_stance(model: EncoderModel, posts: Path, seed: int) -> dict[str, Any]:
    task = _TASKS["rumour_stance"]
    return _probe(model, list(task.read(posts)), list(rumour_stances(posts, "test")), task.classes, seed)


def _probe(
    model: EncoderModel, train: Sequence[Row], test: Sequence[Row], classes: tuple[str, ...], seed: int
) -> dict[str, Any]:
    drawn = np.random.default_rng(seed).permutation(len(train))[:MOST_TRAINING_POSTS]
    learnt, truth = _embedded(model, [train[row] for row in drawn], classes)
    unseen, expected = _embedded(model, test, classes)
    scaler = StandardScaler().fit(learnt)
    with threadpool_limits(1):
        regression = LogisticRegression(C=0.05, class_weight="balanced", max_iter=300)
        found = regression.fit(scaler.transform(learnt), truth).predict(scaler.transform(unseen))
    counts = confusion(expected, found, len(classes))
    by_class = np.nan_to_num(f1_by_class(counts))
    recall = np.diagonal(counts) / np.maximum(counts.sum(axis=1), 1)
    scores = (by_class.mean(), recall.mean(), by_class[1:].mean())
    return {"posts": len(test), **{name: round(float(v), 4) for name, v in zip(_SCORES, scores, strict=True)}}


def _embedded(
    model: EncoderModel, rows: Sequence[Row], classes: tuple[str, ...]
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    _, embeddings = model.read([text for text, _ in rows])
    return embeddings, np.array([classes.index(label) for _, label in rows], dtype=np.intp)
