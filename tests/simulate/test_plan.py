"""The calendar of a simulation and its streams of random numbers."""

from __future__ import annotations

import itertools
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.simulate.plan import FEWEST_WAVES, WRITTEN_DAYS, Plan


def test_half_a_year_from_a_monday_by_default() -> None:
    plan = Plan(seed=1)
    assert plan.first_day == date(2025, 11, 10)
    assert plan.first_day.weekday() == 0
    assert plan.last_day == date(2026, 5, 10)
    assert plan.waves == ((36, 45), (81, 90), (126, 135), (172, 181))


def test_stories_are_told_on_the_last_days() -> None:
    plan = Plan(seed=1)
    assert plan.day(plan.quiet_days) == date(2026, 3, 2)
    assert plan.quiet_days + WRITTEN_DAYS == plan.days
    assert Plan(seed=1, days=12).quiet_days == 0


@given(st.integers(3, 400))
def test_waves_follow_each_other_and_the_last_ends_on_the_last_day(days: int) -> None:
    waves = Plan(seed=1, days=days).waves
    assert len(waves) == max(FEWEST_WAVES, days // 45)
    assert waves[-1][1] == days - 1
    assert waves[0][0] >= 0
    assert all(first <= last for first, last in waves)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(waves))


class TestRandom:
    def test_a_stream_is_the_same_for_a_seed_and_name(self) -> None:
        one, other = Plan(seed=1).random("posts", 3), Plan(seed=1, posts=5).random("posts", 3)
        assert np.array_equal(one.random(5), other.random(5))

    @pytest.mark.parametrize(("seed", "stream"), [(2, ("posts", 3)), (1, ("posts", 4)), (1, ("answers", 3))])
    def test_another_seed_or_name_is_another_stream(self, seed: int, stream: tuple[object, ...]) -> None:
        here, there = Plan(seed=1).random("posts", 3), Plan(seed=seed).random(*stream)
        assert not np.array_equal(here.random(5), there.random(5))
