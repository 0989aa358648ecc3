"""A fast screen answers what it is sure of; a slower reader reads the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from barometer.classify.manifest import Manifest, write_manifest
from barometer.errors import BadInput
from barometer.tables import LABEL_HEADS

KIND = "cascade"


class Part(Protocol):
    """What a cascade asks of its two models (see `model.Model`)."""

    @property
    def version(self) -> str:
        """Hash of all that decides a label."""

    def predict(self, texts: Sequence[str]) -> pl.DataFrame:
        """One row a text: four labels and 17 probabilities."""


class CascadeModel:
    """Two models as one: `least_sure` is the least probability (0-1) of its labels at which the screen's count."""

    def __init__(self, manifest: Manifest, screen: Part, reader: Part) -> None:
        self._manifest, self._screen, self._reader = manifest, screen, reader
        self.least_sure = float(manifest.settings["least_sure"])

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
    def languages(self) -> tuple[str, ...] | None:
        """Languages that its reader serves; None when that does not say."""
        return getattr(self._reader, "languages", None)

    def predict(self, texts: Sequence[str]) -> pl.DataFrame:
        """One row a text, the screen's where it is sure, else the reader's."""
        screened = self._screen.predict(texts)
        unsure = np.flatnonzero(sureness(screened) < self.least_sure)
        read = self._reader.predict([texts[int(row)] for row in unsure])
        return combined(screened, read, unsure)


def sureness(found: pl.DataFrame) -> NDArray[np.float64]:
    """The probability of the label that a model is least sure of, one a post."""
    chosen = [_probability_of_label(found, head) for head in LABEL_HEADS]
    return np.min(np.stack(chosen), axis=0) if found.height else np.empty(0)


def _probability_of_label(found: pl.DataFrame, head: str) -> NDArray[np.float64]:
    classes = LABEL_HEADS[head]
    place = found[head].replace_strict({value: i for i, value in enumerate(classes)}, return_dtype=pl.Int64).to_numpy()
    probabilities = found.select(f"{head}_{value}" for value in classes).to_numpy()
    return np.asarray(probabilities[np.arange(found.height), place], dtype=np.float64)


def combined(screened: pl.DataFrame, read: pl.DataFrame, unsure: NDArray[np.intp]) -> pl.DataFrame:
    """`screened` with its rows `unsure` replaced by the rows of `read`."""
    is_unsure = np.zeros(screened.height, dtype=np.bool_)
    is_unsure[unsure] = True
    source = np.arange(screened.height)
    source[unsure] = screened.height + np.arange(len(unsure))
    return pl.concat([screened, read])[source]


def write_cascade(folder: Path, *, screen: tuple[str, str], reader: tuple[str, str], least_sure: float) -> Manifest:
    """Write a cascade's manifest to `folder`: `screen` and `reader` are (name, version) of models beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "screen": screen[0],
        "screen_version": screen[1],
        "reader": reader[0],
        "reader_version": reader[1],
        "least_sure": least_sure,
    }
    return write_manifest(folder, name=folder.name, kind=KIND, files=(), settings=settings)


def read_cascade(folder: Path, manifest: Manifest, load: Callable[[str, Path], Part]) -> CascadeModel:
    """The cascade in `folder`, its models loaded by `load`; raises `BadInput` when one is of another version."""
    parts = {}
    for role in ("screen", "reader"):
        name, version = manifest.settings[role], manifest.settings[f"{role}_version"]
        parts[role] = load(name, folder.parent)
        if parts[role].version != version:
            raise BadInput(f"model {manifest.name}: its {role} {name} is another version; make the cascade again")
    return CascadeModel(manifest, parts["screen"], parts["reader"])
