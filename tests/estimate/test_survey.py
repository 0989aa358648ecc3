"""Direct survey estimates: published numbers, formulas worked by hand, real surveys, and the gates."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.city import City, Thresholds
from barometer.estimate.cells import complete
from barometer.estimate.reliability import ASSUMED_ICC
from barometer.estimate.survey import estimate_answers, waves
from barometer.indicators import WHOLE_CITY
from tests.estimate.made import IN_BLOCK, INDICATORS, answer, fielded, one, respondent
from tests.rows import rows
from tests.towns import AREAS, make_testville

POLICE, WALLET, COHESION = "trust_police", "wallet_police", "neighbourhood_cohesion"
TWO_WAY, SCALE = "trust_generalised_two_way", "trust_generalised_0_10"
GENEROUS = Thresholds(reliability=0.0)
NO_MARGINS = pl.DataFrame(
    schema={
        "margin": pl.String,
        "category": pl.String,
        "area": pl.String,
        "persons": pl.Int64,
        "unit": pl.String,
        "base": pl.String,
    }
)

Rows = list[dict[str, Any]]


@pytest.fixture
def city(tmp_path: Path) -> City:
    """A town that publishes whatever its reliability and knows no margin, not even its neighbourhoods' adults."""
    return unraked(tmp_path)


def unraked(folder: Path, **changes: Any) -> City:
    plain = make_testville(folder)
    areas = plain.areas.with_columns(adults=pl.lit(None, dtype=pl.Int64))
    return make_testville(folder, **({"thresholds": GENEROUS, "margins": NO_MARGINS, "areas": areas} | changes))


def survey(city: City, respondents: Rows, answers: Rows, *names: str) -> pl.DataFrame:
    """Completed cells of the indicators named."""
    return framed(city, rows("respondents", *respondents), rows("answers", *answers), *names)


def framed(city: City, respondents: pl.DataFrame, answers: pl.DataFrame, *names: str) -> pl.DataFrame:
    placed = fielded(respondents)
    spans = placed.select("period_start", "period_end").unique().sort("period_start", "period_end")
    periods = pl.DataFrame({"indicator": names}).join(spans, how="cross")
    cells = estimate_answers(
        placed,
        answers,
        city=city,
        indicators=[INDICATORS[name] for name in names],
        periods=periods.with_columns(absent_reason=pl.lit("not_collected")),
    )
    return complete(cells, city)


def answered(values: list[float | None], item: str = POLICE, **common: Any) -> tuple[Rows, Rows]:
    """One respondent of T1 a value; those without one were not asked."""
    people = [respondent(i, **common) for i in range(len(values))]
    return people, [answer(i, item, v) for i, v in enumerate(values) if v is not None]


def whole(city: City, respondents: Rows, answers: Rows, name: str = POLICE) -> dict[str, Any]:
    return one(survey(city, respondents, answers, name), geography=WHOLE_CITY)


def local(city: City, respondents: Rows, answers: Rows, name: str = POLICE) -> dict[str, Any]:
    return one(survey(city, respondents, answers, name), area="T1")


class TestSimpleRandomSample:
    def test_mean_and_error_by_hand(self, city: City) -> None:
        values = [float(v) for v in (2, 4, 4, 5, 5, 6, 7, 7, 8, 2, 4, 6)]
        found = whole(city, *answered(list(values)))
        # the Taylor variance of a mean of n independent respondents is s^2 / n
        error = np.std(values, ddof=1) / np.sqrt(12)
        assert found["value"] == pytest.approx(5)
        assert found["standard_error"] == pytest.approx(error)
        assert found["upper"] == pytest.approx(5 + 2.200985 * error, rel=1e-5)
        assert (found["n"], found["effective_n"]) == (12, pytest.approx(12))

    def test_a_share_by_hand(self, city: City) -> None:
        # given 6 of 20 who say likely or very likely
        found = whole(city, *answered([3.0] * 4 + [4.0] * 2 + [1.0] * 6 + [2.0] * 8, WALLET), WALLET)
        error = np.sqrt(0.3 * 0.7 / 19)
        half = 2.093024 * error / 0.21
        centre = np.log(0.3 / 0.7)
        assert found["value"] == pytest.approx(0.3)
        assert found["standard_error"] == pytest.approx(error)
        assert found["lower"] == pytest.approx(1 / (1 + np.exp(-(centre - half))), rel=1e-5)
        assert found["upper"] == pytest.approx(1 / (1 + np.exp(-(centre + half))), rel=1e-5)

    @pytest.mark.parametrize(("answer_given", "share"), [(4.0, 1.0), (1.0, 0.0)])
    def test_where_all_agree_the_share_still_has_an_error(self, city: City, answer_given: float, share: float) -> None:
        found = whole(city, *answered([answer_given] * 15, WALLET), WALLET)
        assert found["value"] == share
        assert found["standard_error"] > 0.03
        assert 0 <= found["lower"] <= share <= found["upper"] <= 1
        assert found["upper"] - found["lower"] > 0.1

    def test_a_neighbourhood_whose_answers_are_alike_borrows_the_spread_of_the_others(self, city: City) -> None:
        people = [respondent(i, area="T1" if i < 12 else "T2") for i in range(24)]
        answers = [answer(i, POLICE, 5.0 if i < 12 else float(i % 2) * 4 + 3) for i in range(24)]
        found = local(city, people, answers)
        assert found["value"] == 5
        assert found["standard_error"] > 0.2

    def test_unequal_weights_cost_effective_respondents(self, city: City) -> None:
        people, answers = answered([float(i % 7) for i in range(40)])
        weighted = [p | {"weight": 1.0 + 9.0 * (i % 4 == 0)} for i, p in enumerate(people)]
        assert whole(city, weighted, answers)["effective_n"] < whole(city, people, answers)["effective_n"]


class TestPublishedNumbers:
    def test_the_stata_and_r_example_of_a_stratified_clustered_sample(self, city: City, shared_data: Path) -> None:
        """`svymean(~x, svydesign(ids=~psuid, strata=~stratid, weights=~weight, nest=TRUE))` on R survey's `fpc` data
        gives 5.4481 (SE 0.7413); Stata's `svy: mean x` gives 5.448148, .7412683, [3.63433, 7.261966]."""
        data = pl.read_csv(shared_data / "surveys" / "survey_api" / "fpc.csv")
        people = [
            respondent(i, weight=row["weight"], stratum=str(row["stratid"]), cluster=str(row["psuid"]))
            for i, row in enumerate(data.iter_rows(named=True))
        ]
        # doubled, each with its twin in the same unit, to have enough respondents: the estimates stay as they are
        twins = [p | {"response": f"t{i:05d}", "respondent": f"t{i:05d}"} for i, p in enumerate(people)]
        answers = [answer(i, POLICE, x) for i, x in enumerate(data["x"].to_list())]
        again = [a | {"response": f"t{i:05d}"} for i, a in enumerate(answers)]
        found = whole(city, [*people, *twins], [*answers, *again])
        assert found["value"] == pytest.approx(5.448148, abs=1e-6)
        assert found["n"] == 16

    def test_its_standard_error_before_any_smoothing(self, shared_data: Path) -> None:
        from barometer.estimate.weights import bind_design

        data = pl.read_csv(shared_data / "surveys" / "survey_api" / "fpc.csv").select(
            "x",
            "weight",
            response=pl.int_range(pl.len()).cast(pl.String),
            stratum=pl.col("stratid").cast(pl.String),
            cluster=pl.col("psuid").cast(pl.String),
        )
        found = bind_design(data).estimation.mean("x").to_polars().row(0, named=True)  # type: ignore[union-attr]
        assert found["se"] == pytest.approx(0.7412683, abs=1e-6)
        assert (found["lci"], found["uci"]) == pytest.approx((3.63433, 7.261966), abs=1e-5)

    def test_the_whole_of_spain_in_the_european_social_survey(self, city: City, shared_data: Path) -> None:
        """Trust in most people (0 to 10), ESS round 7: checked against the linearised variance written out in numpy."""
        raw = pl.read_csv(shared_data / "surveys" / "cosme_ess7es" / "ess7es.csv", infer_schema_length=None)
        data = raw.filter(pl.col("ppltrst").is_not_null()).with_columns(weight=1 / pl.col("prob"))
        expected_mean, expected_error, expected_df = linearised(data, "ppltrst")
        people = rows(
            "respondents",
            *(
                respondent(i, weight=r["weight"], cluster=str(r["psu"]), stratum=str(r["stratum"]))
                for i, r in enumerate(data.iter_rows(named=True))
            ),
        )
        answers = rows("answers", *(answer(i, SCALE, v) for i, v in enumerate(data["ppltrst"].to_list())))
        found = one(framed(city, people, answers, SCALE), geography=WHOLE_CITY)
        assert found["n"] == 1921
        assert found["value"] == pytest.approx(expected_mean, abs=1e-9)
        assert found["value"] == pytest.approx(4.83, abs=0.1)
        assert expected_df > 100
        assert found["standard_error"] == pytest.approx(expected_error, rel=1e-6)

    @pytest.mark.parametrize(("wave", "year"), [(1, 2006), (2, 2008), (3, 2010)])
    def test_who_can_be_trusted_in_the_general_social_survey(
        self, city: City, shared_data: Path, wave: int, year: int
    ) -> None:
        """The two-way question by wave; about a third of Americans of those years say most people can be trusted."""
        raw = pl.read_csv(
            shared_data / "surveys" / "gss_trust_panels" / "gss_panel06_long_trust.csv", infer_schema_length=None
        )
        coded = {"can Trust": 1.0, "Cannot Trust": 0.0, "Depends": None, None: None}
        data = (
            raw.filter((pl.col("year") == year) & pl.col("wtpannr123").is_not_null())
            .with_columns(y=pl.col("trust").replace_strict(coded, return_dtype=pl.Float64))
            .drop_nulls("y")
        )
        people = [respondent(i, weight=w) for i, w in enumerate(data["wtpannr123"].to_list())]
        found = whole(city, people, [answer(i, TWO_WAY, y) for i, y in enumerate(data["y"].to_list())], TWO_WAY)
        w, y = data["wtpannr123"].to_numpy(), data["y"].to_numpy()
        share = float((w * y).sum() / w.sum())
        assert found["n"] == data.height > 400
        assert found["value"] == pytest.approx(share, abs=1e-9)
        assert 0.25 < found["value"] < 0.45
        n = len(w)
        error = np.sqrt(n / (n - 1) * ((w * (y - share) / w.sum()) ** 2).sum())
        assert found["standard_error"] == pytest.approx(error, rel=1e-6)
        assert wave in data["wave"].to_list()


def linearised(data: pl.DataFrame, column: str) -> tuple[float, float, int]:
    """Weighted mean, its Taylor standard error and design degrees of freedom, as in Wolter (2007), 6.11.

    A stratum with one unit is taken around the mean of all units, as `lonely.psu = "adjust"` does.
    """
    w, y = data["weight"].to_numpy(), data[column].to_numpy()
    mean = float((w * y).sum() / w.sum())
    scores = data.select("stratum", "psu", z=pl.Series(w * (y - mean) / w.sum()))
    units = scores.group_by("stratum", "psu").agg(pl.col("z").sum())
    centre, variance = units["z"].mean(), 0.0
    for stratum in units.partition_by("stratum"):
        z = stratum["z"].to_numpy()
        around = z.mean() if len(z) > 1 else centre
        variance += (len(z) / max(len(z) - 1, 1)) * ((z - around) ** 2).sum()
    return mean, float(np.sqrt(variance)), units.height - units["stratum"].n_unique()


class TestClusters:
    def test_people_of_one_cluster_who_answer_alike_say_less(self, city: City) -> None:
        rng = np.random.default_rng(5)
        level = rng.normal(5, 1.5, 30).repeat(10).clip(0, 10)
        people = [respondent(i, cluster=f"c{i // 10}") for i in range(300)]
        answers = [answer(i, POLICE, float(v)) for i, v in enumerate(level)]
        found = whole(city, people, answers)
        assert found["effective_n"] == pytest.approx(30, rel=0.05)

    def test_a_neighbourhood_of_one_cluster_borrows_the_effect_of_clustering(self, city: City) -> None:
        # given T1 with a single cluster, whose own Taylor variance would be nothing, and three places of many clusters
        rng = np.random.default_rng(6)
        people, answers = [], []
        for i in range(400):
            area = AREAS[i % 4]
            cluster = "T1 only" if area == "T1" else f"{area} {i % 40}"
            people.append(respondent(i, area=area, cluster=cluster))
            answers.append(answer(i, POLICE, float(np.clip(rng.normal(5, 2), 0, 10))))
        found = local(city, people, answers)
        assert found["standard_error"] == pytest.approx(2 / np.sqrt(100), rel=0.35)

    def test_clusters_cannot_make_a_neighbourhood_surer_than_its_respondents(self, city: City) -> None:
        # given clusters that each hold one low and one high answer
        people = [respondent(i, cluster=f"c{i // 2}") for i in range(60)]
        answers = [answer(i, POLICE, 2.0 if i % 2 else 8.0) for i in range(60)]
        assert local(city, people, answers)["effective_n"] <= 60

    def test_a_design_of_one_cluster_still_has_an_error(self, city: City) -> None:
        people = [respondent(i, cluster="the only one") for i in range(30)]
        found = whole(city, people, [answer(i, POLICE, float(i % 6)) for i in range(30)])
        assert found["standard_error"] > 0.2


class TestScores:
    @pytest.mark.parametrize(("given_answer", "yes"), [(1, 0), (2, 0), (3, 1), (4, 1)])
    def test_a_wallet_comes_back_from_likely_on(self, city: City, given_answer: float, yes: float) -> None:
        assert whole(city, *answered([given_answer] * 12, WALLET), WALLET)["value"] == yes

    def test_answers_off_the_scale_are_left_out_and_said(self, city: City, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            found = whole(city, *answered([5.0] * 6 + [7.0] * 6 + [99.0] * 3))
        assert (found["value"], found["n"]) == (6, 12)
        assert "item trust_police: 3 answers are not within 0 to 10" in caplog.text
        assert "codebook" in caplog.text

    def test_refusals_are_no_answers(self, city: City) -> None:
        found = whole(city, *answered([6.0] * 12 + [None] * 8))
        assert (found["value"], found["n"]) == (6, 12)

    def cohesion(self, city: City, per_person: list[dict[str, float]]) -> dict[str, Any]:
        people = [respondent(i) for i in range(len(per_person))]
        answers = [
            answer(i, item, v) for i, given_answers in enumerate(per_person) for item, v in given_answers.items()
        ]
        return whole(city, people, answers, COHESION)

    def all_items(self, value: float, *without: str) -> dict[str, float]:
        items = INDICATORS[COHESION].measure.items  # type: ignore[union-attr]
        return {item: value for item in items if item not in without}

    def test_cohesion_is_turned_round(self, city: City) -> None:
        assert self.cohesion(city, [self.all_items(1)] * 12)["value"] == 5
        assert self.cohesion(city, [self.all_items(4)] * 12)["value"] == 2

    def test_cohesion_is_the_mean_of_the_items_given(self, city: City) -> None:
        mixed = self.all_items(2, "cohesion_talk") | {"cohesion_belong": 5.0}
        # turned: six fours and a one
        assert self.cohesion(city, [mixed] * 12)["value"] == pytest.approx(25 / 7)

    @pytest.mark.parametrize(
        ("without", "counts"),
        [
            ((), True),
            (("cohesion_stay",), False),  # the only item of its domain
            (("cohesion_talk",), True),  # one of three
            (("cohesion_talk", "cohesion_advice"), False),  # two of three
            (("cohesion_belong", "cohesion_similar"), True),  # half of four is not more than half
            (("cohesion_belong", "cohesion_similar", "cohesion_improve"), False),
        ],
    )
    def test_more_than_half_of_a_domain_missing_makes_cohesion_missing(
        self, city: City, without: tuple[str, ...], counts: bool
    ) -> None:
        found = self.cohesion(city, [self.all_items(2)] * 12 + [self.all_items(2, *without)])
        assert found["n"] == 12 + counts


class TestRaking:
    def half_renters(self, city: City, *, rent: float = 3.0, own: float = 7.0) -> tuple[Rows, Rows]:
        """Sixty respondents of T1, two thirds of whom rent, in a town where four in ten do."""
        people = [respondent(i) for i in range(60)]
        tenure = [answer(i, "group.tenure", category="rent" if i < 40 else "own") for i in range(60)]
        return people, [*tenure, *(answer(i, POLICE, rent if i < 40 else own) for i in range(60))]

    def test_the_sample_is_raked_to_the_citys_margins(self, tmp_path: Path) -> None:
        city = make_testville(tmp_path, thresholds=GENEROUS)
        found = whole(city, *self.half_renters(city))
        # 40 % rent and 60 % own, whatever the sample
        assert found["value"] == pytest.approx(0.4 * 3 + 0.6 * 7, abs=1e-3)

    def test_margins_given_by_neighbourhood_are_added_up(self, tmp_path: Path) -> None:
        margins = pl.DataFrame(
            {
                "margin": ["tenure"] * 4,
                "category": ["own", "rent"] * 2,
                "area": ["T1", "T1", "T2", "T2"],
                "persons": [100, 100, 200, 0],
                "unit": ["households"] * 4,
                "base": ["households"] * 4,
            }
        )
        city = make_testville(tmp_path, thresholds=GENEROUS, margins=margins)
        assert whole(city, *self.half_renters(city))["value"] == pytest.approx(0.25 * 3 + 0.75 * 7, abs=1e-3)

    def test_neighbourhoods_weigh_as_their_adults_do(self, tmp_path: Path) -> None:
        plain = make_testville(tmp_path)
        areas = plain.areas.with_columns(adults=pl.Series([3000, 1000, 1000, 1000]))
        city = make_testville(tmp_path, thresholds=GENEROUS, margins=NO_MARGINS, areas=areas)
        people = [respondent(i, area="T1" if i < 30 else "T2") for i in range(60)]
        found = whole(city, people, [answer(i, POLICE, 8.0 if i < 30 else 4.0) for i in range(60)])
        assert found["value"] == pytest.approx(0.75 * 8 + 0.25 * 4, abs=1e-3)

    def test_margins_no_weights_can_meet_are_said_and_nothing_is_shown(self, tmp_path: Path) -> None:
        margins = pl.DataFrame(
            {
                "margin": ["age", "age", "tenure", "tenure"],
                "category": ["young", "old", "own", "rent"],
                "area": [None] * 4,
                "persons": [9, 1, 1, 9],
                "unit": ["persons"] * 4,
                "base": ["adults"] * 4,
            },
            schema_overrides={"area": pl.String},
        )
        city = make_testville(tmp_path, thresholds=GENEROUS, margins=margins)
        people = [respondent(i) for i in range(60)]
        groups = [answer(i, "group.age", category="young" if i < 30 else "old") for i in range(60)]
        groups += [answer(i, "group.tenure", category="own" if i < 30 else "rent") for i in range(60)]
        found = survey(city, people, [*groups, *(answer(i, POLICE, 5.0) for i in range(60))], POLICE)
        assert one(found, area="T1")["missing_reason"] == "not_converged"
        assert one(found, geography=WHOLE_CITY)["missing_reason"] == "not_converged"
        assert (one(found, area="T1")["value"], one(found, area="T1")["n"]) == (None, 60)
        assert one(found, area="T2")["missing_reason"] == "not_collected"


class TestGates:
    def test_nine_respondents_are_too_few_and_ten_are_not(self, city: City) -> None:
        nine, ten = (local(city, *answered([float(i % 5) for i in range(n)])) for n in (9, 10))
        assert (nine["missing_reason"], nine["value"], nine["n"]) == ("too_few", None, 9)
        assert (ten["missing_reason"], ten["value"] is not None) == (None, True)

    def test_the_whole_city_needs_ten_as_well(self, city: City) -> None:
        assert whole(city, *answered([5.0, 6.0] * 4))["missing_reason"] == "too_few"

    def test_a_neighbourhood_that_says_too_little_is_withheld(self, tmp_path: Path) -> None:
        # given an assumed correlation of .05: 30 respondents give .61, 45 give .70
        city = unraked(tmp_path, thresholds=Thresholds())
        few, enough = (local(city, *answered([float(i % 5) for i in range(n)])) for n in (30, 46))
        assert few["reliability"] == pytest.approx(30 * ASSUMED_ICC / (1 + 29 * ASSUMED_ICC))
        assert (few["missing_reason"], few["value"], few["n"]) == ("too_few", None, 30)
        assert (enough["missing_reason"], enough["value"] is not None) == (None, True)

    def test_the_citys_own_value_is_not_judged_between_areas(self, tmp_path: Path) -> None:
        found = whole(unraked(tmp_path, thresholds=Thresholds()), *answered([float(i % 5) for i in range(30)]))
        assert (found["reliability"], found["missing_reason"]) == (None, None)

    def test_a_place_without_a_respondent_was_not_collected(self, city: City) -> None:
        found = survey(city, *answered([5.0, 6.0] * 10), POLICE)
        assert one(found, area="T4")["missing_reason"] == "not_collected"
        assert one(found, area="T4")["n"] == 0

    def test_a_question_a_wave_did_not_ask_was_not_collected(self, city: City) -> None:
        found = survey(city, *answered([5.0, 6.0] * 10), POLICE, WALLET)
        assert one(found, area="T1", indicator=WALLET)["missing_reason"] == "not_collected"

    def test_respondents_without_a_place_count_for_the_city_only(self, city: City) -> None:
        people, answers = answered([5.0, 6.0] * 10)
        lost = [p | {"area": None} for p in people]
        found = survey(city, lost, answers, POLICE)
        assert one(found, geography=WHOLE_CITY)["n"] == 20
        assert one(found, area="T1")["n"] == 0

    def test_a_weight_of_nothing_is_nobody(self, city: City) -> None:
        people, answers = answered([5.0] * 12 + [9.0] * 5)
        weightless = [p | {"weight": 0.0 if i >= 12 else 1.0} for i, p in enumerate(people)]
        assert whole(city, weightless, answers)["n"] == 12


class TestWaves:
    def two_waves(self) -> tuple[Rows, Rows]:
        first = [respondent(i, wave="spring", day=IN_BLOCK - timedelta(days=60 - i % 5)) for i in range(20)]
        second = [respondent(i, wave="summer", day=IN_BLOCK) for i in range(20, 40)]
        return [*first, *second], [answer(i, POLICE, 4.0 + i % 2 if i < 20 else 6.0 + i % 2) for i in range(40)]

    def test_a_waves_period_is_its_days_in_the_field(self) -> None:
        people = fielded(rows("respondents", *self.two_waves()[0]))
        assert waves(people).rows() == [
            ("spring", IN_BLOCK - timedelta(days=60), IN_BLOCK - timedelta(days=56)),
            ("summer", IN_BLOCK, IN_BLOCK),
        ]

    def test_every_wave_has_its_own_value(self, city: City) -> None:
        found = survey(city, *self.two_waves(), POLICE).filter(pl.col("area") == "T1").sort("period_start")
        assert found["value"].to_list() == pytest.approx([4.5, 6.5])

    def test_two_names_for_the_same_days_are_one_period(self, city: City) -> None:
        people = [respondent(i, wave="online" if i % 2 else "by post") for i in range(20)]
        found = survey(city, people, [answer(i, POLICE, 4.0 + i % 3) for i in range(20)], POLICE)
        assert one(found, area="T1")["n"] == 20

    def test_no_respondents_give_no_cells(self, city: City) -> None:
        empty = fielded(rows("respondents", respondent(1))).clear()
        found = estimate_answers(
            empty,
            rows("answers", answer(1, POLICE, 5.0)).clear(),
            city=city,
            indicators=[INDICATORS[POLICE], INDICATORS[WALLET]],
            periods=pl.DataFrame(),
        )
        assert found.found.is_empty()


@st.composite
def some_survey(draw: st.DrawFn) -> tuple[Rows, Rows]:
    """Up to eighty respondents of three places, clusters, strata and weights, some of whom do not answer."""
    size = draw(st.integers(2, 80))
    people, answers = [], []
    for i in range(size):
        people.append(
            respondent(
                i,
                area=draw(st.sampled_from(["T1", "T2", "T3", None])),
                weight=draw(st.sampled_from([0.2, 1.0, 4.0])),
                cluster=draw(st.sampled_from([None, "c1", "c2", "c3"])),
                stratum=draw(st.sampled_from([None, "s1", "s2"])),
            )
        )
        answers.append(answer(i, "group.tenure", category=draw(st.sampled_from(["own", "rent", "other"]))))
        if draw(st.booleans()):
            answers.append(answer(i, WALLET, float(draw(st.integers(1, 4)))))
        if draw(st.booleans()):
            answers.append(answer(i, POLICE, float(draw(st.integers(0, 10)))))
    return people, answers


class TestWhateverIsAnswered:
    @given(inputs=some_survey())
    def test_values_stay_on_their_scales_inside_their_intervals(
        self, tmp_path: Path, inputs: tuple[Rows, Rows]
    ) -> None:
        city = make_testville(tmp_path, thresholds=GENEROUS)
        found = survey(city, *inputs, WALLET, POLICE)
        for row in found.iter_rows(named=True):
            scale = INDICATORS[row["indicator"]].scale
            assert (row["value"] is None) == (row["missing_reason"] is not None)
            assert 0 <= row["effective_n"] <= row["n"] + 1e-9
            if row["value"] is not None:
                assert scale.minimum <= row["lower"] <= row["value"] <= row["upper"] <= (scale.maximum or 0)
                assert np.isfinite(row["standard_error"])
                assert row["n"] >= 10

    @given(inputs=some_survey(), seed=st.integers(0, 3))
    def test_the_order_of_rows_does_not_matter(self, tmp_path: Path, inputs: tuple[Rows, Rows], seed: int) -> None:
        city = make_testville(tmp_path, thresholds=GENEROUS)
        people, answers = rows("respondents", *inputs[0]), rows("answers", *inputs[1])
        first = framed(city, people, answers, WALLET, POLICE)
        shuffle = {"fraction": 1, "shuffle": True, "seed": seed}
        second = framed(city, people.sample(**shuffle), answers.sample(**shuffle), WALLET, POLICE)  # type: ignore[arg-type]
        assert first.equals(second)

    @given(inputs=some_survey())
    def test_one_answer_more_never_lowers_n(self, tmp_path: Path, inputs: tuple[Rows, Rows]) -> None:
        city = make_testville(tmp_path, thresholds=GENEROUS)
        people, answers = inputs
        before = survey(city, people, answers, POLICE)["n"]
        more = survey(city, [*people, respondent(900)], [*answers, answer(900, POLICE, 5.0)], POLICE)["n"]
        assert (more >= before).all()


def test_intervals_hold_the_truth_as_often_as_they_say(city: City) -> None:
    # given 400 clustered surveys of the same four places, whose true mean is 5
    rng = np.random.default_rng(11)
    held, trials = 0, 0
    for _ in range(60):
        cluster_level = rng.normal(0, 0.6, 40)
        people = [respondent(i, area=AREAS[(i // 8) % 4], cluster=f"c{i // 8}") for i in range(320)]
        values = [float(np.clip(5 + cluster_level[i // 8] + rng.normal(0, 1.5), 0, 10)) for i in range(320)]
        found = survey(city, people, [answer(i, POLICE, v) for i, v in enumerate(values)], POLICE)
        shown = found.filter(pl.col("value").is_not_null())
        held += int(((shown["lower"] <= 5) & (shown["upper"] >= 5)).sum())
        trials += shown.height
    assert trials == 300
    assert held / trials == pytest.approx(0.95, abs=0.035)


def test_the_day_of_a_wave_is_a_date() -> None:
    assert isinstance(waves(fielded(rows("respondents", respondent(1))))["period_start"][0], date)
