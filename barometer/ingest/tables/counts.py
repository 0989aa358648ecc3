"""Dated counts per area or point (CSV or Parquet) -> `counts`: service requests, police-recorded incidents, footfall.

Columns (case and blanks in their names do not matter): date, count, and area (name or official code) or longitude and
latitude (degrees, WGS84); series, unless source option `series` names the one of all rows; id, where there is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import BinaryIO

import polars as pl

from barometer.ingest.source import POSITION, Context, Part, incoming_schema
from barometer.ingest.tables.areas import (
    AREA,
    impossible_point,
    unknown_area,
    with_area_of_point,
    with_area_of_text,
)
from barometer.ingest.tables.cells import Block, read_blocks
from barometer.ingest.tables.columns import number, optional, pseudonyms, with_plain_names
from barometer.ingest.tables.options import ColumnOptions, read_options
from barometer.ingest.tables.sift import SUBJECT, Fault, implausible, require_columns, sift
from barometer.ingest.tables.times import ISO_FORMATS, parsed_time

_PLACE_COLUMNS = ("area", "longitude", "latitude")
_AT, _COUNT, _SERIES, _LONGITUDE, _LATITUDE = (
    "_at",
    "_count",
    "_series",
    "_longitude",
    "_latitude",
)


class CountOptions(ColumnOptions):
    """`series`: of rows that state none."""

    series: str | None = None
    date_formats: tuple[str, ...] = ISO_FORMATS


class CountsTable:
    """Parser of dated counts."""

    def parse_document(self, stream: BinaryIO, context: Context) -> Iterable[Part]:
        """Rows of `counts`. A record without an id is known by its series, place, date and rank among equals."""
        options = read_options(CountOptions, context)
        seen: dict[str, int] = {}
        for block in read_blocks(stream, context):
            yield _part(block, options, context, seen)


def _part(block: Block, options: CountOptions, context: Context, seen: dict[str, int]) -> Part:
    frame = with_plain_names(block.frame, options.columns)
    has_points = "longitude" in frame.columns and "area" not in frame.columns
    place = ("longitude", "latitude") if has_points else ("area",)
    needed = ("date", "count", *place, *(() if options.series else ("series",)))
    require_columns(frame, needed, advice="add it to the file, or name the file's own column in the source's options")
    return _settled(replace(block, frame=frame), options, context, seen)


def read_points(block: Block, series: str, context: Context) -> Part:
    """Rows of `counts` from a block with the columns id, date, longitude, latitude and count."""
    return _settled(block, CountOptions(series=series), context, {})


def _settled(block: Block, options: CountOptions, context: Context, seen: dict[str, int]) -> Part:
    has_points = "longitude" in block.frame.columns and "area" not in block.frame.columns
    read = _read(block.frame, options, context)
    placed = _placed_at_points(read, context) if has_points else with_area_of_text(read, "area", context.city)
    known = placed.with_columns(pseudonyms(_record_ids(placed, seen), "record", context).alias(SUBJECT))
    good, rejected = sift(known, [*_faults(context), _place_fault(has_points=has_points)], context)
    return Part(
        read=block.read, rows={"counts": _counts(good, options, context)}, rejected=[*block.rejected, *rejected]
    )


def _read(frame: pl.DataFrame, options: CountOptions, context: Context) -> pl.DataFrame:
    timezone = options.timezone or context.city.timezone
    return frame.with_columns(
        parsed_time(pl.col("date"), formats=options.date_formats, timezone=timezone).alias(_AT),
        number(pl.col("count")).alias(_COUNT),
        pl.coalesce(optional(frame, "series"), pl.lit(options.series, pl.String)).alias(_SERIES),
    )


def _placed_at_points(frame: pl.DataFrame, context: Context) -> pl.DataFrame:
    points = frame.with_columns(
        number(pl.col("longitude")).alias(_LONGITUDE), number(pl.col("latitude")).alias(_LATITUDE)
    )
    return with_area_of_point(points, pl.col(_LONGITUDE), pl.col(_LATITUDE), context.city)


def _record_ids(frame: pl.DataFrame, seen: dict[str, int]) -> pl.Series:
    """The file's own ids; else series, place, date and the record's rank among those alike in the whole file."""
    if "id" in frame.columns:
        return frame["id"]
    place = [name for name in _PLACE_COLUMNS if name in frame.columns]
    alike = frame.select(pl.concat_str(pl.col(_SERIES, *place, "date").fill_null(""), separator="/")).to_series()
    return pl.Series([f"{one}#{_next(seen, one)}" for one in alike], dtype=pl.String)


def _next(seen: dict[str, int], one: str) -> int:
    seen[one] = seen.get(one, 0) + 1
    return seen[one]


def _faults(context: Context) -> list[Fault]:
    counted = pl.col(_COUNT).is_finite() & (pl.col(_COUNT) >= 0)
    return [
        Fault("missing_field", "id", pl.col(SUBJECT).is_null(), "no id; fill it in, or leave the whole column out"),
        Fault("missing_field", "series", pl.col(_SERIES).is_null(), "no series; write what is counted"),
        Fault("invalid_date", "date", pl.col(_AT).is_null(), "no date that can be read; write it as 2026-03-02"),
        implausible(_AT, context, field="date"),
        Fault("invalid_count", "count", ~counted.fill_null(value=False), "the count is no number from 0; mend it"),
    ]


def _place_fault(*, has_points: bool) -> Fault:
    if not has_points:
        return unknown_area("area")
    stated = pl.col("longitude").is_not_null() | pl.col("latitude").is_not_null()
    return impossible_point(_LONGITUDE, _LATITUDE, field="longitude", is_stated=stated)


def _counts(frame: pl.DataFrame, options: CountOptions, context: Context) -> pl.DataFrame:
    local = pl.col(_AT).dt.convert_time_zone(options.timezone or context.city.timezone)
    return frame.select(
        pl.col(SUBJECT).alias("record"),
        pl.col(_SERIES).alias("series"),
        pl.col(AREA).alias("area"),
        local.dt.date().alias("counted_on"),
        pl.col(_COUNT).alias("count"),
        pl.col(POSITION),
    ).select(list(incoming_schema("counts")))
