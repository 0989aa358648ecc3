"""Cross-validation of the encoder's recipe: every post judged once, by a network that knows nothing of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barometer.tables import LABEL_HEADS
from barometer.train.encoder.corpus import read_corpus
from barometer.train.encoder.recipe import Recipe
from tests.train.encoder.tiny import ANNOTATED_NAME, a_full_data_folder, a_tiny_base

torch = pytest.importorskip(
    "torch", reason="training needs torch: `make training-tests` runs these tests, before all others"
)

from barometer.train.encoder import folds  # noqa: E402
from barometer.train.encoder.run import Order  # noqa: E402

RECIPE = Recipe(broad_epochs=0, main_epochs=2, taught_posts=0, learning_rate=3e-3, head_rate=2e-2, mention_posts=8)

Told = tuple[dict[str, Any], list[str]]


@pytest.fixture(scope="module")
def validate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Told]:
    """Runs the folds in a folder that stays; returns the figures and what was said on the way."""
    torch.set_num_threads(1)
    top = tmp_path_factory.mktemp("folds")
    data, sample = a_full_data_folder(top)
    order = Order(
        base=str(a_tiny_base(top / "tiny")),
        teacher=None,
        work=top / "work",
        recipe=RECIPE,
        seed=3,
        annotated=data / ANNOTATED_NAME,
    )

    def run() -> Told:
        lines: list[str] = []
        return folds.cross_validate(data=data, sample=sample, order=order, say=lines.append), lines

    return run


@pytest.fixture(scope="module")
def told(validate: Callable[[], Told]) -> Told:
    return validate()


def test_every_post_that_may_be_learnt_from_is_judged_once(told: Told, tmp_path: Path) -> None:
    figures, lines = told
    data, sample = a_full_data_folder(tmp_path)
    corpus = read_corpus(data, sample, cache=tmp_path, annotated=data / ANNOTATED_NAME)
    assert sum(figures["posts"].values()) == len(corpus.parts.learn)
    assert all(figures["heads"][head]["all"]["posts"] == len(corpus.parts.learn) for head in LABEL_HEADS)
    assert sum("kept back" in line for line in lines) == folds.FOLDS


def test_the_figures_are_told_by_fold_length_and_source(told: Told) -> None:
    figures, _ = told
    assert {head: len(values) for head, values in figures["by_fold"].items()} == dict.fromkeys(LABEL_HEADS, folds.FOLDS)
    for head in LABEL_HEADS:
        scored = figures["heads"][head]
        assert scored["all"]["lower"] <= scored["all"]["macro_f1"] <= scored["all"]["upper"]
        assert sum(part["posts"] for part in scored["by_source"].values()) == scored["all"]["posts"]
        assert sum(part["posts"] for part in figures["by_length"][head].values()) == scored["all"]["posts"]


def test_it_learns_what_the_made_up_posts_tell(told: Told) -> None:
    assert told[0]["heads"]["trust"]["all"]["macro_f1"] > 0.5


def test_a_finished_run_is_told_again_without_training(told: Told, validate: Callable[[], Told]) -> None:
    figures, lines = validate()
    assert figures == told[0]
    assert sum(line.startswith("going on after epoch 2") for line in lines) == folds.FOLDS
    assert not [line for line in lines if "validation" in line]


def test_the_figures_are_stored_where_the_card_looks(told: Told, tmp_path: Path) -> None:
    folds.write_folds(tmp_path, told[0])
    assert json.loads((tmp_path / "folds.json").read_text("utf-8")) == told[0]


def test_folds_keep_different_posts_back_and_never_dev_posts(tmp_path: Path) -> None:
    data, sample = a_full_data_folder(tmp_path)
    corpora = [
        read_corpus(data, sample, cache=tmp_path, annotated=data / ANNOTATED_NAME, fold=fold)
        for fold in range(folds.FOLDS)
    ]
    kept_back = np.concatenate([corpus.validation for corpus in corpora])
    assert sorted(kept_back.tolist()) == sorted(corpora[0].parts.learn.tolist())
    for corpus in corpora:
        assert not set(corpus.member[corpus.learn].tolist()) & set(corpus.member[corpus.validation].tolist())
        assert not set(corpus.learn.tolist()) & set(corpus.parts.held_out.tolist())
