"""What every model is to the rest of the project, and how one is found by its name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import polars as pl

from barometer.classify.cascade import KIND as CASCADE
from barometer.classify.cascade import read_cascade
from barometer.classify.encoder import KIND as ENCODER
from barometer.classify.encoder import read_encoder
from barometer.classify.linear import KIND as LINEAR
from barometer.classify.linear import read_linear
from barometer.classify.manifest import Manifest, read_manifest
from barometer.errors import BadConfiguration, BadInput


class Model(Protocol):
    """Labels texts. A multi-task encoder and a linear model look the same from outside."""

    @property
    def name(self) -> str:
        """Folder of the model under `models/`."""

    @property
    def version(self) -> str:
        """Hash of all that decides a label."""

    @property
    def heads(self) -> Mapping[str, tuple[str, ...]]:
        """What it labels -> the classes it may give."""

    def predict(self, texts: Sequence[str]) -> pl.DataFrame:
        """One row a text, in order: `trust, target, rumour, hostile`, then a probability (0-1) for every class.

        A text's row does not depend on the texts beside it.
        """


def _cascade(folder: Path, manifest: Manifest) -> Model:
    return read_cascade(folder, manifest, load_model)


_KINDS: dict[str, Callable[[Path, Manifest], Model]] = {
    LINEAR: read_linear,
    ENCODER: read_encoder,
    CASCADE: _cascade,
}


# Nights may ask for the model of this name: whichever `barometer models promote` put in use.
PROMOTED = "promoted"
UNDETERMINED = "und"
PROMOTION = "promoted.json"
_WITHOUT_PROMOTION = LINEAR


def promoted_name(name: str, models: Path) -> str:
    """The folder that `name` stands for: `promoted` is what `promoted.json` says, the linear model without that file.

    Raises `BadInput` when the promoted model is not the version that was promoted.
    """
    if name != PROMOTED:
        return name
    if not (models / PROMOTION).is_file():
        return _WITHOUT_PROMOTION
    try:
        record = json.loads((models / PROMOTION).read_text(encoding="utf-8"))
        chosen, version = str(record["model"]), record["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{models / PROMOTION}: cannot be read ({error}); promote a model again") from error
    if read_manifest(chosen, models).version != version:
        raise BadInput(f"{models / PROMOTION}: model {chosen} is another version than was promoted; promote it again")
    return chosen


def load_model(name: str, models: Path) -> Model:
    """Model `name` of the folder `models`, every file checked against its checksum; nothing in it is executed.

    `promoted` stands for the model in use. Raises `BadConfiguration` when there is no such model or its kind is
    unknown, `BadInput` when it is damaged.
    """
    name = promoted_name(name, models)
    manifest = read_manifest(name, models)
    if manifest.kind not in _KINDS:
        raise BadConfiguration(f"model {name}: kind {manifest.kind!r} is unknown here; known: {', '.join(_KINDS)}")
    return _KINDS[manifest.kind](models / name, manifest)


def is_served(model: Model, languages: pl.Series) -> pl.Series:
    """Whether the model may read posts in these languages (BCP 47, or "und" where nobody could tell).

    A model that does not say which languages it serves reads all. A post that is not served has no label: it is counted
    as unread, not guessed.
    """
    served = getattr(model, "languages", None)
    if served is None:
        return pl.Series([True] * len(languages), dtype=pl.Boolean)
    primary = languages.str.split("-").list.first().str.to_lowercase()
    return primary.is_in([*served, UNDETERMINED]).fill_null(True)


def predict_once(model: Model, texts: pl.Series) -> pl.DataFrame:
    """`model.predict(texts)`, each distinct text labelled only once: copies and reposts cost nothing."""
    distinct = texts.unique(maintain_order=True)
    place = pl.DataFrame({"text": distinct}).with_row_index("place")
    places = texts.rename("text").to_frame().join(place, on="text", how="left", maintain_order="left")["place"]
    return model.predict(distinct.to_list())[places]
