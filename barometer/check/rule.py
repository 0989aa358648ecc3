"""What a rule is: an expectation, how bad its failure is, and the words a person gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from barometer.check.library import expectations
from barometer.night import Night

Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Rule:
    """`name` is unique in its table; `advice` says what it means when it fails and what to do."""

    name: str
    expectation: Any
    advice: str
    severity: Severity = "critical"


def is_among(column: str, values: Sequence[object], advice: str) -> Rule:
    """Every value of `column` that is there is one of `values`."""
    expectation = expectations.ExpectColumnValuesToBeInSet(column=column, value_set=sorted(values, key=str))
    return Rule(f"{column}_is_known", expectation, advice)


def is_between(
    column: str, lowest: float | None, highest: float | None, advice: str, *, severity: Severity = "critical"
) -> Rule:
    """Every value of `column` that is there lies in the closed range; `None` leaves an end open."""
    expectation = expectations.ExpectColumnValuesToBeBetween(column=column, min_value=lowest, max_value=highest)
    return Rule(f"{column}_in_range", expectation, advice, severity)


def is_always_true(column: str, advice: str, *, severity: Severity = "critical") -> Rule:
    """The yes/no column `column`, derived for this rule, is yes in every row."""
    expectation = expectations.ExpectColumnValuesToBeInSet(column=column, value_set=[True])
    return Rule(column, expectation, advice, severity)


def matches(column: str, pattern: str, advice: str) -> Rule:
    """Every value of `column` that is there matches the regular expression."""
    expectation = expectations.ExpectColumnValuesToMatchRegex(column=column, regex=pattern)
    return Rule(f"{column}_has_its_form", expectation, advice)


def has_one_of_each(column: str, values: Sequence[object], advice: str) -> Rule:
    """Each of `values` occurs in `column`."""
    expectation = expectations.ExpectColumnDistinctValuesToContainSet(column=column, value_set=list(values))
    return Rule(f"{column}_is_complete", expectation, advice)


def is_mostly(column: str, share: float, advice: str) -> Rule:
    """The yes/no column `column` is yes in at least `share` of the rows: below it, a warning."""
    expectation = expectations.ExpectColumnValuesToBeInSet(column=column, value_set=[True], mostly=share)
    return Rule(column, expectation, advice, "warning")


PSEUDONYM = r"^[0-9a-f]{32}$"


def is_pseudonym(column: str) -> Rule:
    """`column` holds keyed pseudonyms and nothing that was readable."""
    advice = f"{column} must be a keyed pseudonym; a readable id got through the door. Do not publish; check ingest."
    return matches(column, PSEUDONYM, advice)


def is_synthetic_like_its_city(night: Night) -> Rule:
    """Synthetic rows stay in synthetic cities and real rows in real ones."""
    advice = "real and synthetic rows are mixed; remove the wrong source from the city's sources.yaml and its rows"
    return is_among("synthetic", [night.city.is_synthetic], advice)


def is_known_area(night: Night, column: str = "area") -> Rule:
    """Every area is one of the city's."""
    advice = "areas that the city does not have; check place look-ups and the city's areas.csv"
    return is_among(column, [*night.city.areas["area"].to_list(), night.city.id], advice)


def is_in_time(night: Night, column: str) -> Rule:
    """Nothing lies further ahead than the day after the night: such rows would count years from now."""
    advice = "times far after the night; the clock of the source is wrong or the dates are mistyped"
    latest = pl.Series([night.horizon]).dt.offset_by("366d").item()
    expectation = expectations.ExpectColumnValuesToBeBetween(column=column, max_value=latest)
    return Rule(f"{column}_is_plausible", expectation, advice, "warning")
