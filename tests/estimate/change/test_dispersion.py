"""Restlessness and persistence are seen where they are, and not where they are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.change import detect, dispersion, e_bh, innovations
from tests.estimate.change.streams import PERIODS, at_most, persistent, steady

seeds = st.integers(0, 2**32 - 1)


def test_surprises_of_a_steady_series_are_independent_standard_normals() -> None:
    values, errors = steady(np.random.default_rng(1), series=20_000, periods=6)
    surprises = innovations(values, errors)
    assert np.isnan(surprises[:, 0]).all()
    covariance = np.cov(surprises[:, 1:].T)
    np.testing.assert_allclose(covariance, np.eye(5), atol=0.05)


def test_a_surprise_by_hand() -> None:
    surprises = innovations(np.array([[1.0, np.nan, 3.0, 5.0]]), np.array([[1.0, 1.0, 1.0, 2.0]]))
    np.testing.assert_allclose(surprises[0, 2:], [2 / np.sqrt(2), 3 / np.sqrt(4 + 0.5)])
    assert np.isnan(surprises[0, :2]).all()


def test_errors_that_are_right_need_no_dispersion() -> None:
    values, errors = steady(np.random.default_rng(2))
    assert 1 <= dispersion(innovations(values, errors)) < 1.15


@pytest.mark.parametrize("times", [1.5, 2.0, 3.0])
def test_errors_too_small_are_found_out(times: float) -> None:
    values, errors = steady(np.random.default_rng(3))
    assert dispersion(innovations(values, errors / np.sqrt(times))) == pytest.approx(times, rel=0.15)


@pytest.mark.parametrize("correlation", [0.3, 0.6])
def test_persistence_counts_as_dispersion(correlation: float) -> None:
    values, errors = persistent(np.random.default_rng(4), correlation)
    assert dispersion(innovations(values, errors)) > 1 + correlation


def test_the_few_series_that_changed_do_not_pass_as_restlessness_of_all() -> None:
    values, errors = steady(np.random.default_rng(5))
    plain = dispersion(innovations(values, errors))
    values[:10, 8:] += 10.0
    assert dispersion(innovations(values, errors)) < plain + 0.15


def test_a_single_short_series_is_believed_but_little() -> None:
    assert dispersion(np.array([[np.nan, 3.0, -3.0]])) < 1 + (9 / 0.45 - 1) / 4


@given(seeds)
def test_never_below_one_and_never_endless(seed: int) -> None:
    rng = np.random.default_rng(seed)
    surprises = rng.standard_normal((3, 6)) * rng.uniform(0.1, 3)
    assert 1 <= dispersion(surprises) < np.inf


@given(seeds)
def test_order_of_the_series_and_the_sign_play_no_part(seed: int) -> None:
    surprises = np.random.default_rng(seed).standard_normal((5, 6))
    assert dispersion(surprises) == pytest.approx(dispersion(-surprises[::-1]))


@pytest.mark.parametrize("nothing", [np.empty((0, 5)), np.full((2, 4), np.nan), np.zeros((3, 1)), np.zeros((3, 5))])
def test_nothing_seen_is_no_restlessness(nothing: np.ndarray) -> None:
    assert dispersion(nothing) == 1.0


def test_series_that_all_keep_rising_have_the_most_persistence_there_can_be() -> None:
    assert 1 < dispersion(np.ones((1000, 8))) <= 1 / 0.45 * (1 + 0.9) / (1 - 0.9)


@pytest.mark.parametrize("correlation", [0.2, 0.4])
def test_reckoning_with_persistence_keeps_alarms_at_the_rate(correlation: float) -> None:
    """Errors that remember the period before break what the detector assumes; what is usual for the panel mends it."""
    rng, alarmed, unmended, runs = np.random.default_rng(6), 0, 0, 80
    for _ in range(runs):
        values, errors = persistent(rng, correlation)
        usual = dispersion(innovations(values, errors)[:, :-1])
        nights = detect(values, errors, horizon=PERIODS, dispersion=usual).log_evidence
        alarmed += bool(e_bh(nights[:, -1], rate=0.05).any())
        plain = detect(values, errors, horizon=PERIODS).log_evidence
        unmended += bool(e_bh(plain[:, -1], rate=0.05).any())
    assert at_most(alarmed, of=runs, rate=0.05)
    assert alarmed <= unmended
