"""The door every request passes: methods, rate limit, bytes answered before, validators, headers.

Plain ASGI, so that an answer given before costs a look-up and nothing more.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from barometer.serve.problems import PROBLEM_TYPE, problem_body

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Inner = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

READING = ("GET", "HEAD", "OPTIONS")
# Shorter answers gain nothing from compression.
LEAST_COMPRESSED_BYTES = 1_000
_COMPRESSION_LEVEL = 6
_COMPRESSIBLE = (b"text/", b"application/json", b"application/geo+json", b"application/ld+json", b"image/svg")
_MOST_CLIENTS = 10_000
_ANSWERS_KEPT = 2_000
_BYTES_KEPT = 64 * 1024 * 1024
_PREFLIGHT_KEPT_S = b"86400"

API_POLICY = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    # Reading is for everyone, from every page; there is nothing here that a cookie opens.
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Link, Retry-After"),
)


@dataclass(frozen=True)
class Kept:
    """An answer: status, headers and bytes, and what is derived from them."""

    status: int
    headers: tuple[Header, ...]
    body: bytes

    @cached_property
    def etag(self) -> bytes:
        """Weak, since the same answer travels compressed or not."""
        return b'W/"%b"' % hashlib.sha256(self.body).hexdigest()[:32].encode()

    @cached_property
    def compressed(self) -> bytes | None:
        """The body as gzip where that is worth it."""
        kind = dict(self.headers).get(b"content-type", b"")
        if len(self.body) < LEAST_COMPRESSED_BYTES or not kind.startswith(_COMPRESSIBLE):
            return None
        return gzip.compress(self.body, _COMPRESSION_LEVEL, mtime=0)


@dataclass
class Buckets:
    """Token buckets, one a client: `rate` requests a second in the long run, `burst` at once."""

    rate: float
    burst: float
    clock: Callable[[], float] = time.monotonic
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def wait_s(self, client: str) -> float:
        """Takes a token; 0, or the seconds until there is one again."""
        now = self.clock()
        tokens, since = self._left.pop(client, (self.burst, now))
        tokens = min(self.burst, tokens + (now - since) * self.rate)
        allowed = tokens >= 1
        self._left[client] = (tokens - allowed, now)
        if len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / self.rate


class AnswerCache:
    """Answers by what was asked, the least recently asked thrown out first; all of them when a release appears."""

    def __init__(self, *, most: int = _ANSWERS_KEPT, most_bytes: int = _BYTES_KEPT) -> None:
        self._kept: OrderedDict[tuple[Any, ...], Kept] = OrderedDict()
        self._most, self._most_bytes, self._bytes, self._version = most, most_bytes, 0, -1

    def get(self, key: tuple[Any, ...], version: int) -> Kept | None:
        """The answer given before under this version of the shelf."""
        if version != self._version:
            self._kept.clear()
            self._version, self._bytes = version, 0
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: tuple[Any, ...], kept: Kept) -> None:
        """Keep it, within the bounds."""
        if key not in self._kept:
            self._bytes += len(kept.body)
        self._kept[key] = kept
        while self._kept and (len(self._kept) > self._most or self._bytes > self._most_bytes):
            self._bytes -= len(self._kept.popitem(last=False)[1].body)


class Door:
    """Wraps the application. `version` names the state of the shelf; answers are kept as long as it stays."""

    def __init__(self, inner: Inner, *, version: Callable[[], int], buckets: Buckets | None) -> None:
        self._inner = inner
        self._version = version
        self._buckets = buckets
        self._cache = AnswerCache()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
        elif refused := self._refusal(scope):
            await _send(send, refused, head=scope["method"] == "HEAD")
        else:
            await self._answer(scope, receive, send)

    def _refusal(self, scope: Scope) -> Kept | None:
        if scope["method"] not in READING:
            allow = (b"allow", ", ".join(READING).encode())
            return problem(405, "everything here is for reading: use GET", allow)
        # A line break at its end would be read as if it were not there ("$" of a route's pattern).
        if not scope["path"].isprintable():
            return problem(404, "no address here has characters that cannot be seen; look for a %0A or the like in it")
        wait = self._buckets.wait_s(_client(scope)) if self._buckets else 0.0
        if wait:
            seconds = str(int(wait) + 1)
            detail = f"too many requests from your address; try again in {seconds} s, or ask for larger pages (limit=)"
            return problem(429, detail, (b"retry-after", seconds.encode()))
        return preflight() if scope["method"] == "OPTIONS" else None

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        key = (scope["path"], scope["query_string"], headers.get(b"accept", b""))
        kept = self._cache.get(key, self._version())
        if kept is None:
            kept = await _collected(self._inner, scope, receive)
            if kept.status == 200:
                self._cache.put(key, kept)
        head = scope["method"] == "HEAD"
        if kept.status == 200 and _is_known(headers.get(b"if-none-match", b""), kept.etag):
            await _send(send, not_modified(kept), head=True)
        elif accepts_gzip(headers.get(b"accept-encoding", b"")) and (small := kept.compressed):
            packed = Kept(kept.status, (*kept.headers, (b"content-encoding", b"gzip")), small)
            await _send(send, packed, head=head, etag=kept.etag)
        else:
            await _send(send, kept, head=head, etag=kept.etag if kept.status == 200 else None)


def problem(status: int, detail: str, *headers: Header) -> Kept:
    """An answer that says in words what is wrong."""
    kind = (b"content-type", PROBLEM_TYPE.encode())
    return Kept(status, (kind, (b"cache-control", b"no-store"), *headers), problem_body(status, detail))


def preflight() -> Kept:
    """The answer to OPTIONS: what other pages' scripts may do here."""
    allowed = ", ".join(READING).encode()
    headers = (
        (b"allow", allowed),
        (b"access-control-allow-methods", allowed),
        (b"access-control-allow-headers", b"Accept, If-None-Match"),
        (b"access-control-max-age", _PREFLIGHT_KEPT_S),
    )
    return Kept(204, headers, b"")


def not_modified(kept: Kept) -> Kept:
    """304, with the headers that RFC 9110 asks of it."""
    wanted = (b"cache-control", b"link", b"content-security-policy")
    headers = tuple((name, value) for name, value in kept.headers if name in wanted)
    return Kept(304, (*headers, (b"etag", kept.etag)), b"")


def accepts_gzip(header: bytes) -> bool:
    """The client takes gzip (RFC 9110, 12.5.3): it names it, without a quality of nought."""
    for part in header.decode("latin-1").lower().split(","):
        coding, _, parameters = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _is_known(header: bytes, etag: bytes) -> bool:
    """If-None-Match by weak comparison (RFC 9110, 13.1.2)."""
    tags = {tag.strip().removeprefix(b"W/") for tag in header.split(b",")}
    return header.strip() == b"*" or etag.removeprefix(b"W/") in tags


def _client(scope: Scope) -> str:
    return str(scope["client"][0]) if scope.get("client") else "unknown"


async def _collected(inner: Inner, scope: Scope, receive: Receive) -> Kept:
    """What the application answers, whole; a HEAD is asked as a GET."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    try:
        await inner({**scope, "method": "GET"}, receive, keep)
    except Exception:
        log.exception("a request could not be answered: %s", scope["path"])
        return problem(500, "the server failed; what happened is in its log")
    start = next(message for message in messages if message["type"] == "http.response.start")
    body = b"".join(message.get("body", b"") for message in messages if message["type"] == "http.response.body")
    return Kept(start["status"], tuple((bytes(k), bytes(v)) for k, v in _without_length(start["headers"])), body)


def _without_length(headers: Iterable[Header]) -> Iterable[Header]:
    return ((name, value) for name, value in headers if name != b"content-length")


async def _send(send: Send, kept: Kept, *, head: bool, etag: bytes | None = None) -> None:
    names = {name for name, _ in kept.headers}
    headers = [*kept.headers, *(header for header in ALWAYS if header[0] not in names)]
    headers.append((b"vary", b"Accept, Accept-Encoding"))
    if b"content-security-policy" not in names:
        headers.append((b"content-security-policy", API_POLICY))
    if kept.status not in (204, 304):
        headers.append((b"content-length", str(len(kept.body)).encode()))
    if etag:
        headers.append((b"etag", etag))
    await send({"type": "http.response.start", "status": kept.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else kept.body})
