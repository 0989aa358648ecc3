"""An encoder without a network: a tokenizer of words and a session that scores each word, for tests to reason about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from barometer.classify.encoder import EncoderModel
from barometer.classify.linear import FITTED_CLASSES
from barometer.classify.manifest import Manifest
from barometer.tables import LABEL_HEADS

WORDS = ("[pad]", "plain", "reliable", "liars", "council", "police", "apparently", "vermin", "muslims")
SAYS = {
    "plain": ("trust", "none"),
    "reliable": ("trust", "trust"),
    "liars": ("trust", "distrust"),
    "council": ("target", "local_government"),
    "police": ("target", "police_justice"),
    "apparently": ("rumour", "rumour"),
    "vermin": ("hostile", "yes"),
}
STRENGTH = 8.0
_COLUMNS = [(head, value) for head, classes in FITTED_CLASSES.items() for value in classes]


@dataclass
class Encoding:
    ids: list[int]


class Tokenizer:
    """Words it does not know are `plain`; remembers what it was given."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode_batch(self, texts: Sequence[str]) -> list[Encoding]:
        self.seen += texts
        return [Encoding([1, *(WORDS.index(w) for w in text.split() if w in WORDS)]) for text in texts]


class Session:
    """Adds up what each word says; counts the posts of every call."""

    def __init__(self) -> None:
        self.posts_per_call: list[int] = []

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Any]) -> list[Any]:
        ids = inputs["ids"]
        self.posts_per_call.append(len(ids))
        logits = np.zeros((len(ids), len(_COLUMNS)), dtype=np.float32)
        logits[:, [_COLUMNS.index(("rumour", "none")), _COLUMNS.index(("hostile", "no"))]] = STRENGTH / 2
        for row, post in enumerate(ids):
            for word in (WORDS[number] for number in post):
                if word in SAYS:
                    logits[row, _COLUMNS.index(SAYS[word])] += STRENGTH / 4 if word == "plain" else STRENGTH
        return [logits, ids[:, :1].astype(np.float32)]


def a_manifest(**settings: Any) -> Manifest:
    """As the trainer writes it, with neutral calibration unless said otherwise."""
    plain = {
        "calibration": {h: {"temperature": 1.0, "shift": [0.0] * len(c)} for h, c in FITTED_CLASSES.items()},
        "offsets": {head: [0.0] * len(classes) for head, classes in LABEL_HEADS.items()},
        "languages": ["en"],
        "stand_ins": {},
        "longest_tokens": 16,
    }
    return Manifest(
        name="few-scores",
        kind="encoder",
        version="v1",
        heads=LABEL_HEADS,
        files={},
        settings={**plain, **settings},
    )


def an_encoder(**settings: Any) -> tuple[EncoderModel, Tokenizer, Session]:
    tokenizer, session = Tokenizer(), Session()
    return EncoderModel(a_manifest(**settings), tokenizer, session), tokenizer, session
