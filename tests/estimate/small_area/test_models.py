"""Which model is meant, what it gives back, and how sure that is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats
from threadpoolctl import threadpool_info

from barometer.estimate import small_area
from barometer.estimate.small_area import (
    CannotEstimate,
    MeasurementErrorFit,
    Method,
    SmallAreaFit,
    SpatialFit,
    SpatioTemporalFit,
    fit_model,
    interval,
)
from barometer.estimate.small_area.fay_herriot import METHODS
from barometer.estimate.small_area.results import information_criteria
from barometer.estimate.small_area.threads import one_thread
from tests.estimate.small_area.made import make_areas, make_spatial
from tests.estimate.small_area.test_spatiotemporal import make_waves


class TestFitModel:
    @pytest.mark.parametrize("method", ["reml", "ml", "fh", "hb"])
    def test_areas_alone(self, method: Method) -> None:
        made = make_areas()
        fit = fit_model(made.y, made.X, made.variance, method=method)
        assert type(fit) is SmallAreaFit
        assert fit.method == method

    def test_with_neighbours(self) -> None:
        made, proximity = make_spatial(side=4)
        fit = fit_model(made.y, made.X, made.variance, proximity=proximity, method="ml")
        assert isinstance(fit, SpatialFit)
        assert fit.method == "ml"

    def test_with_neighbours_and_times(self) -> None:
        made, proximity = make_waves(side=3, n_times=3)
        fit = fit_model(made.y, made.X, made.variance, proximity=proximity, n_times=3)
        assert isinstance(fit, SpatioTemporalFit)

    def test_with_errors_of_covariates(self) -> None:
        made = make_areas()
        fit = fit_model(made.y, made.X, made.variance, X_error=np.zeros((40, 3)))
        assert isinstance(fit, MeasurementErrorFit)

    def test_tolerance_is_handed_on(self) -> None:
        made = make_areas()
        loose = fit_model(made.y, made.X, made.variance, tolerance=0.5)
        assert loose.iterations < fit_model(made.y, made.X, made.variance).iterations

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"X_error": np.zeros((16, 2)), "proximity": True}, "X_error goes with neither"),
            ({"X_error": np.zeros((16, 2)), "n_times": 2}, "X_error goes with neither"),
            ({"n_times": 2}, "n_times needs proximity"),
            ({"n_times": 2, "proximity": True, "method": "ml"}, "n_times needs proximity and method 'reml'"),
            ({"proximity": True, "method": "fh"}, "'fh' does not know proximity"),
            ({"proximity": True, "method": "hb"}, "'hb' does not know proximity"),
            ({"method": "nonsense"}, "'nonsense' is not known"),
        ],
    )
    def test_what_no_model_has(self, options: dict[str, object], message: str) -> None:
        made, proximity = make_spatial(side=4)
        given = options | ({"proximity": proximity} if "proximity" in options else {})
        with pytest.raises(CannotEstimate, match=message):
            fit_model(made.y, made.X, made.variance, **given)  # type: ignore[arg-type]


class TestResults:
    def test_are_frozen(self) -> None:
        made = make_areas()
        fit = fit_model(made.y, made.X, made.variance)
        with pytest.raises(dataclasses.FrozenInstanceError):
            fit.sigma2 = 0.0  # type: ignore[misc]

    def test_every_array_is_float64_of_the_length_of_areas_or_covariates(self) -> None:
        made = make_areas()
        fit = fit_model(made.y, made.X, made.variance)
        for name in ("eblup", "mse", "gamma", "synthetic"):
            assert getattr(fit, name).shape == (40,)
            assert getattr(fit, name).dtype == np.float64
        assert fit.beta.shape == fit.beta_se.shape == fit.p_values.shape == (3,)
        assert fit.is_sampled.dtype == np.bool_

    def test_only_models_with_a_correlation_have_one(self) -> None:
        fields = {
            name: {f.name for f in dataclasses.fields(getattr(small_area, name))}
            for name in ("SmallAreaFit", "SpatialFit", "SpatioTemporalFit", "MeasurementErrorFit")
        }
        assert [name for name in fields if "rho" in fields[name]] == ["SpatialFit", "SpatioTemporalFit"]

    def test_every_public_name_is_there(self) -> None:
        for name in small_area.__all__:
            assert getattr(small_area, name) is not None

    def test_information_criteria(self) -> None:
        aic, bic = information_criteria(loglik=-10.0, parameters=3, areas=50)
        assert aic == 26
        assert bic == pytest.approx(20 + 3 * np.log(50))


class TestComparison:
    """The full likelihood at the estimates, so that criteria compare models with other covariates and other effects."""

    def test_the_covariate_that_matters_lowers_aic_and_the_one_that_does_not_raises_it(self) -> None:
        made = make_areas(areas=200, covariates=1)
        noise = np.random.default_rng(9).normal(size=200)
        alone, right, more = (
            fit_model(made.y, design, made.variance, method="ml").aic
            for design in (made.X[:, :1], made.X, np.column_stack([made.X, noise]))
        )
        assert right < alone - 10
        assert right < more

    def test_neighbours_lower_it_where_they_are_alike(self) -> None:
        made, proximity = make_spatial(side=9, rho=0.9)
        spatial = fit_model(made.y, made.X, made.variance, proximity=proximity)
        assert spatial.aic < fit_model(made.y, made.X, made.variance).aic - 4

    def test_and_not_where_they_are_not(self) -> None:
        made, proximity = make_spatial(side=9, rho=0.0)
        spatial = fit_model(made.y, made.X, made.variance, proximity=proximity)
        assert spatial.bic > fit_model(made.y, made.X, made.variance).bic

    def test_bic_asks_more_than_aic_of_eight_areas_and_up(self) -> None:
        made = make_areas()
        fit = fit_model(made.y, made.X, made.variance)
        assert fit.bic - fit.aic == pytest.approx(4 * (np.log(40) - 2))

    def test_ml_reaches_the_highest_likelihood_of_the_three(self) -> None:
        made = make_areas()
        logliks = {method: fit_model(made.y, made.X, made.variance, method=method).loglik for method in METHODS}
        assert max(logliks, key=lambda method: logliks[method]) == "ml"


class TestInterval:
    def test_ninety_five_percent(self) -> None:
        made = make_areas()
        fit = fit_model(made.y, made.X, made.variance)
        ends = interval(fit)
        np.testing.assert_allclose(ends.standard_error, np.sqrt(fit.mse))
        np.testing.assert_allclose(ends.upper - fit.eblup, stats.norm.ppf(0.975) * np.sqrt(fit.mse))
        np.testing.assert_allclose(ends.lower + ends.upper, 2 * fit.eblup)

    def test_another_confidence(self) -> None:
        made = make_areas()
        fit = fit_model(made.y, made.X, made.variance)
        half, most = interval(fit, confidence=0.5), interval(fit, confidence=0.99)
        assert (half.upper < most.upper).all()
        np.testing.assert_allclose(half.upper - fit.eblup, 0.67449 * np.sqrt(fit.mse), rtol=1e-5)

    @pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, -0.5])
    def test_a_confidence_that_is_none(self, confidence: float) -> None:
        made = make_areas()
        with pytest.raises(CannotEstimate, match="between 0 and 1"):
            interval(fit_model(made.y, made.X, made.variance), confidence=confidence)


class TestThreads:
    def threads(self) -> set[int]:
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    def test_one_within_and_as_before_after(self) -> None:
        before = self.threads()
        with one_thread():
            assert self.threads() == {1}
        assert self.threads() == before

    def test_as_before_also_after_an_error(self) -> None:
        before = self.threads()
        with pytest.raises(CannotEstimate):
            fit_model([1.0], [[1.0]], [1.0])
        assert self.threads() == before
