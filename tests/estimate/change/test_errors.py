"""Errors that are too small by luck are raised to what is usual, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.change import detect, dispersion, e_bh, innovations, steadied
from barometer.estimate.intervals import Z, wilson
from tests.estimate.change.streams import PERIODS, SERIES, at_most

seeds = st.integers(0, 2**32 - 1)


def test_an_error_far_below_the_usual_is_raised_to_it() -> None:
    errors, n = np.full((3, 4), 0.5), np.full((3, 4), 16.0)
    errors[1, 2] = 0.01
    raised = steadied(errors, n)
    assert raised[1, 2] == pytest.approx(0.5)
    np.testing.assert_allclose(np.delete(raised.ravel(), 6), 0.5)


def test_more_voices_may_have_a_smaller_error() -> None:
    errors, n = np.array([[0.5, 0.25, 0.1]]), np.array([[16.0, 64.0, 64.0]])
    raised = steadied(errors, n)
    assert raised[0, 2] == pytest.approx(0.25, rel=0.01)


def test_where_voices_are_not_counted_errors_stay() -> None:
    errors = np.array([[0.5, 0.1, np.nan]])
    for n in (np.zeros((1, 3)), np.full((1, 3), np.nan)):
        np.testing.assert_array_equal(steadied(errors, n), errors)


@given(seeds)
def test_only_ever_raises_and_keeps_gaps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    errors = np.where(rng.random((4, 6)) < 0.2, np.nan, rng.uniform(0.1, 2, (4, 6)))
    n = np.where(rng.random((4, 6)) < 0.2, np.nan, rng.uniform(1, 100, (4, 6)))
    raised = steadied(errors, n)
    np.testing.assert_array_equal(np.isnan(raised), np.isnan(errors))
    assert np.all((raised >= errors)[np.isfinite(errors)])


@given(seeds, st.floats(1e-3, 1e3))
def test_unit_plays_no_part(seed: int, unit: float) -> None:
    rng = np.random.default_rng(seed)
    errors, n = rng.uniform(0.1, 2, (4, 6)), rng.uniform(1, 100, (4, 6))
    np.testing.assert_allclose(steadied(unit * errors, n), unit * steadied(errors, n))


@pytest.mark.parametrize("voices", [3, 5, 10])
def test_a_city_of_few_answers_each_has_alarms_at_the_rate(voices: int) -> None:
    """Errors estimated from a handful of answers each: without steadying, almost every city would be alarmed."""
    rng, steady_alarms, plain_alarms, runs = np.random.default_rng(7), 0, 0, 40
    for _ in range(runs):
        answers = rng.standard_normal((SERIES, PERIODS, voices))
        values, errors = answers.mean(axis=2), answers.std(axis=2, ddof=1) / np.sqrt(voices)
        steady_alarms += is_alarmed(values, steadied(errors, np.full_like(errors, voices)))
        plain_alarms += is_alarmed(values, errors)
    assert at_most(steady_alarms, of=runs, rate=0.05)
    assert plain_alarms > steady_alarms


@pytest.mark.parametrize("share", [0.03, 0.1, 0.5])
def test_shares_of_few_voices_have_alarms_at_the_rate(share: float) -> None:
    """Lopsided counts, errors from Wilson's interval as the posts' indicators have them."""
    rng, alarmed, runs = np.random.default_rng(8), 0, 30
    for _ in range(runs):
        voices = np.maximum(rng.poisson(15, (SERIES, PERIODS)), 10).astype(float)
        values = rng.binomial(voices.astype(int), share) / voices
        interval = wilson(share=values, effective_n=voices)
        arms = np.maximum(interval.upper - values, values - interval.lower) / Z
        alarmed += is_alarmed(values, steadied(np.maximum(interval.standard_error, arms), voices))
    assert at_most(alarmed, of=runs, rate=0.05)


def is_alarmed(values: np.ndarray, errors: np.ndarray) -> bool:
    usual = dispersion(innovations(values, errors)[:, :-1])
    found = detect(values, errors, horizon=PERIODS, dispersion=usual)
    return bool(e_bh(found.log_evidence[:, -1], rate=0.05).any())
