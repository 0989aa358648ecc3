"""`barometer train encoder`: read, split, (teach,) train, calibrate, export, measure, write card and metrics."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from barometer.classify.decide import Floats
from barometer.classify.encoder import EncoderModel, StandIns
from barometer.classify.linear import FITTED_CLASSES
from barometer.classify.manifest import Manifest, checksum
from barometer.classify.model import load_model
from barometer.tables import LABEL_HEADS
from barometer.train.annotated import ANNOTATED
from barometer.train.annotated import FILE as ANNOTATED_FILE
from barometer.train.encoder.card import write_card
from barometer.train.encoder.corpus import Corpus, read_corpus
from barometer.train.encoder.evaluate import evaluate, figures_file
from barometer.train.encoder.evaluate import write_figures as store
from barometer.train.encoder.examples import Examples
from barometer.train.encoder.export import write_encoder
from barometer.train.encoder.loop import CHECKPOINT, Material, content_of, identity_of, train
from barometer.train.encoder.mentions import mentions, stand_ins
from barometer.train.encoder.network import Network, base_folder, logits_of, read_tokenizer
from barometer.train.encoder.precision import precision
from barometer.train.encoder.recipe import Recipe, teacher_recipe
from barometer.train.encoder.settle import priors_of, settled
from barometer.train.encoder.teach import soft_labels
from barometer.train.fit import labels_of
from barometer.train.scores import codes, confusion, macro_f1, score

LONGEST_TOKENS_READ = 128
LANGUAGES = ("en",)
TRAINING, FP32 = "training.json", "fp32.onnx"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What to train: base and teacher (None: no teacher) by name or folder, recipe, seed, and where to work.

    `start`: checkpoint of an earlier run that the encoder goes on from (None: from the base). `work` holds checkpoints
    and a teacher's probabilities: a run that was killed goes on from there. `annotated`: labels made for training.
    """

    base: str
    teacher: str | None
    recipe: Recipe
    seed: int
    work: Path
    start: Path | None = None
    annotated: Path = ANNOTATED_FILE


def train_encoder(*, data: Path, sample: Path | None, output: Path, order: Order, say: Say = print) -> Manifest:
    """Train, export, measure and write the encoder with its card and metrics to the folder `output`.

    `data` is the folder of real data; `sample` the sample city's written posts, or None to leave them out.
    Raises `BadInput` naming the file, `BadConfiguration` when the base is not there.
    """
    base = base_folder(order.base)
    corpus = read_corpus(data, sample, cache=order.work, annotated=order.annotated)
    material = taught_material(corpus, order, say)
    network = train(
        base,
        material,
        order.recipe,
        _scorer(corpus),
        seed=order.seed,
        folder=order.work / "student",
        say=say,
        start=order.start,
    )
    scores = scores_of(network, base, corpus, corpus.validation, has_stand_ins=order.recipe.has_stand_ins)
    settings = settings_of(order, corpus, scores, provenance(data, sample, order.annotated))
    manifest = write_encoder(network, base, output, settings=settings, keep_fp32=order.work / FP32)
    write_figures(output, corpus, order, data=data, sample=sample)
    return manifest


def taught_material(corpus: Corpus, order: Order, say: Say) -> Material:
    """What the student learns from; with a teacher, its probabilities for unlabelled and labelled posts."""
    material = Material(
        main=corpus.main,
        auxiliary=corpus.auxiliary,
        taught=_drawn(corpus.taught, order.recipe.taught_posts * order.recipe.broad_epochs, order.seed),
        mentions=mentions(),
        validation=corpus.examples(corpus.validation),
    )
    if order.teacher is None:
        return material
    folder, recipe = base_folder(order.teacher), teacher_recipe()
    teacher = train(folder, material, recipe, _scorer(corpus), seed=order.seed, folder=order.work / "teacher", say=say)
    tokenizer = read_tokenizer(folder, longest_tokens=recipe.longest_tokens)
    stand_in = StandIns(stand_ins() if recipe.has_stand_ins else {})
    lesson = sha256(f"{identity_of(order.work / 'teacher' / CHECKPOINT)}".encode()).hexdigest()[:16]

    def taught(examples: Examples, name: str) -> Examples:
        texts = [*map(stand_in, examples.texts)]
        place = order.work / "soft" / lesson / f"{name}-{content_of([examples])}"
        return examples.taught(soft_labels(teacher, tokenizer, texts, folder=place, say=say))

    return replace(material, main=taught(material.main, "main"), taught=taught(material.taught, "taught"))


def _drawn(examples: Examples, most: int, seed: int) -> Examples:
    return examples.taken(np.random.default_rng(seed).permutation(len(examples))[:most])


def _scorer(corpus: Corpus) -> Callable[[dict[str, Floats]], float]:
    """Mean macro-F1 of the four heads on the validation posts."""
    posts = corpus.posts[corpus.validation]

    def scored(scores: dict[str, Floats]) -> float:
        found = labels_of(scores)
        return float(np.mean([_macro_f1(posts, found, head) for head in LABEL_HEADS]))

    return scored


def _macro_f1(posts: pl.DataFrame, found: pl.DataFrame, head: str) -> float:
    classes = LABEL_HEADS[head]
    counts = confusion(codes(posts[head], classes), codes(found[head], classes), len(classes))
    return float(macro_f1(counts))


def scores_of(network: Network, base: Path, corpus: Corpus, rows: Any, *, has_stand_ins: bool) -> dict[str, Floats]:
    """Logits of the four heads for labelled posts, as many tokens of each as the night reads."""
    tokenizer = read_tokenizer(base, longest_tokens=LONGEST_TOKENS_READ)
    stand_in = StandIns(stand_ins() if has_stand_ins else {})
    tokens = [encoding.ids for encoding in tokenizer.encode_batch([stand_in(corpus.texts[row]) for row in rows])]
    return logits_of(network, tokens, list(FITTED_CLASSES))


def settings_of(order: Order, corpus: Corpus, scores: dict[str, Floats], learnt_from: dict[str, str]) -> dict[str, Any]:
    """What the manifest says of the run, and what `classify.encoder` needs to turn scores into labels."""
    settings = {
        "base": Path(order.base).name,
        "teacher": order.teacher and Path(order.teacher).name,
        "recipe": asdict(order.recipe),
        "seed": order.seed,
        "went_on_from": order.start and identity_of(order.start),
        "languages": list(LANGUAGES),
        "stand_ins": stand_ins() if order.recipe.has_stand_ins else {},
        "longest_tokens": LONGEST_TOKENS_READ,
        "learnt_from": learnt_from,
        **settled(scores, corpus.posts[corpus.validation], priors_of(corpus.posts[corpus.learn])),
    }
    return dict(json.loads(json.dumps(settings)))


def provenance(data: Path, sample: Path | None, annotated: Path) -> dict[str, str]:
    """Labelled data set -> checksum of its file."""
    files = {name: data / "posts" / name / "posts.jsonl" for name in ("trust_gold", "trust_silver")}
    files[ANNOTATED] = annotated
    if sample is not None:
        files["sample_city"] = sample
    return {name: checksum(path) for name, path in files.items()}


def write_figures(
    output: Path,
    corpus: Corpus,
    order: Order,
    *,
    data: Path,
    sample: Path | None,
) -> None:
    """Measure the model now in `output`; write `metrics.json`, `training.json` and `card.md`.

    `training.json` holds what only the training run can know; everything in `metrics.json` follows from the folder.
    """
    model = load_model(output.name, output.parent)
    if not isinstance(model, EncoderModel):
        raise TypeError(f"model {output.name} is no encoder")
    training = _training_figures(model, corpus, order)
    metrics = evaluate(model, data=data, sample=sample)
    store(output, metrics)
    (output / TRAINING).write_text(json.dumps(training, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    linear = output.parent / "linear"
    if (linear / "manifest.json").is_file() and not figures_file(linear).is_file():
        store(linear, evaluate(load_model("linear", output.parent), data=data, sample=sample))
    write_card(output)


def _training_figures(model: EncoderModel, corpus: Corpus, order: Order) -> dict[str, Any]:
    validation = corpus.posts[corpus.validation]
    return {
        "posts": {
            name: dict(sorted(corpus.posts["set"][rows].value_counts().iter_rows()))
            for name, rows in (
                ("learnt_from", corpus.learn),
                ("validation", corpus.validation),
                ("dev", corpus.parts.held_out),
            )
        },
        "annotated_posts": len(corpus.annotated),
        "auxiliary_posts": len(corpus.auxiliary),
        "validation": score(
            validation, model.predict(validation["text"].to_list()), corpus.member[corpus.validation], seed=order.seed
        ),
        "precision": precision(model, order.work / FP32, corpus.posts[corpus.parts.held_out]),
    }
