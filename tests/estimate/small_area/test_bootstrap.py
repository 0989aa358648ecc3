"""The bootstrap says what the formulas say, the same for the same seed, for every model it knows."""

from __future__ import annotations

import numpy as np
import pytest

from barometer.estimate.small_area import (
    CannotEstimate,
    Method,
    bootstrap_mse,
    fay_herriot,
    spatial_fay_herriot,
    spatiotemporal_fay_herriot,
)
from tests.estimate.small_area.made import BETA, make_areas, make_spatial, plain_blup
from tests.estimate.small_area.test_spatiotemporal import make_waves


class TestAgreesWithFormulas:
    @pytest.mark.parametrize("method", ["reml", "ml", "fh"])
    def test_fay_herriot(self, method: Method) -> None:
        """What it estimates is the error at the fitted sigma2, g1 + g2 + g3, here on average over 40 areas."""
        made = make_areas()
        mse = bootstrap_mse(made.y, made.X, made.variance, seed=1, replicates=120, method=method)
        fit = fay_herriot(made.y, made.X, made.variance, method=method)
        plain, total = plain_blup(made, fit.sigma2 * np.eye(40)), fit.sigma2 + made.variance
        g3 = made.variance**2 / total**3 * 2 / (total**-2.0).sum()
        assert (mse / (plain.g1 + plain.g2 + g3)).mean() == pytest.approx(1, abs=0.06)

    def test_hierarchical(self) -> None:
        made = make_areas()
        mse = bootstrap_mse(made.y, made.X, made.variance, seed=1, replicates=40, method="hb")
        assert (mse / fay_herriot(made.y, made.X, made.variance).mse).mean() == pytest.approx(1, abs=0.12)

    def test_spatial(self) -> None:
        made, proximity = make_spatial(side=6)
        mse = bootstrap_mse(made.y, made.X, made.variance, seed=1, replicates=25, proximity=proximity)
        formula = spatial_fay_herriot(made.y, made.X, made.variance, proximity).mse
        assert (mse / formula).mean() == pytest.approx(1, abs=0.15)

    def test_spatiotemporal(self) -> None:
        made, proximity = make_waves(side=4)
        mse = bootstrap_mse(made.y, made.X, made.variance, seed=1, replicates=10, proximity=proximity, n_times=4)
        formula = spatiotemporal_fay_herriot(made.y, made.X, made.variance, 4, proximity).mse
        assert (mse / formula).mean() == pytest.approx(1, abs=0.2)


class TestAlways:
    def test_the_same_seed_gives_the_same_numbers(self) -> None:
        made = make_areas(areas=15)
        one, same, other = (
            bootstrap_mse(made.y, made.X, made.variance, seed=seed, replicates=10) for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(one, same)
        assert (one != other).all()

    def test_an_area_not_sampled_has_the_larger_error(self) -> None:
        made = make_areas(areas=30, sigma2=2.0)
        y = np.where(np.arange(30) < 5, np.nan, made.y)
        mse = bootstrap_mse(y, made.X, made.variance, seed=1, replicates=100)
        assert mse[:5].min() > mse[5:].mean()

    def test_no_difference_between_areas(self) -> None:
        made = make_areas()
        mse = bootstrap_mse(made.X @ BETA, made.X, made.variance, seed=1, replicates=50)
        assert ((mse > 0) & (mse < made.variance)).all()

    def test_a_spatial_model_without_effects(self) -> None:
        made, proximity = make_spatial(side=4)
        mse = bootstrap_mse(made.X @ BETA[:2], made.X, made.variance, seed=1, replicates=10, proximity=proximity)
        assert ((mse > 0) & (mse < made.variance)).all()

    @pytest.mark.parametrize("replicates", [1, 0, -5])
    def test_a_single_replicate_is_none(self, replicates: int) -> None:
        made = make_areas()
        with pytest.raises(CannotEstimate, match="say nothing of an error: use 200 or more"):
            bootstrap_mse(made.y, made.X, made.variance, seed=1, replicates=replicates)
