"""Survey files and submissions -> `respondents` (one a record) and `answers` (one an item), as the codebook says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

import polars as pl

from barometer.ingest.source import POSITION, Context, Line, Part, Rejected, Removal, incoming_schema
from barometer.ingest.tables.areas import (
    AREA,
    impossible_point,
    unknown_area,
    with_area_of_point,
    with_area_of_text,
)
from barometer.ingest.tables.cells import LINE, Block, read_blocks
from barometer.ingest.tables.codebook import (
    ROW_NUMBER,
    Codebook,
    Coding,
    Group,
    Item,
    When,
    find_codebook,
    label,
    load_codebook,
)
from barometer.ingest.tables.columns import pseudonyms
from barometer.ingest.tables.options import Options, read_options
from barometer.ingest.tables.sift import AUTHOR, SUBJECT, Fault, implausible, require_columns, sift
from barometer.ingest.tables.submissions import (
    EDITION,
    GONE,
    Flavour,
    SubmissionOptions,
    own_options,
    read_submissions,
)
from barometer.ingest.tables.times import ISO_FORMATS, noon, parsed_time

_RESPONDENT, _WAVE, _AT, _WEIGHT, _LONGITUDE, _LATITUDE = (
    "_respondent_id",
    "_wave",
    "_at",
    "_weight",
    "_longitude",
    "_latitude",
)
_JOIN = "/"


class AnswerOptions(Options):
    """`codebook`: name of a file in the city's `codebooks/` or in `configs/codebooks/`."""

    codebook: str


class Answers:
    """Parser of survey files."""

    def parse_document(self, stream: BinaryIO, context: Context) -> Iterable[Part]:
        """Rows of `respondents` and `answers`; no consent makes a removal, and no interview is out of scope."""
        codebook = _codebook(context)
        for block in read_blocks(stream, context):
            yield _part(block, codebook, context)


class SubmittedAnswerOptions(SubmissionOptions):
    """`codebook` as for files."""

    codebook: str


@dataclass(frozen=True)
class SubmittedAnswers:
    """Parser of submissions to a form of one service."""

    flavour: Flavour

    def parse_lines(self, lines: Sequence[Line], context: Context) -> Part:
        """As for files; a submission that was deleted or refused makes a removal, an incomplete one is out of scope."""
        options = own_options(SubmittedAnswerOptions, context)
        codebook = load_codebook(find_codebook(options.codebook, context.city.folder))
        wanted = (*codebook.needed, *codebook.optional)
        found = read_submissions(lines, wanted, self.flavour, options, context)
        is_gone = pl.col(GONE).is_not_null()
        part = _part(replace(found.block, frame=found.block.frame.filter(~is_gone)), codebook, context)
        removals, rejected = _gone(found.block.frame.filter(is_gone), codebook, context)
        return replace(
            part,
            read=found.read,
            out_of_scope=part.out_of_scope + found.out_of_scope,
            removals=[*part.removals, *found.removals, *removals],
            rejected=[*part.rejected, *rejected],
        )


def _gone(frame: pl.DataFrame, codebook: Codebook, context: Context) -> tuple[list[Removal], list[Rejected]]:
    """Removals of the responses that these submissions made; whatever else is wrong with them does not matter."""
    known = _timed(_identified(frame, codebook, context), codebook, context)
    good, rejected = sift(known, [*_identity_faults(codebook), *_date_faults(codebook, context)], context)
    rows = good.select(SUBJECT, _AT, GONE, POSITION).iter_rows()
    return [Removal("record", subject, at, reason, position) for subject, at, reason, position in rows], rejected


def _codebook(context: Context) -> Codebook:
    name = read_options(AnswerOptions, context).codebook
    return load_codebook(find_codebook(name, context.city.folder))


def _part(block: Block, codebook: Codebook, context: Context) -> Part:
    require_columns(
        block.frame,
        codebook.needed,
        advice="add it to the file, or mend the codebook (optional: lists columns a file may lack)",
    )
    whole = _with_optional(block.frame, codebook)
    interviews = whole.filter(_has_interview(codebook))
    known = _identified(interviews, codebook, context)
    good, rejected = sift(_derived(known, codebook, context), _faults(codebook, context), context)
    kept, removals = _consenting(good, codebook)
    return Part(
        read=block.read,
        out_of_scope=whole.height - interviews.height,
        rows={"respondents": _respondents(kept, codebook), "answers": _answers(kept, codebook)},
        removals=removals,
        rejected=[*block.rejected, *rejected],
    )


def _with_optional(frame: pl.DataFrame, codebook: Codebook) -> pl.DataFrame:
    absent = [name for name in codebook.optional if name not in frame.columns]
    return frame.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)


def _has_interview(codebook: Codebook) -> pl.Expr:
    return pl.col(codebook.interviewed).is_not_null() if codebook.interviewed else pl.lit(value=True)


def _identified(frame: pl.DataFrame, codebook: Codebook, context: Context) -> pl.DataFrame:
    """Add the wave, and the pseudonyms of the respondent and of the response (the respondent in this wave)."""
    row = pl.format("{}:{}", pl.lit(context.file), pl.col(LINE))
    person = row if codebook.respondent == ROW_NUMBER else _plain(pl.col(codebook.respondent))
    wave = pl.lit(codebook.wave.fixed) if codebook.wave.column is None else _plain(pl.col(codebook.wave.column))
    told = frame.with_columns(person.alias(_RESPONDENT), wave.alias(_WAVE))
    response = pl.concat_str(_WAVE, _RESPONDENT, separator=_JOIN)
    return told.with_columns(
        pseudonyms(told[_RESPONDENT], "respondent", context).alias(AUTHOR),
        pseudonyms(told.select(response).to_series(), "record", context).alias(SUBJECT),
    )


def _derived(frame: pl.DataFrame, codebook: Codebook, context: Context) -> pl.DataFrame:
    timed = _timed(frame, codebook, context)
    return _placed(timed.with_columns(_weight(codebook).alias(_WEIGHT)), codebook, context)


def _timed(frame: pl.DataFrame, codebook: Codebook, context: Context) -> pl.DataFrame:
    """Add when it was answered; a later edition of a submission counts as so many microseconds newer."""
    at = _answered_at(codebook.date, context.city.timezone)
    edition = pl.duration(microseconds=pl.col(EDITION)) if EDITION in frame.columns else pl.duration(microseconds=0)
    return frame.with_columns((at + edition).alias(_AT))


def _answered_at(when: When, city_timezone: str) -> pl.Expr:
    timezone = when.timezone or city_timezone
    if when.fixed is not None:
        return noon(pl.lit(when.fixed), timezone)
    text = pl.col(str(when.column))
    if when.days:
        return noon(_looked_up(text, when.days, pl.Date()), timezone)
    return parsed_time(text, formats=when.formats or ISO_FORMATS, timezone=timezone)


def _weight(codebook: Codebook) -> pl.Expr:
    weight = codebook.weight
    if weight is None:
        return pl.lit(1.0)
    number = pl.col(weight.column).cast(pl.Float64, strict=False)
    stated = 1.0 / number if weight.is_probability else number
    empty = pl.lit(weight.when_empty, pl.Float64)
    return pl.when(pl.col(weight.column).is_null()).then(empty).otherwise(stated)


def _placed(frame: pl.DataFrame, codebook: Codebook, context: Context) -> pl.DataFrame:
    where = codebook.area
    if where is None:
        return frame.with_columns(pl.lit(None, pl.String).alias(AREA))
    if where.column is not None:
        return with_area_of_text(frame, where.column, context.city)
    numbers = frame.with_columns(
        pl.col(str(where.longitude)).cast(pl.Float64, strict=False).alias(_LONGITUDE),
        pl.col(str(where.latitude)).cast(pl.Float64, strict=False).alias(_LATITUDE),
    )
    return with_area_of_point(numbers, pl.col(_LONGITUDE), pl.col(_LATITUDE), context.city)


def _faults(codebook: Codebook, context: Context) -> list[Fault]:
    return [
        *_identity_faults(codebook),
        *_date_faults(codebook, context),
        *_weight_faults(codebook),
        *_area_faults(codebook),
        *(_unknown_label(entry, codebook) for entry in codebook.entries),
    ]


def _identity_faults(codebook: Codebook) -> list[Fault]:
    who = "no respondent id; fill it in, or set respondent: row_number in the codebook when the survey has none"
    wave = "no wave; fill it in, or give the codebook a fixed wave"
    return [
        Fault("missing_field", codebook.respondent, pl.col(_RESPONDENT).is_null(), who),
        Fault("missing_field", codebook.wave.column or "wave", pl.col(_WAVE).is_null(), wave),
    ]


def _date_faults(codebook: Codebook, context: Context) -> list[Fault]:
    name = codebook.date.column or "date"
    unread = "no date that can be read; write it as 2026-03-02 or 2026-03-02T10:00, or add its format to the codebook"
    return [Fault("invalid_date", name, pl.col(_AT).is_null(), unread), implausible(_AT, context, field=name)]


def _weight_faults(codebook: Codebook) -> list[Fault]:
    if codebook.weight is None:
        return []
    usable = pl.col(_WEIGHT).is_finite() & (pl.col(_WEIGHT) > 0)
    reason = "the weight is no number above 0; mend it, or state when_empty in the codebook"
    return [Fault("invalid_weight", codebook.weight.column, ~usable.fill_null(value=False), reason)]


def _area_faults(codebook: Codebook) -> list[Fault]:
    where = codebook.area
    if where is None:
        return []
    if where.column is not None:
        return [unknown_area(where.column)]
    stated = pl.any_horizontal(pl.col(str(where.longitude), str(where.latitude)).is_not_null())
    return [impossible_point(_LONGITUDE, _LATITUDE, field=str(where.longitude), is_stated=stated)]


def _unknown_label(entry: Item | Group, codebook: Codebook) -> Fault:
    kinds = "scale" if isinstance(entry, Item) else "coding or bands"
    reason = f"an answer the codebook does not know; add it to the item's {kinds}, coding or missing codes, or mend it"
    missing = _missing(entry, codebook)
    answer = _value(entry, missing) if isinstance(entry, Item) else _category(entry, missing)
    known = answer.is_not_null() | missing.is_not_null()
    return Fault("unknown_answer", entry.column, ~known, reason)


def _consenting(frame: pl.DataFrame, codebook: Codebook) -> tuple[pl.DataFrame, list[Removal]]:
    """Rows whose respondent agreed; for each other row, the removal of that respondent."""
    if codebook.consent is None:
        return frame, []
    given = _label(pl.col(codebook.consent.column)).is_in([label(text) for text in codebook.consent.given])
    agreed = given.fill_null(value=False)
    removals = [
        Removal("respondent", row[AUTHOR], row[_AT], "consent_withdrawn", row[POSITION])
        for row in frame.filter(~agreed).iter_rows(named=True)
    ]
    return frame.filter(agreed), removals


def _respondents(frame: pl.DataFrame, codebook: Codebook) -> pl.DataFrame:
    shaped = frame.select(
        pl.col(SUBJECT).alias("response"),
        pl.col(AUTHOR).alias("respondent"),
        pl.col(_WAVE).alias("wave"),
        pl.col(_AT).alias("answered_at"),
        pl.col(AREA).alias("area"),
        pl.col(_WEIGHT).alias("weight"),
        _joined(codebook.cluster).alias("cluster"),
        _joined(codebook.stratum).alias("stratum"),
        pl.col(POSITION),
    )
    return shaped.select(list(incoming_schema("respondents")))


def _joined(columns: tuple[str, ...] | None) -> pl.Expr:
    if not columns:
        return pl.lit(None, pl.String)
    return pl.concat_str([_plain(pl.col(name)) for name in columns], separator=_JOIN)


def _answers(frame: pl.DataFrame, codebook: Codebook) -> pl.DataFrame:
    """Long form: the row's answers, item after item."""
    return pl.concat(
        [
            *(_long(frame, name, item, _missing(item, codebook)) for name, item in codebook.items.items()),
            *(
                _long(frame, f"group.{name}", group, _missing(group, codebook))
                for name, group in codebook.groups.items()
            ),
        ]
    )


def _long(frame: pl.DataFrame, name: str, entry: Item | Group, missing: pl.Expr) -> pl.DataFrame:
    is_item = isinstance(entry, Item)
    value = _value(entry, missing) if isinstance(entry, Item) else pl.lit(None, pl.Float64)
    category = pl.lit(None, pl.String) if isinstance(entry, Item) else _category(entry, missing)
    answer = value if is_item else category
    return frame.select(
        pl.col(SUBJECT).alias("response"),
        pl.col(AUTHOR).alias("respondent"),
        pl.lit(name).alias("item"),
        value.alias("value"),
        category.alias("category"),
        pl.when(answer.is_null()).then(missing).alias("missing_code"),
        pl.col(POSITION),
    ).select(list(incoming_schema("answers")))


def _value(item: Item, missing: pl.Expr) -> pl.Expr:
    """The answer as a number, null when it is none; a code listed as missing is never an answer."""
    cell = pl.col(item.column)
    number = _looked_up(cell, item.coding, pl.Float64()) if item.coding else cell.cast(pl.Float64, strict=False)
    if item.scale is not None:
        lowest, highest = item.scale.minimum, item.scale.maximum
        number = pl.when(number.is_between(lowest, highest)).then(number)
        number = lowest + highest - number if item.is_reversed else number
    return pl.when(missing.is_null()).then(number)


def _category(group: Group, missing: pl.Expr) -> pl.Expr:
    """The category, null when there is none; a code listed as missing is never a category."""
    cell = pl.col(group.column)
    named = _looked_up(cell, group.coding, pl.String())
    if group.bands:
        named = pl.coalesce(named, _band(cell.cast(pl.Float64, strict=False), group))
    return pl.when(missing.is_null()).then(named if group.coding or group.bands else cell)


def _band(number: pl.Expr, group: Group) -> pl.Expr:
    highest_first = reversed(list(zip(group.bands, group.band_names, strict=True)))
    return pl.coalesce(*(pl.when(number >= low).then(pl.lit(name)) for low, name in highest_first))


def _missing(entry: Item | Group, codebook: Codebook) -> pl.Expr:
    return _looked_up(pl.col(entry.column).fill_null(""), codebook.missing_of(entry), pl.String())


def _looked_up(cell: pl.Expr, mapping: Mapping[str, object] | Coding, dtype: pl.DataType) -> pl.Expr:
    if not mapping:
        return pl.lit(None, dtype)
    return _label(cell).replace_strict(dict(mapping), default=None, return_dtype=dtype)


def _label(cell: pl.Expr) -> pl.Expr:
    return _plain(cell.str.replace_all("_", " ", literal=True).str.strip_chars()).str.to_lowercase()


def _plain(cell: pl.Expr) -> pl.Expr:
    """Text without the `.0` that statistics packages put behind whole numbers."""
    return cell.str.replace(r"^(-?\d+)\.0+$", "$1")
