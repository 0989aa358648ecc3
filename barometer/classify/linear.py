"""TF-IDF of words and of characters within words, then one logistic regression a head.

Kept as plain arrays (`weights.npz`, read with `allow_pickle=False`) and two lists of terms (`vocabulary.json`): nothing
in a model folder can be executed, and anybody can read what the model knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfVectorizer

from barometer.classify.decide import AIMED_CLASSES, Floats, coherent_target, decide
from barometer.classify.manifest import Manifest, write_manifest
from barometer.classify.text import TOKEN_PATTERN, normalise
from barometer.errors import BadInput
from barometer.tables import LABEL_HEADS

KIND = "linear"
WEIGHTS, VOCABULARY = "weights.npz", "vocabulary.json"
# The target head learns only from posts with trust or distrust: its classes leave `none` to the trust head.
FITTED_CLASSES: dict[str, tuple[str, ...]] = {**LABEL_HEADS, "target": AIMED_CLASSES}
_BATCH = 2_048


@dataclass(frozen=True)
class Terms:
    """One TF-IDF: its terms in column order and their inverse document frequencies."""

    terms: tuple[str, ...]
    idf: NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """One logistic regression. Scores = x·weights + bias; P = softmax(scores / temperature + shift).

    `weights` is terms x classes, `bias` and `shift` one a class. `temperature` and `shift` calibrate (vector scaling,
    Guo et al. 2017); decisions are taken on the scores before the shift, fitted as if classes were equally common.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    temperature: float = 1.0
    shift: tuple[float, ...] = ()

    def probabilities(self, features: sparse.csr_matrix) -> Floats:
        """Calibrated P(class), n x classes."""
        return calibrated(self.scores(features), self.temperature, np.array(self.shift or 0.0))

    def scores(self, features: sparse.csr_matrix) -> Floats:
        """Uncalibrated log-odds, n x classes."""
        return np.asarray(features @ self.weights + self.bias, dtype=np.float64)


def calibrated(scores: Floats, temperature: float, shift: Floats) -> Floats:
    """softmax(scores / temperature + shift), row by row."""
    return np.asarray(softmax(scores / temperature + shift, axis=1), dtype=np.float64)


def word_vectoriser(**options: Any) -> TfidfVectorizer:
    """TF-IDF of single words and pairs; see `character_vectoriser` for the other half of the features."""
    fixed = {"lowercase": False, "token_pattern": TOKEN_PATTERN, "sublinear_tf": True, "dtype": np.float32}
    return TfidfVectorizer(**{**fixed, "ngram_range": (1, 2), **options})


def character_vectoriser(**options: Any) -> TfidfVectorizer:
    """TF-IDF of 2 to 5 characters within words: misspellings, stems, hashtags and languages without many examples."""
    fixed = {"lowercase": False, "analyzer": "char_wb", "sublinear_tf": True, "dtype": np.float32}
    return TfidfVectorizer(**{**fixed, "ngram_range": (2, 5), **options})


class LinearModel:
    """A fitted model; `words` and `characters` give the columns of the features, in that order."""

    def __init__(self, *, name: str, version: str, words: Terms, characters: Terms, heads: Mapping[str, Head]) -> None:
        self._name, self._version = name, version
        self.words, self.characters, self.fitted = words, characters, dict(heads)
        self._vectorisers = (_frozen(word_vectoriser, words), _frozen(character_vectoriser, characters))

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str:
        return self._version

    @property
    def heads(self) -> Mapping[str, tuple[str, ...]]:
        return LABEL_HEADS

    def features(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """n x terms, each half of unit length."""
        plain = [normalise(text) for text in texts]
        halves = [vectoriser.transform(plain) for vectoriser in self._vectorisers]
        return sparse.csr_matrix(sparse.hstack(halves, format="csr"))

    def predict(self, texts: Sequence[str]) -> pl.DataFrame:
        """One row a text: four labels and 17 probabilities (see `model.Model`)."""
        batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)] or [[]]
        return pl.concat([self._predict_batch(batch) for batch in batches])

    def _predict_batch(self, texts: Sequence[str]) -> pl.DataFrame:
        if not texts:
            return decide({head: np.empty((0, len(LABEL_HEADS[head]))) for head in LABEL_HEADS}, self.offsets())
        features = self.features(texts)
        found = {head: fitted.probabilities(features) for head, fitted in self.fitted.items()}
        found["target"] = coherent_target(found["trust"], found["target"])
        return decide(found, self.offsets())

    def offsets(self) -> dict[str, Floats]:
        """What takes a decision from calibrated probabilities back to balanced classes, per head."""
        undone = {head: -np.array(fitted.shift or np.zeros(len(fitted.bias))) for head, fitted in self.fitted.items()}
        undone["target"] = np.insert(undone["target"], LABEL_HEADS["target"].index("none"), 0.0)
        return undone


def _frozen(make: Any, terms: Terms) -> TfidfVectorizer:
    vectoriser = make(vocabulary={term: place for place, term in enumerate(terms.terms)})
    vectoriser.idf_ = terms.idf
    return vectoriser


def write_linear(model: LinearModel, folder: Path, *, name: str, settings: dict[str, Any]) -> Manifest:
    """Write weights, vocabulary and manifest; the same model gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"words.idf": model.words.idf, "characters.idf": model.characters.idf}
    for head, fitted in model.fitted.items():
        arrays |= {f"{head}.weights": fitted.weights, f"{head}.bias": fitted.bias}
    np.savez_compressed(folder / WEIGHTS, allow_pickle=False, **arrays)
    terms = {"words": model.words.terms, "characters": model.characters.terms}
    text = json.dumps(terms, ensure_ascii=False, separators=(",", ":"))
    (folder / VOCABULARY).write_text(text + "\n", encoding="utf-8")
    calibration = {head: {"temperature": h.temperature, "shift": list(h.shift)} for head, h in model.fitted.items()}
    return write_manifest(
        folder,
        name=name,
        kind=KIND,
        files=(WEIGHTS, VOCABULARY),
        settings={"calibration": calibration, **settings},
    )


def read_linear(folder: Path, manifest: Manifest) -> LinearModel:
    """The model in `folder`; raises `BadInput` when its arrays do not fit together."""
    try:
        with np.load(folder / WEIGHTS, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        terms = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
        model = _assembled(manifest, arrays, terms)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise BadInput(f"model {manifest.name} in {folder}: cannot be read ({error}); train it again") from error
    return model


def _assembled(manifest: Manifest, arrays: dict[str, Any], terms: dict[str, list[str]]) -> LinearModel:
    calibration = manifest.settings["calibration"]
    heads = {
        head: Head(
            weights=arrays[f"{head}.weights"],
            bias=arrays[f"{head}.bias"],
            temperature=float(calibration[head]["temperature"]),
            shift=tuple(calibration[head]["shift"]),
        )
        for head in FITTED_CLASSES
    }
    words = Terms(tuple(terms["words"]), arrays["words.idf"])
    characters = Terms(tuple(terms["characters"]), arrays["characters.idf"])
    _refuse_misfits(heads, len(words.terms) + len(characters.terms))
    return LinearModel(name=manifest.name, version=manifest.version, words=words, characters=characters, heads=heads)


def _refuse_misfits(heads: Mapping[str, Head], terms: int) -> None:
    for head, classes in FITTED_CLASSES.items():
        if heads[head].weights.shape != (terms, len(classes)):
            raise ValueError(f"head {head}: weights are {heads[head].weights.shape}, not {(terms, len(classes))}")
