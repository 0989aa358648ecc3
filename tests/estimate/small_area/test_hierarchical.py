"""The variance averaged over: against adaptive integration, and calmer than REML where areas hardly differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from barometer.estimate.small_area import CannotEstimate, fay_herriot, hierarchical, hierarchical_fay_herriot, interval
from barometer.estimate.small_area.areas import Array
from tests.estimate.small_area.made import BETA, Made, make_areas, plain_blup


def posterior(made: Made) -> tuple[Array, Array, float]:
    """Posterior mean and variance of each area and mean of sigma2, by adaptive integration of full-matrix formulas."""

    def log_density(sigma2: float) -> float:
        inverse = np.diag(1 / (sigma2 + made.variance))
        restricted = float(np.linalg.slogdet(made.X.T @ inverse @ made.X)[1])
        return plain_blup(made, sigma2 * np.eye(len(made.y))).loglik - 0.5 * restricted

    top = max(log_density(sigma2) for sigma2 in np.linspace(0, 5, 50))

    def moments(t: float) -> Array:
        sigma2 = t / (1 - t)
        plain = plain_blup(made, sigma2 * np.eye(len(made.y)))
        weight = np.exp(log_density(sigma2) - top) / (1 - t) ** 2
        return weight * np.concatenate([[1, sigma2], plain.blup, plain.blup**2 + plain.g1 + plain.g2])

    total = integrate.quad_vec(moments, 0, 1 - 1e-9, epsabs=1e-12, epsrel=1e-11)[0]
    mean, square = np.split(total[2:] / total[0], 2)
    return mean, square - mean**2, float(total[1] / total[0])


class TestPosterior:
    @pytest.mark.parametrize(("areas", "sigma2"), [(8, 1.0), (20, 0.0), (20, 2.0), (63, 0.2)])
    def test_against_adaptive_integration(self, areas: int, sigma2: float) -> None:
        made = make_areas(areas=areas, sigma2=sigma2, seed=3)
        fit = hierarchical_fay_herriot(made.y, made.X, made.variance)
        mean, variance, of_sigma2 = posterior(made)
        np.testing.assert_allclose(fit.eblup, mean, atol=1e-6)
        np.testing.assert_allclose(fit.mse, variance, rtol=1e-5)
        assert fit.sigma2 == pytest.approx(of_sigma2, rel=1e-3 if areas == 8 else 1e-4)  # a heavy tail at 8 areas

    def test_many_areas_leave_no_doubt_so_it_is_reml(self) -> None:
        made = make_areas(areas=5000)
        fit, reml = (model(made.y, made.X, made.variance) for model in (hierarchical_fay_herriot, fay_herriot))
        assert fit.sigma2 == pytest.approx(reml.sigma2, rel=0.01)
        np.testing.assert_allclose(fit.eblup, reml.eblup, atol=0.01)
        np.testing.assert_allclose(fit.mse, reml.mse, rtol=0.01)
        np.testing.assert_allclose(fit.beta, reml.beta, atol=1e-3)
        np.testing.assert_allclose(fit.beta_se, reml.beta_se, rtol=0.01)

    def test_where_reml_sees_no_difference_it_keeps_a_doubt(self) -> None:
        made = make_areas()
        flat = made._replace(y=made.X @ BETA + 0.1 * np.sin(np.arange(40)))
        reml = fay_herriot(flat.y, flat.X, flat.variance)
        fit = hierarchical_fay_herriot(flat.y, flat.X, flat.variance)
        assert reml.sigma2 == 0
        assert fit.sigma2 > 0
        assert (fit.gamma > 0).all()
        assert (reml.gamma == 0).all()

    def test_an_area_not_sampled_has_the_larger_error(self) -> None:
        made = make_areas()
        y = np.where(np.arange(40) < 5, np.nan, made.y)
        fit = hierarchical_fay_herriot(y, made.X, made.variance)
        np.testing.assert_allclose(fit.eblup[:5], fit.synthetic[:5], rtol=1e-9)
        np.testing.assert_array_equal(fit.gamma[:5], 0)
        assert fit.mse[:5].min() > fit.sigma2
        assert fit.mse[5:].max() < fit.mse[:5].min()

    @settings(max_examples=15)
    @given(st.integers(0, 1000), st.sampled_from([1e-5, 1e5]))
    def test_units_change_nothing_else(self, seed: int, unit: float) -> None:
        made = make_areas(seed=seed, areas=15)
        fit = hierarchical_fay_herriot(made.y, made.X, made.variance)
        other = hierarchical_fay_herriot(made.y * unit, made.X * [1, unit, 1], made.variance * unit**2)
        np.testing.assert_allclose(other.eblup, fit.eblup * unit, rtol=1e-6, atol=1e-7 * unit)
        np.testing.assert_allclose(other.mse, fit.mse * unit**2, rtol=1e-6)

    @settings(max_examples=15)
    @given(st.integers(0, 1000))
    def test_the_order_of_areas_does_not_matter(self, seed: int) -> None:
        made = make_areas(seed=seed, areas=15)
        order = np.random.default_rng(seed).permutation(15)
        fit = hierarchical_fay_herriot(made.y, made.X, made.variance)
        other = hierarchical_fay_herriot(made.y[order], made.X[order], made.variance[order])
        np.testing.assert_allclose(other.eblup, fit.eblup[order], rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(other.mse, fit.mse[order], rtol=1e-7)

    @settings(max_examples=15)
    @given(st.integers(0, 1000))
    def test_an_estimate_lies_between_direct_and_synthetic_or_a_hair_beside(self, seed: int) -> None:
        """Means over sigma2 of values between the two at each sigma2; the synthetic value moves a little with it."""
        made = make_areas(seed=seed, areas=15)
        fit = hierarchical_fay_herriot(made.y, made.X, made.variance)
        room = 0.2 * np.abs(made.y - fit.synthetic) + 0.2
        assert (fit.eblup >= np.minimum(made.y, fit.synthetic) - room).all()
        assert (fit.eblup <= np.maximum(made.y, fit.synthetic) + room).all()

    def test_many_areas_in_parts_are_the_same_as_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = make_areas(areas=30)
        at_once = hierarchical_fay_herriot(made.y, made.X, made.variance)
        monkeypatch.setattr(hierarchical, "_CHUNK_NUMBERS", 200)
        in_parts = hierarchical_fay_herriot(made.y, made.X, made.variance)
        np.testing.assert_allclose(in_parts.eblup, at_once.eblup, rtol=1e-12)
        np.testing.assert_allclose(in_parts.mse, at_once.mse, rtol=1e-12)


class TestCoverage:
    @pytest.mark.parametrize("sigma2", [0.2, 1.0])
    def test_never_short_of_what_it_says_where_areas_hardly_differ(self, sigma2: float) -> None:
        """63 areas. At 0.2 REML covers less than 93.5 % of truths; averaging covers 95 % or a little more."""
        rng = np.random.default_rng(8)
        design, variance = np.column_stack([np.ones(63), rng.normal(size=63)]), rng.uniform(0.5, 2.0, 63)
        covered: dict[str, list[float]] = {"reml": [], "hb": []}
        for _ in range(100):
            truth = design @ BETA[:2] + np.sqrt(sigma2) * rng.normal(size=63)
            y = truth + np.sqrt(variance) * rng.normal(size=63)
            for name, model in (("reml", fay_herriot), ("hb", hierarchical_fay_herriot)):
                ends = interval(model(y, design, variance))
                covered[name].append(((ends.lower <= truth) & (truth <= ends.upper)).mean())
        assert 0.94 < np.mean(covered["hb"]) < 0.98
        assert np.mean(covered["hb"]) > np.mean(covered["reml"])


class TestRefused:
    def test_too_few_areas_for_a_proper_posterior(self) -> None:
        made = make_areas(areas=5)
        with pytest.raises(CannotEstimate, match="5 sampled areas are too few for 3 covariates and a variance"):
            hierarchical_fay_herriot(made.y, made.X, made.variance)

    def test_one_more_is_enough(self) -> None:
        made = make_areas(areas=6)
        fit = hierarchical_fay_herriot(made.y, made.X, made.variance)
        assert np.isfinite(fit.mse).all()
        assert fit.method == "hb"
