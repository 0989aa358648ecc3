"""Reliability: analysis of variance by hand, recovery of a known truth, and what must hold for any answers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.reliability import (
    ASSUMED_ICC,
    FEWEST_AREAS,
    HIGHEST_ICC,
    LOWEST_ICC,
    intra_area_correlation,
    reliability_from_errors,
    spearman_brown,
)


def simulated(icc: float, *, areas: int = 60, per_area: int = 40, waves: int = 1, seed: int = 1) -> pl.DataFrame:
    """Answers of variance 1 of which the share `icc` lies between areas."""
    rng = np.random.default_rng(seed)
    frames = []
    for wave in range(waves):
        levels = rng.normal(0, np.sqrt(icc), areas).repeat(per_area)
        names = [f"A{i}" for i in range(areas) for _ in range(per_area)]
        values = levels + rng.normal(0, np.sqrt(1 - icc), areas * per_area)
        frames.append(pl.DataFrame({"wave": [wave] * len(names), "area": names, "value": values}))
    return pl.concat(frames)


class TestSpearmanBrown:
    @pytest.mark.parametrize(
        ("n", "icc", "expected"),
        # Belonging in 325 districts (Fone et al. 2006, rho .064): 34 respondents give .70, 58 give .80.
        [(34, 0.064, 0.70), (58, 0.064, 0.80), (100, 0.01, 0.50), (396, 0.01, 0.80), (29, 0.12, 0.80), (1, 0.1, 0.1)],
    )
    def test_known_cases(self, n: int, icc: float, expected: float) -> None:
        assert spearman_brown(effective_n=np.array([float(n)]), icc=icc)[0] == pytest.approx(expected, abs=0.005)

    def test_nobody_is_not_reliable(self) -> None:
        assert spearman_brown(effective_n=np.array([0.0]), icc=0.1)[0] == 0

    @given(n=st.floats(0, 1e6), icc=st.floats(LOWEST_ICC, HIGHEST_ICC))
    def test_it_lies_between_nothing_and_one(self, n: float, icc: float) -> None:
        assert 0 <= spearman_brown(effective_n=np.array([n]), icc=icc)[0] <= 1

    @given(n=st.floats(0, 1e4), more=st.floats(0, 1e4), icc=st.floats(LOWEST_ICC, HIGHEST_ICC))
    def test_more_respondents_are_never_less_reliable(self, n: float, more: float, icc: float) -> None:
        few, many = spearman_brown(effective_n=np.array([n, n + more]), icc=icc)
        assert few <= many + 1e-12


class TestIntraAreaCorrelation:
    def test_a_hand_worked_analysis_of_variance(self) -> None:
        # given eight areas of two respondents each, one half of areas at 0 and 2, the other at 3 and 5
        values = [0.0, 2.0] * 4 + [3.0, 5.0] * 4
        answers = pl.DataFrame({"wave": 1, "area": [f"A{i // 2}" for i in range(16)], "value": values})
        # then SSW = 16 on 8, SSB = 36 on 7, n0 = 2: rho = (36/7 - 2) / (36/7 + 2) = .44, held at the highest
        assert intra_area_correlation(answers) == HIGHEST_ICC
        # and with a smaller step, SSB = 16 * .8^2 = 10.24 on 7: rho < 0, held at the lowest
        closer = answers.with_columns(value=pl.Series([0.0, 2.0] * 4 + [1.6, 3.6] * 4))
        assert intra_area_correlation(closer) == LOWEST_ICC

    def test_an_unbounded_case_by_hand(self) -> None:
        # given the same eight areas two apart: SSB = 16 on 7, MSW = 2, rho = (16/7 - 2) / (16/7 + 2) = 1/15
        values = [0.0, 2.0] * 4 + [2.0, 4.0] * 4
        answers = pl.DataFrame({"wave": 1, "area": [f"A{i // 2}" for i in range(16)], "value": values})
        assert intra_area_correlation(answers) == pytest.approx(1 / 15)

    @pytest.mark.parametrize("truth", [0.03, 0.06, 0.12])
    def test_a_known_truth_is_recovered(self, truth: float) -> None:
        assert intra_area_correlation(simulated(truth, waves=4)) == pytest.approx(truth, abs=0.02)

    def test_what_moves_all_areas_from_wave_to_wave_is_not_between_areas(self) -> None:
        answers = simulated(0.05, waves=3)
        moved = answers.with_columns(pl.col("value") + 5.0 * pl.col("wave"))
        assert intra_area_correlation(moved) == pytest.approx(intra_area_correlation(answers))

    def test_no_difference_between_areas_gives_the_lower_bound(self) -> None:
        answers = simulated(0.0, per_area=20).with_columns(
            value=pl.col("value") - pl.col("value").mean().over("area")
        )  # fmt: skip
        assert intra_area_correlation(answers) == LOWEST_ICC

    def test_too_few_areas_give_the_assumed_value(self) -> None:
        assert intra_area_correlation(simulated(0.1, areas=FEWEST_AREAS - 1)) == ASSUMED_ICC

    def test_one_answer_an_area_gives_the_assumed_value(self) -> None:
        assert intra_area_correlation(simulated(0.1, per_area=1)) == ASSUMED_ICC

    def test_everybody_giving_one_answer_gives_the_lower_bound(self) -> None:
        assert intra_area_correlation(simulated(0.1).with_columns(value=pl.lit(5.0))) == LOWEST_ICC

    def test_respondents_without_a_place_or_an_answer_do_not_count(self) -> None:
        answers = simulated(0.08)
        lost = answers.with_columns(area=pl.lit(None, dtype=pl.String))
        silent = answers.with_columns(value=pl.lit(None, dtype=pl.Float64))
        assert intra_area_correlation(pl.concat([answers, lost, silent])) == intra_area_correlation(answers)

    @given(
        values=st.lists(st.floats(0, 10), min_size=0, max_size=60),
        areas=st.integers(1, 12),
        seed=st.integers(0, 5),
    )
    def test_it_is_within_bounds_for_any_answers_in_any_order(self, values: list[float], areas: int, seed: int) -> None:
        names = [f"A{i % areas}" for i in range(len(values))]
        answers = pl.DataFrame(
            {"wave": [1] * len(values), "area": names, "value": values},
            schema={"wave": pl.Int64, "area": pl.String, "value": pl.Float64},
        )
        found = intra_area_correlation(answers)
        assert LOWEST_ICC <= found <= HIGHEST_ICC
        assert intra_area_correlation(answers.sample(fraction=1, shuffle=True, seed=seed)) == pytest.approx(found)


class TestFromErrors:
    def test_a_hand_worked_case(self) -> None:
        # given ten areas, half at 0 and half at 2, each with standard error 1: Q = 10, tau^2 = (10 - 9) / 9
        values, errors = np.array([0.0, 2.0] * 5), np.ones(10)
        found = reliability_from_errors(values=values, standard_errors=errors)
        assert found is not None
        assert found == pytest.approx(np.full(10, (1 / 9) / (1 / 9 + 1)))

    def test_areas_no_further_apart_than_their_errors_are_not_reliable(self) -> None:
        found = reliability_from_errors(values=np.array([0.0, 0.1] * 5), standard_errors=np.ones(10))
        assert found is not None
        assert (found == 0).all()

    def test_too_few_areas_say_nothing(self) -> None:
        few = FEWEST_AREAS - 1
        assert reliability_from_errors(values=np.arange(few) * 1.0, standard_errors=np.ones(few)) is None

    def test_an_error_of_nothing_is_no_error_to_go_by(self) -> None:
        assert reliability_from_errors(values=np.arange(9.0), standard_errors=np.zeros(9)) is None

    @given(values=st.lists(st.floats(-100, 100), min_size=8, max_size=40), error=st.floats(0.01, 50))
    def test_it_lies_between_nothing_and_one(self, values: list[float], error: float) -> None:
        found = reliability_from_errors(values=np.array(values), standard_errors=np.full(len(values), error))
        assert found is not None
        assert ((found >= 0) & (found <= 1)).all()

    @given(values=st.lists(st.floats(-5, 5), min_size=8, max_size=20))
    def test_the_surer_of_two_areas_is_the_more_reliable(self, values: list[float]) -> None:
        errors = np.linspace(0.1, 1, len(values))
        found = reliability_from_errors(values=np.array(values), standard_errors=errors)
        assert found is not None
        assert (np.diff(found) <= 1e-12).all()
