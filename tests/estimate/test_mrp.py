"""Multilevel regression and poststratification: published numbers, an exact integral, recovery and coverage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from barometer.errors import BadInput
from barometer.estimate.mrp import MrpFit, fit_mrp, poststratify

Array = npt.NDArray[np.float64]
COVARIATES = [f"L2.x{i}" for i in range(1, 7)]
FACTORS = ["L1x1", "L1x2", "L1x3", "region", "state"]
# State estimates of YES ~ (1|L1x1) + (1|L1x2) + (1|L1x3) + (1|region/state) + L2.x1 + ... + L2.x6, probit, as printed
# in the vignette of R's autoMrP 0.97 ("Multilevel Regression and Post-Stratification in autoMrP"), fitted by glmer.
PUBLISHED = {
    "AL": 0.1136,
    "AR": 0.1126,
    "AZ": 0.2167,
    "CA": 0.3106,
    "CO": 0.2086,
    "CT": 0.2369,
    "DE": 0.2259,
    "FL": 0.1885,
    "GA": 0.1324,
    "IA": 0.1905,
}


@dataclass(frozen=True)
class Published:
    """A survey and the census beside it, covariates standardised in each by itself as the vignette's version did."""

    survey: pl.DataFrame
    census: pl.DataFrame

    def fit(self, factors: list[str], **options: Any) -> MrpFit:
        return fit_mrp(
            self.survey["YES"].to_numpy(),
            {name: self.survey[name].to_numpy() for name in factors},
            {name: self.survey[name].to_numpy() for name in COVARIATES},
            **options,
        )

    def states(self, factors: list[str], **options: Any) -> pl.DataFrame:
        return poststratify(self.fit(factors, **options), self.census, area="state", population="proportion")


def read(folder: Path, survey: str, census: str) -> Published:
    frames = [pl.read_csv(folder / "methods" / "automrp" / f"{name}.csv") for name in (survey, census)]
    scaled = [
        frame.with_columns((pl.col(name) - pl.col(name).mean()) / pl.col(name).std() for name in COVARIATES)
        for frame in frames
    ]
    return Published(*scaled)


@pytest.fixture(scope="module")
def taxes(shared_data: Path) -> Published:
    return read(shared_data, "taxes_survey", "taxes_census")


@pytest.fixture(scope="module")
def absentee(shared_data: Path) -> Published:
    return read(shared_data, "absentee_voting", "absentee_census")


class TestPublishedExample:
    def test_the_printed_state_estimates_are_met(self, taxes: Published) -> None:
        states = taxes.states(FACTORS, link="probit").filter(pl.col("state").is_in(list(PUBLISHED)))
        off = states["value"].to_numpy() - np.array(list(PUBLISHED.values()))
        # Printed to 4 digits, found by a search that stops earlier: two and a half units of the last digit.
        assert np.max(np.abs(off)) < 2.5e-4
        assert np.mean(np.abs(off)) < 1e-4

    def test_the_logistic_model_says_nearly_the_same(self, taxes: Published) -> None:
        logit, probit = (taxes.states(FACTORS, link=link)["value"].to_numpy() for link in ("logit", "probit"))
        assert logit.shape == (48,)
        assert np.corrcoef(logit, probit)[0, 1] > 0.995
        assert np.max(np.abs(logit - probit)) < 0.01

    def test_estimates_lie_between_the_states_own_answers_and_the_model(self, absentee: Published) -> None:
        # given a state's own answers, and what the model says of it when states have no effect of their own
        own = absentee.survey.group_by("state").agg(own=pl.col("YES").mean(), n=pl.len())
        synthetic = absentee.states(["L1x1", "L1x2", "L1x3"]).select("state", synthetic="value")
        both = absentee.states(["L1x1", "L1x2", "L1x3", "state"]).join(own, on="state").join(synthetic, on="state")
        # then those the survey hardly reached stay nearer the model than those it reached well
        pull = (pl.col("value") - pl.col("synthetic")).abs().sum() / (pl.col("own") - pl.col("synthetic")).abs().sum()
        few, many = (both.filter(which).select(pull).item() for which in (pl.col("n") < 15, pl.col("n") > 60))
        assert 0 <= few < many < 1


@dataclass(frozen=True)
class Town:
    """Areas with a covariate, kinds of people, and everybody's true chance of yes."""

    cells: pl.DataFrame
    truth: Array
    answers: pl.DataFrame


def make_town(rng: np.random.Generator, *, areas: int = 30, per_area: float = 30, sigma: float = 0.5) -> Town:
    """People of five age bands; the survey reaches the old three times as often as the young."""
    deprivation = rng.normal(size=areas)
    area_effect, age_effect = rng.normal(0, sigma, areas), rng.normal(0, 0.5, 5)
    people = rng.integers(50, 400, size=(areas, 5)).astype(float)
    eta = -0.4 - 0.5 * deprivation[:, None] + area_effect[:, None] + age_effect[None, :]
    chance = special.expit(eta)
    reach = people * np.linspace(1, 3, 5)
    asked = rng.poisson(per_area * reach / reach.sum(axis=1, keepdims=True))
    yes = rng.binomial(asked, chance)
    frame = pl.DataFrame(
        {
            "area": np.repeat([f"A{i:02d}" for i in range(areas)], 5),
            "age": np.tile([f"band{i}" for i in range(5)], areas),
            "deprivation": np.repeat(deprivation, 5),
            "population": people.ravel(),
            "asked": asked.ravel(),
            "yes": yes.ravel(),
        }
    )
    saying = [frame.select(pl.all().repeat_by(pl.col(n))).explode(pl.all()) for n in ("yes", "asked")]
    yes_rows, all_rows = saying
    no_rows = frame.with_columns(no=pl.col("asked") - pl.col("yes"))
    no_rows = no_rows.select(pl.col("area", "age", "deprivation").repeat_by("no")).explode(pl.all()).drop_nulls()
    yes_rows = yes_rows.select("area", "age", "deprivation").drop_nulls()
    assert yes_rows.height + no_rows.height == all_rows.drop_nulls().height
    answers = pl.concat([yes_rows.with_columns(answer=1), no_rows.with_columns(answer=0)])
    truth = (people * chance).sum(axis=1) / people.sum(axis=1)
    return Town(frame.drop("asked", "yes"), truth, answers)


def fit_town(answers: pl.DataFrame, **options: Any) -> MrpFit:
    return fit_mrp(
        answers["answer"].to_numpy(),
        {"area": answers["area"].to_numpy(), "age": answers["age"].to_numpy()},
        {"deprivation": answers["deprivation"].to_numpy()},
        **options,
    )


@pytest.fixture(scope="module")
def town() -> Town:
    return make_town(np.random.default_rng(11))


@pytest.fixture(scope="module")
def town_fit(town: Town) -> MrpFit:
    return fit_town(town.answers)


class TestRecovery:
    def test_coverage_recovery_and_gain_over_the_answers_alone(self) -> None:
        # given 16 surveys of 40 areas, 40 answers in each
        covered, error, scaled, own_error, sigmas, slopes = [], [], [], [], [], []
        for seed in range(16):
            made = make_town(np.random.default_rng(seed), areas=40, per_area=40)
            fit = fit_town(made.answers)
            found = poststratify(fit, made.cells)
            assert fit.converged
            lower, upper = found["lower"].to_numpy(), found["upper"].to_numpy()
            covered.append((lower <= made.truth) & (made.truth <= upper))
            error.append(found["value"].to_numpy() - made.truth)
            scaled.append(error[-1] / found["standard_error"].to_numpy())
            own = made.answers.group_by("area").agg(own=pl.col("answer").mean())
            own_error.append(found.join(own, on="area", how="left")["own"].to_numpy() - made.truth)
            sigmas.append(fit.sigma["area"])
            slopes.append(fit.beta[1])
        assert 0.92 <= np.mean(covered) <= 0.97
        assert np.std(scaled) == pytest.approx(1.0, abs=0.1)
        assert np.mean(scaled) == pytest.approx(0.0, abs=0.15)
        assert np.sqrt(np.mean(np.square(error))) < 0.85 * np.sqrt(np.mean(np.square(own_error)))
        assert np.mean(sigmas) == pytest.approx(0.5, abs=0.07)
        assert np.mean(slopes) == pytest.approx(-0.5, abs=0.06)


def exact_loglik(answers: pl.DataFrame, fit: MrpFit) -> float:
    """Marginal likelihood of a one-factor model by quadrature: no approximation but the number of nodes."""
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(60)
    total = 0.0
    for _, group in answers.group_by("area"):
        eta = fit.beta[0] + fit.beta[1] * group["deprivation"].to_numpy()[:, None] + fit.sigma["area"] * nodes[None, :]
        said = group["answer"].to_numpy()[:, None]
        loglik = (said * special.log_expit(eta) + (1 - said) * special.log_expit(-eta)).sum(axis=0)
        total += special.logsumexp(loglik, b=node_weights / np.sqrt(2 * np.pi))
    return float(total)


class TestLikelihood:
    @pytest.mark.parametrize(("per_area", "off"), [(200, 0.03), (20, 0.2)])
    def test_laplace_comes_close_to_the_exact_integral(self, per_area: float, off: float) -> None:
        answers = make_town(np.random.default_rng(3), areas=20, per_area=per_area).answers
        fit = fit_mrp(answers["answer"], {"area": answers["area"].to_numpy()}, {"deprivation": answers["deprivation"]})
        assert fit.loglik == pytest.approx(exact_loglik(answers, fit), abs=off)

    def test_no_differences_between_levels_is_plain_logistic_regression(self) -> None:
        # given factors that have nothing to do with the answer: every level answers exactly alike
        x = np.tile(np.repeat([-1.0, 1.0], 10), 12)
        answer = np.tile([1, 0, 0, 0, 0, 0, 0, 0, 0, 0] + [1] * 6 + [0] * 4, 12)
        fit = fit_mrp(answer, {"area": np.repeat(np.arange(12), 20)}, {"x": x})
        assert fit.sigma["area"] == 0
        assert fit.beta == pytest.approx(
            [(special.logit(0.1) + special.logit(0.6)) / 2, (special.logit(0.6) - special.logit(0.1)) / 2], abs=1e-5
        )
        information = 240 * np.array([[0.165, 0.075], [0.075, 0.165]])
        assert fit.beta_se == pytest.approx(np.sqrt(np.diag(np.linalg.inv(information))), rel=1e-4)

    def test_aic_counts_effects_and_deviations(self, town_fit: MrpFit) -> None:
        assert town_fit.aic == pytest.approx(2 * (2 + 2) - 2 * town_fit.loglik)

    def test_a_factor_that_matters_raises_the_likelihood_by_more_than_chance(self, town: Town) -> None:
        # given ages that answer differently, and a factor that is noise
        noise = town.answers.with_columns(age=pl.int_range(pl.len()) % 5)
        gain = fit_town(town.answers).loglik - fit_town(noise).loglik
        assert 2 * gain > stats.chi2.ppf(0.99, 1)


class TestInvariance:
    @settings(max_examples=4)
    @given(st.integers(0, 2**32 - 1))
    def test_the_order_of_answers_does_not_matter(self, town: Town, town_fit: MrpFit, seed: int) -> None:
        shuffled = fit_town(town.answers.sample(fraction=1, shuffle=True, seed=seed))
        assert shuffled.loglik == pytest.approx(town_fit.loglik, abs=1e-8)
        assert shuffled.effects["area"] == pytest.approx(town_fit.effects["area"], abs=1e-6)

    @settings(max_examples=4)
    @given(st.floats(0.001, 1000), st.floats(-100, 100))
    def test_the_unit_of_a_covariate_does_not_matter(
        self, town: Town, town_fit: MrpFit, unit: float, zero: float
    ) -> None:
        turned = pl.col("deprivation") * unit + zero
        fit = fit_town(town.answers.with_columns(turned))
        same, before = poststratify(fit, town.cells.with_columns(turned)), poststratify(town_fit, town.cells)
        assert fit.beta[1] * unit == pytest.approx(town_fit.beta[1], rel=1e-4)
        assert fit.beta_se[1] * unit == pytest.approx(town_fit.beta_se[1], rel=1e-4)
        for column in ("value", "standard_error", "lower", "upper"):
            assert same[column].to_numpy() == pytest.approx(before[column].to_numpy(), rel=1e-4)

    @settings(max_examples=3)
    @given(st.floats(0.01, 100))
    def test_equal_weights_are_no_weights(self, town: Town, town_fit: MrpFit, weight: float) -> None:
        fit = fit_town(town.answers, weights=np.full(town.answers.height, weight))
        assert fit.effective_n == pytest.approx(town.answers.height)
        assert fit.loglik == pytest.approx(town_fit.loglik, rel=1e-8)

    def test_names_of_levels_do_not_matter(self, town: Town, town_fit: MrpFit) -> None:
        renamed = town.answers.with_columns(pl.lit("x") + pl.col("age").str.reverse())
        fit = fit_town(renamed)
        assert sorted(fit.effects["age"]) == pytest.approx(sorted(town_fit.effects["age"]), abs=1e-6)

    def test_yes_and_no_are_mirror_images(self, town: Town, town_fit: MrpFit) -> None:
        fit = fit_town(town.answers.with_columns(answer=1 - pl.col("answer")))
        mirrored = poststratify(fit, town.cells)
        plain = poststratify(town_fit, town.cells)
        assert 1 - mirrored["value"].to_numpy() == pytest.approx(plain["value"].to_numpy(), abs=1e-5)
        assert 1 - mirrored["upper"].to_numpy() == pytest.approx(plain["lower"].to_numpy(), abs=1e-5)


class TestWeights:
    def test_people_who_count_double_move_the_estimate(self, town: Town, town_fit: MrpFit) -> None:
        heavy = np.where(town.answers["answer"].to_numpy() == 1, 2.0, 1.0)
        fit = fit_town(town.answers, weights=heavy)
        assert fit.beta[0] > town_fit.beta[0]

    def test_unequal_weights_count_for_fewer_people(self, town: Town) -> None:
        uneven = np.random.default_rng(0).choice([0.2, 3.0], size=town.answers.height)
        fit = fit_town(town.answers, weights=uneven)
        assert fit.effective_n == pytest.approx(uneven.sum() ** 2 / (uneven**2).sum())
        assert fit.effective_n < town.answers.height == fit.n

    def test_an_answer_of_weight_zero_is_no_answer(self, town: Town, town_fit: MrpFit) -> None:
        extra = pl.concat([town.answers, town.answers.head(200).with_columns(answer=1 - pl.col("answer"))])
        weights = np.concatenate([np.ones(town.answers.height), np.zeros(200)])
        assert fit_town(extra, weights=weights).beta == pytest.approx(town_fit.beta, abs=1e-5)


class TestPoststratify:
    def test_values_and_intervals_stay_inside_a_share(self, town: Town, town_fit: MrpFit) -> None:
        found = poststratify(town_fit, town.cells)
        assert found.columns == ["area", "value", "standard_error", "lower", "upper", "population"]
        assert found["area"].is_sorted()
        assert ((found["lower"] < found["value"]) & (found["value"] < found["upper"])).all()
        assert (found["lower"] > 0).all()
        assert (found["upper"] < 1).all()

    def test_who_lives_there_matters(self, town: Town, town_fit: MrpFit) -> None:
        # given that yes grows with age, a town of only the old says yes more often
        old = poststratify(town_fit, town.cells.filter(pl.col("age") == "band4"))
        young = poststratify(town_fit, town.cells.filter(pl.col("age") == "band0"))
        assert (old["value"] > young["value"]).all()

    def test_an_area_nobody_answered_from_is_answered_from_its_covariate_with_more_error(
        self, town: Town, town_fit: MrpFit
    ) -> None:
        fit = fit_town(town.answers.filter(pl.col("area") != "A00"))
        left_out = poststratify(fit, town.cells).row(0, named=True)
        asked = poststratify(town_fit, town.cells).row(0, named=True)
        assert "A00" not in fit.levels["area"]
        assert left_out["standard_error"] > 1.1 * asked["standard_error"]
        # then the added variance is that of areas: slope of the share times their deviation, and little else
        share = left_out["value"]
        assert left_out["standard_error"] == pytest.approx(share * (1 - share) * fit.sigma["area"], rel=0.2)

    def test_the_scale_of_the_population_does_not_matter(self, town: Town, town_fit: MrpFit) -> None:
        thousandth = poststratify(town_fit, town.cells.with_columns(pl.col("population") / 1000))
        assert thousandth["value"].to_numpy() == pytest.approx(poststratify(town_fit, town.cells)["value"].to_numpy())

    def test_cells_split_in_two_are_the_same_cells(self, town: Town, town_fit: MrpFit) -> None:
        halves = pl.concat([town.cells.with_columns(pl.col("population") / 2)] * 2)
        split, whole = poststratify(town_fit, halves), poststratify(town_fit, town.cells)
        assert split["standard_error"].to_numpy() == pytest.approx(whole["standard_error"].to_numpy())

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (pl.all().exclude("age"), "no column age"),
            (pl.all().exclude("deprivation"), "no column deprivation"),
            (pl.when(pl.col("age") != "band1").then("age").alias("age"), "column age: has empty values"),
            ((pl.col("population") * -1).alias("population"), "population: must be numbers of people"),
            ((pl.col("population") * (pl.col("area") != "A03")).alias("population"), "nobody lives in area A03"),
        ],
    )
    def test_a_broken_census_is_named(self, town: Town, town_fit: MrpFit, change: pl.Expr, words: str) -> None:
        dropped = "exclude" in str(change) or change.meta.has_multiple_outputs()
        cells = town.cells.select(change) if dropped else town.cells.with_columns(change)
        with pytest.raises(BadInput, match=words):
            poststratify(town_fit, cells)


class TestRefusals:
    @pytest.mark.parametrize(
        ("outcome", "groups", "fixed", "options", "words"),
        [
            ([0, 1, 2, 1], {"g": list("aabb")}, {}, {}, "column of 0 and 1"),
            ([[0, 1], [1, 0]], {"g": list("aabb")}, {}, {}, "column of 0 and 1"),
            ([1, 1, 1, 1], {"g": list("aabb")}, {}, {}, "same answer"),
            ([], {"g": []}, {}, {}, "nobody any"),
            ([0, 1, 0, 1], {}, {}, {}, "at least one factor"),
            ([0, 1, 0, 1], {"g": list("aab")}, {}, {}, "factor g: has 3 labels for 4"),
            ([0, 1, 0, 1], {"g": list("aabb")}, {"x": [1, 1, 1, 1]}, {}, "covariate x: is the same everywhere"),
            ([0, 1, 0, 1], {"g": list("aabb")}, {"x": [1, 2, np.nan, 1]}, {}, "covariate x: must be 4 finite"),
            ([0, 1, 0, 1], {"g": list("aabb")}, {"x": [1, 2, 3, 4], "y": [2, 4, 6, 8]}, {}, "x, y say the same thing"),
            ([0, 1, 0, 1], {"g": list("aabb")}, {}, {"weights": [1, 1, 1]}, "weights: must be 4"),
            ([0, 1, 0, 1], {"g": list("aabb")}, {}, {"weights": [1, 1, 1, -1]}, "weights: must be 4"),
        ],
    )
    def test_what_cannot_be_modelled_is_named(
        self, outcome: Any, groups: Any, fixed: Any, options: Any, words: str
    ) -> None:
        with pytest.raises(BadInput, match=words):
            fit_mrp(outcome, groups, fixed, **options)

    def test_a_covariate_that_tells_every_answer_has_not_converged(self) -> None:
        # given answers told apart perfectly: the slope has no finite maximum
        x = np.linspace(-1, 1, 40)
        fit = fit_mrp((x > 0).astype(int), {"g": np.tile(list("abcd"), 10)}, {"x": x})
        assert not fit.converged


class TestRollUps:
    def test_areas_add_up_to_the_city(self, town: Town, town_fit: MrpFit) -> None:
        areas = poststratify(town_fit, town.cells)
        whole = poststratify(town_fit, town.cells.with_columns(city=pl.lit("city")), area="city")
        people, value = areas["population"].to_numpy(), areas["value"].to_numpy()
        assert whole["value"].item() == pytest.approx(np.average(value, weights=people))
        assert whole["population"].item() == pytest.approx(people.sum())

    def test_a_city_is_surer_than_its_areas_but_not_as_if_they_were_apart(self, town: Town, town_fit: MrpFit) -> None:
        # given that all areas share the effects of age and covariate, their errors do not cancel
        areas = poststratify(town_fit, town.cells)
        whole = poststratify(town_fit, town.cells.with_columns(city=pl.lit("city")), area="city")
        part = areas["population"].to_numpy() / areas["population"].sum()
        if_apart = np.sqrt(np.sum((part * areas["standard_error"].to_numpy()) ** 2))
        assert whole["standard_error"].item() < areas["standard_error"].min()
        assert whole["standard_error"].item() > if_apart

    def test_an_age_can_be_the_area(self, town: Town, town_fit: MrpFit) -> None:
        ages = poststratify(town_fit, town.cells, area="age")
        effects = dict(zip(town_fit.levels["age"], town_fit.effects["age"], strict=True))
        assert ages.sort("value")["age"].to_list() == sorted(effects, key=lambda name: effects[name])


class TestInformativeSelection:
    def test_weights_bring_back_those_who_answered_less(self) -> None:
        # given people who say yes answering half as often, and weights that know it
        plain_error, weighted_error = [], []
        for seed in range(5):
            made = make_town(np.random.default_rng(seed), areas=25, per_area=60)
            keep = np.random.default_rng(seed).random(made.answers.height) < np.where(
                made.answers["answer"] == 1, 0.5, 1
            )
            heard = made.answers.filter(pl.Series(keep))
            weights = np.where(heard["answer"] == 1, 2.0, 1.0)
            for into, options in ((plain_error, {}), (weighted_error, {"weights": weights})):
                found = poststratify(fit_town(heard, **options), made.cells)
                into.append(np.mean(found["value"].to_numpy() - made.truth))
        assert np.mean(plain_error) < -0.1
        assert np.mean(weighted_error) == pytest.approx(0, abs=0.03)


class TestSeveralFactors:
    def test_regions_and_areas_in_them(self) -> None:
        # given six regions that differ more than the areas within them
        rng = np.random.default_rng(2)
        region_effect, area_effect = rng.normal(0, 1.0, 6), rng.normal(0, 0.2, 60)
        area = np.repeat(np.arange(60), 60)
        region = area // 10
        answer = (rng.random(3600) < special.expit(region_effect[region] + area_effect[area])).astype(int)
        fit = fit_mrp(answer, {"region": region, "area": area}, {})
        assert fit.converged
        assert fit.sigma["region"] > 2 * fit.sigma["area"]
        centred = region_effect - region_effect.mean()
        assert fit.effects["region"] - fit.effects["region"].mean() == pytest.approx(centred, abs=0.3)

    def test_the_order_of_factors_does_not_matter(self, town: Town, town_fit: MrpFit) -> None:
        columns = {name: town.answers[name].to_numpy() for name in ("age", "area")}
        turned = fit_mrp(town.answers["answer"], columns, {"deprivation": town.answers["deprivation"]})
        assert turned.sigma["age"] == pytest.approx(town_fit.sigma["age"], abs=1e-4)
        there, here = poststratify(turned, town.cells), poststratify(town_fit, town.cells)
        assert there["standard_error"].to_numpy() == pytest.approx(here["standard_error"].to_numpy(), rel=1e-3)

    def test_no_covariate_is_needed(self, town: Town) -> None:
        fit = fit_mrp(town.answers["answer"], {"area": town.answers["area"].to_numpy()}, {})
        assert fit.fixed_names == ("intercept",)
        assert poststratify(fit, town.cells.drop("deprivation", "age")).height == 30
