"""The card shows every figure, says which gates failed, and names every data set with its licence."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from barometer.tables import LABEL_HEADS
from barometer.train.encoder.auxiliary import TASKS
from barometer.train.encoder.card import card, write_card
from barometer.train.encoder.recipe import Recipe
from tests.classify.made import written
from tests.train.encoder.figures import a_described_model, good_metrics, good_training


def a_card(metrics: dict[str, Any] | None = None, beside: dict[str, Any] | None = None, **recipe: Any) -> str:
    manifest = a_described_model()
    changed = manifest.model_copy(
        update={"settings": {**manifest.settings, "recipe": {**manifest.settings["recipe"], **recipe}}}
    )
    return card(metrics or good_metrics(), good_training(), changed, beside)


@pytest.mark.parametrize(
    "part", ["What it is", "Data", "Gates", "Scores", "Calibration", "Swaps", "HateCheck", "Elsewhere", "Known limits"]
)
def test_it_has_every_part_of_a_model_card(part: str) -> None:
    assert re.search(rf"^## .*{part}", a_card(), re.MULTILINE)


def test_it_names_name_and_version() -> None:
    assert a_card().startswith("# Model card: encoder\n\nVersion `abc`")


def test_every_class_of_every_head_has_a_row() -> None:
    text = a_card()
    assert all(f"| {head} | {value} |" in text for head, classes in LABEL_HEADS.items() for value in classes)


def test_every_auxiliary_set_is_named_with_its_licence_when_used() -> None:
    used, unused = a_card(auxiliary_posts=10), a_card(auxiliary_posts=0)
    for task in TASKS:
        assert f"| {task.name} | auxiliary task, training part only | {task.licence} |" in used
        assert f"| {task.name} |" not in unused


def test_a_failed_gate_is_shown_and_hostility_called_unfit() -> None:
    metrics = good_metrics()
    metrics["hatecheck"]["by_functionality"]["ident_pos_nh"]["accuracy"] = 0.7
    text = a_card(metrics)
    assert "**Hostility is not fit for publication.**" in text
    assert "| HateCheck ident_pos_nh | >= 0.95 | 0.7 | **no** |" in text


def test_met_gates_are_said_to_be() -> None:
    assert "Hostility met its gates." in a_card()


def test_the_linear_models_figures_stand_beside() -> None:
    beside = good_metrics()
    beside["hatecheck"]["by_functionality"]["slur_h"]["accuracy"] = 0.1234
    text = a_card(beside=beside)
    assert "The linear model on the same posts" in text
    assert "| slur_h | 100 | 0.97 | 0.1234 |" in text
    assert "The linear model on the same posts" not in a_card()


def test_all_rows_of_a_table_have_as_many_cells() -> None:
    for table in re.findall(r"(?:^\|.*\|\n)+", a_card(beside=good_metrics()), re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_it_tells_the_base_and_the_run_it_went_on_from() -> None:
    manifest = a_described_model()
    before = {"seed": 7, "recipe": {**manifest.settings["recipe"], "main_epochs": 5}}
    went_on = manifest.model_copy(update={"settings": {**manifest.settings, "went_on_from": before}})
    assert "Base: tiny.\n" in a_card()
    told = card(good_metrics(), good_training(), went_on, None)
    assert "went on from an earlier run (seed 7)" in told
    assert "5 main epochs" in told


def some_folds() -> dict[str, Any]:
    dev = good_metrics()["dev"]
    return {
        "base": "minilm-l6",
        "folds": 3,
        "recipe": {"main_epochs": 4},
        "posts": {"gold": 700, "sample": 950},
        "heads": dev,
        "by_length": good_metrics()["dev_by_length"],
        "by_fold": {head: [0.812, 0.823, 0.834] for head in LABEL_HEADS},
    }


def test_figures_out_of_fold_are_told_as_those_of_a_recipe_without_a_teacher() -> None:
    beside = good_metrics()["dev"]
    text = card(good_metrics(), good_training(), a_described_model(), None, folds=some_folds(), folds_beside=beside)
    part = text.split("## Cross-validated")[1].split("\n## ")[0]
    assert "The linear model, out of the same folds" in part
    assert "without its teacher" in part
    assert "700 gold, 950 sample posts" in part
    assert "| trust | 0.812 | 0.823 | 0.834 |" in part
    assert all(f"| {head} | {value} |" in part for head, classes in LABEL_HEADS.items() for value in classes)


def test_a_model_that_was_not_cross_validated_says_so() -> None:
    assert "It was not cross-validated" in a_card()


@pytest.mark.parametrize("has_folds", [True, False])
def test_the_card_takes_up_stored_folds(tmp_path: Path, has_folds: bool) -> None:
    written(tmp_path, "tried", recipe={**vars(Recipe())}, teacher=None, base="tiny", went_on_from=None)
    (tmp_path / "tried" / "training.json").write_text(json.dumps(good_training()), encoding="utf-8")
    (tmp_path / "tried" / "evaluation.json").write_text(json.dumps(good_metrics()), encoding="utf-8")
    if has_folds:
        (tmp_path / "tried" / "folds.json").write_text(json.dumps(some_folds()), encoding="utf-8")
    write_card(tmp_path / "tried")
    told = (tmp_path / "tried" / "card.md").read_text(encoding="utf-8")
    assert ("trained anew 3 times" in told) is has_folds


def test_a_card_is_written_from_stored_figures(tmp_path: Path) -> None:
    written(tmp_path, "tried", recipe={**vars(Recipe())}, teacher=None, base="tiny", went_on_from=None)
    (tmp_path / "tried" / "training.json").write_text(json.dumps(good_training()), encoding="utf-8")
    (tmp_path / "tried" / "evaluation.json").write_text(json.dumps(good_metrics()), encoding="utf-8")
    write_card(tmp_path / "tried")
    assert (tmp_path / "tried" / "card.md").read_text(encoding="utf-8").startswith("# Model card: tried")
