"""What every source and every parser of a format agrees on.

A source finds out what is new since its bookmark and hands it over in batches. Files are opened, decompressed and cut
into lines in `files.py`; a parser turns lines, or a whole document, into rows, removals and rejected records.
Deciding what is a duplicate, an edit or already removed is the business of `settle.py`, for all signals alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, TypeAlias, runtime_checkable

import polars as pl

from barometer.errors import BadInput
from barometer.tables import TABLES

if TYPE_CHECKING:
    from barometer.city import City, SourceConfig

POSITION = "position"
"""Extra column of incoming rows: where the record stands, so that it can still be named when it must be set aside.

Unique among the first table's rows; a row of a second table carries the position of the record it came from.
"""

_ADDED_BY_INGEST = ("night", "source", "synthetic")

PseudonymKind: TypeAlias = Literal["post", "author", "respondent", "rater", "observer", "record"]
RemovalReason: TypeAlias = Literal["deleted", "edited", "account_deleted", "consent_withdrawn", "operator"]


class Door(Protocol):
    """What nothing personal passes: the city's keyed pseudonyms and masks, handed in by whoever calls ingest."""

    def pseudonym(self, kind: str, value: str) -> str:
        """32 hex digits of the city's keyed HMAC of an id; `value` is an `identity` where ids belong to a platform."""
        ...

    def mask(self, texts: Sequence[str]) -> list[str]:
        """The texts without e-mails, telephone numbers, accounts, addresses of pages and personal names."""
        ...

    def mask_record(self, record: str) -> str:
        """One rejected record, masked and cut to 2,000 characters."""
        ...

    def seal(self, post: str, platform_id: str) -> str:
        """The platform's id of the post with this pseudonym, so that only the city's key opens it again."""
        ...

    def unseal(self, post: str, sealed_id: str) -> str:
        """What was sealed. Raises `BadInput` where another key, or for another post, sealed it."""
        ...


@dataclass(frozen=True)
class Removal:
    """A record that takes something back. One record makes exactly one removal."""

    kind: PseudonymKind
    subject: str
    """Pseudonym of what is taken back; only its tombstone is stored."""
    effective_at: datetime
    """What is no newer than this (UTC) is removed."""
    reason: RemovalReason
    position: str


@dataclass(frozen=True)
class Rejected:
    """A record that cannot be used: where it stands, which rule it breaks, and what to do about it."""

    position: str
    """`file:line` (or `file:row`), unique within a source and night."""
    rule: str
    """Name of the rule, e.g. invalid_json, missing_field, implausible_date, missing_column."""
    reason: str
    """One line: what is wrong and what to do. Never quotes the record's text or ids."""
    field: str | None = None
    record: str | None = None
    """The raw record; ingest masks it before it is stored. Parsers need not cut it."""
    subject: str | None = None
    """Pseudonym of the post, response or record, where it is known."""
    author: str | None = None
    """Pseudonym of the author, respondent or rater, where it is known."""


@dataclass(frozen=True)
class Part:
    """What a parser makes of some records. Every record read is in exactly one place.

    `read = out_of_scope + height of the first table's rows + len(removals) + len(rejected)`. `rows` maps table name
    to a frame of `incoming_schema(table)`; the first table is the one whose rows are counted, and a second one
    (answers beside respondents) follows it by `position`.
    """

    read: int
    out_of_scope: int = 0
    rows: dict[str, pl.DataFrame] = field(default_factory=dict)
    removals: list[Removal] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True)
class Batch:
    """Some records of a source and the bookmark after them. Fields as in `Part`."""

    rows: dict[str, pl.DataFrame]
    removals: list[Removal]
    quarantined: list[Rejected]
    read: int
    out_of_scope: int
    cursor: dict[str, Any]


class Source(Protocol):
    """One configured origin of records."""

    def fetch(self, cursor: dict[str, Any] | None) -> Iterator[Batch]:
        """Everything after `cursor` (None: from the beginning), in an order that depends on the content alone."""
        ...


@dataclass(frozen=True)
class Context:
    """What a parser may know besides the records themselves."""

    city: City
    source: SourceConfig
    door: Door
    night: date
    horizon: datetime
    """End of the night's day, UTC."""
    earliest: datetime
    latest: datetime
    """Times (UTC) outside earliest..latest are implausible: see `implausible`."""
    file: str
    """Path of the file below the city's inbox folder, with forward slashes; positions begin with it."""
    look_up_service: str = ""
    """Service to be asked later whether posts are still there: their ids are then kept, sealed. Empty: none."""

    def position(self, line: int | str) -> str:
        """Position of a line or row (counted from 1; the header of a CSV file is line 1) of the file."""
        return f"{self.file}:{line}"

    @property
    def id_space(self) -> str:
        """Whose ids the source's records and respondents have."""
        return id_space(self.source)

    def pseudonym(self, kind: PseudonymKind, record_id: str, *, platform: str = "") -> str:
        """Pseudonym of an id of `platform` (posts, authors) or of the source's own id space (all other kinds).

        A removals file names the same platform or id space beside the id, so it finds what was stored.
        """
        return self.door.pseudonym(kind, identity(platform or self.id_space, record_id))

    @property
    def plausible_times(self) -> str:
        """The limits in words; without today's date, as what is stored must not depend on when it was read."""
        return f"{self.earliest:%Y-%m-%d} to the present"

    def is_implausible(self, at: datetime) -> bool:
        """Whether a time lies outside earliest..latest; such records go to quarantine as `implausible_date`."""
        return not self.earliest <= at <= self.latest


@dataclass(frozen=True)
class Line:
    """One line of a file, without its end; `too_long` lines hold only their beginning."""

    number: int
    data: bytes
    too_long: bool = False


@runtime_checkable
class LineParser(Protocol):
    """Reads formats with one record a line (JSON Lines)."""

    def parse_lines(self, lines: Sequence[Line], context: Context) -> Part:
        """About 2,000 lines, none blank, each at most 1 MiB; see `Part` for what must come of each."""
        ...


class DocumentParser(Protocol):
    """Reads formats that must be taken as a whole file (CSV with its header, Parquet)."""

    def parse_document(self, stream: BinaryIO, context: Context) -> Iterable[Part]:
        """All records of a file, whose decompressed bytes `stream` gives once, forward only.

        Raises `UnusableFile` when nothing of the file can be used (a column is missing, it is not what it says it
        is): the file becomes one quarantined line and is tried again every night until it can be read.
        """
        ...


Parser: TypeAlias = LineParser | DocumentParser


class UnusableFile(BadInput):
    """Nothing of a file can be used. The message says what is wrong and what to do; the file is named by the caller."""

    def __init__(self, reason: str, *, rule: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.rule = rule
        self.field = field


def identity(platform: str, record_id: str) -> str:
    """What a platform's id is called at the door, so that ids of two platforms never meet: `twitter:123`."""
    return f"{platform}:{record_id}"


def id_space(source: SourceConfig) -> str:
    """Whose ids a source's records, respondents, raters and observers have: option `id_space`, else the source's id."""
    return str(source.options.get("id_space") or source.id)


def incoming_schema(table: str) -> dict[str, pl.DataType]:
    """Columns of the frames a parser returns for `table`: the table's own but those ingest adds, and `position`."""
    own = {name: dtype for name, dtype in TABLES[table].schema.items() if name not in _ADDED_BY_INGEST}
    return {**own, POSITION: pl.String()}
