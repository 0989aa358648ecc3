"""A model is put in use only when it meets its gates, and the reasons are said when it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.model import PROMOTED, PROMOTION, load_model
from barometer.errors import BadInput
from barometer.train.encoder.gates import FLOORS, gates, promote
from tests.classify.made import written
from tests.train.encoder.figures import good_metrics, good_training


def a_model_with(models: Path, metrics: dict[str, Any], training: dict[str, Any]) -> None:
    """A linear model stands in: promotion looks at figures, not at kinds."""
    written(models, "tried")
    (models / "tried" / "evaluation.json").write_text(json.dumps(metrics), encoding="utf-8")
    (models / "tried" / "training.json").write_text(json.dumps(training), encoding="utf-8")


def test_a_model_that_meets_all_gates_is_put_in_use(tmp_path: Path) -> None:
    a_model_with(tmp_path, good_metrics(), good_training())
    assert promote("tried", tmp_path) == ()
    assert load_model(PROMOTED, tmp_path).name == "tried"
    record = json.loads((tmp_path / PROMOTION).read_text(encoding="utf-8"))
    assert record["not_fit_for_publication"] == {}


@pytest.mark.parametrize("head", ["trust", "target", "rumour"])
def test_a_head_below_its_floor_stops_the_model(tmp_path: Path, head: str) -> None:
    metrics = good_metrics()
    metrics["dev"][head]["all"]["macro_f1"] = FLOORS[head] - 0.001
    a_model_with(tmp_path, metrics, good_training())
    with pytest.raises(BadInput, match=f"dev macro-F1, {head}"):
        promote("tried", tmp_path)
    assert not (tmp_path / PROMOTION).exists()


def test_hostility_below_its_floor_is_kept_unpublished(tmp_path: Path) -> None:
    metrics = good_metrics()
    metrics["dev"]["hostile"]["all"]["macro_f1"] = 0.799
    a_model_with(tmp_path, metrics, good_training())
    assert promote("tried", tmp_path) == ("hostile",)


@pytest.mark.parametrize("head", ["trust", "rumour"])
def test_labels_that_move_with_a_name_stop_the_model(tmp_path: Path, head: str) -> None:
    metrics = good_metrics()
    metrics["swaps"]["listed"][head] = 0.021
    a_model_with(tmp_path, metrics, good_training())
    with pytest.raises(BadInput, match=f"flip with a listed name, {head}"):
        promote("tried", tmp_path)


def test_an_int8_network_that_lost_too_much_stops_the_model(tmp_path: Path) -> None:
    training = good_training()
    training["precision"]["points_lost"]["rumour"] = 1.01
    a_model_with(tmp_path, good_metrics(), training)
    with pytest.raises(BadInput, match="lost to int8, rumour"):
        promote("tried", tmp_path)


def test_every_reason_is_said_at_once(tmp_path: Path) -> None:
    metrics, training = good_metrics(), good_training()
    metrics["dev"]["trust"]["all"]["macro_f1"] = 0.5
    training["precision"]["points_lost"]["target"] = 3.0
    a_model_with(tmp_path, metrics, training)
    with pytest.raises(BadInput, match=r"trust is 0\.5.*target is 3\.0"):
        promote("tried", tmp_path)


@pytest.mark.parametrize(
    ("function", "accuracy"),
    [("ident_neutral_nh", 0.949), ("ident_pos_nh", 0.5), ("counter_quote_nh", 0.79), ("counter_ref_nh", 0.0)],
)
def test_failed_hatecheck_gates_only_keep_hostility_unpublished(tmp_path: Path, function: str, accuracy: float) -> None:
    metrics = good_metrics()
    metrics["hatecheck"]["by_functionality"][function]["accuracy"] = accuracy
    a_model_with(tmp_path, metrics, good_training())
    assert promote("tried", tmp_path) == ("hostile",)
    record = json.loads((tmp_path / PROMOTION).read_text(encoding="utf-8"))
    assert any(function in reason for reason in record["not_fit_for_publication"]["hostile"])


def test_a_group_far_below_the_mean_keeps_hostility_unpublished(tmp_path: Path) -> None:
    metrics = good_metrics()
    metrics["hatecheck"]["by_group"]["women"]["accuracy"] = 0.8
    a_model_with(tmp_path, metrics, good_training())
    assert promote("tried", tmp_path) == ("hostile",)


def test_other_functionalities_are_no_gates() -> None:
    metrics = good_metrics()
    metrics["hatecheck"]["by_functionality"]["slur_h"]["accuracy"] = 0.0
    assert all(gate.is_met for gate in gates(metrics, good_training()))


@given(st.floats(0, 1), st.sampled_from(sorted(FLOORS)))
def test_a_floor_is_met_exactly_from_its_value_on(score: float, head: str) -> None:
    metrics = good_metrics()
    metrics["dev"][head]["all"]["macro_f1"] = score
    found = {gate.what: gate.is_met for gate in gates(metrics, good_training())}
    assert found[f"dev macro-F1, {head}"] is (score >= FLOORS[head])


def test_a_model_without_figures_is_refused_with_what_to_do(tmp_path: Path) -> None:
    written(tmp_path, "tried")
    with pytest.raises(BadInput, match="barometer evaluate --write"):
        promote("tried", tmp_path)


def test_a_model_without_training_figures_is_refused(tmp_path: Path) -> None:
    a_model_with(tmp_path, good_metrics(), good_training())
    (tmp_path / "tried" / "training.json").unlink()
    with pytest.raises(BadInput, match=r"training\.json"):
        promote("tried", tmp_path)
