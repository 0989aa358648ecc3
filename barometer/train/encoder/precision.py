"""What int8 costs: the same posts through the 32-bit network and through the one that is shipped."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from barometer.classify.encoder import EncoderModel
from barometer.tables import LABEL_HEADS
from barometer.train.scores import codes, confusion, macro_f1


def precision(model: EncoderModel, fp32: Path, posts: pl.DataFrame) -> dict[str, Any]:
    """Macro-F1 by head of int8 and 32-bit, their difference in points, likeness of embeddings, posts a second."""
    texts = posts["text"].to_list()
    whole = model.with_network(fp32)
    (logits, embeddings), int8_speed = _timed(model, texts)
    (whole_logits, whole_embeddings), fp32_speed = _timed(whole, texts)
    found, expected = model.labels(logits), model.labels(whole_logits)
    scores = {head: (_macro_f1(posts, found, head), _macro_f1(posts, expected, head)) for head in LABEL_HEADS}
    return {
        "macro_f1": {head: {"int8": round(a, 4), "fp32": round(b, 4)} for head, (a, b) in scores.items()},
        "points_lost": {head: round(100 * (b - a), 2) for head, (a, b) in scores.items()},
        "same_label": {
            head: round(float((found[head] == expected[head]).to_numpy().mean()), 4) for head in LABEL_HEADS
        },
        "cosine": cosine_of(embeddings, whole_embeddings),
        "posts_per_second": {"int8": int8_speed, "fp32": fp32_speed},
    }


def _timed(model: EncoderModel, texts: list[str]) -> tuple[Any, float]:
    began = time.perf_counter()
    read = model.read(texts)
    return read, round(len(texts) / (time.perf_counter() - began), 1)


def _macro_f1(posts: pl.DataFrame, found: pl.DataFrame, head: str) -> float:
    classes = LABEL_HEADS[head]
    return float(macro_f1(confusion(codes(posts[head], classes), codes(found[head], classes), len(classes))))


def cosine_of(one: Any, other: Any) -> dict[str, float]:
    """Mean and least cosine between the embeddings of the same posts."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosines = (one * other).sum(axis=1) / np.maximum(lengths, 1e-12)
    return {"mean": round(float(cosines.mean()), 4), "least": round(float(cosines.min()), 4)}
