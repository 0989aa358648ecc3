"""The people of the simulated city are the census's, and who answers goes with age and tenure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadConfiguration
from barometer.simulate.people import expit, population
from barometer.simulate.world import World
from tests.towns import make_testville


class TestPopulation:
    def test_shares_add_up_in_every_area(self, small: World) -> None:
        people = small.people
        for shares in (people.age_shares, people.tenure_shares, people.ethnic_shares, people.group_shares):
            assert shares.shape[0] == 63
            assert np.allclose(shares.sum(axis=1), 1.0)
            assert (shares >= 0).all()

    def test_groups_are_every_age_with_every_tenure(self, small: World) -> None:
        people = small.people
        assert people.group_shares.shape == (63, len(people.ages) * len(people.tenures))
        assert people.group_shares[5, 9] == pytest.approx(people.age_shares[5, 2] * people.tenure_shares[5, 1])

    def test_adults_are_the_citys(self, small: World) -> None:
        stated = small.city.neighbourhoods.sort("area")["adults"].to_list()
        assert small.people.adults.tolist() == stated
        assert small.people.adult_shares.sum() == pytest.approx(1.0)

    def test_a_city_without_margins_by_area_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadConfiguration, match="age_band"):
            population(make_testville(tmp_path))


class TestWhoAnswers:
    def probability(self, world: World, age: str, tenure: str) -> float:
        people = world.people
        return float(people.group_answers[people.ages.index(age) * len(people.tenures) + people.tenures.index(tenure)])

    def trust(self, world: World, age: str, tenure: str) -> float:
        people = world.people
        return float(people.group_trust[people.ages.index(age) * len(people.tenures) + people.tenures.index(tenure)])

    def test_older_people_and_owners_answer_more_and_trust_more(self, small: World) -> None:
        older, younger = ("65-74", "owned_outright"), ("16-24", "private_rented")
        assert self.probability(small, *older) > 2 * self.probability(small, *younger)
        assert self.trust(small, *older) > self.trust(small, *younger)

    def test_rates_lie_where_surveys_have_them(self, small: World) -> None:
        rates = small.people.response_rate
        assert 0.2 < rates.min() < rates.max() < 0.7


@given(st.floats(-30, 30))
def test_expit_turns_logits_into_probabilities(logit: float) -> None:
    probability = float(expit(logit))
    assert 0 < probability < 1
    assert float(expit(-logit)) == pytest.approx(1 - probability)
