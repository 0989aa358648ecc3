"""Invented cities whose truth is known, as long frames: a survey in waves, signals week by week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

FIRST_WAVE = date(2025, 1, 5)


@dataclass(frozen=True)
class Town:
    """Levels of trust (scale points) and how they are measured. Variances and deviations in scale points."""

    areas: int = 63
    waves: int = 6
    gap_weeks: int = 8
    respondents: int = 30
    between: float = 0.5
    weekly: float = 0.06
    citywide: float = 0.03
    answers: float = 2.0
    mean: float = 6.0

    @property
    def names(self) -> list[str]:
        return [f"T{number:03d}" for number in range(self.areas)]

    @property
    def weeks(self) -> int:
        """Weeks from the first wave to the last, both included."""
        return (self.waves - 1) * self.gap_weeks + 1

    def day(self, week: int) -> date:
        return FIRST_WAVE + timedelta(weeks=int(week))

    @property
    def wave_weeks(self) -> list[int]:
        return [number * self.gap_weeks for number in range(self.waves)]


def truth(town: Town, rng: np.random.Generator, weeks: int | None = None) -> np.ndarray:
    """week x area."""
    length = weeks or town.weeks
    steps = rng.normal(0, town.weekly, (length, town.areas)) + rng.normal(0, town.citywide, (length, 1))
    steps[0] = rng.normal(town.mean, town.between, town.areas)
    return steps.cumsum(axis=0)


def survey(town: Town, levels: np.ndarray, rng: np.random.Generator, *, is_share: bool = False) -> pl.DataFrame:
    """Direct estimates of every wave, with the variance that each area's own answers show."""
    frames = []
    for week in town.wave_weeks:
        n = rng.poisson(town.respondents, town.areas).clip(5)
        if is_share:
            value = rng.binomial(n, 1 / (1 + np.exp(-levels[week]))) / n
            variance = np.maximum(value * (1 - value), 0.01) / n
        else:
            value = levels[week] + rng.normal(0, town.answers, town.areas) / np.sqrt(n)
            variance = town.answers**2 * rng.chisquare(n - 1) / (n - 1) / n
        columns = {"area": town.names, "wave_end": [town.day(week)] * town.areas, "value": value, "variance": variance}
        frames.append(pl.DataFrame({**columns, "n": n.astype(float)}))
    return pl.concat(frames)


def signal(
    town: Town,
    levels: np.ndarray,
    rng: np.random.Generator,
    *,
    name: str,
    slope: float = 1.0,
    lasting: float = 0.2,
    noise: float = 0.4,
    heard: float = 1.0,
) -> pl.DataFrame:
    """Weekly values `slope x level + lasting bias of the area + storm of the week + noise`, of a part of the areas."""
    weeks = len(levels)
    bias = rng.normal(0, lasting, town.areas)
    storm = rng.normal(0, 1.0, (weeks, 1))
    value = slope * levels + bias + storm + rng.normal(0, noise, levels.shape)
    is_heard = rng.random(levels.shape) < heard
    week, area = np.nonzero(is_heard)
    return pl.DataFrame(
        {
            "area": [town.names[one] for one in area],
            "period_end": [town.day(one) for one in week],
            "signal": [name] * len(area),
            "value": value[is_heard],
            "variance": np.full(len(area), noise**2),
        }
    )


def shuffled(signals: pl.DataFrame, rng: np.random.Generator, *, name: str) -> pl.DataFrame:
    """The same values, each area's given to another area: nothing is left but chance."""
    areas = signals["area"].unique().sort()
    other = dict(zip(areas, rng.permutation(areas.to_numpy()), strict=True))
    return signals.with_columns(pl.col("area").replace_strict(other), pl.lit(name).alias("signal"))
