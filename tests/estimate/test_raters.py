"""The crossed model of ratings: published and independent fits, known cities recovered, severity without effect."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.regression.mixed_linear_model import MixedLM

from barometer.estimate.raters import (
    RaterModel,
    Ratings,
    RatingsTooFew,
    Scores,
    _solve,
    fit_consistent_raters,
    fit_raters,
)
from tests.estimate.rated import PENICILLIN, Rated, as_ratings, compact, rated_city, table_of


def scored(model: RaterModel) -> tuple[np.ndarray, np.ndarray, Scores]:
    """Area and period of every rated pair, and their scores."""
    pairs = np.unique(np.column_stack([model.ratings.area, model.ratings.period]), axis=0)
    return pairs[:, 0], pairs[:, 1], model.scores(pairs[:, 0], pairs[:, 1])


class TestPublishedFit:
    """lme4: lmer(diameter ~ 1 + (1|plate) + (1|sample), Penicillin), as printed in its documentation."""

    def test_deviance(self) -> None:
        assert fit_raters(table_of(PENICILLIN)).deviance == pytest.approx(330.8606, abs=5e-5)

    def test_standard_deviations(self) -> None:
        found = fit_raters(table_of(PENICILLIN)).variances
        assert np.sqrt(found.rater) == pytest.approx(0.8467, abs=1e-4)
        assert np.sqrt(found.area) == pytest.approx(1.9316, abs=1e-4)
        assert np.sqrt(found.error) == pytest.approx(0.5499, abs=1e-4)

    def test_the_mean_of_balanced_ratings_is_their_mean(self) -> None:
        model = fit_raters(table_of(PENICILLIN))
        whole = model.weighted_score(np.arange(6), np.zeros(6, dtype=np.int64), np.ones(6))
        assert whole.value == pytest.approx([22.97222], abs=1e-5)


class TestIndependentFits:
    def test_balanced_tables_agree_with_analysis_of_variance(self) -> None:
        # given a full table, where REML is the analysis of variance (Searle, Casella & McCulloch 1992, 4.7)
        y = PENICILLIN
        plates, samples = y.shape
        of_samples = plates * y.mean(axis=0).var(ddof=1)
        of_plates = samples * y.mean(axis=1).var(ddof=1)
        rest = y - y.mean(axis=0) - y.mean(axis=1, keepdims=True) + y.mean()
        error = (rest**2).sum() / ((plates - 1) * (samples - 1))
        found = fit_raters(table_of(y)).variances
        assert found.error == pytest.approx(error, rel=1e-3)
        assert found.area == pytest.approx((of_samples - error) / plates, rel=1e-3)
        assert found.rater == pytest.approx((of_plates - error) / samples, rel=1e-3)

    def test_an_unbalanced_design_agrees_with_statsmodels(self) -> None:
        # given a small uneven city, and its dense model matrices for statsmodels, which knows no short cut
        rated = compact(rated_city(np.random.default_rng(3), areas=8, raters=10, periods=2, each=4))
        r = rated.ratings
        mean = np.eye(2)[r.period]
        parts = {"area": np.eye(8)[r.area], "rater": np.eye(10)[r.rater], "both": np.eye(16)[r.area * 2 + r.period]}
        everything = MixedLM(
            r.rating,
            mean,
            groups=np.ones(len(r.rating)),
            exog_vc=_components(parts),
        )
        expected = everything.fit(reml=True, method=["bfgs", "nm"])
        found = fit_raters(r)
        # then neither likelihood is beaten by the other
        assert found.deviance == pytest.approx(-2 * expected.llf, abs=2e-3)
        assert found.variances.error == pytest.approx(expected.scale, rel=0.02)

    def test_scores_and_errors_agree_with_the_textbooks_matrices(self) -> None:
        # given variances known, the best prediction is G Z'V^-1 (y - Xb), its error from the full inverse
        rated = compact(rated_city(np.random.default_rng(5), areas=6, raters=9, periods=2, each=3))
        model = fit_raters(rated.ratings)
        value, error = _by_the_book(model, area=2, period=1)
        fit = model._best
        found, variance = fit.predict(np.array([2]), np.array([1]))
        assert found[0] == pytest.approx(value, abs=1e-8)
        assert np.sqrt(variance[0]) == pytest.approx(error, abs=1e-8)

    def test_freedom_adds_up_to_what_the_fit_leaves(self) -> None:
        model = fit_raters(compact(rated_city(np.random.default_rng(6))).ratings)
        assert model.freedom.min() > 0
        assert model.freedom.max() < 1
        # then residuals are as large as their freedom says, on the whole
        assert (model.residuals**2).sum() == pytest.approx(model.variances.error * model.freedom.sum(), rel=0.2)


def _components(parts: dict[str, np.ndarray]) -> Any:
    from statsmodels.regression.mixed_linear_model import VCSpec

    names = list(parts)
    columns = [[[f"{name}{i}" for i in range(parts[name].shape[1])]] for name in names]
    return VCSpec(names, columns, [[parts[name]] for name in names])


def _by_the_book(model: RaterModel, *, area: int, period: int) -> tuple[float, float]:
    r, v = model.ratings, model.variances
    n_periods, n_areas, n_raters = r.levels
    x = np.eye(n_periods)[r.period]
    z = np.hstack(
        [np.eye(n_areas)[r.area], np.eye(n_raters)[r.rater], np.eye(n_areas * n_periods)[r.area * n_periods + r.period]]
    )
    g = np.diag(np.repeat([v.area, v.rater, v.area_period], [n_areas, n_raters, n_areas * n_periods]))
    coefficients = np.block([[x.T @ x, x.T @ z], [z.T @ x, z.T @ z + v.error * np.linalg.pinv(g)]]) / v.error
    covariance = np.linalg.inv(coefficients)
    solution = covariance @ np.concatenate([x.T @ r.rating, z.T @ r.rating]) / v.error
    wanted = np.zeros(len(solution))
    wanted[[period, n_periods + area, n_periods + n_areas + n_raters + area * n_periods + period]] = 1
    return float(wanted @ solution), float(np.sqrt(wanted @ covariance @ wanted))


@pytest.fixture(scope="module")
def known_cities() -> list[tuple[Rated, RaterModel]]:
    rng = np.random.default_rng(20260509)
    several = [compact(rated_city(rng)) for _ in range(30)]
    return [(one, fit_raters(one.ratings)) for one in several]


class TestKnownCities:
    def test_variances_are_recovered_on_average(self, known_cities: list[tuple[Rated, RaterModel]]) -> None:
        found = np.mean([model.variances for _, model in known_cities], axis=0)
        assert found == pytest.approx([0.64, 1.44, 0.09, 1.0], abs=0.1)

    def test_95_percent_intervals_hold_95_percent_of_true_scores(
        self, known_cities: list[tuple[Rated, RaterModel]]
    ) -> None:
        hits = np.concatenate([self._hits(rated, model) for rated, model in known_cities])
        assert len(hits) > 1500
        assert 0.935 < hits.mean() < 0.965

    @staticmethod
    def _hits(rated: Rated, model: RaterModel) -> np.ndarray:
        area, period, found = scored(model)
        return np.abs(found.value - rated.truth[area, period]) < 1.96 * found.standard_error

    def test_the_citys_mean_is_held_too(self, known_cities: list[tuple[Rated, RaterModel]]) -> None:
        hits = []
        for rated, model in known_cities:
            areas = np.arange(len(rated.truth))
            for period in range(3):
                whole = model.weighted_score(areas, np.full(len(areas), period), np.ones(len(areas)))
                hits.append(abs(whole.value[0] - rated.truth[:, period].mean()) < 1.96 * whole.standard_error[0])
        assert 0.89 < np.mean(hits) <= 1

    def test_scores_beat_the_mean_of_ratings(self, known_cities: list[tuple[Rated, RaterModel]]) -> None:
        of_scores, of_means = [], []
        for rated, model in known_cities:
            area, period, found = scored(model)
            r = rated.ratings
            raw = [r.rating[(r.area == a) & (r.period == p)].mean() for a, p in zip(area, period, strict=True)]
            of_scores.append(found.value - rated.truth[area, period])
            of_means.append(raw - rated.truth[area, period])
        rmse = [np.sqrt(np.mean(np.concatenate(errors) ** 2)) for errors in (of_scores, of_means)]
        assert rmse[0] < 0.65 * rmse[1]


class TestTheTop:
    """The likelihood has flat valleys and edges at which a search by slope alone stops short."""

    @pytest.mark.parametrize(("seed", "is_shuffled"), [(37, False), (38, True)])
    def test_small_cities_at_whose_edge_a_search_stuck(self, seed: int, is_shuffled: bool) -> None:
        rng = np.random.default_rng(seed)
        areas, raters, periods = (int(rng.integers(low, high)) for low, high in ((6, 13), (8, 15), (1, 4)))
        r = compact(rated_city(rng, areas=areas, raters=raters, periods=periods)).ratings
        order, names = rng.permutation(len(r.rating)), rng.permutation(r.levels[2])
        shuffled = as_ratings(r.rating[order], r.area[order], names[r.rater[order]], r.period[order])
        self._is_top(fit_raters(shuffled if is_shuffled else r), np.linspace(0, 2, 13))

    def test_known_cities(self, known_cities: list[tuple[Rated, RaterModel]]) -> None:
        for _, model in known_cities:
            self._is_top(model, np.array([0.0, 0.3, 0.8, 1.2, 2.0]))

    @staticmethod
    def _is_top(model: RaterModel, deviations: np.ndarray) -> None:
        """None on a wide grid of standard deviations is likelier."""
        sums, free = model._best.sums, model._free
        axes = [deviations if is_free else np.zeros(1) for is_free in free]
        others = [_solve(sums, np.array(point)).deviance for point in itertools.product(*axes)]
        assert model.deviance <= min(others) + 1e-6


class TestConsistency:
    def test_steady_raters_are_believed_more(self) -> None:
        # given half the raters five times as erratic as the others
        rng = np.random.default_rng(8)
        gains = []
        for _ in range(8):
            rated = compact(rated_city(rng, is_steady=(0.3, 1.8), each=6))
            errors = []
            for fit in (fit_raters, fit_consistent_raters):
                area, period, found = scored(fit(rated.ratings))
                errors.append(np.mean((found.value - rated.truth[area, period]) ** 2))
            gains.append(errors)
        plain, weighed = np.mean(gains, axis=0)
        assert weighed < 0.97 * plain

    def test_intervals_still_hold(self) -> None:
        rng = np.random.default_rng(9)
        cities = [compact(rated_city(rng, is_steady=(0.6, 1.8))) for _ in range(20)]
        hits = [TestKnownCities._hits(one, fit_consistent_raters(one.ratings)) for one in cities]
        assert 0.925 < np.concatenate(hits).mean() < 0.965

    def test_raters_alike_keep_equal_weights(self) -> None:
        # given errors of one size for all, exactly: every rater one point too high and one too low, in turns
        rater, turn, area = (x.ravel() for x in np.indices((10, 2, 8)))
        noise = np.where((rater + turn + area) % 2 == 0, 1.0, -1.0)
        ratings = as_ratings(5 + 0.3 * area + 0.2 * rater + noise, area, rater, np.zeros(len(area), dtype=np.int64))
        weight = fit_consistent_raters(ratings).ratings.weight
        assert weight == pytest.approx(np.full(len(weight), weight[0]))


@st.composite
def cities(draw: st.DrawFn) -> Ratings:
    seed = draw(st.integers(0, 10_000))
    sizes = {"areas": draw(st.integers(6, 12)), "raters": draw(st.integers(8, 14)), "periods": draw(st.integers(1, 3))}
    return compact(rated_city(np.random.default_rng(seed), **sizes)).ratings


class TestProperties:
    @settings(max_examples=8, deadline=None)
    @given(ratings=cities(), severity=st.floats(-3, 3), who=st.integers(0, 7))
    def test_a_raters_severity_hardly_moves_the_scores(self, ratings: Ratings, severity: float, who: int) -> None:
        # given the same variances, as one rater's severity among ten must move their estimate too
        plain = fit_raters(ratings)
        moved = replace(ratings, rating=ratings.rating + severity * (ratings.rater == who))
        before = scored(plain)[2]
        after = scored(fit_raters(moved))[2]
        naive = np.abs(severity) * np.mean(ratings.rater == who) * len(np.unique(ratings.area))
        assert np.abs(after.value - before.value).mean() <= 0.35 * abs(severity) + 1e-3
        assert np.abs(after.value - before.value).mean() <= naive + 1e-3

    @settings(max_examples=8, deadline=None)
    @given(ratings=cities(), seed=st.integers(0, 100))
    def test_neither_order_nor_the_names_of_raters_matter(self, ratings: Ratings, seed: int) -> None:
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(ratings.rating))
        names = rng.permutation(ratings.levels[2])
        shuffled = as_ratings(
            ratings.rating[order], ratings.area[order], names[ratings.rater[order]], ratings.period[order]
        )
        before, after = scored(fit_raters(ratings))[2], scored(fit_raters(shuffled))[2]
        assert after.value == pytest.approx(before.value, abs=2e-3)
        assert after.standard_error == pytest.approx(before.standard_error, abs=2e-3)

    @settings(max_examples=8, deadline=None)
    @given(ratings=cities(), shift=st.floats(-5, 5), stretch=st.floats(0.5, 20))
    def test_scores_follow_the_scale(self, ratings: Ratings, shift: float, stretch: float) -> None:
        before = scored(fit_raters(ratings))[2]
        after = scored(fit_raters(replace(ratings, rating=shift + stretch * ratings.rating)))[2]
        assert after.value == pytest.approx(shift + stretch * before.value, abs=2e-3 * stretch)
        assert after.standard_error == pytest.approx(stretch * before.standard_error, abs=2e-3 * stretch)

    @settings(max_examples=8, deadline=None)
    @given(ratings=cities())
    def test_an_area_nobody_rated_is_known_least(self, ratings: Ratings) -> None:
        # given the variances known; averaged over plausible ones, a far-off area may be less certain than the mean
        fit = fit_raters(ratings)._best
        area, period = np.unique(np.column_stack([ratings.area, ratings.period]), axis=0).T
        rated = fit.predict(area, period)[1]
        unrated = fit.predict(np.full(len(area), -1), period)[1]
        assert (unrated >= rated - 1e-9).all()


class TestWhatCannotBeFitted:
    def test_one_rating_a_period_leaves_no_error(self) -> None:
        ratings = as_ratings(np.array([3.0, 4.0]), np.array([0, 1]), np.array([0, 0]), np.array([0, 1]))
        with pytest.raises(RatingsTooFew, match="2 ratings in 2 periods"):
            fit_raters(ratings)

    def test_ratings_all_alike_show_no_error(self) -> None:
        with pytest.raises(RatingsTooFew, match="all alike"):
            fit_raters(table_of(np.full((5, 4), 3.0)))

    def test_ratings_without_any_error_are_fitted(self) -> None:
        exact = np.arange(6.0)[None, :] + np.arange(5.0)[:, None]
        found = scored(fit_raters(table_of(exact)))[2]
        assert np.diff(found.value) == pytest.approx(np.ones(5), abs=1e-3)
        assert np.isfinite(found.standard_error).all()

    def test_a_rater_of_one_area_is_no_hindrance(self) -> None:
        r = compact(rated_city(np.random.default_rng(4), periods=1)).ratings
        more = as_ratings(
            np.append(r.rating, 9.0), np.append(r.area, 0), np.append(r.rater, r.levels[2]), np.append(r.period, 0)
        )
        before, after = scored(fit_raters(r))[2], scored(fit_raters(more))[2]
        # then one severe or mild stranger moves the area by less than the mean of ratings would
        assert abs(after.value[0] - before.value[0]) < abs(9.0 - before.value[0]) / 3
