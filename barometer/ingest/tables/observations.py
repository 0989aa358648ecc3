"""Counts of people in public places -> `observations`, after the Public Life Data Protocol (beta, Gehl Institute 2017).

A file is of movement (columns `modePedestrian`, `modeBicyclist`, …) or of stationary activity (`postureStanding`, …,
with `gender…`, `age…`, `activity…`). A row counts one person or several; a row of zeros is an empty window, worth
knowing too. Beyond the protocol's flat form, `groupSize` says how large the group was that the row describes, and
`groupMixed` (yes, no) whether it was visibly mixed; without the latter a group is mixed when several genders or several
ages are counted in it. Names of columns may end in blanks, as in San Francisco's files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import BinaryIO

import polars as pl
from pydantic import Field

from barometer.ingest.source import POSITION, Context, Part, UnusableFile, incoming_schema
from barometer.ingest.tables.areas import AREA, impossible_point, unknown_area, with_area_of_point, with_area_of_text
from barometer.ingest.tables.cells import Block, read_blocks
from barometer.ingest.tables.columns import column, number, optional, pseudonyms
from barometer.ingest.tables.options import ColumnOptions, read_options
from barometer.ingest.tables.sift import AUTHOR, SUBJECT, Fault, implausible, require_columns, sift
from barometer.ingest.tables.times import ISO_FORMATS, parsed_time

PROTOCOL_FORMATS = (
    "%m/%d/%y %I:%M %p",
    "%m/%d/%y, %I:%M %p",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M:%S%p",
)
MOVEMENT, STATIONARY = "movement", "stationary"
_MODE, _ACTIVITY = "mode", "activity"
_ATTRIBUTES = ("posture", "gender", "age")
"""Each person has one of each, so that the counts of any one of them add up to the people counted."""
_POINT = r"^\s*([^,\s]+)\s*,\s*([^,\s]+)\s*$"
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")
_STARTED, _ENDED, _LONGITUDE, _LATITUDE, _PERSONS, _GROUP = (
    "_started",
    "_ended",
    "_longitude",
    "_latitude",
    "_persons",
    "_group",
)
_LONGEST_WINDOW = pl.duration(hours=24)


class ObservationOptions(ColumnOptions):
    """`window_minutes`: length of windows in files without `endedAt`."""

    date_formats: tuple[str, ...] = (*PROTOCOL_FORMATS, *ISO_FORMATS)
    window_minutes: int | None = Field(default=None, gt=0, le=24 * 60)


class Observations:
    """Parser of Public Life Data Protocol files."""

    def parse_document(self, stream: BinaryIO, context: Context) -> Iterable[Part]:
        """Rows of `observations`, placed by `location` (longitude, latitude) or `area`; unplaced outside the city."""
        options = read_options(ObservationOptions, context)
        for block in read_blocks(stream, context):
            yield _part(block, options, context)


def _part(block: Block, options: ObservationOptions, context: Context) -> Part:
    frame = _renamed(block.frame, options)
    kind = _kind(frame)
    _require(frame, options)
    counted = _counted(_timed(frame, options, context), kind)
    known = _identified(_placed(counted, context), context)
    good, rejected = sift(known, [*_faults(frame, context), *_count_faults(frame)], context)
    rows = {"observations": _observations(good, kind)}
    return Part(read=block.read, rows=rows, rejected=[*block.rejected, *rejected])


def _renamed(frame: pl.DataFrame, options: ObservationOptions) -> pl.DataFrame:
    ours = {theirs.strip(): name for name, theirs in options.columns.items() if theirs.strip() in frame.columns}
    return frame.rename(ours)


def _kind(frame: pl.DataFrame) -> str:
    if _family(frame, "posture"):
        return STATIONARY
    if _family(frame, _MODE):
        return MOVEMENT
    raise UnusableFile(
        "no columns mode… (movement) or posture… (stationary); export the counts as the Public Life Data Protocol says",
        rule="missing_column",
        field="modePedestrian",
    )


def _require(frame: pl.DataFrame, options: ObservationOptions) -> None:
    place = ("area",) if "area" in frame.columns else ("location",)
    end = () if options.window_minutes else ("endedAt",)
    advice = "add it to the file (or give the source option window_minutes where only endedAt is missing)"
    require_columns(frame, ("id", "startedAt", *end, *place), advice=advice)


def _family(frame: pl.DataFrame, stem: str) -> list[str]:
    """Columns of one family: `ageX` but not `agency`."""
    return [name for name in frame.columns if name.startswith(stem) and not name[len(stem) : len(stem) + 1].islower()]


def _count_columns(frame: pl.DataFrame) -> list[str]:
    return [name for stem in (_MODE, *_ATTRIBUTES, _ACTIVITY) for name in _family(frame, stem)]


def _timed(frame: pl.DataFrame, options: ObservationOptions, context: Context) -> pl.DataFrame:
    timezone = options.timezone or context.city.timezone
    stated = [
        parsed_time(optional(frame, name), formats=options.date_formats, timezone=timezone)
        for name in ("startedAt", "endedAt")
    ]
    timed = frame.with_columns(stated[0].alias(_STARTED), stated[1].alias(_ENDED))
    if options.window_minutes is None:
        return timed
    window_end = pl.col(_STARTED) + pl.duration(minutes=options.window_minutes)
    return timed.with_columns(pl.coalesce(_ENDED, window_end))


def _counted(frame: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Add the people counted and the group's size.

    Observers do not always note every attribute, so the people counted are the largest of the sums over postures,
    genders and ages, and of any one activity (a person may do several things); of movement the sum over modes.
    """
    sums = [_total(_family(frame, stem)) for stem in _ATTRIBUTES if _family(frame, stem)]
    single = [_whole(pl.col(name)) for name in _family(frame, _ACTIVITY)]
    people = _total(_family(frame, _MODE)) if kind == MOVEMENT else pl.max_horizontal(*sums, *single)
    size = _whole(optional(frame, "groupSize")) if "groupSize" in frame.columns else pl.lit(None, pl.Int64)
    return frame.with_columns(people.alias(_PERSONS), size.alias(_GROUP))


def _total(columns: Sequence[str]) -> pl.Expr:
    return pl.sum_horizontal(_whole(pl.col(name)) for name in columns)


def _whole(cell: pl.Expr) -> pl.Expr:
    """The cell as a whole number, 0 where it is empty."""
    return number(cell.fill_null("0")).round().cast(pl.Int64, strict=False)


def _placed(frame: pl.DataFrame, context: Context) -> pl.DataFrame:
    if "area" in frame.columns:
        return with_area_of_text(frame, "area", context.city)
    points = frame.with_columns(
        number(pl.col("location").str.extract(_POINT, 1)).alias(_LONGITUDE),
        number(pl.col("location").str.extract(_POINT, 2)).alias(_LATITUDE),
    )
    return with_area_of_point(points, pl.col(_LONGITUDE), pl.col(_LATITUDE), context.city)


def _identified(frame: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add pseudonyms: of the record, of the observer, and of the session (a place, a window, and who observed it)."""
    where = pl.coalesce(optional(frame, "name"), pl.col("area" if "area" in frame.columns else "location"))
    observer = column(frame, "surveyor")
    session = pl.concat_str(
        pl.lit("session"), where.fill_null(""), _STARTED, _ENDED, pl.lit(observer.fill_null("")), separator="/"
    )
    return frame.with_columns(
        pseudonyms(frame["id"], "record", context).alias(SUBJECT),
        pseudonyms(observer, "observer", context).alias(AUTHOR),
        pseudonyms(frame.select(session).to_series(), "record", context).alias("_session"),
    )


def _faults(frame: pl.DataFrame, context: Context) -> list[Fault]:
    unread = (
        "no time that can be read; write it as 05/25/17 01:00 PM or in ISO 8601, or give the source option date_formats"
    )
    window = pl.col(_ENDED) - pl.col(_STARTED)
    impossible = "the window ends before it begins, or lasts more than a day; mend its times"
    return [
        Fault("missing_field", "id", pl.col("id").is_null(), "no id; number the records"),
        Fault("invalid_date", "startedAt", pl.col(_STARTED).is_null(), unread),
        Fault("invalid_date", "endedAt", pl.col(_ENDED).is_null(), unread),
        implausible(_STARTED, context, field="startedAt"),
        implausible(_ENDED, context, field="endedAt"),
        Fault("impossible_window", "endedAt", (window <= pl.duration()) | (window > _LONGEST_WINDOW), impossible),
        _place_fault(frame),
    ]


def _place_fault(frame: pl.DataFrame) -> Fault:
    if "area" in frame.columns:
        return unknown_area("area")
    return impossible_point(_LONGITUDE, _LATITUDE, field="location", is_stated=pl.col("location").is_not_null())


def _count_faults(frame: pl.DataFrame) -> list[Fault]:
    sized = "the group's size is not a number from 1, or is more than the people counted; mend one of them"
    no_group = (pl.col(_GROUP) < 1) | (pl.col(_GROUP) > pl.col(_PERSONS))
    not_a_count = [
        Fault(
            "invalid_count",
            name,
            _is_no_count(pl.col(name)),
            "not a whole number from 0; mend the count or leave it empty",
        )
        for name in (*_count_columns(frame), *(("groupSize",) if "groupSize" in frame.columns else ()))
    ]
    has_group = pl.col("groupSize").is_not_null() if "groupSize" in frame.columns else pl.lit(value=False)
    return [*not_a_count, Fault("impossible_group", "groupSize", has_group & no_group, sized)]


def _is_no_count(cell: pl.Expr) -> pl.Expr:
    value = number(cell)
    is_count = value.is_finite() & (value >= 0) & (value == value.round())
    return cell.is_not_null() & ~is_count.fill_null(value=False)


def _observations(frame: pl.DataFrame, kind: str) -> pl.DataFrame:
    size = pl.when(pl.col(_GROUP) >= 1).then(pl.col(_GROUP))
    return frame.select(
        pl.col(SUBJECT).alias("observation"),
        pl.col("_session").alias("session"),
        pl.col(AUTHOR).alias("observer"),
        pl.lit(kind).alias("kind"),
        optional(frame, "name").alias("place"),
        pl.col(AREA).alias("area"),
        pl.col(_STARTED).alias("started_at"),
        pl.col(_ENDED).alias("ended_at"),
        pl.col(_PERSONS).alias("persons"),
        size.alias("group_size"),
        _is_mixed(frame).alias("is_mixed_group"),
        pl.lit(kind == STATIONARY).alias("is_staying"),
        _activities(frame).alias("activities"),
        pl.col(POSITION),
    ).select(list(incoming_schema("observations")))


def _is_mixed(frame: pl.DataFrame) -> pl.Expr:
    """Whether a group of two or more is visibly mixed: as noted, else by the genders and ages counted in it."""
    noted = optional(frame, "groupMixed").str.to_lowercase()
    stated = pl.when(noted.is_in(_YES)).then(pl.lit(value=True)).when(noted.is_in(_NO)).then(pl.lit(value=False))
    several = [_kinds(_family(frame, stem)) >= 2 for stem in ("gender", "age") if _family(frame, stem)]
    is_counted = [_kinds(_family(frame, stem)) >= 1 for stem in ("gender", "age") if _family(frame, stem)]
    worked_out = (
        pl.when(pl.any_horizontal(is_counted)).then(pl.any_horizontal(several)) if several else pl.lit(None, pl.Boolean)
    )
    return pl.when(pl.col(_GROUP) >= 2).then(pl.coalesce(stated, worked_out))


def _kinds(columns: Sequence[str]) -> pl.Expr:
    return pl.sum_horizontal((_whole(pl.col(name)) > 0).cast(pl.Int64) for name in columns)


def _activities(frame: pl.DataFrame) -> pl.Expr:
    noted = [pl.when(_whole(pl.col(name)) > 0).then(pl.lit(_activity_name(name))) for name in _family(frame, _ACTIVITY)]
    if not noted:
        return pl.lit([], pl.List(pl.String))
    return pl.concat_list(noted).list.drop_nulls()


def _activity_name(column: str) -> str:
    """`activityWaitingTransport` -> `waiting_transport`."""
    stem = column.removeprefix(_ACTIVITY)
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in stem).strip("_")
