"""Following a Jetstream: what the two forms of the stream (`bluesky_jetstream.py`, `bluesky_events.py`) share.

A night reads from its bookmark to the earlier of its horizon and its start, then stops. The bookmark is the latest
time (and number, where the stream has them) that was seen. Every connection begins a little before it, as events of
different accounts may change places: what comes twice is a duplicate. A connection that breaks, or a server that
falls silent too early, is followed by the next host from where the last one stopped.

Reported as a gap: the first event after a bookmark is far later than the bookmark (a server that no longer has what
was asked for begins with the oldest it has, and says nothing), or the server says so itself. With `dids` alone a gap
cannot be told from quiet and is not reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec
from pydantic import Field, model_validator

from barometer.errors import ServiceRefused, ServiceUnavailable, SourceFailed
from barometer.ingest.live.connector import Call, Cursor, Options, Page, Secret

POSTS = "app.bsky.feed.post"
RECORDS_A_PAGE = 2_000
LOOKBACK_HOURS = 36
"""How far back public servers go (github.com/bluesky-social/jetstream, docs/README.md, 5.1)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REWIND_US = 5_000_000
"""How far before its bookmark a connection begins."""
_OUT_OF_ORDER_US = 2_000_000
"""How far past the end is read, as an event from before the end may come after one from past it."""
_ENOUGH_PAST_THE_END = 3
"""So many events in a row from past the end are believed: one may be of a server that is wrong about the time."""
_GAP_US = 10 * 60_000_000
"""A stream of all posts has many events a second: none for this long means that some are missing."""
_PUBLIC_HOSTS = tuple(
    f"wss://jetstream{number}.us-{coast}.bsky.network" for coast in ("east", "west") for number in (1, 2)
)


class StreamOptions(Options):
    """Options of both forms of the stream."""

    terms: tuple[str, ...] = Field((), description="words, phrases and hashtags; posts that name none are not kept")
    places: bool = Field(
        False,
        description="true: posts that name the city or one of its places are kept too; as the whole world's posts are "
        "read, only for a city whose places have names of their own",
    )
    languages: tuple[str, ...] = Field((), description="keep posts in these languages, and those that state none")
    dids: tuple[str, ...] = Field((), max_length=10_000, description="only these accounts, by their DIDs")
    hosts: tuple[str, ...] = Field(_PUBLIC_HOSTS, min_length=1, description="servers to ask, in this order")
    hours_back: float = Field(24, gt=0, le=LOOKBACK_HOURS, description="hours the first night goes back")
    idle_seconds: float = Field(20, gt=0, le=300, description="a server that is silent for so long is left")
    takedowns: str = Field(
        "held",
        pattern="^(held|all)$",
        description="held: note deletions of what the city holds; all: every one, for exports that come later",
    )

    @model_validator(mode="after")
    def _says_what_is_wanted(self) -> StreamOptions:
        if not (self.terms or self.places or self.dids):
            raise ValueError("terms, places or dids: say which posts are wanted; a city does not keep them all")
        return self


@dataclass(frozen=True)
class Mark:
    """How far a stream was followed."""

    time_us: int
    """Microseconds since 1970."""
    seq: int | None = None
    """Number of the event, where the stream has them; good for `host` only."""
    host: str | None = None

    def as_cursor(self) -> Cursor:
        """The bookmark as it is stored."""
        told = {"time_us": self.time_us, "seq": self.seq, "host": self.host}
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True)
class Frame:
    """One message of a server."""

    time_us: int | None = None
    seq: int | None = None
    is_record: bool = True
    tells_of_gap: bool = False
    failure: str | None = None
    """The server says it ends the stream, and why."""


@dataclass(frozen=True)
class Connection:
    """What to ask a server for, and how its messages become JSON."""

    url: str
    params: Mapping[str, str | int | list[str]]
    unpacked: Callable[[bytes], bytes] = bytes


class Wire(Protocol):
    """One form of the stream."""

    def connect(self, call: Call, host: str, mark: Mark) -> Connection:
        """How to go on from `mark` at `host`."""
        ...

    def frame(self, message: bytes) -> Frame:
        """What a message is. Raises msgspec's errors where it is no such message."""
        ...


@dataclass
class _State:
    """How far a night has come."""

    mark: Mark
    until_us: int
    is_sparse: bool
    was_read: bool
    """Whether `mark` is a bookmark, so that something may be missing since."""
    has_gap: bool = False
    is_done: bool = False
    past_the_end: int = 0
    records: list[bytes] = field(default_factory=list)

    def page(self) -> Page:
        """What has come since the last page."""
        page = Page(tuple(self.records), self.mark.as_cursor(), has_gap=self.has_gap)
        self.records, self.has_gap = [], False
        return page


def _bookmark(cursor: Cursor | None, call: Call) -> Mark:
    """The stored bookmark, or where a source begins that was never read."""
    if cursor and "time_us" in cursor:
        return Mark(cursor["time_us"], cursor.get("seq"), cursor.get("host"))
    return Mark(as_us(_end(call) - timedelta(hours=call.options.hours_back)))


def _end(call: Call) -> datetime:
    return min(call.started_at, call.context.horizon)


def as_us(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def rewound_us(mark: Mark) -> int:
    """The time to begin at, so that nothing is lost that changed places with the last event."""
    return max(mark.time_us - _REWIND_US, 0)


def follow(wire: Wire, call: Call, cursor: Cursor | None) -> Iterator[Page]:
    """Pages of everything after `cursor` up to the horizon or the start of the run.

    Raises `SourceFailed` once no host brings anything new; what came before it was yielded.
    """
    hosts = call.options.hosts
    state = _begin(call, cursor)
    turn, fruitless = 0, 0
    failure: SourceFailed | None = None
    while not state.is_done and fruitless < len(hosts):
        before, failure = state.mark, None
        try:
            yield from _drain(wire, call, hosts[turn % len(hosts)], state)
        except (ServiceUnavailable, ServiceRefused) as error:
            failure = error
        if state.was_read or state.records or state.is_done:
            # Before anything came there is nothing to remember: a later try is the first one still.
            yield state.page()
        if isinstance(failure, ServiceRefused) and state.mark.seq is not None:
            # A number that is too old, or is another server's, is refused; a time is understood by all of them.
            state.mark = replace(state.mark, seq=None)
            continue
        fruitless = 0 if state.mark.time_us > before.time_us else fruitless + 1
        turn += 1
    if failure is not None and not state.is_done:
        raise failure


def _begin(call: Call, cursor: Cursor | None) -> _State:
    until = as_us(_end(call))
    mark = _bookmark(cursor, call)
    return _State(mark, until, bool(call.options.dids), was_read=bool(cursor), is_done=mark.time_us >= until)


def _drain(wire: Wire, call: Call, host: str, state: _State) -> Iterator[Page]:
    """Pages of one connection, until it ends or passes the night's end."""
    connection = wire.connect(call, host, state.mark)
    came, state.past_the_end = 0, 0
    begun_at: Mark | None = state.mark
    with call.web.frames(connection.url, params=connection.params, idle_seconds=call.options.idle_seconds) as messages:
        try:
            for message in messages:
                record = connection.unpacked(message)
                frame = _frame(wire, record)
                if begun_at is not None:
                    state.has_gap |= _is_gap(frame, begun_at, state)
                    begun_at = None if frame.time_us is not None else begun_at
                came += _take(state, record, frame, host)
                if state.is_done:
                    break
                if len(state.records) >= RECORDS_A_PAGE:
                    yield state.page()
        finally:
            # Also of a connection that breaks, the night's fetches tell how far it went.
            call.web.note(records=came, cursor=state.mark.as_cursor())


def _is_gap(frame: Frame, begun_at: Mark, state: _State) -> bool:
    """Whether the first that a connection brings shows that something since the bookmark is no longer there."""
    is_late = frame.time_us is not None and not state.is_sparse and frame.time_us - begun_at.time_us > _GAP_US
    return state.was_read and (frame.tells_of_gap or is_late)


def _frame(wire: Wire, message: bytes) -> Frame:
    try:
        frame = wire.frame(message)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Frame()  # The parser sets it aside, with the reason.
    if frame.failure is not None:
        raise ServiceUnavailable(f"ended the stream ({frame.failure}): a later try may succeed")
    return frame


def _take(state: _State, record: bytes, frame: Frame, host: str) -> int:
    """Keep a record from before the end; past it, move the bookmark there once no straggler is to be expected."""
    is_past = frame.time_us is not None and frame.time_us > state.until_us
    if is_past:
        assert frame.time_us is not None
        state.past_the_end = state.past_the_end + 1 if frame.time_us > state.until_us + _OUT_OF_ORDER_US else 0
        if state.past_the_end >= _ENOUGH_PAST_THE_END:
            state.mark, state.is_done = replace(state.mark, time_us=state.until_us), True
        return 0
    if frame.time_us is not None:
        seq = state.mark.seq if frame.seq is None else frame.seq
        state.mark = Mark(max(frame.time_us, state.mark.time_us), seq, host)
        state.was_read, state.past_the_end = True, 0
    if frame.is_record:
        state.records.append(record)
    return int(frame.is_record)


def address(host: str, path: str) -> str:
    """The address of `path` at a host that may be written with or without its scheme."""
    base = host if "://" in host else f"wss://{host}"
    return f"{base.rstrip('/')}/{path}"


def probe(wire: Wire, call: Call) -> str:
    """Connect at the live end and wait for one event. Raises `SourceFailed`."""
    host = call.options.hosts[0]
    connection = wire.connect(call, host, Mark(as_us(call.started_at)))
    with call.web.frames(connection.url, params=connection.params, idle_seconds=call.options.idle_seconds) as messages:
        first: Any = next(iter(messages), None)
    if first is None:
        return f"{host} answers, but no event came within {call.options.idle_seconds:g} s"
    return f"{host} answers, and events are coming"


@dataclass
class StreamConnector:
    """A `Connector` to one form of the stream: `wire` knows how that form is spoken."""

    service: str
    title: str
    format: str
    terms: str
    wire: Callable[[], Wire]
    options: type[Options] = StreamOptions
    signals: tuple[str, ...] = ("posts",)
    secrets: tuple[Secret, ...] = ()
    requests_per_second: float = 1.0

    def pages(self, call: Call, cursor: Cursor | None) -> Iterator[Page]:
        """Events after the bookmark, up to the horizon; see `follow`."""
        return follow(self.wire(), call, cursor)

    def probe(self, call: Call) -> str:
        """Connects and waits for one event."""
        return probe(self.wire(), call)
