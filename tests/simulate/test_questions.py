"""Mean answers worked out are the mean answers people give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.indicators import load_indicators
from barometer.settings import PROJECT
from barometer.simulate.questions import (
    BY_COLUMN,
    INDICATORS,
    QUESTIONS,
    TOTAL_DEVIATION,
    TWO_WAY,
    Question,
    in_unit,
    mean_probability,
    probability,
)

GROUP_TRUST = np.array([-0.5, 0.2, 0.6])
SHARES = np.array([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]])
LEVEL = np.array([-0.4, 0.8])


def test_the_mean_over_people_is_that_of_many_drawn_people() -> None:
    random = np.random.default_rng(5)
    worked_out = mean_probability(TWO_WAY, LEVEL, GROUP_TRUST, SHARES)
    for area in range(2):
        group = random.choice(3, 400_000, p=SHARES[area])
        trust = LEVEL[area] + GROUP_TRUST[group] + random.normal(0, TOTAL_DEVIATION, 400_000)
        assert worked_out[area] == pytest.approx(float(probability(TWO_WAY, trust).mean()), abs=0.002)


def test_days_by_areas_are_worked_out_at_once() -> None:
    days = np.stack([LEVEL, LEVEL + 0.3])
    both = mean_probability(TWO_WAY, days, GROUP_TRUST, SHARES)
    assert np.allclose(both[1], mean_probability(TWO_WAY, LEVEL + 0.3, GROUP_TRUST, SHARES))


@given(st.floats(-5, 5), st.floats(0.01, 3))
def test_more_trust_is_more_of_everything(level: float, more: float) -> None:
    for question in QUESTIONS:
        low, high = (mean_probability(question, np.array([x]), GROUP_TRUST, SHARES[:1]) for x in (level, level + more))
        assert 0 < low[0] < high[0] < 1


@pytest.mark.parametrize(("form", "value"), [("likely", 0.25), ("two_way", 0.25), ("eleven", 2.5), ("agree", 2.0)])
def test_means_come_in_the_indicators_unit(form: str, value: float) -> None:
    question = Question("q", "people", form)  # type: ignore[arg-type]
    assert in_unit(question, np.array([0.25])) == pytest.approx(value)


def test_every_indicator_of_answers_has_a_truth_in_its_unit() -> None:
    declared = {one.id: one for one in load_indicators(PROJECT / "configs").of_signal("answers")}
    assert set(INDICATORS) == set(declared)
    for name, columns in INDICATORS.items():
        scale = declared[name].scale
        for column in columns:
            ends = in_unit(BY_COLUMN[column], np.array([0.0, 1.0]))
            assert (ends[0], ends[1]) == (scale.minimum, scale.maximum), name
