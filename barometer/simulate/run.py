"""Writes a simulated city's raw files and truth. SYNTHETIC: only a city marked so can be simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from barometer.city import City
from barometer.lake import open_lake
from barometer.settings import Settings
from barometer.simulate.answers import Survey
from barometer.simulate.counts import ContextCounts
from barometer.simulate.inbox import Delivery, next_delivery, write_csv, write_lines
from barometer.simulate.observations import Observations
from barometer.simulate.plan import DAYS, FIRST_DAY, POSTS, RESPONDENTS, Plan
from barometer.simulate.posts import Posts
from barometer.simulate.reports import Reports
from barometer.simulate.takebacks import takebacks
from barometer.simulate.truth import true_values, truth_table
from barometer.simulate.world import World, make_world


@dataclass(frozen=True)
class Simulated:
    """What a call wrote: the days (None: nothing new), the files, and how many rows of truth are in the lake."""

    days: str | None
    files: tuple[Path, ...]
    truth_rows: int


def simulate(
    city: City,
    settings: Settings,
    *,
    seed: int,
    posts: int = POSTS,
    respondents: int = RESPONDENTS,
    first_day: date = FIRST_DAY,
    days: int = DAYS,
    through: date | None = None,
) -> Simulated:
    """Write the raw files of all days up to `through` (default: the last) that were not written yet, and the truth.

    The same arguments give byte-identical files. A later call with a later `through` adds files and leaves the earlier
    ones; the last day brings the takebacks. Raises `BadConfiguration` for a real city, and `BadInput` when the inbox
    holds another plan's files.
    """
    plan = Plan(seed=seed, posts=posts, respondents=respondents, first_day=first_day, days=days)
    return simulate_plan(city, settings, plan, through=through or plan.last_day)


def simulate_plan(city: City, settings: Settings, plan: Plan, *, through: date) -> Simulated:
    """The same from a `Plan`, whose sizes of the other signals may be chosen too."""
    makers = _Makers(make_world(city, plan))
    folder = settings.inbox / city.id
    delivery = next_delivery(folder, plan, through)
    files = tuple(makers.write(folder, delivery)) if delivery else ()
    rows = _write_truth(makers, settings, through)
    return Simulated(delivery.name if delivery else None, files, rows)


class _Makers:
    """The signals of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.posts = Posts(world)
        self.survey = Survey(world)
        self.reports = Reports(world)
        self.observations = Observations(world)
        self.counts = ContextCounts(world)

    def write(self, folder: Path, delivery: Delivery) -> list[Path]:
        """Files of a delivery. The posts come last: their file says that a delivery is complete."""
        tables = {
            "answers": self._of_days(self.survey.answers, delivery),
            "reports": self._of_days(self.reports.reports, delivery),
            "counts": pl.concat([self.counts.areas(day) for day in delivery.days]),
            "observations": pl.concat([self.observations.days[day][0] for day in delivery.days]),
        }
        seconds = {
            ("observations", "movement"): pl.concat([self.observations.days[day][1] for day in delivery.days]),
            ("counts", "footfall"): pl.concat([self.counts.footfall(day) for day in delivery.days]),
        }
        named = {folder / signal / f"{delivery.name}.csv": frame for signal, frame in tables.items()}
        named |= {folder / signal / f"{delivery.name}.{part}.csv": frame for (signal, part), frame in seconds.items()}
        return self._written(folder, delivery, named)

    def _written(self, folder: Path, delivery: Delivery, frames: dict[Path, pl.DataFrame]) -> list[Path]:
        lines = [line for day in delivery.days for line in self.posts.days[day]]
        if delivery.last == delivery.plan.days - 1 and delivery.last > 0:
            taken = takebacks(self.world, self.posts, self.survey)
            lines += taken.lines
            frames = {**frames, folder / "removals" / f"{delivery.name}.csv": taken.removals}
        for path, frame in frames.items():
            write_csv(path, frame)
        posts = folder / "posts" / f"{delivery.name}.jsonl.zst"
        write_lines(posts, lines)
        return sorted(path for path in (*frames, posts) if path.is_file())

    def _of_days(self, frame: pl.DataFrame, delivery: Delivery) -> pl.DataFrame:
        return frame.filter(pl.col("day").is_between(delivery.first, delivery.last)).drop("day")


def _write_truth(makers: _Makers, settings: Settings, through: date) -> int:
    values = true_values(makers.world, makers.posts, makers.reports, makers.observations)
    table = truth_table(makers.world, values, through)
    lake = open_lake(settings, makers.world.city.id)
    for indicator in _indicators(table):
        lake.replace("truth", table.filter(pl.col("indicator") == indicator), partition={"indicator": indicator})
    return table.height


def _indicators(table: pl.DataFrame) -> Sequence[str]:
    return table["indicator"].unique().sort().to_list()
