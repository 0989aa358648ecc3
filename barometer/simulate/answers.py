"""Questionnaires of each wave: a stratified sample in clusters, and people who do not all answer alike."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from barometer.simulate.calendar import moment
from barometer.simulate.people import Numbers
from barometer.simulate.questions import CLUSTER_DEVIATION, PERSON_DEVIATION, QUESTIONS, Question, probability
from barometer.simulate.world import World

_CLUSTERS_AN_AREA = 3
_REFUSED, _DONT_KNOW = "97", "98"
_REFUSED_SHARE, _DONT_KNOW_SHARE = 0.01, 0.03
_OPENS_SECOND, _CLOSES_SECOND = 8 * 3600, 22 * 3600
_LIKELY = np.array(["very unlikely", "unlikely", "likely", "very likely"])
_TWO_WAY = np.array(["can't be too careful", "most people can be trusted"])
_AGREE = np.array(["strongly agree", "agree", "neither agree nor disagree", "disagree", "strongly disagree"])
_TENURES = {
    "owned_outright": "owned outright",
    "owned_mortgage": "owned with a mortgage or loan",
    "social_rented": "rented from the council or a housing association",
    "private_rented": "rented privately",
}
_EXTREME_SHARE = 0.35
"""Of those who think it likely (or unlikely), how many say very."""
_OLDEST = 95

Integers = Any


class Survey:
    """Draws the answers of a world. Every wave is a new sample of the same size, stratified by neighbourhood."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.plan = world.plan

    @cached_property
    def answers(self) -> pl.DataFrame:
        """All completed questionnaires, one a row as the form exports them, with `day` (number), in that order."""
        waves = [self._wave(number, *days) for number, days in enumerate(self.plan.waves, start=1)]
        return pl.concat(waves).sort("day", "completed_at", "respondent_id")

    @property
    def invited_an_area(self) -> int:
        """People invited in each area: so many that the plan's number may be expected to answer."""
        expected = float(self.world.people.response_rate.sum())
        return max(1, round(self.plan.respondents / expected))

    def sample(self, wave: int) -> pl.DataFrame:
        """Everybody invited to a wave: area and group (numbers), cluster, and whether they answer."""
        people, random = self.world.people, self.plan.random("answers", wave, "sample")
        each, areas = self.invited_an_area, len(people.areas)
        area = np.repeat(np.arange(areas), each)
        group = np.concatenate(
            [random.choice(len(people.group_trust), each, p=people.group_shares[number]) for number in range(areas)]
        )
        answers = random.random(len(area)) < people.group_answers[group]
        cluster = np.tile(np.arange(each) % _CLUSTERS_AN_AREA, areas)
        return pl.DataFrame({"area": area, "group": group, "cluster": cluster, "answers": answers})

    def _wave(self, wave: int, first: int, last: int) -> pl.DataFrame:
        told = self.sample(wave).filter("answers")
        random = self.plan.random("answers", wave, "answers")
        day = random.integers(first, last + 1, told.height)
        area, group = told["area"].to_numpy(), told["group"].to_numpy()
        about = self._person(random, told)
        columns = {question.column: self._replies(random, question, about, day, area) for question in QUESTIONS}
        return pl.DataFrame({**self._sheet(random, wave, told, day), **self._who(random, area, group), **columns})

    def _person(self, random: np.random.Generator, told: pl.DataFrame) -> Numbers:
        """What makes a person's trust differ from the area's: group, cluster, self."""
        clusters = random.normal(0, CLUSTER_DEVIATION, (len(self.world.areas), _CLUSTERS_AN_AREA))
        own = random.normal(0, PERSON_DEVIATION, told.height)
        group = self.world.people.group_trust[told["group"].to_numpy()]
        return np.asarray(group + own + clusters[told["area"].to_numpy(), told["cluster"].to_numpy()])

    def _replies(
        self, random: np.random.Generator, question: Question, about: Numbers, day: Integers, area: Integers
    ) -> list[str]:
        likely = probability(question, self.world.trust[question.dimension][day, area] + about)
        said = _said(random, question, likely)
        chance = random.random(len(said))
        silent = np.where(chance < _REFUSED_SHARE, _REFUSED, _DONT_KNOW)
        replies: list[str] = np.where(chance < _REFUSED_SHARE + _DONT_KNOW_SHARE, silent, said).tolist()
        return replies

    def _sheet(
        self, random: np.random.Generator, wave: int, told: pl.DataFrame, day: Integers
    ) -> dict[str, list[Any] | Integers]:
        seconds = random.integers(_OPENS_SECOND, _CLOSES_SECOND, told.height).tolist()
        zone, people = self.world.city.timezone, self.world.people
        times = [moment(self.plan.day(d), s, zone) for d, s in zip(day.tolist(), seconds, strict=True)]
        weights = (people.adults / self.invited_an_area).round(4)
        area = told["area"].to_list()
        return {
            "day": day,
            "respondent_id": [f"W{wave}-{number:05d}" for number in random.permutation(told.height).tolist()],
            "wave": [f"{self.plan.first_day.year}-{wave}"] * told.height,
            "completed_at": [at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in times],
            "consent": ["yes"] * told.height,
            "neighbourhood": [people.names[number] for number in area],
            "psu": [self._cluster_codes[a][c] for a, c in zip(area, told["cluster"].to_list(), strict=True)],
            "stratum": [people.areas[number] for number in area],
            "design_weight": [float(weights[number]) for number in area],
        }

    @cached_property
    def _cluster_codes(self) -> list[list[str]]:
        """The sampled units of each area: its small official areas where the city lists enough, else numbered ones."""
        random, codes = self.plan.random("answers", "clusters"), self.world.city.codes
        return [self._clusters_of(random, area, codes) for area in self.world.areas]

    def _clusters_of(self, random: np.random.Generator, area: str, codes: pl.DataFrame) -> list[str]:
        small = codes.filter((pl.col("area") == area) & (pl.col("code") != area))["code"].unique().sort().to_list()
        if len(small) < _CLUSTERS_AN_AREA:
            return [f"{area}-{number}" for number in range(_CLUSTERS_AN_AREA)]
        return [str(code) for code in random.choice(small, _CLUSTERS_AN_AREA, replace=False)]

    def _who(self, random: np.random.Generator, area: Integers, group: Integers) -> dict[str, list[Any]]:
        people = self.world.people
        bands = [people.ages[number // len(people.tenures)] for number in group.tolist()]
        tenures = [people.tenures[number % len(people.tenures)] for number in group.tolist()]
        chosen = [random.choice(people.ethnic_groups, p=people.ethnic_shares[number]) for number in area.tolist()]
        return {
            "age": [_age(random, band) for band in bands],
            "tenure": [_TENURES.get(tenure, tenure) for tenure in tenures],
            "ethnic_group": [str(one) for one in chosen],
        }


def _age(random: np.random.Generator, band: str) -> int:
    """A whole age in a band named 16-24 or 75+."""
    low, _, high = band.removesuffix("+").partition("-")
    return int(random.integers(int(low), int(high or _OLDEST) + 1))


def _said(random: np.random.Generator, question: Question, likely: Numbers) -> Integers:
    """Answers as the form words them; the mean of each form's points is what `in_unit` says."""
    if question.form == "eleven":
        return random.binomial(10, likely).astype(str)
    if question.form == "agree":
        return _AGREE[random.binomial(4, 1.0 - likely)]
    is_yes = random.random(len(likely)) < likely
    if question.form == "two_way":
        return _TWO_WAY[is_yes.astype(int)]
    is_extreme = random.random(len(likely)) < _EXTREME_SHARE
    return _LIKELY[np.where(is_yes, 2 + is_extreme, 1 - is_extreme.astype(int))]
