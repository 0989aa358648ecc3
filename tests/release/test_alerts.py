"""Alerts as published: no finer than the values they speak of, in their figures and in their words."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.indicators import load_indicators
from barometer.release.alerts import LONGEST_ODDS, shown_alerts
from barometer.settings import PROJECT

INDICATORS = load_indicators(PROJECT / "configs")
TRUST, SHARE = "trust_council", "hostile_share"
WAVES = [(date(2026, 1, 1), date(2026, 1, 31)), (date(2026, 4, 1), date(2026, 4, 30))]


def values(*n: int | None, indicator: str = TRUST, method: str = "direct") -> pl.DataFrame:
    """Shown values of one series, one a wave."""
    rows = [
        {
            "indicator": indicator,
            "geography": "msoa",
            "area": "E1",
            "period_start": start,
            "period_end": end,
            "value": 5.0,
            "n": people,
            "method": method,
        }
        for (start, end), people in zip(WAVES, n, strict=True)
    ]
    return pl.DataFrame(rows, schema_overrides={"n": pl.Int64})


def alert(indicator: str = TRUST, **said: Any) -> pl.DataFrame:
    row = {
        "indicator": indicator,
        "geography": "msoa",
        "area": "E1",
        "direction": "down",
        "change": -0.8437,
        "lower": -1.2219,
        "upper": -0.3141,
        "evidence": 347.9,
        "first_seen": WAVES[-1][1],
        "message": "Trust fell from 6.1437 to 5.3.",
    }
    return pl.DataFrame([row | said])


def shown(rows: pl.DataFrame, values: pl.DataFrame) -> dict[str, Any]:
    (found,) = shown_alerts(rows, shown=values, indicators=INDICATORS).to_dicts()
    return found


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        ((50, 50), (-0.84, -1.24, -0.3)),
        ((50, 10), (-0.8, -1.3, -0.3)),
        ((5, 50), (-0.8, -1.4, -0.2)),
    ],
    ids=["steps of 0.02", "the wider of two steps", "of an earlier value too"],
)
def test_a_change_is_told_in_the_widest_step_of_its_series(n: tuple[int, int], expected: tuple[float, ...]) -> None:
    found = shown(alert(), values(*n))
    assert (found["change"], found["lower"], found["upper"]) == expected


def test_a_modelled_value_is_nobodys_and_told_as_finely_as_any() -> None:
    found = shown(alert(), values(10, 10, method="model"))
    assert (found["change"], found["lower"], found["upper"]) == (-0.844, -1.222, -0.314)


def test_the_words_are_made_of_what_is_shown() -> None:
    assert "fell by 0.30 to 1.24 (95% interval)" in shown(alert(), values(50, 50))["message"]
    found = shown(alert(), values(50, 10))
    assert found["message"] == (
        "“Trust in the city council (0 to 10)” fell by 0.3 to 1.3 (95% interval), seen since 30 April 2026. "
        "A change like this comes up by chance at most about once in 300 such looks."
    )


@pytest.mark.parametrize(("n", "told"), [(50, "4 to 20"), (200, "5 to 20"), (1000, "5.1 to 20.0")])
def test_a_share_that_rose_is_told_in_percentage_points(n: int, told: str) -> None:
    rows = alert(SHARE, direction="up", change=0.1234, lower=0.0512, upper=0.1999)
    message = shown(rows, values(n, n, indicator=SHARE))["message"]
    assert f" rose by {told} percentage points (95% interval)" in message


@pytest.mark.parametrize(
    ("evidence", "told"),
    [(20.0, 20.0), (29.9, 20.0), (999.9, 900.0), (1e9, LONGEST_ODDS), (0.4, 1.0), (1000.0, 1000.0)],
)
def test_evidence_has_one_digit(evidence: float, told: float) -> None:
    found = shown(alert(evidence=evidence), values(50, 50))
    assert found["evidence"] == told
    assert f"once in {told:,.0f} such looks" in found["message"]


def test_no_alerts_are_none() -> None:
    found = shown_alerts(alert().clear(), shown=values(50, 50), indicators=INDICATORS)
    assert found.is_empty()
    assert found.columns == alert().columns


ENDS = st.floats(-3, 3, allow_nan=False)


@given(ENDS, ENDS, ENDS, st.sampled_from((5, 10, 15, 50, 200, 1000)))
def test_the_interval_holds_what_it_held_and_the_figures_are_multiples_of_the_step(
    change: float, one: float, other: float, n: int
) -> None:
    lower, upper = sorted((one, other))
    found = shown(alert(change=change, lower=lower, upper=upper), values(n, n))
    assert found["lower"] <= lower + 1e-6
    assert found["upper"] >= upper - 1e-6
    assert abs(found["change"] - change) <= 0.5 / n * 5 + 1e-6
    width = next(step for step in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2) if 1 / n <= step + 1e-9)
    assert all(abs(found[name] / width - round(found[name] / width)) < 1e-6 for name in ("change", "lower", "upper"))


@given(st.floats(-0.02, 0.02))
def test_a_change_within_a_step_cannot_be_told_from_another(by: float) -> None:
    rows = alert(change=-0.8 + by, lower=-1.25 + by, upper=-0.35 + by)
    assert shown(rows, values(10, 10)) == shown(alert(change=-0.8, lower=-1.25, upper=-0.35), values(10, 10))


@given(ENDS, ENDS, st.sampled_from((5, 10, 15, 50, 200, 1000)))
def test_the_words_tell_the_interval_as_it_is_shown(one: float, other: float, n: int) -> None:
    found = shown(alert(lower=min(one, other), upper=max(one, other)), values(n, n))
    told = re.search(r"by ([\d.]+) to ([\d.]+) \(95%", found["message"])
    assert told is not None
    ends = sorted((abs(found["lower"]), abs(found["upper"])))
    assert [float(told[1]), float(told[2])] == pytest.approx(ends, abs=1e-9)
