"""Train the linear model: read, split by group, cross-validate, calibrate, fit, score, write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from barometer.classify.decide import Floats
from barometer.classify.linear import FITTED_CLASSES, LinearModel, write_linear
from barometer.classify.manifest import Manifest, checksum
from barometer.classify.text import normalise
from barometer.train.calibrate import calibration_errors, fit_scaling
from barometer.train.card import card
from barometer.train.data import training_posts
from barometer.train.events import plain, with_events
from barometer.train.external import hatecheck, tweeteval_hate, viratrust
from barometer.train.fit import Recipe, count_terms, fit_model, labels_of, out_of_fold_scores
from barometer.train.groups import Split, groups, split
from barometer.train.names import PUBLIC_FROM_POSTS, person_spans, without_rare_names
from barometer.train.scores import codes, score, score_parts

Scalings = dict[str, tuple[float, tuple[float, ...]]]


def train_linear(*, data: Path, sample: Path | None, output: Path, seed: int = 2026) -> Manifest:
    """Train, score and write the linear model with its card and metrics to the folder `output`.

    `data` is the folder of real data (`posts/trust_gold`, `posts/trust_silver`); `sample` the sample city's written
    posts, or None to leave them out. The same inputs and seed give the same bytes.
    Raises `BadInput` naming file, line and field.
    """
    posts = with_events(training_posts(data, sample), data)
    model, metrics = learn(posts, readable(posts), seed=seed)
    provenance = {"seed": seed, "recipe": asdict(Recipe()), "learnt_from": _provenance(data, sample)}
    manifest = write_linear(model, output, name=output.name, settings=json.loads(json.dumps(provenance)))
    metrics |= _tested_elsewhere(model, data, posts)
    (output / "metrics.json").write_text(json.dumps(metrics, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (output / "card.md").write_text(card(metrics, manifest), encoding="utf-8")
    return manifest


def learn(posts: pl.DataFrame, texts: Sequence[str], *, seed: int) -> tuple[LinearModel, dict[str, Any]]:
    """The model learnt from posts (`data.SCHEMA`) and their readable texts, and its scores out of fold and held out."""
    recipe = Recipe()
    counted = count_terms(texts, recipe)
    parts = split(posts, seed=seed)
    scores = out_of_fold_scores(counted, posts, parts.folds, recipe)
    scalings = scalings_of(scores, posts, parts)
    model = fit_model(counted, posts, parts.learn, scalings, recipe)
    return model, _metrics(model, posts, parts, scores, seed)


def readable(posts: pl.DataFrame) -> list[str]:
    """Texts as a model reads them, with the names of private persons masked."""
    texts = posts["text"].to_list()
    masked = without_rare_names(texts, person_spans(texts), public_from=PUBLIC_FROM_POSTS)
    return [normalise(text) for text in masked]


def scalings_of(scores: dict[str, Floats], posts: pl.DataFrame, parts: Split) -> Scalings:
    """Calibration of every head from its out-of-fold scores; the target's from posts that have one."""
    scalings = {}
    for head, classes in FITTED_CLASSES.items():
        rows = parts.learn[posts[head][parts.learn].is_in(list(classes)).to_numpy()]
        scalings[head] = fit_scaling(scores[head][rows], codes(posts[head][rows], classes))
    return scalings


def _metrics(
    model: LinearModel, posts: pl.DataFrame, parts: Split, scores: dict[str, Floats], seed: int
) -> dict[str, Any]:
    member = groups(posts)
    learnt, kept_back = posts[parts.learn], posts[parts.held_out]
    out_of_fold = labels_of({head: values[parts.learn] for head, values in scores.items()})
    return {
        "posts": _sizes(posts, parts),
        "terms": {"words": len(model.words.terms), "characters": len(model.characters.terms)},
        "cross_validated": score(learnt, out_of_fold, member[parts.learn], seed=seed),
        "held_out": score(kept_back, model.predict(kept_back["text"].to_list()), member[parts.held_out], seed=seed),
        "calibration_held_out": _calibration(model, kept_back),
        "unseen_events": _unseen_events(learnt, out_of_fold, member[parts.learn], seed),
    }


def _sizes(posts: pl.DataFrame, parts: Split) -> dict[str, Any]:
    def count(rows: np.ndarray[Any, np.dtype[np.intp]]) -> dict[str, int]:
        return dict(sorted(posts["set"][rows].value_counts().iter_rows()))

    everything = np.arange(posts.height)
    unused = everything[~np.isin(everything, np.concatenate([parts.learn, parts.held_out]))]
    return {"learnt_from": count(parts.learn), "held_out": count(parts.held_out), "left_out": count(unused)}


def _calibration(model: LinearModel, posts: pl.DataFrame) -> dict[str, Any]:
    """Expected calibration error of every head on held-out posts, before and after scaling."""
    errors = {}
    for head, classes in FITTED_CLASSES.items():
        usable = posts.filter(pl.col(head).is_in(list(classes)))
        fitted = model.fitted[head]
        scores = fitted.scores(model.features(usable["text"].to_list()))
        errors[head] = calibration_errors(scores, codes(usable[head], classes), (fitted.temperature, fitted.shift)) | {
            "temperature": fitted.temperature,
            "posts": usable.height,
        }
    return errors


def _unseen_events(
    learnt: pl.DataFrame, found: pl.DataFrame, member: np.ndarray[Any, np.dtype[np.int32]], seed: int
) -> dict[str, Any]:
    """Scores on posts about an event the fold's model saw nothing of: the only honest score of a rumour."""
    rows = np.flatnonzero(learnt["story"].is_not_null().to_numpy())
    scored = score_parts(learnt[rows], found[rows], member[rows], column="set", seed=seed)
    return {"events": learnt["story"].drop_nulls().n_unique(), "heads": scored}


def _tested_elsewhere(model: LinearModel, data: Path, posts: pl.DataFrame) -> dict[str, Any]:
    known = {plain(text) for text in posts["text"]}
    return {
        "hatecheck": hatecheck(model.predict, data / "posts" / "hatecheck"),
        "viratrust": viratrust(model.predict, data / "posts" / "viratrust", known),
        "tweeteval_hate": tweeteval_hate(model.predict, data / "posts" / "tweeteval" / "datasets" / "hate", known),
    }


def _provenance(data: Path, sample: Path | None) -> dict[str, str]:
    """Data set -> checksum of its file."""
    files = {name: data / "posts" / name / "posts.jsonl" for name in ("trust_gold", "trust_silver")}
    if sample is not None:
        files["sample_city"] = sample
    return {name: checksum(path) for name, path in files.items()}
