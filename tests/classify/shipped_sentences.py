"""The sentence encoder that ships, for tests, and copies of its folder that a test may damage."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from barometer.classify.manifest import FILE
from barometer.classify.sentences import FOLDER, NETWORK, TOKENIZER, SentenceEncoder, load_sentence_encoder
from barometer.settings import PROJECT

MODELS = PROJECT / "models"


def shipped_sentences() -> SentenceEncoder:
    """Loaded once a run; skips where it is not there or cannot be read."""
    pytest.importorskip("onnxruntime", reason="the sentence encoder is read with onnxruntime (extra run)")
    pytest.importorskip("tokenizers", reason="the sentence encoder is read with tokenizers (extra run)")
    if not (MODELS / FOLDER / NETWORK).is_file():
        pytest.skip("models/sentences is not there: make it with `barometer train sentences`")
    return _loaded()


@cache
def _loaded() -> SentenceEncoder:
    return load_sentence_encoder(MODELS)


def linked(models: Path, **settings: Any) -> Path:
    """The shipped folder below `models`, its files linked, its manifest a copy with other `settings`."""
    shipped_sentences()
    folder = models / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name in (NETWORK, TOKENIZER):
        os.symlink(MODELS / FOLDER / name, folder / name)
    manifest = json.loads((MODELS / FOLDER / FILE).read_text("utf-8"))
    (folder / FILE).write_text(json.dumps(manifest | settings), encoding="utf-8")
    return folder
