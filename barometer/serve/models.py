"""The form of every JSON answer, for the OpenAPI description and for those who read it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, create_model

from barometer.tables import MISSING_REASONS, TABLES, Column

_TYPES: dict[type[pl.DataType], Any] = {
    pl.String: str,
    pl.Int64: int,
    pl.Float64: float,
    pl.Boolean: bool,
    pl.Date: date,
    pl.Datetime: datetime,
}
# Emptied in a release where few people stand behind a cell.
_MAY_BE_WITHHELD = ("n", "effective_n")


class Answer(BaseModel):
    """A JSON object with exactly these fields."""

    model_config = ConfigDict(extra="forbid")


class ProblemDetails(Answer):
    """Why a request was not answered (RFC 9457)."""

    type: str
    title: str = Field(description="name of the status")
    status: int
    detail: str = Field(description="what is wrong, and what to do, in words")


class Page(Answer):
    """Part of the rows that were asked for."""

    releases: dict[str, str] = Field(description="city -> the release that speaks")
    synthetic: bool = Field(description="some of this is made by a simulation and says nothing of real people")
    licence: str = Field(description="address of the licence")
    total: int = Field(description="rows on all pages together")
    limit: int
    offset: int
    next: str | None = Field(description="address of the next page; null on the last")


class CityAnswer(Answer):
    """One city that has published."""

    city: str
    name: str
    synthetic: bool
    geographies: list[str] = Field(description="geographies its estimates are given for")
    releases: int
    newest_release: str
    approved_at: datetime
    page: str = Field(description="address of the newest release's page")


class Cities(Answer):
    """Every city that has published."""

    data: list[CityAnswer]


class FileAnswer(Answer):
    """One file of a release."""

    name: str
    bytes: int
    sha256: str
    address: str


class ReleaseAnswer(Answer):
    """One approved release."""

    city: str
    release: str
    night: date
    issued_at: datetime
    approved_at: datetime
    approved_by_stand_in: bool = Field(description="approved by a sample run, not by a person")
    synthetic: bool
    files: list[FileAnswer]


class Releases(Answer):
    """Releases, oldest first."""

    data: list[ReleaseAnswer]


class IndicatorAnswer(Answer):
    """What one indicator measures, in a city's release."""

    city: str
    release: str
    indicator: str
    title: str
    question: str
    unit: str
    dimension: str
    signal: str
    method: str
    direction: str
    minimum: float | None
    maximum: float | None
    minimum_n: int
    withheld: str | None


class IndicatorsAnswer(Answer):
    """Indicators that have estimates."""

    data: list[IndicatorAnswer]


class RumourAnswer(Answer):
    """One claim that enough people carry, true or false, by the words its posts share."""

    city: str
    release: str
    rumour: str
    title: str | None = Field(description="the claim in a sentence, as a person put it; null while nobody has")
    terms: list[str]
    status: str
    status_by: str = Field(description="posts, or person: who decided the status")
    first_seen: date
    last_seen: date
    voices: int = Field(description="distinct authors, rounded down to a multiple of five")
    week_voices: int = Field(description="of them in the last seven days, rounded down likewise")
    share_corrected: float = Field(description="share of the voices that contradict it, in tenths")
    is_contradicted: bool
    areas: list[str] = Field(description="codes of neighbourhoods where enough people carry it to say so")
    evidence: list[str] = Field(description="claims of the city's evidence library that a person linked")
    suggested: list[str] = Field(description="claims of that library whose words fit; confirmed by nobody")
    synthetic: bool


class Rumours(Answer):
    """Claims."""

    data: list[RumourAnswer]


class ScoreAnswer(Answer):
    """One score of the Intercultural Cities Index."""

    index: str
    sub_index: str | None
    name: str
    core: float | None = Field(description="0 to 100")
    extended: float | None = Field(description="0 to 100")
    note: str | None


class IndexAnswer(Answer):
    """A city's Intercultural Cities Index as published: policies and structures, no measure of trust."""

    city: str
    release: str
    is_provided: bool
    is_synthetic: bool
    year: int | None
    source: str | None
    scores: list[ScoreAnswer]


class Indices(Answer):
    """The Index of every city asked for."""

    meaning: str
    data: list[IndexAnswer]


def _field(column: Column) -> tuple[Any, Any]:
    kind = _TYPES[_base(column)]
    if column.name == "missing_reason":
        kind = Literal[MISSING_REASONS]
    may_be_empty = column.nullable or column.name in _MAY_BE_WITHHELD
    meaning = f"{column.meaning} ({column.unit})" if column.unit else column.meaning
    return (kind | None if may_be_empty else kind, Field(description=meaning))


def _base(column: Column) -> type[pl.DataType]:
    return column.dtype if isinstance(column.dtype, type) else type(column.dtype)


def _estimate_fields() -> dict[str, Any]:
    fields = {column.name: _field(column) for column in TABLES["estimates"].columns if column.name != "night"}
    return fields | {"area_name": (str, Field(description="name of the area"))}


EstimateRow = create_model(
    "EstimateRow", __base__=Answer, __doc__="One value of an indicator with its error, or why there is none.",
    **_estimate_fields(),
)  # fmt: skip


class Estimates(Page):
    """A page of estimates."""

    data: list[EstimateRow]
