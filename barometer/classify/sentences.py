"""A sentence encoder as int8 ONNX: texts that mean the same point the same way. `models/sentences`.

Texts are read one at a time, as posts are (`encoder.py`): what a text means does not depend on the texts beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from barometer.classify.manifest import Manifest, read_manifest
from barometer.classify.runtime import opened, side_by_side
from barometer.errors import BadConfiguration

FOLDER = KIND = "sentences"
NETWORK, TOKENIZER = "model.onnx", "tokenizer.json"
INPUTS, OUTPUT = ("ids", "mask"), "embedding"
MEND = "restore the folder from version control or run `barometer train sentences`"
_TINY = 1e-12

Vectors = NDArray[np.float32]


class SentenceEncoder:
    """An `embed.Embedder` that reads meaning; `width` numbers a text."""

    def __init__(self, manifest: Manifest, tokenizer: Any, session: Any) -> None:
        self.version, self.width = manifest.version, int(manifest.settings["width"])
        self._tokenizer, self._session = tokenizer, session

    def embed(self, texts: Sequence[str]) -> Vectors:
        """(n, width) rows of length one, each the same whatever texts stand beside it."""
        if not len(texts):
            return np.zeros((0, self.width), dtype=np.float32)
        encodings = self._tokenizer.encode_batch(list(texts))
        found = np.concatenate(side_by_side(self._read_one, [encoding.ids for encoding in encodings]))
        return cast(Vectors, found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), _TINY))

    def _read_one(self, ids: list[int]) -> Vectors:
        row = np.array([ids], dtype=np.int64)
        (found,) = self._session.run([OUTPUT], dict(zip(INPUTS, (row, np.ones_like(row)), strict=True)))
        return cast(Vectors, found)


def has_sentence_encoder(models: Path) -> bool:
    """Whether there is a folder of one at all, sound or not."""
    return (models / FOLDER).is_dir()


def absence(models: Path) -> str:
    """The words for a folder of models without one."""
    return f"no sentence encoder in {models / FOLDER}"


def load_sentence_encoder(models: Path) -> SentenceEncoder:
    """The sentence encoder of the folder `models`, every file checked against its checksum; nothing in it is executed.

    Raises `BadConfiguration` when there is none, `BadInput` when a file is missing or damaged.
    """
    if not has_sentence_encoder(models):
        raise BadConfiguration(f"{absence(models)}; {MEND}")
    manifest = read_manifest(FOLDER, models, heads={})
    return read_sentence_encoder(models / FOLDER, manifest)


def read_sentence_encoder(folder: Path, manifest: Manifest) -> SentenceEncoder:
    """The encoder in `folder`, whose manifest was read before; raises `BadInput` when its files do not fit together."""

    def build(tokenizer: Any, session: Any) -> SentenceEncoder:
        encoder = SentenceEncoder(manifest, tokenizer, session)
        found = encoder.embed(["."])
        if found.shape != (1, encoder.width):
            raise ValueError(f"{NETWORK} gives {found.shape[1]} numbers a text, not {encoder.width}")
        return encoder

    return opened(folder, manifest, build, network=NETWORK, tokenizer=TOKENIZER, mend=MEND)
