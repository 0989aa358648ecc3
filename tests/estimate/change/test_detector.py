"""The detector: its ratios are those of the textbook, its evidence is an e-process, units and order play no part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from barometer.estimate.change import detect, innovations
from barometer.estimate.change.detector import STEP_SIZES
from tests.estimate.change.streams import PERIODS, Table, at_most, falling, steady

seeds = st.integers(0, 2**32 - 1)


def with_gaps(values: Table, rng: np.random.Generator, share: float) -> Table:
    return np.where(rng.random(values.shape) < share, np.nan, values)


def a_table(seed: int, *, series: int = 6, periods: int = 9, gaps: float = 0.2) -> tuple[Table, Table]:
    rng = np.random.default_rng(seed)
    values, errors = steady(rng, series=series, periods=periods)
    return with_gaps(values, rng, gaps), errors


def ratio_by_density(values: Table, errors: Table, k: int) -> float:
    """Ratio of two densities of the recursive residuals, worked out with their whole covariance matrix."""
    surprises = innovations(values[None, :], errors[None, :])[0, 1:]
    ramp = innovations((np.arange(values.size) >= k)[None, :].astype(float), errors[None, :])[0, 1:]
    usual = np.sum(errors[:k] ** -4) / np.sum(errors[:k] ** -2)
    still = stats.multivariate_normal(mean=np.zeros(ramp.size), cov=np.eye(ramp.size)).pdf(surprises)
    moved = [
        stats.multivariate_normal(
            mean=np.zeros(ramp.size), cov=np.eye(ramp.size) + size**2 / usual * np.outer(ramp, ramp)
        ).pdf(surprises)
        for size in STEP_SIZES
    ]
    return float(np.mean(moved) / still)


@pytest.mark.parametrize("seed", range(5))
def test_evidence_is_the_mean_over_moments_of_the_ratio_of_densities(seed: int) -> None:
    values, errors = a_table(seed, series=1, periods=7, gaps=0.0)
    values[0, 4:] += 2.0
    expected = np.mean([ratio_by_density(values[0], errors[0], k) for k in range(1, 7)])
    found = detect(values, errors, horizon=7)
    assert np.exp(found.log_evidence[0, -1]) == pytest.approx(expected, rel=1e-9)


def test_moments_still_to_come_count_as_no_evidence() -> None:
    values, errors = a_table(1, series=1, periods=4, gaps=0.0)
    ratios = [ratio_by_density(values[0], errors[0], k) for k in range(1, 4)]
    found = detect(values, errors, horizon=10)
    assert np.exp(found.log_evidence[0, -1]) == pytest.approx((sum(ratios) + 6) / 9, rel=1e-9)
    assert found.log_evidence[0, 0] == pytest.approx(0.0, abs=1e-12)


def test_where_nothing_changes_evidence_has_mean_one_at_every_period() -> None:
    # Cut at a thousand, which can only lower the mean: what lies beyond is too rare to average.
    values, errors = steady(np.random.default_rng(2), series=40_000, periods=8)
    evidence = np.minimum(np.exp(detect(values, errors, horizon=8).log_evidence), 1000.0)
    tolerance = 4 * evidence.std(axis=0) / np.sqrt(40_000)
    assert np.all(evidence.mean(axis=0) <= 1 + tolerance)
    assert np.all(evidence.mean(axis=0) >= 0.9)


@pytest.mark.parametrize("gaps", [0.0, 0.4])
@pytest.mark.parametrize("reached", [5.0, 20.0, 100.0])
def test_evidence_ever_reaches_c_in_at_most_one_of_c_steady_series(reached: float, gaps: float) -> None:
    rng = np.random.default_rng(3)
    values, errors = steady(rng, series=10_000)
    found = detect(with_gaps(values, rng, gaps), errors, horizon=PERIODS)
    hits = int((found.log_evidence.max(axis=1) >= np.log(reached)).sum())
    assert at_most(hits, of=10_000, rate=1 / reached)


def test_looking_every_night_at_a_period_still_running_is_covered() -> None:
    """Each of the last periods is looked at in quarters, as its voices come in: pooled means of more and more."""
    rng = np.random.default_rng(4)
    quarters = rng.normal(0, 2.0, (5000, 6, 4))
    pooled = quarters.cumsum(axis=2) / np.arange(1, 5)
    highest = np.full(5000, -np.inf)
    for period in range(2, 6):
        for seen in range(4):
            values = np.column_stack([pooled[:, :period, 3], pooled[:, period, seen]])
            errors = np.ones_like(values)
            errors[:, -1] = 2 / np.sqrt(seen + 1)
            highest = np.maximum(highest, detect(values, errors, horizon=6).log_evidence[:, -1])
    assert at_most(int((highest >= np.log(10)).sum()), of=5000, rate=0.1)


def test_a_clear_step_is_dated_and_measured() -> None:
    values, errors = falling(np.random.default_rng(5), runs=500, before=8, since=4, error=0.005)
    found = detect(values, errors, horizon=12)
    assert np.mean(found.start == 8) > 0.99
    assert found.before.mean() == pytest.approx(0.60, abs=0.001)
    assert found.since.mean() == pytest.approx(0.55, abs=0.001)
    assert found.change_error[0] == pytest.approx(0.005 * np.sqrt(1 / 8 + 1 / 4))
    assert np.mean(np.abs(found.change + 0.05) < 1.96 * found.change_error) == pytest.approx(0.95, abs=0.04)


def test_errors_of_both_sides_count() -> None:
    values = np.array([[5.0, 5.0, 8.0]])
    sure = detect(values, np.array([[0.5, 0.5, 0.5]]), horizon=3)
    before_unsure = detect(values, np.array([[2.0, 2.0, 0.5]]), horizon=3)
    since_unsure = detect(values, np.array([[0.5, 0.5, 2.0]]), horizon=3)
    assert before_unsure.change_error[0] == pytest.approx(np.sqrt(2.0**2 / 2 + 0.5**2))
    assert since_unsure.change_error[0] == pytest.approx(np.sqrt(0.5**2 / 2 + 2.0**2))
    assert sure.log_evidence[0, -1] > max(before_unsure.log_evidence[0, -1], since_unsure.log_evidence[0, -1])


@given(seeds)
def test_order_of_the_series_plays_no_part(seed: int) -> None:
    values, errors = a_table(seed)
    order = np.random.default_rng(seed).permutation(len(values))
    whole, shuffled = detect(values, errors, horizon=9), detect(values[order], errors[order], horizon=9)
    np.testing.assert_array_equal(whole.log_evidence[order], shuffled.log_evidence)
    np.testing.assert_array_equal(whole.start[order], shuffled.start)


@given(seeds)
def test_other_series_play_no_part(seed: int) -> None:
    values, errors = a_table(seed)
    together, alone = detect(values, errors, horizon=9), detect(values[2:3], errors[2:3], horizon=9)
    np.testing.assert_allclose(together.log_evidence[2:3], alone.log_evidence, atol=1e-12)


@given(seeds, st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_unit_and_origin_play_no_part(seed: int, unit: float, origin: float) -> None:
    values, errors = a_table(seed)
    plain, turned = detect(values, errors, horizon=9), detect(origin + unit * values, unit * errors, horizon=9)
    np.testing.assert_allclose(turned.log_evidence, plain.log_evidence, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(turned.change, unit * plain.change, rtol=1e-4, atol=1e-6 * unit)


@given(seeds)
def test_up_and_down_are_alike(seed: int) -> None:
    values, errors = a_table(seed)
    up, down = detect(values, errors, horizon=9), detect(-values, errors, horizon=9)
    np.testing.assert_allclose(up.log_evidence, down.log_evidence, atol=1e-10)
    np.testing.assert_allclose(up.change, -down.change, atol=1e-10)


@given(seeds)
def test_a_gap_is_a_value_that_says_nothing(seed: int) -> None:
    values, errors = a_table(seed, gaps=0.0)
    values += np.linspace(0, 4, 9)
    is_gap = np.random.default_rng(seed).random(values.shape) < 0.3
    is_gap[:, 0] = False
    gaps = detect(np.where(is_gap, np.nan, values), errors, horizon=9)
    mute = detect(np.where(is_gap, 7.0, values), np.where(is_gap, 1e7, errors), horizon=9)
    np.testing.assert_allclose(gaps.log_evidence, mute.log_evidence, atol=1e-6)


@given(seeds, st.integers(1, 7))
def test_a_gap_is_never_the_first_period_of_a_new_level(seed: int, gap: int) -> None:
    values, errors = a_table(seed, gaps=0.3)
    values[:, gap] = np.nan
    found = detect(values, errors, horizon=9)
    named = found.start > 0
    assert np.isfinite(values[named, found.start[named]]).all()
    assert np.isfinite(found.change[named]).all()
    assert np.isnan(found.change[~named]).all()


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3), st.integers(1, 20))
def test_a_series_without_news_is_never_evidence(level: float, error: float, periods: int) -> None:
    values, errors = np.full((1, periods), level), np.full((1, periods), error)
    found = detect(values, errors, horizon=max(periods, 2))
    assert np.all(found.log_evidence <= 1e-9)


def test_an_empty_series_says_nothing_and_names_no_moment() -> None:
    found = detect(np.full((2, 4), np.nan), np.ones((2, 4)), horizon=4)
    np.testing.assert_allclose(found.log_evidence, 0.0, atol=1e-12)
    assert found.start.tolist() == [0, 0]
    assert np.isnan(found.change).all()


@given(seeds, st.floats(1.0, 5.0))
def test_restlessness_only_ever_lowers_evidence(seed: int, dispersion: float) -> None:
    values, errors = a_table(seed)
    plain, restless = detect(values, errors, horizon=9), detect(values, errors, horizon=9, dispersion=dispersion)
    assert np.all(restless.log_evidence <= plain.log_evidence + 1e-9)


def test_overwhelming_evidence_stays_a_number() -> None:
    values = np.array([[0.0, 0.0, 1e6, 1e6]])
    found = detect(values, np.full((1, 4), 1e-3), horizon=4)
    assert np.isfinite(found.log_evidence).all()
    assert found.start[0] == 2


@pytest.mark.parametrize(
    ("values", "errors", "horizon", "dispersion", "complaint"),
    [
        (np.zeros((2, 3)), np.ones((2, 4)), 4, 1.0, "one shape"),
        (np.zeros(3), np.ones(3), 3, 1.0, "one shape"),
        (np.zeros((1, 3)), np.array([[1.0, 0.0, 1.0]]), 3, 1.0, "above 0"),
        (np.zeros((1, 3)), np.ones((1, 3)), 2, 1.0, "too short"),
        (np.zeros((1, 1)), np.ones((1, 1)), 1, 1.0, "too short"),
        (np.zeros((1, 3)), np.ones((1, 3)), 3, 0.9, "at least 1"),
        (np.zeros((1, 3)), np.ones((1, 3)), 3, float("nan"), "at least 1"),
    ],
)
def test_what_cannot_be_is_refused(
    values: Table, errors: Table, horizon: int, dispersion: float, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        detect(values, errors, horizon=horizon, dispersion=dispersion)
