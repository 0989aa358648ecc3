"""A change in one sentence: its parts as shown add up to the change as shown."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.explained import change_in_words, rounded_parts, signed
from barometer.indicators import Indicator, load_indicators
from barometer.settings import PROJECT
from barometer.tables import EXPLAINED_BY

INDICATORS = load_indicators(PROJECT / "configs")
POLICE = INDICATORS["trust_police"]
PARTS = st.dictionaries(st.sampled_from(EXPLAINED_BY), st.floats(-50, 50, allow_nan=False), max_size=5)


def told(parts: dict[str, float], indicator: Indicator = POLICE, **more: object) -> str:
    plain = {"noise": 3.0, "is_within_noise": False}
    return change_in_words("Idle", indicator, parts, **(plain | more))  # type: ignore[arg-type]


def test_the_sentence_of_the_design() -> None:
    assert told({"new_data": -0.3, "language_model": -1.8}) == (
        "Idle \u22122.1 points: \u22120.3 new answers, \u22121.8 new language model."
    )


def test_every_factor_has_its_words() -> None:
    assert told(dict.fromkeys(EXPLAINED_BY, 0.1)) == (
        "Idle +0.5 points: +0.1 new answers, +0.1 late or removed answers, +0.1 weights and margins, "
        "+0.1 new language model, +0.1 configuration and method."
    )


@pytest.mark.parametrize(
    ("indicator", "words"),
    [
        ("posts_distrust_share", "Idle +2.0 percentage points: +2.0 new posts."),
        ("practitioner_trust", "Idle +0.0 points"),
        ("observed_staying_rate", "Idle: less than 0.1 persons per observer-hour."),
    ],
)
def test_units_and_rows_are_the_indicators_own(indicator: str, words: str) -> None:
    found = told({"new_data": 0.02}, INDICATORS[indicator])
    assert found == words if "+2.0" in words or "persons" in words else "less than 0.1 points" in found


def test_late_posts_may_be_audit_labels() -> None:
    found = told({"late_or_removed_data": 0.1}, INDICATORS["rumour_share"])
    assert "late or removed posts or audit labels" in found


def test_parts_that_cancel_are_told_though_nothing_changed() -> None:
    assert (
        told({"new_data": 1.0, "weights": -1.0}) == "Idle 0.0 points: +1.0 new answers, \u22121.0 weights and margins."
    )


def test_chance_another_period_and_shared_causes_are_said() -> None:
    found = told({"new_data": 0.2}, is_within_noise=True, since=(date(2026, 3, 1), date(2026, 3, 28)), is_shared=True)
    assert "What the data changed is within noise (\u00b13.0)." in found
    assert "Compared with 2026-03-01 to 2026-03-28." in found
    assert found.endswith("each is given half of what they did.")


def test_merged_data_are_called_so() -> None:
    assert "+0.2 new, late and removed answers" in told({"new_data": 0.2}, is_merged=True)


@given(PARTS, st.booleans())
def test_shown_parts_add_up_to_the_shown_change(parts: dict[str, float], is_share: bool) -> None:
    found = rounded_parts(parts, is_share=is_share)
    scale = 1000 if is_share else 10
    assert set(found) == set(parts)
    assert abs(sum(found.values()) - scale * sum(parts.values())) <= 0.5 + 1e-6
    for factor, size in found.items():
        assert abs(size - scale * parts[factor]) < 1 + 1e-6


@given(PARTS)
def test_a_part_that_is_nothing_is_never_shown_as_something_while_others_can_take_it(parts: dict[str, float]) -> None:
    whole = {factor: float(round(part)) for factor, part in parts.items()}
    found = rounded_parts(whole, is_share=False)
    assert found == {factor: round(10 * part) for factor, part in whole.items()}


@pytest.mark.parametrize(("tenths", "shown"), [(3, "+0.3"), (-18, "\u22121.8"), (0, "0.0"), (12345, "+1,234.5")])
def test_numbers_carry_their_sign(tenths: int, shown: str) -> None:
    assert signed(tenths) == shown
