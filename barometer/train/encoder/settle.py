"""From a trained network's scores on validation posts: calibrated probabilities, and where each head decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from barometer.classify.decide import AIMED_CLASSES, Floats, coherent_target, decide
from barometer.classify.linear import FITTED_CLASSES, calibrated
from barometer.tables import LABEL_HEADS
from barometer.train.calibrate import fit_scaling
from barometer.train.scores import codes, confusion, macro_f1

# How far a decision moves from the classes' shares (0) towards classes that are all equally common (1). One number a
# head, from a few choices: more freedom did not carry over to other posts (models/linear/experiments.md).
TOWARDS_BALANCE = (0.0, 0.25, 0.5, 0.75, 1.0)

Settled = dict[str, Any]


def settled(scores: Mapping[str, Floats], posts: pl.DataFrame, priors: Mapping[str, Floats]) -> Settled:
    """`calibration` and `offsets` as `classify.encoder` reads them, from n x classes logits of posts not learnt from.

    `priors`: head -> share of each class among the posts learnt from (target: of posts with trust or distrust).
    """
    scalings = {head: _scaling(scores[head], posts[head], classes) for head, classes in FITTED_CLASSES.items()}
    probabilities = {head: calibrated(scores[head], t, np.array(shift)) for head, (t, shift) in scalings.items()}
    probabilities["target"] = coherent_target(probabilities["trust"], probabilities["target"])
    offsets = {head: np.zeros(len(classes)) for head, classes in LABEL_HEADS.items()}
    for head in ("trust", "target", "rumour", "hostile"):
        tried = [{**offsets, head: towards * _rarity(head, priors[head])} for towards in TOWARDS_BALANCE]
        offsets = max(tried, key=lambda option: _macro_f1(probabilities, option, posts, head))
    return {
        "calibration": {head: {"temperature": t, "shift": list(shift)} for head, (t, shift) in scalings.items()},
        "offsets": {head: [round(float(value), 4) for value in values] for head, values in offsets.items()},
    }


def priors_of(posts: pl.DataFrame) -> dict[str, Floats]:
    """Head -> share of each of its classes, of the posts that have one; every class counts once at least."""
    return {head: _shares(posts[head], classes) for head, classes in FITTED_CLASSES.items()}


def _shares(labels: pl.Series, classes: tuple[str, ...]) -> Floats:
    counts = np.array([(labels == value).sum() for value in classes], dtype=np.float64)
    return np.asarray(np.maximum(counts, 1) / np.maximum(counts, 1).sum(), dtype=np.float64)


def _scaling(scores: Floats, labels: pl.Series, classes: tuple[str, ...]) -> tuple[float, tuple[float, ...]]:
    usable = np.flatnonzero(labels.is_in(list(classes)).to_numpy())
    return fit_scaling(scores[usable], codes(labels[usable], classes))


def _rarity(head: str, prior: Floats) -> Floats:
    """Minus the logarithm of each class's share; 0 for the target `none`, which the trust head decides."""
    rarity = -np.log(prior)
    place = LABEL_HEADS["target"].index("none")
    return np.insert(rarity, place, 0.0) if len(prior) == len(AIMED_CLASSES) and head == "target" else rarity


def _macro_f1(
    probabilities: Mapping[str, Floats], offsets: Mapping[str, Floats], posts: pl.DataFrame, head: str
) -> float:
    classes = LABEL_HEADS[head]
    found = decide(probabilities, offsets)[head]
    counts = confusion(codes(posts[head], classes), codes(found, classes), len(classes))
    return float(macro_f1(counts))
