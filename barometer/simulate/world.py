"""Everything a simulation draws from: the plan, the city's people, their trust day by day, and the written posts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from barometer.city import City
from barometer.simulate.latent import latent_trust
from barometer.simulate.origin import require_synthetic, truth_levels, written_posts
from barometer.simulate.people import Numbers, Population, population
from barometer.simulate.plan import Plan


@dataclass(frozen=True)
class World:
    """A simulated city. `trust`: dimension -> day x area, logit scale."""

    city: City
    plan: Plan
    people: Population
    trust: dict[str, Numbers]
    written: pl.DataFrame

    @property
    def areas(self) -> list[str]:
        """Codes of the neighbourhoods, in the order of every array."""
        return self.people.areas


def make_world(city: City, plan: Plan) -> World:
    """The world of a plan: the same for the same seed, however much of it is then written.

    Raises `BadConfiguration` when the city is real or its folder lacks what a simulation begins from.
    """
    require_synthetic(city)
    people = population(city)
    written = written_posts(city).with_columns(pl.col("day") + plan.quiet_days)
    levels = np.array(truth_levels(city, people.areas))
    return World(city, plan, people, latent_trust(plan, people, levels, written), written)
