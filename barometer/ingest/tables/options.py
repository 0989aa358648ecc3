"""Options of a source of table files, checked once, with every mistake named."""

from __future__ import annotations

from datetime import date
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from barometer.errors import BadConfiguration
from barometer.ingest.source import Context


class Options(BaseModel):
    """Options of every source of table files; unknown ones are mistakes.

    `id_space`: whose ids the file's are, default the source's; `earliest`: before it no date is plausible.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id_space: str | None = None
    earliest: date | None = None


class ColumnOptions(Options):
    """Options of formats with fixed columns.

    `columns`: our name of a column -> the file's own; `timezone`: of times without an offset, default the city's.
    """

    columns: dict[str, str] = Field(default_factory=dict)
    timezone: str | None = None


AnyOptions = TypeVar("AnyOptions", bound=Options)
AnyModel = TypeVar("AnyModel", bound=BaseModel)


def read_options(kind: type[AnyOptions], context: Context) -> AnyOptions:
    """The source's options as `kind`; raises `BadConfiguration` naming the source and every wrong option."""
    return checked_options(kind, context.source.options, context.source.id)


def checked_options(kind: type[AnyModel], given: dict[str, Any], source: str) -> AnyModel:
    """These options as `kind`; raises `BadConfiguration` naming the source and every wrong option."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        mistakes = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)
        raise BadConfiguration(f"source {source}: options: {mistakes}") from None
