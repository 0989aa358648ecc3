"""Parts on one scale: each method by hand, and what all have in common."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from barometer.errors import BadInput
from barometer.estimate.composite.normalise import fit_normaliser
from barometer.estimate.composite.structure import Normalisation

GAP = np.nan
COLUMN = np.array([[2.0], [4.0], [GAP], [10.0]])
UP, DOWN = np.array([1.0]), np.array([-1.0])
METHODS: list[Normalisation] = ["min_max", "z_score", "rank", "percentile_rank", "goalposts", "distance_to_max"]


def _scores(method: Normalisation, signs: np.ndarray = UP, values: np.ndarray = COLUMN) -> list[float]:
    posts = np.array([[0.0], [8.0]])
    return fit_normaliser(values, method, signs=signs, goalposts=posts).apply(values)[:, 0].tolist()


@pytest.mark.parametrize(
    ("method", "signs", "expected"),
    [
        ("min_max", UP, [0, 25, GAP, 100]),
        ("min_max", DOWN, [100, 75, GAP, 0]),
        ("rank", UP, [1, 2, GAP, 3]),
        ("rank", DOWN, [3, 2, GAP, 1]),
        ("percentile_rank", UP, [0, 50, GAP, 100]),
        ("percentile_rank", DOWN, [100, 50, GAP, 0]),
        ("goalposts", UP, [25, 50, GAP, 100]),
        ("goalposts", DOWN, [75, 50, GAP, 0]),
        ("distance_to_max", UP, [20, 40, GAP, 100]),
        ("distance_to_max", DOWN, [100, 50, GAP, 20]),
    ],
)
def test_by_hand(method: Normalisation, signs: np.ndarray, expected: list[float]) -> None:
    assert _scores(method, signs) == pytest.approx(expected, nan_ok=True)


def test_z_scores_have_mean_fifty_and_deviation_ten() -> None:
    scores = np.array(_scores("z_score"))
    assert np.nanmean(scores) == pytest.approx(50)
    assert np.nanstd(scores, ddof=1) == pytest.approx(10)


def test_ties_share_the_lower_rank() -> None:
    values = np.array([[1.0], [5.0], [5.0], [9.0]])
    assert _scores("rank", values=values) == [1, 2, 2, 4]
    assert _scores("percentile_rank", values=values) == pytest.approx([0, 100 / 3, 100 / 3, 100])


def test_beyond_a_goalpost_is_at_it() -> None:
    values = np.array([[-3.0], [99.0]])
    assert _scores("goalposts", values=values) == [0, 100]


@pytest.mark.parametrize("method", ["min_max", "z_score"])
def test_what_is_the_same_everywhere_is_refused_by_name(method: Normalisation) -> None:
    values = np.array([[1.0, 3.0], [2.0, 3.0]])
    with pytest.raises(BadInput, match=r"part trust .*same everywhere"):
        fit_normaliser(values, method, signs=np.ones(2), names=["other", "trust"])


def test_goalposts_must_be_stated() -> None:
    with pytest.raises(BadInput, match="no goalposts"):
        fit_normaliser(COLUMN, "goalposts", signs=UP)


def test_distances_need_values_above_zero() -> None:
    with pytest.raises(BadInput, match="above zero"):
        fit_normaliser(np.array([[0.0], [1.0]]), "distance_to_max", signs=UP)


@pytest.mark.parametrize("method", ["min_max", "z_score", "goalposts"])
def test_the_scale_stays_when_other_draws_are_scored(method: Normalisation) -> None:
    """A draw above the published maximum scores above it, and does not push the others down."""
    fitted = fit_normaliser(COLUMN, method, signs=UP, goalposts=np.array([[0.0], [40.0]]))
    drawn = COLUMN + np.array([[0.0], [0.0], [0.0], [2.0]])
    plain, moved = fitted.apply(COLUMN)[:, 0], fitted.apply(drawn)[:, 0]
    assert moved[:2] == pytest.approx(plain[:2])
    assert moved[3] > plain[3]


def test_ranks_are_taken_within_each_draw() -> None:
    fitted = fit_normaliser(COLUMN, "rank", signs=UP)
    draws = np.stack([COLUMN, -COLUMN])
    assert fitted.apply(draws)[1, :, 0].tolist() == pytest.approx([3, 2, GAP, 1], nan_ok=True)


_COLUMNS = hnp.arrays(np.float64, st.tuples(st.integers(3, 12), st.integers(1, 4)), elements=st.floats(1, 100))


@given(_COLUMNS, st.sampled_from(METHODS))
def test_more_is_never_scored_less(values: np.ndarray, method: Normalisation) -> None:
    assume((np.ptp(values, axis=0) > 1e-6).all())
    posts = np.tile([[20.0], [80.0]], values.shape[1])
    scores = fit_normaliser(values, method, signs=np.ones(values.shape[1]), goalposts=posts).apply(values)
    for part in range(values.shape[1]):
        order = np.argsort(values[:, part], kind="stable")
        assert (np.diff(scores[order, part]) >= -1e-9).all()


@given(
    _COLUMNS, st.sampled_from(["min_max", "z_score", "rank", "percentile_rank"]), st.floats(0.1, 50), st.floats(-9, 9)
)
def test_the_unit_of_measurement_does_not_matter(
    values: np.ndarray, method: Normalisation, scale: float, shift: float
) -> None:
    assume((np.ptp(values, axis=0) > 1e-3).all())
    signs = np.ones(values.shape[1])
    moved = np.round(values, 6) * scale + shift
    plain = fit_normaliser(np.round(values, 6), method, signs=signs).apply(np.round(values, 6))
    if method in ("min_max", "z_score"):
        assert fit_normaliser(moved, method, signs=signs).apply(moved) == pytest.approx(plain, abs=1e-6)


@given(_COLUMNS)
def test_min_max_runs_from_nought_to_a_hundred_in_either_direction(values: np.ndarray) -> None:
    assume((np.ptp(values, axis=0) > 1e-6).all())
    for signs in (np.ones(values.shape[1]), -np.ones(values.shape[1])):
        scores = fit_normaliser(values, "min_max", signs=signs).apply(values)
        assert scores.min(axis=0) == pytest.approx(np.zeros(values.shape[1]), abs=1e-9)
        assert scores.max(axis=0) == pytest.approx(np.full(values.shape[1], 100.0))
