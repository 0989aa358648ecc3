"""Bluesky's stream of all posts as Jetstream's `/subscribe` gives it: bookmarks are times, and any host takes them.

Compressed in the usual way of WebSockets where the server offers it. Jetstream's own scheme for this form needs a
dictionary that no server hands out, so it is not asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from barometer.ingest.live.bluesky_stream import (
    POSTS,
    Connection,
    Frame,
    Mark,
    StreamConnector,
    address,
    rewound_us,
)
from barometer.ingest.live.connector import Call


class _Clock(msgspec.Struct):
    time_us: int


_CLOCK = msgspec.json.Decoder(_Clock)


@dataclass(frozen=True)
class SubscribeWire:
    """Events as `/subscribe` sends them."""

    def connect(self, call: Call, host: str, mark: Mark) -> Connection:
        """From a little before the bookmark's time, in microseconds since 1970."""
        wanted: dict[str, str | int | list[str]] = {"wantedCollections": [POSTS], "cursor": rewound_us(mark)}
        if call.options.dids:
            wanted["wantedDids"] = list(call.options.dids)
        return Connection(address(host, "subscribe"), wanted)

    def frame(self, message: bytes) -> Frame:
        """Every message is an event with its time."""
        return Frame(time_us=_CLOCK.decode(message).time_us)


CONNECTOR = StreamConnector(
    service="bluesky_jetstream",
    title="Bluesky (Jetstream)",
    format="jetstream",
    terms=(
        "Deletions must be followed, which the stream's own delete and account events are read for "
        "(https://docs.bsky.app/docs/support/developer-guidelines)."
    ),
    wire=SubscribeWire,
)
