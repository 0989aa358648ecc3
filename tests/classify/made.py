"""A model of a few words that a test can reason about, posts and labels for it, and nothing random."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from barometer.classify.linear import FITTED_CLASSES, Head, LinearModel, Terms, write_linear
from barometer.classify.manifest import Manifest, read_manifest
from barometer.night import Night
from barometer.settings import Settings
from barometer.tables import LABEL_HEADS
from tests.rows import rows
from tests.towns import a_night

NOON = datetime(2026, 5, 9, 12, tzinfo=UTC)
# Which word speaks for which class of which head, and how strongly.
SPEAKS: dict[str, tuple[str, str]] = {
    "reliable": ("trust", "trust"),
    "liars": ("trust", "distrust"),
    "council": ("target", "local_government"),
    "police": ("target", "police_justice"),
    "nurses": ("target", "health"),
    "apparently": ("rumour", "rumour"),
    "untrue": ("rumour", "correction"),
    "vermin": ("hostile", "yes"),
}
STRENGTH = 12.0
# Without any of these words a post is none, none, none, no.
USUAL = {"trust": "none", "rumour": "none", "hostile": "no"}
CHARACTERS = (" z", "z ")


def a_head(head: str, words: tuple[str, ...], **calibration: Any) -> Head:
    """Weights of one head by `SPEAKS`; the usual class starts ahead."""
    classes = FITTED_CLASSES[head]
    weights = np.zeros((len(words) + len(CHARACTERS), len(classes)), dtype=np.float32)
    for row, word in enumerate(words):
        if SPEAKS[word][0] == head:
            weights[row, classes.index(SPEAKS[word][1])] = STRENGTH
    bias = np.array([3.0 if value == USUAL.get(head) else 0.0 for value in classes], dtype=np.float32)
    return Head(weights=weights, bias=bias, **calibration)


def a_model(calibrations: Mapping[str, dict[str, Any]] | None = None, *, name: str = "few-words") -> LinearModel:
    """The model in memory."""
    words = tuple(sorted(SPEAKS))
    return LinearModel(
        name=name,
        version="not-written",
        words=Terms(words, np.ones(len(words), dtype=np.float32)),
        characters=Terms(CHARACTERS, np.ones(len(CHARACTERS), dtype=np.float32)),
        heads={head: a_head(head, words, **(calibrations or {}).get(head, {})) for head in FITTED_CLASSES},
    )


def written(models: Path, name: str = "few-words", **settings: Any) -> Manifest:
    """The model as a folder below `models`."""
    return write_linear(a_model(), models / name, name=name, settings=settings)


def a_night_with_model(tmp_path: Path, **changes: Any) -> Night:
    """A night of Testville whose models folder holds the model of few words as 'linear'."""
    night = a_night(tmp_path, **changes)
    settings = Settings(home=tmp_path / "home", models=tmp_path / "models")
    written(settings.models, "linear")
    return Night(city=night.city, lake=night.lake, settings=settings, night=night.night)


def nights_later(night: Night, days: int) -> Night:
    """The same city and lake, `days` later (or earlier)."""
    return Night(city=night.city, lake=night.lake, settings=night.settings, night=night.night + timedelta(days=days))


def put_posts(night: Night, *several: Mapping[str, Any]) -> None:
    """Make the posts of the night exactly these; what is not said is plain."""
    plain = {"night": night.night, "created_at": noon_of(night), "is_repost": False, "synthetic": True}
    frame = rows("posts", *({**plain, **values} for values in several))
    night.lake.replace("posts", frame, partition={"night": night.night})


def noon_of(night: Night) -> datetime:
    """Noon, UTC, of the night's day."""
    return datetime.combine(night.night, NOON.timetz())


def put_claims(night: Night, *several: Mapping[str, Any]) -> None:
    """Posts of the night with the label `rumour` said of each (default: rumour), as if classified."""
    version = read_manifest("linear", night.settings.models).version
    put_posts(night, *({k: v for k, v in values.items() if k != "rumour"} for values in several))
    labels = [
        {
            "night": night.night,
            "shard": 0,
            "post": values["post"],
            "model": "linear",
            "model_version": version,
            "rumour": values.get("rumour", "rumour"),
        }
        for values in several
    ]
    night.lake.replace("labels", rows("labels", *labels), partition={"night": night.night, "shard": 0})


def table(night: Night, name: str) -> pl.DataFrame:
    """A lake table as it is now, in the order of its key."""
    frame = night.lake.read(name).collect()
    return frame.sort([column for column in frame.columns if column in {"night", "shard", "post", "rumour", "model"}])


def probability_sums(frame: pl.DataFrame) -> dict[str, list[float]]:
    """Of every head, the sum of its classes' probabilities, row by row."""
    return {
        head: frame.select(pl.sum_horizontal(f"{head}_{value}" for value in values)).to_series().to_list()
        for head, values in LABEL_HEADS.items()
    }
