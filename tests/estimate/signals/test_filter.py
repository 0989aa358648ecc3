"""The filter against the normal distribution it is a short cut through: all written out and conditioned at once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.estimate.signals.filter import (
    Measurement,
    State,
    Step,
    advance,
    level,
    log_likelihood,
    start,
    update,
)

BETWEEN, LASTING, WEEKLY = 0.4, 0.3, 0.05
PRECISION = np.array([0.01, 2.0, 5.0])
FLAT = 1e8


@dataclass
class Written:
    """A joint normal of named sources, and measurements as rows of weights on them: no filter, no recursion."""

    areas: int
    variances: dict[str, float] = field(default_factory=dict)
    rows: list[dict[str, float]] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    noise: list[float] = field(default_factory=list)
    weeks: int = 0

    def level(self, area: int, line: np.ndarray) -> dict[str, float]:
        parts = {f"c{number}": float(weight) for number, weight in enumerate(line[area])}
        parts |= {f"start{area}": 1.0} | {f"step{area}-{week}": 1.0 for week in range(self.weeks)}
        return parts

    def walk(self) -> None:
        self.variances |= {f"step{area}-{self.weeks}": WEEKLY for area in range(self.areas)}
        self.weeks += 1

    def measure(self, area: int, row: dict[str, float], value: float, noise: float) -> None:
        self.rows.append(row)
        self.values.append(value)
        self.noise.append(noise)

    def matrix(self, rows: list[dict[str, float]]) -> np.ndarray:
        return np.array([[row.get(name, 0.0) for name in self.variances] for row in rows])

    def given(self, rows: list[dict[str, float]]) -> tuple[np.ndarray, np.ndarray]:
        """Conditional mean and variance of some sums of sources, given all that was measured."""
        prior, seen, asked = np.diag(list(self.variances.values())), self.matrix(self.rows), self.matrix(rows)
        inner = np.linalg.inv(seen @ prior @ seen.T + np.diag(self.noise))
        gain = asked @ prior @ seen.T @ inner
        posterior = asked @ prior @ asked.T - gain @ seen @ prior @ asked.T
        return gain @ np.array(self.values), np.diag(posterior)

    def log_density(self) -> float:
        prior, seen = np.diag(list(self.variances.values())), self.matrix(self.rows)
        covariance, values = seen @ prior @ seen.T + np.diag(self.noise), np.array(self.values)
        return float(-0.5 * (np.linalg.slogdet(covariance)[1] + values @ np.linalg.solve(covariance, values)))


def written(areas: int) -> Written:
    made = Written(areas)
    made.variances = {f"c{number}": 1 / one for number, one in enumerate(PRECISION)}
    made.variances |= {f"start{area}": BETWEEN for area in range(areas)}
    made.variances |= {f"bias{area}": LASTING for area in range(areas)}
    return made


def begun(areas: int) -> State:
    variances = np.broadcast_to(np.array([BETWEEN, LASTING]), (1, areas, 2)).copy()
    return start(variances, precision=PRECISION[None])


def line_of(rng: np.random.Generator, areas: int, waves: int) -> np.ndarray:
    """Area x coefficient: level, a covariate, and the city's step at the second wave."""
    return np.column_stack([np.ones(areas), np.arange(areas) - areas / 2, np.full(areas, float(waves > 1))])


def measure_both(
    truth: Written, state: State, rng: np.random.Generator, *, line: np.ndarray, kind: str, weeks: float = 0.0
) -> None:
    """One and the same measurement into the filter and into the written-out normal; some areas have none."""
    value, noise = rng.normal(0, 1, truth.areas), rng.uniform(0.1, 0.5, truth.areas)
    absent = rng.random(truth.areas) < 0.3
    shown = np.where(absent, np.nan, value)[None]
    slope = 0.7
    loading = np.array([[1.0, 0.0]]) if kind == "survey" else np.array([[slope, 1.0]])
    seen = Measurement(shown, noise[None], loading, line, is_relative=kind == "relative")
    advance(state, Step(weeks, (seen,)), weekly_variance=WEEKLY)
    storm = f"storm{len(truth.values)}"
    if kind == "relative":
        truth.variances[storm] = FLAT
    for area in np.flatnonzero(~absent):
        row = truth.level(area, line)
        if kind != "survey":
            row = {name: slope * weight for name, weight in row.items()} | {f"bias{area}": 1.0}
        if kind == "relative":
            row[storm] = 1.0
        truth.measure(area, row, float(value[area]), float(noise[area]))


def both(seed: int, areas: int, kinds: list[str]) -> tuple[Written, State, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth, state, waves = written(areas), begun(areas), 0
    line = line_of(rng, areas, 1)
    for number, kind in enumerate(kinds):
        if number:
            truth.walk()
        waves += kind == "survey"
        line = line_of(rng, areas, waves)
        measure_both(truth, state, rng, line=line, kind=kind, weeks=float(number > 0))
    return truth, state, line


@pytest.mark.parametrize("seed", range(4))
def test_levels_are_those_of_the_joint_normal(seed: int) -> None:
    truth, state, line = both(seed, 3, ["survey", "absolute", "survey", "absolute", "absolute"])
    mean, variance = level(state, line)
    expected, spread = truth.given([truth.level(area, line) for area in range(3)])
    np.testing.assert_allclose(mean[0], expected, atol=1e-9)
    np.testing.assert_allclose(variance[0], spread, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_a_relative_measurement_is_exact_when_it_comes_last(seed: int) -> None:
    """An unknown level of the whole measurement, of any size, is as good as integrated out."""
    truth, state, line = both(seed, 6, ["survey", "relative"])
    mean, variance = level(state, line)
    expected, spread = truth.given([truth.level(area, line) for area in range(6)])
    np.testing.assert_allclose(mean[0], expected, atol=1e-5)
    np.testing.assert_allclose(variance[0], spread, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_many_relative_measurements_stay_near_the_joint_normal(seed: int) -> None:
    """The covariances left out are of the order of one over the areas."""
    truth, state, line = both(seed, 40, ["survey", *["relative"] * 6, "survey", *["relative"] * 4])
    mean, variance = level(state, line)
    expected, spread = truth.given([truth.level(area, line) for area in range(40)])
    assert np.abs((mean[0] - expected) / np.sqrt(spread)).max() < 0.25
    np.testing.assert_allclose(np.sqrt(variance[0] / spread), 1.0, atol=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_the_likelihood_is_the_density_of_what_was_measured(seed: int) -> None:
    truth, state, _ = both(seed, 3, ["survey", "absolute", "survey"])
    np.testing.assert_allclose(log_likelihood(state, PRECISION[None])[0], truth.log_density(), atol=1e-8)


def test_a_shift_of_a_whole_relative_measurement_changes_nothing() -> None:
    def shifted(by: float) -> np.ndarray:
        rng = np.random.default_rng(7)
        state = begun(5)
        line = line_of(rng, 5, 1)
        value = rng.normal(0, 1, (1, 5))
        update(state, Measurement(value, np.full((1, 5), 0.2), np.array([[1.0, 0.0]]), line))
        seen = Measurement(value[:, ::-1] + by, np.full((1, 5), 0.2), np.array([[1.0, 1.0]]), line, is_relative=True)
        update(state, seen)
        return level(state, line)[0]

    np.testing.assert_allclose(shifted(0.0), shifted(100.0), atol=1e-9)


def test_a_relative_measurement_of_one_area_tells_nothing() -> None:
    rng = np.random.default_rng(1)
    line, state = line_of(rng, 4, 1), begun(4)
    before = level(state, line)
    alone = np.array([[np.nan, 3.0, np.nan, np.nan]])
    update(state, Measurement(alone, np.full((1, 4), 0.2), np.array([[1.0, 1.0]]), line, is_relative=True))
    for one, other in zip(before, level(state, line), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_where_nothing_was_measured_nothing_is_learned() -> None:
    rng = np.random.default_rng(1)
    line, state = line_of(rng, 4, 1), begun(4)
    nothing = Measurement(np.full((1, 4), np.nan), np.full((1, 4), np.nan), np.array([[1.0, 0.0]]), line)
    before = level(state, line)
    update(state, nothing)
    for one, other in zip(before, level(state, line), strict=True):
        np.testing.assert_array_equal(one, other)
    assert state.deviance[0] == 0


def test_a_walk_adds_its_variance_to_every_area() -> None:
    line, state = line_of(np.random.default_rng(1), 4, 1), begun(4)
    before = level(state, line)[1]
    advance(state, Step(3.0, ()), weekly_variance=WEEKLY)
    np.testing.assert_allclose(level(state, line)[1] - before, 3 * WEEKLY)


def test_runs_do_not_touch_one_another() -> None:
    """Two runs side by side are the two alone, each with a walk of its own."""
    rng = np.random.default_rng(3)
    line, value = line_of(rng, 5, 1), rng.normal(0, 1, (2, 5))
    slopes, walks = np.array([[0.5, 1.0], [1.5, 1.0]]), np.array([0.01, 0.2])

    def led(runs: list[int]) -> tuple[np.ndarray, np.ndarray]:
        variances = np.broadcast_to(np.array([BETWEEN, LASTING]), (len(runs), 5, 2)).copy()
        state = start(variances, precision=np.tile(PRECISION, (len(runs), 1)))
        for _ in range(3):
            seen = Measurement(value[runs], np.full((len(runs), 5), 0.3), slopes[runs], line, is_relative=True)
            advance(state, Step(1.0, (seen,)), weekly_variance=walks[runs])
        return level(state, line)

    together = led([0, 1])
    for run in (0, 1):
        for one, other in zip(led([run]), together, strict=True):
            np.testing.assert_allclose(one[0], other[run], atol=1e-12)


@given(
    st.lists(st.sampled_from(["survey", "absolute"]), min_size=1, max_size=5),
    st.integers(1, 4),
    st.integers(0, 10_000),
)
@settings(max_examples=40, deadline=None)
def test_any_course_agrees_with_the_joint_normal(kinds: list[str], areas: int, seed: int) -> None:
    """Any order of surveys and signals, any areas without a value: means, variances and likelihood."""
    truth, state, line = both(seed, areas, kinds)
    if not truth.values:
        assert state.deviance[0] == 0
        return
    mean, variance = level(state, line)
    expected, spread = truth.given([truth.level(area, line) for area in range(areas)])
    np.testing.assert_allclose(mean[0], expected, atol=1e-7)
    np.testing.assert_allclose(variance[0], spread, atol=1e-7)
    np.testing.assert_allclose(log_likelihood(state, PRECISION[None])[0], truth.log_density(), atol=1e-7)


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=30, deadline=None)
def test_measuring_never_adds_doubt(seed: int, is_relative: bool) -> None:
    """Not to the level given the city's line, nor to a bias; and variances stay above 0."""
    rng = np.random.default_rng(seed)
    line, state = line_of(rng, 6, 1), begun(6)
    before = state.covariance.copy()
    value = np.where(rng.random((1, 6)) < 0.3, np.nan, rng.normal(0, 1, (1, 6)))
    seen = Measurement(value, rng.uniform(0.01, 2, (1, 6)), np.array([[rng.normal(), 1.0]]), line, is_relative)
    update(state, seen)
    after = state.covariance
    assert (np.diagonal(after, axis1=2, axis2=3) <= np.diagonal(before, axis1=2, axis2=3) + 1e-12).all()
    assert (np.linalg.eigvalsh(after) > 0).all()


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_areas_may_stand_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    line, order = line_of(rng, 7, 1), rng.permutation(7)
    value, noise = rng.normal(0, 1, (2, 7)), rng.uniform(0.1, 1, (2, 7))
    loading = np.array([[0.7, 1.0]])

    def led(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        state = begun(7)
        update(state, Measurement(value[:1, at], noise[:1, at], np.array([[1.0, 0.0]]), line[at]))
        update(state, Measurement(value[1:, at], noise[1:, at], loading, line[at], is_relative=True))
        return level(state, line[at])

    for one, other in zip(led(np.arange(7)), led(order), strict=True):
        np.testing.assert_allclose(one[:, order], other, atol=1e-9)
