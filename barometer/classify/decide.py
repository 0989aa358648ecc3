"""Probabilities -> labels, the same way for every model, so that trust and its target never contradict each other.

A model gives P(trust), and P(target | there is trust or distrust). The unconditional target follows:
P(target = none) = P(trust = none), and P(target = c) = (1 - P(trust = none)) · P(c | not none).
A post's target is `none` exactly when its trust is `none`; else it is the likeliest of the other classes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from barometer.tables import LABEL_HEADS, TARGET_CLASSES, TRUST_CLASSES

Floats = NDArray[np.float64]
NONE = "none"
AIMED_CLASSES = tuple(value for value in TARGET_CLASSES if value != NONE)
LABEL_COLUMNS = tuple(LABEL_HEADS)
PROBABILITY_COLUMNS = tuple(f"{head}_{value}" for head, values in LABEL_HEADS.items() for value in values)
_LEAST_PROBABILITY = 1e-12


def coherent_target(trust: Floats, aimed: Floats) -> Floats:
    """P(target), n x 9, from P(trust), n x 3, and P(target | trust is not none), n x 8, in the order of `tables.py`."""
    trust_none = trust[:, [TRUST_CLASSES.index(NONE)]]
    full = np.insert((1 - trust_none) * aimed, TARGET_CLASSES.index(NONE), trust_none[:, 0], axis=1)
    return np.asarray(full, dtype=np.float64)


def decide(probabilities: Mapping[str, Floats], offsets: Mapping[str, Floats]) -> pl.DataFrame:
    """Labels and probabilities, one row a post, from n x classes probabilities of each head.

    `offsets` (one a class, on the log scale) move a head's decision away from the likeliest class, towards rare ones.
    """
    classes = {head: _likeliest(probabilities[head], offsets[head], head) for head in LABEL_HEADS}
    is_none = classes["trust"] == TRUST_CLASSES.index(NONE)
    classes["target"] = np.where(is_none, TARGET_CLASSES.index(NONE), _likeliest_aimed(probabilities, offsets))
    labels = {head: np.array(LABEL_HEADS[head], dtype=object)[rows] for head, rows in classes.items()}
    columns = np.hstack([probabilities[head] for head in LABEL_HEADS])
    return pl.DataFrame(
        [pl.Series(head, labels[head], dtype=pl.String) for head in LABEL_HEADS]
        + [pl.Series(name, columns[:, place], dtype=pl.Float64) for place, name in enumerate(PROBABILITY_COLUMNS)]
    )


def _log(probabilities: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(probabilities, _LEAST_PROBABILITY)), dtype=np.float64)


def _likeliest(probabilities: Floats, offsets: Floats, head: str) -> NDArray[np.intp]:
    if probabilities.shape[1] != len(LABEL_HEADS[head]):
        raise ValueError(f"head {head}: {probabilities.shape[1]} probabilities for {len(LABEL_HEADS[head])} classes")
    return np.asarray(np.argmax(_log(probabilities) + offsets, axis=1), dtype=np.intp)


def _likeliest_aimed(probabilities: Mapping[str, Floats], offsets: Mapping[str, Floats]) -> NDArray[np.intp]:
    scores = _log(probabilities["target"]) + offsets["target"]
    scores[:, TARGET_CLASSES.index(NONE)] = -np.inf
    return np.asarray(np.argmax(scores, axis=1), dtype=np.intp)
