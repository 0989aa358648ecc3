"""e-BH: its definition, and the rate it promises over dependent series and over all nights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.change import detect, e_bh, family_weights, threshold
from tests.estimate.change.streams import PERIODS, SERIES, at_most, steady

evidences = st.lists(st.floats(-5, 20), min_size=1, max_size=40).map(np.array)
RATE = 0.05


def by_definition(log_evidence: np.ndarray, rate: float) -> np.ndarray:
    """The largest set of e-values that are all at least m / (size of the set * rate)."""
    m = log_evidence.size
    for k in range(m, 0, -1):
        is_large = log_evidence >= np.log(m / (k * rate))
        if is_large.sum() >= k:
            return is_large
    return np.zeros(m, dtype=bool)


@given(evidences)
def test_agrees_with_its_definition(log_evidence: np.ndarray) -> None:
    np.testing.assert_array_equal(e_bh(log_evidence, rate=RATE), by_definition(log_evidence, RATE))


def test_one_of_many_must_reach_their_number_over_the_rate() -> None:
    just, short = np.log(100 / RATE) + 1e-9, np.log(100 / RATE) - 1e-6
    others = np.zeros(99)
    assert e_bh(np.append(others, just), rate=RATE).sum() == 1
    assert e_bh(np.append(others, short), rate=RATE).sum() == 0
    assert threshold(size=100, discoveries=1, rate=RATE) == pytest.approx(np.log(2000))


@given(evidences, st.integers(0, 2**32 - 1))
def test_order_plays_no_part(log_evidence: np.ndarray, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(log_evidence.size)
    np.testing.assert_array_equal(e_bh(log_evidence, rate=RATE)[order], e_bh(log_evidence[order], rate=RATE))


@given(evidences, st.integers(0, 39), st.floats(0, 10))
def test_more_evidence_never_loses_a_discovery(log_evidence: np.ndarray, which: int, more: float) -> None:
    raised = log_evidence.copy()
    raised[which % raised.size] += more
    assert np.all(e_bh(raised, rate=RATE) >= e_bh(log_evidence, rate=RATE))


@given(evidences)
def test_a_stricter_rate_finds_no_more(log_evidence: np.ndarray) -> None:
    assert np.all(e_bh(log_evidence, rate=0.01) <= e_bh(log_evidence, rate=0.1))


def test_nothing_to_judge_is_nothing_found() -> None:
    assert e_bh(np.array([]), rate=RATE).size == 0


@given(st.lists(st.sampled_from(["city", "parts", "wards"]), min_size=1, max_size=60))
def test_families_share_the_error_alike(families: list[str]) -> None:
    weights = family_weights(families)
    assert weights.sum() == pytest.approx(len(families))
    totals = {name: sum(w for w, f in zip(weights, families, strict=True) if f == name) for name in set(families)}
    assert len({round(total, 9) for total in totals.values()}) == 1


def test_a_weight_lowers_what_is_needed_by_as_much() -> None:
    families = ["city"] * 2 + ["parts"] * 98
    weights = family_weights(families)
    needed = np.log(100 / RATE) - np.log(weights[0])
    log_evidence = np.zeros(100)
    log_evidence[0] = needed + 1e-9
    assert e_bh(log_evidence, rate=RATE, weights=weights)[0]
    assert not e_bh(log_evidence, rate=RATE).any()


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1])
def test_a_rate_outside_its_range_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        e_bh(np.zeros(3), rate=rate)


@pytest.mark.parametrize("weights", [np.ones(2), np.array([1.0, 1.0, 0.0]), np.array([2.0, 1.0, 1.0])])
def test_weights_that_spend_more_than_there_is_are_refused(weights: np.ndarray) -> None:
    with pytest.raises(ValueError, match="weights"):
        e_bh(np.zeros(3), rate=RATE, weights=weights)


@pytest.mark.parametrize("together", [0.0, 0.5, 0.95])
def test_false_discoveries_stay_below_the_rate_however_series_depend(together: float) -> None:
    """A third of the series did change; the others' errors go together with theirs."""
    rng, shares = np.random.default_rng(7), []
    for _ in range(60):
        values, errors = steady(rng, series=90, together=together)
        values[:30, 9:] += 6.0
        found = e_bh(detect(values, errors, horizon=PERIODS).log_evidence[:, -1], rate=RATE)
        shares.append(found[30:].sum() / max(found.sum(), 1))
        assert found[:30].mean() > 0.5
    assert np.mean(shares) <= RATE + 3 * np.std(shares) / np.sqrt(len(shares))


@pytest.mark.parametrize("together", [0.0, 0.5, 0.95])
def test_a_city_where_nothing_changes_rarely_sees_any_alert_in_a_year(together: float) -> None:
    rng, alarmed, runs = np.random.default_rng(8), 0, 120
    for _ in range(runs):
        values, errors = steady(rng, series=SERIES, together=together)
        nights = detect(values, errors, horizon=PERIODS).log_evidence
        alarmed += any(e_bh(nights[:, period], rate=RATE).any() for period in range(1, PERIODS))
    assert at_most(alarmed, of=runs, rate=RATE)


def test_errors_that_are_wrong_break_the_rate() -> None:
    """The two tests before could fail: with errors half as large as they are, alarms are far above the rate."""
    rng, alarmed = np.random.default_rng(9), 0
    for _ in range(40):
        values, errors = steady(rng)
        alarmed += bool(e_bh(detect(values, errors / 2, horizon=PERIODS).log_evidence[:, -1], rate=RATE).any())
    assert not at_most(alarmed, of=40, rate=RATE)
