"""Which recipe, and why: cross-validated macro-F1 of the alternatives, as the table `models/linear/experiments.md`.

Run by hand (`python -m barometer.train.experiments SAMPLE.jsonl`), when the data or the features change.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from barometer.classify.text import normalise
from barometer.settings import Settings
from barometer.tables import LABEL_HEADS
from barometer.train.data import GOLD, SAMPLE, SILVER, training_posts
from barometer.train.events import with_events
from barometer.train.fit import Recipe, count_terms, labels_of, out_of_fold_scores
from barometer.train.groups import Split, groups, split
from barometer.train.linear import readable
from barometer.train.scores import score_head

CHOSEN = Recipe()
OPTIONS: dict[str, Recipe] = {
    "chosen": CHOSEN,
    "single words only": replace(CHOSEN, word_ngrams=(1, 1)),
    "words to three": replace(CHOSEN, word_ngrams=(1, 3)),
    "no characters": replace(CHOSEN, character_ngrams=None),
    "characters 3-5": replace(CHOSEN, character_ngrams=(3, 5)),
    "characters 2-4": replace(CHOSEN, character_ngrams=(2, 4)),
    "counts not sublinear": replace(CHOSEN, is_sublinear=False),
    "terms of 2 voices": replace(CHOSEN, least_voices_words=2, least_voices_characters=3),
    "C 0.5": replace(CHOSEN, inverse_regularisation=0.5),
    "C 8": replace(CHOSEN, inverse_regularisation=8.0),
    "classes not balanced": replace(CHOSEN, is_balanced=False),
    "sample at half weight": replace(CHOSEN, sample_weight=0.5),
    "sample at a fifth": replace(CHOSEN, sample_weight=0.2),
}
_SETS = (GOLD, SILVER, SAMPLE)


def compare(posts: pl.DataFrame, *, seed: int) -> str:
    """Markdown table: macro-F1 of every option by head, on gold / silver / sample posts, out of fold."""
    parts = split(posts, seed=seed)
    masked, whole = readable(posts), [normalise(text) for text in posts["text"]]
    rows = [_row(name, recipe, masked, posts, parts) for name, recipe in OPTIONS.items()]
    rows.append(_row("names not masked", CHOSEN, whole, posts, parts))
    head = "| option | " + " | ".join(LABEL_HEADS) + " | mean, gold | seconds |\n|" + "---|" * (len(LABEL_HEADS) + 3)
    return "\n".join([head, *rows]) + "\n"


def _row(name: str, recipe: Recipe, texts: list[str], posts: pl.DataFrame, parts: Split) -> str:
    member = groups(posts)
    began = time.perf_counter()
    scores = out_of_fold_scores(count_terms(texts, recipe), posts, parts.folds, recipe)
    seconds = time.perf_counter() - began
    found = labels_of({head: values[parts.learn] for head, values in scores.items()})
    cells = {head: _by_set(posts[parts.learn], found, member[parts.learn], head) for head in LABEL_HEADS}
    mean = np.mean([by_set[0] for by_set in cells.values()])
    shown = " | ".join(" / ".join(f"{value:.3f}" for value in by_set) for by_set in cells.values())
    return f"| {name} | {shown} | {mean:.3f} | {seconds:.0f} |"


def _by_set(truth: pl.DataFrame, found: pl.DataFrame, member: NDArray[np.int32], head: str) -> list[float]:
    of_set = [np.flatnonzero(truth["set"].to_numpy() == name) for name in _SETS]
    return [score_head(truth[head][r], found[head][r], member[r], head=head, seed=0)["macro_f1"] for r in of_set]


def main() -> None:
    """Print the comparison on the real data."""
    data = Settings().data
    sys.stdout.write(compare(with_events(training_posts(data, Path(sys.argv[1])), data), seed=2026))


if __name__ == "__main__":
    main()
