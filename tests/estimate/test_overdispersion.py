"""Negative binomial rates: against statsmodels, on simulated sessions, and with observers who count their own way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from barometer.estimate.overdispersion import (
    FEWEST_UNITS,
    Counted,
    NegativeBinomial,
    NotConverged,
    fit_negative_binomial,
    standardised_rates,
)
from barometer.estimate.rates import GROUP, rates
from tests.estimate.made import BLOCK_END, BLOCK_START

ALPHA = 1 / 3


class Watched(NamedTuple):
    """Sessions, and the rates an average observer would see: area x period."""

    units: pl.DataFrame
    truth: np.ndarray


def watched(
    rng: np.random.Generator,
    *,
    areas: int = 16,
    periods: int = 3,
    sessions: int = 5,
    observers: int = 10,
    spread: float = 0.3,
    mean: float = 12.0,
    alpha: float = ALPHA,
) -> Watched:
    """Sessions of half an hour to an hour and a half, each by an observer drawn at random."""
    log_rate = np.log(mean) + rng.normal(0, 0.3, (areas, 1)) + rng.normal(0, 0.05, (areas, periods))
    effect = rng.normal(0, spread, observers)
    area, period, _ = (x.ravel() for x in np.indices((areas, periods, sessions)))
    observer, hours = rng.integers(0, observers, area.size), rng.choice([0.5, 1.0, 1.5], area.size)
    expected = hours * np.exp(log_rate[area, period] + effect[observer])
    events = rng.negative_binomial(1 / alpha, 1 / (1 + alpha * expected)) if alpha else rng.poisson(expected)
    units = pl.DataFrame(
        {
            "geography": ["hood"] * area.size,
            "area": [f"A{i:02d}" for i in area],
            "period_start": [BLOCK_START + timedelta(days=28 * int(t)) for t in period],
            "period_end": [BLOCK_END + timedelta(days=28 * int(t)) for t in period],
            "events": events.astype(float),
            "exposure": hours,
            "observer": [f"v{i:02d}" for i in observer],
        }
    )
    average = (hours * np.exp(effect[observer])).sum() / hours.sum()
    return Watched(units.sort(*GROUP), np.exp(log_rate) * average)


def plain(events: np.ndarray, exposure: np.ndarray, cell: np.ndarray) -> Counted:
    """Counts without nuisances."""
    nothing = np.zeros((len(events), 0))
    return Counted(events.astype(float), exposure, cell, nothing, np.zeros(0, dtype=np.int64))


class TestAgainstStatsmodels:
    @pytest.fixture(scope="class")
    @classmethod
    def sessions(cls) -> Counted:
        rng = np.random.default_rng(11)
        cell = np.repeat(np.arange(3), 60)
        exposure = rng.uniform(0.5, 2.0, len(cell))
        expected = exposure * np.array([4.0, 9.0, 15.0])[cell]
        return plain(rng.negative_binomial(2.0, 2.0 / (2.0 + expected)), exposure, cell)

    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls, sessions: Counted) -> NegativeBinomial:
        return fit_negative_binomial(sessions)

    def glm(self, sessions: Counted, alpha: float) -> Any:
        family = sm.families.NegativeBinomial(alpha=alpha)
        return sm.GLM(sessions.events, np.eye(3)[sessions.cell], family=family, exposure=sessions.exposure).fit()

    def test_rates_and_errors_at_the_same_dispersion(self, sessions: Counted, fitted: NegativeBinomial) -> None:
        expected = self.glm(sessions, fitted.alpha)
        value, error = fitted.standardised(sessions)
        assert value == pytest.approx(np.exp(expected.params), rel=1e-6)
        assert error / value == pytest.approx(expected.bse, rel=1e-6)

    def test_dispersion_is_the_top_of_the_adjusted_likelihood(
        self, sessions: Counted, fitted: NegativeBinomial
    ) -> None:
        # given Cox and Reid's criterion from statsmodels' likelihood and covariance, over a fine grid of alpha
        grid = np.exp(np.linspace(np.log(0.1), np.log(2.0), 400))
        fits = [self.glm(sessions, float(alpha)) for alpha in grid]
        criterion = [fit.llf + 0.5 * np.linalg.slogdet(fit.cov_params())[1] for fit in fits]
        assert fitted.alpha == pytest.approx(grid[int(np.argmax(criterion))], rel=0.01)
        assert fitted.criterion == pytest.approx(max(criterion), abs=1e-3)

    def test_dispersion_is_near_the_plain_maximum_where_sessions_are_many(
        self, sessions: Counted, fitted: NegativeBinomial
    ) -> None:
        # given 60 sessions a place, where the adjustment is small
        model = sm.NegativeBinomial(sessions.events, np.eye(3)[sessions.cell], exposure=sessions.exposure)
        assert fitted.alpha == pytest.approx(model.fit(disp=0).params[-1], rel=0.06)
        assert fitted.alpha > model.fit(disp=0).params[-1]

    def test_observers_effects_solve_the_penalised_equations(self) -> None:
        # given observers, then at the found spread each effect balances its score against its penalty
        seen = watched(np.random.default_rng(2)).units
        levels = sorted(seen["observer"].unique())
        indicators = np.array([[name == level for level in levels] for name in seen["observer"]], dtype=float)
        cell = seen.select(pl.struct(GROUP).rank("dense") - 1).to_series().cast(pl.Int64).to_numpy()
        exposure, events = seen["exposure"].to_numpy(), seen["events"].to_numpy()
        counted = Counted(events, exposure, cell, indicators, np.zeros(len(levels), dtype=np.int64))
        fit = fit_negative_binomial(counted)
        mean = exposure * np.exp(fit.log_rate[cell] + indicators @ fit.effect)
        score = indicators.T @ ((events - mean) / (1 + fit.alpha * mean))
        assert score == pytest.approx(fit.effect / fit.spread[0] ** 2, abs=1e-6)


class TestKnownSessions:
    @pytest.fixture(scope="class")
    @classmethod
    def cities(cls) -> list[tuple[Watched, pl.DataFrame, pl.DataFrame]]:
        rng = np.random.default_rng(20260509)
        several = [watched(rng) for _ in range(40)]
        return [(one, standardised_rates(one.units, nuisances=["observer"]), rates(one.units)) for one in several]

    def test_intervals_hold_the_average_observers_rate(
        self, cities: list[tuple[Watched, pl.DataFrame, pl.DataFrame]]
    ) -> None:
        hits = [self._hits(one.truth, found) for one, found, _ in cities]
        assert 0.935 < np.mean(hits) < 0.97

    @staticmethod
    def _hits(truth: np.ndarray, found: pl.DataFrame) -> float:
        return float(
            np.mean((found["lower"].to_numpy() <= truth.ravel()) & (truth.ravel() <= found["upper"].to_numpy()))
        )

    def test_setting_observers_aside_brings_rates_nearer_the_truth(
        self, cities: list[tuple[Watched, pl.DataFrame, pl.DataFrame]]
    ) -> None:
        errors = [
            [np.mean((frame["value"].to_numpy() / one.truth.ravel() - 1) ** 2) for frame in (found, usual)]
            for one, found, usual in cities
        ]
        model, quasi = np.sqrt(np.mean(errors, axis=0))
        print(f"rate per hour, relative RMSE: {model:.3f} negative binomial with observers, {quasi:.3f} quasi-Poisson")
        assert model < 0.93 * quasi

    def test_few_sessions_a_place_do_not_hide_dispersion(self) -> None:
        # given three sessions a place and period, where the plain maximum would find about two thirds of alpha
        rng = np.random.default_rng(5)
        found = []
        for _ in range(20):
            units = watched(rng, sessions=3, spread=0.0, mean=20).units
            cell = units.select(pl.struct(GROUP).rank("dense") - 1).to_series().cast(pl.Int64).to_numpy()
            found.append(
                fit_negative_binomial(plain(units["events"].to_numpy(), units["exposure"].to_numpy(), cell)).alpha
            )
        assert np.mean(found) == pytest.approx(ALPHA, rel=0.12)

    def test_counts_without_over_dispersion_come_out_as_poisson(self) -> None:
        one = watched(np.random.default_rng(6), alpha=0.0, spread=0.0)
        found, usual = standardised_rates(one.units, nuisances=["observer"]), rates(one.units)
        assert found["value"].to_numpy() == pytest.approx(usual["value"].to_numpy(), rel=0.05)
        assert found["standard_error"].to_numpy() == pytest.approx(usual["standard_error"].to_numpy(), rel=0.25)
        assert found["dispersion"].max() < 1.3


class TestObservers:
    def test_one_who_counts_double_moves_no_rate_but_all_a_little(self) -> None:
        # given the same sessions, then with one observer noting every party twice
        one = watched(np.random.default_rng(3), spread=0.05)
        doubled = one.units.with_columns(
            events=pl.when(pl.col("observer") == "v03").then(2 * pl.col("events")).otherwise("events")
        )
        before, after, usual = (
            frame["value"].to_numpy()
            for frame in (
                standardised_rates(one.units, nuisances=["observer"]),
                standardised_rates(doubled, nuisances=["observer"]),
                rates(doubled),
            )
        )
        # then rates relative to one another stay: their spread of change is a fraction of the plain rates'
        assert np.log(after / before).std() < 0.5 * np.log(usual / before).std()

    def test_observers_of_one_place_each_are_not_told_from_it(self) -> None:
        one = watched(np.random.default_rng(4)).units.with_columns(observer=pl.concat_str("area", "period_start"))
        found = standardised_rates(one, nuisances=["observer"])
        without = standardised_rates(one, nuisances=[])
        assert found.equals(without)

    def test_unknown_observers_count_as_average(self) -> None:
        one = watched(np.random.default_rng(7))
        half = one.units.with_columns(observer=pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.col("observer")))
        found = standardised_rates(half, nuisances=["observer"])
        assert found["value"].is_finite().all()
        assert found.height == one.truth.size

    def test_nobody_known_is_no_nuisance(self) -> None:
        one = watched(np.random.default_rng(7)).units
        nobody = one.with_columns(observer=pl.lit(None, dtype=pl.String))
        assert standardised_rates(nobody, nuisances=["observer"]).equals(standardised_rates(one, nuisances=[]))

    def test_weather_is_set_aside_likewise(self) -> None:
        # given a third of the sessions in rain that keeps half of the people away
        rng = np.random.default_rng(8)
        one = watched(rng, spread=0.0, sessions=6)
        is_wet = rng.random(one.units.height) < 1 / 3
        kept = rng.binomial(one.units["events"].to_numpy().astype(int), np.where(is_wet, 0.5, 1.0)).astype(float)
        wet = one.units.with_columns(events=pl.Series(kept), weather=pl.Series(np.where(is_wet, "rain", "dry")))
        errors = []
        for nuisances in ([], ["weather"]):
            value = standardised_rates(wet, nuisances=nuisances)["value"].to_numpy()
            errors.append(np.log(value / one.truth.ravel()).std())
        assert errors[1] < errors[0]


class TestFallbacks:
    def test_few_sessions_keep_the_quasi_poisson_rates(self) -> None:
        few = watched(np.random.default_rng(9)).units.head(FEWEST_UNITS - 1)
        assert standardised_rates(few, nuisances=["observer"]).equals(rates(few))

    def test_a_session_a_place_keeps_them_too(self) -> None:
        single = watched(np.random.default_rng(9), areas=40, sessions=1, periods=1).units
        assert standardised_rates(single, nuisances=["observer"]).equals(rates(single))

    def test_no_sessions_at_all(self) -> None:
        none = watched(np.random.default_rng(9)).units.clear()
        assert standardised_rates(none, nuisances=["observer"]).is_empty()

    def test_no_convergence_keeps_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(_: Counted) -> NegativeBinomial:
            raise NotConverged("no top")

        monkeypatch.setattr("barometer.estimate.overdispersion.fit_negative_binomial", fails)
        units = watched(np.random.default_rng(9)).units
        assert standardised_rates(units, nuisances=["observer"]).equals(rates(units))

    def test_counts_that_overflow_are_refused(self) -> None:
        with pytest.raises(NotConverged):
            fit_negative_binomial(plain(np.full(40, np.nan), np.ones(40), np.arange(40) % 4))


class TestPlacesWithoutAnEvent:
    def test_the_upper_end_is_the_rate_that_could_go_unseen(self) -> None:
        units = watched(np.random.default_rng(10), spread=0.0).units
        empty = units.with_columns(events=pl.when(pl.col("area") == "A05").then(0.0).otherwise("events"))
        found = standardised_rates(empty, nuisances=[]).filter(pl.col("area") == "A05")
        others = standardised_rates(empty, nuisances=[]).filter(pl.col("area") != "A05")
        assert (found["value"] == 0).all()
        assert (found["lower"] == 0).all()
        # then at that rate a session of average length is empty with probability 0.025^(1/5), five of them with 0.025
        alpha = ((others["dispersion"] - 1) / others["value"]).median()
        assert alpha is not None
        hours = empty.filter(pl.col("area") == "A05").group_by(GROUP).agg(pl.col("exposure").mean()).sort(GROUP)
        expected = found["upper"].to_numpy() * hours["exposure"].to_numpy()
        assert expected.min() > 3.69 / 5
        chance = stats.nbinom.pmf(0, 1 / ALPHA, 1 / (1 + ALPHA * expected)) ** 5
        assert chance == pytest.approx(np.full(3, 0.025), abs=0.015)

    def test_an_empty_town(self) -> None:
        units = watched(np.random.default_rng(10)).units.with_columns(events=0.0)
        found = standardised_rates(units, nuisances=["observer"])
        assert (found["value"] == 0).all()
        assert (found["upper"] > 0).all()


class TestWhateverIsSeen:
    @settings(max_examples=25, deadline=None)
    @given(
        seed=st.integers(0, 1000),
        mean=st.floats(0.2, 60),
        alpha=st.sampled_from([0.0, 0.1, 1.0, 4.0]),
        spread=st.floats(0, 0.6),
    )
    def test_numbers_hold_together(self, seed: int, mean: float, alpha: float, spread: float) -> None:
        units = watched(np.random.default_rng(seed), areas=8, mean=mean, alpha=alpha, spread=spread).units
        found = standardised_rates(units, nuisances=["observer"])
        assert found.select(GROUP).equals(rates(units).select(GROUP))
        for row in found.iter_rows(named=True):
            assert 0 <= row["lower"] <= row["value"] <= row["upper"] < np.inf
            assert row["standard_error"] > 0
            assert row["dispersion"] >= 1

    @settings(max_examples=15, deadline=None)
    @given(seed=st.integers(0, 1000), factor=st.floats(0.1, 10))
    def test_the_unit_of_time_does_not_matter(self, seed: int, factor: float) -> None:
        units = watched(np.random.default_rng(seed), areas=8).units
        stretched = units.with_columns(pl.col("exposure") * factor)
        before, after = (standardised_rates(frame, nuisances=["observer"]) for frame in (units, stretched))
        for name in ("value", "standard_error", "lower", "upper"):
            assert (after[name] * factor).to_numpy() == pytest.approx(before[name].to_numpy(), rel=1e-3)

    @settings(max_examples=15, deadline=None)
    @given(seed=st.integers(0, 1000))
    def test_neither_order_nor_names_of_observers_matter(self, seed: int) -> None:
        units = watched(np.random.default_rng(seed), areas=8).units
        renamed = units.with_columns(observer=pl.lit("other ") + pl.col("observer").str.reverse())
        shuffled = renamed.sample(fraction=1.0, shuffle=True, seed=seed)
        before, after = (standardised_rates(frame, nuisances=["observer"]) for frame in (units, shuffled))
        assert after["value"].to_numpy() == pytest.approx(before["value"].to_numpy(), rel=1e-3)
