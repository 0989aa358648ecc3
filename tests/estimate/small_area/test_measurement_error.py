"""Covariates with error: against the paper's equations written out, a plain jackknife, and simulated truth."""

from __future__ import annotations

import numpy as np
import pytest

from barometer.estimate.small_area import (
    CannotEstimate,
    fay_herriot,
    interval,
    measurement_error,
    measurement_error_fay_herriot,
)
from barometer.estimate.small_area.areas import Array
from barometer.estimate.small_area.results import MeasurementErrorFit, SmallAreaFit
from tests.estimate.small_area.made import BETA, Made, make_areas, plain_blup


def make_noisy(*, areas: int = 60, noise: float = 0.5, seed: int = 0) -> tuple[Made, Array]:
    """A covariate seen with errors of variance `noise` in half the areas and a tenth of it in the others."""
    made = make_areas(areas=areas, covariates=1, seed=seed, sigma2=0.5)
    errors = np.zeros((areas, 2))
    errors[:, 1] = np.where(np.arange(areas) % 2, noise, noise / 10)
    seen = made.X + np.sqrt(errors) * np.random.default_rng(seed + 1).normal(size=errors.shape)
    return made._replace(X=seen), errors


def fitted(made: Made, errors: Array) -> MeasurementErrorFit:
    return measurement_error_fay_herriot(made.y, made.X, made.variance, errors)


def plain(made: Made, errors: Array) -> tuple[Array, float]:
    """Ybarra & Lohr's estimating equations, iterated one area at a time."""
    m, p = made.X.shape
    beta, sigma2 = np.zeros(p), 1.0
    for _ in range(200):
        normal, right = np.zeros((p, p)), np.zeros(p)
        for i in range(m):
            error = np.diag(errors[i])
            weight = 1 / (made.variance[i] + sigma2 + beta @ error @ beta)
            normal += weight * (np.outer(made.X[i], made.X[i]) - error)
            right += weight * made.X[i] * made.y[i]
        beta = np.linalg.solve(normal, right)
        excess = [
            (made.y[i] - made.X[i] @ beta) ** 2 - made.variance[i] - beta @ np.diag(errors[i]) @ beta for i in range(m)
        ]
        sigma2 = max(sum(excess) / (m - p), 0.0)
    return beta, sigma2


class TestEstimates:
    @pytest.mark.parametrize("seed", range(3))
    def test_the_papers_equations_hold(self, seed: int) -> None:
        made, errors = make_noisy(areas=25, seed=seed)
        fit = fitted(made, errors)
        beta, sigma2 = plain(made, errors)
        np.testing.assert_allclose(fit.beta, beta, rtol=1e-7)
        assert fit.sigma2 == pytest.approx(sigma2, rel=1e-7, abs=1e-9)
        assert fit.converged

    def test_gamma_counts_the_covariates_error_as_difference_between_areas(self) -> None:
        made, errors = make_noisy()
        fit = fitted(made, errors)
        covariate = errors @ fit.beta**2
        between = fit.sigma2 + covariate
        np.testing.assert_allclose(fit.covariate_variance, covariate)
        np.testing.assert_allclose(fit.gamma, between / (between + made.variance))
        np.testing.assert_allclose(fit.eblup, fit.gamma * made.y + (1 - fit.gamma) * (made.X @ fit.beta))

    def test_covariances_and_variances_say_the_same(self) -> None:
        made, errors = make_noisy()
        whole = errors[:, :, np.newaxis] * np.eye(2)
        np.testing.assert_allclose(fitted(made, whole).mse, fitted(made, errors).mse)

    def test_one_covariate_may_have_a_plain_array(self) -> None:
        made, errors = make_noisy()
        one = measurement_error_fay_herriot(made.y, made.X[:, 1], made.variance, errors[:, 1])
        other = measurement_error_fay_herriot(made.y, made.X[:, 1:], made.variance, errors[:, 1:])
        np.testing.assert_array_equal(one.eblup, other.eblup)

    def test_without_error_it_is_a_fay_herriot_with_a_moment_estimate(self) -> None:
        made = make_areas(areas=60, covariates=1)
        fit = fitted(made, np.zeros((60, 2)))
        residual = made.y - fit.synthetic
        assert fit.sigma2 == pytest.approx((residual**2 - made.variance).sum() / 58)
        reml = fay_herriot(made.y, made.X, made.variance)
        assert np.abs(fit.eblup - reml.eblup).mean() < 0.15
        assert fit.mse.mean() == pytest.approx(reml.mse.mean(), rel=0.25)

    def test_attenuation_is_undone(self) -> None:
        """Ignoring the covariate's error halves its coefficient; knowing it does not."""
        made, errors = make_noisy(areas=4000, noise=1.0)
        naive = fay_herriot(made.y, made.X, made.variance)
        fit = measurement_error_fay_herriot(*(v[:300] for v in (made.y, made.X, made.variance, errors)))
        assert naive.beta[1] < 0.8 * BETA[1]
        assert abs(fit.beta[1] - BETA[1]) < 3 * fit.beta_se[1]

    def test_an_area_not_sampled(self) -> None:
        made, errors = make_noisy()
        y = made.y.copy()
        y[:6] = np.nan
        fit = measurement_error_fay_herriot(y, made.X, made.variance, errors)
        np.testing.assert_allclose(fit.eblup[:6], made.X[:6] @ fit.beta)
        np.testing.assert_array_equal(fit.gamma[:6], 0)
        assert (fit.mse[:6] > 0.8 * (fit.sigma2 + fit.covariate_variance[:6])).all()
        rest = measurement_error_fay_herriot(made.y[6:], made.X[6:], made.variance[6:], errors[6:])
        np.testing.assert_allclose(fit.mse[6:], rest.mse, rtol=1e-6)


class TestJackknife:
    def test_against_refits_without_each_area(self) -> None:
        made, errors = make_noisy(areas=15, seed=4)
        fit = fitted(made, errors)

        def predictions(beta: Array, sigma2: float) -> tuple[Array, Array]:
            between = sigma2 + errors @ beta**2
            gamma = between / (between + made.variance)
            return gamma * made.y + (1 - gamma) * (made.X @ beta), gamma * made.variance

        whole, leading = predictions(fit.beta, fit.sigma2)
        parts, betas = [], []
        for left in range(15):
            keep = np.arange(15) != left
            some = Made(made.y[keep], made.X[keep], made.variance[keep], made.truth[keep])
            beta, sigma2 = plain(some, errors[keep])
            parts.append(predictions(beta, sigma2))
            betas.append(beta)
        share = 14 / 15
        corrected = leading - share * sum(part[1] - leading for part in parts)
        spread = share * sum((part[0] - whole) ** 2 for part in parts)
        expected = np.maximum(np.where(corrected > 0, corrected, leading) + spread, known_error(made, errors, fit))
        np.testing.assert_allclose(fit.mse, expected, rtol=1e-5)
        away = np.array(betas) - np.mean(betas, axis=0)
        np.testing.assert_allclose(fit.beta_se, np.sqrt(share * (away**2).sum(axis=0)), rtol=1e-5)

    def test_in_parts_for_many_areas(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """300 areas need two batches of refits: the same as all at once."""
        made, errors = make_noisy(areas=300)
        in_parts = fitted(made, errors)
        monkeypatch.setattr(measurement_error, "_CHUNK", 1000)
        at_once = fitted(made, errors)
        np.testing.assert_allclose(in_parts.mse, at_once.mse, rtol=1e-7)
        np.testing.assert_allclose(in_parts.beta_se, at_once.beta_se, rtol=1e-7)

    def test_never_below_the_error_with_sigma2_known(self) -> None:
        """Estimates that all lie on the line: leaving one out changes nothing, which is no proof of certainty."""
        made = make_areas(areas=12, covariates=1)
        flat, errors = made._replace(y=made.X @ BETA[:2]), np.zeros((12, 2))
        fit = fitted(flat, errors)
        np.testing.assert_allclose(fit.mse, known_error(flat, errors, fit))
        np.testing.assert_allclose(
            fit.mse, np.diag(made.X @ plain_blup(flat, np.zeros((12, 12))).beta_covariance @ made.X.T)
        )


def known_error(made: Made, errors: Array, fit: MeasurementErrorFit) -> Array:
    """gamma psi + (1 - gamma)^2 x' M^-1 x with M the matrix of the modified least squares."""
    weight = 1 / (made.variance + fit.sigma2 + fit.covariate_variance)
    normal = made.X.T @ (made.X * weight[:, np.newaxis]) - np.diag(weight @ errors)
    leverage = np.diag(made.X @ np.linalg.inv(normal) @ made.X.T)
    return fit.gamma * made.variance + (1 - fit.gamma) ** 2 * leverage


class TestAlways:
    @pytest.mark.parametrize("unit", [1e-4, 1e4])
    def test_units_change_nothing_else(self, unit: float) -> None:
        made, errors = make_noisy()
        fit = fitted(made, errors)
        scaled = made._replace(y=made.y * unit, variance=made.variance * unit**2, X=made.X * [1, unit])
        other = fitted(scaled, errors * [1, unit**2])
        np.testing.assert_allclose(other.eblup, fit.eblup * unit, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(other.mse, fit.mse * unit**2, rtol=1e-6)

    def test_the_order_of_areas_does_not_matter(self) -> None:
        made, errors = make_noisy()
        order = np.random.default_rng(0).permutation(60)
        fit, other = fitted(made, errors), fitted(Made(*(values[order] for values in made)), errors[order])
        np.testing.assert_allclose(other.eblup, fit.eblup[order], rtol=1e-7)
        np.testing.assert_allclose(other.mse, fit.mse[order], rtol=1e-6)

    def test_intervals_cover_nearly_what_they_say(self) -> None:
        """60 areas: 93 %, the jackknife's known shortfall where sigma2 is below the sampling variances."""
        inside = []
        for seed in range(40):
            made, errors = make_noisy(seed=seed)
            inside.append(coverage(fitted(made, errors), made.truth).mean())
        assert 0.92 < np.mean(inside) < 0.965

    def test_a_fit_that_ignores_the_error_is_too_sure_where_the_error_is(self) -> None:
        """One area in ten with a covariate of little worth: 82 % covered there if that is ignored, 95 % if not."""
        ours, naive = [], []
        for seed in range(15):
            made = make_areas(areas=100, covariates=1, seed=seed, sigma2=0.2)
            errors = np.zeros((100, 2))
            errors[::10, 1] = 4.0
            seen = made.X + np.sqrt(errors) * np.random.default_rng(seed + 1).normal(size=(100, 2))
            fit, other = fitted(made._replace(X=seen), errors), fay_herriot(made.y, seen, made.variance)
            ours.append(coverage(fit, made.truth)[::10].mean())
            naive.append(coverage(other, made.truth)[::10].mean())
        assert np.mean(ours) > 0.93
        assert np.mean(naive) < 0.87


def coverage(fit: SmallAreaFit, truth: Array) -> Array:
    ends = interval(fit)
    return ((ends.lower <= truth) & (truth <= ends.upper)).astype(float)


class TestRefused:
    def refusal(self, made: Made, errors: object) -> str:
        with pytest.raises(CannotEstimate) as refused:
            measurement_error_fay_herriot(made.y, made.X, made.variance, errors)  # type: ignore[arg-type]
        return str(refused.value)

    def test_errors_of_another_shape(self) -> None:
        made, _ = make_noisy()
        assert "X_error is (60, 3): give (60, 2) variances or (60, 2, 2)" in self.refusal(made, np.zeros((60, 3)))

    def test_a_missing_error(self) -> None:
        made, errors = make_noisy()
        errors[7, 1] = np.nan
        assert "X_error is missing or infinite at row 7" in self.refusal(made, errors)

    def test_a_negative_variance(self) -> None:
        made, errors = make_noisy()
        errors[7, 1] = -0.1
        assert "X_error is not a covariance at row 7" in self.refusal(made, errors)

    def test_a_correlation_above_one(self) -> None:
        made, errors = make_noisy()
        whole = errors[:, :, np.newaxis] * np.eye(2)
        whole[7] = [[1, 2], [2, 1]]
        assert "not a covariance at row 7" in self.refusal(made, whole)

    def test_nothing_but_error(self) -> None:
        made, errors = make_noisy()
        assert "drop the noisiest covariate" in self.refusal(made, errors + np.array([0, 50.0]))

    def test_too_few_areas_to_leave_one_out(self) -> None:
        made, errors = make_noisy(areas=3)
        assert "3 sampled areas are too few to leave one out" in self.refusal(made, 0 * errors)

    def test_iterations_that_run_out_are_said(self) -> None:
        made, errors = make_noisy()
        fit = measurement_error_fay_herriot(made.y, made.X, made.variance, errors, max_iterations=1)
        assert not fit.converged
