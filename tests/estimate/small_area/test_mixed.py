"""The engine for correlated effects: its derivatives against differences, its predictions against full matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.estimate.small_area import CannotEstimate, fay_herriot, mixed
from barometer.estimate.small_area.areas import Areas, Array, check_areas
from barometer.estimate.small_area.fay_herriot import profile_value
from barometer.estimate.small_area.mixed import Effects, Likelihood
from barometer.estimate.small_area.proximity import check_proximity
from barometer.estimate.small_area.scoring import Evaluation, Optimum
from barometer.estimate.small_area.spatial import Autoregression
from barometer.estimate.small_area.spatiotemporal import Panel, panel
from barometer.estimate.small_area.threads import one_thread
from tests.estimate.small_area.made import Made, make_areas, make_spatial, plain_blup, ring

EVERY_LIKELIHOOD = pytest.mark.parametrize("method", mixed.LIKELIHOODS)
THETA = np.array([0.7, 0.4, 0.5, 0.6])


def make_panel() -> tuple[Areas, Panel]:
    """9 areas at 4 times, two of them not sampled."""
    made, proximity = make_spatial(side=3)
    rng = np.random.default_rng(0)
    y = np.repeat(made.y, 4) + rng.normal(size=36)
    y[[5, 20]] = np.nan
    return check_areas(y, np.repeat(made.X, 4, axis=0), np.repeat(made.variance, 4)), panel(36, 4, proximity)


def independent(theta: Array) -> Effects:
    """Effects that are not correlated at all: the Fay-Herriot model's."""
    return Effects(theta[0] * np.eye(20), (np.eye(20),), dict)


def at(theta: Array, free: tuple[bool, ...]) -> Optimum:
    nothing = Evaluation(0.0, np.zeros(len(theta)), np.eye(len(theta)))
    return Optimum(theta, nothing, 1, True, np.array(free))


class TestEvaluate:
    @EVERY_LIKELIHOOD
    def test_the_score_is_the_likelihoods_slope(self, method: Likelihood) -> None:
        areas, structure = make_panel()
        found = mixed.evaluate(areas, structure, THETA, method)
        step = 1e-5 * np.eye(4)
        slopes = [
            (mixed.evaluate(areas, structure, THETA + s, method).value
             - mixed.evaluate(areas, structure, THETA - s, method).value) / 2e-5
            for s in step
        ]  # fmt: skip
        np.testing.assert_allclose(found.score, slopes, atol=1e-6)

    @EVERY_LIKELIHOOD
    def test_the_observed_information_is_its_bend(self, method: Likelihood) -> None:
        areas, structure = make_panel()
        found = mixed.evaluate(areas, structure, THETA, method)
        step = 1e-5 * np.eye(4)
        bends = [
            (mixed.evaluate(areas, structure, THETA - s, method).score
             - mixed.evaluate(areas, structure, THETA + s, method).score) / 2e-5
            for s in step
        ]  # fmt: skip
        assert found.observed is not None
        np.testing.assert_allclose(found.observed, bends, atol=1e-6)

    def test_the_expected_information_is_the_scores_variance(self) -> None:
        """REML scores at the truth have mean 0 and the information as covariance."""
        areas, structure = make_panel()
        rng = np.random.default_rng(2)
        root = np.linalg.cholesky(structure(THETA).covariance + np.diag(np.nan_to_num(areas.variance)))
        scores = []
        with one_thread():
            for _ in range(800):
                y = np.where(areas.is_sampled, root @ rng.normal(size=36), np.nan)
                scores.append(mixed.evaluate(replace(areas, y=y), structure, THETA, "reml").score)
        information = mixed.evaluate(areas, structure, THETA, "reml").information
        size = np.sqrt(np.diag(information))
        assert (np.abs(np.mean(scores, axis=0)) < 4 * size / np.sqrt(800)).all()
        correlation = np.cov(np.transpose(scores)) / np.outer(size, size)
        np.testing.assert_allclose(correlation, information / np.outer(size, size), atol=0.2)

    @EVERY_LIKELIHOOD
    @settings(max_examples=15)
    @given(st.integers(0, 1000), st.floats(0.01, 10))
    def test_without_correlation_it_is_fay_herriots(self, method: Likelihood, seed: int, sigma2: float) -> None:
        made = make_areas(areas=20, seed=seed)
        areas = check_areas(made.y, made.X, made.variance)
        value = mixed.evaluate(areas, independent, np.array([sigma2]), method).value
        assert value == pytest.approx(profile_value(areas, sigma2, method), rel=1e-9)


class TestFitAndPredict:
    @settings(max_examples=15)
    @given(st.integers(0, 1000))
    def test_against_full_matrices(self, seed: int) -> None:
        made, proximity = make_spatial(side=4, seed=seed)
        structure = Autoregression(check_proximity(proximity, areas=16))
        areas, theta = check_areas(made.y, made.X, made.variance), np.array([0.8, 0.5])
        fitted = mixed.fit_at(areas, structure(theta))
        predicted = mixed.predict(areas, fitted, at(theta, (False, False)), "reml")
        plain = plain_blup(made, structure(theta).covariance)
        np.testing.assert_allclose(areas.coefficients(fitted.coefficients), plain.beta, rtol=1e-8)
        np.testing.assert_allclose(predicted.eblup, plain.blup, rtol=1e-8, atol=1e-9)
        assert fitted.loglik == pytest.approx(plain.loglik, rel=1e-9)

    def test_with_theta_known_the_error_is_g1_and_g2(self) -> None:
        made, proximity = make_spatial(side=4)
        structure = Autoregression(check_proximity(proximity, areas=16))
        areas, theta = check_areas(made.y, made.X, made.variance), np.array([0.8, 0.5])
        fitted = mixed.fit_at(areas, structure(theta))
        predicted = mixed.predict(areas, fitted, at(theta, (False, False)), "reml")
        plain = plain_blup(made, structure(theta).covariance)
        np.testing.assert_allclose(predicted.mse, plain.g1 + plain.g2, rtol=1e-9)

    def test_not_knowing_theta_adds_to_it(self) -> None:
        made, proximity = make_spatial(side=5)
        structure = Autoregression(check_proximity(proximity, areas=25))
        areas, theta = check_areas(made.y, made.X, made.variance), np.array([0.8, 0.3])
        fitted = mixed.fit_at(areas, structure(theta))
        known = mixed.predict(areas, fitted, at(theta, (False, False)), "reml").mse
        sigma2_unknown = mixed.predict(areas, fitted, at(theta, (True, False)), "reml").mse
        assert (sigma2_unknown > known).all()

    def test_the_error_of_uncorrelated_effects_is_fay_herriots_but_for_the_information(self) -> None:
        """Datta & Lahiri take the unrestricted likelihood's for the variance of sigma2, sae's mseSFH the restricted."""
        made = make_areas(areas=20)
        fit = fay_herriot(made.y, made.X, made.variance)
        areas, theta = check_areas(made.y, made.X, made.variance), np.array([fit.sigma2])
        predicted = mixed.predict(areas, mixed.fit_at(areas, independent(theta)), at(theta, (True,)), "reml")
        plain = plain_blup(made, fit.sigma2 * np.eye(20))
        unrestricted, restricted = (
            mixed.evaluate(areas, independent, theta, method).information[0, 0] for method in ("ml", "reml")
        )
        known = plain.g1 + plain.g2
        np.testing.assert_allclose(predicted.mse - known, (fit.mse - known) * unrestricted / restricted)
        np.testing.assert_allclose(predicted.gamma, fit.gamma, rtol=1e-9)

    def test_no_estimate_gets_better_for_not_knowing_theta(self) -> None:
        """With hardly any effects g4 outweighs 2 g3; the error then is that of theta known."""
        made, proximity = make_spatial(side=4)
        structure = Autoregression(check_proximity(proximity, areas=16))
        areas, theta = check_areas(made.y, made.X, made.variance), np.array([0.01, 0.0])
        fitted = mixed.fit_at(areas, structure(theta))
        unknown, known = (
            mixed.predict(areas, fitted, at(theta, free), "reml").mse for free in ((True, True), (False, False))
        )
        assert (unknown >= known).all()
        assert (unknown == known).any()

    def test_a_row_not_sampled_is_the_limit_of_a_vaguer_one(self) -> None:
        """Estimate, gamma and every term of the error, also those that sae has no formula for."""
        made, proximity = make_spatial(side=4)
        structure, theta = Autoregression(check_proximity(proximity, areas=16)), np.array([0.8, 0.5])
        missing, vague = made.y.copy(), made.variance.copy()
        missing[5], vague[5] = np.nan, 1e9
        gone, faint = check_areas(missing, made.X, made.variance), check_areas(made.y, made.X, vague)
        for method in mixed.LIKELIHOODS:
            one, other = (
                mixed.predict(areas, mixed.fit_at(areas, structure(theta)), at(theta, (True, True)), method)
                for areas in (gone, faint)
            )
            np.testing.assert_allclose(one.eblup, other.eblup, rtol=1e-6)
            np.testing.assert_allclose(one.mse, other.mse, rtol=1e-6)
            np.testing.assert_allclose(one.gamma, other.gamma, atol=1e-6)


class TestRefused:
    def test_a_covariance_that_is_none(self) -> None:
        with pytest.raises(CannotEstimate, match="not positive definite"):
            mixed.inverse_of(-np.eye(3))

    def test_a_method_that_is_no_likelihood(self) -> None:
        with pytest.raises(CannotEstimate, match="'fh' is not known: use one of reml, ml"):
            mixed.check_likelihood("fh")


class TestInverse:
    @settings(max_examples=15)
    @given(st.integers(1, 12), st.integers(0, 1000))
    def test_and_log_determinant(self, size: int, seed: int) -> None:
        root = np.random.default_rng(seed).normal(size=(size, size))
        sigma = root @ root.T + np.eye(size)
        inverse, log_determinant = mixed.inverse_of(sigma)
        np.testing.assert_allclose(inverse @ sigma, np.eye(size), atol=1e-8)
        assert log_determinant == pytest.approx(np.log(np.linalg.det(sigma)), rel=1e-6, abs=1e-8)


def test_made_proximities_are_row_standardised() -> None:
    for matrix in (ring(6), make_spatial(side=3)[1]):
        np.testing.assert_allclose(matrix.sum(axis=1), 1)
    assert isinstance(make_areas(), Made)
