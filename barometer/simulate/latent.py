"""Trust of each neighbourhood on each day, logit scale: published levels, a random walk, shocks of the stories."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.optimize import elementwise

from barometer.simulate.people import Numbers, Population
from barometer.simulate.plan import Plan
from barometer.simulate.questions import TWO_WAY, mean_probability

DIMENSIONS = ("people", "council", "police", "health", "schools", "media")
TARGET_DIMENSION = {
    "people": "people",
    "outgroup": "people",
    "local_government": "council",
    "police_justice": "police",
    "health": "health",
    "media": "media",
}
"""Target of a post -> the kind of trust it shakes or mends."""

_DAILY_STEP = 0.02
_SHARED_WITH_PEOPLE = 0.6
_OWN_DEVIATION = 0.25
_SHOCK = 0.18
_HALF_LIFE_DAYS = 10.0
_WIDEST = 8.0


def latent_trust(plan: Plan, people: Population, levels: Numbers, written: pl.DataFrame) -> dict[str, Numbers]:
    """Dimension -> day x area. On the first day `people` reproduces `levels`, the share who trust most people."""
    start = _start(plan, people, levels)
    shaken = shocks(written, people.areas, plan.days)
    return {name: start[name] + _walk(plan, name, len(people.areas)) + shaken[name] for name in DIMENSIONS}


def shocks(written: pl.DataFrame, areas: list[str], days: int) -> dict[str, Numbers]:
    """Dimension -> day x area: each placed story post lifts or lowers trust, by half as much every ten days after."""
    moving = written.filter(pl.col("story").is_not_null() & pl.col("area").is_not_null() & (pl.col("day") < days))
    found = {name: np.zeros((days, len(areas))) for name in DIMENSIONS}
    at = {area: number for number, area in enumerate(areas)}
    for day, area, target, trust in moving.select("day", "area", "target", "trust").iter_rows():
        if trust != "none" and target in TARGET_DIMENSION:
            fading = _SHOCK * 0.5 ** (np.arange(days - day) / _HALF_LIFE_DAYS)
            found[TARGET_DIMENSION[target]][day:, at[area]] += fading if trust == "trust" else -fading
    return found


def _start(plan: Plan, people: Population, levels: Numbers) -> dict[str, Numbers]:
    own = _solved(people, levels)
    shared = _SHARED_WITH_PEOPLE * (own - own.mean())
    random = plan.random("latent", "start")
    noise = {name: random.normal(0.0, _OWN_DEVIATION, len(levels)) for name in DIMENSIONS[1:]}
    return {"people": own, **{name: shared + deviation for name, deviation in noise.items()}}


def _solved(people: Population, levels: Numbers) -> Numbers:
    """The level at which the mean answer to the two-way question is the published share."""

    def excess(trust: Numbers, area: Numbers) -> Numbers:
        # Areas that are solved already are left out of later calls, so each says which it is.
        at = area.astype(np.int64)
        return mean_probability(TWO_WAY, trust, people.group_trust, people.group_shares[at]) - levels[at]

    lowest = np.full_like(levels, -_WIDEST)
    return np.asarray(elementwise.find_root(excess, (lowest, -lowest), args=(np.arange(len(levels)),)).x)


def _walk(plan: Plan, name: str, areas: int) -> Numbers:
    steps = plan.random("latent", "walk", name).normal(0.0, _DAILY_STEP, (plan.days, areas))
    steps[0] = 0.0
    return np.asarray(steps.cumsum(axis=0))
