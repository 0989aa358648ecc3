"""Numbers in words."""

from __future__ import annotations

from datetime import date

import pytest

from barometer.indicators import load_indicators
from barometer.release import words
from barometer.settings import PROJECT
from barometer.tables import MISSING_REASONS

INDICATORS = load_indicators(PROJECT / "configs")
SHARE, POINTS, RATE = (INDICATORS[name] for name in ("wallet_neighbour", "trust_police", "observed_staying_rate"))
NIGHT = date(2026, 5, 9)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0%"),
        (0.004, "0.4%"),
        (0.034, "3.4%"),
        (0.0994, "9.9%"),
        (0.0996, "10%"),
        (0.625, "63%"),
        (0.705, "71%"),
        (1.0, "100%"),
    ],
)
def test_shares_are_per_cent(value: float, said: str) -> None:
    assert words.value_in_words(value, SHARE) == said


def test_other_values_have_one_decimal_and_a_true_minus() -> None:
    assert words.value_in_words(6.449, POINTS) == "6.4"
    assert words.value_in_words(-1.25, RATE) == "\u22121.3"


def test_units_are_said_where_they_help() -> None:
    assert words.unit_in_words(SHARE) == ""
    assert words.unit_in_words(POINTS) == "out of 10"
    assert words.unit_in_words(RATE) == "persons per observer-hour"


def test_differences_of_shares_are_percentage_points() -> None:
    assert words.difference_in_words(-0.064, SHARE) == "6.4 percentage points"
    assert words.difference_in_words(1.04, POINTS) == "1.0"


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (date(2026, 3, 2), date(2026, 3, 29), "2 to 29 March 2026"),
        (date(2026, 3, 16), date(2026, 4, 12), "16 March to 12 April 2026"),
        (date(2025, 12, 22), date(2026, 1, 18), "22 December 2025 to 18 January 2026"),
        (date(2026, 4, 13), date(2026, 5, 10), "13 April to 10 May 2026 (still running; data to 9 May)"),
        (date(2026, 5, 9), date(2026, 5, 9), "9 May 2026"),
    ],
)
def test_periods_are_said_without_repeating_month_or_year(start: date, end: date, said: str) -> None:
    assert words.period_in_words(start, end, night=NIGHT) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "fewer than 1 in 20"),
        (0.049, "fewer than 1 in 20"),
        (0.05, "about 1 in 10"),
        (0.38, "about 4 in 10"),
        (0.5, "about half"),
        (0.949, "about 9 in 10"),
        (0.95, "nearly all"),
        (1.0, "nearly all"),
    ],
)
def test_shares_are_said_as_people_say_them(share: float, said: str) -> None:
    assert words.in_ten(share) == said


def test_every_reason_a_number_may_be_missing_has_words() -> None:
    assert set(words.REASONS) == set(MISSING_REASONS)


def test_every_indicator_has_words_for_its_kind() -> None:
    for indicator in INDICATORS.indicators:
        assert indicator.method in words.METHODS
        assert indicator.dimension in words.DIMENSIONS
        assert indicator.direction in words.DIRECTIONS
        assert indicator.signal in words.COVERED or indicator.rests_on
        assert indicator.signal in words.VOICES


def test_a_stand_in_is_always_called_one_and_only_once() -> None:
    assert words.approved_by_in_words("make run", is_stand_in=True) == "make run (stand-in, not a person)"
    said = words.approved_by_in_words("make run (stand-in, not a person)", is_stand_in=True)
    assert said == "make run (stand-in, not a person)"
    assert words.approved_by_in_words("A. Person", is_stand_in=False) == "A. Person"


def test_identifiers_read_as_words() -> None:
    assert words.sentence_case("owned_mortgage") == "Owned mortgage"
    assert words.sentence_case("16-24") == "16-24"
    assert words.sentence_case("") == ""
