"""The sample city, a small world to look at closely, and a large one of its stories for what needs numbers."""

from __future__ import annotations

from datetime import date

import pytest

from barometer.city import City, load_city
from barometer.settings import PROJECT
from barometer.simulate.plan import WRITTEN_DAYS, Plan
from barometer.simulate.world import World, make_world

LARGE = Plan(seed=2026, first_day=date(2026, 3, 2), days=WRITTEN_DAYS, sessions=300)
SMALL = Plan(seed=7, posts=900, respondents=500, days=12, practitioners=10, sessions=36)


@pytest.fixture(scope="session")
def sample_city() -> City:
    return load_city("sample", PROJECT / "configs")


@pytest.fixture(scope="session")
def small(sample_city: City) -> World:
    return make_world(sample_city, SMALL)


@pytest.fixture(scope="session")
def world(sample_city: City) -> World:
    return make_world(sample_city, LARGE)
