"""Working scales: there and back, smoothed variances, intervals that stay inside the scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from barometer.errors import BadInput
from barometer.estimate.signals.scale import Scale

SHARE = Scale("share", 0, 1)
MEAN = Scale("mean", 0, 10)
LEVELS = st.floats(-6, 6)
VARIANCES = st.floats(1e-6, 4)


def test_a_mean_is_worked_on_as_it_is() -> None:
    value = np.array([4.0, 6.0])
    level, _ = MEAN.to_working(value, np.array([0.1, 0.2]), np.array([20.0, 10.0]))
    np.testing.assert_array_equal(level, value)


def test_variances_of_means_are_pooled_and_shared_out_by_n() -> None:
    """Unit variances 2 and 4 are pooled to 3."""
    _, variance = MEAN.to_working(np.array([4.0, 6.0]), np.array([0.1, 0.4]), np.array([20.0, 10.0]))
    np.testing.assert_allclose(variance, [3 / 20, 3 / 10])


def test_a_share_is_worked_on_as_its_empirical_logit() -> None:
    """Simple random sampling: the design effect is 1, and the logit is log((x + 1/2) / (n - x + 1/2))."""
    share, n = np.array([0.5, 0.25]), np.array([40.0, 40.0])
    level, _ = SHARE.to_working(share, share * (1 - share) / n, n)
    np.testing.assert_allclose(level, np.log([20.5 / 20.5, 10.5 / 30.5]))


def test_the_variance_of_a_logit_is_the_deltas() -> None:
    share, n = np.array([0.5, 0.5]), np.array([40.0, 10.0])
    _, variance = SHARE.to_working(share, share * (1 - share) / n, n)
    np.testing.assert_allclose(variance, 1 / (n * 0.25))


def test_a_design_effect_widens_every_area_alike() -> None:
    share, n = np.array([0.4, 0.6]), np.array([30.0, 30.0])
    simple = SHARE.to_working(share, share * (1 - share) / n, n)[1]
    clustered = SHARE.to_working(share, 2 * share * (1 - share) / n, n)[1]
    np.testing.assert_allclose(clustered, 2 * simple, rtol=0.05)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_nobody_or_everybody_still_leaves_doubt(share: float) -> None:
    level, variance = SHARE.to_working(np.array([share, 0.5]), np.array([0.0, 0.01]), np.array([20.0, 25.0]))
    assert np.isfinite(level).all()
    assert variance[0] > 0.1


def test_a_share_outside_its_scale_is_refused() -> None:
    with pytest.raises(BadInput, match="outside 0 to 1"):
        SHARE.to_working(np.array([1.2]), np.array([0.1]), np.array([20.0]))


def test_the_logit_is_nearly_unbiased_where_the_plain_one_is_not() -> None:
    rng = np.random.default_rng(1)
    true, n = 0.15, np.full(20_000, 25.0)
    share = rng.binomial(25, true, 20_000) / 25
    level, _ = SHARE.to_working(share, np.full(20_000, true * (1 - true) / 25), n)
    assert abs(level.mean() - np.log(true / (1 - true))) < 0.03


@given(LEVELS, VARIANCES)
def test_a_share_comes_back_inside_its_interval_and_scale(level: float, variance: float) -> None:
    value, error, lower, upper = (one[0] for one in SHARE.back(np.array([level]), np.array([variance])))
    assert 0 <= lower <= value <= upper <= 1
    assert error >= 0


@given(LEVELS, VARIANCES)
def test_a_mean_comes_back_inside_its_interval_and_scale(level: float, variance: float) -> None:
    value, error, lower, upper = (one[0] for one in MEAN.back(np.array([level]), np.array([variance])))
    assert 0 <= lower <= value <= upper <= 10
    assert error == pytest.approx(np.sqrt(variance))


@pytest.mark.parametrize(("level", "variance"), [(0.3, 0.2), (-2.0, 0.5), (1.5, 1.0)])
def test_a_shares_value_is_the_mean_of_the_turned_back_normal(level: float, variance: float) -> None:
    value, error, _, _ = SHARE.back(np.array([level]), np.array([variance]))
    density = stats.norm(level, np.sqrt(variance)).pdf

    def moment(power: int) -> float:
        return float(integrate.quad(lambda x: density(x) / (1 + np.exp(-x)) ** power, -15, 15)[0])

    assert value[0] == pytest.approx(moment(1), abs=1e-6)
    assert error[0] == pytest.approx(np.sqrt(moment(2) - moment(1) ** 2), abs=1e-5)


@given(LEVELS, st.floats(0.01, 1))
def test_more_doubt_is_a_wider_interval(level: float, variance: float) -> None:
    _, _, lower, upper = SHARE.back(np.array([level, level]), np.array([variance, 2 * variance]))
    assert lower[1] < lower[0]
    assert upper[1] > upper[0]


def test_the_unit_variance_of_a_share_is_its_own_and_of_a_mean_the_pooled() -> None:
    value = np.array([0.2, 0.5])
    np.testing.assert_allclose(SHARE.unit_variance(value, 9.0), [0.16, 0.25])
    np.testing.assert_allclose(MEAN.unit_variance(value, 9.0), [9.0, 9.0])
