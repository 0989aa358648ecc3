"""Messages of a WebSocket, to a judged address, each of a bounded size."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

import httpx
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as handshake

from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable
from barometer.ingest.live.address import connect, distrusted, is_distrust, port_of, tls

MOST_FRAME_BYTES = 4 * 1024 * 1024
_TOO_BIG = 1009
_CLOSE_SECONDS = 2.0
# Never written anywhere: the library's own lines quote addresses and messages.
_SILENT = logging.Logger("barometer.websocket", logging.CRITICAL + 1)


@dataclass(frozen=True)
class Frames:
    """An open WebSocket."""

    connection: ClientConnection
    held: ExitStack

    @classmethod
    def open(cls, url: httpx.URL, addresses: Sequence[str], *, headers: Mapping[str, str], seconds: float) -> Frames:
        """Connect to one of the addresses and shake hands, each within `seconds`. Raises `SourceFailed`."""
        try:
            plain = connect(addresses, port_of(url), timeout=seconds)
        except OSError:
            raise ServiceUnavailable("cannot be reached; a later try may succeed", status="refused") from None
        held = ExitStack()
        try:
            return cls(held.enter_context(_shaking_hands(url, plain, headers, seconds)), held)
        except InvalidStatus as refused:
            plain.close()
            raise _handshake_refused(refused.response.status_code) from None
        except (InvalidHandshake, ConnectionClosed, OSError, EOFError, ValueError) as error:
            # ValueError: it redirects us, and a judged connection is not led elsewhere.
            plain.close()
            if is_distrust(error):
                raise distrusted() from None
            raise ServiceUnavailable("does not shake hands; a later try may succeed", status="closed") from None

    def messages(self, idle_seconds: float) -> Iterator[bytes]:
        """Messages until a proper close or a silence of `idle_seconds`. Raises `ServiceUnavailable`, `ServiceRefused`.

        The timeout is the websocket's own, so no clock of ours is asked for every message.
        """
        while True:
            try:
                yield self.connection.recv(timeout=idle_seconds, decode=False)
            except (TimeoutError, ConnectionClosedOK):
                return
            except ConnectionClosed as closed:
                raise _broken(closed) from None

    def close(self) -> None:
        """Close the connection."""
        self.held.close()


def _shaking_hands(
    url: httpx.URL, plain: socket.socket, headers: Mapping[str, str], seconds: float
) -> AbstractContextManager[ClientConnection]:
    is_encrypted = url.scheme == "wss"
    return handshake(
        str(url),
        sock=plain,
        ssl=tls() if is_encrypted else None,
        server_hostname=url.host if is_encrypted else None,
        proxy=None,
        user_agent_header=None,
        additional_headers=headers,
        open_timeout=seconds,
        close_timeout=_CLOSE_SECONDS,
        max_size=MOST_FRAME_BYTES,
        logger=_SILENT,
    )


def _handshake_refused(status: int) -> Exception:
    if status in (401, 403):
        return NotPermitted(f"answered {status}, we are not permitted: check the credentials", status=str(status))
    if status == 429 or status >= 500:
        return ServiceUnavailable(f"answered {status}; a later try may succeed", status=str(status))
    return ServiceRefused(f"answered {status}: check the source's options", status=str(status))


def _broken(closed: ConnectionClosed) -> Exception:
    if closed.sent is not None and closed.sent.code == _TOO_BIG:
        what = f"sends messages of more than {MOST_FRAME_BYTES:,} bytes"
        return ServiceRefused(what, status="too_large")
    return ServiceUnavailable("broke the connection off; a later try may succeed", status="closed")
