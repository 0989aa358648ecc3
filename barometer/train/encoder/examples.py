"""Posts as a network learns from them: token ids, the class of each head (or none), a teacher's probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from barometer.classify.linear import FITTED_CLASSES
from barometer.train.encoder.auxiliary import TASKS

Codes = NDArray[np.int64]
Rows = NDArray[np.intp]
UNLABELLED = -1
# Head -> classes of everything a network is asked while it learns; only the first four are shipped.
ALL_CLASSES: dict[str, tuple[str, ...]] = {**FITTED_CLASSES, **{f"aux_{task.name}": task.classes for task in TASKS}}


@dataclass(frozen=True)
class Examples:
    """n posts. `labels`: head -> n codes, `UNLABELLED` where a set lacks them. `soft`: head -> n x classes, NaN so."""

    texts: tuple[str, ...]
    labels: Mapping[str, Codes]
    soft: Mapping[str, NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.texts)

    def taken(self, rows: Rows) -> Examples:
        """The posts of `rows`, in that order."""
        return Examples(
            texts=tuple(self.texts[row] for row in rows),
            labels={head: values[rows] for head, values in self.labels.items()},
            soft={head: values[rows] for head, values in self.soft.items()},
        )

    def reworded(self, texts: Sequence[str]) -> Examples:
        """The same labels on other words."""
        return Examples(texts=tuple(texts), labels=self.labels, soft=self.soft)

    def taught(self, soft: Mapping[str, NDArray[np.float32]]) -> Examples:
        """The same posts with a teacher's probabilities."""
        return Examples(texts=self.texts, labels=self.labels, soft={**self.soft, **soft})


def joined(parts: Sequence[Examples]) -> Examples:
    """All posts of all parts, in order."""
    return Examples(
        texts=tuple(text for part in parts for text in part.texts),
        labels={head: np.concatenate([part.labels[head] for part in parts]) for head in ALL_CLASSES},
        soft={head: np.concatenate([part.soft[head] for part in parts]) for head in FITTED_CLASSES},
    )


def labelled(texts: Sequence[str], posts: pl.DataFrame) -> Examples:
    """Examples of posts that carry our own four labels; a post without trust or distrust lacks a target."""
    labels = _no_labels(len(texts))
    for head, classes in FITTED_CLASSES.items():
        labels[head] = codes_of(posts[head], classes)
    return Examples(texts=tuple(texts), labels=labels, soft=_no_teacher(len(texts)))


def auxiliary(texts: Sequence[str], posts: pl.DataFrame) -> Examples:
    """Examples of auxiliary tasks: each post answers one task only."""
    labels = _no_labels(len(texts))
    for task in TASKS:
        asked = np.flatnonzero((posts["task"] == task.name).to_numpy())
        labels[f"aux_{task.name}"][asked] = codes_of(posts["label"][asked], task.classes)
    return Examples(texts=tuple(texts), labels=labels, soft=_no_teacher(len(texts)))


def unlabelled(texts: Sequence[str]) -> Examples:
    """Examples that only a teacher can say something about."""
    return Examples(texts=tuple(texts), labels=_no_labels(len(texts)), soft=_no_teacher(len(texts)))


def codes_of(values: pl.Series, classes: Sequence[str]) -> Codes:
    """Place of each value in `classes`; `UNLABELLED` where it is not among them."""
    place = {value: number for number, value in enumerate(classes)}
    return np.array([place.get(value, UNLABELLED) for value in values], dtype=np.int64)


def class_weights(codes: Codes, classes: int, *, balance: float) -> NDArray[np.float32]:
    """One weight a class, frequency ** -balance, scaled so that the labelled posts weigh 1 on average."""
    counts = np.bincount(codes[codes != UNLABELLED], minlength=classes).astype(np.float64)
    raw = np.maximum(counts, 1) ** -balance
    mean = (raw * counts).sum() / max(counts.sum(), 1)
    return np.asarray(raw / mean if mean > 0 else np.ones(classes), dtype=np.float32)


def _no_labels(count: int) -> dict[str, Codes]:
    return {head: np.full(count, UNLABELLED, dtype=np.int64) for head in ALL_CLASSES}


def _no_teacher(count: int) -> dict[str, NDArray[np.float32]]:
    return {head: np.full((count, len(classes)), np.nan, np.float32) for head, classes in FITTED_CLASSES.items()}
