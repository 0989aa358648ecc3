"""Shares per area: inside 0..1, closer than direct ones, with intervals that cover."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from barometer.estimate.small_area import CannotEstimate, Method, SharesFit, fit_shares
from barometer.estimate.small_area.areas import Array
from barometer.estimate.small_area.transforms import TransformName
from tests.estimate.small_area.made import lattice

EVERY_TRANSFORM = pytest.mark.parametrize("transform", ["logit", "arcsine"])


class Asked(NamedTuple):
    share: Array
    n: Array
    X: Array
    truth: Array


def ask(*, areas: int = 63, centre: float = 0.0, spread: float = 0.3, n: int = 25, seed: int = 0) -> Asked:
    """Areas whose true shares follow a logit-normal around a covariate, each asked of about `n` people."""
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(areas), rng.normal(size=areas)])
    truth = special.expit(centre + 0.4 * design[:, 1] + spread * rng.normal(size=areas))
    size = rng.integers(max(n // 2, 1), 2 * n, areas)
    return Asked(rng.binomial(size, truth) / size, size.astype(float), design, truth)


def rmse(estimate: Array, truth: Array) -> float:
    return float(np.sqrt(np.nanmean((estimate - truth) ** 2)))


def covered(fit: SharesFit, truth: Array) -> float:
    return float(((fit.lower <= truth) & (truth <= fit.upper)).mean())


class TestTruth:
    @EVERY_TRANSFORM
    @pytest.mark.parametrize("centre", [0.0, -2.0])
    def test_closer_than_direct_shares_and_covering(self, transform: TransformName, centre: float) -> None:
        """63 areas, 25 people each; shares near a half, and near an eighth, where some areas have no yes at all."""
        gain, inside = [], []
        for seed in range(25):
            asked = ask(centre=centre, seed=seed)
            fit = fit_shares(asked.share, asked.n, asked.X, transform=transform, method="hb")
            gain.append(rmse(fit.share, asked.truth) / rmse(asked.share, asked.truth))
            inside.append(covered(fit, asked.truth))
        assert np.mean(gain) < 0.75
        assert 0.93 < np.mean(inside) < 0.975

    @EVERY_TRANSFORM
    def test_shares_are_right_on_average(self, transform: TransformName) -> None:
        """No bias over areas: within half a point, where shares are an eighth."""
        bias = []
        for seed in range(25):
            asked = ask(centre=-2.0, seed=seed, n=30)
            fit = fit_shares(asked.share, asked.n, asked.X, transform=transform, method="hb")
            bias.append((fit.share - asked.truth).mean())
        assert abs(np.mean(bias)) < 0.008

    def test_an_area_nobody_was_asked_in(self) -> None:
        errors, inside = [], []
        for seed in range(20):
            asked = ask(seed=seed)
            hidden = np.arange(63) % 6 == 0
            share = np.where(hidden, np.nan, asked.share)
            fit = fit_shares(share, asked.n, asked.X, method="hb")
            assert (fit.is_sampled == ~hidden).all()
            errors.append(fit.standard_error[hidden].mean() - fit.standard_error[~hidden].mean())
            inside.append((fit.lower <= asked.truth)[hidden] & (asked.truth <= fit.upper)[hidden])
        assert np.mean(errors) > 0
        assert 0.92 < np.mean(inside) < 0.985

    def test_neighbours_help(self) -> None:
        rng, proximity, gain = np.random.default_rng(4), lattice(8), []
        for _ in range(8):
            effects = np.linalg.solve(np.eye(64) - 0.9 * proximity, 0.4 * rng.normal(size=64))
            truth, n = special.expit(effects), np.full(64, 20.0)
            share = rng.binomial(20, truth) / 20
            spatial = fit_shares(share, n, np.ones((64, 1)), proximity=proximity)
            plain = fit_shares(share, n, np.ones((64, 1)))
            gain.append(rmse(spatial.share, truth) / rmse(plain.share, truth))
        assert np.mean(gain) < 0.97


class TestAlways:
    @EVERY_TRANSFORM
    @pytest.mark.parametrize("method", ["reml", "ml", "fh", "hb"])
    @settings(max_examples=15)
    @given(seed=st.integers(0, 500))
    def test_everything_lies_within_0_and_1_and_in_order(
        self, transform: TransformName, method: Method, seed: int
    ) -> None:
        asked = ask(areas=20, n=6, centre=2.0 * (seed % 3 - 1), seed=seed)
        fit = fit_shares(asked.share, asked.n, asked.X, transform=transform, method=method)
        assert ((fit.lower >= 0) & (fit.lower <= fit.share) & (fit.share <= fit.upper) & (fit.upper <= 1)).all()
        assert ((fit.standard_error > 0) & (fit.standard_error < 0.5)).all()

    @EVERY_TRANSFORM
    @settings(max_examples=15)
    @given(st.integers(0, 200))
    def test_no_is_the_mirror_of_yes(self, transform: TransformName, seed: int) -> None:
        asked = ask(areas=20, seed=seed)
        yes = fit_shares(asked.share, asked.n, asked.X, transform=transform)
        no = fit_shares(1 - asked.share, asked.n, asked.X, transform=transform)
        np.testing.assert_allclose(no.share, 1 - yes.share, atol=1e-6)
        np.testing.assert_allclose(no.lower, 1 - yes.upper, atol=1e-6)
        np.testing.assert_allclose(no.standard_error, yes.standard_error, rtol=1e-4)

    @EVERY_TRANSFORM
    def test_the_order_of_areas_does_not_matter(self, transform: TransformName) -> None:
        asked = ask()
        order = np.random.default_rng(1).permutation(63)
        fit = fit_shares(asked.share, asked.n, asked.X, transform=transform)
        other = fit_shares(asked.share[order], asked.n[order], asked.X[order], transform=transform)
        np.testing.assert_allclose(other.share, fit.share[order], atol=1e-9)

    @EVERY_TRANSFORM
    def test_many_answers_speak_for_themselves(self, transform: TransformName) -> None:
        asked = ask(n=200_000)
        fit = fit_shares(asked.share, asked.n, asked.X, transform=transform)
        np.testing.assert_allclose(fit.share, asked.share, atol=1e-3)

    def test_more_answers_narrower_intervals(self) -> None:
        few, many = (fit_shares(a.share, a.n, a.X) for a in (ask(n=10), ask(n=400)))
        assert (many.upper - many.lower).mean() < 0.6 * (few.upper - few.lower).mean()

    def test_the_model_is_there_to_look_at(self) -> None:
        asked = ask()
        fit = fit_shares(asked.share, asked.n, asked.X, transform="arcsine", method="ml")
        assert fit.transform == "arcsine"
        assert fit.fit.method == "ml"
        assert fit.fit.converged
        np.testing.assert_allclose(fit.fit.gamma, fit.fit.sigma2 / (fit.fit.sigma2 + 1 / (4 * asked.n)))


class TestWaves:
    def test_three_waves_of_a_city(self) -> None:
        rng, proximity = np.random.default_rng(0), lattice(4)
        level = np.repeat(0.5 * rng.normal(size=16), 3)
        n = np.full(48, 15.0)
        share = rng.binomial(15, special.expit(level)) / 15
        share[4] = np.nan
        fit = fit_shares(share, n, np.ones((48, 1)), proximity=proximity, n_times=3)
        assert not fit.is_sampled[4]
        assert rmse(fit.share, special.expit(level)) < 0.8 * rmse(share, special.expit(level))


class TestNotSampled:
    @pytest.mark.parametrize(("share", "n"), [(np.nan, 10.0), (0.5, np.nan), (0.5, 0.0), (np.nan, 0.0)])
    def test_no_answers(self, share: float, n: float) -> None:
        asked = ask(areas=20)
        asked.share[3], asked.n[3] = share, n
        fit = fit_shares(asked.share, asked.n, asked.X)
        assert np.flatnonzero(~fit.is_sampled).tolist() == [3]
        assert np.isfinite(fit.share).all()


class TestRefused:
    def refusal(self, share: object, n: object, **options: object) -> str:
        with pytest.raises(CannotEstimate) as refused:
            fit_shares(share, n, ask(areas=20).X, **options)  # type: ignore[arg-type]
        return str(refused.value)

    def test_percentages(self) -> None:
        asked = ask(areas=20)
        assert "share lies outside 0..1 at row" in self.refusal(100 * asked.share, asked.n)

    @pytest.mark.parametrize("wrong", [-1.0, np.inf])
    def test_a_number_of_answers_that_is_none(self, wrong: float) -> None:
        asked = ask(areas=20)
        asked.n[2] = wrong
        assert "effective_n is negative or infinite at row 2" in self.refusal(asked.share, asked.n)

    def test_other_lengths(self) -> None:
        asked = ask(areas=20)
        assert "share is (20,) and effective_n (19,)" in self.refusal(asked.share, asked.n[1:])

    def test_nobody_asked_anywhere(self) -> None:
        assert "no area was sampled" in self.refusal(np.full(20, np.nan), np.zeros(20))

    def test_another_scale(self) -> None:
        asked = ask(areas=20)
        assert "'probit' is not known" in self.refusal(asked.share, asked.n, transform="probit")

    def test_too_few_areas(self) -> None:
        asked = ask(areas=20)
        asked.n[2:] = 0
        assert "2 sampled areas cannot carry 2 covariates" in self.refusal(asked.share, asked.n)
