"""The Fay-Herriot model: against its textbook formulas, under what must hold for any numbers, and in hard cases."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from barometer.estimate.small_area import CannotEstimate, fay_herriot, interval
from barometer.estimate.small_area.areas import Array, check_areas
from barometer.estimate.small_area.fay_herriot import METHODS, Method, profile_value, weighted_fit
from barometer.estimate.small_area.results import SmallAreaFit
from tests.estimate.small_area.made import BETA, Made, make_areas, plain_blup

SEEDS = st.integers(0, 10_000)
EVERY_METHOD = pytest.mark.parametrize("method", METHODS)


def fitted(made: Made, method: Method = "reml") -> SmallAreaFit:
    return fay_herriot(made.y, made.X, made.variance, method=method)


def restricted(made: Made, sigma2: float, *, is_restricted: bool) -> float:
    """The (restricted) log-likelihood of sigma2 with full matrices."""
    plain = plain_blup(made, sigma2 * np.eye(len(made.y)))
    inverse = np.diag(1 / (sigma2 + made.variance))
    return plain.loglik - is_restricted * 0.5 * float(np.linalg.slogdet(made.X.T @ inverse @ made.X)[1])


class TestEstimates:
    """Against full matrices and a general optimiser."""

    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("method", ["reml", "ml"])
    def test_sigma2_is_where_the_likelihood_is_highest(self, method: Method, seed: int) -> None:
        made = make_areas(seed=seed)
        best = optimize.minimize_scalar(
            lambda s: -restricted(made, s, is_restricted=method == "reml"),
            bounds=(0, 20),
            method="bounded",
            options={"xatol": 1e-10},
        )
        assert fitted(made, method).sigma2 == pytest.approx(best.x, rel=1e-5)

    @settings(max_examples=15)
    @given(SEEDS)
    def test_fhs_weighted_squares_are_m_less_p(self, seed: int) -> None:
        made = make_areas(seed=seed, sigma2=2.0)
        fit = fitted(made, "fh")
        squares = ((made.y - fit.synthetic) ** 2 / (fit.sigma2 + made.variance)).sum()
        assert squares == pytest.approx(40 - 3, rel=1e-8)

    @EVERY_METHOD
    @settings(max_examples=15)
    @given(SEEDS)
    def test_all_that_is_linear(self, method: Method, seed: int) -> None:
        made = make_areas(seed=seed, areas=15)
        fit = fitted(made, method)
        plain = plain_blup(made, fit.sigma2 * np.eye(15))
        np.testing.assert_allclose(fit.beta, plain.beta, rtol=1e-9)
        np.testing.assert_allclose(fit.beta_covariance, plain.beta_covariance, rtol=1e-9)
        np.testing.assert_allclose(fit.beta_se, np.sqrt(np.diag(plain.beta_covariance)), rtol=1e-9)
        np.testing.assert_allclose(fit.eblup, plain.blup, rtol=1e-9, atol=1e-9)
        assert fit.loglik == pytest.approx(plain.loglik, rel=1e-9)

    def test_reml_error_is_prasad_and_raos(self) -> None:
        made = make_areas()
        fit = fitted(made)
        plain = plain_blup(made, fit.sigma2 * np.eye(40))
        total = fit.sigma2 + made.variance
        g3 = made.variance**2 / total**3 * 2 / (total**-2.0).sum()
        np.testing.assert_allclose(fit.mse, plain.g1 + plain.g2 + 2 * g3, rtol=1e-10)

    def test_ml_error_makes_up_for_mls_low_sigma2(self) -> None:
        made = make_areas()
        fit = fitted(made, "ml")
        plain = plain_blup(made, fit.sigma2 * np.eye(40))
        total = fit.sigma2 + made.variance
        weight = np.diag(1 / total)
        bias = -np.trace(plain.beta_covariance @ made.X.T @ weight**2 @ made.X) / (total**-2.0).sum()
        g3 = made.variance**2 / total**3 * 2 / (total**-2.0).sum()
        np.testing.assert_allclose(fit.mse, plain.g1 + plain.g2 + 2 * g3 - bias * (made.variance / total) ** 2)
        assert bias < 0

    def test_fh_error_is_datta_rao_and_smiths(self) -> None:
        made = make_areas()
        fit = fitted(made, "fh")
        plain = plain_blup(made, fit.sigma2 * np.eye(40))
        total = fit.sigma2 + made.variance
        one, two = (1 / total).sum(), (total**-2.0).sum()
        bias = 2 * (40 * two - one**2) / one**3
        g3 = made.variance**2 / total**3 * 2 * 40 / one**2
        np.testing.assert_allclose(fit.mse, plain.g1 + plain.g2 + 2 * g3 - bias * (made.variance / total) ** 2)

    @EVERY_METHOD
    def test_with_equal_variances_all_methods_shrink_alike_but_ml_more(self, method: Method) -> None:
        made = make_areas(seed=3)
        fit = fay_herriot(made.y, made.X, np.ones(40), method=method)
        residual = made.y - made.X @ np.linalg.lstsq(made.X, made.y, rcond=None)[0]
        expected = (residual**2).sum() / (40 if method == "ml" else 37) - 1
        assert fit.sigma2 == pytest.approx(expected, rel=1e-8)

    def test_p_values(self) -> None:
        fit = fitted(make_areas())
        np.testing.assert_allclose(fit.p_values, 2 * stats.norm.sf(np.abs(fit.beta / fit.beta_se)))

    def test_a_second_summit_is_found(self) -> None:
        """Few exact areas that agree, many vague ones that differ: one summit near 0, a higher one far off."""
        rng = np.random.default_rng(11)
        variance = np.concatenate([np.full(4, 1e-6), np.full(40, 1.0)])
        y = np.concatenate([1e-3 * rng.normal(size=4), np.sqrt(30.0) * rng.normal(size=40)])
        fit = fay_herriot(y, np.ones((44, 1)), variance)
        grid = np.concatenate([[0], np.geomspace(1e-8, 1e3, 2000)])
        areas = check_areas(y, np.ones((44, 1)), variance)
        best = max(profile_value(areas, float(s), "reml") for s in grid)
        assert profile_value(areas, fit.sigma2, "reml") >= best - 1e-6


class TestAlways:
    @EVERY_METHOD
    @settings(max_examples=15)
    @given(SEEDS)
    def test_an_estimate_lies_between_direct_and_synthetic(self, method: Method, seed: int) -> None:
        made = make_areas(seed=seed, areas=12)
        fit = fitted(made, method)
        low, high = np.minimum(made.y, fit.synthetic), np.maximum(made.y, fit.synthetic)
        assert ((fit.eblup >= low - 1e-9) & (fit.eblup <= high + 1e-9)).all()
        np.testing.assert_allclose(fit.eblup, fit.gamma * made.y + (1 - fit.gamma) * fit.synthetic, atol=1e-9)
        np.testing.assert_allclose(fit.synthetic, made.X @ fit.beta, atol=1e-9)

    @EVERY_METHOD
    @settings(max_examples=15)
    @given(SEEDS, st.sampled_from([1e-6, 0.01, 100.0, 1e6]))
    def test_units_of_y_change_nothing_else(self, method: Method, seed: int, unit: float) -> None:
        made = make_areas(seed=seed, areas=15)
        fit = fitted(made, method)
        other = fay_herriot(made.y * unit, made.X, made.variance * unit**2, method=method)
        np.testing.assert_allclose(other.eblup, fit.eblup * unit, rtol=1e-6, atol=1e-6 * unit)
        np.testing.assert_allclose(other.mse, fit.mse * unit**2, rtol=1e-6)
        np.testing.assert_allclose(other.gamma, fit.gamma, atol=1e-6)
        np.testing.assert_allclose(other.p_values, fit.p_values, atol=1e-6)
        assert other.sigma2 == pytest.approx(fit.sigma2 * unit**2, rel=1e-6, abs=1e-9 * unit**2)

    @EVERY_METHOD
    @settings(max_examples=15)
    @given(SEEDS)
    def test_units_of_x_change_only_beta(self, method: Method, seed: int) -> None:
        made = make_areas(seed=seed, areas=15)
        units = np.array([3.0, 1e6, 1e-6])
        fit, other = fitted(made, method), fay_herriot(made.y, made.X * units, made.variance, method=method)
        np.testing.assert_allclose(other.eblup, fit.eblup, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(other.mse, fit.mse, rtol=1e-6)
        np.testing.assert_allclose(other.beta * units, fit.beta, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(other.beta_se * units, fit.beta_se, rtol=1e-6)

    @EVERY_METHOD
    @settings(max_examples=15)
    @given(SEEDS)
    def test_recentring_a_covariate_changes_only_the_intercept(self, method: Method, seed: int) -> None:
        made, shift = make_areas(seed=seed, areas=15), np.array([0, 0, 50])
        fit, other = fitted(made, method), fay_herriot(made.y, made.X + shift, made.variance, method=method)
        np.testing.assert_allclose(other.eblup, fit.eblup, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(other.beta[1:], fit.beta[1:], rtol=1e-6, atol=1e-8)

    @EVERY_METHOD
    @settings(max_examples=15)
    @given(SEEDS)
    def test_the_order_of_areas_does_not_matter(self, method: Method, seed: int) -> None:
        made = make_areas(seed=seed, areas=15)
        order = np.random.default_rng(seed).permutation(15)
        fit = fitted(made, method)
        other = fay_herriot(made.y[order], made.X[order], made.variance[order], method=method)
        np.testing.assert_allclose(other.eblup, fit.eblup[order], rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(other.mse, fit.mse[order], rtol=1e-7)

    @EVERY_METHOD
    @settings(max_examples=15)
    @given(SEEDS)
    def test_errors_are_positive_and_sure_areas_move_less(self, method: Method, seed: int) -> None:
        fit = fitted(make_areas(seed=seed, areas=30, sigma2=3.0), method)
        variance = make_areas(seed=seed, areas=30, sigma2=3.0).variance
        assert (fit.mse > 0).all()
        assert (np.diff(fit.gamma[np.argsort(variance)]) <= 0).all()

    def test_a_common_shift_moves_every_estimate_by_it(self) -> None:
        made = make_areas()
        shifted = fay_herriot(made.y + 7, made.X, made.variance)
        np.testing.assert_allclose(shifted.eblup, fitted(made).eblup + 7)
        np.testing.assert_allclose(shifted.mse, fitted(made).mse)


class TestNotSampled:
    @EVERY_METHOD
    def test_is_predicted_with_the_larger_error(self, method: Method) -> None:
        made = make_areas()
        y = np.where(np.arange(40) < 10, np.nan, made.y)
        fit = fay_herriot(y, made.X, made.variance, method=method)
        assert (~fit.is_sampled[:10]).all()
        np.testing.assert_allclose(fit.eblup[:10], made.X[:10] @ fit.beta)
        np.testing.assert_array_equal(fit.gamma[:10], 0)
        own = np.einsum("ij,jk,ik->i", made.X, fit.beta_covariance, made.X)[:10]
        assert (fit.mse[:10] >= fit.sigma2 + own - (0.05 if method == "fh" else 1e-12)).all()

    def test_for_reml_exactly_sigma2_and_the_coefficients_error(self) -> None:
        made = make_areas()
        y = np.where(np.arange(40) < 10, np.nan, made.y)
        fit = fay_herriot(y, made.X, made.variance)
        own = np.einsum("ij,jk,ik->i", made.X, fit.beta_covariance, made.X)[:10]
        np.testing.assert_allclose(fit.mse[:10], fit.sigma2 + own)

    @EVERY_METHOD
    def test_is_the_limit_of_an_ever_vaguer_estimate(self, method: Method) -> None:
        made = make_areas()
        missing, vague = made.y.copy(), made.variance.copy()
        missing[0], vague[0] = np.nan, 1e9
        gone = fay_herriot(missing, made.X, made.variance, method=method)
        faint = fay_herriot(made.y, made.X, vague, method=method)
        if method != "fh":  # the moment equation counts an area however vague
            assert gone.eblup[0] == pytest.approx(faint.eblup[0], rel=1e-5)
            assert gone.mse[0] == pytest.approx(faint.mse[0], rel=1e-5)

    def test_leaves_the_others_as_if_it_were_not_there(self) -> None:
        made = make_areas()
        y = np.where(np.arange(40) < 10, np.nan, made.y)
        whole = fay_herriot(y, made.X, made.variance)
        rest = fay_herriot(made.y[10:], made.X[10:], made.variance[10:])
        np.testing.assert_allclose(whole.eblup[10:], rest.eblup, rtol=1e-8)
        np.testing.assert_allclose(whole.mse[10:], rest.mse, rtol=1e-8)
        assert whole.bic == pytest.approx(rest.bic)


class TestHardCases:
    @EVERY_METHOD
    def test_no_difference_between_areas(self, method: Method) -> None:
        """sigma2 is 0: synthetic everywhere, with the error of the coefficients (and of sigma2)."""
        made = make_areas()
        fit = fay_herriot(made.X @ BETA, made.X, made.variance, method=method)
        assert fit.sigma2 == 0
        assert fit.converged
        np.testing.assert_allclose(fit.eblup, made.X @ BETA)
        np.testing.assert_array_equal(fit.gamma, 0)
        assert (fit.mse > 0).all()

    @EVERY_METHOD
    def test_variances_of_every_size(self, method: Method) -> None:
        made = make_areas(areas=60)
        variance = np.geomspace(1e-10, 1e10, 60)
        fit = fay_herriot(made.truth, made.X, variance, method=method)
        assert np.isfinite(fit.eblup).all()
        assert (fit.mse > 0).all()
        np.testing.assert_allclose(fit.eblup[0], made.truth[0], atol=1e-4)

    def test_one_area_more_than_covariates(self) -> None:
        made = make_areas(areas=4)
        fit = fitted(made)
        assert np.isfinite(fit.mse).all()

    def test_one_area(self) -> None:
        with pytest.raises(CannotEstimate, match="1 sampled areas"):
            fay_herriot([1.0], [[1.0]], [1.0])

    def test_two_areas_and_an_intercept(self) -> None:
        fit = fay_herriot([0.0, 10.0], np.ones((2, 1)), [1.0, 1.0])
        assert fit.sigma2 == pytest.approx(50 - 1)
        assert fit.converged

    def test_an_unknown_method(self) -> None:
        made = make_areas()
        with pytest.raises(CannotEstimate, match="'mm' is not known: use one of reml, ml, fh"):
            fay_herriot(made.y, made.X, made.variance, method="mm")  # type: ignore[arg-type]

    @EVERY_METHOD
    def test_iterations_that_run_out_are_said(self, method: Method) -> None:
        made = make_areas()
        fit = fay_herriot(made.y, made.X, made.variance, method=method, max_iterations=1)
        assert not fit.converged
        assert np.isfinite(fit.eblup).all()

    def test_a_year_as_covariate(self) -> None:
        """Far from zero and nearly collinear with the intercept: the same answer as centred."""
        rng = np.random.default_rng(0)
        year = np.arange(2000.0, 2030.0)
        y = 0.1 * (year - 2015) + rng.normal(size=30)
        far = fay_herriot(y, np.column_stack([np.ones(30), year]), np.ones(30))
        near = fay_herriot(y, np.column_stack([np.ones(30), year - 2015]), np.ones(30))
        np.testing.assert_allclose(far.eblup, near.eblup, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(far.mse, near.mse, rtol=1e-8)


class TestTruth:
    """Simulated cities whose truth is known."""

    def test_what_was_put_in_comes_out(self) -> None:
        made = make_areas(areas=20_000, sigma2=0.7)
        fit = fitted(made)
        assert fit.sigma2 == pytest.approx(0.7, abs=0.05)
        assert (np.abs(fit.beta - BETA) < 4 * fit.beta_se).all()

    def test_estimates_beat_both_parents(self) -> None:
        made = make_areas(areas=5000, sigma2=0.7)
        fit = fitted(made)

        def error(estimate: Array) -> float:
            return float(np.sqrt(((estimate - made.truth) ** 2).mean()))

        assert error(fit.eblup) < 0.85 * error(made.y)
        assert error(fit.eblup) < 0.85 * error(fit.synthetic)

    @EVERY_METHOD
    def test_intervals_cover(self, method: Method) -> None:
        """95 +- 1.5 % over 2,000 draws (REML; others 600) of 63 areas, sigma2 as large as the sampling variances."""
        rng, draws = np.random.default_rng(5), 2000 if method == "reml" else 600
        design = np.column_stack([np.ones(63), rng.normal(size=63)])
        variance = rng.uniform(0.5, 1.5, 63)
        truth = design @ BETA[:2] + rng.normal(size=(draws, 63))
        seen = truth + np.sqrt(variance) * rng.normal(size=(draws, 63))
        inside = [covers(fay_herriot(y, design, variance, method=method), t) for y, t in zip(seen, truth, strict=True)]
        assert abs(np.mean(inside) - 0.95) < 0.015

    @EVERY_METHOD
    def test_mean_squared_errors_are_right_on_average(self, method: Method) -> None:
        rng = np.random.default_rng(6)
        design, variance = np.column_stack([np.ones(30), rng.normal(size=30)]), rng.uniform(0.5, 1.5, 30)
        truth = design @ BETA[:2] + rng.normal(size=(400, 30))
        seen = truth + np.sqrt(variance) * rng.normal(size=(400, 30))
        fits = [fay_herriot(y, design, variance, method=method) for y in seen]
        happened = np.mean([(fit.eblup - t) ** 2 for fit, t in zip(fits, truth, strict=True)])
        assert np.mean([fit.mse for fit in fits]) == pytest.approx(happened, rel=0.05)

    def test_a_city_of_cities_takes_no_time(self) -> None:
        """6,791 areas with their errors in half a second of one core; it takes about a fifteenth of that."""
        made = make_areas(areas=6791, covariates=5)
        began = time.process_time()
        fitted(made)
        assert time.process_time() - began < 0.5


def covers(fit: SmallAreaFit, truth: Array) -> float:
    ends = interval(fit)
    return float(((ends.lower <= truth) & (truth <= ends.upper)).mean())


class TestWeightedFit:
    def test_is_least_squares_of_what_the_weights_divide(self) -> None:
        made = make_areas()
        root = np.sqrt(made.variance)
        fit = weighted_fit(made.y, made.X, made.variance)
        expected = np.linalg.lstsq(made.X / root[:, None], made.y / root, rcond=None)[0]
        np.testing.assert_allclose(fit.coefficients, expected)
        np.testing.assert_allclose(fit.residual, made.y - made.X @ expected)
        normal = made.X.T @ (made.X / made.variance[:, None])
        assert fit.log_determinant == pytest.approx(np.log(np.linalg.det(normal)))
