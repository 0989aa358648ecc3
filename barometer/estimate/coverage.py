"""Who is heard: voices of every signal beside the population, per neighbourhood and period, before any score."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from barometer.city import City
from barometer.estimate.cells import PLACE, at_every_place, places
from barometer.estimate.periods import PERIOD
from barometer.estimate.survey import GROUP_PREFIX
from barometer.indicators import WHOLE_CITY

EVERYBODY = "all"


@dataclass(frozen=True)
class Heard:
    """What counts as a record of a signal (distinct values of a column) and as a voice (empty: nobody speaks)."""

    record: str
    voice: str | None


HEARD = {
    "posts": Heard("post", "author"),
    "answers": Heard("response", "respondent"),
    "reports": Heard("report", "rater"),
    "observations": Heard("session", "observer"),
    "counts": Heard("record", None),
}


def cover(rows: pl.DataFrame, *, signal: str, city: City, periods: pl.DataFrame) -> pl.DataFrame:
    """Records and voices of one signal at every place and period of `periods` (PERIOD columns), nobody heard included.

    `rows`: the signal's rows with period_start and period_end. Population: adults, for counts all residents.
    """
    heard = HEARD[signal]
    tally = _tally(at_every_place(rows, city), heard, by=[*PLACE, *PERIOD])
    persons = pl.col("population" if signal == "counts" else "adults")
    grid = periods.select(PERIOD).unique().join(places(city).select(*PLACE, persons.alias("population")), how="cross")
    return _finished(grid.join(tally, on=[*PLACE, *PERIOD], how="left"), signal=signal, group=pl.lit(EVERYBODY))


def cover_groups(
    respondents: pl.DataFrame, answers: pl.DataFrame, *, city: City, periods: pl.DataFrame
) -> pl.DataFrame:
    """Respondents of every margin and category the city knows, per place and wave, beside that group's population."""
    groups = _groups(city)
    stated = (
        answers.filter(pl.col("item").is_in((GROUP_PREFIX + groups["margin"]).unique().to_list()))
        .drop_nulls("category")
        .select("response", margin=pl.col("item").str.strip_prefix(GROUP_PREFIX), category="category")
    )
    rows = at_every_place(respondents.join(stated, on="response", how="inner"), city)
    tally = _tally(rows, HEARD["answers"], by=[*PLACE, *PERIOD, "margin", "category"])
    grid = periods.select(PERIOD).unique().join(groups, how="cross")
    laid = grid.join(tally, on=[*PLACE, *PERIOD, "margin", "category"], how="left")
    return _finished(laid, signal="answers", group=pl.format("{}={}", "margin", "category"))


def _tally(rows: pl.DataFrame, heard: Heard, *, by: list[str]) -> pl.DataFrame:
    voices = pl.col(heard.voice).drop_nulls().n_unique() if heard.voice else pl.lit(0)
    return rows.group_by(by).agg(records=pl.col(heard.record).n_unique().cast(pl.Int64), voices=voices.cast(pl.Int64))


def _groups(city: City) -> pl.DataFrame:
    """geography, area, margin, category, population of every group; population empty where the city states none.

    What is stated for the whole city goes before what its neighbourhoods add up to. A margin of households says how
    many homes there are, not how many people could have been heard.
    """
    group = [*PLACE, "margin", "category"]
    persons = city.margins.filter(pl.col("unit") == "persons")
    whole = persons.filter(pl.col("area").is_null()).with_columns(
        geography=pl.lit(WHOLE_CITY), area=pl.lit(city.id), is_stated=pl.lit(value=True)
    )
    added_up = at_every_place(persons.drop_nulls("area"), city).with_columns(is_stated=pl.lit(value=False))
    known = (
        pl.concat([whole, added_up], how="diagonal")
        .filter(pl.col("is_stated") == pl.col("is_stated").max().over(group))
        .group_by(group)
        .agg(population=pl.col("persons").sum())
    )
    kinds = city.margins.select("margin", "category").unique()
    return kinds.join(places(city).select(PLACE), how="cross").join(known, on=group, how="left")


def _finished(laid: pl.DataFrame, *, signal: str, group: pl.Expr) -> pl.DataFrame:
    is_voiced = HEARD[signal].voice is not None
    per_1000 = pl.when((pl.col("population") > 0) & is_voiced).then(pl.col("voices") * 1000.0 / pl.col("population"))
    return (
        laid.with_columns(pl.col("records", "voices").fill_null(0).cast(pl.Int64))
        .select(
            *PLACE,
            *PERIOD,
            pl.lit(signal).alias("signal"),
            group.alias("group"),
            "records",
            "voices",
            pl.col("population").cast(pl.Int64),
            per_1000.round_sig_figs(12).alias("voices_per_1000"),
        )
        .sort(*PLACE, *PERIOD, "signal", "group")
    )
