"""Counts per exposure with over-dispersion, by hand and against their own simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.rates import rates, shares
from tests.estimate.made import BLOCK_END, BLOCK_START, one


def units(events: list[float], exposure: list[float], *, area: str = "T1", column: str = "exposure") -> pl.DataFrame:
    size = len(events)
    return pl.DataFrame(
        {
            "geography": ["hood"] * size,
            "area": [area] * size,
            "period_start": [BLOCK_START] * size,
            "period_end": [BLOCK_END] * size,
            "events": events,
            column: exposure,
        },
        schema_overrides={"events": pl.Float64, column: pl.Float64},
    )


class TestRates:
    def test_by_hand(self) -> None:
        # given 4, 8 and 12 events in an hour each: rate 8, chi squared (16 + 0 + 16) / 8 = 4 on 2
        found = one(rates(units([4, 8, 12], [1, 1, 1])), area="T1")
        assert (found["value"], found["n"], found["dispersion"]) == (8, 3, 2)
        assert found["standard_error"] == pytest.approx(np.sqrt(2 * 24) / 3)

    def test_a_long_session_weighs_by_its_length(self) -> None:
        assert one(rates(units([10, 0], [1, 4])), area="T1")["value"] == 2

    def test_dispersion_is_pooled_over_places(self) -> None:
        both = pl.concat([units([4, 8, 12], [1, 1, 1]), units([5, 5, 5], [1, 1, 1], area="T2")])
        found = rates(both)
        # chi squared 4 on 2 + 2 degrees of freedom: 1
        assert found["dispersion"].to_list() == [1.0, 1.0]

    def test_steadier_than_poisson_is_taken_as_poisson(self) -> None:
        assert one(rates(units([5] * 10, [1] * 10)), area="T1")["dispersion"] == 1

    def test_a_place_without_an_event_has_an_upper_end(self) -> None:
        found = one(rates(units([0, 0], [1, 1])), area="T1")
        assert (found["value"], found["lower"]) == (0, 0)
        # 3.689 events could have gone unseen in two hours
        assert found["upper"] == pytest.approx(3.6889 / 2, abs=1e-4)

    def test_sessions_of_unequal_length_count_as_fewer(self) -> None:
        assert one(rates(units([1, 1, 1], [1, 1, 1])), area="T1")["effective_n"] == 3
        assert one(rates(units([1, 1, 1], [10, 1, 1])), area="T1")["effective_n"] == pytest.approx(144 / 102)

    def test_ninety_five_of_a_hundred_intervals_hold_the_truth(self) -> None:
        # given over-dispersed counts of mean 6: negative binomial, variance three times the mean
        rng = np.random.default_rng(7)
        draws = rng.negative_binomial(3, 1 / 3, (400, 12)).astype(float)
        frames = [units(list(d), [1.0] * 12, area=f"A{i}") for i, d in enumerate(draws)]
        found = rates(pl.concat(frames))
        held = ((found["lower"] <= 6) & (found["upper"] >= 6)).mean()
        assert held == pytest.approx(0.95, abs=0.03)
        assert found["dispersion"][0] == pytest.approx(3, rel=0.1)

    @given(
        events=st.lists(st.integers(0, 50), min_size=1, max_size=12),
        hours=st.floats(0.1, 5),
    )
    def test_the_interval_holds_the_rate(self, events: list[int], hours: float) -> None:
        row = one(rates(units([float(e) for e in events], [hours] * len(events))), area="T1")
        assert 0 <= row["lower"] <= row["value"] * (1 + 1e-9)
        assert row["value"] <= row["upper"] * (1 + 1e-9)
        assert row["dispersion"] >= 1


class TestShares:
    def test_by_hand(self) -> None:
        # given 3 of 10 and 5 of 10: share .4, expected 4 and 4, chi squared 2 * 1 / (4 * .6) on 1, below 1
        found = one(shares(units([3, 5], [10, 10], column="trials")), area="T1")
        assert (found["value"], found["n"], found["dispersion"]) == (0.4, 2, 1)
        assert found["lower"] == pytest.approx(0.2188, abs=1e-4)

    def test_people_who_come_together_say_less(self) -> None:
        mixed = one(shares(units([5] * 6, [10] * 6, column="trials")), area="T1")
        clumped = one(shares(units([10, 0] * 3, [10] * 6, column="trials")), area="T1")
        assert clumped["value"] == mixed["value"]
        assert clumped["standard_error"] > 2 * mixed["standard_error"]

    def test_sessions_that_saw_nobody_say_nothing(self) -> None:
        with_empty = shares(units([3, 5, 0], [10, 10, 0], column="trials"))
        assert one(with_empty, area="T1")["n"] == 2
        assert shares(units([0], [0], column="trials")).is_empty()

    @given(data=st.data())
    def test_it_stays_on_the_scale(self, data: Any) -> None:
        trials = data.draw(st.lists(st.integers(0, 40), min_size=1, max_size=10))
        events = [float(data.draw(st.integers(0, t))) for t in trials]
        for row in shares(units(events, [float(t) for t in trials], column="trials")).iter_rows(named=True):
            assert 0 <= row["lower"] <= row["value"] <= row["upper"] <= 1
            assert row["standard_error"] > 0
