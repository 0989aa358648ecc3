"""Disagreement is shown, a changed use of the scale is found, and nobody is ranked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.rater_checks import benjamini_hochberg, disagreement, scale_shifts, with_shifts
from barometer.estimate.raters import Ratings, fit_consistent_raters, fit_raters
from tests.estimate.rated import compact, rated_city, table_of


def shifted(ratings: Ratings, who: int, since: int, points: float) -> Ratings:
    return replace(ratings, rating=ratings.rating + points * ((ratings.rater == who) & (ratings.period >= since)))


class TestDisagreement:
    def test_severity_is_no_disagreement(self) -> None:
        # given raters who differ by severity only, over many areas
        exact = np.arange(8.0)[None, :] + np.array([-2.0, 0.0, 2.0, 1.0])[:, None]
        found = disagreement(fit_raters(table_of(exact)))
        assert found["range"].max() < 0.05

    def test_one_area_seen_otherwise_stands_out(self) -> None:
        rng = np.random.default_rng(1)
        table = rng.normal(0, 0.2, (12, 8)) + np.arange(8.0)
        table[::2, 3] += 4
        found = disagreement(fit_raters(table_of(table)))
        assert found.sort("standard_deviation")["area"].to_list()[-1] == 3
        assert found.filter(pl.col("area") == 3)["range"].item() > 3

    def test_two_raters_are_not_set_against_each_other(self) -> None:
        table = np.random.default_rng(2).normal(5, 1, (2, 10))
        found = disagreement(fit_raters(table_of(table)))
        assert found["n_raters"].to_list() == [2] * 10
        assert found["range"].null_count() == found["standard_deviation"].null_count() == 10

    def test_no_rater_is_named(self) -> None:
        found = disagreement(fit_raters(compact(rated_city(np.random.default_rng(3))).ratings))
        assert set(found.columns) == {"area", "period", "n_raters", "standard_deviation", "range"}


class TestScaleShifts:
    def test_a_rater_who_turns_severe_is_flagged_with_the_time(self) -> None:
        hits = []
        for seed in range(12):
            ratings = compact(rated_city(np.random.default_rng(seed), periods=6, each=4)).ratings
            flags = scale_shifts(fit_raters(shifted(ratings, who=5, since=3, points=-3.0)))
            hits.append((5, 3) in flags.rows())
        assert np.mean(hits) >= 0.75

    def test_a_city_without_shifts_is_left_in_peace(self) -> None:
        rng = np.random.default_rng(30)
        models = [fit_raters(compact(rated_city(rng, periods=5)).ratings) for _ in range(30)]
        wrong = sum(scale_shifts(model).height > 0 for model in models)
        # then flags appear in no more cities than the rate of 5 % allows: 30 of them, binomial, 99.9 %
        assert wrong <= 6

    def test_the_score_statistic_is_standard_normal_when_nothing_shifted(self) -> None:
        rng = np.random.default_rng(31)
        z = []
        for _ in range(30):
            ratings = compact(rated_city(rng, periods=4)).ratings
            contrasts = [(ratings.rater == who) & (ratings.period >= 2) for who in range(10)]
            z.append(fit_raters(ratings).score_test(np.column_stack(contrasts).astype(float)))
        found = np.concatenate(z)
        assert abs(found.mean()) < 0.15
        assert 0.9 < found.std() < 1.1

    def test_what_the_model_explains_already_tells_nothing(self) -> None:
        model = fit_raters(compact(rated_city(np.random.default_rng(32))).ratings)
        period = (model.ratings.period == 1).astype(float)
        assert model.score_test(period[:, None]) == pytest.approx([0.0])

    def test_too_few_ratings_on_one_side_are_not_tested(self) -> None:
        model = fit_raters(compact(rated_city(np.random.default_rng(33), periods=2, each=2)).ratings)
        assert scale_shifts(model).is_empty()

    def test_neither_size_nor_direction_nor_an_order_of_size_is_returned(self) -> None:
        ratings = compact(rated_city(np.random.default_rng(34), periods=6, each=5)).ratings
        for who, points in ((7, -3.0), (2, -6.0), (4, 5.0)):
            ratings = shifted(ratings, who, 3, points)
        flags = scale_shifts(fit_raters(ratings))
        assert flags.columns == ["rater", "period"]
        assert flags.height >= 2
        assert flags["rater"].is_sorted()

    def test_scores_stay_put_once_a_shift_is_allowed_for(self) -> None:
        # given three raters who turn four points more severe half-way, in cities whose truth is known
        errors = []
        for seed in range(4):
            rated = compact(rated_city(np.random.default_rng(seed), periods=6, each=4))
            after = rated.ratings
            for who in (3, 5, 8):
                after = shifted(after, who, since=3, points=-4.0)
            area, period = np.unique(np.column_stack([after.area, after.period]), axis=0).T
            plain = fit_consistent_raters(after)
            allowed = fit_consistent_raters(with_shifts(after, scale_shifts(plain)))
            undisturbed = fit_consistent_raters(rated.ratings)
            errors.append(
                [
                    np.mean((m.scores(area, period).value - rated.truth[area, period]) ** 2)
                    for m in (plain, allowed, undisturbed)
                ]
            )
        found = np.sqrt(np.mean(errors, axis=0))
        assert found[1] < 0.9 * found[0]
        assert found[1] < 1.1 * found[2]

    def test_only_the_ratings_after_the_shift_are_marked(self) -> None:
        ratings = compact(rated_city(np.random.default_rng(36))).ratings
        marked = with_shifts(ratings, pl.DataFrame({"rater": [4, 2], "period": [1, 2]})).shift
        assert marked is not None
        assert ((marked == 0) == ((ratings.rater == 4) & (ratings.period >= 1))).all()
        assert ((marked == 1) == ((ratings.rater == 2) & (ratings.period >= 2))).all()
        assert (marked[~np.isin(ratings.rater, [2, 4])] == -1).all()


class TestBenjaminiHochberg:
    def test_the_papers_example(self) -> None:
        # given the 15 p-values of Benjamini & Hochberg (1995), section 3.2: four are rejected at 0.05
        p = [
            0.0001,
            0.0004,
            0.0019,
            0.0095,
            0.0201,
            0.0278,
            0.0298,
            0.0344,
            0.0459,
            0.3240,
            0.4262,
            0.5719,
            0.6528,
            0.7590,
            1.0,
        ]
        assert benjamini_hochberg(np.array(p), rate=0.05).sum() == 4

    def test_nothing_to_test(self) -> None:
        assert not benjamini_hochberg(np.zeros(0), rate=0.05).any()

    @given(p=st.lists(st.floats(0, 1), min_size=1, max_size=30))
    def test_it_lies_between_bonferroni_and_no_correction(self, p: list[float]) -> None:
        values = np.array(p)
        rejected = benjamini_hochberg(values, rate=0.1)
        assert rejected[values <= 0.1 / len(p)].all()
        assert not rejected[values > 0.1].any()
        if rejected.any():
            assert values[rejected].max() <= values[~rejected].min(initial=1.0)
