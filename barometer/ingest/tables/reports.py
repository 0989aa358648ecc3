"""Practitioners' ratings (CSV, Parquet, or submissions to a form) -> `reports`.

Columns (case and blanks in their names do not matter): rater, area (name or official code), date, rating, and, where
the form has them, id, scale (as `1-5`; else source option `scale`), reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import polars as pl
from pydantic import Field

from barometer.ingest.source import POSITION, Context, Line, Part, Rejected, Removal, incoming_schema
from barometer.ingest.tables.areas import AREA, unknown_area, with_area_of_text
from barometer.ingest.tables.cells import LINE, Block, read_blocks
from barometer.ingest.tables.columns import column, number, optional, pseudonyms, with_plain_names
from barometer.ingest.tables.options import ColumnOptions, read_options
from barometer.ingest.tables.sift import AUTHOR, SUBJECT, Fault, implausible, require_columns, sift
from barometer.ingest.tables.submissions import (
    EDITION,
    GONE,
    REPETITION,
    Flavour,
    SubmissionOptions,
    own_options,
    read_submissions,
)
from barometer.ingest.tables.times import ISO_FORMATS, parsed_time

_NEEDED = ("rater", "area", "date", "rating")
_OPTIONAL = ("scale", "reason")
_KEY = "id"
_SCALE = r"^\s*(-?\d+(?:\.\d+)?)\s*(?:-|–|to|\.\.)\s*(-?\d+(?:\.\d+)?)\s*$"
_AT, _RATING, _LOWEST, _HIGHEST = "_at", "_rating", "_lowest", "_highest"


class ReportOptions(ColumnOptions):
    """`scale`: of ratings whose row states none, as `1-5`."""

    scale: str | None = Field(default=None, pattern=_SCALE)
    date_formats: tuple[str, ...] = ISO_FORMATS


class Reports:
    """Parser of practitioners' ratings."""

    def parse_document(self, stream: BinaryIO, context: Context) -> Iterable[Part]:
        """Rows of `reports`; reasons are masked. A report without an id is known by its rater, area and date."""
        options = read_options(ReportOptions, context)
        for block in read_blocks(stream, context):
            yield _part(block, options, context)


class SubmittedReportOptions(ReportOptions, SubmissionOptions):
    """As for files; `columns` names the form's questions."""


@dataclass(frozen=True)
class SubmittedReports:
    """Parser of submissions to a form of one service. A report is known by the submission's own id."""

    flavour: Flavour

    def parse_lines(self, lines: Sequence[Line], context: Context) -> Part:
        """As for files; a submission that was deleted or refused makes a removal."""
        options = own_options(SubmittedReportOptions, context)
        names = {_KEY: self.flavour.key, **{name: options.columns.get(name, name) for name in (*_NEEDED, *_OPTIONAL)}}
        wanted = (*names.values(), REPETITION)
        found = read_submissions(lines, wanted, self.flavour, options, context)
        frame = _with_own_names(found.block.frame, names)
        is_gone = pl.col(GONE).is_not_null()
        good, rejected = sift(_derived(frame.filter(~is_gone), options, context), _faults(context), context)
        removals, unknown = _gone(_derived(frame.filter(is_gone), options, context), context)
        return Part(
            read=found.read,
            out_of_scope=found.out_of_scope,
            rows={"reports": _reports(good, context)},
            removals=[*found.removals, *removals],
            rejected=[*found.block.rejected, *rejected, *unknown],
        )


def _with_own_names(frame: pl.DataFrame, names: Mapping[str, str]) -> pl.DataFrame:
    """Our columns from the form's; the id of a repetition is that of its submission and its number."""
    ours = frame.select(
        LINE, EDITION, GONE, *(pl.col(theirs).alias(name) for name, theirs in names.items()), REPETITION
    )
    key = pl.concat_str(_KEY, REPETITION, separator="#")
    return ours.with_columns(pl.coalesce(key, pl.col(_KEY)).alias(_KEY)).drop(REPETITION)


def _gone(frame: pl.DataFrame, context: Context) -> tuple[list[Removal], list[Rejected]]:
    """Removals of the reports that these submissions made; whatever else is wrong with them does not matter."""
    faults = [
        Fault("invalid_date", "date", pl.col(_AT).is_null(), _DATE_ADVICE),
        implausible(_AT, context, field="date"),
    ]
    good, rejected = sift(frame, faults, context)
    rows = good.select(SUBJECT, _AT, GONE, POSITION).iter_rows()
    return [Removal("record", subject, at, reason, position) for subject, at, reason, position in rows], rejected


def _part(block: Block, options: ReportOptions, context: Context) -> Part:
    frame = with_plain_names(block.frame, options.columns)
    needed = _NEEDED if options.scale else (*_NEEDED, "scale")
    require_columns(frame, needed, advice="add it to the file, or name the file's own column in the source's options")
    good, rejected = sift(_derived(frame, options, context), _faults(context), context)
    return Part(read=block.read, rows={"reports": _reports(good, context)}, rejected=[*block.rejected, *rejected])


def _derived(frame: pl.DataFrame, options: ReportOptions, context: Context) -> pl.DataFrame:
    timezone = options.timezone or context.city.timezone
    scale = pl.coalesce(optional(frame, "scale"), pl.lit(options.scale, pl.String))
    read = frame.with_columns(
        (parsed_time(pl.col("date"), formats=options.date_formats, timezone=timezone) + _edition(frame)).alias(_AT),
        number(pl.col("rating")).alias(_RATING),
        number(scale.str.extract(_SCALE, 1)).alias(_LOWEST),
        number(scale.str.extract(_SCALE, 2)).alias(_HIGHEST),
    )
    return _identified(with_area_of_text(read, "area", context.city), context)


def _edition(frame: pl.DataFrame) -> pl.Expr:
    """How much newer a later edition of a submission counts."""
    return pl.duration(microseconds=pl.col(EDITION) if EDITION in frame.columns else 0)


def _identified(frame: pl.DataFrame, context: Context) -> pl.DataFrame:
    own = pl.concat_str(pl.col("rater", "area", "date").fill_null(""), separator="/")
    record = frame.select(pl.coalesce(column(frame, "id"), own)).to_series()
    return frame.with_columns(
        pseudonyms(record, "record", context).alias(SUBJECT),
        pseudonyms(frame["rater"], "rater", context).alias(AUTHOR),
    )


def _faults(context: Context) -> list[Fault]:
    is_number = pl.col(_RATING).is_finite().fill_null(value=False)
    on_scale = pl.col(_RATING).is_between(_LOWEST, _HIGHEST)
    return [
        Fault("missing_field", "rater", pl.col("rater").is_null(), "no rater; write the practitioner's name or number"),
        Fault("missing_field", "area", pl.col("area").is_null(), "no area; write the neighbourhood's name or code"),
        unknown_area("area"),
        Fault("invalid_date", "date", pl.col(_AT).is_null(), _DATE_ADVICE),
        implausible(_AT, context, field="date"),
        Fault("invalid_scale", "scale", ~(pl.col(_LOWEST) < pl.col(_HIGHEST)), _SCALE_ADVICE),
        Fault("invalid_scale", "scale", pl.col(_LOWEST).is_null(), _SCALE_ADVICE),
        Fault("invalid_rating", "rating", ~is_number, "the rating is no number; write it in figures"),
        Fault("rating_outside_scale", "rating", ~on_scale, "the rating lies outside its scale; mend one of them"),
    ]


_DATE_ADVICE = "no date that can be read; write it as 2026-03-02"
_SCALE_ADVICE = "no scale that can be read; write it as 1-5, or state it in the source's options"


def _reports(frame: pl.DataFrame, context: Context) -> pl.DataFrame:
    return frame.select(
        pl.col(SUBJECT).alias("report"),
        pl.col(AUTHOR).alias("rater"),
        pl.col(_AT).alias("reported_at"),
        pl.col(AREA).alias("area"),
        pl.col(_RATING).alias("rating"),
        pl.col(_LOWEST).alias("scale_minimum"),
        pl.col(_HIGHEST).alias("scale_maximum"),
        _masked(frame, context),
        pl.col(POSITION),
    ).select(list(incoming_schema("reports")))


def _masked(frame: pl.DataFrame, context: Context) -> pl.Series:
    reasons = column(frame, "reason")
    stated = reasons.drop_nulls().unique(maintain_order=True).to_list()
    masked = dict(zip(stated, context.door.mask(stated), strict=True))
    return reasons.replace_strict(masked, default=None, return_dtype=pl.String).alias("reason")
