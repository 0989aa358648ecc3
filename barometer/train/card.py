"""The model card: what the model is for, what it learnt from, how good it is, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from barometer.classify.linear import FITTED_CLASSES
from barometer.classify.manifest import Manifest
from barometer.tables import LABEL_HEADS
from barometer.train.external import WATCHED_FUNCTIONS
from barometer.train.sheet import by_set, table, three, with_interval

# Name, role here, licence as stated beside the data.
DATA_SETS: tuple[tuple[str, str, str], ...] = (
    ("trust_gold", "learnt from, a fifth held out", "labels CC BY 4.0; texts belong to their authors, research use"),
    ("trust_silver", "learnt from", "labels CC BY 4.0; texts belong to their authors, research use"),
    ("sample_city", "learnt from, a fifth held out; synthetic", "CC0"),
    ("RumourEval 2017", "only to find which event a gold or silver post is about", "annotations CC BY 4.0"),
    ("HateCheck", "test only, never learnt from or tuned on", "CC BY 4.0"),
    ("VIRATrust", "test only; 156 of its turns are among the gold and silver posts", "CDLA-Sharing 1.0"),
    ("TweetEval hate", "test only; tweets that are among the gold and silver posts left out", "per-task terms"),
)
# Single runs of TF-IDF + logistic regression trained on the task's own data, from the data folder's README.
FLOORS = "VIRATrust, 4 classes, macro-F1 .710; TweetEval hate, macro-F1 .420 (this project's own runs)"

_PURPOSE = """## What it is

TF-IDF of words, word pairs and characters within words, then one logistic regression for each of four labels of a
short post: `trust`, its `target`, `rumour`, `hostile`. It is the floor that every later model is compared with, and it
needs no network, no GPU and nothing that executes: plain arrays (`weights.npz`, read without pickle), two lists of
terms (`vocabulary.json`) and a manifest with a checksum for each.

**For**: shares of posts over areas and weeks, corrected for its errors with an audited sample; a first sieve for people
who follow rumours. **Not for**: deciding anything about a post, a person or a group; moderation; any language but
English (the few other posts it learnt from do not make it able).
"""

_DECISION = """## How probabilities and labels hang together

- A head's scores are turned into probabilities by vector scaling (one temperature a head, one shift a class), fitted on
  out-of-fold scores. They mean what they say for posts mixed as in the training sets; a city's mix differs, so shares
  need an audited sample.
- Labels are taken on the scores before the shift, fitted as if all classes were equally common: else rare classes would
  hardly ever be found. A label is therefore not always the likeliest class. Tuning thresholds further on out-of-fold
  scores did not help (`experiments.md`).
- `target` is learnt from posts with trust or distrust only. `target_none` = `trust_none`, and every other `target_c` =
  (1 - `trust_none`) x P(c | not none). The label `target` is `none` exactly when the label `trust` is.
"""

_PRIVACY = """## Privacy

No post is in this folder. A term is kept only when enough different authors (posts, where the author is unknown) use
it: 3 for words, 5 for characters. Accounts, links, e-mails and digits are masked first, and so is every personal name
spaCy finds one word of which stands in the names of fewer than 20 posts; names in more are public figures' or common
first names. A name that spaCy does not see and that several posts mention may still be among the terms.
"""

_LIMITS = """## Known limits

- Gold and silver were labelled by the same kind of annotator; agreement with people of the city is untested.
- Real posts say little about local government (13 gold and silver posts): that class is learnt from made-up posts.
- Rumours must be judged on events the model saw nothing of (above); figures on known events flatter every model.
- It misses most hate that HateCheck writes down, and takes some neutral and positive mentions of groups for hostility.
  Hostility must not be published by neighbourhood from this model alone.
- The first comparisons of recipes, by hand, ran over all gold, silver and sample posts, the held-out ones included, and
  the similarity from which posts join a rumour was chosen on the sample city: held-out figures may flatter slightly.
- Six of ten held-out posts are made up: read the columns by set, not the one over all.
- Sarcasm, quotation and implied distrust are mostly out of reach of counted words.
"""


def card(metrics: Mapping[str, Any], manifest: Manifest) -> str:
    """The card in Markdown, from `metrics.json` and the manifest."""
    parts = [
        f"# Model card: {manifest.name}\n\nVersion `{manifest.version}` (hash of weights, terms and settings).\n",
        _PURPOSE,
        _data(metrics),
        _DECISION,
        _scores(metrics),
        _calibration(metrics["calibration_held_out"]),
        _hatecheck(metrics["hatecheck"]),
        _elsewhere(metrics),
        _PRIVACY,
        _LIMITS,
    ]
    return "\n".join(parts)


def _data(metrics: Mapping[str, Any]) -> str:
    sizes = metrics["posts"]
    counted = table(
        ("posts", *sizes["learnt_from"]),
        [(use.replace("_", " "), *(part.get(name, 0) for name in sizes["learnt_from"])) for use, part in sizes.items()],
    )
    terms = metrics["terms"]
    return (
        "## Data\n\n" + table(("set", "role", "licence"), DATA_SETS) + "\n" + counted + "\n"
        "Near copies, posts of one story or event, and posts of one author never stand on both sides of a split "
        "(connected components; `StratifiedGroupKFold`). The held-out posts are the same for every seed; silver posts "
        f"of their groups are left out.\n\nTerms: {terms['words']} of words, {terms['characters']} of characters.\n"
    )


def _scores(metrics: Mapping[str, Any]) -> str:
    return (
        "## Scores\n\nMacro-F1 over the classes present, with 95 % intervals (1,000 bootstrap draws of groups).\n\n"
        f"Five-fold cross-validation:\n\n{by_set(metrics['cross_validated'])}\n"
        f"Held out (the model in this folder, posts it never saw):\n\n{by_set(metrics['held_out'])}\n"
        f"Posts about one of {metrics['unseen_events']['events']} events and stories, each scored by a model that saw "
        f"nothing of it (leave-event-out folds):\n\n{_unseen(metrics['unseen_events']['heads'])}\n"
        f"By class, cross-validated and held out:\n\n{_by_class(metrics)}\n"
        f"By source, cross-validated:\n\n{_by_source(metrics['cross_validated'])}"
    )


def _unseen(heads: Mapping[str, Any]) -> str:
    sets = list(next(iter(heads.values())))
    rows = [(head, *(f"{with_interval(by[n])}, n {by[n]['posts']}" for n in sets)) for head, by in heads.items()]
    return table(("head", *sets), rows)


def _by_class(metrics: Mapping[str, Any]) -> str:
    rows = []
    for head, classes in LABEL_HEADS.items():
        for value in classes:
            cv, out = (metrics[part][head]["all"]["classes"][value] for part in ("cross_validated", "held_out"))
            precision_recall = f"{three(cv['precision'])} / {three(cv['recall'])}"
            rows.append((head, value, three(cv["f1"]), precision_recall, cv["posts"], three(out["f1"]), out["posts"]))
    return table(("head", "class", "F1", "precision / recall", "posts", "held-out F1", "held-out posts"), rows)


def _by_source(scored: Mapping[str, Any]) -> str:
    sources = list(next(iter(scored.values()))["by_source"])
    rows = [
        (
            source,
            scored["trust"]["by_source"][source]["posts"],
            *(with_interval(scored[head]["by_source"][source]) for head in scored),
        )
        for source in sources
    ]
    return table(("source", "posts", *scored), rows)


def _calibration(errors: Mapping[str, Any]) -> str:
    rows = [
        (head, e["posts"], e["temperature"], three(e["before"]), three(e["after"]))
        for head, e in ((head, errors[head]) for head in FITTED_CLASSES)
    ]
    return (
        "## Calibration\n\nExpected calibration error (ten bins) on held-out posts; target on posts that have one.\n\n"
        + table(("head", "posts", "temperature", "before", "after"), rows)
    )


def _hatecheck(scored: Mapping[str, Any]) -> str:
    functions = scored["by_functionality"]
    ordered = [*WATCHED_FUNCTIONS, *(name for name in functions if name not in WATCHED_FUNCTIONS)]
    shown = {name: f"**{name}**" if name in WATCHED_FUNCTIONS else name for name in ordered}
    rows = [(shown[name], functions[name]["cases"], functions[name]["accuracy"]) for name in ordered]
    groups = [(name, part["cases"], part["accuracy"]) for name, part in scored["by_group"].items()]
    return (
        f"## HateCheck (test only)\n\n{scored['cases']} cases: accuracy {scored['accuracy']}, "
        f"macro-F1 {scored['macro_f1']}; hateful {scored['accuracy_hateful']}, "
        f"not hateful {scored['accuracy_not_hateful']}. In bold: neutral and positive mentions of identity, and "
        "counter-speech, whose failure would penalise minority neighbourhoods.\n\n"
        + table(("functionality", "cases", "accuracy"), rows)
        + "\n"
        + table(("group", "cases", "accuracy"), groups)
    )


def _elsewhere(metrics: Mapping[str, Any]) -> str:
    rows = [
        (name, head, metrics[part]["posts"], with_interval(metrics[part]))
        for name, head, part in (
            ("VIRATrust test, 4 classes folded into 3", "trust", "viratrust"),
            ("TweetEval hate test", "hostile", "tweeteval_hate"),
        )
    ]
    return (
        "## Elsewhere, without training there\n\n"
        + table(("test", "head", "posts", "macro-F1"), rows)
        + f"\nTrained on those tasks' own training sets, the same method scores: {FLOORS}. Their labels mean other "
        "things than this project's (any doubt about a vaccine is VIRATrust's low trust): this is reach, not quality.\n"
    )
