"""Shares corrected by an audit: coverage where counting fails, properties, and intervals that widen when they must."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadInput
from barometer.estimate.intervals import Z, wilson
from barometer.estimate.prevalence import (
    FEWEST_AUDITED,
    FEWEST_OF_A_CLASS,
    OLDEST_AUDIT_DAYS,
    RECENT_DAYS,
    WANDER_PER_YEAR,
    Audit,
    Prevalence,
    Voices,
    adjusted_count,
    adjusted_counts,
    ageing_variance,
    drift_of,
    on_simplex,
    ppi_share,
    uncorrected_share,
    wilson_of,
    wilson_variance,
)

Array = npt.NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)


def voices_of(prediction: Array, **values: Any) -> Voices:
    plain = {"weight": np.ones(len(prediction)), "effective_n": float(len(prediction))}
    return Voices(prediction=np.asarray(prediction, dtype=float), **(plain | values))


def audit_of(prediction: Array, label: Array, **values: Any) -> Audit:
    """An audit of simple random voices made today, unless the test says otherwise."""
    n = len(label)
    plain = {"inclusion": np.full(n, 0.1), "weight": np.ones(n), "stratum": np.zeros(n, dtype=int)}
    plain["age_days"] = np.zeros(n)
    return Audit(prediction=np.asarray(prediction, float), label=np.asarray(label, float), **(plain | values))


def classify(rng: np.random.Generator, truth: Array, *, hits: float = 0.7, false_alarms: float = 0.15) -> Array:
    """A biased classifier: misses 30 % of yes and calls 15 % of no yes."""
    return (rng.random(len(truth)) < np.where(truth == 1, hits, false_alarms)).astype(float)


def stream(
    rng: np.random.Generator, *, share: float, n: int = 3000, n_audit: int = 400, soft: bool = False
) -> tuple[Voices, Audit]:
    """Voices of a share, and an audit that draws what the classifier calls yes four times as often."""
    truth = (rng.random(n) < share).astype(float)
    said = classify(rng, truth)
    stratum = said.astype(int)
    chance = np.where(said == 1, 4.0, 1.0)
    # Equal sizes by stratum: each stratum's own simple random sample.
    sizes = {1: min(round(n_audit * 4 * said.sum() / chance.sum()), int(said.sum())), 0: 0}
    sizes[0] = n_audit - sizes[1]
    drawn = np.concatenate([rng.choice(np.flatnonzero(said == k), sizes[k], replace=False) for k in (0, 1)])
    inclusion = np.array([sizes[0] / (n - said.sum()), sizes[1] / said.sum()])[stratum[drawn]]
    prediction = np.clip(0.2 + 0.5 * said + rng.normal(0, 0.05, n), 0, 1) if soft else said
    audit = audit_of(prediction[drawn], truth[drawn], inclusion=inclusion, stratum=stratum[drawn])
    return voices_of(prediction), audit


def covers(found: Prevalence, truth: float) -> bool:
    return found.lower <= truth <= found.upper


def seeded(case: int) -> np.random.Generator:
    return np.random.default_rng(case)


class TestCoverage:
    @pytest.mark.parametrize("share", [0.03, 0.1, 0.3, 0.6])
    def test_the_corrected_interval_covers_where_the_counted_one_fails(self, share: float) -> None:
        corrected, counted, bias = [], [], []
        for case in range(400):
            voices, audit = stream(seeded(case), share=share)
            found = ppi_share(voices, audit)
            corrected.append(covers(found, share))
            counted.append(covers(uncorrected_share(voices, reason="for comparison"), share))
            bias.append(found.value - share)
        assert 0.93 <= np.mean(corrected) <= 0.985
        assert np.mean(counted) < 0.6
        assert np.mean(bias) == pytest.approx(0, abs=0.004)

    @pytest.mark.parametrize("soft", [False, True])
    def test_adjusted_counts_cover_where_the_share_has_changed_since_the_audit(self, soft: bool) -> None:
        # given error rates audited when a third said yes, and voices of which an eighth does
        corrected, counted, transported = [], [], []
        for case in range(400):
            _, audit = stream(seeded(case), share=0.33, soft=soft)
            voices, _ = stream(seeded(10_000 + case), share=0.125, soft=soft)
            found = adjusted_count(voices, audit)
            corrected.append(covers(found, 0.125))
            counted.append(covers(uncorrected_share(voices, reason="for comparison"), 0.125))
            transported.append(covers(ppi_share(voices, audit, is_drawn_from_voices=False), 0.125))
        assert 0.93 <= np.mean(corrected) <= 0.985
        assert np.mean(counted) < 0.05
        # then an audit of other voices, unmatched, is no audit of these
        assert np.mean(transported) < 0.5

    def test_an_audit_matched_by_stratum_speaks_for_a_place_of_another_mix(self) -> None:
        # given two kinds of post, misread to different degrees, and a place that has mostly the second kind
        covered, unmatched = [], []
        for case in range(300):
            rng = seeded(case)
            kind = (rng.random(4000) < 0.2).astype(int)
            truth = (rng.random(4000) < np.where(kind == 1, 0.5, 0.1)).astype(float)
            said = classify(rng, truth, hits=0.8, false_alarms=0.05)
            said = np.where((kind == 1) & (rng.random(4000) < 0.3), 0.0, said)
            drawn = rng.choice(4000, 600, replace=False)
            audit = audit_of(said[drawn], truth[drawn], stratum=kind[drawn] * 2 + said[drawn].astype(int))
            here = np.flatnonzero(rng.random(4000) < np.where(kind == 1, 0.4, 0.02))
            stratum = kind[here] * 2 + said[here].astype(int)
            expected = (0.2 * 0.4 * 0.5 + 0.8 * 0.02 * 0.1) / (0.2 * 0.4 + 0.8 * 0.02)
            covered.append(covers(ppi_share(voices_of(said[here], stratum=stratum), audit), expected))
            unmatched.append(covers(ppi_share(voices_of(said[here]), audit), expected))
        assert 0.93 <= np.mean(covered) <= 0.99
        assert np.mean(unmatched) < 0.7

    def test_tuning_is_never_worse_than_the_audit_or_the_plain_correction(self) -> None:
        widths = []
        for case in range(100):
            voices, audit = stream(seeded(case), share=0.2)
            widths.append([ppi_share(voices, audit, lambda_=power).standard_error for power in (None, 0.0, 1.0)])
        tuned, audit_alone, plain = np.mean(widths, axis=0)
        assert tuned <= min(audit_alone, plain) * 1.001


class TestPublishedFormula:
    def test_ppi_plus_plus_of_a_mean(self) -> None:
        # given one unweighted sample of each, by hand: Angelopoulos, Duchi & Zrnic (2023), sections 2.1 and 6
        rng = seeded(5)
        truth = (rng.random(200) < 0.3).astype(float)
        f, f_all = truth * 0.3 + rng.random(200) * 0.7, rng.random(5000) * 0.8
        found = ppi_share(voices_of(f_all), audit_of(f, truth), is_drawn_from_voices=False)
        lambda_ = np.cov(truth, f)[0, 1] / (np.var(f, ddof=1) + np.var(f_all) * 200 / 5000)
        assert found.lambda_ == pytest.approx(lambda_, rel=1e-9)
        assert found.value == pytest.approx(lambda_ * f_all.mean() + np.mean(truth - lambda_ * f), rel=1e-9)
        variance = lambda_**2 * np.var(f_all) / 5000 + np.var(truth - lambda_ * f, ddof=1) / 200
        assert found.standard_error == pytest.approx(np.sqrt(variance), rel=0.02)

    def test_adjusted_count_by_hand(self) -> None:
        # given 100 true yes of which 80 are seen and 200 true no of which 20 are called yes
        label = np.repeat([1.0, 0.0], [100, 200])
        said = np.concatenate([np.repeat([1.0, 0.0], [80, 20]), np.repeat([1.0, 0.0], [20, 180])])
        voices = voices_of(np.repeat([1.0, 0.0], [240, 760]))
        found = adjusted_count(voices, audit_of(said, label))
        assert found.value == pytest.approx((0.24 - 0.1) / (0.8 - 0.1))
        variance = (0.24 * 0.76 / 1000 + 0.2**2 * 0.8 * 0.2 / 100 + 0.8**2 * 0.1 * 0.9 / 200) / 0.7**2
        assert found.standard_error == pytest.approx(np.sqrt(variance), rel=0.02)
        assert found.method == "adjusted_count"

    def test_probabilities_make_it_the_probabilistic_count(self) -> None:
        label = np.repeat([1.0, 0.0], [40, 60])
        found = adjusted_count(voices_of(np.full(500, 0.38)), audit_of(np.where(label == 1, 0.6, 0.2), label))
        assert found.method == "probabilistic_adjusted_count"
        assert found.value == pytest.approx((0.38 - 0.2) / (0.6 - 0.2))


class TestProperties:
    @given(SEEDS, st.floats(0.05, 0.95), st.booleans())
    def test_a_perfect_classifier_gives_back_the_plain_share(self, seed: int, share: float, counted: bool) -> None:
        rng = np.random.default_rng(seed)
        truth = (rng.random(600) < share).astype(float)
        truth[:30] = np.tile([0.0, 1.0], 15)
        drawn = np.concatenate([np.arange(30), 30 + rng.choice(570, 100, replace=False)])
        voices, audit = voices_of(truth), audit_of(truth[drawn], truth[drawn])
        found = adjusted_count(voices, audit) if counted else ppi_share(voices, audit)
        plain = uncorrected_share(voices, reason="for comparison")
        assert found.value == pytest.approx(plain.value, abs=1e-9)
        assert found.lower <= plain.lower
        assert found.upper >= plain.upper

    @given(SEEDS, st.floats(0.05, 0.95))
    def test_with_lambda_zero_it_is_the_audit_alone(self, seed: int, share: float) -> None:
        voices, audit = stream(np.random.default_rng(seed), share=share, n=800, n_audit=120)
        weight = 1 / audit.inclusion
        found = ppi_share(voices, audit, lambda_=0.0)
        assert found.value == pytest.approx((weight * audit.label).sum() / weight.sum())
        other = ppi_share(voices_of(1 - voices.prediction), audit, lambda_=0.0)
        assert other.value == found.value

    @given(SEEDS)
    def test_order_does_not_matter(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        voices, audit = stream(rng, share=0.3, n=500, n_audit=100)
        one, other = rng.permutation(500), rng.permutation(100)
        turned = Audit(*(getattr(audit, name)[other] for name in audit.__dataclass_fields__))
        mixed = voices_of(voices.prediction[one])
        for estimate in (ppi_share, adjusted_count):
            there, here = estimate(mixed, turned), estimate(voices, audit)
            assert (there.value, there.lower, there.upper) == pytest.approx((here.value, here.lower, here.upper))

    @given(SEEDS, st.floats(0.001, 1), st.floats(0, 1), st.floats(1, 5000))
    def test_everything_stays_inside_a_share(self, seed: int, share: float, hits: float, effective_n: float) -> None:
        rng = np.random.default_rng(seed)
        truth = (rng.random(300) < share).astype(float)
        said = classify(rng, truth, hits=hits, false_alarms=1 - hits)
        drawn = rng.choice(300, 60, replace=False)
        voices = voices_of(said, effective_n=effective_n)
        for estimate in (ppi_share, adjusted_count):
            found = estimate(voices, audit_of(said[drawn], truth[drawn]))
            assert 0 <= found.lower <= found.value <= found.upper <= 1
            assert found.standard_error > 0

    @given(SEEDS, st.floats(0.01, 100), st.floats(0.01, 1))
    def test_the_unit_of_weights_and_probabilities_does_not_matter(self, seed: int, unit: float, part: float) -> None:
        voices, audit = stream(np.random.default_rng(seed), share=0.3, n=500, n_audit=100)
        scaled = replace(audit, weight=audit.weight * unit, inclusion=audit.inclusion * part)
        there, here = ppi_share(replace(voices, weight=voices.weight * unit), scaled), ppi_share(voices, audit)
        assert (there.value, there.standard_error) == pytest.approx((here.value, here.standard_error))

    @given(SEEDS, st.floats(10, 2000))
    def test_fewer_effective_people_make_it_wider(self, seed: int, effective_n: float) -> None:
        voices, audit = stream(np.random.default_rng(seed), share=0.3, n=2500, n_audit=100)
        fewer = replace(voices, effective_n=effective_n)
        for estimate in (ppi_share, adjusted_count):
            there, here = estimate(fewer, audit), estimate(voices, audit)
            assert there.value == here.value
            assert there.upper - there.lower > here.upper - here.lower
            assert there.effective_n < min(here.effective_n, effective_n)

    def test_an_audited_voice_drawn_with_half_the_chance_counts_double(self) -> None:
        label, said = np.tile([1.0, 0.0, 0.0, 0.0], 20), np.zeros(80)
        said[0] = 1
        chance = np.where(label == 1, 0.1, 0.2)
        found = ppi_share(voices_of(np.zeros(500)), audit_of(said, label, inclusion=chance), lambda_=0.0)
        assert found.value == pytest.approx(40 / (40 + 60))

    def test_a_spotless_audit_still_leaves_doubt(self) -> None:
        # given people worth so many that sampling hardly matters: what is left is errors the audit did not meet
        said = np.tile([1.0, 0.0], 50)
        found = ppi_share(voices_of(said, effective_n=1e9), audit_of(said, said))
        assert found.standard_error == pytest.approx(1 / np.sqrt(100 * 101), rel=1e-3)


class TestDrift:
    def audits(self, *, recent: float, older: float, n: int = 200) -> Audit:
        """Two audits of 200: of true yes, `recent` and `older` are missed."""
        label = np.tile([1.0, 0.0], n)
        missed = np.concatenate([np.arange(n // 2) < rate * n / 2 for rate in (recent, older)])
        said = label.copy()
        said[::2] = np.where(missed, 0.0, 1.0)
        return audit_of(said, label, age_days=np.repeat([1.0, 80.0], n))

    def test_no_change_no_drift(self) -> None:
        found = drift_of(self.audits(recent=0.2, older=0.2))
        assert (found.statistic, found.p_value, found.shift) == pytest.approx((0, 1, 0))
        assert found.is_tested
        assert not found.is_found

    def test_a_change_is_found_and_widens_the_interval(self) -> None:
        steady, moved = self.audits(recent=0.2, older=0.2), self.audits(recent=0.4, older=0.0)
        voices = voices_of(np.tile([1.0, 0.0], 1000))
        before, after = ppi_share(voices, steady), ppi_share(voices, moved)
        assert after.drift.is_found
        # then the shift is four in ten of the half that is truly yes
        assert after.drift.shift == pytest.approx(0.2)
        assert after.standard_error > before.standard_error
        assert after.standard_error == pytest.approx(np.hypot(0.2, before.standard_error), rel=0.05)

    def test_errors_that_change_kind_but_not_number_are_drift(self) -> None:
        # given as many errors before and after, first all misses and then all false alarms: agreement is the same
        label, n = np.tile([1.0, 0.0], 200), 200
        said = label.copy()
        said[:80:2], said[n + 1 : n + 81 : 2] = 0.0, 1.0
        audit = audit_of(said, label, age_days=np.repeat([1.0, 80.0], n))
        agreement = (said == label).astype(float)
        assert agreement[:n].mean() == agreement[n:].mean()
        assert drift_of(audit).is_found

    def test_it_cries_wolf_as_often_as_it_says(self) -> None:
        # given one error rate throughout
        found = []
        for case in range(1000):
            rng = seeded(case)
            label = (rng.random(300) < 0.4).astype(float)
            ages = np.where(rng.random(300) < 0.4, 5.0, 60.0)
            found.append(drift_of(audit_of(classify(rng, label), label, age_days=ages)).is_found)
        assert 0.03 <= np.mean(found) <= 0.065

    @pytest.mark.parametrize("ages", [np.full(200, 3.0), np.full(200, 90.0), np.repeat([1.0, 90.0], [29, 171])])
    def test_one_audit_alone_cannot_drift(self, ages: Array) -> None:
        label = np.tile([1.0, 0.0], 100)
        found = drift_of(audit_of(label, label, age_days=ages))
        assert not found.is_tested
        assert not found.is_found

    def test_the_day_an_audit_stops_being_recent(self) -> None:
        label = np.tile([1.0, 0.0], 100)
        edge = np.repeat([RECENT_DAYS, RECENT_DAYS + 0.5], 100)
        assert drift_of(audit_of(label, label, age_days=edge)).is_tested
        assert not drift_of(audit_of(label, label, age_days=np.full(200, RECENT_DAYS))).is_tested


class TestAge:
    def test_a_year_is_one_years_wander(self) -> None:
        assert ageing_variance(365.25) == pytest.approx(WANDER_PER_YEAR**2)
        assert ageing_variance(0) == 0
        assert ageing_variance(-5) == 0

    @given(SEEDS, st.floats(1, OLDEST_AUDIT_DAYS))
    def test_an_older_audit_is_wider_by_just_that(self, seed: int, days: float) -> None:
        voices, audit = stream(np.random.default_rng(seed), share=0.3, n=500, n_audit=100)
        fresh, old = ppi_share(voices, audit), ppi_share(voices, replace(audit, age_days=np.full(100, days)))
        assert old.value == fresh.value
        assert old.standard_error**2 - fresh.standard_error**2 == pytest.approx(ageing_variance(days))
        assert old.upper - old.lower > fresh.upper - fresh.lower
        assert old.audit_age_days == pytest.approx(days)


class TestUncorrected:
    def test_no_audit_is_said_in_words(self) -> None:
        found = ppi_share(voices_of(np.tile([1.0, 0.0, 0.0, 0.0], 25)), None)
        assert (found.method, found.value, found.n_audit) == ("uncorrected", 0.25, 0)
        assert found.reason == "no audited sample has been read back"

    def test_it_is_wilsons_interval(self) -> None:
        found = uncorrected_share(voices_of(np.tile([1.0, 0.0, 0.0, 0.0], 25), effective_n=40.0), reason="none")
        expected = wilson(share=np.array([0.25]), effective_n=np.array([40.0]))
        assert found.standard_error == pytest.approx(expected.standard_error[0])
        assert (found.lower, found.upper) == pytest.approx((expected.lower[0], expected.upper[0]))
        assert found.effective_n == pytest.approx(40.0)

    @pytest.mark.parametrize("n", [FEWEST_AUDITED - 1, FEWEST_AUDITED])
    def test_the_fewest_audited_voices(self, n: int) -> None:
        label = np.tile([1.0, 0.0], 50)[:n]
        found = ppi_share(voices_of(label), audit_of(label, label))
        assert (found.method == "ppi") == (n == FEWEST_AUDITED)
        assert n == FEWEST_AUDITED or found.reason == "only 29 audited voices; 30 are needed"
        assert found.n_audit == n

    @pytest.mark.parametrize("days", [OLDEST_AUDIT_DAYS, OLDEST_AUDIT_DAYS + 1])
    def test_the_oldest_audit(self, days: int) -> None:
        label = np.tile([1.0, 0.0], 50)
        found = ppi_share(voices_of(label), audit_of(label, label, age_days=np.full(100, float(days))))
        assert (found.method == "ppi") == (days == OLDEST_AUDIT_DAYS)
        assert days == OLDEST_AUDIT_DAYS or found.reason == "the latest audit is 366 days old; 365 is the most"

    @pytest.mark.parametrize(("unaudited", "method"), [(20, "ppi"), (21, "uncorrected")])
    def test_strata_nobody_audited(self, unaudited: int, method: str) -> None:
        label = np.tile([1.0, 0.0], 50)
        stratum = np.where(np.arange(100) < unaudited, 7, 0)
        found = ppi_share(voices_of(label, stratum=stratum), audit_of(label, label))
        assert found.method == method
        assert method == "ppi" or found.reason == "strata with 79% of the voices were audited; 80% are needed"

    @pytest.mark.parametrize("yes", [FEWEST_OF_A_CLASS - 1, FEWEST_OF_A_CLASS])
    def test_rates_need_both_classes(self, yes: int) -> None:
        label = np.repeat([1.0, 0.0], [yes, 100])
        found = adjusted_count(voices_of(label), audit_of(label, label))
        assert (found.method == "adjusted_count") == (yes == FEWEST_OF_A_CLASS)
        assert yes == FEWEST_OF_A_CLASS or "only 9 audited voices of one class" in found.reason

    def test_a_classifier_that_tells_nothing_apart_corrects_nothing(self) -> None:
        label, said = np.tile([1.0, 1.0, 0.0, 0.0], 25), np.tile([1.0, 0.0], 50)
        found = adjusted_count(voices_of(said), audit_of(said, label))
        assert found.method == "uncorrected"
        assert "differ by 0.00 between classes" in found.reason


class TestRefusals:
    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"prediction": np.array([])}, "at least one"),
            ({"weight": np.ones(3)}, "one weight for each"),
            ({"prediction": np.full(100, 1.5)}, "between 0 and 1"),
            ({"prediction": np.full(100, np.nan)}, "between 0 and 1"),
            ({"weight": np.zeros(100)}, "not all 0"),
            ({"effective_n": 0.0}, "effective_n above 0"),
        ],
    )
    def test_broken_voices(self, values: dict[str, Any], words: str) -> None:
        broken = replace(voices_of(np.zeros(100)), **values)
        with pytest.raises(BadInput, match=words):
            ppi_share(broken, None)

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"label": np.full(50, 0.5)}, "audit, label"),
            ({"label": np.full(50, np.nan)}, "audit, label"),
            ({"inclusion": np.zeros(50)}, "audit, inclusion"),
            ({"inclusion": np.full(50, 1.2)}, "audit, inclusion"),
            ({"prediction": np.full(50, -0.1)}, "audit, prediction"),
            ({"age_days": np.zeros(49)}, "same length"),
        ],
    )
    def test_broken_audits(self, values: dict[str, Any], words: str) -> None:
        broken = replace(audit_of(np.zeros(50), np.tile([1.0, 0.0], 25)), **values)
        for estimate in (ppi_share, adjusted_count):
            with pytest.raises(BadInput, match=words):
                estimate(voices_of(np.zeros(100)), broken)


class TestWilson:
    @given(st.floats(0, 1), st.floats(5, 1e5))
    def test_it_turns_wilsons_variance_back_into_wilsons_interval(self, share: float, n: float) -> None:
        expected = wilson(share=np.array([share]), effective_n=np.array([n]))
        found = wilson_of(share, float(np.sqrt(wilson_variance(share * (1 - share), n))))
        assert (found.lower, found.upper) == pytest.approx((expected.lower[0], expected.upper[0]), abs=1e-6)
        assert found.effective_n == pytest.approx(n, rel=1e-3)

    @given(st.floats(0, 1), st.floats(0, 2))
    def test_it_is_always_inside(self, share: float, standard_error: float) -> None:
        found = wilson_of(share, standard_error)
        assert 0 <= found.lower <= share <= found.upper <= 1

    def test_nothing_known_and_everything_known(self) -> None:
        assert wilson_of(0.3, 0.500001 / Z) == (0.0, 1.0, 0.0)
        assert wilson_of(0.3, 0.0) == (0.3, 0.3, np.inf)


CONFUSION = np.array([[0.8, 0.1, 0.2], [0.1, 0.7, 0.1], [0.1, 0.2, 0.7]])


def three_classes(rng: np.random.Generator, shares: Array, n: int) -> tuple[Array, npt.NDArray[np.int64]]:
    """One-hot predictions by CONFUSION, and the true classes."""
    label = rng.choice(3, n, p=shares)
    said = (rng.random(n)[:, None] > np.cumsum(CONFUSION[:, label].T, axis=1)).sum(axis=1)
    return np.eye(3)[np.minimum(said, 2)], label


class TestClasses:
    def test_coverage_where_shares_have_changed(self) -> None:
        shares, covered, counted = np.array([0.15, 0.25, 0.6]), [], []
        for case in range(200):
            rng = seeded(case)
            audited, label = three_classes(rng, np.array([0.4, 0.3, 0.3]), 450)
            said, _ = three_classes(rng, shares, 3000)
            found = adjusted_counts(
                said, np.ones(3000), 3000.0, audited=audited, label=label, inclusion=np.full(450, 0.1)
            )
            assert found.value.sum() == pytest.approx(1)
            covered.append((found.lower <= shares) & (shares <= found.upper))
            counted.append(np.abs(said.mean(axis=0) - shares) < 3 * np.sqrt(0.25 / 3000))
        assert 0.93 <= np.mean(covered) <= 0.98
        assert np.mean(counted) < 0.5

    @given(SEEDS)
    def test_a_perfect_classifier_gives_back_the_counts(self, seed: int) -> None:
        label = np.random.default_rng(seed).choice(3, 500)
        label[:30] = np.tile([0, 1, 2], 10)
        found = adjusted_counts(
            np.eye(3)[label],
            np.ones(500),
            500.0,
            audited=np.eye(3)[label[:60]],
            label=label[:60],
            inclusion=np.ones(60),
        )
        assert found.value == pytest.approx(np.bincount(label) / 500, abs=1e-8)

    @given(st.lists(st.floats(0, 1), min_size=3, max_size=3), SEEDS)
    def test_always_on_the_simplex(self, mean: list[float], seed: int) -> None:
        matrix = np.random.default_rng(seed).dirichlet(np.ones(3), 3).T + np.eye(3)
        found = on_simplex(matrix / matrix.sum(axis=0), np.array(mean))
        assert (found >= 0).all()
        assert found.sum() == pytest.approx(1)

    def test_what_no_shares_explain_ends_on_the_edge(self) -> None:
        # given fewer calls of the first class than its false alarms alone would make
        found = on_simplex(CONFUSION, np.array([0.05, 0.35, 0.6]))
        assert found[0] == 0
        assert found.sum() == pytest.approx(1)

    def test_two_classes_are_the_adjusted_count(self) -> None:
        label = np.repeat([1, 0], [100, 200])
        said = np.concatenate([np.repeat([1.0, 0.0], [80, 20]), np.repeat([1.0, 0.0], [20, 180])])
        all_said = np.repeat([1.0, 0.0], [240, 760])
        both = adjusted_counts(
            np.column_stack([1 - all_said, all_said]),
            np.ones(1000),
            1000.0,
            audited=np.column_stack([1 - said, said]),
            label=label,
            inclusion=np.ones(300),
        )
        alone = adjusted_count(voices_of(all_said), audit_of(said, label))
        assert both.value[1] == pytest.approx(alone.value, abs=1e-6)
        assert both.standard_error[1] == pytest.approx(alone.standard_error, rel=0.03)

    def test_a_class_hardly_audited_or_a_matrix_without_inverse(self) -> None:
        rng = seeded(1)
        audited, label = three_classes(rng, np.array([0.01, 0.49, 0.5]), 100)
        few = adjusted_counts(audited, np.ones(100), 100.0, audited=audited, label=label, inclusion=np.ones(100))
        assert few.method == "uncorrected"
        assert "audited voices of class 0; 10 are needed" in few.reason
        assert few.value == pytest.approx(audited.mean(axis=0))
        blind = np.full((90, 3), 1 / 3)
        same = adjusted_counts(
            blind, np.ones(90), 90.0, audited=blind, label=np.tile([0, 1, 2], 30), inclusion=np.ones(90)
        )
        assert same.method == "uncorrected"
        assert "0.00 between classes" in same.reason


class TestWhatTheAuditBuys:
    def test_probabilities_that_know_more_make_it_narrower(self) -> None:
        # given a classifier whose probability says which of its answers to doubt
        rng = seeded(3)
        p = rng.beta(0.4, 0.8, 4000)
        truth = (rng.random(4000) < p).astype(float)
        drawn = rng.choice(4000, 400, replace=False)
        soft = ppi_share(voices_of(p), audit_of(p[drawn], truth[drawn]))
        hard = ppi_share(voices_of((p > 0.5) * 1.0), audit_of((p[drawn] > 0.5) * 1.0, truth[drawn]))
        assert soft.standard_error < hard.standard_error
        assert soft.lambda_ == pytest.approx(1, abs=0.1)

    def test_a_classifier_that_guesses_is_not_relied_on(self) -> None:
        rng = seeded(4)
        truth, said = ((rng.random(4000) < share).astype(float) for share in (0.3, 0.5))
        drawn = rng.choice(4000, 400, replace=False)
        found = ppi_share(voices_of(said), audit_of(said[drawn], truth[drawn]))
        assert found.lambda_ < 0.15
        assert found.value == pytest.approx(truth[drawn].mean(), abs=0.01)

    @pytest.mark.parametrize("estimate", [ppi_share, adjusted_count])
    def test_four_times_the_audit_is_half_the_error(self, estimate: Any) -> None:
        small, large = [], []
        for case in range(30):
            for size, into in ((200, small), (800, large)):
                voices, audit = stream(seeded(case), share=0.3, n=4000, n_audit=size)
                into.append(estimate(replace(voices, effective_n=1e7), audit).standard_error)
        assert np.mean(small) / np.mean(large) == pytest.approx(2, abs=0.3)

    @pytest.mark.parametrize("estimate", [ppi_share, adjusted_count])
    def test_drawing_what_is_called_yes_more_often_does_not_bias(self, estimate: Any) -> None:
        # given the same audit read as if it were a simple random sample: that would
        right, wrong = [], []
        for case in range(200):
            voices, audit = stream(seeded(case), share=0.2)
            right.append(estimate(voices, audit).value)
            wrong.append(estimate(voices, replace(audit, inclusion=np.full(400, 0.1))).value)
        assert np.mean(right) == pytest.approx(0.2, abs=0.006)
        assert abs(np.mean(wrong) - 0.2) > 0.02

    def test_the_standard_error_is_that_of_the_errors_made(self) -> None:
        found = [ppi_share(*stream(seeded(case), share=0.3)) for case in range(400)]
        spread = np.std([one.value for one in found])
        assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.12)

    def test_adjusted_counts_too_where_the_audit_is_of_other_voices(self) -> None:
        # given audits of their own voices, the two would share errors that partly cancel: the interval is then too wide
        audits = [stream(seeded(case), share=0.3)[1] for case in range(400)]
        found = [adjusted_count(stream(seeded(9_000 + case), share=0.3)[0], audit) for case, audit in enumerate(audits)]
        spread = np.std([one.value for one in found])
        assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.12)


class TestWideningReachesEveryMethod:
    @pytest.mark.parametrize("estimate", [ppi_share, adjusted_count])
    def test_age_widens(self, estimate: Any) -> None:
        voices, audit = stream(seeded(1), share=0.3)
        old = replace(audit, age_days=np.full(400, 300.0))
        gained = estimate(voices, old).standard_error ** 2 - estimate(voices, audit).standard_error ** 2
        assert gained == pytest.approx(WANDER_PER_YEAR**2 * 300 / 365.25)

    @pytest.mark.parametrize("estimate", [ppi_share, adjusted_count])
    def test_drift_widens_and_is_told(self, estimate: Any) -> None:
        # given a classifier that was right until four weeks ago and misses half of yes since
        rng = seeded(2)
        label = (rng.random(600) < 0.4).astype(float)
        age = np.where(np.arange(600) < 300, 3.0, 60.0)
        said = np.where((age < 28) & (rng.random(600) < 0.5), 0.0, label)
        voices, moved = voices_of(said), audit_of(said, label, age_days=age)
        steady = audit_of(said, label, age_days=rng.permutation(age))
        found, calm = estimate(voices, moved), estimate(voices, steady)
        assert found.drift.is_found
        assert not calm.drift.is_found
        assert found.drift.shift == pytest.approx(0.2, abs=0.05)
        assert found.upper - found.lower > 2 * (calm.upper - calm.lower)

    @pytest.mark.parametrize(("shift", "power"), [(0.3, 0.85), (0.15, 0.25)])
    def test_a_drift_is_found_the_more_often_the_larger(self, shift: float, power: float) -> None:
        found = []
        for case in range(200):
            rng = seeded(case)
            label = (rng.random(400) < 0.4).astype(float)
            age = np.where(np.arange(400) < 200, 3.0, 60.0)
            hits = np.where(age < 28, 0.8 - shift, 0.8)
            said = (rng.random(400) < np.where(label == 1, hits, 0.1)).astype(float)
            found.append(drift_of(audit_of(said, label, age_days=age)).is_found)
        assert np.mean(found) >= power

    def test_intervals_cover_after_a_random_walk_of_the_stated_size(self) -> None:
        # given classifiers whose false alarms wandered for a year since the audit, as far as the rule assumes
        covered, unaware = [], []
        for case in range(300):
            rng = seeded(case)
            moved = np.clip(0.15 + rng.normal(0, WANDER_PER_YEAR) / 0.7, 0, 1)
            truth, then = ((rng.random(n) < 0.3).astype(float) for n in (3000, 400))
            said = classify(rng, truth, false_alarms=moved)
            before = classify(rng, then)
            stale = audit_of(before, then, age_days=np.full(400, 365.0))
            found = ppi_share(voices_of(said), stale, lambda_=1.0)
            covered.append(covers(found, 0.3))
            unaware.append(covers(ppi_share(voices_of(said), replace(stale, age_days=np.zeros(400)), lambda_=1.0), 0.3))
        assert 0.92 <= np.mean(covered) <= 0.985
        assert np.mean(unaware) < np.mean(covered) - 0.1


class TestManyClassesHold:
    @given(SEEDS)
    def test_order_of_voices_and_of_the_audit_does_not_matter(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        audited, label = three_classes(rng, np.array([0.4, 0.3, 0.3]), 200)
        said, _ = three_classes(rng, np.array([0.2, 0.3, 0.5]), 500)
        one, other = rng.permutation(500), rng.permutation(200)
        here = adjusted_counts(said, np.ones(500), 500.0, audited=audited, label=label, inclusion=np.full(200, 0.2))
        there = adjusted_counts(
            said[one], np.ones(500), 500.0, audited=audited[other], label=label[other], inclusion=np.full(200, 0.2)
        )
        assert there.value == pytest.approx(here.value, abs=1e-9)
        assert there.standard_error == pytest.approx(here.standard_error, rel=1e-9)

    @given(SEEDS, st.permutations(range(3)))
    def test_names_of_classes_do_not_matter(self, seed: int, names: list[int]) -> None:
        rng = np.random.default_rng(seed)
        audited, label = three_classes(rng, np.array([0.4, 0.3, 0.3]), 200)
        said, _ = three_classes(rng, np.array([0.2, 0.3, 0.5]), 500)
        renamed = np.array(names)[label]
        order = np.argsort(names)
        here = adjusted_counts(said, np.ones(500), 500.0, audited=audited, label=label, inclusion=np.ones(200))
        there = adjusted_counts(
            said[:, order], np.ones(500), 500.0, audited=audited[:, order], label=renamed, inclusion=np.ones(200)
        )
        assert there.value[names] == pytest.approx(here.value, abs=1e-6)

    @given(SEEDS)
    def test_intervals_stay_inside_a_share(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        audited, label = three_classes(rng, np.array([0.4, 0.3, 0.3]), 120)
        said, _ = three_classes(rng, np.array([0.01, 0.01, 0.98]), 300)
        found = adjusted_counts(said, np.ones(300), 20.0, audited=audited, label=label, inclusion=np.ones(120))
        assert (found.lower >= 0).all()
        assert (found.lower <= found.value).all()
        assert (found.value <= found.upper).all()
        assert (found.upper <= 1).all()
