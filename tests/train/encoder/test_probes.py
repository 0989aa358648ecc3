"""Probes find what an embedding holds, and nothing where it holds nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barometer.classify.encoder import EncoderModel
from barometer.train.encoder import probes as module
from tests.classify.few_scores import a_manifest
from tests.train.encoder.tiny import a_full_data_folder

CLASSES = ("no", "yes")


class Reads(EncoderModel):
    """Its embedding holds which of a few words stand in a text, or only noise."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(a_manifest(), None, None)
        self.words = tuple(words)

    def read(self, texts: Sequence[str]) -> Any:
        noise = np.random.default_rng(0).normal(size=(len(texts), 2))
        held = [[float(word in text) for word in self.words] for text in texts]
        embeddings = np.hstack([np.array(held).reshape(len(texts), -1), noise]).astype(np.float32)
        return np.zeros((len(texts), 16)), embeddings


def rows(count: int) -> list[tuple[str, str]]:
    return [("a warm day" if n % 2 else "a cold day", CLASSES[n % 2]) for n in range(count)]


def test_what_an_embedding_holds_is_found() -> None:
    found = module._probe(Reads(["warm"]), rows(60), rows(20), CLASSES, 1)
    assert found == {"posts": 20, "macro_f1": 1.0, "macro_recall": 1.0, "macro_f1_without_none": 1.0}


def test_what_it_does_not_hold_is_not_found() -> None:
    found = module._probe(Reads([]), rows(60), rows(200), CLASSES, 1)
    assert found["macro_recall"] == pytest.approx(0.5, abs=0.15)


def test_no_more_posts_are_learnt_from_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(module, "MOST_TRAINING_POSTS", 10)
    embedded = module._embedded
    monkeypatch.setattr(module, "_embedded", lambda m, r, c: seen.append(len(r)) or embedded(m, r, c))
    module._probe(Reads(["warm"]), rows(60), rows(20), CLASSES, 1)
    assert seen == [10, 20]


def test_every_public_test_is_probed(tmp_path: Path) -> None:
    data, _ = a_full_data_folder(tmp_path)
    found = module.probes(Reads(["dog", "walk", "weather"]), data / "posts", seed=1)
    assert set(found) == {
        "tweeteval_offensive",
        "tweeteval_stance",
        "tweeteval_sentiment",
        "rumoureval2017_stance",
    }
    assert found["tweeteval_stance"]["posts"] == 5 * 12
    assert found["tweeteval_offensive"]["macro_f1"] == 1.0
    assert all(0 <= part["macro_f1"] <= 1 for part in found.values())


def test_stance_is_the_mean_of_its_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, _ = a_full_data_folder(tmp_path)
    scores = iter([0.1, 0.2, 0.3, 0.4, 0.5])
    original = module._tweeteval

    def scored(model: Any, posts: Path, folder: str, task: str, seed: int) -> dict[str, Any]:
        if not folder.startswith("stance"):
            return original(model, posts, folder, task, seed)
        return {"posts": 3, **dict.fromkeys(module._SCORES, next(scores))}

    monkeypatch.setattr(module, "_tweeteval", scored)
    assert module.probes(Reads(["dog"]), data / "posts", seed=1)["tweeteval_stance"]["macro_f1"] == 0.3
