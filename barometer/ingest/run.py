"""One night's ingest of one source: read what is new, settle it against what is known, write it, account for it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from barometer import ledger
from barometer.city import SourceConfig
from barometer.errors import BadConfiguration
from barometer.ingest import posts, takedowns
from barometer.ingest.bookmarks import bookmarks
from barometer.ingest.files import FilesSource
from barometer.ingest.finish import OPERATOR, STEP, finish
from barometer.ingest.intake import Intake
from barometer.ingest.live import night as live
from barometer.ingest.live.opening import require_sound
from barometer.ingest.live.services import look_up_service
from barometer.ingest.source import Context, Door, Parser
from barometer.ingest.tables.answers import Answers, SubmittedAnswers
from barometer.ingest.tables.counts import CountsTable
from barometer.ingest.tables.incidents import OPEN311, POLICE_UK
from barometer.ingest.tables.observations import Observations
from barometer.ingest.tables.reports import Reports, SubmittedReports
from barometer.ingest.tables.submissions import FLAVOURS
from barometer.ledger import Counts
from barometer.night import Night

__all__ = ["OPERATOR", "PARSERS", "STEP", "ingest_source"]

EARLIEST = date(2006, 1, 1)
"""Before this no record is plausible, unless the source's option `earliest` says otherwise."""
_AHEAD = timedelta(days=1)

_TABLES: dict[str, Parser] = {
    "answers": Answers(),
    "reports": Reports(),
    "observations": Observations(),
    "counts": CountsTable(),
}

PARSERS: dict[tuple[str, str], Parser] = {
    **posts.PARSERS,
    **{(signal, form): parser for signal, parser in _TABLES.items() for form in ("csv", "parquet")},
    ("removals", "csv"): takedowns.PARSER,
    **{("answers", one.service): SubmittedAnswers(one) for one in FLAVOURS},
    ("counts", "open311"): OPEN311,
    ("counts", "police_uk"): POLICE_UK,
    **{("reports", one.service): SubmittedReports(one) for one in FLAVOURS},
}
"""(signal, format) -> its parser."""


def ingest_source(night: Night, source: SourceConfig, door: Door) -> Counts:
    """Read what `source` has had since the last night, through `door`, into the tables of its signal.

    Running a night again replaces what it wrote. Returns the balanced counts, which are in the ledger too. Raises
    `BadInput` when the night is run again after later nights and a file it read is gone or changed,
    `BadConfiguration` for an unknown format or service, and `SourceFailed` in one of its kinds when a live service
    did not give everything; what it gave is written then, and the next try goes on from there.
    """
    with ledger.timed(night, STEP, source.id):
        if source.kind == "live":
            require_sound(source)
            context = context_of(night, source, door)
            return live.ingest(night, source, door, context=context, parser=require_parser(source))
        return finish(night, source, door, _files(night, source, door))


def _files(night: Night, source: SourceConfig, door: Door) -> Intake:
    marks = bookmarks(night, source)
    before = {"files": (marks.before or {}).get("files", {})}
    # A night that later nights built on must read again exactly what it read, or nothing.
    until = None if marks.is_last else marks.own or before
    files = files_of(night, source, door, until=until)
    if marks.is_last and marks.own is not None:
        files.require_present(before, marks.own)
    intake = Intake(cursor=before)
    for batch in files.fetch(before):
        intake.add(batch, door)
    return intake


def files_of(night: Night, source: SourceConfig, door: Door, *, until: dict[str, Any] | None = None) -> FilesSource:
    """The files of a source, in the city's inbox."""
    folder = night.settings.inbox / night.city.id
    return FilesSource(source, folder, require_parser(source), context_of(night, source, door), until=until)


def require_parser(source: SourceConfig) -> Parser:
    """The parser of a source; raises `BadConfiguration` where there is none of its signal and format."""
    parser = PARSERS.get((source.signal, source.format))
    if parser is None:
        known = sorted(name for signal, name in PARSERS if signal == source.signal)
        raise BadConfiguration(
            f"source {source.id}: format {source.format!r} of {source.signal} is unknown; use one of {', '.join(known)}"
        )
    return parser


def context_of(night: Night, source: SourceConfig, door: Door) -> Context:
    """What parsers may know. The machine's clock serves only to refuse dates that lie in everybody's future."""
    latest = max(night.horizon, datetime.now(UTC)) + _AHEAD
    return Context(
        city=night.city,
        source=source,
        door=door,
        night=night.night,
        horizon=night.horizon,
        earliest=datetime.combine(_earliest(source), time(), UTC),
        latest=latest,
        file="",
        look_up_service=look_up_service(source),
    )


def _earliest(source: SourceConfig) -> date:
    stated = source.options.get("earliest", EARLIEST)
    try:
        return stated if isinstance(stated, date) else date.fromisoformat(str(stated))
    except ValueError:
        raise BadConfiguration(f"source {source.id}: option earliest is not a date such as 2006-01-01") from None
