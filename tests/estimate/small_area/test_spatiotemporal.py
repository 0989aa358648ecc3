"""The spatio-temporal model: its covariance, what it recovers, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.small_area import CannotEstimate, fay_herriot, spatiotemporal_fay_herriot
from barometer.estimate.small_area.areas import Array
from barometer.estimate.small_area.spatiotemporal import autocorrelation, panel
from tests.estimate.small_area.made import BETA, Made, lattice, ring


def make_waves(
    *, side: int = 5, n_times: int = 4, theta: tuple[float, float, float, float] = (1.0, 0.5, 0.5, 0.6), seed: int = 0
) -> tuple[Made, Array]:
    """side^2 areas at `n_times` waves from the model with theta = (sigma2, rho, sigma2_time, rho_time)."""
    rng = np.random.default_rng(seed)
    areas, proximity = side**2, lattice(side)
    rows = areas * n_times
    design = np.column_stack([np.ones(rows), rng.normal(size=rows)])
    variance = rng.uniform(0.1, 0.4, rows)
    effects = panel(rows, n_times, proximity).draw(np.array(theta), rng.standard_normal(areas + rows))
    truth = design @ BETA[:2] + effects
    return Made(truth + np.sqrt(variance) * rng.normal(size=rows), design, variance, truth), proximity


class TestAutocorrelation:
    @given(st.floats(-0.95, 0.95), st.integers(2, 8))
    def test_is_a_stationary_ar1s_covariance(self, rho: float, n_times: int) -> None:
        """Its inverse is tridiagonal: 1 + rho^2 within, 1 at the ends, -rho beside."""
        inverse = np.linalg.inv(autocorrelation(rho, n_times)[0])
        expected = np.diag([1.0, *[1 + rho**2] * (n_times - 2), 1.0])
        expected -= rho * (np.eye(n_times, k=1) + np.eye(n_times, k=-1))
        np.testing.assert_allclose(inverse, expected, atol=1e-8)

    @pytest.mark.parametrize("rho", [-0.6, 0.0, 0.3, 0.9])
    def test_derivatives(self, rho: float) -> None:
        step = 1e-5
        up, here, down = (autocorrelation(rho + s, 5) for s in (step, 0, -step))
        np.testing.assert_allclose(here[1], (up[0] - down[0]) / (2 * step), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(here[2], (up[1] - down[1]) / (2 * step), rtol=1e-5, atol=1e-5)


class TestPanel:
    def test_covariance(self) -> None:
        structure = panel(12, 3, ring(4))
        covariance = structure(np.array([2.0, 0.5, 1.0, 0.6])).covariance
        root = np.eye(4) - 0.5 * ring(4)
        area = 2 * np.linalg.inv(root.T @ root)
        time = 0.6 ** np.abs(np.subtract.outer(range(3), range(3))) / (1 - 0.36)
        np.testing.assert_allclose(covariance[3:6, 3:6], area[1, 1] + time)
        np.testing.assert_allclose(covariance[3:6, 0:3], np.full((3, 3), area[1, 0]))

    def test_draws_have_it(self) -> None:
        structure, theta = panel(12, 3, ring(4)), np.array([2.0, 0.5, 1.0, 0.6])
        rng = np.random.default_rng(0)
        drawn = np.array([structure.draw(theta, rng.standard_normal(16)) for _ in range(6000)])
        np.testing.assert_allclose(np.cov(drawn.T), structure(theta).covariance, atol=0.4)

    @pytest.mark.parametrize(("rows", "n_times"), [(12, 5), (12, 1), (12, 0), (12, -3)])
    def test_rows_that_are_not_whole_areas(self, rows: int, n_times: int) -> None:
        with pytest.raises(CannotEstimate, match="12 rows do not make areas"):
            panel(rows, n_times, ring(4))


class TestFit:
    def test_what_was_put_in_comes_out(self) -> None:
        made, proximity = make_waves(side=8, n_times=5)
        fit = spatiotemporal_fay_herriot(made.y, made.X, made.variance, 5, proximity)
        assert fit.converged
        assert fit.sigma2 == pytest.approx(1.0, abs=0.5)
        assert fit.rho == pytest.approx(0.5, abs=0.4)
        assert fit.sigma2_time == pytest.approx(0.5, abs=0.2)
        assert fit.rho_time == pytest.approx(0.6, abs=0.25)
        assert (np.abs(fit.beta - BETA[:2]) < 4 * fit.beta_se).all()

    def test_the_past_helps(self) -> None:
        """Estimates of the last wave come closer than those from that wave alone, with errors that say so."""
        gains, inside = [], []
        for seed in range(6):
            made, proximity = make_waves(theta=(1.0, 0.5, 0.05, 0.5), seed=seed)
            fit = spatiotemporal_fay_herriot(made.y, made.X, made.variance, 4, proximity)
            last = slice(3, None, 4)
            alone = fay_herriot(made.y[last], made.X[last], made.variance[last])
            with_past = ((fit.eblup - made.truth)[last] ** 2).mean()
            gains.append(with_past / ((alone.eblup - made.truth[last]) ** 2).mean())
            inside.append((np.abs(fit.eblup - made.truth) < 1.96 * np.sqrt(fit.mse)).mean())
        assert np.mean(gains) < 0.7
        assert abs(np.mean(inside) - 0.95) < 0.03

    def test_a_wave_that_was_missed_is_filled_from_those_around(self) -> None:
        made, proximity = make_waves(theta=(1.0, 0.5, 0.05, 0.5))
        missed = np.arange(100) % 7 == 3
        fit = spatiotemporal_fay_herriot(np.where(missed, np.nan, made.y), made.X, made.variance, 4, proximity)
        through = ((fit.eblup - made.truth)[missed] ** 2).mean()
        assert through < 0.5 * ((fit.synthetic - made.truth)[missed] ** 2).mean()
        assert fit.mse[missed].mean() > fit.mse[~missed].mean()

    @pytest.mark.parametrize("unit", [1e-3, 1e3])
    def test_units_change_nothing_else(self, unit: float) -> None:
        made, proximity = make_waves(side=4)
        fit = spatiotemporal_fay_herriot(made.y, made.X, made.variance, 4, proximity)
        other = spatiotemporal_fay_herriot(made.y * unit, made.X * [unit, 1], made.variance * unit**2, 4, proximity)
        np.testing.assert_allclose(other.eblup, fit.eblup * unit, rtol=1e-5, atol=1e-6 * unit)
        np.testing.assert_allclose(other.mse, fit.mse * unit**2, rtol=1e-4)

    def test_the_order_of_areas_does_not_matter(self) -> None:
        made, proximity = make_waves(side=4)
        order = np.random.default_rng(0).permutation(16)
        rows = (order[:, np.newaxis] * 4 + np.arange(4)).ravel()
        fit = spatiotemporal_fay_herriot(made.y, made.X, made.variance, 4, proximity)
        moved = proximity[np.ix_(order, order)]
        other = spatiotemporal_fay_herriot(made.y[rows], made.X[rows], made.variance[rows], 4, moved)
        np.testing.assert_allclose(other.eblup, fit.eblup[rows], rtol=1e-6, atol=1e-7)

    def test_without_any_effect_everything_is_synthetic(self) -> None:
        made, proximity = make_waves(side=4)
        fit = spatiotemporal_fay_herriot(made.X @ BETA[:2], made.X, made.variance, 4, proximity)
        assert (fit.sigma2, fit.sigma2_time) == (0, 0)
        assert (fit.rho, fit.rho_time) == (None, None)
        np.testing.assert_allclose(fit.eblup, made.X @ BETA[:2], atol=1e-9)
        assert (fit.mse > 0).all()

    def test_rows_that_do_not_fit(self) -> None:
        made, proximity = make_waves(side=4)
        with pytest.raises(CannotEstimate, match="64 rows do not make areas of 5 times"):
            spatiotemporal_fay_herriot(made.y, made.X, made.variance, 5, proximity)
