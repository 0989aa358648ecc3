"""The web as connectors use it: patient with what passes, exact about what may be asked, and on the record."""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NoReturn, TypeAlias, TypeVar
from urllib.parse import urlencode

import httpx
import msgspec
import tenacity

from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable, SourceFailed
from barometer.ingest.live.address import Gate, distrusted, host_and_port, is_distrust, pinned, tls
from barometer.ingest.live.budget import LONGEST_WAIT_SECONDS, Budget
from barometer.ingest.live.fetches import Fetch, FetchLog, described
from barometer.ingest.live.frames import Frames
from barometer.ingest.live.waits import asked_wait, window_wait
from barometer.ingest.live.web import Answer

SOFTWARE = "SocialTrustBarometer/0.1"
MOST_TRIES = 4
FIRST_WAIT_SECONDS = 1.0
LAST_WAIT_SECONDS = 30.0
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
WHOLE_ANSWER_SECONDS = 300.0
"""An answer that comes byte by byte is given up after this."""
MOST_BYTES = 64 * 1024 * 1024
MOST_REDIRECTS = 5
_MOST_ERROR_BYTES = 65_536
_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524)
# What may go to another host after a redirect: nothing that could be a credential.
_HARMLESS_HEADERS = ("accept", "accept-language", "if-none-match", "if-modified-since")
_ERROR_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_NOISY_LOGGERS = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))

Parameters: TypeAlias = Mapping[str, str | int | list[str]]
Result = TypeVar("Result")


class _Passing(Exception):
    """A try failed in a way that may pass; `wait` is how long the service asks us to wait, in seconds."""

    def __init__(self, failure: ServiceUnavailable, wait: float = 0.0) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.wait = wait


@dataclass(frozen=True)
class Limits:
    """How long and how much; seconds and bytes."""

    connect_seconds: float = CONNECT_SECONDS
    read_seconds: float = READ_SECONDS
    whole_seconds: float = WHOLE_ANSWER_SECONDS
    most_bytes: int = MOST_BYTES
    tries: int = MOST_TRIES


@dataclass
class _Request:
    """One request as it is now, after the redirects so far."""

    method: str
    url: httpx.URL
    headers: dict[str, str]
    content: bytes | None
    most_bytes: int


@dataclass
class PoliteWeb:
    """`Web` for one source. Close it after use; it holds connections."""

    source: str
    service: str
    requests_per_second: float
    budget: Budget
    gate: Gate = field(default_factory=Gate)
    log: FetchLog = field(default_factory=FetchLog)
    limits: Limits = field(default_factory=Limits)
    contact: str = ""
    """Whom a service may write to: an e-mail or a URL."""
    _clients: dict[str, httpx.Client] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        quieten()

    def get(
        self,
        url: str,
        *,
        params: Parameters | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
    ) -> Answer:
        """See `Web.get`."""
        request = self._request("GET", _with_parameters(url, params), headers, None, max_bytes)
        return self._ask(request, names=(), tries=self.limits.tries)

    def post(
        self,
        url: str,
        *,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        is_repeatable: bool = True,
        max_bytes: int | None = None,
    ) -> Answer:
        """See `Web.post`."""
        kind, content = _body(json, data)
        request = self._request("POST", httpx.URL(url), {**kind, **(headers or {})}, content, max_bytes)
        names = [*(data or ()), *(json if isinstance(json, dict) else ())]
        return self._ask(request, names=names, tries=self.limits.tries if is_repeatable else 1)

    def put(self, url: str, *, content: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """See `Web.put`."""
        return self._ask(
            self._request("PUT", httpx.URL(url), headers, content, None), names=(), tries=self.limits.tries
        )

    @contextmanager
    def frames(
        self,
        url: str,
        *,
        params: Parameters | None = None,
        headers: Mapping[str, str] | None = None,
        idle_seconds: float = 30.0,
    ) -> Iterator[Iterator[bytes]]:
        """See `Web.frames`."""
        target = _with_parameters(url, params)
        fetch = self.log.begin("WEBSOCKET", target, ())
        with self._told(fetch, target):
            opened = self._patiently(fetch, target, self.limits.tries, lambda: self._open(target, headers or {}))
        fetch.status = "101"
        with closing(opened):
            yield self._messages(opened, fetch, target, idle_seconds)

    def note(self, *, records: int, cursor: Any) -> None:
        """See `Web.note`."""
        self.log.note(records, cursor)

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    @property
    def user_agent(self) -> str:
        """What every request calls itself."""
        return f"{SOFTWARE} (+{self.contact})" if self.contact else SOFTWARE

    def _request(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str] | None,
        content: bytes | None,
        max_bytes: int | None,
    ) -> _Request:
        own = {"user-agent": self.user_agent, "accept": "*/*", "accept-encoding": "gzip"}
        given = {name.lower(): value for name, value in (headers or {}).items()}
        return _Request(method, url, {**own, **given}, content, max_bytes or self.limits.most_bytes)

    def _ask(self, request: _Request, *, names: Iterator[str] | list[str] | tuple[str, ...], tries: int) -> Answer:
        fetch = self.log.begin(request.method, request.url, names)
        with self._told(fetch, request.url):
            answer = self._followed(fetch, request, tries)
        fetch.status, fetch.bytes = str(answer.status), len(answer.body)
        return answer

    def _followed(self, fetch: Fetch, request: _Request, tries: int) -> Answer:
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._patiently(fetch, request.url, tries, partial(self._try, request))
            if answer.status not in _REDIRECTS:
                return answer
            request = _redirected(request, answer)
        raise ServiceRefused(f"redirects us more than {MOST_REDIRECTS} times", status=str(answer.status))

    def _patiently(self, fetch: Fetch, url: httpx.URL, tries: int, attempt: Callable[[], Result]) -> Result:
        """Try until it succeeds or `tries` are used up, within the host's budget."""
        host = host_and_port(url)

        def once() -> Result:
            self.budget.take(host, self.requests_per_second)
            fetch.tries += 1
            return self._judged(host, attempt)

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(tries),
            wait=_wait,
            retry=tenacity.retry_if_exception_type(_Passing),
            sleep=self.budget.sleep,
            reraise=True,
        )
        try:
            return retrying(once)
        except _Passing as failed:
            raise failed.failure from None

    def _judged(self, host: str, attempt: Callable[[], Result]) -> Result:
        """One try, entered in the host's record. Being told to wait is no failure of the host."""
        try:
            result = attempt()
        except _Passing as failed:
            if failed.wait:
                self.budget.hold(host, failed.wait)
            if failed.failure.status != "429":
                self.budget.failed(host)
            if failed.wait > LONGEST_WAIT_SECONDS:
                raise failed.failure from None
            raise
        except SourceFailed:
            raise
        self.budget.succeeded(host)
        return result

    def _try(self, request: _Request) -> Answer:
        addresses = self.gate.addresses(request.url)
        for place, address in enumerate(addresses, start=1):
            try:
                return self._send(request, address)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if is_distrust(error):
                    raise distrusted() from None
                if place == len(addresses):
                    raise _passing("cannot be reached", "refused") from None
        raise AssertionError("unreachable: there is at least one address")

    def _send(self, request: _Request, address: str) -> Answer:
        url, host, extensions = pinned(request.url, address)
        client = self._client(request.url)
        try:
            with client.stream(
                request.method,
                url,
                headers={**request.headers, **host},
                content=request.content,
                extensions=extensions,
            ) as response:
                return self._received(request, response)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise
        except httpx.TimeoutException:
            raise _passing(f"did not answer within {self.limits.read_seconds:.0f} seconds", "timeout") from None
        except (httpx.RemoteProtocolError, httpx.NetworkError, zlib.error):
            raise _passing("broke the answer off", "truncated") from None
        except httpx.HTTPError as error:
            raise _passing(f"failed ({type(error).__name__})", "closed") from None

    def _received(self, request: _Request, response: httpx.Response) -> Answer:
        status, now = response.status_code, self.budget.clock()
        headers = {name.lower(): value for name, value in response.headers.items()}
        if status in _REDIRECTS and "location" in headers:
            return Answer(status, headers, b"", str(_bare(request.url)))
        body = b"" if status == 304 else self._body(request, response)
        if status in _PASSING_STATUSES:
            raise _passing(f"answered {status}", str(status), asked_wait(headers, now))
        if status >= 300 and status != 304:
            _refuse(status, body)
        if wait := window_wait(headers, now):
            self.budget.hold(host_and_port(request.url), wait)
        return Answer(status, headers, body, str(_bare(request.url)))

    def _body(self, request: _Request, response: httpx.Response) -> bytes:
        """The body, unpacked, given up as soon as it is larger or slower than it may be."""
        latest = self.budget.clock() + self.limits.whole_seconds
        inflate = _inflater(response.headers.get("content-encoding", ""), request.most_bytes)
        pieces, size = [], 0
        for packed in response.iter_raw():
            if self.budget.clock() > latest:
                raise _passing(f"took longer than {self.limits.whole_seconds:.0f} seconds to answer", "timeout")
            piece = inflate(packed, request.most_bytes - size)
            size += len(piece)
            if size > request.most_bytes:
                raise ServiceRefused(f"sends more than {request.most_bytes:,} bytes at once", status="too_large")
            pieces.append(piece)
        pieces.append(inflate(None, 0))
        return b"".join(pieces)

    def _client(self, url: httpx.URL) -> httpx.Client:
        """One client a host, so that no connection is shared by two names of one address."""
        key = f"{url.scheme}://{host_and_port(url)}"
        if key not in self._clients:
            self._clients[key] = httpx.Client(
                timeout=httpx.Timeout(self.limits.read_seconds, connect=self.limits.connect_seconds),
                verify=tls(),
                trust_env=False,
                follow_redirects=False,
                cookies=httpx.Cookies(CookieJar(DefaultCookiePolicy(allowed_domains=[]))),
            )
        return self._clients[key]

    def _open(self, url: httpx.URL, headers: Mapping[str, str]) -> Frames:
        addresses = self.gate.addresses(url, schemes=("wss", "ws"))
        try:
            headers = {**headers, "User-Agent": self.user_agent}
            return Frames.open(url, addresses, headers=headers, seconds=self.limits.connect_seconds)
        except ServiceUnavailable as failed:
            raise _Passing(failed) from None

    def _messages(self, opened: Frames, fetch: Fetch, url: httpx.URL, idle_seconds: float) -> Iterator[bytes]:
        with self._told(fetch, url):
            for message in opened.messages(idle_seconds):
                fetch.bytes += len(message)
                yield message

    @contextmanager
    def _told(self, fetch: Fetch, url: httpx.URL) -> Iterator[None]:
        """Name source, service and request in a failure, and enter it in the record."""
        try:
            yield
        except SourceFailed as failed:
            fetch.status = failed.status or "closed"
            message = f"source {self.source}: {self.service}, {self.log.clean(described('asked', url, ()))}: {failed}"
            raise type(failed)(self.log.clean(message), status=failed.status, code=failed.code) from None


def quieten() -> None:
    """Keep the HTTP library's own log lines out of every log: they quote addresses, and some hold a key."""
    for name in _NOISY_LOGGERS:
        logger = logging.getLogger(name)
        if _refuse_all not in logger.filters:
            logger.addFilter(_refuse_all)


def _refuse_all(record: logging.LogRecord) -> bool:
    return False


_backing_off = tenacity.wait_exponential_jitter(initial=FIRST_WAIT_SECONDS, max=LAST_WAIT_SECONDS)


def _wait(state: tenacity.RetryCallState) -> float:
    """What the service asks for, and a little more by chance, so that not everybody comes back at once."""
    failed = state.outcome.exception() if state.outcome else None
    return _backing_off(state) + (failed.wait if isinstance(failed, _Passing) else 0.0)


def _passing(what: str, status: str, wait: float = 0.0) -> _Passing:
    return _Passing(ServiceUnavailable(f"{what}; a later try may succeed", status=status), wait)


def _refuse(status: int, body: bytes) -> NoReturn:
    code = _error_code(body)
    named = f"{status} ({code})" if code else str(status)
    if status in (401, 403, 407, 451):
        what = f"answered {named}, we are not permitted: check the credentials and what they may read"
        raise NotPermitted(what, status=str(status), code=code)
    what = f"answered {named}: check the source's options, the service does not have or understand what is asked for"
    raise ServiceRefused(what, status=str(status), code=code)


def _error_code(body: bytes) -> str:
    """The service's own name of an error, where its answer has one and it is a plain word."""
    try:
        answer = msgspec.json.decode(body[:_MOST_ERROR_BYTES])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    code = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(code, dict):
        # As Google's services have it: https://cloud.google.com/apis/design/errors
        named = code.get("errors")
        first = named[0] if isinstance(named, list) and named else None
        code = first.get("reason") if isinstance(first, dict) else code.get("status")
    return code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""


def _redirected(request: _Request, answer: Answer) -> _Request:
    """The request at its new address; credentials stay with the host they were meant for."""
    try:
        new = request.url.join(answer.headers["location"]).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError):
        raise ServiceRefused("redirects us to something that is no address", status=str(answer.status)) from None
    if request.method != "GET":
        raise ServiceRefused(f"has moved to {new.host}: correct the source's address", status=str(answer.status))
    is_same = (new.scheme, host_and_port(new)) == (request.url.scheme, host_and_port(request.url))
    kept = {name: value for name, value in request.headers.items() if is_same or name in _ALWAYS_SENT}
    return _Request(request.method, new, kept, None, request.most_bytes)


_ALWAYS_SENT = (*_HARMLESS_HEADERS, "user-agent", "accept-encoding")


def _with_parameters(url: str, params: Parameters | None) -> httpx.URL:
    try:
        return httpx.URL(url).copy_merge_params(params or {})
    except (httpx.InvalidURL, ValueError):
        raise ServiceRefused("the address in the source's options is none: correct it") from None


def _body(json: Any, data: Mapping[str, str] | None) -> tuple[dict[str, str], bytes | None]:
    """Content type and bytes of a POST."""
    if data is not None:
        return {"content-type": "application/x-www-form-urlencoded"}, urlencode(dict(data)).encode()
    if json is not None:
        return {"content-type": "application/json"}, msgspec.json.encode(json)
    return {}, b""


def _bare(url: httpx.URL) -> httpx.URL:
    return url.copy_with(query=None, fragment=None)


def _inflater(encoding: str, most_bytes: int) -> Callable[[bytes | None, int], bytes]:
    """Unpacks pieces, never to more than one byte above what is left; called with None at the end.

    A small packed body can hold a thousand times its size, so the size is capped while unpacking.
    """
    if encoding in ("", "identity"):
        return lambda packed, left: packed or b""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ServiceRefused(f"packs its answer as {encoding[:20]!r}, which we did not ask for", status="closed")
    unpack, is_empty = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32), True

    def inflate(packed: bytes | None, left: int) -> bytes:
        nonlocal is_empty
        if packed is None:
            if not (unpack.eof or is_empty):
                raise _passing("broke the answer off", "truncated")
            return b""
        is_empty = False
        return unpack.decompress(packed, max(left, 0) + 1)

    return inflate
