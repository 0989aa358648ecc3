"""Counts of people in public places, in the flat form of the Public Life Data Protocol.

A session is an hour of one observer in one place. Where people trust each other more, more of them stay, more of those
who stay are in company, and more of the groups are mixed. Gate counts of passers-by, ten minutes before, are sessions
of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from barometer.simulate.calendar import moment
from barometer.simulate.people import Numbers, expit
from barometer.simulate.places import Point, random_points, shapes
from barometer.simulate.world import World

_PLACES = 24
_PARTIES_AN_HOUR = 11.0
_DISPERSION = 3.0
_EXTRA_PERSONS = 0.6
_HOURS = (9, 20)
_GATE_SECONDS, _SESSION_SECONDS = 600, 3600
_GENDERS, _AGES = ("genderMale", "genderFemale"), ("age0To14", "age15To24", "age25To64", "age65Plus")
_POSTURES = ("postureStanding", "postureSitting")
_ACTIVITIES = ("activityConsuming", "activityPlaying", "activityCulturallyEngaged", "activityWaitingTransport")
_HEAD = ("id", "name", "surveyor", "location", "startedAt", "endedAt")
STATIONARY_COLUMNS = (*_HEAD, *_POSTURES, *_GENDERS, *_AGES, *_ACTIVITIES, "groupSize")
MOVEMENT_COLUMNS = (*_HEAD, "modePedestrian", "modeBicyclist")
_KINDS = ("square", "park gate", "parade of shops", "community garden")
_OBSERVERS = 12


@dataclass(frozen=True)
class Place:
    """A public place in which people are counted again and again."""

    name: str
    area: int
    point: Point


class Observations:
    """Draws the observation sessions of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.plan = world.plan

    @cached_property
    def places(self) -> list[Place]:
        """The observed places, each in an area of its own."""
        random, polygons, areas = self.plan.random("observations", "places"), shapes(self.world.city), self.world.areas
        chosen = random.choice(len(areas), min(_PLACES, len(areas)), replace=False).tolist()
        return [
            Place(self._name(number, area), area, random_points(polygons[areas[area]], random, 1)[0])
            for number, area in enumerate(chosen)
        ]

    def _name(self, number: int, area: int) -> str:
        return f"{_KINDS[number % len(_KINDS)].capitalize()}, {self.world.people.names[area]}"

    @cached_property
    def rates(self) -> dict[str, Numbers]:
        """What is expected in an hour of observation, day x area, under the names of the indicators."""
        trust = self.world.trust["people"]
        parties, in_company, mixed = self._parties(trust), _in_company(trust), _mixed(trust)
        groups, group_size = parties * in_company, 2 + _EXTRA_PERSONS
        staying = parties * (1 - in_company) + groups * group_size
        return {
            "observed_staying_rate": staying,
            "observed_group_rate": groups,
            "observed_mixed_group_rate": groups * mixed,
            "observed_group_share": groups * group_size / staying,
        }

    def _parties(self, trust: Numbers) -> Numbers:
        return np.asarray(_PARTIES_AN_HOUR * np.exp(0.5 * (trust - self.world.trust["people"][0].mean())))

    @cached_property
    def days(self) -> list[tuple[pl.DataFrame, pl.DataFrame]]:
        """For each day the stationary and the movement counts, as text columns of the protocol."""
        return [self._day(day) for day in range(self.plan.days)]

    @cached_property
    def _sessions_by_day(self) -> list[int]:
        ends = (self.plan.sessions * np.arange(1, self.plan.days + 1) / self.plan.days).round().astype(int)
        return [int(size) for size in np.diff(ends, prepend=0)]

    def _day(self, day: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        random = self.plan.random("observations", day)
        stationary: list[dict[str, object]] = []
        movement: list[dict[str, object]] = []
        size = self._sessions_by_day[day]
        chosen = random.choice(len(self.places), min(size, len(self.places)), replace=False).tolist()
        for number, place in enumerate(chosen):
            head = self._head(random, day, number, self.places[place])
            stationary += self._stationary(random, day, self.places[place], head)
            movement.append(self._movement(random, day, self.places[place], head))
        return _frame(stationary, STATIONARY_COLUMNS), _frame(movement, MOVEMENT_COLUMNS)

    def _head(self, random: np.random.Generator, day: int, number: int, place: Place) -> dict[str, object]:
        start = int(random.integers(*_HOURS)) * 3600
        return {
            "id": f"observation-{day:03d}-{number:02d}",
            "name": place.name,
            "surveyor": f"observer-{int(random.integers(_OBSERVERS)):02d}",
            "location": f"{place.point[0]}, {place.point[1]}",
            "start": start,
        }

    def _window(self, day: int, start: int, seconds: int) -> dict[str, object]:
        zone = self.world.city.timezone
        times = (moment(self.plan.day(day), second, zone) for second in (start, start + seconds))
        return dict(zip(("startedAt", "endedAt"), (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in times), strict=True))

    def _movement(
        self, random: np.random.Generator, day: int, place: Place, head: dict[str, object]
    ) -> dict[str, object]:
        start = int(str(head["start"])) - _GATE_SECONDS
        walked = int(random.poisson(4 * float(self._parties(self.world.trust["people"][day, place.area]))))
        counts = {"modePedestrian": walked, "modeBicyclist": int(random.poisson(2))}
        return head | {"id": f"{head['id']}-gate"} | self._window(day, start, _GATE_SECONDS) | counts

    def _stationary(
        self, random: np.random.Generator, day: int, place: Place, head: dict[str, object]
    ) -> list[dict[str, object]]:
        """One row a party; a session in which nobody stayed is one row of zeros."""
        trust = self.world.trust["people"][day, place.area]
        mean = float(self._parties(trust))
        parties = int(random.negative_binomial(_DISPERSION, _DISPERSION / (_DISPERSION + mean)))
        window = self._window(day, int(str(head["start"])), _SESSION_SECONDS)
        if parties == 0:
            return [head | window | dict.fromkeys(_POSTURES, 0)]
        return [
            head | {"id": f"{head['id']}-{number:03d}"} | window | _party(random, float(trust))
            for number in range(parties)
        ]


def _in_company(trust: Numbers | float) -> Numbers:
    return expit(-0.1 + 0.9 * np.asarray(trust))


def _mixed(trust: Numbers | float) -> Numbers:
    return expit(-0.2 + 0.9 * np.asarray(trust))


def _party(random: np.random.Generator, trust: float) -> dict[str, object]:
    """The counts of one party: its size, and genders and ages that are of one kind unless it is mixed."""
    is_group = random.random() < float(_in_company(trust))
    size = 2 + int(random.poisson(_EXTRA_PERSONS)) if is_group else 1
    is_mixed = is_group and random.random() < float(_mixed(trust))
    gender, age = int(random.integers(len(_GENDERS))), int(random.integers(len(_AGES)))
    counts: dict[str, object] = {_GENDERS[gender]: size, _AGES[age]: size}
    if is_mixed:
        counts |= {_GENDERS[gender]: size - 1, _GENDERS[1 - gender]: 1}
    counts[_POSTURES[int(random.integers(len(_POSTURES)))]] = size
    counts[_ACTIVITIES[int(random.integers(len(_ACTIVITIES)))]] = size
    return counts | {"groupSize": size}


def _frame(rows: list[dict[str, object]], columns: tuple[str, ...]) -> pl.DataFrame:
    texts = {name: [None if row.get(name) is None else str(row[name]) for row in rows] for name in columns}
    return pl.DataFrame(texts, schema=dict.fromkeys(columns, pl.String()))
