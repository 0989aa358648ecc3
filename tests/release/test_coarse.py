"""Figures no finer than one person could move them."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.release.coarse import FINEST, coarse, coarse_effective_n, coarse_reliability, finest_step, step
from barometer.release.disclosure import rounded


def shown(n: int, **figures: float | None) -> dict[str, float]:
    """A figure of `n` people (rounded) as it is shown."""
    plain = {"value": 0.5, "lower": 0.4, "upper": 0.6, "standard_error": 0.05} | figures
    schema = dict.fromkeys(plain, pl.Float64) | {"n": pl.Int64}
    frame = pl.DataFrame([plain | {"n": n}], schema=schema)
    return frame.select(coarse(pl.col("n"))).row(0, named=True)


@pytest.mark.parametrize(
    ("n", "width"),
    [
        (0, FINEST), (5, 0.2), (10, 0.1), (15, 0.1), (20, 0.05), (45, 0.05), (50, 0.02), (100, 0.01), (995, 0.002),
        (1000, 0.001), (90_000, 0.001),
    ],
)  # fmt: skip
def test_the_step_is_the_smallest_round_one_that_one_person_cannot_undercut(n: int, width: float) -> None:
    assert finest_step(n) == width
    assert pl.select(step(pl.lit(n))).item() == width


@given(st.integers(10, 3000))
def test_a_step_is_never_finer_than_one_person_unless_many_are_asked(n: int) -> None:
    assert finest_step(rounded(n)) >= min(1 / rounded(n), FINEST) - 1e-12
    assert finest_step(rounded(n)) < max(2.5 / rounded(n), 2 * FINEST) + 1e-12


def test_seven_of_thirteen_is_not_told_from_seven_of_fourteen() -> None:
    assert shown(15, value=7 / 13)["value"] == shown(15, value=7 / 14)["value"] == 0.5


@given(st.integers(10, 400), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_the_interval_shown_holds_the_exact_one_and_little_more(n: int, value: float, low: float, high: float) -> None:
    lower, upper = min(low, value), max(high, value)
    found, width = shown(rounded(n), value=value, lower=lower, upper=upper), finest_step(rounded(n))
    assert lower - width - 1e-6 <= found["lower"] <= lower + 1e-6
    assert upper - 1e-6 <= found["upper"] <= upper + width + 1e-6
    assert abs(found["value"] - value) <= width / 2 + 1e-6
    assert found["lower"] <= found["value"] <= found["upper"]
    assert found["lower"] >= 0
    assert found["upper"] <= 1


@given(st.integers(10, 200))
@settings(max_examples=40, deadline=None)
def test_no_more_figures_can_be_told_apart_than_there_are_people(n: int) -> None:
    base = rounded(n)
    frame = pl.DataFrame({"value": [k / n for k in range(n + 1)], "n": [base] * (n + 1)})
    told = frame.with_columns(lower="value", upper="value", standard_error="value").select(coarse(pl.col("n")))
    assert told["value"].n_unique() <= base + 1


def test_an_edge_stays_where_it_stands_on_a_step() -> None:
    found = shown(10, lower=0.3, upper=0.7)
    assert (found["lower"], found["upper"]) == (0.3, 0.7)


def test_a_standard_error_is_never_understated_nor_told_finely() -> None:
    assert shown(15, standard_error=0.1201)["standard_error"] == 0.13
    assert shown(1000, standard_error=0.0151)["standard_error"] == 0.016


def test_what_is_missing_stays_missing() -> None:
    assert shown(15, value=None, lower=None)["value"] is None


def test_reliability_and_effective_n_tell_no_exact_count() -> None:
    frame = pl.DataFrame({"reliability": [0.731, 0.749], "effective_n": [0.34, 9.4]})
    told = frame.select(coarse_reliability().alias("r"), coarse_effective_n(5).alias("e"))
    assert told["r"].to_list() == [0.75, 0.75]
    assert told["e"].to_list() == [0.3, 9.0]
    assert pl.DataFrame({"effective_n": [12.6]}).select(coarse_effective_n(5)).item() == 15.0
