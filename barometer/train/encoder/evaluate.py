"""Every figure of a model's card that follows from its stored files, whatever kind of model it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from barometer.classify.encoder import KIND as ENCODER
from barometer.classify.encoder import EncoderModel, by_head
from barometer.classify.linear import FITTED_CLASSES, calibrated
from barometer.classify.manifest import read_manifest
from barometer.classify.model import Model, predict_once
from barometer.errors import BadInput
from barometer.tables import LABEL_HEADS
from barometer.train.calibrate import expected_calibration_error
from barometer.train.data import GOLD, SAMPLE, training_posts
from barometer.train.encoder.auxiliary import public_texts
from barometer.train.encoder.corpus import SPLIT_SEED
from barometer.train.encoder.mentions import swap_variants
from barometer.train.encoder.probes import probes
from barometer.train.encoder.veracity import veracity
from barometer.train.events import plain, with_events
from barometer.train.external import hatecheck, tweeteval_hate, viratrust
from barometer.train.groups import groups, split
from barometer.train.scores import codes, score, score_parts

# Figures agree when they differ by no more than int8 arithmetic on another processor may bring.
ROUNDING = 0.005
_PAIR = {"text": pl.String, "family": pl.String, "is_listed": pl.Boolean, "changed": pl.String}
_LENGTHS = ((0, 80), (81, 140), (141, 10_000))


def evaluate(model: Model, *, data: Path, sample: Path | None, seed: int = SPLIT_SEED) -> dict[str, Any]:
    """Scores on the dev posts (never learnt from), calibration, swaps, and tests made elsewhere; see `metrics.json`.

    `data` holds the folder `posts`. Raises `BadInput` naming a file that is not there.
    """
    posts = with_events(training_posts(data, sample), data)
    rows, member = split(posts, seed=seed).held_out, groups(posts)
    dev = posts[rows]
    found = model.predict(dev["text"].to_list())
    known = {plain(text) for text in (*posts["text"], *public_texts(data / "posts"))}
    return {
        "dev": score(dev, found, member[rows], seed=seed),
        "dev_by_length": score_parts(with_length(dev), found, member[rows], column="length", seed=seed),
        "calibration_dev": calibration(model, dev, found),
        "passes_disagreed": disagreed(data, dev, found),
        "swaps": swaps(model, posts.filter(pl.col("set").is_in([GOLD, SAMPLE]))),
        "hatecheck": hatecheck(model.predict, data / "posts" / "hatecheck"),
        "viratrust": viratrust(model.predict, data / "posts" / "viratrust", known),
        "tweeteval_hate": tweeteval_hate(model.predict, data / "posts" / "tweeteval" / "datasets" / "hate", known),
        "probes": probes(model, data / "posts", seed=seed) if isinstance(model, EncoderModel) else {},
        "veracity": veracity(model, data / "posts" / "pheme_rumour_sources") if isinstance(model, EncoderModel) else {},
    }


def with_length(posts: pl.DataFrame) -> pl.DataFrame:
    """Posts with `length`: characters, in three ranges."""
    ranges = [
        pl.when(pl.col("text").str.len_chars() <= most).then(pl.lit(f"{least}-{most} characters"))
        for least, most in _LENGTHS
    ]
    return posts.with_columns(length=pl.coalesce(ranges))


def calibration(model: Model, posts: pl.DataFrame, found: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Expected calibration error of every head: of probabilities as given and, of an encoder, before scaling."""
    before = _unscaled(model, posts) if isinstance(model, EncoderModel) else {}
    return {head: _errors(head, posts, found, before.get(head)) for head in LABEL_HEADS}


def _unscaled(model: EncoderModel, posts: pl.DataFrame) -> dict[str, NDArray[np.float64]]:
    logits, _ = model.read(posts["text"].to_list())
    return {head: calibrated(part, 1.0, np.zeros(1)) for head, part in by_head(logits).items()}


def _errors(
    head: str, posts: pl.DataFrame, found: pl.DataFrame, before: NDArray[np.float64] | None
) -> dict[str, float]:
    """The target is judged on posts that have one, as P(target | trust or distrust)."""
    classes = FITTED_CLASSES[head]
    usable = np.flatnonzero(posts[head].is_in(list(classes)).to_numpy())
    truth = codes(posts[head][usable], classes)
    given = found.select(f"{head}_{value}" for value in classes).to_numpy()[usable]
    errors = {"after": given / given.sum(axis=1, keepdims=True)} | (
        {} if before is None else {"before": before[usable]}
    )
    scored = {name: round(expected_calibration_error(values, truth), 4) for name, values in errors.items()}
    return {**scored, "posts": len(usable)}


def disagreed(data: Path, dev: pl.DataFrame, found: pl.DataFrame) -> dict[str, Any]:
    """How often each head is right on dev gold posts whose two annotation passes disagreed, and on the rest."""
    lines = (data / "posts" / "trust_gold" / "posts.jsonl").read_bytes().splitlines()
    agreed = {row["id"]: row.get("passes_agreed", True) for row in map(msgspec.json.decode, lines)}
    is_gold = (dev["set"] == GOLD).to_numpy()
    is_agreed = np.array([agreed.get(post, True) for post in dev["id"]])
    parts = {"agreed": is_gold & is_agreed, "disagreed": is_gold & ~is_agreed}
    return {name: _accuracies(dev, found, np.flatnonzero(rows)) for name, rows in parts.items()}


def _accuracies(dev: pl.DataFrame, found: pl.DataFrame, rows: NDArray[np.intp]) -> dict[str, Any]:
    right = {head: (dev[head][rows] == found[head][rows]).to_numpy() for head in LABEL_HEADS}
    return {
        "posts": len(rows),
        **{head: round(float(hits.mean()), 4) if len(hits) else None for head, hits in right.items()},
    }


def swaps(model: Model, posts: pl.DataFrame) -> dict[str, Any]:
    """Share of labels that change when a named group or neighbourhood is another: by head, over all and by family.

    Every gold and sample post that names a listed word, with other words of its family in its place: `listed` words,
    for which an encoder reads one and the same, and `others`, which it reads as they are.
    """
    rows = [(text, *variant) for text in posts["text"] for variant in swap_variants(text)]
    pairs = pl.DataFrame(rows, schema=_PAIR, orient="row")
    flips = pairs.with_columns(**_flips(predict_once(model, pairs["text"]), predict_once(model, pairs["changed"])))
    by_family = flips.group_by("family").agg(pl.len().alias("pairs"), pl.col(LABEL_HEADS).mean().round(4))
    return {
        "posts": pairs["text"].n_unique(),
        "listed": _flip_rates(flips.filter("is_listed")),
        "others": _flip_rates(flips.filter(~pl.col("is_listed"))),
        "by_family": {row.pop("family"): row for row in by_family.sort("family").iter_rows(named=True)},
    }


def _flip_rates(flips: pl.DataFrame) -> dict[str, Any]:
    rates = {head: round(float(flips[head].to_numpy().mean()), 4) if flips.height else 0.0 for head in LABEL_HEADS}
    return {"pairs": flips.height, **rates}


def _flips(before: pl.DataFrame, after: pl.DataFrame) -> dict[str, pl.Series]:
    return {head: before[head] != after[head] for head in LABEL_HEADS}


def differences(stored: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    """What differs by more than `ROUNDING` between stored figures and the same figures measured again."""
    kept, found = dict(_numbers(stored)), dict(_numbers(again))
    missing = [f"{name}: is not among the stored figures" for name in found if name not in kept]
    moved = [
        f"{name}: stored {kept[name]}, now {found[name]}"
        for name in found
        if name in kept and abs(kept[name] - found[name]) > ROUNDING
    ]
    return [*missing, *moved]


def _numbers(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(inner, (*path, str(key)))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield ".".join(path), float(value)


def stored_figures(folder: Path) -> dict[str, Any]:
    """The figures stored beside the model in `folder` that this module measures; raises `BadInput` without them.

    An encoder keeps them in `metrics.json`; other models, whose training writes that file, in `evaluation.json`.
    """
    path = figures_file(folder)
    if not path.is_file():
        raise BadInput(f"{path}: there are no figures of this model yet; store them with `barometer evaluate --write`")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def figures_file(folder: Path) -> Path:
    """Where the figures of this module stand for the model in `folder`."""
    kind = read_manifest(folder.name, folder.parent).kind
    return folder / ("metrics.json" if kind == ENCODER else "evaluation.json")


def write_figures(folder: Path, figures: Mapping[str, Any]) -> None:
    """Store figures beside the model in `folder`."""
    figures_file(folder).write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8")
