"""What the form services share: their options, a memory of what was handed over, and how a vanished submission goes.

None of these services tells what was deleted or edited in a way that survives a missed night, so a connector remembers
for each submission (by the service's own number, which names nobody) a digest of its state and, sealed, what was made
of it. What is remembered but no longer listed is taken back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

from pydantic import Field

from barometer.errors import ServiceRefused
from barometer.ingest.live.connector import Call, Cursor, Options
from barometer.ingest.source import POSITION, Context, Line, LineParser, Part
from barometer.ingest.tables.answers import SubmittedAnswers
from barometer.ingest.tables.codebook import ROW_NUMBER, find_codebook, load_codebook
from barometer.ingest.tables.reports import SubmittedReports
from barometer.ingest.tables.submissions import STAMP, Flavour, cell, repetitions, taken_back

Submission: TypeAlias = dict[str, Any]

_HELD, _SINCE = "held", "since"
_DIGEST_DIGITS = 12
_SUBJECT_DIGITS = 32
_ANY_ANSWER = "0 0 0 0"


class FormOptions(Options):
    """Options of every form service."""

    codebook: str | None = Field(default=None, description="answers: name of the codebook, e.g. residents_pulse.yaml")
    columns: dict[str, str] = Field(
        default_factory=dict, description="reports: our name of a column -> the form's question"
    )
    scale: str | None = Field(
        default=None, description="reports: scale of ratings whose submission states none, as 1-5"
    )
    timezone: str | None = Field(default=None, description="of times without an offset; default the city's")
    repeat: str | None = Field(default=None, description="question group whose every repetition is a record of its own")
    only_approved: bool = Field(default=False, description="hold back what nobody has approved on the service yet")
    id_space: str | None = Field(default=None, description="whose respondents these are; default the source's id")
    earliest: date | None = Field(default=None, description="before it no date is plausible")


@dataclass(frozen=True)
class Held:
    """What is remembered of one submission: a digest of its state, how often it was seen changed, and what it made."""

    digest: str
    edition: int
    made: tuple[tuple[str, str], ...]
    """Sealed pseudonym and time (ISO 8601) of each record it made."""


@dataclass
class Memory:
    """The submissions of one form that were handed over. Of no use without the city's key: see `_sealed`."""

    context: Context
    flavour: Flavour
    repeat: str | None
    held: dict[str, Held] = field(default_factory=dict)

    @classmethod
    def of(cls, call: Call, flavour: Flavour, cursor: Cursor | None) -> Memory:
        """The memory that a bookmark holds."""
        stated = (cursor or {}).get(_HELD, {})
        held = {key: Held(one[0], one[1], tuple((sealed, at) for sealed, at in one[2])) for key, one in stated.items()}
        return cls(call.context, flavour, call.options.repeat, held)

    def cursor(self, since: datetime | None) -> Cursor:
        """The bookmark: everything handed over, and up to when the service was asked for what is new."""
        held = {key: [one.digest, one.edition, [list(made) for made in one.made]] for key, one in self.held.items()}
        return {_SINCE: since.isoformat() if since else None, _HELD: held}

    def is_news(self, key: str, digest: str) -> bool:
        """Whether a submission is new or no longer what it was."""
        return key not in self.held or self.held[key].digest != digest

    def take(self, submissions: Sequence[Submission], digest_of: Callable[[Submission], str]) -> list[bytes]:
        """The records of these submissions, and what takes back what earlier editions made and these no longer make."""
        stamped = [(str(one[self.flavour.key]), digest_of(one), one) for one in submissions]
        lines = [(key, record) for key, digest, one in stamped for record in self._records(key, digest, one)]
        made = self._made([record for _, record in lines])
        gone: list[bytes] = []
        for key, digest, _ in stamped:
            now = [made[number] for number, (owner, _) in enumerate(lines, start=1) if owner == key and number in made]
            edition = self._edition(key, digest)
            gone += self._taken_back(key, except_for={subject for subject, _ in now})
            kept = tuple((self._sealed(key, subject), at.isoformat()) for subject, at in now)
            self.held[key] = Held(digest, edition, kept)
        return [*(record for _, record in lines), *gone]

    def forget(self, present: Iterable[str]) -> list[bytes]:
        """What takes back every submission that is no longer among those present."""
        vanished = sorted(set(self.held) - set(present))
        gone = [record for key in vanished for record in self._taken_back(key, except_for=set())]
        for key in vanished:
            del self.held[key]
        return gone

    def _edition(self, key: str, digest: str) -> int:
        known = self.held.get(key)
        return 0 if known is None else known.edition + int(known.digest != digest)

    def _records(self, key: str, digest: str, submission: Submission) -> Iterator[bytes]:
        stamp = {STAMP: self._edition(key, digest)}
        for one in repetitions(submission, self.repeat):
            yield json.dumps({**one, **stamp}, ensure_ascii=False).encode()

    def _made(self, records: Sequence[bytes]) -> dict[int, tuple[str, datetime]]:
        """Line number -> pseudonym and time of the record each line makes, takes back, or leaves in quarantine."""
        if not records:
            return {}
        part = parser_of(self.context, self.flavour).parse_lines(
            [Line(number, record) for number, record in enumerate(records, start=1)], self.context
        )
        found = {_line(removal.position): (removal.subject, removal.effective_at) for removal in part.removals}
        found |= {
            _line(one.position): (one.subject, self.context.horizon) for one in part.rejected if one.subject is not None
        }
        return found | dict(_rows(part))

    def _taken_back(self, key: str, *, except_for: set[str]) -> Iterator[bytes]:
        for sealed, at in self.held[key].made if key in self.held else ():
            subject = self._sealed(key, sealed)
            if subject not in except_for:
                yield taken_back(subject, datetime.fromisoformat(at))

    def _sealed(self, key: str, subject: str) -> str:
        """The pseudonym covered by (or uncovered from) a pad that only the city's key can make again.

        So the bookmark, which outlives a removal, holds no pseudonym of what was removed.
        """
        pad = self.context.pseudonym("record", f"memory of {key}")
        return f"{int(subject, 16) ^ int(pad, 16):0{_SUBJECT_DIGITS}x}"


_KEYS = {"respondents": ("response", "answered_at"), "reports": ("report", "reported_at")}


def _rows(part: Part) -> Iterator[tuple[int, tuple[str, datetime]]]:
    table = next(iter(part.rows))
    for position, subject, at in part.rows[table].select(POSITION, *_KEYS[table]).iter_rows():
        yield _line(position), (subject, at)


def _line(position: str) -> int:
    return int(position.rpartition(":")[2])


def parser_of(context: Context, flavour: Flavour) -> LineParser:
    """The parser that reads these submissions for the source's signal."""
    return SubmittedAnswers(flavour) if context.source.signal == "answers" else SubmittedReports(flavour)


def since(cursor: Cursor | None) -> datetime | None:
    """Up to when the service was asked before."""
    stated = (cursor or {}).get(_SINCE)
    return datetime.fromisoformat(stated) if stated else None


def until(call: Call) -> datetime:
    """Nothing later is asked for."""
    return min(call.started_at, call.context.horizon).astimezone(UTC)


def digest(*parts: object) -> str:
    """A short digest of a submission's state."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:_DIGEST_DIGITS]


def unread_columns(call: Call, questions: Iterable[str]) -> list[str]:
    """Columns that the codebook or the options name and the deployed form has no question for."""
    cells = dict.fromkeys(questions, _ANY_ANSWER)
    return [name for name in _columns(call) if not name.startswith("_") and cell(cells, name) is None]


def _columns(call: Call) -> Sequence[str]:
    if call.context.source.signal != "answers":
        names: Mapping[str, str] = call.options.columns
        scale = () if call.options.scale else ("scale",)
        return [names.get(one, one) for one in ("rater", "area", "date", "rating", *scale)]
    codebook = load_codebook(find_codebook(str(call.options.codebook), call.context.city.folder))
    return [name for name in codebook.needed if name != ROW_NUMBER]


def in_words(title: str, count: int | None, unread: Sequence[str]) -> str:
    """One line for `sources check`; raises `ServiceRefused` where the form lacks what the codebook reads."""
    if unread:
        raise ServiceRefused(
            f"the form {title!r} has no question {', '.join(unread)}: compare form and codebook with "
            "`barometer forms check`"
        )
    return (
        f"form {title!r} is reachable, {'' if count is None else f'{count} submissions, '}and has every question needed"
    )


def same_origin(link: str, server: str, service: str) -> str:
    """The link, if it stays on the server: the token must go nowhere else. Raises `ServiceRefused`."""
    if not link.startswith(f"{server.rstrip('/')}/"):
        raise ServiceRefused(
            f"{service}: the next page lies on another server than {server}; "
            "set option server to the address it calls itself"
        )
    return link
