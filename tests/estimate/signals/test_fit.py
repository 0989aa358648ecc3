"""Variances of the model: what is recovered, what the priors hold, and what a few waves leave in doubt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from barometer.estimate.signals import filter as kalman
from barometer.estimate.signals.fit import (
    AREA_RATIO,
    YEAR_WEEKS,
    Parameters,
    fit,
    fit_with_doubt,
    precision,
    surveyed_state,
)
from barometer.estimate.signals.panel import Survey, survey_panel
from barometer.estimate.signals.scale import Scale
from tests.estimate.signals.cities import Town, survey, truth

LONG = Town(areas=120, waves=12, gap_weeks=8)


def panel(town: Town, seed: int, prior: pl.DataFrame | None = None) -> Survey:
    rng = np.random.default_rng(seed)
    return survey_panel(survey(town, truth(town, rng), rng), scale=Scale(), prior=prior)


def objective(made: Survey, parameters: Parameters) -> float:
    state = surveyed_state(made, parameters)
    return float(kalman.log_likelihood(state, precision(made, parameters)[None])[0])


def test_variances_are_recovered_from_a_long_survey() -> None:
    found = [fit(panel(LONG, seed)) for seed in range(3)]
    assert np.mean([one.between for one in found]) == pytest.approx(LONG.between**2, rel=0.2)
    assert np.mean([one.weekly for one in found]) == pytest.approx(LONG.weekly**2, rel=0.3)


def test_a_survey_of_one_wave_takes_the_walk_from_the_prior() -> None:
    """Nothing moved that could have been seen: the year's walk is half the variance of the differences."""
    town = Town(areas=200, waves=1, answers=1.0)
    found = fit(panel(town, 1))
    assert found.weekly * YEAR_WEEKS == pytest.approx(AREA_RATIO * town.between**2, rel=0.3)


def test_areas_that_do_not_differ_are_given_little_variance_but_some() -> None:
    found = fit(panel(replace(LONG, between=1e-6, weekly=1e-6, citywide=1e-6), 2))
    assert 0 < found.between < 0.1 * LONG.between**2
    assert found.weekly > 0


def test_what_covariates_explain_is_not_between_areas() -> None:
    rng = np.random.default_rng(5)
    town = replace(LONG, between=0.1)
    explained = rng.normal(0, 0.5, town.areas)
    made = survey(town, truth(town, rng) + explained, rng)
    prior = pl.DataFrame({"area": town.names, "known": explained})
    with_prior = fit(survey_panel(made, scale=Scale(), prior=prior))
    without = fit(survey_panel(made, scale=Scale(), prior=None))
    assert with_prior.between < 0.3 * without.between


def test_fit_is_at_a_top_of_the_likelihood_and_its_priors() -> None:
    """With many waves the likelihood outweighs the priors: no other variance does clearly better."""
    made = panel(LONG, 3)
    found = fit(made)
    for name in ("between", "weekly"):
        for factor in (0.5, 2.0):
            other = replace(found, **{name: factor * getattr(found, name)})
            assert objective(made, found) > objective(made, other)


def test_the_order_of_areas_does_not_matter() -> None:
    made = panel(Town(), 4)
    order = np.random.default_rng(1).permutation(len(made.areas))
    turned = replace(made, value=made.value[:, order], variance=made.variance[:, order], n=made.n[:, order])
    assert fit(turned).between == pytest.approx(fit(made).between, rel=1e-3)
    assert fit(turned).weekly == pytest.approx(fit(made).weekly, rel=1e-2)


def test_variances_follow_the_unit() -> None:
    """Ten times the scale is a hundred times every variance."""
    rng = np.random.default_rng(6)
    town = Town()
    rows = survey(town, truth(town, rng), rng)
    tenfold = rows.with_columns(value=pl.col("value") * 10, variance=pl.col("variance") * 100)
    small, large = (fit(survey_panel(one, scale=Scale(), prior=None)) for one in (rows, tenfold))
    for name in ("between", "weekly", "citywide"):
        assert getattr(large, name) == pytest.approx(100 * getattr(small, name), rel=0.02)


def test_plausible_parameters_surround_the_best() -> None:
    made = fit_with_doubt(panel(Town(), 7))
    logs = np.log([[one.between, one.weekly, one.citywide] for one in made.plausible])
    best = np.log([made.best.between, made.best.weekly, made.best.citywide])
    assert len(made.plausible) == 6
    assert (logs.min(axis=0) < best).all()
    assert (logs.max(axis=0) > best).all()


def test_more_waves_leave_less_in_doubt() -> None:
    def doubt(town: Town) -> float:
        made = fit_with_doubt(panel(town, 8))
        return float(np.std(np.log([one.weekly for one in made.plausible])))

    assert doubt(replace(LONG, waves=12)) < 0.7 * doubt(replace(LONG, waves=2))


def test_a_shift_of_every_answer_changes_no_variance() -> None:
    rng = np.random.default_rng(9)
    town = Town()
    rows = survey(town, truth(town, rng), rng)
    here, there = (
        fit(survey_panel(rows.with_columns(value=pl.col("value") + shift), scale=Scale(), prior=None))
        for shift in (0.0, 1000.0)
    )
    for name in ("between", "weekly", "citywide"):
        assert getattr(there, name) == pytest.approx(getattr(here, name), rel=0.02)


@pytest.mark.parametrize(("areas", "waves"), [(1, 1), (1, 5), (2, 2), (8, 1)])
def test_small_surveys_are_given_variances_above_nothing(areas: int, waves: int) -> None:
    found = fit_with_doubt(panel(Town(areas=areas, waves=waves), 1))
    for one in (found.best, *found.plausible):
        for value in (one.between, one.weekly, one.citywide):
            assert 0 < value < 1e3


def test_a_city_that_moves_as_one_is_seen_to() -> None:
    """The same walk in every area is the city's, not theirs."""
    moving = replace(LONG, weekly=0.01, citywide=0.15)
    found = fit(panel(moving, 10))
    assert found.citywide > 5 * found.weekly


def test_the_level_has_a_flat_prior_and_steps_that_of_the_city() -> None:
    made = panel(Town(waves=3, gap_weeks=4), 11)
    found = precision(made, Parameters(0.3, 0.01, 0.02))
    assert found[0] < 1e-6
    np.testing.assert_allclose(found[1:], 1 / (0.02 * 4))
