"""How many Jetstream events a second a night takes in, and whether its memory stays flat: 1,000,000 events from a local
server through the connector, the reader, the parser, the door and the lake.

Run by `make bench`; `python benchmarks/jetstream.py 100000` replays fewer. The events are made on the fly, invented and
marked synthetic, in proportions like the stream's own: new posts of which one in 500 names the city, deletes (one in
100 of a post that is held), edits, accounts that end, identities, records of other kinds. The server is a process of
its own and not compressed. Every size is taken in by a fresh process, whose highest memory is printed; asserts nothing.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from barometer.city import SourceConfig, load_city
from barometer.ingest.removals import apply_removals
from barometer.ingest.run import ingest_source
from barometer.lake import open_lake
from barometer.ledger import require_balance
from barometer.night import Night
from barometer.prepare.privacy import city_door
from barometer.settings import PROJECT, Settings

EVENTS = 1_000_000
NIGHT = date(2026, 5, 9)
BEGIN_US = int(datetime(2026, 5, 9, 1, tzinfo=UTC).timestamp()) * 1_000_000
STEP_US = 60_000
"""Between events: 1,000,000 of them fill most of a day."""
SERVE, TAKE_IN = "serve", "take-in"

_HEAD = '{"did":"did:plc:synthetic%06d","time_us":%d,"kind":"%s",'
_POST = (
    '"commit":{"rev":"3k","operation":"%s","collection":"app.bsky.feed.post","rkey":"%d","record":{"$type":'
    '"app.bsky.feed.post","createdAt":"2026-05-09T00:30:00.000Z","langs":["en"],"text":"%s"},"cid":"bafysynthetic"}}'
)
_DELETE = '"commit":{"rev":"3k","operation":"delete","collection":"app.bsky.feed.post","rkey":"%d"}}'
_ELSEWHERE = (
    "Synthetic words about something that happened somewhere else entirely, and what somebody thinks of it",
    "Synthetische Wörter über etwas ganz anderes, das anderswo geschah, und was jemand davon hält",
)
_HERE = "Synthetic words about Harrowgate Fell and the people there, written for a benchmark"


def events(count: int) -> Iterator[str]:
    """The stream, and what comes after its end."""
    after = BEGIN_US + 3 * 86_400_000_000
    late = (_HEAD % (0, after + n, "identity") + '"identity":{}}' for n in range(5))
    return chain((event(number) for number in range(count)), late)


def event(number: int) -> str:
    """One event; which kind follows from its number."""
    kind, time_us = number % 100, BEGIN_US + number * STEP_US
    author = number // 500 if number % 500 == 0 else number % 99_991
    head = _HEAD % (author, time_us, "account" if kind == 96 else "identity" if kind >= 97 else "commit")
    if kind < 80:
        return head + _POST % ("create", number, _HERE if number % 500 == 0 else _ELSEWHERE[number % 3 == 1])
    if kind < 92:
        # One delete in a hundred is of a post that named the city.
        gone = number - number % 500 if number % 1_200 == 80 else number - 40
        author = gone // 500 if gone % 500 == 0 else gone % 99_991
        return _HEAD % (author, time_us, "commit") + _DELETE % gone
    if kind < 94:
        return head + _POST % ("update", number - 50, _ELSEWHERE[0])
    if kind < 96:
        return head + '"commit":{"rev":"3k","operation":"create","collection":"app.bsky.feed.like","rkey":"1"}}'
    return head + ('"account":{"active":false,"status":"deleted"}}' if kind == 96 else '"identity":{}}')


def replay(count: int) -> None:
    """Be the server: print the port, then send the events to whoever comes."""

    def talk(connection: ServerConnection) -> None:
        cursor = int(parse_qs(urlsplit(connection.request.path if connection.request else "").query)["cursor"][0])
        begin = max(0, (cursor - BEGIN_US) // STEP_US)
        try:
            for one in events(count) if begin == 0 else ():
                connection.send(one)
        except ConnectionClosed:
            return

    with serve(talk, "127.0.0.1", 0, compression=None) as server:
        print(server.socket.getsockname()[1], flush=True)
        server.serve_forever()


@contextmanager
def a_server(count: int) -> Iterator[int]:
    """The server in a process of its own; gives its port."""
    process = subprocess.Popen([sys.executable, __file__, SERVE, str(count)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def take_in(port: int, count: int) -> None:
    """Be the night: take everything in and print a line of figures."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), allow_hosts=f"127.0.0.1:{port}")
        city = load_city("sample", PROJECT / "configs")
        night, door = Night(city, open_lake(settings, city.id), settings, NIGHT), city_door(city, settings)
        door.mask([_HERE])
        before = peak_mib()
        began = time.perf_counter()
        counts = ingest_source(night, a_stream(port), door)
        seconds = time.perf_counter() - began
        apply_removals(night)
        require_balance(night)
    print(
        f"{count:>9,} events {counts.read / seconds:>9,.0f} events/s   peak {peak_mib():>6,.0f} MiB"
        f" ({before:,.0f} before)   read {counts.read:,} = out of scope {counts.out_of_scope:,} + written"
        f" {counts.written:,} + removed {counts.removed:,} + duplicate {counts.duplicate:,}"
        f" + set aside {counts.quarantined:,}: {'balanced' if counts.is_balanced else 'NOT BALANCED'}",
        flush=True,
    )


def a_stream(port: int) -> SourceConfig:
    """The local server as a configured source."""
    options = {"terms": ["Harrowgate Fell"], "hosts": [f"ws://127.0.0.1:{port}"], "allow_http": True}
    return SourceConfig(
        id="stream",
        signal="posts",
        kind="live",
        service="bluesky_jetstream",
        format="jetstream",
        is_synthetic=True,
        options={**options, "idle_seconds": 5},
    )


def peak_mib() -> float:
    """The most memory this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(count: int) -> None:
    """Print the figures for a quarter of the events, then for all."""
    print(f"Jetstream replay, {os.cpu_count()} cores shared with the server", flush=True)
    for size in (count // 4, count):
        with a_server(size) as port:
            subprocess.run([sys.executable, __file__, TAKE_IN, str(port), str(size)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == [SERVE]:
        replay(int(sys.argv[2]))
    elif sys.argv[1:2] == [TAKE_IN]:
        take_in(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else EVENTS)
