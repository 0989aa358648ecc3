"""Frames into arrays: what is refused, what is sorted, what is left out."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from barometer.errors import BadInput
from barometer.estimate.signals.panel import signals_panel, survey_panel, weeks_between
from barometer.estimate.signals.scale import Scale

FIRST, SECOND = date(2026, 1, 5), date(2026, 2, 2)
MEAN = Scale("mean", 0, 10)


def survey_rows(**changed: object) -> pl.DataFrame:
    """Two areas in the first wave, one of them in the second."""
    columns = {
        "area": ["B", "A", "A"],
        "wave_end": [FIRST, FIRST, SECOND],
        "value": [6.0, 4.0, 5.0],
        "variance": [0.2, 0.1, 0.1],
        "n": [20.0, 40.0, 40.0],
    }
    return pl.DataFrame(columns | changed)


def signal_rows(**changed: object) -> pl.DataFrame:
    columns = {
        "area": ["B", "A", "A"],
        "period_end": [FIRST, FIRST, SECOND],
        "signal": ["talk", "talk", "count"],
        "value": [1.0, 2.0, 3.0],
        "variance": [0.1, 0.0, 0.3],
    }
    return pl.DataFrame(columns | changed)


def test_a_survey_is_laid_out_by_wave_and_area() -> None:
    panel = survey_panel(survey_rows(), scale=MEAN, prior=None)
    assert panel.areas == ["A", "B"]
    assert panel.waves == [FIRST, SECOND]
    assert panel.centre == 5.0
    np.testing.assert_array_equal(panel.value + panel.centre, [[4.0, 6.0], [5.0, np.nan]])
    np.testing.assert_array_equal(panel.n, [[40.0, 20.0], [40.0, 0.0]])
    np.testing.assert_array_equal(panel.covariates, [[1.0], [1.0]])


def test_the_order_of_rows_does_not_matter() -> None:
    given, turned = (survey_panel(rows, scale=MEAN, prior=None) for rows in (survey_rows(), survey_rows().reverse()))
    np.testing.assert_array_equal(given.value, turned.value)
    np.testing.assert_array_equal(given.variance, turned.variance)


def test_variances_follow_the_effective_n_where_it_is_known() -> None:
    rows = survey_rows().with_columns(effective_n=pl.Series([10.0, 20.0, 20.0]))
    panel = survey_panel(rows, scale=MEAN, prior=None)
    assert panel.variance[0, 1] == pytest.approx(2 * panel.variance[0, 0])
    np.testing.assert_allclose(panel.variance[0], [2 / 20, 2 / 10])


def test_covariates_are_standardised_and_a_constant_one_is_left_out() -> None:
    prior = pl.DataFrame({"area": ["B", "A", "C"], "poor": [1.0, 3.0, 2.0], "same": [4.0, 4.0, 4.0]})
    panel = survey_panel(survey_rows(), scale=MEAN, prior=prior)
    assert panel.areas == ["A", "B", "C"]
    assert panel.covariates.shape == (3, 2)
    np.testing.assert_allclose(panel.covariates[:, 1], np.array([1.0, -1.0, 0.0]) * np.sqrt(1.5))


def test_areas_asked_for_are_all_there_surveyed_or_not() -> None:
    panel = survey_panel(survey_rows(), scale=MEAN, prior=None, areas=["Z", "A"])
    assert panel.areas == ["A", "Z"]
    assert np.isnan(panel.value[:, 1]).all()


def test_the_citys_line_steps_with_each_later_wave() -> None:
    panel = survey_panel(survey_rows(), scale=MEAN, prior=None)
    np.testing.assert_array_equal(panel.line(1), [[1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_array_equal(panel.line(2), [[1.0, 1.0], [1.0, 1.0]])


def test_a_survey_can_be_looked_at_as_it_stood_earlier() -> None:
    panel = survey_panel(survey_rows(), scale=MEAN, prior=None)
    earlier = panel.first(1)
    assert earlier.waves == [FIRST]
    assert earlier.value.shape == (1, 2)
    assert [panel.waves_until(FIRST + timedelta(days=shift)) for shift in (-1, 0, 27, 28)] == [0, 1, 1, 2]
    np.testing.assert_allclose(panel.gaps, [4.0])
    assert weeks_between(FIRST, SECOND) == 4.0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (survey_rows().drop("n"), "columns n are missing"),
        (survey_rows(area=["A", "A", "A"]), "share a key"),
        (survey_rows(value=[6.0, None, 5.0]), "empty fields"),
        (survey_rows(value=[6.0, float("nan"), 5.0]), "finite"),
        (survey_rows(variance=[0.2, -0.1, 0.1]), "not below 0"),
        (survey_rows(n=[20.0, 0.0, 40.0]), "n must be above 0"),
        (survey_rows().clear(), "no direct estimate"),
    ],
)
def test_a_broken_survey_is_refused_in_words(rows: pl.DataFrame, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        survey_panel(rows, scale=MEAN, prior=None)


@pytest.mark.parametrize(
    "prior",
    [
        pl.DataFrame({"area": ["A"], "poor": [1.0]}),
        pl.DataFrame({"area": ["A", "B"], "poor": [1.0, float("nan")]}),
        pl.DataFrame({"area": ["A", "B"], "poor": [1.0, None]}),
    ],
)
def test_covariates_must_be_known_for_every_area(prior: pl.DataFrame) -> None:
    with pytest.raises(BadInput, match="every area needs every covariate"):
        survey_panel(survey_rows(), scale=MEAN, prior=prior)


def test_a_prior_with_an_area_twice_is_refused() -> None:
    prior = pl.DataFrame({"area": ["A", "A", "B"], "poor": [1.0, 2.0, 3.0]})
    with pytest.raises(BadInput, match="twice"):
        survey_panel(survey_rows(), scale=MEAN, prior=prior)


def test_signals_are_laid_out_by_signal_time_and_area() -> None:
    panel = signals_panel(signal_rows(), areas=["A", "B"])
    assert (panel.names, panel.times) == (["count", "talk"], [FIRST, SECOND])
    np.testing.assert_array_equal(panel.value[1], [[2.0, 1.0], [np.nan, np.nan]])
    np.testing.assert_array_equal(panel.value[0], [[np.nan, np.nan], [3.0, np.nan]])


def test_signals_of_other_places_are_left_out() -> None:
    panel = signals_panel(signal_rows(), areas=["B"])
    assert (panel.names, panel.times) == (["talk"], [FIRST])


def test_no_signal_at_all_is_an_empty_panel() -> None:
    panel = signals_panel(signal_rows().clear(), areas=["A", "B"])
    assert panel.names == []
    assert panel.value.shape == (0, 0, 2)


def test_signals_can_be_cut_by_time_and_name() -> None:
    panel = signals_panel(signal_rows(), areas=["A", "B"])
    assert panel.between(FIRST, FIRST).times == [FIRST]
    assert panel.between(FIRST + timedelta(days=1), SECOND).times == [SECOND]
    assert panel.only(["talk", "unknown"]).names == ["talk"]
    np.testing.assert_array_equal(panel.only(["talk"]).value[0], panel.value[1])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (signal_rows().drop("signal"), "columns signal are missing"),
        (signal_rows(area=["A", "A", "A"]), "share a key"),
        (signal_rows(variance=[0.1, float("inf"), 0.3]), "finite"),
    ],
)
def test_broken_signals_are_refused_in_words(rows: pl.DataFrame, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        signals_panel(rows, areas=["A", "B"])
