"""Questionnaires: a real sample's design, who does not answer, and the truth that can be found in them again."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from barometer.city import City
from barometer.ingest.source import Context
from barometer.ingest.tables.answers import Answers
from barometer.ingest.tables.codebook import load_codebook
from barometer.settings import PROJECT
from barometer.simulate.answers import Survey
from barometer.simulate.people import Numbers
from barometer.simulate.plan import Plan
from barometer.simulate.questions import TWO_WAY, mean_probability
from barometer.simulate.world import World, make_world
from tests.ingest.tables.desk import a_context, require_account, together

TRUSTS = "most people can be trusted"


@pytest.fixture(scope="module")
def survey(world: World) -> Survey:
    return Survey(world)


def truth(world: World) -> Numbers:
    """Share of each area's adults who trust, mean over the days of the survey's waves."""
    days = [day for first, last in world.plan.waves for day in range(first, last + 1)]
    people = world.people
    return mean_probability(TWO_WAY, world.trust["people"][days], people.group_trust, people.group_shares).mean(axis=0)


def area_means(world: World, answers: pl.DataFrame) -> pl.DataFrame:
    """Area, share who trust, and how many said so or not; in the order of the world's areas."""
    said = answers.filter(~pl.col("trust_people_two_way").is_in(["97", "98"]))
    means = said.group_by(area="stratum").agg(share=(pl.col("trust_people_two_way") == TRUSTS).mean(), n=pl.len())
    return pl.DataFrame({"area": world.areas}).join(means, on="area", how="left", maintain_order="left")


class TestSample:
    def test_as_many_answer_as_planned(self, survey: Survey) -> None:
        by_wave = survey.answers.group_by("wave").len().sort("wave")
        assert by_wave["wave"].to_list() == ["2026-1", "2026-2", "2026-3"]
        assert all(abs(n - survey.plan.respondents) < 120 for n in by_wave["len"])

    def test_nearly_every_area_has_ten_respondents_in_a_wave(self, survey: Survey) -> None:
        counted = survey.answers.group_by("wave", "stratum").len()["len"]
        assert counted.len() == 3 * 63
        assert (counted >= 10).mean() > 0.95

    def test_everybody_answers_within_the_wave(self, survey: Survey) -> None:
        for wave, (first, last) in enumerate(survey.plan.waves, start=1):
            days = survey.answers.filter(pl.col("wave") == f"2026-{wave}")["day"]
            assert first == days.min()
            assert last == days.max()

    def test_ids_are_nobody_elses(self, survey: Survey) -> None:
        assert survey.answers["respondent_id"].is_unique().all()

    def test_three_clusters_an_area_and_each_lies_in_it(self, survey: Survey) -> None:
        clusters = survey.answers.select("psu", "stratum").unique()
        assert clusters.group_by("stratum").len()["len"].to_list() == [3] * 63
        assert survey.world.city.place_code(clusters["psu"].to_list()) == clusters["stratum"].to_list()

    def test_weights_add_up_to_the_adults_invited_for(self, survey: Survey) -> None:
        weights = survey.answers.select("stratum", "design_weight").unique()
        adults = dict(zip(survey.world.areas, survey.world.people.adults, strict=True))
        assert weights.height == 63
        for area, weight in weights.iter_rows():
            assert weight * survey.invited_an_area == pytest.approx(adults[area], rel=1e-4)


class TestNonResponse:
    def test_owners_and_the_old_are_heard_too_much(self, survey: Survey) -> None:
        sample = survey.sample(1)
        rates = sample.group_by("group").agg(rate=pl.col("answers").mean(), n=pl.len()).filter(pl.col("n") > 60)
        expected = survey.world.people.group_answers[rates["group"].to_numpy()]
        assert np.corrcoef(rates["rate"].to_numpy(), expected)[0, 1] > 0.9

    def test_the_raw_mean_is_too_high_and_weights_by_group_mend_it(self, survey: Survey) -> None:
        world = survey.world
        true = float(truth(world) @ world.people.adult_shares)
        said = survey.answers.filter(~pl.col("trust_people_two_way").is_in(["97", "98"])).with_columns(
            trusts=(pl.col("trust_people_two_way") == TRUSTS).cast(pl.Float64)
        )
        raw = np.average(said["trusts"].to_numpy(), weights=said["design_weight"].to_numpy())
        mended = np.average(
            said["trusts"].to_numpy(), weights=said["design_weight"].to_numpy() / self.chances(survey, said)
        )
        assert raw - true > 0.015
        assert abs(mended - true) < 0.5 * (raw - true)

    def chances(self, survey: Survey, said: pl.DataFrame) -> Numbers:
        """Probability that each respondent answered, by age and tenure."""
        people = survey.world.people
        tenures = {
            "owned outright": "owned_outright",
            "owned with a mortgage or loan": "owned_mortgage",
            "rented from the council or a housing association": "social_rented",
            "rented privately": "private_rented",
        }
        lowest = [int(band.split("-")[0].rstrip("+")) for band in people.ages]
        age = np.searchsorted(lowest, said["age"].to_numpy(), side="right") - 1
        tenure = [people.tenures.index(tenures[name]) for name in said["tenure"]]
        return np.asarray(people.group_answers[age * len(people.tenures) + np.array(tenure)])


class TestTruthCanBeFound:
    def test_areas_that_trust_more_say_so(self, survey: Survey) -> None:
        found = area_means(survey.world, survey.answers)
        assert np.corrcoef(found["share"].to_numpy(), truth(survey.world))[0, 1] > 0.55

    def test_the_more_are_asked_the_nearer_the_truth(self, sample_city: City) -> None:
        def correlation(respondents: int) -> float:
            world = make_world(sample_city, Plan(seed=5, respondents=respondents))
            found = area_means(world, Survey(world).answers)["share"].fill_null(strategy="mean")
            return float(np.corrcoef(found.to_numpy(), truth(world))[0, 1])

        few, some, many = correlation(300), correlation(1900), correlation(12_000)
        assert few < some < many
        assert many > 0.9


class TestForm:
    def test_the_codebook_reads_every_row(self, survey: Survey) -> None:
        parts = Answers().parse_document(_as_file(survey.answers), _context(survey.world.city))
        whole = together(parts)
        require_account(whole)
        assert not whole.rejected
        assert whole.rows["respondents"].height == survey.answers.height
        assert whole.rows["respondents"]["area"].to_list() == survey.answers["stratum"].to_list()

    def test_what_was_not_said_is_refused_or_not_known(self, survey: Survey) -> None:
        missing = survey.answers["trust_police"].is_in(["97", "98"]).mean()
        assert missing == pytest.approx(0.04, abs=0.01)

    def test_the_form_has_every_column_of_the_codebook(self, survey: Survey) -> None:
        codebook = load_codebook(PROJECT / "configs" / "codebooks" / "residents_pulse.yaml")
        assert set(codebook.needed) <= set(survey.answers.columns)

    def test_the_same_seed_answers_the_same(self, survey: Survey, sample_city: City) -> None:
        again = Survey(make_world(sample_city, survey.plan))
        assert again.answers.equals(survey.answers)


def _as_file(answers: pl.DataFrame) -> io.BytesIO:
    return io.BytesIO(answers.drop("day").write_csv().encode())


def _context(city: City) -> Context:
    return replace(a_context("answers", codebook="residents_pulse"), city=city)
