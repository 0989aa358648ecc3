"""What may be asked: parameters with their meaning, and the rows they choose."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from barometer.serve.shelf import Release

DEFAULT_LIMIT = 1_000
MAXIMUM_LIMIT = 50_000

Name = Annotated[str, Field(min_length=1, max_length=100)]
Names = Annotated[list[Name], Field(max_length=100)]
Limit = Annotated[int, Field(ge=1, le=MAXIMUM_LIMIT, description="rows a page")]
Offset = Annotated[int, Field(ge=0, le=1_000_000_000, description="rows to leave out before the first")]
AsOf = Annotated[
    date | None,
    Field(description="answer as it was published on this day (UTC): the newest release approved by its end"),
]


class Question(BaseModel):
    """A parameter that is not known is an error, lest a mistyped filter give everything."""

    model_config = ConfigDict(extra="forbid")


class OfRelease(Question):
    """Which release speaks: the newest of each city, unless named or asked for as of a day."""

    city: Name | None = Field(None, description="city id; every city if absent")
    release: Name | None = Field(None, description="name of a release, such as 2026-05-09-1; the newest if absent")
    as_of: AsOf = None

    @property
    def never_changes(self) -> bool:
        """One release of one city is named, so the answer is the same for ever."""
        return self.city is not None and self.release is not None


class OfCity(Question):
    """Which city; every city if absent."""

    city: Name | None = Field(None, description="city id; every city if absent")


class EstimateQuestion(OfRelease):
    """Which estimates, in which form, how many at a time."""

    indicator: Names = Field([], description="indicator ids; every indicator if absent")
    geography: Names = Field([], description="neighbourhood, ward, city and so on; every geography if absent")
    area: Names = Field([], description="codes of areas; every area if absent")
    period_from: date | None = Field(None, description="periods that end on this day or later")
    period_to: date | None = Field(None, description="periods that begin on this day or earlier")
    format: Literal["json", "csv", "parquet", "geojson"] | None = Field(
        None, description="form of the answer; as the Accept header says if absent"
    )
    limit: Limit = DEFAULT_LIMIT
    offset: Offset = 0


def estimates(releases: Sequence[Release], question: EstimateQuestion) -> pl.DataFrame:
    """Rows of the releases that fit the filters, all pages, in the order of city and key."""
    parts = [release.estimates.filter(_conditions(question)) for release in releases]
    return pl.concat(parts, how="diagonal_relaxed") if parts else pl.DataFrame()


def _conditions(question: EstimateQuestion) -> list[pl.Expr]:
    chosen = [
        pl.col(name).is_in(wanted) for name in ("indicator", "geography", "area") if (wanted := getattr(question, name))
    ]
    if question.period_from:
        chosen.append(pl.col("period_end") >= question.period_from)
    if question.period_to:
        chosen.append(pl.col("period_start") <= question.period_to)
    return chosen or [pl.lit(True)]
