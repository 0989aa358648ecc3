"""A Jetstream of our own: replays events from a cursor over real sockets, in both forms, and misbehaves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import zstandard
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from tests.ingest.live.stand_in import Asked, StandIn, break_off
from tests.ingest.posts.bluesky_records import STREAM, as_frame

FIRST_TIME = 10**15
KINDS = {"commit", "identity", "account", "sync"}


@dataclass
class Jetstream:
    """What the server has and how it behaves."""

    events: Sequence[Any]
    """In the order they are sent; bytes are sent as they are. The number of an event is its place, from 1."""
    oldest: int = 0
    """Events before this place are no longer there."""
    dies_after: list[int] = field(default_factory=list)
    """Messages before each connection breaks; later connections live."""
    closes_at_end: bool = True
    """Or else stays silent."""
    dictionary: bytes | None = None
    error: str | None = None
    """Sent instead of anything else."""
    refuses: HTTPStatus | None = None
    connections: int = 0


@contextmanager
def jetstream(has: Jetstream) -> Iterator[StandIn]:
    """The server, on a free port of this machine."""
    leaving = threading.Event()

    def handle(connection: ServerConnection) -> None:
        parts = urlsplit(connection.request.path if connection.request else "")
        # The client goes when it has what it wanted.
        with suppress(ConnectionClosed):
            _send(has, connection, parts.path, parse_qs(parts.query), leaving)

    def before(connection: ServerConnection, request: Request) -> Response | None:
        parts = urlsplit(request.path)
        method = "WEBSOCKET" if "Upgrade" in request.headers else "GET"
        running.asked.append(Asked(method, parts.path, parse_qs(parts.query), {}, b""))
        return _answer(has, parts.path, parse_qs(parts.query))

    with serve(handle, "127.0.0.1", 0, process_request=before, close_timeout=0.2) as server:
        running = StandIn(server.socket.getsockname()[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield running
        finally:
            leaving.set()
            server.shutdown()
            thread.join()


def _answer(has: Jetstream, path: str, query: dict[str, list[str]]) -> Response | None:
    """What is answered before there is a WebSocket; None: there will be one."""
    if path.endswith("getZstdDictionary"):
        found = has.dictionary
        return _response(HTTPStatus.OK, found) if found else _refused("DictionaryNotFound", HTTPStatus.NOT_FOUND)
    if has.refuses is not None:
        return _refused("NotToday", has.refuses)
    if path.endswith(STREAM):
        if {"wantedCollections", "wantedDids", "compress"} & set(query) or not set(query.get("kinds", [])) <= KINDS:
            return _refused("InvalidRequest")
        cursor = int(query.get("cursor", ["0"])[0])
        if 0 < cursor < FIRST_TIME and cursor <= has.oldest:
            return _refused("CursorTooOld")
        return None
    return None if path == "/subscribe" else _refused("NotFound", HTTPStatus.NOT_FOUND)


def _response(status: HTTPStatus, body: bytes) -> Response:
    head = Headers(
        {"Content-Length": str(len(body)), "Content-Type": "application/octet-stream", "Connection": "close"}
    )
    return Response(status.value, status.phrase, head, body)


def _refused(error: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Response:
    return _response(status, json.dumps({"error": error, "message": "no"}).encode())


def _send(
    has: Jetstream, connection: ServerConnection, path: str, query: dict[str, list[str]], leaving: threading.Event
) -> None:
    has.connections += 1
    dies_after = has.dies_after.pop(0) if has.dies_after else None
    messages = _numbered(has, query) if path.endswith(STREAM) else _timed(has, query)
    for count, message in enumerate(messages):
        if count == dies_after:
            break_off(connection)
            return
        connection.send(message)
    while not has.closes_at_end and not leaving.is_set():
        time.sleep(0.01)


def _timed(has: Jetstream, query: dict[str, list[str]]) -> Iterator[str | bytes]:
    """`/subscribe`: from a time; one that is too old silently becomes the oldest there is."""
    cursor = int(query["cursor"][0])
    for event in has.events[has.oldest :]:
        if isinstance(event, bytes):
            yield event
        elif event["time_us"] >= cursor and event["kind"] != "sync":
            yield json.dumps(event)


def _numbered(has: Jetstream, query: dict[str, list[str]]) -> Iterator[str | bytes]:
    """subscribeEvents: from a number or a time, compressed if asked."""
    pack = _packer(has, query)
    if has.error:
        yield pack(json.dumps({"$type": "error", "error": has.error, "message": "no"}))
        return
    cursor, kinds = int(query["cursor"][0]), set(query.get("kinds", KINDS))
    before = [event for event in has.events[: has.oldest] if not isinstance(event, bytes)]
    if cursor >= FIRST_TIME and any(event["time_us"] >= cursor for event in before):
        notice = {"$type": f"{STREAM}#info", "name": "OutdatedCursor", "message": f"from {has.oldest + 1}"}
        yield pack(json.dumps({"$type": "message", "payload": notice}))
    for seq, event in enumerate(has.events[has.oldest :], start=has.oldest + 1):
        if isinstance(event, bytes):
            yield event
        elif event["kind"] in kinds and (seq if cursor < FIRST_TIME else event["time_us"]) >= cursor:
            yield pack(json.dumps(as_frame(event, seq)))


def _packer(has: Jetstream, query: dict[str, list[str]]) -> Callable[[str], str | bytes]:
    if "zstdDictionary" not in query or has.dictionary is None:
        return str
    dictionary = zstandard.ZstdCompressionDict(has.dictionary)
    assert query["zstdDictionary"] == [str(dictionary.dict_id())]
    compressor = zstandard.ZstdCompressor(dict_data=dictionary)
    return lambda message: compressor.compress(message.encode())


def a_dictionary(samples: Sequence[Any]) -> bytes:
    """A dictionary trained on such messages."""
    texts = [json.dumps(as_frame(event, seq)).encode() for seq, event in enumerate(samples, start=1)]
    return zstandard.train_dictionary(2_048, texts).as_bytes()
