"""Errors and intervals: published figures, hand-worked cases, and what must hold for any numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from barometer.estimate.intervals import (
    Array,
    Interval,
    Z,
    dispersion_of,
    logit_t,
    mean_t,
    meng_effective_n,
    poisson_rate,
    t_quantile,
    wilson,
)

SHARES = st.floats(0, 1)
INNER_SHARES = st.floats(0.001, 0.999)
SIZES = st.floats(0.5, 1e6)
ERRORS = st.floats(1e-6, 10)
DFS = st.floats(0.1, 1000)


def arrays(*values: float) -> tuple[Array, ...]:
    return tuple(np.array([value], dtype=np.float64) for value in values)


def ends(interval: Interval) -> tuple[float, float]:
    return float(interval.lower[0]), float(interval.upper[0])


class TestWilson:
    @pytest.mark.parametrize(
        ("yes", "n", "lower", "upper"),
        # Newcombe (1998), Statistics in Medicine 17:857-872, table I, method 3 (score without continuity correction).
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
    )
    def test_newcombes_table(self, yes: int, n: int, lower: float, upper: float) -> None:
        share, size = arrays(yes / n, n)
        assert ends(wilson(share=share, effective_n=size)) == pytest.approx((lower, upper), abs=5e-5)

    def test_it_is_what_scipy_works_out(self) -> None:
        share, size = arrays(37 / 120, 120)
        known = stats.binomtest(37, 120).proportion_ci(method="wilson")
        assert ends(wilson(share=share, effective_n=size)) == pytest.approx((known.low, known.high), abs=1e-12)

    @pytest.mark.parametrize("share", [0.0, 1.0])
    def test_where_nobody_or_everybody_says_yes_there_is_still_an_error(self, share: float) -> None:
        value, size = arrays(share, 12)
        interval = wilson(share=value, effective_n=size)
        assert interval.standard_error[0] > 0.05
        assert ends(interval)[0 if share else 1] == pytest.approx(abs(share - Z**2 / (12 + Z**2)), abs=1e-12)

    @given(share=SHARES, size=SIZES)
    def test_it_holds_the_share_and_stays_on_the_scale(self, share: float, size: float) -> None:
        value, n = arrays(share, size)
        lower, upper = ends(wilson(share=value, effective_n=n))
        assert 0 <= lower <= share <= upper <= 1

    @given(share=SHARES, size=st.floats(1, 1e5), more=st.floats(1.01, 10))
    def test_more_voices_never_widen_it(self, share: float, size: float, more: float) -> None:
        value, few, many = arrays(share, size, size * more)
        wide, narrow = ends(wilson(share=value, effective_n=few)), ends(wilson(share=value, effective_n=many))
        assert narrow[1] - narrow[0] <= wide[1] - wide[0] + 1e-12

    @given(share=SHARES, size=SIZES)
    def test_no_is_the_mirror_of_yes(self, share: float, size: float) -> None:
        yes, no, n = arrays(share, 1 - share, size)
        lower, upper = ends(wilson(share=yes, effective_n=n))
        assert ends(wilson(share=no, effective_n=n)) == pytest.approx((1 - upper, 1 - lower), abs=1e-9)


class TestLogit:
    def test_a_hand_worked_case(self) -> None:
        # given half saying yes with standard error 0.1 and many degrees of freedom
        share, error, df = arrays(0.5, 0.1, 1e9)
        # then on the logit scale it is 0 +- 1.96 * 0.1 / 0.25
        half = 1.959964 * 0.4
        assert ends(logit_t(share=share, standard_error=error, df=df)) == pytest.approx(
            (1 / (1 + math.exp(half)), 1 / (1 + math.exp(-half))), abs=1e-6
        )

    @given(share=INNER_SHARES, error=ERRORS, df=DFS)
    def test_it_holds_the_share_and_stays_on_the_scale(self, share: float, error: float, df: float) -> None:
        value, se, free = arrays(share, error, df)
        interval = logit_t(share=value, standard_error=se, df=free)
        lower, upper = ends(interval)
        assert 0 <= lower <= share <= upper <= 1
        assert interval.standard_error[0] == error

    def test_it_leans_to_the_middle_where_the_share_is_small(self) -> None:
        share, error, df = arrays(0.05, 0.03, 50)
        lower, upper = ends(logit_t(share=share, standard_error=error, df=df))
        assert upper - 0.05 > 0.05 - lower > 0


class TestMean:
    def test_students_t(self) -> None:
        mean, error, df = arrays(5.448148, 0.7412683, 6)
        lower, upper = ends(mean_t(mean=mean, standard_error=error, df=df, minimum=0, maximum=10))
        # Stata 17 Survey Data Reference Manual, fpc example without the correction: 3.63433 to 7.261966.
        assert (lower, upper) == pytest.approx((3.63433, 7.261966), abs=1e-5)

    @given(mean=st.floats(0, 10), error=st.floats(0, 20), df=DFS)
    def test_it_holds_the_mean_and_ends_with_the_scale(self, mean: float, error: float, df: float) -> None:
        value, se, free = arrays(mean, error, df)
        lower, upper = ends(mean_t(mean=value, standard_error=se, df=free, minimum=0, maximum=10))
        assert 0 <= lower <= mean <= upper <= 10

    @given(df=st.floats(-5, 0.99))
    def test_less_than_one_degree_of_freedom_counts_as_one(self, df: float) -> None:
        free, one = arrays(df, 1)
        assert t_quantile(free) == t_quantile(one)


class TestPoisson:
    @pytest.mark.parametrize(
        ("events", "lower", "upper"),
        # Garwood's limits as tabulated by Johnson, Kemp & Kotz (2005), Univariate Discrete Distributions.
        [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (5, 1.6235, 11.6683), (10, 4.7954, 18.3904)],
    )
    def test_exact_limits(self, events: int, lower: float, upper: float) -> None:
        count, exposure, phi = arrays(events, 1, 1)
        assert ends(poisson_rate(events=count, exposure=exposure, dispersion=phi)) == pytest.approx(
            (lower, upper), abs=5e-5
        )

    def test_over_dispersion_multiplies_the_error_by_its_root(self) -> None:
        count, exposure, plain, rough = arrays(100, 8, 1, 4)
        once = poisson_rate(events=count, exposure=exposure, dispersion=plain).standard_error
        assert once == pytest.approx(10 / 8)
        assert poisson_rate(events=count, exposure=exposure, dispersion=rough).standard_error == pytest.approx(2 * once)

    @given(events=st.floats(0, 1e5), exposure=st.floats(0.01, 1e4), dispersion=st.floats(1, 100))
    def test_it_holds_the_rate_and_is_never_negative(self, events: float, exposure: float, dispersion: float) -> None:
        count, hours, phi = arrays(events, exposure, dispersion)
        interval = poisson_rate(events=count, exposure=hours, dispersion=phi)
        lower, upper = ends(interval)
        assert 0 <= lower <= events / exposure * (1 + 1e-12)
        assert events / exposure <= upper * (1 + 1e-12)
        assert interval.standard_error[0] > 0

    def test_seeing_nothing_for_longer_says_more(self) -> None:
        none, hour, day, phi = arrays(0, 1, 24, 1)
        short = ends(poisson_rate(events=none, exposure=hour, dispersion=phi))[1]
        long = ends(poisson_rate(events=none, exposure=day, dispersion=phi))[1]
        assert long == pytest.approx(short / 24)


class TestMeng:
    @pytest.mark.parametrize(
        ("voices", "adults", "correlation", "expected"),
        # f/(1-f)/rho^2: 300 of 15,000 adults, at rho = .05 and .02; and Meng's own example, reports of one in a hundred
        # of the 231,557,000 voters of 2016 at rho = .005, worth about 404 random ones.
        [(300, 15_000, 0.05, 8.163), (300, 15_000, 0.02, 51.02), (2_315_570, 231_557_000, 0.005, 404.04)],
    )
    def test_known_cases(self, voices: float, adults: float, correlation: float, expected: float) -> None:
        heard, population = arrays(voices, adults)
        found = meng_effective_n(voices=heard, population=population, defect_correlation=correlation)
        assert found[0] == pytest.approx(expected, rel=1e-3)

    @given(voices=st.floats(0, 1e6), adults=st.floats(1, 1e7), correlation=st.floats(0.001, 0.5))
    def test_it_is_never_more_than_the_voices(self, voices: float, adults: float, correlation: float) -> None:
        heard, population = arrays(voices, adults)
        assert 0 <= meng_effective_n(voices=heard, population=population, defect_correlation=correlation)[0] <= voices

    @given(voices=st.floats(1, 1000), more=st.floats(1, 100), adults=st.floats(1000, 1e6))
    def test_more_voices_never_say_less(self, voices: float, more: float, adults: float) -> None:
        few, many, population = arrays(voices, voices + more, adults)
        n = [meng_effective_n(voices=v, population=population, defect_correlation=0.02)[0] for v in (few, many)]
        assert n[0] <= n[1]

    @given(voices=st.floats(10, 1000), adults=st.floats(2000, 1e6))
    def test_the_same_voices_of_a_larger_city_say_less(self, voices: float, adults: float) -> None:
        heard, small, large = arrays(voices, adults, 3 * adults)
        n = [meng_effective_n(voices=heard, population=p, defect_correlation=0.02)[0] for p in (small, large)]
        assert n[1] <= n[0]

    def test_a_population_that_is_not_known_makes_them_say_nothing(self) -> None:
        heard, unknown = arrays(50, math.inf)
        assert meng_effective_n(voices=heard, population=unknown, defect_correlation=0.02)[0] == 0

    def test_everybody_heard_is_everybody(self) -> None:
        heard, population = arrays(500, 500)
        assert meng_effective_n(voices=heard, population=population, defect_correlation=0.02)[0] == 500


class TestDispersion:
    @pytest.mark.parametrize(
        ("chi_squared", "df", "expected"), [(30, 10, 3.0), (5, 10, 1.0), (0, 0, 1.0), (12, -1, 1.0)]
    )
    def test_it_is_at_least_that_of_poisson(self, chi_squared: float, df: float, expected: float) -> None:
        assert dispersion_of(chi_squared=chi_squared, df=df) == expected
