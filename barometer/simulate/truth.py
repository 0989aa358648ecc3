"""The true values behind the synthetic rows, for the table `truth`: what estimates are held against."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from barometer.simulate.observations import Observations
from barometer.simulate.people import Numbers
from barometer.simulate.posts import Posts
from barometer.simulate.questions import BY_COLUMN, INDICATORS, in_unit, mean_probability
from barometer.simulate.reports import Reports
from barometer.simulate.world import World
from barometer.tables import validate


def true_values(world: World, posts: Posts, reports: Reports, observations: Observations) -> dict[str, Numbers]:
    """Indicator -> day x area, in the indicator's unit.

    Answers: mean over the area's adults. Posts: expected share of the area's posts of that day. Reports: rating without
    severity or error. Observations: expected in an hour. Context counts have no truth beyond themselves.
    """
    shares = posts.true_shares()
    return {
        **{indicator: _of_answers(world, columns) for indicator, columns in INDICATORS.items()},
        "posts_trust_share": shares["trust"],
        "posts_distrust_share": shares["distrust"],
        "practitioner_trust": reports.truth,
        **observations.rates,
    }


def truth_table(world: World, values: dict[str, Numbers], through: date) -> pl.DataFrame:
    """Rows of table `truth` for all days up to and including `through`."""
    days = [day for number in range(world.plan.days) if (day := world.plan.day(number)) <= through]
    frames = [_rows(world, indicator, days, value) for indicator, value in values.items()]
    return validate("truth", pl.concat(frames))


def _of_answers(world: World, columns: tuple[str, ...]) -> Numbers:
    questions = [BY_COLUMN[column] for column in columns]
    return np.asarray(np.mean([in_unit(one, _mean(world, one.column)) for one in questions], axis=0))


def _mean(world: World, column: str) -> Numbers:
    question, people = BY_COLUMN[column], world.people
    return mean_probability(question, world.trust[question.dimension], people.group_trust, people.group_shares)


def _rows(world: World, indicator: str, days: list[date], value: Numbers) -> pl.DataFrame:
    known = value[: len(days)]
    return pl.DataFrame(
        {
            "indicator": [indicator] * known.size,
            "area": world.areas * len(days),
            "day": [day for day in days for _ in world.areas],
            "value": known.ravel(),
            "synthetic": [True] * known.size,
        },
        schema_overrides={"day": pl.Date()},
    )
