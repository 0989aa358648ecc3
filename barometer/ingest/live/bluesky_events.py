"""Bluesky's stream of all posts as network.bsky.jetstream.subscribeEvents gives it: numbered events, and sync events.

https://github.com/bluesky-social/jetstream, docs/README.md, 5.2. A number (`seq`, below 1e15) is good for one server
only and is refused when it is too old; times (from 1e15) are understood by all of them, and a server that no longer
goes back so far says so in its first message. So a bookmark has both: the number is tried first, then the time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec
import zstandard
from pydantic import Field

from barometer.errors import ServiceRefused
from barometer.ingest.live.bluesky_stream import (
    POSTS,
    Connection,
    Frame,
    Mark,
    StreamConnector,
    StreamOptions,
    address,
    as_us,
    rewound_us,
)
from barometer.ingest.live.connector import Call

_STREAM = "network.bsky.jetstream.subscribeEvents"
_DICTIONARY = "network.bsky.jetstream.getZstdDictionary"
_KINDS = ("commit", "account", "sync")
_FIRST_TIME = 10**15
"""Cursors from here on are times in microseconds, below it they are numbers of events."""
_MOST_DICTIONARY_BYTES = 4 * 1024 * 1024
_MOST_FRAME_BYTES = 4 * 1024 * 1024
_IS_INFO = f"{_STREAM}#info"


class EventsOptions(StreamOptions):
    """Options of the newer form of the stream."""

    is_compressed: bool = Field(True, description="ask for compressed messages where the server offers its dictionary")


class _Payload(msgspec.Struct):
    type: str = msgspec.field(name="$type")
    seq: int | None = None
    time: datetime | None = None
    name: str | None = None


class _Envelope(msgspec.Struct):
    type: str = msgspec.field(name="$type")
    payload: _Payload | None = None
    error: str | None = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)


@dataclass(frozen=True)
class EventsWire:
    """Frames of proposal 0015: a message around each event, or an error that ends the stream."""

    def connect(self, call: Call, host: str, mark: Mark) -> Connection:
        """From the bookmark's event if this host numbered it, else from a little before its time."""
        is_numbered_here = mark.seq is not None and mark.host == host
        cursor = mark.seq if is_numbered_here and mark.seq is not None else max(rewound_us(mark), _FIRST_TIME)
        wanted: dict[str, str | int | list[str]] = {"kinds": list(_KINDS), "collections": [POSTS], "cursor": cursor}
        if call.options.dids:
            wanted["dids"] = list(call.options.dids)
        dictionary = _dictionary(call, host) if call.options.is_compressed else None
        if dictionary is None:
            return Connection(address(host, f"xrpc/{_STREAM}"), wanted)
        wanted["zstdDictionary"] = dictionary.dict_id()
        return Connection(address(host, f"xrpc/{_STREAM}"), wanted, _unpacker(dictionary))

    def frame(self, message: bytes) -> Frame:
        """An event with number and time, a notice, or the server's reason to end the stream."""
        told = _ENVELOPE.decode(message)
        if told.type == "error":
            return Frame(is_record=False, failure=told.error or "no reason given")
        if told.payload is None:
            return Frame()
        if told.payload.type == _IS_INFO:
            return Frame(is_record=False, tells_of_gap=told.payload.name == "OutdatedCursor")
        time_us = None if told.payload.time is None else as_us(told.payload.time)
        return Frame(time_us=time_us, seq=told.payload.seq)


def _dictionary(call: Call, host: str) -> zstandard.ZstdCompressionDict | None:
    """The server's present dictionary; None where it has none to give."""
    url = address(host, f"xrpc/{_DICTIONARY}").replace("ws", "http", 1)
    try:
        content = call.web.get(url, max_bytes=_MOST_DICTIONARY_BYTES).body
    except ServiceRefused:
        return None
    found = zstandard.ZstdCompressionDict(content)
    return found if found.dict_id() else None


def _unpacker(dictionary: zstandard.ZstdCompressionDict) -> Callable[[bytes], bytes]:
    decompressor = zstandard.ZstdDecompressor(dict_data=dictionary)

    def unpacked(message: bytes) -> bytes:
        try:
            if zstandard.get_frame_parameters(message).content_size > _MOST_FRAME_BYTES:
                return message  # Set aside by the parser: this is no event.
            return decompressor.decompress(message, max_output_size=_MOST_FRAME_BYTES)
        except zstandard.ZstdError:
            return message

    return unpacked


CONNECTOR = StreamConnector(
    service="bluesky_events",
    title="Bluesky (Jetstream, numbered events)",
    format="jetstream_events",
    terms=(
        "Deletions must be followed, which the stream's own delete, account and sync events are read for "
        "(https://docs.bsky.app/docs/support/developer-guidelines)."
    ),
    wire=EventsWire,
    options=EventsOptions,
)
