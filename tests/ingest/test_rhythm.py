"""A source's rhythm: learnt by hour of the week, wide where days differ, and slow to suspect what comes in bursts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.rhythm import (
    FEWEST_DAYS,
    GAP_FACTOR,
    HOURS_OF_WEEK,
    SUSPICIOUS,
    Rhythm,
    hour_of_week,
    hours_between,
    learn,
)

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
WEEKS = 8
END = MONDAY + timedelta(weeks=WEEKS)


def steady(
    per_hour: int = 1, *, hours: range = range(24), days: range = range(7), seed: int | None = None
) -> list[datetime]:
    """Arrivals of eight weeks: so many in each named hour, or Poisson with that mean where a seed is given."""
    random = np.random.default_rng(seed)
    times = []
    for hour in range(WEEKS * HOURS_OF_WEEK):
        at = MONDAY + timedelta(hours=hour)
        if at.hour in hours and at.weekday() in days:
            count = per_hour if seed is None else int(random.poisson(per_hour))
            times += [at + timedelta(minutes=k % 60) for k in range(count)]
    return times


def a_day(day: int) -> tuple[datetime, datetime]:
    return END + timedelta(days=day), END + timedelta(days=day + 1)


@given(st.integers(0, 10_000), st.integers(0, 3_000))
def test_hours_between_two_times_add_up_to_the_time_between(start_minutes: int, length_minutes: int) -> None:
    start = MONDAY + timedelta(minutes=start_minutes)
    hours = hours_between(start, start + timedelta(minutes=length_minutes))
    assert hours.sum() == pytest.approx(length_minutes / 60)
    assert (hours >= 0).all()


@given(st.integers(0, 2_000), st.integers(0, 2_000), st.integers(0, 2_000))
def test_hours_of_two_stretches_are_those_of_both_together(start: int, first: int, second: int) -> None:
    a = MONDAY + timedelta(minutes=start)
    b, c = a + timedelta(minutes=first), a + timedelta(minutes=first + second)
    assert hours_between(a, b) + hours_between(b, c) == pytest.approx(hours_between(a, c))


def test_a_week_has_every_hour_once() -> None:
    assert hours_between(MONDAY, MONDAY + timedelta(weeks=1)).tolist() == [1.0] * HOURS_OF_WEEK
    assert hour_of_week(MONDAY - timedelta(minutes=1)) == HOURS_OF_WEEK - 1


def test_what_comes_by_day_is_expected_by_day_and_not_at_night() -> None:
    rhythm = learn(steady(10, hours=range(8, 20)), until=END)
    start = END
    by_day = rhythm.expected(start + timedelta(hours=8), start + timedelta(hours=20))
    by_night = rhythm.expected(start + timedelta(hours=20), start + timedelta(hours=32))
    assert by_day == pytest.approx(120, rel=0.1)
    assert by_night < 0.1 * by_day


def test_weekends_differ_from_weekdays() -> None:
    rhythm = learn(steady(5, days=range(5)), until=END)
    assert rhythm.expected(*a_day(0)) == pytest.approx(120, rel=0.1)
    assert rhythm.expected(*a_day(5)) < 20


def test_silence_is_suspicious_by_day_long_before_it_is_at_night() -> None:
    rhythm = learn(steady(3, hours=range(8, 20), seed=1), until=END)
    morning, evening = END + timedelta(hours=8), END + timedelta(hours=20)
    assert rhythm.is_suspicious(records=0, start=morning, end=morning + timedelta(hours=6), last=morning)
    assert not rhythm.is_suspicious(records=0, start=evening, end=evening + timedelta(hours=6), last=evening)


def test_a_few_where_hundreds_are_usual_are_suspicious_and_a_usual_day_is_not() -> None:
    rhythm = learn(steady(20, seed=2), until=END)
    start, end = a_day(0)
    assert rhythm.is_suspicious(records=5, start=start, end=end, last=end)
    assert not rhythm.is_suspicious(records=470, start=start, end=end, last=end)


def test_where_days_differ_much_more_is_allowed() -> None:
    random = np.random.default_rng(3)
    wild = [
        MONDAY + timedelta(days=day, minutes=int(minute))
        for day in range(WEEKS * 7)
        for minute in random.integers(0, 1440, int(random.gamma(1.0, 100)))
    ]
    even, uneven = learn(steady(4, seed=3), until=END), learn(wild, until=END)
    assert even.dispersion < 1.5 < 20 < uneven.dispersion
    lower, upper = uneven.interval(*a_day(0))
    assert upper - lower > 2 * np.subtract(*reversed(even.interval(*a_day(0))))
    assert not uneven.is_suspicious(records=1, start=a_day(0)[0], end=a_day(0)[1], last=a_day(0)[1])


def test_usual_days_are_hardly_ever_suspected() -> None:
    suspected = 0
    for seed in range(20):
        rhythm = learn(steady(1, seed=seed), until=END)
        start, end = a_day(0)
        counts = np.random.default_rng(1000 + seed).poisson(24, 50)
        suspected += sum(rhythm.is_suspicious(records=int(n), start=start, end=end, last=end) for n in counts)
    assert suspected / 1000 <= 5 * SUSPICIOUS


def test_the_interval_holds_95_of_100_days() -> None:
    rhythm = learn(steady(2, seed=4), until=END)
    lower, upper = rhythm.interval(*a_day(0))
    days = np.random.default_rng(5).poisson(48, 2000)
    assert 0.93 <= ((days >= lower) & (days <= upper)).mean() <= 0.99


def waves(count: int, *, every_days: int, last_days: int = 5) -> list[datetime]:
    return [
        MONDAY + timedelta(days=every_days * wave + day, hours=hour)
        for wave in range(count)
        for day in range(last_days)
        for hour in range(9, 18)
    ]


@pytest.mark.parametrize(("days", "is_so"), [(20, False), (40, False), (44, False), (49, True), (60, True)])
def test_a_survey_in_waves_may_be_silent_twice_as_long_as_ever(days: int, is_so: bool) -> None:
    times = waves(5, every_days=28)
    last = times[-1]
    now = last + timedelta(days=days)
    rhythm = learn(times, until=now)
    assert rhythm.is_sparse
    assert rhythm.longest_gap.days == 23
    assert GAP_FACTOR == 2
    assert rhythm.is_suspicious(records=0, start=now - timedelta(days=1), end=now, last=last) is is_so


def test_with_one_gap_only_nobody_is_suspected() -> None:
    times = waves(2, every_days=28)
    now = times[-1] + timedelta(days=200)
    assert not learn(times, until=now).is_suspicious(records=0, start=now - timedelta(days=1), end=now, last=times[-1])


def test_a_young_source_has_no_rhythm() -> None:
    times = [MONDAY + timedelta(hours=hour) for hour in range(24 * (FEWEST_DAYS - 1))]
    rhythm = learn(times, until=times[-1] + timedelta(hours=1))
    assert not rhythm.is_known
    assert not rhythm.is_suspicious(records=0, start=times[-1], end=times[-1] + timedelta(days=1), last=times[-1])


def test_a_source_that_never_brought_anything_is_no_suspect() -> None:
    rhythm = learn([], until=END)
    assert not rhythm.is_known
    assert rhythm.interval(*a_day(0)) == (0.0, 0.0)
    assert rhythm.probability_of_so_few(0, *a_day(0)) == 1.0


def test_what_comes_later_is_not_learnt_from() -> None:
    past = steady(2)
    later = [END + timedelta(hours=hour) for hour in range(100)]
    assert np.array_equal(learn([*past, *later], until=END).rates, learn(past, until=END).rates)


@given(st.lists(st.integers(0, WEEKS * 7 * 24 * 60 - 1), max_size=200), st.integers(0, 50))
def test_any_history_gives_probabilities_that_rise_with_the_count(minutes: list[int], count: int) -> None:
    rhythm: Rhythm = learn([MONDAY + timedelta(minutes=minute) for minute in minutes], until=END)
    fewer, more = (rhythm.probability_of_so_few(n, *a_day(0)) for n in (count, count + 1))
    assert 0 <= fewer <= more <= 1
    assert rhythm.dispersion >= 1
    assert (rhythm.rates >= 0).all()
