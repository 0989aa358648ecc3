"""The spatial model: its covariance, its search, its predictions where nobody was asked, and its hard cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, sparse

from barometer.estimate.small_area import CannotEstimate, fay_herriot, interval, mixed, spatial_fay_herriot
from barometer.estimate.small_area.areas import check_areas
from barometer.estimate.small_area.mixed import Likelihood
from barometer.estimate.small_area.proximity import check_proximity
from barometer.estimate.small_area.spatial import LARGEST_RHO, Autoregression, sparse_value
from tests.estimate.small_area.made import BETA, lattice, make_areas, make_spatial, ring

EVERY_LIKELIHOOD = pytest.mark.parametrize("method", mixed.LIKELIHOODS)


class TestAutoregression:
    @settings(max_examples=15)
    @given(st.floats(-0.9, 0.9), st.floats(0.1, 5))
    def test_covariance(self, rho: float, sigma2: float) -> None:
        root = np.eye(9) - rho * lattice(3)
        expected = sigma2 * np.linalg.inv(root.T @ root)
        found = Autoregression(check_proximity(lattice(3), areas=9))(np.array([sigma2, rho]))
        np.testing.assert_allclose(found.covariance, expected, rtol=1e-9, atol=1e-10)

    @pytest.mark.parametrize("rho", [-0.7, 0.0, 0.4, 0.9])
    def test_derivatives(self, rho: float) -> None:
        structure, step = Autoregression(check_proximity(lattice(3), areas=9)), 1e-5
        up, here, down = (structure.correlation(rho + s) for s in (step, 0, -step))
        np.testing.assert_allclose(here[1], (up[0] - down[0]) / (2 * step), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(here[2], (up[1] - down[1]) / (2 * step), rtol=1e-4, atol=1e-4)

    def test_draws_have_the_covariance(self) -> None:
        structure, theta = Autoregression(check_proximity(ring(6), areas=6)), np.array([2.0, 0.5])
        rng = np.random.default_rng(0)
        drawn = np.array([structure.draw(theta, rng.standard_normal(6)) for _ in range(8000)])
        np.testing.assert_allclose(np.cov(drawn.T), structure(theta).covariance, atol=0.25)

    def test_an_island_has_its_own_variance_only(self) -> None:
        proximity = ring(5)
        proximity[2] = 0
        proximity[1:4, 2] = 0
        covariance = Autoregression(check_proximity(proximity, areas=5))(np.array([2.0, 0.6])).covariance
        assert covariance[2, 2] == pytest.approx(2.0)
        np.testing.assert_array_equal(np.delete(covariance[2], 2), 0)


class TestSearch:
    @EVERY_LIKELIHOOD
    @settings(max_examples=15)
    @given(st.floats(0.01, 10), st.floats(-0.95, 0.95), st.integers(0, 100))
    def test_sparse_and_dense_likelihoods_differ_by_a_constant(
        self, method: Likelihood, sigma2: float, rho: float, seed: int
    ) -> None:
        made, proximity = make_spatial(side=4, seed=seed)
        y = np.where(np.arange(16) % 5 == 0, np.nan, made.y)
        areas = check_areas(y, made.X, made.variance)
        structure = Autoregression(check_proximity(proximity, areas=16))
        theta, other = np.array([sigma2, rho]), np.array([1.0, 0.3])

        def dense(at: np.ndarray) -> float:
            return mixed.evaluate(areas, structure, at, method).value

        difference = sparse_value(areas, structure, theta, method) - sparse_value(areas, structure, other, method)
        assert difference == pytest.approx(dense(theta) - dense(other), abs=1e-7)

    def test_without_effects_too(self) -> None:
        made, proximity = make_spatial(side=4)
        areas = check_areas(made.y, made.X, made.variance)
        structure = Autoregression(check_proximity(proximity, areas=16))
        at_zero, near = (sparse_value(areas, structure, np.array([s, 0.5]), "reml") for s in (0.0, 1e-10))
        assert at_zero == pytest.approx(near, abs=1e-6)

    @EVERY_LIKELIHOOD
    @pytest.mark.parametrize("seed", range(4))
    def test_finds_the_summit(self, method: Likelihood, seed: int) -> None:
        made, proximity = make_spatial(seed=seed)
        fit = spatial_fay_herriot(made.y, made.X, made.variance, proximity, method=method)
        areas = check_areas(made.y, made.X, made.variance)
        structure = Autoregression(check_proximity(proximity, areas=49))

        def depth(at: np.ndarray) -> float:
            return -sparse_value(areas, structure, np.array([np.exp(at[0]), np.tanh(at[1])]), method)

        best = optimize.minimize(depth, [0.0, 0.5], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10})
        assert fit.converged
        assert fit.sigma2 == pytest.approx(np.exp(best.x[0]), rel=1e-4)
        assert fit.rho == pytest.approx(np.tanh(best.x[1]), abs=1e-4)

    def test_proximity_may_be_sparse(self) -> None:
        made, proximity = make_spatial()
        dense = spatial_fay_herriot(made.y, made.X, made.variance, proximity)
        other = spatial_fay_herriot(made.y, made.X, made.variance, sparse.csr_array(proximity))
        np.testing.assert_array_equal(dense.eblup, other.eblup)


class TestAlways:
    @EVERY_LIKELIHOOD
    @pytest.mark.parametrize("unit", [1e-4, 1e4])
    def test_units_of_y_change_nothing_else(self, method: Likelihood, unit: float) -> None:
        made, proximity = make_spatial()
        fit = spatial_fay_herriot(made.y, made.X, made.variance, proximity, method=method)
        other = spatial_fay_herriot(made.y * unit, made.X, made.variance * unit**2, proximity, method=method)
        np.testing.assert_allclose(other.eblup, fit.eblup * unit, rtol=1e-6)
        np.testing.assert_allclose(other.mse, fit.mse * unit**2, rtol=1e-5)
        assert other.rho == pytest.approx(fit.rho, abs=1e-6)

    def test_units_of_x_change_only_beta(self) -> None:
        made, proximity = make_spatial()
        units = np.array([1e-5, 1e5])
        fit = spatial_fay_herriot(made.y, made.X, made.variance, proximity)
        other = spatial_fay_herriot(made.y, made.X * units, made.variance, proximity)
        np.testing.assert_allclose(other.eblup, fit.eblup, rtol=1e-6)
        np.testing.assert_allclose(other.mse, fit.mse, rtol=1e-6)
        np.testing.assert_allclose(other.beta * units, fit.beta, rtol=1e-6)

    @pytest.mark.parametrize("seed", range(3))
    def test_the_order_of_areas_does_not_matter(self, seed: int) -> None:
        made, proximity = make_spatial(seed=seed)
        order = np.random.default_rng(seed).permutation(49)
        fit = spatial_fay_herriot(made.y, made.X, made.variance, proximity)
        moved = proximity[np.ix_(order, order)]
        other = spatial_fay_herriot(made.y[order], made.X[order], made.variance[order], moved)
        np.testing.assert_allclose(other.eblup, fit.eblup[order], rtol=1e-6)
        np.testing.assert_allclose(other.mse, fit.mse[order], rtol=1e-6)

    def test_estimates_are_drawn_towards_their_neighbours(self) -> None:
        """One area far above the line between low neighbours is drawn further down than one on its own would be."""
        made, proximity = make_spatial(rho=0.9)
        fit = spatial_fay_herriot(made.y, made.X, made.variance, proximity)
        surprise = made.y - fit.synthetic
        around = proximity @ surprise
        alone = fit.synthetic + fit.gamma * surprise
        assert np.corrcoef(fit.eblup - alone, around)[0, 1] > 0.8


class TestNotSampled:
    def test_neighbours_tell_of_an_area_nobody_was_asked_in(self) -> None:
        """Predictions through the correlation beat those from covariates alone, and their errors say so."""
        made, proximity = make_spatial(side=14, rho=0.9, sigma2=1.0)
        hidden = np.random.default_rng(1).random(196) < 0.3
        y = np.where(hidden, np.nan, made.y)
        fit = spatial_fay_herriot(y, made.X, made.variance, proximity)
        through = np.sqrt(((fit.eblup - made.truth)[hidden] ** 2).mean())
        alone = np.sqrt(((fit.synthetic - made.truth)[hidden] ** 2).mean())
        assert through < 0.8 * alone
        assert np.sqrt(fit.mse[hidden].mean()) == pytest.approx(through, rel=0.25)
        np.testing.assert_array_equal(fit.gamma[hidden], 0)

    def test_its_error_is_larger_than_a_sampled_ones(self) -> None:
        made, proximity = make_spatial()
        y = made.y.copy()
        y[24] = np.nan
        fit = spatial_fay_herriot(y, made.X, made.variance, proximity)
        assert fit.mse[24] > fit.mse[fit.is_sampled].max()


class TestHardCases:
    def test_no_difference_between_areas(self) -> None:
        """sigma2 is 0: no effects, so no correlation to speak of; estimates are synthetic."""
        made, proximity = make_spatial()
        fit = spatial_fay_herriot(made.X @ BETA[:2], made.X, made.variance, proximity)
        assert fit.sigma2 == 0
        assert fit.rho is None
        assert fit.converged
        np.testing.assert_allclose(fit.eblup, made.X @ BETA[:2])
        assert (fit.mse > 0).all()
        plain = fay_herriot(made.X @ BETA[:2], made.X, made.variance)
        np.testing.assert_allclose(fit.mse, plain.mse, rtol=0.2)

    def test_a_correlation_at_its_bound_is_not_trusted(self) -> None:
        """Effects that drift smoothly across the city are more alike than any stationary correlation makes them."""
        side = 7
        slope = np.add.outer(np.arange(side), np.arange(side)).ravel() * 1.0
        fit = spatial_fay_herriot(slope, np.ones((49, 1)), np.full(49, 0.01), lattice(side))
        assert fit.rho is not None
        assert abs(fit.rho) == LARGEST_RHO
        assert not fit.converged
        assert np.isfinite(fit.mse).all()
        assert (fit.mse > 0).all()

    def test_no_neighbours_at_all_is_fay_herriot(self) -> None:
        made = make_areas(areas=30)
        fit = spatial_fay_herriot(made.y, made.X, made.variance, np.zeros((30, 30)))
        plain = fay_herriot(made.y, made.X, made.variance)
        assert fit.sigma2 == pytest.approx(plain.sigma2, rel=1e-6)
        np.testing.assert_allclose(fit.eblup, plain.eblup, rtol=1e-6)
        np.testing.assert_allclose(fit.mse, plain.mse, rtol=0.05)

    def test_the_moment_method_does_not_exist_here(self) -> None:
        made, proximity = make_spatial()
        with pytest.raises(CannotEstimate, match="'fh' is not known"):
            spatial_fay_herriot(made.y, made.X, made.variance, proximity, method="fh")  # type: ignore[arg-type]

    def test_proximity_of_another_city(self) -> None:
        made, _ = make_spatial()
        with pytest.raises(CannotEstimate, match="proximity is 6 x 6 for 49 areas"):
            spatial_fay_herriot(made.y, made.X, made.variance, ring(6))


class TestTruth:
    def test_what_was_put_in_comes_out(self) -> None:
        made, proximity = make_spatial(side=16, sigma2=1.0, rho=0.7, seed=2)
        fit = spatial_fay_herriot(made.y, made.X, made.variance, proximity)
        assert fit.sigma2 == pytest.approx(1.0, abs=0.25)
        assert fit.rho == pytest.approx(0.7, abs=0.12)
        assert (np.abs(fit.beta - BETA[:2]) < 4 * fit.beta_se).all()

    def test_intervals_cover_and_beat_independent_effects(self) -> None:
        inside, better = [], []
        for seed in range(25):
            made, proximity = make_spatial(side=8, rho=0.8, seed=seed)
            fit = spatial_fay_herriot(made.y, made.X, made.variance, proximity)
            ends, plain = interval(fit), fay_herriot(made.y, made.X, made.variance)
            inside.append(((ends.lower <= made.truth) & (made.truth <= ends.upper)).mean())
            better.append(((fit.eblup - made.truth) ** 2).mean() - ((plain.eblup - made.truth) ** 2).mean())
        assert abs(np.mean(inside) - 0.95) < 0.015
        assert np.mean(better) < 0
