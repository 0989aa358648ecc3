"""`barometer train folds`: the encoder's recipe without its teacher, trained anew for every fold and judged there.

A teacher has read the posts that a fold keeps back, so it has no part in this: the figures are those of a somewhat
weaker model, on every post that may be learnt from instead of the dev posts alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from barometer.classify.decide import Floats
from barometer.classify.linear import FITTED_CLASSES
from barometer.tables import LABEL_HEADS
from barometer.train.encoder.card import FOLDS_FILE
from barometer.train.encoder.corpus import SPLIT_SEED, Corpus, read_corpus
from barometer.train.encoder.evaluate import with_length
from barometer.train.encoder.loop import Material, train
from barometer.train.encoder.mentions import mentions
from barometer.train.encoder.network import base_folder
from barometer.train.encoder.recipe import Recipe
from barometer.train.encoder.run import Order, scores_of
from barometer.train.fit import labels_of
from barometer.train.groups import FOLDS
from barometer.train.scores import score, score_parts


def folds_recipe() -> Recipe:
    """The labelled posts and the written mentions, no teacher, a fixed number of epochs."""
    return Recipe(broad_epochs=0, main_epochs=4, taught_posts=0)


def cross_validate(
    *, data: Path, sample: Path | None, order: Order, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Macro-F1 of every head, out of fold, with bootstrap intervals: over all, by class, set, source and length.

    `data` is the folder of real data; `sample` the sample city's written posts, or None to leave them out. A teacher in
    the order is not asked, since it has read what a fold keeps back; the seed is another in each fold. A run that was
    killed goes on with the epoch it was at. Raises `BadInput` naming the file, `BadConfiguration` without the base.
    """
    scores: dict[str, Floats] = {}
    for fold in range(FOLDS):
        corpus = read_corpus(data, sample, cache=order.work, annotated=order.annotated, fold=fold)
        scores = scores or _nothing_yet(corpus)
        say(f"fold {fold + 1} of {FOLDS}: {len(corpus.learn)} posts to learn from, {len(corpus.validation)} kept back")
        for head, values in _scores_of_fold(corpus, order, fold, say).items():
            scores[head][corpus.validation] = values
    return _figures(corpus, scores, order)


def _nothing_yet(corpus: Corpus) -> dict[str, Floats]:
    return {head: np.full((corpus.posts.height, len(classes)), np.nan) for head, classes in FITTED_CLASSES.items()}


def _scores_of_fold(corpus: Corpus, order: Order, fold: int, say: Callable[[str], None]) -> dict[str, Floats]:
    """Logits of the posts that the fold keeps back, by a network that knows nothing of them."""
    base, nothing = base_folder(order.base), corpus.auxiliary.taken(np.arange(0))
    material = Material(main=corpus.main, auxiliary=nothing, taught=nothing, mentions=mentions(), validation=nothing)
    folder = order.work / f"fold-{fold}"
    network = train(base, material, order.recipe, None, seed=order.seed + fold, folder=folder, say=say)
    return scores_of(network, base, corpus, corpus.validation, has_stand_ins=order.recipe.has_stand_ins)


def _figures(corpus: Corpus, scores: dict[str, Floats], order: Order) -> dict[str, Any]:
    rows = corpus.parts.learn
    posts, member = corpus.posts[rows], corpus.member[rows]
    found = labels_of({head: values[rows] for head, values in scores.items()})
    return {
        "base": Path(order.base).name,
        "folds": FOLDS,
        "seed": order.seed,
        "recipe": asdict(order.recipe),
        "posts": dict(sorted(posts["set"].value_counts().iter_rows())),
        "heads": score(posts, found, member, seed=SPLIT_SEED),
        "by_length": score_parts(with_length(posts), found, member, column="length", seed=SPLIT_SEED),
        "by_fold": _by_fold(corpus, scores),
    }


def _by_fold(corpus: Corpus, scores: dict[str, Floats]) -> dict[str, list[float]]:
    """Macro-F1 of every head in every fold: how much it varies with what is learnt from, and the seed."""
    parts = [corpus.parts.folds[fold][1] for fold in range(FOLDS)]
    scored = [
        score(corpus.posts[rows], labels_of({h: v[rows] for h, v in scores.items()}), corpus.member[rows], seed=0)
        for rows in parts
    ]
    return {head: [part[head]["all"]["macro_f1"] for part in scored] for head in LABEL_HEADS}


def write_folds(folder: Path, figures: dict[str, Any]) -> None:
    """Store the figures beside the encoder in `folder`, where its card finds them."""
    (folder / FOLDS_FILE).write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8")
