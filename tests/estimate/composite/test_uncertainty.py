"""The design and the Sobol indices against functions whose indices are known."""

from __future__ import annotations

import numpy as np
import pytest
from SALib.sample import sobol

from barometer.errors import BadConfiguration
from barometer.estimate.composite import Alternatives, Composite
from barometer.estimate.composite.index import Published, Recipe, fit, fit_weights, grow
from barometer.estimate.composite.uncertainty import Runs, mean_rank_shift, run_design, sensitivity

SAMPLES = 1024


def _design(names: tuple[str, ...]) -> tuple[Runs, np.ndarray]:
    problem = {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}
    inputs = sobol.sample(problem, SAMPLES, calc_second_order=False, seed=1)
    empty = np.empty((len(inputs), 1, 1))
    return Runs(empty, names, empty), inputs


def _by_assumption(runs: Runs, output: np.ndarray, column: str) -> dict[str, float]:
    found = sensitivity(runs, {"y": output}, seed=1)
    return dict(found.select("assumption", column).iter_rows())


def test_an_additive_function_has_the_indices_of_its_variances() -> None:
    """Y = a + 2b: variances 1:4, nothing shared."""
    runs, inputs = _design(("a", "b"))
    output = inputs[:, 0] + 2 * inputs[:, 1]
    for column in ("first_order", "total"):
        assert _by_assumption(runs, output, column) == pytest.approx({"a": 0.2, "b": 0.8}, abs=0.02)


def test_a_product_has_a_share_that_belongs_to_both() -> None:
    """Y = a·b of uniforms: V = 7/144; each alone 1/48 of it (3/7), together 1/7 more in either total."""
    runs, inputs = _design(("a", "b"))
    output = inputs[:, 0] * inputs[:, 1]
    assert _by_assumption(runs, output, "first_order") == pytest.approx({"a": 3 / 7, "b": 3 / 7}, abs=0.03)
    assert _by_assumption(runs, output, "total") == pytest.approx({"a": 4 / 7, "b": 4 / 7}, abs=0.03)


def test_what_does_nothing_has_no_index() -> None:
    runs, inputs = _design(("a", "idle"))
    assert _by_assumption(runs, inputs[:, 0], "total")["idle"] == pytest.approx(0, abs=1e-12)


def test_the_half_width_holds_the_truth_and_shrinks_with_more_runs() -> None:
    runs, inputs = _design(("a", "b"))
    found = sensitivity(runs, {"y": inputs[:, 0] + 2 * inputs[:, 1]}, seed=1).filter(assumption="b").row(0, named=True)
    assert abs(found["total"] - 0.8) <= found["total_confidence"] < 0.1


def test_an_output_that_never_varies_has_null_indices() -> None:
    runs, inputs = _design(("a", "b"))
    found = sensitivity(runs, {"still": np.ones(len(inputs))}, seed=1)
    assert found["assumption"].to_list() == ["a", "b"]
    assert found["total"].null_count() == 2


def test_the_independent_runs_are_the_two_base_matrices() -> None:
    runs, inputs = _design(("a", "b"))
    labelled = Runs(inputs[:, :1, None], ("a", "b"), runs.sampled)
    base = labelled.independent[:, 0, 0]
    assert len(base) == 2 * SAMPLES
    assert base[:SAMPLES].tolist() == inputs[::4, 0].tolist()
    assert base[SAMPLES:].tolist() == inputs[3::4, 0].tolist()


def test_mean_rank_shift_by_hand() -> None:
    published = np.array([30.0, 20.0, 10.0])
    swapped = np.array([[30.0, 20.0, 10.0], [20.0, 30.0, 10.0], [10.0, 20.0, 30.0]])
    assert mean_rank_shift(swapped, published) == pytest.approx([0, 2 / 3, 4 / 3])


def _published(errors: float, alternatives: Alternatives) -> Published:
    composite = Composite.model_validate(
        {"id": "index", "treatment": "none", "parts": ({"id": "a"}, {"id": "b"}), "alternatives": alternatives}
    )
    values = np.random.default_rng(2).normal(size=(8, 2))
    recipe = Recipe("none", "min_max", None)
    fitted = fit(values, recipe, grow(composite, frozenset({"a", "b"})), composite)
    parts = fitted.score_parts(values)
    weights = fit_weights(fitted, parts, "given")
    scores = fitted.score_groups(parts, weights)
    return Published(values, np.full((8, 2), errors), composite, recipe, fitted, weights, scores)


ONLY_WEIGHTS = Alternatives(normalisation=(), aggregation=())


def test_only_what_can_vary_is_an_assumption() -> None:
    runs = run_design(_published(0.0, ONLY_WEIGHTS), samples=4, error_correlation=0, seed=1)
    assert runs.assumptions == ("weights",)
    assert runs.scores.shape == (4 * 3, 8, 1)


def test_errors_and_every_alternative_are_assumptions() -> None:
    alternatives = Alternatives(normalisation=("rank",), aggregation=("harmonic",), treatment=("winsorise",))
    runs = run_design(_published(0.1, alternatives), samples=4, error_correlation=0, seed=1)
    assert runs.assumptions == ("errors", "weights", "treatment", "normalisation", "aggregation")


def test_the_method_chosen_is_no_alternative_to_itself() -> None:
    runs = run_design(
        _published(0.0, Alternatives(normalisation=("min_max",), aggregation=("arithmetic",))),
        samples=4,
        error_correlation=0,
        seed=1,
    )
    assert runs.assumptions == ("weights",)


def test_another_recipe_has_the_published_mean_and_spread() -> None:
    """Only the places of the units may differ, not the level of the whole."""
    alternatives = Alternatives(normalisation=(), aggregation=("geometric",), weight_noise=1e-9)
    published = _published(0.0, alternatives)
    runs = run_design(published, samples=8, error_correlation=0, seed=1)
    index = runs.scores[..., 0]
    assert index.mean(axis=1) == pytest.approx(np.full(len(index), published.scores.mean()), abs=1e-6)
    assert index.std(axis=1) == pytest.approx(np.full(len(index), published.scores.std()), abs=1e-6)
    assert len(np.unique(np.round(index[:, 0], 4))) == 2


def test_the_same_seed_gives_the_same_runs_and_another_does_not() -> None:
    published = _published(0.3, Alternatives())
    first, again, other = (
        run_design(published, samples=8, error_correlation=0, seed=seed).scores for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("samples", [0, 1, 3, 100])
def test_samples_must_be_a_power_of_two(samples: int) -> None:
    with pytest.raises(BadConfiguration, match="power of two"):
        run_design(_published(0.0, ONLY_WEIGHTS), samples=samples, error_correlation=0, seed=1)
