"""One way to make an index: fitted once, applied to any draw; weights of each scheme; ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from barometer.estimate.composite import Composite
from barometer.estimate.composite.recipe import Fitted, Recipe, fit, fit_weights, ranks_of
from barometer.estimate.composite.tree import grow

VALUES = np.array([[0.0, 10.0, 1.0], [5.0, 30.0, 4.0], [10.0, 20.0, 3.0]])


def _composite(**choices: Any) -> Composite:
    people = {
        "id": "people",
        "weight": 3,
        "points": (9,),
        "parts": ({"id": "a", "points": (1,)}, {"id": "b", "points": (3,)}),
    }
    return Composite.model_validate({"id": "index", "parts": (people, {"id": "c", "points": (1,)})} | choices)


def _fitted(composite: Composite, recipe: Recipe) -> Fitted:
    return fit(VALUES, recipe, grow(composite, frozenset({"a", "b", "c"})), composite)


PLAIN = Recipe("none", "min_max", None)


def test_scores_of_parts_then_groups_by_hand() -> None:
    composite = _composite()
    fitted = _fitted(composite, PLAIN)
    parts = fitted.score_parts(VALUES)
    assert parts == pytest.approx(np.array([[0, 0, 0], [50, 100, 100], [100, 50, 200 / 3]]))
    groups = fitted.score_groups(parts, fitted.tree.weights)
    assert groups[:, 0] == pytest.approx([0, 75, 75])
    assert groups[:, 1] == pytest.approx([0, (3 * 75 + 100) / 4, (3 * 75 + 200 / 3) / 4])


def test_a_recipe_s_aggregation_goes_before_the_composite_s() -> None:
    assert _fitted(_composite(), PLAIN).aggregations == ("arithmetic", "arithmetic")
    assert _fitted(_composite(), Recipe("none", "min_max", "harmonic")).aggregations == ("harmonic", "harmonic")


def test_a_group_s_own_aggregation_goes_before_the_composite_s() -> None:
    group = {"id": "g", "aggregation": "copeland", "parts": ({"id": "a"}, {"id": "b"})}
    composite = Composite.model_validate({"id": "index", "parts": (group, {"id": "c"})})
    assert _fitted(composite, PLAIN).aggregations == ("copeland", "arithmetic")


@pytest.mark.parametrize(
    ("weighting", "expected"),
    [("given", [1, 1, 1, 3]), ("equal", [0.5, 0.5, 0.5, 0.5]), ("budget", [0.25, 0.75, 0.1, 0.9])],
)
def test_weights_of_each_scheme(weighting: str, expected: list[float]) -> None:
    composite = _composite(weighting=weighting)
    fitted = _fitted(composite, PLAIN)
    weights = fit_weights(fitted, fitted.score_parts(VALUES), composite.weighting)
    assert weights[:4] == pytest.approx(expected)


def test_principal_component_weights_add_up_to_one_within_each_group() -> None:
    composite = _composite(weighting="pca")
    fitted = _fitted(composite, PLAIN)
    weights = fit_weights(fitted, fitted.score_parts(VALUES), "pca")
    for node in fitted.tree.nodes:
        assert weights[list(node.children)].sum() == pytest.approx(1)


def test_many_draws_are_scored_at_once() -> None:
    fitted = _fitted(_composite(), PLAIN)
    draws = np.stack([VALUES, VALUES + 1])
    weights = np.tile(fitted.tree.weights, (2, 1))
    together = fitted.score_groups(fitted.score_parts(draws), weights)
    alone = fitted.score_groups(fitted.score_parts(VALUES + 1), fitted.tree.weights)
    assert together[1] == pytest.approx(alone)


def test_goalposts_are_not_moved_by_a_treatment() -> None:
    """Outliers beyond a goalpost score as the goalpost; winsorising them first would shift everyone below."""
    heavy = np.array([*range(1, 21), 100.0, 200.0])[:, None]
    composite = Composite.model_validate(
        {"id": "index", "normalisation": "goalposts", "parts": ({"id": "a", "goalposts": (0, 150)},)}
    )
    recipe = Recipe("winsorise_log", "goalposts", None)
    fitted = fit(heavy, recipe, grow(composite, frozenset({"a"})), composite)
    assert fitted.treated[0].kind == "none"
    assert fitted.score_parts(heavy)[-3:, 0] == pytest.approx([20 / 1.5, 100 / 1.5, 100])


def test_a_treated_part_is_normalised_as_treated() -> None:
    heavy = np.array([*range(1, 21), 100.0, 200.0])[:, None]
    composite = Composite.model_validate({"id": "index", "maximum_winsorised": 1, "parts": ({"id": "a"},)})
    recipe = Recipe("winsorise_log", "min_max", None)
    fitted = fit(heavy, recipe, grow(composite, frozenset({"a"})), composite)
    assert fitted.treated[0].kind == "log"
    logged = np.log(heavy[:, 0] - 1 + 1.99)
    expected = 100 * (logged - logged.min()) / np.ptp(logged)
    assert fitted.score_parts(heavy)[:, 0] == pytest.approx(expected)


def test_ranks_by_hand() -> None:
    scores = np.array([[10.0], [30.0], [np.nan], [30.0]])
    assert ranks_of(scores)[:, 0].tolist() == pytest.approx([3, 1, np.nan, 1], nan_ok=True)
