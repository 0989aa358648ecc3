"""Macro-F1 with bootstrap intervals, per head, class and source; B-cubed of groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from barometer.tables import LABEL_HEADS

BOOTSTRAPS = 1_000
_INTERVAL_PERCENT = (2.5, 97.5)
_DIGITS = 4

Codes = NDArray[np.intp]
# Precision, recall, F1.
Scores = tuple[float, float, float]


def confusion(truth: Codes, found: Codes, classes: int) -> NDArray[np.int64]:
    """Classes x classes counts: rows are the true class, columns the class found."""
    counts = np.bincount(truth * classes + found, minlength=classes * classes)
    return np.asarray(counts.reshape(classes, classes), dtype=np.int64)


def f1_by_class(counts: NDArray[Any]) -> NDArray[np.float64]:
    """F1 of each class from (… x) classes x classes counts; NaN for a class that is neither true nor found."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    total = counts.sum(axis=-1) + counts.sum(axis=-2)
    scores = np.divide(2.0 * hits, total, out=np.full(hits.shape, np.nan), where=total > 0)
    return np.asarray(scores, dtype=np.float64)


def macro_f1(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Mean F1 over the classes that are true of at least one post: a class that is not there cannot be scored."""
    is_there = counts.sum(axis=-1) > 0
    scores = np.where(is_there, np.nan_to_num(f1_by_class(counts)), 0.0)
    return np.asarray(scores.sum(axis=-1) / np.maximum(is_there.sum(axis=-1), 1), dtype=np.float64)


def bcubed(groups: Sequence[str], truth: Sequence[str], counted: NDArray[np.bool_]) -> Scores:
    """B-cubed precision, recall and F1 (Bagga & Baldwin 1998) of n posts in `groups`, over the `counted` ones.

    Posts that are not counted still count beside the others: one in a counted post's group costs that post precision.
    """
    _, group = np.unique(np.asarray(list(groups), dtype=str), return_inverse=True)
    _, story = np.unique(np.asarray(list(truth), dtype=str), return_inverse=True)
    both = np.zeros((group.max() + 1, story.max() + 1))
    np.add.at(both, (group, story), 1)
    shared = both[group, story][counted]
    precision = float((shared / both.sum(axis=1)[group][counted]).mean())
    recall = float((shared / both.sum(axis=0)[story][counted]).mean())
    return precision, recall, 2 * precision * recall / (precision + recall)


def codes(values: pl.Series, classes: Sequence[str]) -> Codes:
    """Place of each value in `classes`."""
    place = {value: number for number, value in enumerate(classes)}
    return np.array([place[value] for value in values], dtype=np.intp)


def score_head(truth: pl.Series, found: pl.Series, groups: NDArray[Any], *, head: str, seed: int) -> dict[str, Any]:
    """Macro-F1 with a 95 % interval, and F1, precision, recall and posts of each class, of one head.

    The bootstrap draws whole groups (near copies, stories, authors), since posts of one group are not independent.
    """
    classes = LABEL_HEADS[head]
    true, seen = codes(truth, classes), codes(found, classes)
    counts = confusion(true, seen, len(classes))
    lower, upper = np.percentile(_bootstrapped(true, seen, groups, len(classes), seed), _INTERVAL_PERCENT)
    return {
        "macro_f1": round(float(macro_f1(counts)), _DIGITS),
        "lower": round(float(lower), _DIGITS),
        "upper": round(float(upper), _DIGITS),
        "posts": len(true),
        "classes": {value: _class_scores(counts, place) for place, value in enumerate(classes)},
    }


def _bootstrapped(truth: Codes, found: Codes, groups: NDArray[Any], classes: int, seed: int) -> NDArray[np.float64]:
    """Macro-F1 of `BOOTSTRAPS` draws of groups with replacement."""
    _, member = np.unique(groups, return_inverse=True)
    cells = member * classes * classes + truth * classes + found
    per_group = np.bincount(cells, minlength=(member.max() + 1) * classes * classes).reshape(-1, classes * classes)
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(len(per_group), np.full(len(per_group), 1 / len(per_group)), size=BOOTSTRAPS)
    return macro_f1((draws @ per_group).reshape(-1, classes, classes))


def _class_scores(counts: NDArray[np.int64], place: int) -> dict[str, float | int | None]:
    hits, true, found = counts[place, place], counts[place].sum(), counts[:, place].sum()
    return {
        "f1": _share(2 * hits, true + found),
        "precision": _share(hits, found),
        "recall": _share(hits, true),
        "posts": int(true),
    }


def _share(part: float, whole: float) -> float | None:
    return round(float(part / whole), _DIGITS) if whole else None


def score(truth: pl.DataFrame, found: pl.DataFrame, groups: NDArray[Any], *, seed: int) -> dict[str, Any]:
    """`score_head` of every head, over all posts and per set and source of `truth`."""
    by_set = score_parts(truth, found, groups, column="set", seed=seed)
    by_source = score_parts(truth, found, groups, column="source", seed=seed)
    return {
        head: {
            "all": score_head(truth[head], found[head], groups, head=head, seed=seed),
            "by_set": by_set[head],
            "by_source": by_source[head],
        }
        for head in LABEL_HEADS
    }


def score_parts(
    truth: pl.DataFrame, found: pl.DataFrame, groups: NDArray[Any], *, column: str, seed: int
) -> dict[str, dict[str, Any]]:
    """Macro-F1, interval and posts of every head for every value of `column`; empty when there are no posts."""
    values = truth[column].to_numpy()
    parts = {value: np.flatnonzero(values == value) for value in sorted(truth[column].unique())}
    return {
        head: {
            value: _summary(score_head(truth[head][rows], found[head][rows], groups[rows], head=head, seed=seed))
            for value, rows in parts.items()
        }
        for head in LABEL_HEADS
    }


def _summary(scored: dict[str, Any]) -> dict[str, Any]:
    return {name: scored[name] for name in ("macro_f1", "lower", "upper", "posts")}
