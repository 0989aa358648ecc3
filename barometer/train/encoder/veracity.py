"""Whether a rumour's first post tells if it is true: PHEME, one event left out at a time, never a random split.

An event is unlike the next, so that what is learnt of one hardly carries over (Kochkina et al. 2018): the figure says
how little a post alone tells of truth, and why nothing here publishes a verdict of a model's own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from barometer.classify.encoder import EncoderModel
from barometer.classify.text import normalise
from barometer.errors import BadInput
from barometer.train.scores import confusion, macro_f1

CLASSES = ("true", "false", "unverified")
_FILES = "**/*-all-rnr-threads.rumours.json"
_ENDING = "-all-rnr-threads.rumours.json"
_DIGITS = 4

Rows = NDArray[np.intp]
# Rows learnt from and rows judged -> a class for each of the latter.
Classifier = Callable[[Rows, Rows], Rows]


def rumour_sources(folder: Path) -> pl.DataFrame:
    """First posts of PHEME's rumours: event, text, veracity (one of `CLASSES`). Raises `BadInput` without any."""
    rows = [
        (path.name.removesuffix(_ENDING), tweet["text"], tweet["VERACITY"])
        for path in sorted(folder.glob(_FILES))
        for tweet in msgspec.json.decode(path.read_bytes())
        if tweet["VERACITY"] in CLASSES
    ]
    if not rows:
        raise BadInput(f"{folder}: holds no {_FILES}; put PHEME's rumours there")
    return pl.DataFrame(rows, schema=["event", "text", "veracity"], orient="row")


def veracity(model: EncoderModel, folder: Path) -> dict[str, Any]:
    """Macro-F1 of a probe on the frozen encoder and of TF-IDF words, over all events left out together and by event."""
    posts = rumour_sources(folder)
    truth = posts["veracity"].replace_strict({name: place for place, name in enumerate(CLASSES)}).to_numpy()
    events = posts["event"].to_numpy()
    _, embedded = model.read(posts["text"].to_list())
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, preprocessor=normalise)
    found = {
        "encoder": left_out(events, _probe(embedded, truth)),
        "words": left_out(events, _regression(sparse.csr_matrix(words.fit_transform(posts["text"])), truth)),
    }
    return {
        "posts": posts.height,
        **{name: _score(truth, labels) for name, labels in found.items()},
        "by_event": {
            event: {"posts": int((events == event).sum())}
            | {name: _score(truth[events == event], labels[events == event]) for name, labels in found.items()}
            for event in sorted(set(events))
        },
    }


def left_out(events: NDArray[Any], classifier: Classifier) -> Rows:
    """A class for every row, each event's by a classifier that learnt from all other events."""
    found = np.zeros(len(events), dtype=np.intp)
    for event in sorted(set(events)):
        is_judged = events == event
        found[is_judged] = classifier(np.flatnonzero(~is_judged), np.flatnonzero(is_judged))
    return found


def _probe(features: NDArray[np.float32], truth: Rows) -> Classifier:
    def classify(learn: Rows, judge: Rows) -> Rows:
        scaler = StandardScaler().fit(features[learn])
        with threadpool_limits(1):
            regression = LogisticRegression(C=0.05, class_weight="balanced", max_iter=300)
            return regression.fit(scaler.transform(features[learn]), truth[learn]).predict(
                scaler.transform(features[judge])
            )

    return classify


def _regression(features: sparse.csr_matrix, truth: Rows) -> Classifier:
    def classify(learn: Rows, judge: Rows) -> Rows:
        regression = LogisticRegression(class_weight="balanced", max_iter=300)
        return regression.fit(features[learn], truth[learn]).predict(features[judge])

    return classify


def _score(truth: Rows, found: Rows) -> float:
    """Macro-F1 over the classes that are there or were found."""
    return round(float(macro_f1(confusion(truth, found, len(CLASSES)))), _DIGITS)
