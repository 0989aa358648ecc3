"""Scales for shares: there and back, by the delta method, without bias and without leaving 0..1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from barometer.estimate.small_area import CannotEstimate
from barometer.estimate.small_area.transforms import TRANSFORMS, expected_share, share_error, transform_named

EVERY_TRANSFORM = pytest.mark.parametrize("name", sorted(TRANSFORMS))
LARGE = np.array([1e12])


def one(value: float) -> np.ndarray:
    return np.array([value])


def by_integration(name: str, mean: float, sd: float, power: int = 1, about: float = 0.0) -> float:
    """E[(back(Z) - about)^power] by adaptive integration."""
    back = transform_named(name).back
    kinks = [k for k in ((0 - mean) / sd, (np.pi / 2 - mean) / sd) if abs(k) < 10]
    return integrate.quad(
        lambda z: float((back(np.array(mean + sd * z)) - about) ** power) * stats.norm.pdf(z),
        -10, 10, points=kinks or None, limit=400,
    )[0]  # fmt: skip


class TestThereAndBack:
    @EVERY_TRANSFORM
    @given(st.floats(0.001, 0.999))
    def test_from_many_answers_exactly(self, name: str, share: float) -> None:
        scale = transform_named(name)
        assert scale.back(scale.forward(one(share), LARGE))[0] == pytest.approx(share, abs=1e-9)

    @EVERY_TRANSFORM
    @given(st.floats(0, 1), st.floats(1, 1e6))
    def test_always_finite(self, name: str, share: float, n: float) -> None:
        scale = transform_named(name)
        assert np.isfinite(scale.forward(one(share), one(n))).all()
        variance = scale.variance(one(share), one(n))
        assert np.isfinite(variance).all()
        assert (variance > 0).all()

    @EVERY_TRANSFORM
    @given(st.floats(-50, 50), st.floats(-50, 50))
    def test_back_keeps_order_and_stays_within(self, name: str, a: float, b: float) -> None:
        low, high = transform_named(name).back(np.array([min(a, b), max(a, b)]))
        assert 0 <= low <= high <= 1

    @EVERY_TRANSFORM
    @given(st.floats(0, 1), st.floats(2, 1000))
    def test_yes_and_no_are_mirror_images(self, name: str, share: float, n: float) -> None:
        scale = transform_named(name)
        centre = scale.forward(one(0.5), one(n))
        up, down = scale.forward(one(share), one(n)) - centre, scale.forward(one(1 - share), one(n)) - centre
        np.testing.assert_allclose(up, -down, atol=1e-9)

    @EVERY_TRANSFORM
    @given(st.floats(0.05, 0.95))
    def test_the_variance_is_the_delta_methods(self, name: str, share: float) -> None:
        """Slope squared times p (1 - p) / n."""
        scale, n = transform_named(name), one(1e9)
        slope = (scale.forward(one(share + 1e-5), n) - scale.forward(one(share - 1e-5), n)) / 2e-5
        np.testing.assert_allclose(scale.variance(one(share), n), slope**2 * share * (1 - share) / n, rtol=1e-4)

    def test_arcsines_variance_knows_no_share(self) -> None:
        np.testing.assert_allclose(
            transform_named("arcsine").variance(np.array([0.0, 0.5, 1.0]), np.full(3, 10)), 1 / 40
        )

    def test_logit_of_nobody_and_everybody(self) -> None:
        """x + 1/2 of n + 1: of 9 people none, log(0.5 / 9.5)."""
        values = transform_named("logit").forward(np.array([0.0, 1.0]), np.full(2, 9.0))
        np.testing.assert_allclose(values, [np.log(0.5 / 9.5), np.log(9.5 / 0.5)])

    @pytest.mark.parametrize(("name", "n", "room"), [("logit", 60, 0.15), ("arcsine", 20, 0.15)])
    def test_the_variance_is_what_samples_show(self, name: str, n: int, room: float) -> None:
        rng, scale = np.random.default_rng(1), transform_named(name)
        seen = scale.forward(rng.binomial(n, 0.3, 20_000) / n, np.full(20_000, float(n)))
        assert seen.var() == pytest.approx(scale.variance(one(0.3), one(n))[0], rel=room)

    def test_another_scale(self) -> None:
        with pytest.raises(CannotEstimate, match="'log' is not known: use one of logit, arcsine"):
            transform_named("log")


class TestExpectedShare:
    @pytest.mark.parametrize("mean", [-4.0, -1.0, 0.0, 0.4, 1.1, 2.5])
    @pytest.mark.parametrize("sd", [0.05, 0.3, 1.0, 2.0])
    def test_logit_against_integration(self, mean: float, sd: float) -> None:
        found = expected_share(transform_named("logit"), mean=one(mean), variance=one(sd**2))[0]
        assert found == pytest.approx(by_integration("logit", mean, sd), abs=1e-8)

    @pytest.mark.parametrize("mean", [0.0, 0.2, 0.8, 1.3, np.pi / 2])
    @pytest.mark.parametrize("sd", [0.02, 0.1, 0.3])
    def test_arcsine_against_integration(self, mean: float, sd: float) -> None:
        found = expected_share(transform_named("arcsine"), mean=one(mean), variance=one(sd**2))[0]
        assert found == pytest.approx(by_integration("arcsine", mean, sd), abs=5e-5)

    @given(st.floats(0.4, 1.2), st.floats(0.001, 0.08))
    def test_arcsine_in_closed_form_where_the_ends_are_far(self, mean: float, sd: float) -> None:
        """E sin^2 Z = (1 - exp(-2 sd^2) cos 2 mean) / 2."""
        found = expected_share(transform_named("arcsine"), mean=one(mean), variance=one(sd**2))[0]
        assert found == pytest.approx(0.5 * (1 - np.exp(-2 * sd**2) * np.cos(2 * mean)), abs=1e-7)

    @EVERY_TRANSFORM
    @given(st.floats(-3, 3))
    def test_without_error_it_is_back(self, name: str, mean: float) -> None:
        scale = transform_named(name)
        np.testing.assert_allclose(expected_share(scale, mean=one(mean), variance=one(0.0)), scale.back(one(mean)))

    @EVERY_TRANSFORM
    @given(st.floats(-10, 10), st.floats(0, 100))
    def test_within_0_and_1(self, name: str, mean: float, variance: float) -> None:
        found = expected_share(transform_named(name), mean=one(mean), variance=one(variance))[0]
        assert 0 <= found <= 1

    def test_small_shares_are_not_made_smaller(self) -> None:
        """The back-transformed mean of a logit is a median: below the mean where the share is small."""
        scale = transform_named("logit")
        assert expected_share(scale, mean=one(-2.0), variance=one(0.5))[0] > scale.back(one(-2.0))[0]


class TestShareError:
    @pytest.mark.parametrize(("name", "mean", "sd"), [("logit", -1.0, 0.5), ("logit", 0.3, 1.0), ("arcsine", 0.6, 0.1)])
    def test_against_integration(self, name: str, mean: float, sd: float) -> None:
        share = by_integration(name, mean, sd)
        found = share_error(transform_named(name), mean=one(mean), variance=one(sd**2), share=one(share))[0]
        assert found == pytest.approx(np.sqrt(by_integration(name, mean, sd, power=2, about=share)), rel=1e-5)

    def test_is_the_delta_methods_where_small(self) -> None:
        share = transform_named("logit").back(one(0.4))
        found = share_error(transform_named("logit"), mean=one(0.4), variance=one(1e-4), share=share)
        np.testing.assert_allclose(found, 0.01 * share * (1 - share), rtol=1e-3)
