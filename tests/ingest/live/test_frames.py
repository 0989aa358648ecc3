"""Messages over a real WebSocket: until it closes, falls silent or breaks."""

from __future__ import annotations

import time

import pytest
from websockets.sync.server import ServerConnection

from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable
from barometer.ingest.live.frames import MOST_FRAME_BYTES
from tests.ingest.live.stand_in import Reply, StandIn, a_web, break_off, scripted, stand_in, ws_stand_in


def greet(connection: ServerConnection) -> None:
    for text in ("one", "two"):
        connection.send(text)


def test_messages_come_until_the_service_closes() -> None:
    with ws_stand_in(greet) as server:
        web = a_web(server)
        with web.frames(f"{server.ws_url}/subscribe", params={"cursor": 5, "wanted": ["a", "b"]}) as messages:
            assert list(messages) == [b"one", b"two"]
    assert server.asked[0].query == {"cursor": ["5"], "wanted": ["a", "b"]}
    assert "SocialTrustBarometer" in server.asked[0].headers["user-agent"]
    assert web.log.frame().select("request", "status", "bytes").rows() == [
        (f"WEBSOCKET {server.host}/subscribe (cursor, wanted)", "101", 6)
    ]


def test_or_until_nothing_comes_any_more() -> None:
    def pause(connection: ServerConnection) -> None:
        greet(connection)
        time.sleep(0.5)
        greet(connection)

    with ws_stand_in(pause) as server, a_web(server).frames(server.ws_url, idle_seconds=0.1) as messages:
        assert list(messages) == [b"one", b"two"]


def test_a_reader_may_stop_early() -> None:
    with ws_stand_in(greet) as server, a_web(server).frames(server.ws_url) as messages:
        assert next(messages) == b"one"


def test_a_connection_that_breaks_is_told_from_one_that_ends() -> None:
    def crash(connection: ServerConnection) -> None:
        greet(connection)
        break_off(connection)

    with ws_stand_in(crash) as server:
        web, got = a_web(server), []
        with pytest.raises(ServiceUnavailable, match="broke"), web.frames(server.ws_url) as messages:
            got.extend(messages)
    assert web.log.rows[-1].status == "closed"


def test_a_message_that_is_too_large_is_refused() -> None:
    def flood(connection: ServerConnection) -> None:
        connection.send(bytes(MOST_FRAME_BYTES + 1))

    with (
        ws_stand_in(flood) as server,
        pytest.raises(ServiceRefused, match="more than"),
        a_web(server).frames(server.ws_url) as messages,
    ):
        list(messages)


@pytest.mark.parametrize(("status", "kind"), [(403, NotPermitted), (404, ServiceRefused), (503, ServiceUnavailable)])
def test_a_handshake_that_fails_is_said_in_words(status: int, kind: type[Exception]) -> None:
    with (
        stand_in(scripted(Reply(status))) as server,
        pytest.raises(kind, match=str(status)),
        a_web(server).frames(server.ws_url),
    ):
        pass


def test_a_handshake_that_leads_elsewhere_is_not_followed() -> None:
    with ws_stand_in(greet) as other:
        lead = scripted(Reply(302, headers={"Location": f"{other.ws_url}/"}))
        with stand_in(lead) as server, pytest.raises(ServiceUnavailable), a_web(server).frames(server.ws_url):
            pass
    assert not other.asked


def test_a_private_address_is_not_asked() -> None:
    with ws_stand_in(greet) as server, pytest.raises(NotPermitted), a_web(StandIn(1)).frames(server.ws_url):
        pass
    assert not server.asked
