"""Cells become tables: the right value in the right place, gaps as gaps, errors that hold for few answers."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.cells import CELL_SCHEMA
from barometer.estimate.change.panel import panels
from barometer.estimate.intervals import Z
from tests.estimate.change.made import WAVES, cells, span


def test_a_row_an_area_a_column_a_period() -> None:
    (panel,) = panels(cells("trust_police", {"B": [1.0, None, 3.0], "A": [4.0, 5.0, 6.0]}, error=0.5))
    assert (panel.indicator, panel.geography, panel.areas) == ("trust_police", "hood", ("A", "B"))
    np.testing.assert_array_equal(panel.values, [[4.0, 5.0, 6.0], [1.0, np.nan, 3.0]])
    assert np.isnan(panel.errors[1, 1])
    assert (panel.starts[2], panel.ends[2]) == span(2)
    assert panel.is_known.sum() == 5


@given(st.integers(0, 1000))
def test_order_of_the_rows_plays_no_part(seed: int) -> None:
    laid = cells("trust_police", {"A": [1.0, 2.0, 3.0], "B": [4.0, None, 6.0]}, error=0.5)
    (one,), (other,) = panels(laid), panels(laid.sample(fraction=1.0, shuffle=True, seed=seed))
    assert (one.areas, one.starts, one.ends) == (other.areas, other.starts, other.ends)
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one.errors, other.errors)


def test_indicators_and_geographies_are_kept_apart() -> None:
    laid = pl.concat(
        [
            cells("trust_police", {"A": [1.0, 2.0]}, error=0.5),
            cells("trust_police", {"town": [1.5, 2.5]}, error=0.1, geography="city"),
            cells("trust_council", {"A": [3.0]}, error=0.5),
        ]
    )
    assert [(p.indicator, p.geography) for p in panels(laid)] == [
        ("trust_council", "hood"),
        ("trust_police", "city"),
        ("trust_police", "hood"),
    ]


def test_the_newest_period_is_the_newest_in_which_any_place_has_a_value() -> None:
    laid = pl.concat(
        [
            cells("trust_police", {"A": [1.0, 2.0, None, None]}, error=0.5),
            cells("trust_police", {"town": [1.5, 2.5, 3.5, None]}, error=0.1, geography="city"),
        ]
    )
    city, hood = panels(laid)
    assert city.ends == hood.ends
    assert len(hood.ends) == 3
    assert np.isnan(hood.values[0, -1])


def test_a_period_without_any_value_is_left_out() -> None:
    (panel,) = panels(cells("trust_police", {"A": [1.0, None, 3.0], "B": [1.0, None, None]}, error=0.5))
    assert panel.starts == (span(0)[0], span(2)[0])


@pytest.mark.parametrize("column", ["value", "standard_error"])
@pytest.mark.parametrize("nonsense", [None, float("nan"), float("inf")])
def test_a_value_that_does_not_say_how_sure_it_is_is_a_gap(column: str, nonsense: float | None) -> None:
    laid = cells("trust_police", {"A": [1.0, 2.0, 3.0], "B": [1.0, 2.0, 3.0]}, error=0.5)
    is_hit = (pl.col("area") == "A") & (pl.col("period_start") == span(1)[0])
    broken = laid.with_columns(pl.when(is_hit).then(pl.lit(nonsense)).otherwise(pl.col(column)).alias(column))
    (panel,) = panels(broken)
    np.testing.assert_array_equal(panel.is_known, [[True, False, True], [True, True, True]])


def test_an_error_of_zero_says_nothing() -> None:
    laid = cells("trust_police", {"A": [1.0, 2.0]}, error=0.5).with_columns(standard_error=pl.lit(0.0))
    assert panels(laid) == []


def test_the_longer_arm_of_the_interval_is_the_error() -> None:
    laid = cells("posts_trust_share", {"A": [0.02]}, error=0.01, n=None)
    lopsided = laid.with_columns(lower=pl.lit(0.01), upper=pl.lit(0.02 + 3 * Z * 0.01))
    (panel,) = panels(lopsided)
    assert panel.errors[0, 0] == pytest.approx(0.03)


def test_an_interval_cut_at_the_end_of_its_scale_takes_nothing_from_the_error() -> None:
    laid = cells("trust_police", {"A": [10.0]}, error=0.5, n=None)
    cut = laid.with_columns(lower=pl.lit(9.9), upper=pl.lit(10.0))
    (panel,) = panels(cut)
    assert panel.errors[0, 0] == pytest.approx(0.5)


def test_an_error_small_by_luck_is_steadied() -> None:
    laid = cells("trust_police", {"A": [5.0] * 4, "B": [5.0] * 4, "C": [5.0] * 4}, error=0.5)
    is_lucky = (pl.col("area") == "A") & (pl.col("period_start") == span(3)[0])
    lucky = laid.with_columns(
        pl.when(is_lucky).then(0.01).otherwise(pl.col("standard_error")).alias("standard_error"),
        lower=pl.lit(None, dtype=pl.Float64),
        upper=pl.lit(None, dtype=pl.Float64),
    )
    (panel,) = panels(lucky)
    assert panel.errors[0, 3] == pytest.approx(0.5)


def test_no_cells_no_panels() -> None:
    assert panels(pl.DataFrame(schema=CELL_SCHEMA)) == []


@pytest.mark.parametrize(
    ("periods", "every", "expected"),
    [(5, timedelta(weeks=4), 15), (5, WAVES, 5), (3, WAVES, 5), (20, timedelta(weeks=4), 20), (1, WAVES, 2)],
)
def test_the_horizon_is_what_a_look_back_holds_at_the_usual_pace(periods: int, every: timedelta, expected: int) -> None:
    (panel,) = panels(cells("trust_police", {"A": [5.0] * periods}, error=0.5, every=every))
    assert panel.horizon(400) == expected


def test_the_horizon_does_not_depend_on_values() -> None:
    (low,) = panels(cells("trust_police", {"A": [1.0, 1.0, 1.0]}, error=0.5))
    (high,) = panels(cells("trust_police", {"A": [1.0, 9.0, 2.0]}, error=0.1))
    assert low.horizon(400) == high.horizon(400)
