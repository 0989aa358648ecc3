"""Practitioners' ratings: each knows a few neighbourhoods, and each has an own severity and consistency."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from barometer.simulate.people import Numbers
from barometer.simulate.questions import Question, mean_probability
from barometer.simulate.world import World

TRUE_RATING = Question("practitioner_trust", "people", "eleven", 0.3, 1.0)
"""What a practitioner without severity or error would rate, 0 to 10."""
_SEVERITY_DEVIATION = 1.2
_CONSISTENCY_POINTS = (0.6, 1.8)
_REPORTS_A_WEEK = 1.5
_AREAS_KNOWN = (3, 6)
_FIVE_POINT_SHARE = 0.5
_SCHEMA = {
    "day": pl.Int64(),
    "id": pl.String(),
    "rater": pl.String(),
    "area": pl.String(),
    "date": pl.String(),
    "rating": pl.Int64(),
    "scale": pl.String(),
    "reason": pl.String(),
}
_REASONS = (
    (3.5, "People keep to themselves; several told me they no longer bother to report things."),
    (3.5, "Two families asked me not to pass on their names, to anybody."),
    (5.0, "Mixed week: the regulars came, newer families stayed away."),
    (5.0, "Talk at the school gate was wary, but nobody had fallen out."),
    (6.5, "Neighbours lent tables for the get-together without being asked."),
    (6.5, "Lost keys were handed in twice this week."),
    (11.0, "People look out for each other here; somebody always knows who to ring."),
    (11.0, "Good turn-out and easy talk across the usual lines."),
)


@dataclass(frozen=True)
class Practitioner:
    """`severity` (points of ten taken off) and `deviation` (points of ten of error) are the rater's own."""

    name: str
    areas: tuple[int, ...]
    severity: float
    deviation: float
    has_five_points: bool


class Reports:
    """Draws the reports of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.plan = world.plan

    @cached_property
    def truth(self) -> Numbers:
        """Rating without severity or error, points of 0 to 10: day x area."""
        people = self.world.people
        level = self.world.trust[TRUE_RATING.dimension]
        return 10.0 * mean_probability(TRUE_RATING, level, people.group_trust, people.group_shares)

    @cached_property
    def practitioners(self) -> list[Practitioner]:
        """All raters; some use a form with five points, the others one from 0 to 10."""
        return [self._practitioner(number) for number in range(self.plan.practitioners)]

    @cached_property
    def reports(self) -> pl.DataFrame:
        """All reports, one a row as the form exports them, with `day` (number)."""
        rows = [row for day in range(self.plan.days) for row in self._day(day)]
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

    def _practitioner(self, number: int) -> Practitioner:
        random, areas = self.plan.random("reports", "practitioner", number), len(self.world.areas)
        known = min(areas, int(random.integers(_AREAS_KNOWN[0], _AREAS_KNOWN[1] + 1)))
        return Practitioner(
            name=f"practitioner-{number:03d}",
            areas=tuple(random.choice(areas, known, replace=False).tolist()),
            severity=float(random.normal(0.0, _SEVERITY_DEVIATION)),
            deviation=float(random.uniform(*_CONSISTENCY_POINTS)),
            has_five_points=bool(random.random() < _FIVE_POINT_SHARE),
        )

    def _day(self, day: int) -> list[tuple[object, ...]]:
        random = self.plan.random("reports", day)
        reporting = [one for one in self.practitioners if random.random() < _REPORTS_A_WEEK / 7]
        return [self._report(random, day, number, one) for number, one in enumerate(reporting)]

    def _report(self, random: np.random.Generator, day: int, number: int, one: Practitioner) -> tuple[object, ...]:
        area = one.areas[int(random.integers(len(one.areas)))]
        felt = float(self.truth[day, area] - one.severity + random.normal(0.0, one.deviation))
        lowest, highest = (1, 5) if one.has_five_points else (0, 10)
        rating = int(np.clip(round(lowest + felt / 10 * (highest - lowest)), lowest, highest))
        where = self.world.people.names[area] if random.random() < 0.5 else self.world.areas[area]
        date = self.plan.day(day).isoformat()
        return (
            day,
            f"report-{day:03d}-{number:02d}",
            one.name,
            where,
            date,
            rating,
            f"{lowest}-{highest}",
            _reason(random, felt),
        )


def _reason(random: np.random.Generator, felt: float) -> str | None:
    fitting = [text for below, text in _REASONS if felt < below][:2] or [_REASONS[-1][1]]
    return fitting[int(random.integers(len(fitting)))] if random.random() < 0.7 else None
