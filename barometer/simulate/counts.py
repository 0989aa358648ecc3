"""Context: service requests and police-recorded incidents per area and day, footfall at counters."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import polars as pl

from barometer.simulate.people import Numbers
from barometer.simulate.places import Point, random_points, shapes
from barometer.simulate.world import World

_REQUESTS_A_1000, _INCIDENTS_A_1000 = 0.35, 0.22
"""Expected a day per 1,000 adults where trust is at the city's mean."""
_COUNTERS = 12
_FOOTFALL = 900.0


class ContextCounts:
    """Draws the context counts of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.plan = world.plan

    def areas(self, day: int) -> pl.DataFrame:
        """Requests and incidents of a day: [series, area, date, count]; areas that had none have no row."""
        random = self.plan.random("counts", "areas", day)
        council = self._expected("council", _REQUESTS_A_1000, -0.3)[day]
        police = self._expected("police", _INCIDENTS_A_1000, -0.5)[day]
        frames = [
            self._frame("service_requests", random.poisson(council), day),
            self._frame("police_recorded_incidents", random.poisson(police), day),
        ]
        return pl.concat(frames).filter(pl.col("count") > 0)

    def footfall(self, day: int) -> pl.DataFrame:
        """Passers-by at the counters on a day: [series, longitude, latitude, date, count]."""
        random, date = self.plan.random("counts", "footfall", day), self.plan.day(day)
        level = _FOOTFALL * (0.7 if date.weekday() >= 5 else 1.0)
        counted = random.negative_binomial(20, 20 / (20 + level), len(self._counters)).tolist()
        rows = [("footfall", *point, date, count) for point, count in zip(self._counters, counted, strict=True)]
        return pl.DataFrame(rows, schema=["series", "longitude", "latitude", "date", "count"], orient="row")

    @cached_property
    def _counters(self) -> list[Point]:
        random, polygons, areas = self.plan.random("counts", "counters"), shapes(self.world.city), self.world.areas
        chosen = random.choice(len(areas), min(_COUNTERS, len(areas)), replace=False).tolist()
        return [random_points(polygons[areas[area]], random, 1)[0] for area in chosen]

    def _expected(self, dimension: str, a_1000: float, slope: float) -> Numbers:
        trust = self.world.trust[dimension]
        return np.asarray(self.world.people.adults / 1000 * a_1000 * np.exp(slope * (trust - trust[0].mean())))

    def _frame(self, series: str, counted: np.ndarray, day: int) -> pl.DataFrame:
        columns = {"area": self.world.areas, "date": [self.plan.day(day)] * len(counted), "count": counted.tolist()}
        return pl.DataFrame({"series": [series] * len(counted), **columns})
