"""Long frames of the survey and the signals -> arrays: refused when they are broken, sorted by area and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl

from barometer.errors import BadInput
from barometer.estimate.intervals import Array
from barometer.estimate.signals.scale import Scale

SURVEY_SCHEMA: dict[str, pl.DataType] = {
    "area": pl.String(),
    "wave_end": pl.Date(),
    "value": pl.Float64(),
    "variance": pl.Float64(),
    "n": pl.Float64(),
}
SIGNAL_SCHEMA: dict[str, pl.DataType] = {
    "area": pl.String(),
    "period_end": pl.Date(),
    "signal": pl.String(),
    "value": pl.Float64(),
    "variance": pl.Float64(),
}
_DAYS_A_WEEK = 7.0
# True differences of areas are taken to be at least this part of the sampling variance: less could not be seen.
_LEAST_PART = 0.1
_LEAST_SPREAD = 1e-9


@dataclass(frozen=True)
class Survey:
    """Direct estimates on the working scale. `value`, `variance`, `n`: wave x area, NaN (0) where there is none.

    Values are departures from `centre`, the mean of the first wave: no digits are lost where all are far from 0.
    `unit_variance`: of one answer, by wave, on the indicator's own scale. `covariates`: area x covariate, standardised,
    the first all ones.
    """

    areas: list[str]
    waves: list[date]
    value: Array
    variance: Array
    n: Array
    unit_variance: Array
    covariates: Array
    centre: float

    def first(self, waves: int) -> Survey:
        """The survey as it stood after so many waves."""
        kept = slice(0, waves)
        arrays = {name: getattr(self, name)[kept] for name in ("value", "variance", "n", "unit_variance")}
        return replace(self, waves=self.waves[kept], **arrays)

    def waves_until(self, day: date) -> int:
        """Number of waves that had ended on a day."""
        return sum(wave <= day for wave in self.waves)

    def line(self, waves: int) -> Array:
        """Area x coefficient, after so many waves: covariates, then a step of the whole city for each later wave."""
        steps = np.zeros((len(self.areas), max(len(self.waves) - 1, 0)))
        steps[:, : max(waves - 1, 0)] = 1.0
        return np.hstack([self.covariates, steps])

    @cached_property
    def spread(self) -> float:
        """Variance of the differences between areas, cleared of sampling error, waves pooled; above 0."""
        total = float(np.nanmean((self.value - np.nanmean(self.value, axis=1, keepdims=True)) ** 2))
        return max(total - self.noise, _LEAST_PART * self.noise, _LEAST_SPREAD)

    @cached_property
    def noise(self) -> float:
        """Mean sampling variance of the direct estimates."""
        return float(np.nanmean(self.variance))

    @cached_property
    def gaps(self) -> Array:
        """Weeks from each wave to the next."""
        return np.array([weeks_between(a, b) for a, b in zip(self.waves, self.waves[1:], strict=False)])


@dataclass(frozen=True)
class Signals:
    """`value`, `variance`: signal x time x area, NaN where nothing was measured."""

    names: list[str]
    times: list[date]
    value: Array
    variance: Array

    def between(self, first: date, last: date) -> Signals:
        """What came from one day to another, both included."""
        at = [number for number, time in enumerate(self.times) if first <= time <= last]
        kept = [self.times[number] for number in at]
        return replace(self, times=kept, value=self.value[:, at], variance=self.variance[:, at])

    def only(self, names: Sequence[str]) -> Signals:
        """The named signals, in the order of this panel."""
        at = [number for number, name in enumerate(self.names) if name in names]
        kept = [self.names[number] for number in at]
        return replace(self, names=kept, value=self.value[at], variance=self.variance[at])


def weeks_between(first: date, second: date) -> float:
    """Weeks from one day to another."""
    return (second - first).days / _DAYS_A_WEEK


def survey_panel(
    frame: pl.DataFrame, *, scale: Scale, prior: pl.DataFrame | None, areas: Sequence[str] | None = None
) -> Survey:
    """Arrays of SURVEY_SCHEMA (and `effective_n`, where known: respondents over the design effect).

    `prior`: area and numeric covariates; `areas`: all to be answered for, by default those of survey and prior.
    Raises `BadInput` when a column is missing, a row is repeated, a number is none, or an area lacks its covariates.
    """
    rows = _checked(frame, SURVEY_SCHEMA, ("area", "wave_end"), "survey")
    if rows.is_empty():
        raise BadInput("survey: no direct estimate at all; without a survey nothing can be nowcast")
    if (rows["n"] <= 0).any():
        raise BadInput("survey: n must be above 0; leave out areas in which nobody answered")
    known = (
        set(areas) if areas is not None else set(rows["area"]) | (set(prior["area"]) if prior is not None else set())
    )
    ordered = sorted(known)
    rows = rows.filter(pl.col("area").is_in(ordered)).sort("wave_end", "area")
    effective = frame.cast({"area": pl.String}).select(
        "area", "wave_end", pl.col(_effective_column(frame)).alias("effective")
    )
    rows = rows.join(effective, on=["area", "wave_end"], how="left", maintain_order="left")
    worked = pl.concat([_worked(wave, scale) for wave in rows.partition_by("wave_end", maintain_order=True)])
    waves = worked["wave_end"].unique().sort().to_list()
    at = _positions(worked, ordered, waves, "wave_end")
    shape = (len(waves), len(ordered))
    value = _placed(worked["level"], at, shape, np.nan)
    centre = float(np.nanmean(value[0]))
    return Survey(
        areas=ordered,
        waves=waves,
        value=value - centre,
        variance=_placed(worked["error"], at, shape, np.nan),
        n=_placed(worked["n"], at, shape, 0.0),
        unit_variance=_unit_variances(worked),
        covariates=_covariates(prior, ordered),
        centre=centre,
    )


def signals_panel(frame: pl.DataFrame, *, areas: Sequence[str]) -> Signals:
    """Arrays of SIGNAL_SCHEMA; rows of other areas are none of this panel's business. Raises `BadInput` likewise."""
    rows = _checked(frame, SIGNAL_SCHEMA, ("area", "period_end", "signal"), "signals")
    rows = rows.filter(pl.col("area").is_in(list(areas)))
    names, times = rows["signal"].unique().sort().to_list(), rows["period_end"].unique().sort().to_list()
    number = {name: position for position, name in enumerate(names)}
    at = (
        np.array([number[name] for name in rows["signal"]], dtype=np.int64),
        *_positions(rows, areas, times, "period_end"),
    )
    shape = (len(names), len(times), len(areas))
    return Signals(
        names=names,
        times=times,
        value=_placed(rows["value"], at, shape, np.nan),
        variance=_placed(rows["variance"], at, shape, np.nan),
    )


def _checked(frame: pl.DataFrame, schema: dict[str, pl.DataType], key: tuple[str, ...], what: str) -> pl.DataFrame:
    missing = [name for name in schema if name not in frame.columns]
    if missing:
        raise BadInput(f"{what}: columns {', '.join(missing)} are missing")
    rows = frame.select(list(schema)).cast(schema)  # type: ignore[arg-type]
    if rows.select(pl.any_horizontal(pl.all().is_null().any())).item():
        raise BadInput(f"{what}: empty fields; leave out rows of which nothing is known")
    if rows.select(pl.struct(key).is_duplicated().any()).item():
        raise BadInput(f"{what}: rows share a key ({', '.join(key)})")
    numbers = rows.select("value", "variance").to_numpy()
    if not np.isfinite(numbers).all() or (numbers[:, 1] < 0).any():
        raise BadInput(f"{what}: value and variance must be finite, and variance not below 0")
    return rows


def _effective_column(frame: pl.DataFrame) -> str:
    return "effective_n" if "effective_n" in frame.columns else "n"


def _worked(wave: pl.DataFrame, scale: Scale) -> pl.DataFrame:
    columns = (wave[name].cast(pl.Float64).to_numpy() for name in ("value", "variance", "effective"))
    level, error = scale.to_working(*columns)
    return wave.with_columns(pl.Series("level", level), pl.Series("error", error))


def _unit_variances(worked: pl.DataFrame) -> Array:
    unit = (pl.col("variance") * pl.col("effective")).mean()
    return worked.group_by("wave_end").agg(unit=unit).sort("wave_end")["unit"].to_numpy()


def _positions(
    rows: pl.DataFrame, areas: Sequence[str], times: Sequence[date], time: str
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], ...]:
    at_area = {area: number for number, area in enumerate(areas)}
    at_time = {day: number for number, day in enumerate(times)}
    return (
        np.array([at_time[day] for day in rows[time]], dtype=np.int64),
        np.array([at_area[area] for area in rows["area"]], dtype=np.int64),
    )


def _placed(values: pl.Series, at: tuple[np.ndarray, ...], shape: tuple[int, ...], absent: float) -> Array:
    placed = np.full(shape, absent)
    placed[at] = values.to_numpy()
    return placed


def _covariates(prior: pl.DataFrame | None, areas: Sequence[str]) -> Array:
    """Ones, then each covariate standardised; one that is the same everywhere tells nothing and is left out."""
    ones = np.ones((len(areas), 1))
    if prior is None:
        return ones
    if prior["area"].is_duplicated().any():
        raise BadInput("prior: an area is there twice; give one row an area")
    wanted = pl.DataFrame({"area": list(areas)}, schema={"area": pl.String})
    joined = wanted.join(prior, on="area", how="left", maintain_order="left").drop("area")
    values = joined.cast(pl.Float64).to_numpy()
    if not np.isfinite(values).all():
        raise BadInput("prior: every area needs every covariate, as a finite number")
    spread = values.std(axis=0)
    varied = spread > 0
    return np.hstack([ones, (values - values.mean(axis=0))[:, varied] / spread[varied]])
