"""Mastodon: public, local and hashtag timelines of one server, and its stream for as long as one wants to listen.

A timeline is walked forwards from the bookmark with `min_id`, page by page as its `Link` header says
(https://docs.joinmastodon.org/methods/timelines/). Ids of statuses are times: `id >> 16` is milliseconds since 1970, so
a first walk can begin at a day, and every walk begins a little before its bookmark to find what arrived late from other
servers and what was edited. The stream (https://docs.joinmastodon.org/methods/streaming/) adds edits and deletions as
they happen; a deletion names the status by its number on the server asked, which only this connector sees beside the
status's `uri`. It tells the `uri` of what it has just read itself, and leaves the rest to `recheck.py`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

import msgspec
from pydantic import Field, model_validator

from barometer.errors import NotPermitted, ServiceRefused, SourceFailed
from barometer.ingest.live.connector import Call, Cursor, Options, Page, Secret
from barometer.ingest.live.several import bearer, decoded, each, until
from barometer.ingest.live.web import Answer
from barometer.ingest.posts.mastodon import local_id

PAGE_SIZE = 40
"""The most statuses a timeline gives at once."""
LOOK_UP_SIZE = 20
"""The most statuses `GET /api/v1/statuses` gives at once, since Mastodon 4.3."""
_REQUESTS_PER_SECOND = 300 / 300
"""300 requests in 5 minutes to an account or address: https://docs.joinmastodon.org/api/rate-limits/"""
_ID_BITS_BELOW_A_MILLISECOND = 16
_EVENTS_A_PAGE = 200
_STREAMS = {"public": "public", "local": "public:local", "remote": "public:remote"}
_PREVIOUS = re.compile(r'<([^>]+)>\s*;\s*rel="prev"')
_CLOSED_STATUSES = ("401", "403", "404", "422")


class MastodonOptions(Options):
    """Which timelines of which server."""

    server: str = Field(description="the server's name, e.g. mastodon.social", min_length=1)
    timelines: tuple[Literal["public", "local", "remote"], ...] = Field(
        default=(), description="whole timelines to read: local is what the server's own people post"
    )
    hashtags: tuple[str, ...] = Field(default=(), description="hashtags to read, without #")
    days_back: float = Field(default=7, ge=0, description="days the first reading goes back")
    overlap_hours: float = Field(default=1, ge=0, description="hours read again each time, for late and edited posts")
    pages_a_timeline: int = Field(default=500, ge=1, description="most pages of a timeline in one night")
    stream_minutes: float = Field(default=0, ge=0, description="minutes to listen to the stream after reading")

    @model_validator(mode="after")
    def _asks_for_something(self) -> MastodonOptions:
        if not self.timelines and not self.hashtags:
            raise ValueError("name at least one of timelines (public, local, remote) or hashtags")
        return self

    @property
    def base(self) -> str:
        """Address of the server."""
        return self.server.rstrip("/") if "://" in self.server else f"https://{self.server}"

    @property
    def names(self) -> list[str]:
        """What each timeline is called in the bookmark."""
        return [*self.timelines, *(f"tag:{tag.lstrip('#').lower()}" for tag in self.hashtags)]


class _Status(msgspec.Struct):
    id: str
    created_at: datetime
    edited_at: datetime | None = None
    uri: str | None = None

    @property
    def written_at(self) -> datetime:
        return self.edited_at or self.created_at


class _Message(msgspec.Struct):
    event: str
    payload: str = ""


_Found: TypeAlias = tuple[_Status, bytes]


@dataclass
class _Reading:
    """One reading of one server: the bookmarks as they move, and which status has which number there."""

    call: Call
    marks: dict[str, str]
    uris: dict[str, str] = field(default_factory=dict)

    @property
    def options(self) -> MastodonOptions:
        return self.call.options  # type: ignore[no-any-return]

    @property
    def headers(self) -> dict[str, str]:
        return bearer(self.call.secrets.get("token"))

    def page(self, records: Sequence[bytes]) -> Page:
        cursor: Cursor = {"timelines": dict(self.marks)}
        self.call.web.note(records=len(records), cursor=cursor)
        return Page(records, cursor)


@dataclass(frozen=True)
class Mastodon:
    """A `Connector`; also looks statuses up again for `recheck.py`."""

    service: str = "mastodon"
    title: str = "Mastodon"
    signals: tuple[str, ...] = ("posts",)
    format: str = "mastodon"
    options: type[Options] = MastodonOptions
    secrets: tuple[Secret, ...] = (
        Secret(
            "token",
            "an access token with read:statuses: on the server, Preferences, Development, New application",
            is_needed=False,
        ),
    )
    requests_per_second: float = _REQUESTS_PER_SECOND
    terms: str = (
        "Posts whose authors ask not to be indexed are left out and deleted posts are deleted; the server's own rules "
        "stand at /about (https://docs.joinmastodon.org/user/profile/)."
    )
    platform: str = "mastodon"
    look_up_size: int = LOOK_UP_SIZE
    look_ups_a_night: int = 2_000

    def pages(self, call: Call, cursor: Cursor | None) -> Iterator[Page]:
        """New statuses of every timeline, then what the stream brings while we listen. See `Connector.pages`."""
        reading = _Reading(call, dict((cursor or {}).get("timelines", {})))
        names = reading.options.names
        yield from each([*(partial(_walk, reading, name) for name in names), partial(_listen, reading)])

    def probe(self, call: Call) -> str:
        """Ask each timeline for one status."""
        reading = _Reading(call, {})
        shown = [name for name in reading.options.names if _ask(reading, name, {"limit": 1})[0]]
        silent = [name for name in reading.options.names if name not in shown]
        if silent:
            return f"{reading.options.server} answers, but {', '.join(silent)} is empty: new, unused, or switched off"
        return f"{reading.options.server} shows {', '.join(shown)}"

    def look_up(self, call: Call, ids: Sequence[str]) -> Sequence[bytes]:
        """Statuses that are still there, of up to 20 by their number on the server; see `lookups.Lookup`."""
        address = f"{call.options.base}/api/v1/statuses"
        answer = call.web.get(address, params={"id[]": list(ids)}, headers=bearer(call.secrets.get("token")))
        return [bytes(raw) for raw in decoded(answer, list[msgspec.Raw], "a list of statuses")]

    def alias(self, call: Call, platform_id: str) -> str:
        """What the stream's deletions call a status; see `lookups.Lookup`."""
        return local_id(call.options.server, platform_id)

    def name_of(self, record: bytes) -> str:
        """A status's number on the server."""
        return msgspec.json.decode(record, type=_Status).id


def _walk(reading: _Reading, name: str) -> Iterator[Page]:
    """Pages of one timeline, oldest first, up to the horizon."""
    start = reading.marks.get(name)
    position = _a_little_before(start, reading) if start else _first_id(reading)
    remaining = reading.options.pages_a_timeline
    while remaining:
        found, following = _ask(reading, name, {"limit": PAGE_SIZE, "min_id": position})
        known = [(status, raw) for status, raw in found if status.created_at <= until(reading.call)]
        # What is read again does not use up the night's pages, or a busy timeline would never get ahead.
        remaining -= _take_note(reading, name, [status for status, _ in known])
        yield reading.page([raw for _, raw in known])
        if len(known) < len(found) or not found:
            return
        if _order(following) <= _order(position):
            raise ServiceRefused(f"{reading.options.server} turns in a circle at {name}: its pages do not go forward")
        position = following


def _take_note(reading: _Reading, name: str, statuses: Sequence[_Status]) -> bool:
    """Move the timeline's bookmark, and remember which status has which number; whether the bookmark moved."""
    reading.uris.update({status.id: status.uri for status in statuses if status.uri})
    before = reading.marks.get(name, "0")
    newest = max([before, *(status.id for status in statuses)], key=_order)
    if newest != "0":
        reading.marks[name] = newest
    return newest != before


def _ask(reading: _Reading, name: str, params: Mapping[str, str | int]) -> tuple[list[_Found], str]:
    """Statuses of a timeline, and the id to go on from. Raises `NotPermitted`, in words, if it is closed."""
    address, choice = _address(reading.options, name)
    try:
        answer = reading.call.web.get(address, params={**choice, **params}, headers=reading.headers)
    except (NotPermitted, ServiceRefused) as refusal:
        if refusal.status not in _CLOSED_STATUSES:
            raise
        raise _closed(reading, name, refusal) from None
    raws = decoded(answer, list[msgspec.Raw], "a list of statuses")
    try:
        found = [(msgspec.json.decode(raw, type=_Status), bytes(raw)) for raw in raws]
    except msgspec.MsgspecError:
        reason = f"{answer.url} answered statuses without id or created_at: is it a Mastodon server?"
        raise ServiceRefused(reason, status=str(answer.status)) from None
    return found, _following(answer, [status.id for status, _ in found])


def _following(answer: Answer, ids: Sequence[str]) -> str:
    """Where the next page begins: as the server's `Link` header says, of which no more than the id is believed."""
    stated = _PREVIOUS.search(answer.headers.get("link", ""))
    named = parse_qs(urlsplit(stated[1]).query).get("min_id", []) if stated else []
    return named[0] if named else max(ids, key=_order, default="0")


def _address(options: MastodonOptions, name: str) -> tuple[str, dict[str, str | int]]:
    kind, _, tag = name.partition(":")
    if kind == "tag":
        return f"{options.base}/api/v1/timelines/tag/{tag}", {}
    return f"{options.base}/api/v1/timelines/public", {} if kind == "public" else {kind: "true"}


def _closed(reading: _Reading, name: str, refusal: SourceFailed) -> NotPermitted:
    has_token = "token" in reading.call.secrets
    advice = (
        "its access token is not accepted, or the server has switched the timeline off"
        if has_token
        else "it shows the timeline only to those with an account, or to nobody: enter an access token"
    )
    words = f"{reading.options.server} does not show the timeline {name} ({refusal.status}): {advice}, or leave it out"
    return NotPermitted(words, status=refusal.status, code=refusal.code)


def id_at(at: datetime) -> str:
    """The smallest id of a status written at that time."""
    return str(int(at.timestamp() * 1000) << _ID_BITS_BELOW_A_MILLISECOND)


def _first_id(reading: _Reading) -> str:
    return id_at(until(reading.call) - timedelta(days=reading.options.days_back))


def _a_little_before(mark: str, reading: _Reading) -> str:
    """Other servers of the fediverse have ids that are no numbers; there the walk begins at the bookmark itself."""
    if not mark.isdecimal():
        return mark
    back = int(reading.options.overlap_hours * 3_600_000) << _ID_BITS_BELOW_A_MILLISECOND
    return str(max(0, int(mark) - back))


def _order(status_id: str) -> tuple[int, str]:
    """Ids are numbers of any length written as text."""
    return len(status_id), status_id


def _listen(reading: _Reading) -> Iterator[Page]:
    """What every timeline's stream brings, one timeline after the other, each for its share of the minutes."""
    names = reading.options.names
    seconds = 60 * reading.options.stream_minutes / len(names)
    return each(partial(_stream, reading, name, seconds) for name in names if seconds)


def _stream(reading: _Reading, name: str, seconds: float) -> Iterator[Page]:
    kind, _, tag = name.partition(":")
    choice = {"stream": "hashtag", "tag": tag} if kind == "tag" else {"stream": _STREAMS[kind]}
    address = f"{re.sub('^http', 'ws', reading.options.base)}/api/v1/streaming"
    ends_at = time.monotonic() + seconds
    waiting: list[bytes] = []
    with reading.call.web.frames(address, params=choice, headers=reading.headers, idle_seconds=seconds) as frames:
        for frame in frames:
            waiting += _of_frame(reading, frame)
            if len(waiting) >= _EVENTS_A_PAGE:
                yield reading.page(waiting)
                waiting = []
            if time.monotonic() >= ends_at:
                break
    if waiting:
        yield reading.page(waiting)


def _of_frame(reading: _Reading, frame: bytes) -> list[bytes]:
    """The record of an event: a status as it is, a deletion as the parser reads it; nothing of other events."""
    try:
        message = msgspec.json.decode(frame, type=_Message)
        if message.event == "delete":
            return [_deletion(reading, message.payload)]
        if message.event not in ("update", "status.update"):
            return []
        status = msgspec.json.decode(message.payload, type=_Status)
    except msgspec.MsgspecError:
        # What cannot be read must be counted: the parser sets it aside with a reason.
        return [frame]
    if status.uri:
        reading.uris[status.id] = status.uri
    return [message.payload.encode()] if status.written_at <= reading.call.context.horizon else []


def _deletion(reading: _Reading, status_id: str) -> bytes:
    known = {"uri": reading.uris[status_id]} if status_id in reading.uris else {}
    return json.dumps({"event": "delete", "server": reading.options.server, "id": status_id, **known}).encode()


CONNECTOR = Mastodon()
