"""Figures of a made-up model that meets every gate, for tests to spoil one at a time."""

from __future__ import annotations

import json
from typing import Any

from barometer.classify.manifest import Manifest
from barometer.tables import LABEL_HEADS
from barometer.train.encoder.recipe import Recipe

_SUMMARY = {"macro_f1": 0.9, "lower": 0.85, "upper": 0.95, "posts": 40}


def _head(classes: tuple[str, ...]) -> dict[str, Any]:
    by_class = {value: {"f1": 0.9, "precision": 0.91, "recall": 0.89, "posts": 10} for value in classes}
    return {
        "all": {**_SUMMARY, "classes": by_class},
        "by_set": {"gold": dict(_SUMMARY), "sample": dict(_SUMMARY)},
        "by_source": {"semeval": dict(_SUMMARY)},
    }


def good_metrics() -> dict[str, Any]:
    """As `evaluate` gives them."""
    accuracy = {"cases": 100, "accuracy": 0.97}
    functions = ("ident_neutral_nh", "ident_pos_nh", "counter_quote_nh", "counter_ref_nh", "slur_h")
    flips = {"pairs": 50, **dict.fromkeys(LABEL_HEADS, 0.0)}
    probe = {"posts": 30, "macro_f1": 0.7, "macro_recall": 0.7, "macro_f1_without_none": 0.6}
    figures = {
        "dev": {head: _head(classes) for head, classes in LABEL_HEADS.items()},
        "dev_by_length": {head: {"0-80 characters": dict(_SUMMARY)} for head in LABEL_HEADS},
        "calibration_dev": {head: {"after": 0.02, "before": 0.1, "posts": 40} for head in LABEL_HEADS},
        "passes_disagreed": {
            name: {"posts": 9, **dict.fromkeys(LABEL_HEADS, share)}
            for name, share in (("agreed", 0.9), ("disagreed", None))
        },
        "swaps": {"posts": 10, "listed": flips, "others": flips, "by_family": {"religion": flips}},
        "hatecheck": {
            "cases": 3728,
            "macro_f1": 0.9,
            "accuracy": 0.9,
            "accuracy_hateful": 0.9,
            "accuracy_not_hateful": 0.9,
            "by_functionality": {name: dict(accuracy) for name in functions},
            "by_group": {name: dict(accuracy) for name in ("women", "Muslims", "immigrants")},
        },
        "viratrust": dict(_SUMMARY),
        "tweeteval_hate": dict(_SUMMARY),
        "probes": {"tweeteval_offensive": probe},
        "veracity": {
            "posts": 12,
            "encoder": 0.3,
            "words": 0.2,
            "by_event": {"flood": {"posts": 6, "encoder": 0.3, "words": 0.1}},
        },
    }
    return dict(json.loads(json.dumps(figures)))


def good_training() -> dict[str, Any]:
    """As `run` writes `training.json`."""
    return {
        "posts": {name: {"gold": 10, "sample": 10} for name in ("learnt_from", "validation", "dev")},
        "annotated_posts": 7,
        "auxiliary_posts": 5,
        "validation": good_metrics()["dev"],
        "precision": {
            "macro_f1": {head: {"int8": 0.9, "fp32": 0.901} for head in LABEL_HEADS},
            "points_lost": dict.fromkeys(LABEL_HEADS, 0.1),
            "same_label": dict.fromkeys(LABEL_HEADS, 0.99),
            "cosine": {"mean": 0.99, "least": 0.97},
            "posts_per_second": {"int8": 500.0, "fp32": 200.0},
        },
    }


def a_described_model() -> Manifest:
    """A manifest as the encoder's."""
    recipe = {**vars(Recipe()), "auxiliary_posts": 4}
    return Manifest(
        name="encoder",
        kind="encoder",
        version="abc",
        heads=LABEL_HEADS,
        files={},
        settings={"recipe": recipe, "teacher": None, "base": "tiny", "went_on_from": None},
    )
