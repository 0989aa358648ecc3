"""A small transformer with four heads, as int8 ONNX: read with onnxruntime and tokenizers, nothing else.

Posts are read one at a time, several side by side: int8 activations share one scale a batch, so that in a batch a
post's label would depend on the posts beside it. It costs no speed, since nothing is padded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from barometer.classify.decide import Floats, coherent_target, decide
from barometer.classify.linear import FITTED_CLASSES, calibrated
from barometer.classify.manifest import Manifest
from barometer.classify.runtime import libraries, network_of, opened, side_by_side
from barometer.classify.text import normalise
from barometer.tables import LABEL_HEADS

KIND = "encoder"
NETWORK, TOKENIZER = "model.onnx", "tokenizer.json"
INPUTS, OUTPUTS = ("ids", "mask"), ("logits", "embedding")
_POSTS_AT_ONCE = 1_024
_WIDTH = sum(len(classes) for classes in FITTED_CLASSES.values())

Read = tuple[Floats, NDArray[np.float32]]


class StandIns:
    """Puts one word in place of each of several that must not change a label: religions, peoples, neighbourhoods.

    `words` maps a word, in lower case, to the one that is read for it.
    """

    def __init__(self, words: Mapping[str, str]) -> None:
        self.words = dict(words)
        longest_first = sorted(map(re.escape, words), key=lambda word: (-len(word), word))
        self._pattern = re.compile(rf"\b(?:{'|'.join(longest_first)})\b") if words else None

    def __call__(self, text: str) -> str:
        """`text`, normalised before, with every such word replaced."""
        return text if self._pattern is None else self._pattern.sub(lambda found: self.words[found[0]], text)


class EncoderModel:
    """A trained encoder: `calibration` and `offsets` come from its manifest (see `train.encoder`)."""

    def __init__(self, manifest: Manifest, tokenizer: Any, session: Any) -> None:
        self._manifest, self._tokenizer, self._session = manifest, tokenizer, session
        self.calibration = {
            head: (float(part["temperature"]), np.array(part["shift"], dtype=np.float64))
            for head, part in manifest.settings["calibration"].items()
        }
        self._stand_in = StandIns(manifest.settings["stand_ins"])
        self._offsets = {head: np.array(values) for head, values in manifest.settings["offsets"].items()}

    @property
    def name(self) -> str:
        return self._manifest.name

    @property
    def version(self) -> str:
        return self._manifest.version

    @property
    def heads(self) -> Mapping[str, tuple[str, ...]]:
        return LABEL_HEADS

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages it serves (BCP 47); posts in others should be left unread."""
        return tuple(self._manifest.settings["languages"])

    def predict(self, texts: Sequence[str]) -> pl.DataFrame:
        """One row a text: four labels and 17 probabilities (see `model.Model`)."""
        parts = [texts[start : start + _POSTS_AT_ONCE] for start in range(0, len(texts), _POSTS_AT_ONCE)] or [[]]
        return pl.concat([self.labels(self.read(part)[0]) for part in parts])

    def labels(self, logits: Floats) -> pl.DataFrame:
        """Labels and calibrated probabilities of n posts, from their n x 16 logits."""
        found = {head: calibrated(part, *self.calibration[head]) for head, part in by_head(logits).items()}
        found["target"] = coherent_target(found["trust"], found["target"])
        return decide(found, self._offsets)

    def read(self, texts: Sequence[str]) -> Read:
        """Logits, n x 16 in the order of `FITTED_CLASSES`, and embeddings, n x width of the encoder."""
        if not texts:
            return np.empty((0, _WIDTH)), np.empty((0, 0), dtype=np.float32)
        encodings = self._tokenizer.encode_batch([self._stand_in(normalise(text)) for text in texts])
        found = side_by_side(self._read_one, [encoding.ids for encoding in encodings])
        logits, embeddings = (np.concatenate(part) for part in zip(*found, strict=True))
        return logits.astype(np.float64), embeddings

    def with_network(self, path: Path) -> EncoderModel:
        """The same model on another network, such as the 32-bit one it was made from."""
        _, onnxruntime = libraries(self.name)
        return EncoderModel(self._manifest, self._tokenizer, network_of(path, onnxruntime))

    def _read_one(self, ids: list[int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        row = np.array([ids], dtype=np.int64)
        logits, embedding = self._session.run(list(OUTPUTS), dict(zip(INPUTS, (row, np.ones_like(row)), strict=True)))
        return logits, embedding


def by_head(logits: Floats) -> dict[str, Floats]:
    """Head -> its columns of n x 16 logits."""
    ends = np.cumsum([len(classes) for classes in FITTED_CLASSES.values()])[:-1]
    return dict(zip(FITTED_CLASSES, np.split(logits, ends, axis=1), strict=True))


def read_encoder(folder: Path, manifest: Manifest) -> EncoderModel:
    """The model in `folder`; raises `BadInput` when its files do not fit together."""

    def build(tokenizer: Any, session: Any) -> EncoderModel:
        model = EncoderModel(manifest, tokenizer, session)
        _refuse_misfits(model)
        return model

    return opened(folder, manifest, build, network=NETWORK, tokenizer=TOKENIZER, mend="train it again")


def _refuse_misfits(model: EncoderModel) -> None:
    """Refuse a network that does not answer what the manifest says."""
    logits, _ = model.read(["."])
    if logits.shape != (1, _WIDTH):
        raise ValueError(f"{NETWORK} gives {logits.shape[1]} scores a post, not {_WIDTH}")
    for head, classes in FITTED_CLASSES.items():
        if len(model.calibration[head][1]) != len(classes):
            raise ValueError(f"settings, calibration of {head}: not one shift for each of {len(classes)} classes")
    model.labels(logits)
