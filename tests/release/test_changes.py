"""What counts as a change, and as a clear one."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, norm

from barometer.release.changes import is_discovery, latest_changes, latest_periods
from tests.rows import rows

FIRST, SECOND, THIRD = date(2026, 1, 5), date(2026, 2, 2), date(2026, 3, 2)


def series(
    *points: tuple[date, float | None, float], area: str = "a", indicator: str = "trust"
) -> list[dict[str, Any]]:
    """Rows of one series: (start, value, standard error)."""
    return [
        {
            "indicator": indicator,
            "area": area,
            "period_start": start,
            "period_end": date.fromordinal(start.toordinal() + 27),
            "value": value,
            "standard_error": None if value is None else error,
            "lower": None if value is None else value - 2 * error,
            "upper": None if value is None else value + 2 * error,
        }
        for start, value, error in points
    ]


def published(*several: list[dict[str, Any]]) -> pl.DataFrame:
    return rows("estimates", *[row for one in several for row in one]).with_columns(area_name=pl.col("area"))


def test_the_newest_value_is_set_beside_the_one_before() -> None:
    found = latest_changes(published(series((FIRST, 0.1, 0.02), (SECOND, 0.4, 0.03), (THIRD, 0.5, 0.04))))
    row = found.row(0, named=True)
    assert (row["value_before"], row["value"], row["period_start"]) == (0.4, 0.5, THIRD)
    assert row["change"] == pytest.approx(0.1)
    assert row["change_error"] == pytest.approx(0.05)
    assert row["p"] == pytest.approx(2 * norm.sf(2.0))


def test_an_area_without_its_latest_value_has_no_change() -> None:
    frame = published(
        series((FIRST, 0.4, 0.02), (SECOND, 0.5, 0.02)), series((FIRST, 0.4, 0.02), (SECOND, None, 0), area="b")
    )
    assert latest_changes(frame)["area"].to_list() == ["a"]


def test_a_period_in_which_nobody_has_a_value_is_passed_over() -> None:
    frame = published(series((FIRST, 0.4, 0.02), (SECOND, 0.5, 0.02), (THIRD, None, 0)))
    assert latest_changes(frame)["period_start"].to_list() == [SECOND]
    assert latest_periods(frame)["period_start"].to_list() == [SECOND]


def test_an_indicator_without_any_value_has_its_newest_period() -> None:
    assert latest_periods(published(series((FIRST, None, 0), (SECOND, None, 0))))["period_start"].to_list() == [SECOND]


def test_an_estimate_without_error_is_not_tested() -> None:
    assert latest_changes(published(series((FIRST, 0.4, 0.0), (SECOND, 0.5, 0.0)))).is_empty()


def test_one_large_change_among_many_small_ones_is_clear() -> None:
    quiet = [series((FIRST, 0.5, 0.05), (SECOND, 0.51, 0.05), area=f"q{k}") for k in range(30)]
    found = latest_changes(published(*quiet, series((FIRST, 0.3, 0.05), (SECOND, 0.8, 0.05), area="loud")))
    assert found.filter("is_clear")["area"].to_list() == ["loud"]


def test_what_one_test_would_call_clear_is_not_clear_among_sixty() -> None:
    # given sixty areas of which one changed by just over two standard errors
    quiet = [series((FIRST, 0.5, 0.05), (SECOND, 0.51, 0.05), area=f"q{k}") for k in range(59)]
    frame = published(*quiet, series((FIRST, 0.4, 0.05), (SECOND, 0.55, 0.05), area="lucky"))
    assert latest_changes(frame).filter(pl.col("p") < 0.05)["area"].to_list() == ["lucky"]
    assert not latest_changes(frame)["is_clear"].any()


@given(st.lists(st.floats(0, 1), max_size=40))
def test_discoveries_agree_with_scipy(p: list[float]) -> None:
    found = is_discovery(np.array(p))
    expected = false_discovery_control(p, method="bh") <= 0.05 if p else np.zeros(0, dtype=bool)
    assert found.tolist() == expected.tolist()
