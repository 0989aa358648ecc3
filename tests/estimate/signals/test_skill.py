"""Skill: worked cases, and what its interval promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.reliability import FEWEST_AREAS
from barometer.estimate.signals.skill import FEWEST_ORIGINS, Scores, Skill, is_tried, skill, weights


def scores(without: np.ndarray, gained: np.ndarray, *, noise: float = 0.0, expected: float = 0.0) -> Scores:
    """Of one signal: `without`, `gained` are origin x area."""
    one = np.ones((1, *without.shape))
    return Scores(one, without[None], gained[None], noise * one, expected * one)


def one(found: Skill) -> dict[str, float]:
    return {name: float(getattr(found, name)[0]) for name in found.__dataclass_fields__}


def test_skill_is_the_part_of_the_squared_error_taken_off() -> None:
    found = one(skill(scores(np.full((2, 10), 4.0), np.full((2, 10), 1.0))))
    assert found["skill"] == pytest.approx(0.25)
    assert (found["error_without"], found["error_with"]) == (pytest.approx(2.0), pytest.approx(np.sqrt(3.0)))
    assert (found["n_origins"], found["n_areas"]) == (2, 10)


def test_sampling_error_of_the_target_does_not_pass_for_error() -> None:
    """Squared errors of 4, of which 2 are the target's own: a gain of 1 is half of what could be gained."""
    found = one(skill(scores(np.full((2, 10), 4.0), np.full((2, 10), 1.0), noise=2.0)))
    assert found["skill"] == pytest.approx(0.5)


def test_a_lucky_denominator_is_held_to_what_the_filter_expects() -> None:
    found = one(skill(scores(np.full((2, 10), 2.0), np.full((2, 10), 0.1), noise=1.999, expected=1.0)))
    assert found["skill"] == pytest.approx(0.1 / 0.5)


def test_a_gain_that_is_the_same_everywhere_is_sure() -> None:
    found = one(skill(scores(np.full((3, 20), 4.0), np.full((3, 20), 1.0))))
    assert found["lower"] == pytest.approx(found["skill"])


@given(st.integers(0, 1000))
def test_the_interval_holds_the_skill(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = one(skill(scores(rng.chisquare(1, (3, 12)), rng.normal(0, 1, (3, 12)))))
    assert found["lower"] <= found["skill"] <= found["upper"]


@given(st.integers(0, 1000))
def test_the_order_of_areas_and_waves_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    without, gained = rng.chisquare(1, (3, 12)), rng.normal(0, 1, (3, 12))
    areas, waves = rng.permutation(12), rng.permutation(3)
    turned = scores(without[waves][:, areas], gained[waves][:, areas])
    for name, value in one(skill(scores(without, gained))).items():
        assert one(skill(turned))[name] == pytest.approx(value)


def test_gains_that_come_wave_by_wave_are_less_sure() -> None:
    """The same gains, once mixed over waves, once all in one wave."""
    mixed = np.tile([1.0, -0.5], (2, 20))
    waves = np.vstack([np.full(40, 1.0), np.full(40, -0.5)])
    without = np.full((2, 40), 4.0)
    width = [one(skill(scores(without, gained))) for gained in (mixed, waves)]
    assert width[0]["skill"] == pytest.approx(width[1]["skill"])
    assert width[1]["lower"] < width[0]["lower"]


def test_gains_that_come_area_by_area_are_less_sure() -> None:
    rng = np.random.default_rng(1)
    own = rng.normal(0.3, 1, 60)
    without = np.full((4, 60), 4.0)
    lasting = one(skill(scores(without, np.tile(own, (4, 1)))))
    passing = one(skill(scores(without, rng.permuted(np.tile(own, (4, 1)), axis=1))))
    assert lasting["upper"] - lasting["lower"] > 1.5 * (passing["upper"] - passing["lower"])


def test_intervals_cover_when_areas_and_waves_have_effects_of_their_own() -> None:
    rng, hits, draws = np.random.default_rng(2), 0, 400
    for _ in range(draws):
        effects = rng.normal(0, 0.5, (1, 50)) + rng.normal(0, 0.1, (8, 1)) + rng.normal(0, 1, (8, 50))
        found = one(skill(scores(np.full((8, 50), 4.0), 1.0 + effects)))
        hits += found["lower"] <= 0.25 <= found["upper"]
    assert 0.92 <= hits / draws <= 0.98


def tried(**changed: float) -> Skill:
    plain = {"skill": 0.4, "lower": 0.1, "upper": 0.7, "error_without": 1.0, "error_with": 0.8}
    sizes = {"n_origins": FEWEST_ORIGINS, "n_areas": FEWEST_AREAS}
    return Skill(**{name: np.array([value]) for name, value in (plain | sizes | changed).items()})  # type: ignore[arg-type]


def test_a_weight_is_the_part_of_the_skill_that_is_sure() -> None:
    assert weights(tried())[0] == pytest.approx(0.25)


@pytest.mark.parametrize("lower", [0.0, -0.1])
def test_no_weight_where_the_lower_bound_is_not_above_0(lower: float) -> None:
    assert weights(tried(lower=lower))[0] == 0


@pytest.mark.parametrize("short", [{"n_origins": FEWEST_ORIGINS - 1}, {"n_areas": FEWEST_AREAS - 1}])
def test_no_weight_after_too_short_a_trial(short: dict[str, int]) -> None:
    found = tried(**short)
    assert not is_tried(found)[0]
    assert weights(found)[0] == 0


def test_a_signal_that_was_never_heard_has_no_skill() -> None:
    silent = replace(scores(np.ones((2, 9)), np.ones((2, 9))), weight=np.zeros((1, 2, 9)))
    found = one(skill(silent))
    assert (found["skill"], found["lower"], found["upper"], found["n_areas"]) == (0, 0, 0, 0)
