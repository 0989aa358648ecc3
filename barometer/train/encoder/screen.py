"""Where a screen is sure enough: the lowest threshold at which no head loses more than a point of macro-F1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from barometer.classify.cascade import KIND, combined, sureness, write_cascade
from barometer.classify.model import load_model
from barometer.tables import LABEL_HEADS
from barometer.train.data import training_posts
from barometer.train.encoder.corpus import SPLIT_SEED
from barometer.train.events import with_events
from barometer.train.groups import split
from barometer.train.scores import codes, confusion, macro_f1

MOST_POINTS_LOST = 1.0
THRESHOLDS = tuple(step / 100 for step in range(101))


def choose_threshold(posts: pl.DataFrame, screened: pl.DataFrame, read: pl.DataFrame) -> dict[str, Any]:
    """The threshold, the share of posts that the screen answers there, and the points each head loses by it.

    `screened` and `read` are the two models' labels of `posts`, which neither learnt from. A threshold above 1 would
    leave everything to the reader: it is what is chosen when the screen is of no use.
    """
    whole = _macro_f1s(posts, read)
    tried = (_tried(posts, screened, read, whole, least) for least in (*THRESHOLDS, 1.01))
    return next(one for one in tried if max(one["points_lost"].values()) <= MOST_POINTS_LOST)


def make_cascade(
    models: Path, *, data: Path, sample: Path | None, screen: str = "linear", reader: str = "encoder"
) -> Any:
    """Write `models/cascade` of two trained models, its threshold chosen on the dev posts; returns what was measured.

    Since the threshold is chosen on the posts that the loss is measured on, the loss flatters a little.
    """
    first, second = load_model(screen, models), load_model(reader, models)
    posts = with_events(training_posts(data, sample), data)
    dev = posts[split(posts, seed=SPLIT_SEED).held_out]
    texts = dev["text"].to_list()
    chosen = choose_threshold(dev, first.predict(texts), second.predict(texts))
    folder = models / KIND
    write_cascade(
        folder,
        screen=(screen, first.version),
        reader=(reader, second.version),
        least_sure=chosen["least_sure"],
    )
    text = json.dumps({"dev_posts": dev.height, **chosen}, indent=1, sort_keys=True)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")
    return chosen


def _tried(
    posts: pl.DataFrame, screened: pl.DataFrame, read: pl.DataFrame, whole: dict[str, float], least: float
) -> dict[str, Any]:
    unsure = np.flatnonzero(sureness(screened) < least)
    scores = _macro_f1s(posts, combined(screened, read[unsure], unsure))
    return {
        "least_sure": least,
        "share_screened": round(1 - len(unsure) / posts.height, 4),
        "points_lost": {head: round(100 * (whole[head] - scores[head]), 2) for head in LABEL_HEADS},
        "macro_f1": {head: round(score, 4) for head, score in scores.items()},
    }


def _macro_f1s(posts: pl.DataFrame, found: pl.DataFrame) -> dict[str, float]:
    return {
        head: float(macro_f1(confusion(codes(posts[head], classes), codes(found[head], classes), len(classes))))
        for head, classes in LABEL_HEADS.items()
    }
