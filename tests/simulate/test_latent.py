"""Trust begins where it was published, walks, and is shaken where and when stories happen."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from barometer.simulate.latent import DIMENSIONS, latent_trust, shocks
from barometer.simulate.origin import truth_levels
from barometer.simulate.plan import Plan
from barometer.simulate.questions import TWO_WAY, mean_probability
from barometer.simulate.world import World

AREAS = ["T1", "T2"]


def told(**values: object) -> pl.DataFrame:
    plain = {"story": "flood", "area": "T1", "day": 2, "target": "local_government", "trust": "distrust"}
    return pl.DataFrame([plain | values], schema_overrides={"story": pl.String, "area": pl.String})


class TestShocks:
    def test_a_post_of_distrust_lowers_that_trust_there_from_its_day_on(self) -> None:
        found = shocks(told(), AREAS, 15)
        assert (found["council"][:2] == 0).all()
        assert found["council"][2, 0] < 0
        assert (found["council"][:, 1] == 0).all()
        assert all((found[name] == 0).all() for name in DIMENSIONS if name != "council")

    def test_a_post_of_trust_lifts_it_as_much(self) -> None:
        assert np.allclose(shocks(told(trust="trust"), AREAS, 15)["council"], -shocks(told(), AREAS, 15)["council"])

    def test_it_fades_by_half_in_ten_days(self) -> None:
        council = shocks(told(), AREAS, 15)["council"][:, 0]
        assert council[12] == pytest.approx(council[2] / 2)

    @pytest.mark.parametrize(
        "values", [{"story": None}, {"area": None}, {"trust": "none"}, {"target": "national_government"}, {"day": 15}]
    )
    def test_other_posts_shake_nothing(self, values: dict[str, object]) -> None:
        found = shocks(told(**values), AREAS, 15)
        assert all((moved == 0).all() for moved in found.values())


class TestLatentTrust:
    def test_the_first_day_reproduces_the_published_levels(self, small: World) -> None:
        people = small.people
        # Stories that begin on the first day move it from there at once, so their areas are left out.
        quiet = shocks(small.written, people.areas, 1)["people"][0] == 0
        levels = np.array(truth_levels(small.city, people.areas))
        found = mean_probability(TWO_WAY, small.trust["people"][0], people.group_trust, people.group_shares)
        assert quiet.sum() > 50
        assert np.allclose(found[quiet], levels[quiet], atol=1e-9)

    def test_it_is_the_same_however_long_it_goes_on(self, small: World) -> None:
        levels = np.array(truth_levels(small.city, small.areas))
        longer = latent_trust(Plan(seed=small.plan.seed, days=30), small.people, levels, small.written)
        for name in DIMENSIONS:
            assert np.array_equal(longer[name][: small.plan.days], small.trust[name])

    def test_another_seed_is_another_course(self, small: World) -> None:
        levels = np.array(truth_levels(small.city, small.areas))
        other = latent_trust(Plan(seed=8, days=small.plan.days), small.people, levels, small.written)
        assert not np.allclose(other["people"][5], small.trust["people"][5])

    def test_kinds_of_trust_go_together_but_are_not_the_same(self, world: World) -> None:
        for name in DIMENSIONS[1:]:
            correlation = np.corrcoef(world.trust["people"][0], world.trust[name][0])[0, 1]
            assert 0.1 < correlation < 0.95

    def test_the_police_lose_trust_where_and_when_people_were_stopped(self, world: World) -> None:
        story = world.written.filter((pl.col("story") == "stop-and-search") & pl.col("area").is_not_null())
        counted = (
            story.filter(pl.col("target") == "police_justice")
            .group_by("area")
            .agg(
                balance=(pl.col("trust") == "trust").sum().cast(pl.Int64)
                - (pl.col("trust") == "distrust").sum().cast(pl.Int64)
            )
        )
        area, balance = counted.sort("balance").row(0)
        police = world.trust["police"][:, world.areas.index(area)]
        assert balance < -1
        assert police[30:39].min() < police[:12].min() - 0.15
