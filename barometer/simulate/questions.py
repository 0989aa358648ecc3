"""The questions of the simulated survey: how an answer comes from a person's trust, and what the mean answer is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from barometer.simulate.people import Numbers, expit

Form = Literal["likely", "two_way", "eleven", "agree"]

PERSON_DEVIATION = 0.6
CLUSTER_DEVIATION = 0.2
TOTAL_DEVIATION = float(np.hypot(PERSON_DEVIATION, CLUSTER_DEVIATION))
"""Standard deviations, logit scale: of persons about their group, of sampling units about their area, of both."""

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True)
class Question:
    """Column of the form, the kind of trust it is about, and its logit: `intercept + slope x trust`."""

    column: str
    dimension: str
    form: Form
    intercept: float = 0.0
    slope: float = 1.0


COHESION = tuple(
    Question(f"cohesion_{name}", "people", "agree", intercept, 0.8)
    for name, intercept in (
        ("stay", 1.0),
        ("favours", 0.2),
        ("advice", 0.5),
        ("talk", 0.8),
        ("similar", 0.5),
        ("belong", 0.9),
        ("friends", 0.7),
        ("improve", 0.9),
    )
)
TWO_WAY = Question("trust_people_two_way", "people", "two_way")
QUESTIONS = (
    Question("wallet_neighbour", "people", "likely", 0.9),
    Question("wallet_stranger", "people", "likely", -0.6),
    Question("wallet_police", "police", "likely", 1.1),
    Question("trust_people", "people", "eleven", 0.3, 0.7),
    TWO_WAY,
    Question("trust_neighbourhood", "people", "eleven", 0.8, 0.8),
    Question("trust_police", "police", "eleven", 0.7, 0.8),
    Question("trust_council", "council", "eleven", 0.1, 0.8),
    Question("trust_health", "health", "eleven", 0.9, 0.8),
    Question("trust_schools", "schools", "eleven", 0.9, 0.8),
    Question("trust_local_media", "media", "eleven", 0.2, 0.8),
    *COHESION,
)
INDICATORS: dict[str, tuple[str, ...]] = {
    "wallet_neighbour": ("wallet_neighbour",),
    "wallet_stranger": ("wallet_stranger",),
    "wallet_police": ("wallet_police",),
    "trust_generalised_0_10": ("trust_people",),
    "trust_generalised_two_way": ("trust_people_two_way",),
    "trust_neighbourhood": ("trust_neighbourhood",),
    "trust_police": ("trust_police",),
    "trust_council": ("trust_council",),
    "trust_health": ("trust_health",),
    "trust_schools": ("trust_schools",),
    "trust_local_media": ("trust_local_media",),
    "neighbourhood_cohesion": tuple(question.column for question in COHESION),
}
"""Indicator -> the columns its true value is the mean of."""
BY_COLUMN = {question.column: question for question in QUESTIONS}


def probability(question: Question, trust: Numbers) -> Numbers:
    """Probability behind an answer (of yes, or of each point of a scale) of people with this trust, logit scale."""
    return expit(question.intercept + question.slope * trust)


def mean_probability(question: Question, level: Numbers, group_trust: Numbers, group_shares: Numbers) -> Numbers:
    """Mean of `probability` over an area's people: over groups exactly, over persons by Gauss-Hermite quadrature.

    `level` has the areas last (… x area); `group_shares` is area x group; the result has the shape of `level`.
    """
    total = np.zeros_like(level)
    for node, weight in zip(_NODES * TOTAL_DEVIATION, _WEIGHTS, strict=True):
        for group, effect in enumerate(group_trust):
            total += weight * group_shares[:, group] * probability(question, level + effect + node)
    return total


def in_unit(question: Question, mean: Numbers) -> Numbers:
    """Mean probability -> mean answer in the indicator's unit: a share, points of 0 to 10, or of 1 to 5."""
    if question.form == "eleven":
        return 10.0 * mean
    return 1.0 + 4.0 * mean if question.form == "agree" else mean
