"""Tests on data nobody trained on. HateCheck above all: who fails it would penalise minority neighbourhoods."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from barometer.tables import LABEL_HEADS
from barometer.train.data import csv_rows
from barometer.train.events import plain
from barometer.train.scores import score_head

Predict = Callable[[list[str]], pl.DataFrame]
# Failing these would count against people for being mentioned, or for standing up to hate.
WATCHED_FUNCTIONS = ("ident_neutral_nh", "ident_pos_nh", "counter_quote_nh", "counter_ref_nh")
_VIRA_TRUST = {"0": "distrust", "1": "distrust", "2": "none", "3": "trust"}
_DIGITS = 4


def hatecheck(predict: Predict, folder: Path) -> dict[str, Any]:
    """Accuracy of hostile = hateful on HateCheck's 3,728 cases, by functionality and by group of people; test only."""
    cases = pl.DataFrame(list(csv_rows(folder / "test_suite_cases.csv")))
    is_hateful = cases["label_gold"] == "hateful"
    is_found = predict(cases["test_case"].to_list())["hostile"] == "yes"
    scored = cases.with_columns(is_hateful=is_hateful, is_right=is_found == is_hateful)
    truth = is_hateful.replace_strict({True: "yes", False: "no"}, return_dtype=pl.String)
    found = is_found.replace_strict({True: "yes", False: "no"}, return_dtype=pl.String)
    whole = score_head(truth, found, np.arange(len(truth)), head="hostile", seed=0)
    return {
        "cases": cases.height,
        "macro_f1": whole["macro_f1"],
        "accuracy": _mean(scored),
        "accuracy_hateful": _mean(scored.filter(pl.col("is_hateful"))),
        "accuracy_not_hateful": _mean(scored.filter(~pl.col("is_hateful"))),
        "by_functionality": _accuracies(scored, "functionality"),
        "by_group": _accuracies(scored.filter(pl.col("target_ident") != ""), "target_ident"),
    }


def _mean(scored: pl.DataFrame) -> float:
    return round(float(scored.select(pl.col("is_right").mean()).item()), _DIGITS)


def _accuracies(scored: pl.DataFrame, column: str) -> dict[str, dict[str, Any]]:
    parts = scored.group_by(column).agg(pl.len(), pl.col("is_right").mean().round(_DIGITS)).sort(column)
    return {name: {"cases": cases, "accuracy": share} for name, cases, share in parts.iter_rows()}


def viratrust(predict: Predict, folder: Path, learnt_from: Collection[str]) -> dict[str, Any]:
    """Trust head on VIRATrust's test turns, its four classes folded into three; turns learnt from are left out."""
    path = next(iter(sorted(folder.glob("*/data/test.csv"))), folder / "data" / "test.csv")
    rows = [(row["text"], _VIRA_TRUST[row["label"]]) for row in csv_rows(path)]
    return _scored(predict, rows, learnt_from, "trust")


def tweeteval_hate(predict: Predict, folder: Path, learnt_from: Collection[str]) -> dict[str, Any]:
    """Hostile head on TweetEval's hate test tweets (against women and migrants); tweets learnt from are left out."""
    texts = (folder / "test_text.txt").read_text(encoding="utf-8").splitlines()
    labels = (folder / "test_labels.txt").read_text(encoding="utf-8").split()
    rows = [(text, "yes" if label == "1" else "no") for text, label in zip(texts, labels, strict=True)]
    return _scored(predict, rows, learnt_from, "hostile")


def _scored(predict: Predict, rows: list[tuple[str, str]], learnt_from: Collection[str], head: str) -> dict[str, Any]:
    kept = [(text, label) for text, label in rows if plain(text) not in learnt_from]
    texts, labels = [list(part) for part in zip(*kept, strict=True)]
    found = predict(texts)[head]
    truth = pl.Series(head, labels, dtype=pl.String)
    scored = score_head(truth, found, np.arange(len(truth)), head=head, seed=0)
    classes = {name: scored["classes"][name]["f1"] for name in LABEL_HEADS[head]}
    return {**scored, "classes": classes, "left_out_as_learnt_from": len(rows) - len(kept)}
