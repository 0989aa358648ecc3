"""Stand-ins for live services: real servers on real sockets that answer as a test tells them, and a web to ask them.

with stand_in(scripted(Reply(429, headers={"Retry-After": "3"}), Reply(body={"posts": []}))) as server:
    call = a_call(server, options=MyOptions(...), secrets={"token": "..."})
    pages = list(CONNECTOR.pages(call, None))
    assert server.asked[0].query == {"limit": ["100"]}
"""

from __future__ import annotations

import itertools
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from websockets.sync.server import ServerConnection, serve

from barometer.ingest.live.address import Gate
from barometer.ingest.live.budget import Budget
from barometer.ingest.live.client import Limits, PoliteWeb
from barometer.ingest.live.connector import Call, Options
from tests.ingest.helpers import a_context

NOW = datetime(2026, 5, 9, 23, tzinfo=UTC)


@dataclass(frozen=True)
class Asked:
    """One request as the server saw it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode())


@dataclass(frozen=True)
class Reply:
    """One answer. `body` is bytes, text, or anything JSON can say."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_seconds: float = 0.0
    """Before the answer begins."""
    cut_after: int | None = None
    """Break off after so many bytes of a body that was announced whole."""
    drip_seconds: float = 0.0
    """Between single bytes of the body."""

    def as_bytes(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


Answering: TypeAlias = Callable[[Asked], Reply]


def scripted(*replies: Reply) -> Answering:
    """Give these answers one after the other, the last one for ever."""
    coming = itertools.chain(replies, itertools.repeat(replies[-1]))
    lock = threading.Lock()

    def answer(asked: Asked) -> Reply:
        with lock:
            return next(coming)

    return answer


@dataclass
class StandIn:
    """A running server."""

    port: int
    asked: list[Asked] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def ws_url(self) -> str:
        return f"ws://{self.host}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is part of the tests."""


@contextmanager
def stand_in(answer: Answering, *, tls: ssl.SSLContext | None = None) -> Iterator[StandIn]:
    """A server that gives `answer` to every request, on a free port of this machine; with `tls` it is https."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else every answer waits 40 ms for the client's acknowledgement of its head.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = parse_qs(parts.query, keep_blank_values=True)
            asked = Asked(self.command, parts.path, query, headers, self.rfile.read(length))
            running.asked.append(asked)
            self._give(answer(asked))

        def do_POST(self) -> None:
            self.do_GET()

        def do_PUT(self) -> None:
            self.do_GET()

        def _give(self, reply: Reply) -> None:
            time.sleep(reply.wait_seconds)
            body = reply.as_bytes()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in _pieces(body[: reply.cut_after], reply.drip_seconds):
                self.wfile.write(piece)
                self.wfile.flush()
            if reply.cut_after is not None:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    running = StandIn(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _pieces(body: bytes, drip_seconds: float) -> Iterator[bytes]:
    if not drip_seconds:
        yield body
        return
    for place in range(len(body)):
        time.sleep(drip_seconds)
        yield body[place : place + 1]


@contextmanager
def ws_stand_in(talk: Callable[[ServerConnection], None], *, tls: ssl.SSLContext | None = None) -> Iterator[StandIn]:
    """A WebSocket server; `talk` gets each connection (its `request.path` has the query) and may send what it wants.

    The connection is closed properly when `talk` returns; `break_off(connection)` ends it as a crash would.
    """

    def handle(connection: ServerConnection) -> None:
        parts = urlsplit(connection.request.path if connection.request else "")
        headers = {
            name.lower(): value for name, value in (connection.request.headers if connection.request else {}).items()
        }
        running.asked.append(Asked("WEBSOCKET", parts.path, parse_qs(parts.query), headers, b""))
        talk(connection)

    with serve(handle, "127.0.0.1", 0, close_timeout=0.5, ssl=tls) as server:
        running = StandIn(server.socket.getsockname()[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()


def break_off(connection: ServerConnection) -> None:
    """End a WebSocket without a word."""
    connection.socket.shutdown(socket.SHUT_RDWR)


class FakeClock:
    """Time that passes only when somebody sleeps; `slept` says how long each time."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now.timestamp()
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += max(0.0, seconds)


def a_budget(clock: FakeClock, folder: Path | None = None) -> Budget:
    return Budget(folder or Path(mkdtemp(prefix="rates")), clock=clock, sleep=clock.sleep)


def a_web(*servers: StandIn, clock: FakeClock | None = None, **values: Any) -> PoliteWeb:
    """A web that may ask these servers, waits for nothing, and is otherwise the one of a night."""
    plain: dict[str, Any] = {
        "source": "a_source",
        "service": "A service",
        "requests_per_second": 1_000.0,
        "budget": a_budget(clock or FakeClock()),
        "gate": Gate(allowed=frozenset(server.host for server in servers)),
        "limits": Limits(connect_seconds=2, read_seconds=2),
        "contact": "mailto:barometer@testville.example",
    }
    return PoliteWeb(**(plain | values))


def a_call(
    *servers: StandIn,
    options: Options,
    secrets: Mapping[str, str] | None = None,
    form: str = "jsonl",
    source_options: Mapping[str, Any] | None = None,
    started_at: datetime = NOW,
    horizon: datetime | None = None,
    **values: Any,
) -> Call:
    """What a connector is called with on the night of 9 May 2026; `values` go to the web."""
    context = a_context(form, file="a_service", **(source_options or {}))
    if horizon is not None:
        context = replace(context, horizon=horizon)
    return Call(
        context=context,
        options=options,
        web=a_web(*servers, **values),
        secrets=dict(secrets or {}),
        started_at=started_at,
    )


def pages_of(records: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """Records in pages of `size`."""
    return [records[start : start + size] for start in range(0, len(records), size)]
