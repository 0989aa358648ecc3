"""The web over real sockets: what passes is tried again, what does not is said in words, and nothing leaks."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from tempfile import mkdtemp

import pytest

from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable
from barometer.ingest.live.address import Gate
from barometer.ingest.live.budget import Budget
from barometer.ingest.live.client import Limits, PoliteWeb
from tests.ingest.live.stand_in import Asked, FakeClock, Reply, StandIn, a_budget, a_web, scripted, stand_in


class TestAnAnswer:
    def test_comes_whole_with_its_headers(self) -> None:
        with stand_in(scripted(Reply(body={"posts": [1]}, headers={"ETag": '"x"'}))) as server:
            answer = a_web(server).get(f"{server.url}/posts", params={"limit": 5, "tag": ["a", "b"]})
        assert answer.json() == {"posts": [1]}
        assert answer.headers["etag"] == '"x"'
        assert server.asked[0].query == {"limit": ["5"], "tag": ["a", "b"]}
        assert server.asked[0].headers["user-agent"] == "SocialTrustBarometer/0.1 (+mailto:barometer@testville.example)"

    def test_may_be_packed(self) -> None:
        packed = gzip.compress(b'{"n": 1}')
        with stand_in(scripted(Reply(body=packed, headers={"Content-Encoding": "gzip"}))) as server:
            assert a_web(server).get(server.url).json() == {"n": 1}

    def test_may_be_that_nothing_changed(self) -> None:
        with stand_in(scripted(Reply(304))) as server:
            answer = a_web(server).get(server.url, headers={"If-None-Match": '"x"'})
        assert (answer.status, answer.body) == (304, b"")
        assert server.asked[0].headers["if-none-match"] == '"x"'

    def test_that_is_no_json_is_refused_in_words(self) -> None:
        with stand_in(scripted(Reply(body="<html>"))) as server:
            answer = a_web(server).get(server.url, params={"key": "hidden"})
        with pytest.raises(ServiceRefused, match="not JSON") as failed:
            answer.json()
        assert "hidden" not in str(failed.value) + repr(answer)


class TestAPost:
    def test_sends_json(self) -> None:
        with stand_in(scripted(Reply())) as server:
            a_web(server).post(server.url, json={"poly": "1,2"})
        assert server.asked[0].json() == {"poly": "1,2"}
        assert server.asked[0].headers["content-type"] == "application/json"

    def test_sends_a_form(self) -> None:
        with stand_in(scripted(Reply())) as server:
            a_web(server).post(server.url, data={"poly": "1,2"})
        assert server.asked[0].form == {"poly": ["1,2"]}

    def test_that_may_not_be_repeated_is_sent_once(self) -> None:
        with stand_in(scripted(Reply(503))) as server, pytest.raises(ServiceUnavailable):
            a_web(server).post(server.url, json={}, is_repeatable=False)
        assert len(server.asked) == 1


class TestWhatPasses:
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_is_tried_again(self, status: int) -> None:
        with stand_in(scripted(Reply(status), Reply(body="ok"))) as server:
            assert a_web(server).get(server.url).body == b"ok"
        assert len(server.asked) == 2

    def test_waits_as_long_as_it_is_told(self) -> None:
        clock = FakeClock()
        with stand_in(scripted(Reply(429, headers={"Retry-After": "120"}), Reply())) as server:
            a_web(server, clock=clock).get(server.url)
        assert 120 <= sum(clock.slept) < 125

    def test_is_given_up_in_the_end(self) -> None:
        with stand_in(scripted(Reply(503))) as server, pytest.raises(ServiceUnavailable, match="answered 503"):
            a_web(server).get(server.url)
        assert len(server.asked) == 4

    def test_a_host_told_to_wait_too_long_is_left_to_a_later_try(self) -> None:
        clock = FakeClock()
        with (
            stand_in(scripted(Reply(429, headers={"Retry-After": "7200"}))) as server,
            pytest.raises(ServiceUnavailable),
        ):
            a_web(server, clock=clock).get(server.url)
        assert not clock.slept
        assert len(server.asked) == 1

    def test_an_answer_that_is_cut_short_is_tried_again(self) -> None:
        with stand_in(scripted(Reply(body=b"x" * 1000, cut_after=10), Reply(body="whole"))) as server:
            assert a_web(server).get(server.url).body == b"whole"

    def test_a_slow_answer_is_given_up(self) -> None:
        limits = Limits(read_seconds=0.1, tries=1)
        with stand_in(scripted(Reply(wait_seconds=0.5))) as server, pytest.raises(ServiceUnavailable) as failed:
            a_web(server, limits=limits).get(server.url)
        assert failed.value.status == "timeout"

    def test_an_answer_that_trickles_is_given_up(self) -> None:
        limits = Limits(whole_seconds=0.2, tries=1)
        budget = Budget(Path(mkdtemp(prefix="rates")))
        slow = scripted(Reply(body=b"x" * 100, drip_seconds=0.05))
        with stand_in(slow) as server, pytest.raises(ServiceUnavailable, match="took longer"):
            a_web(server, limits=limits, budget=budget).get(server.url)

    def test_a_packed_answer_that_is_cut_short_is_not_taken_for_whole(self) -> None:
        packed = gzip.compress(b"x" * 100)[:-12]
        reply = Reply(body=packed, headers={"Content-Encoding": "gzip"})
        with stand_in(scripted(reply, Reply(body="whole"))) as server:
            assert a_web(server).get(server.url).body == b"whole"

    def test_nobody_there_is_said(self) -> None:
        nobody = StandIn(9)
        with pytest.raises(ServiceUnavailable, match="cannot be reached"):
            a_web(nobody).get(nobody.url)


class TestWhatDoesNotPass:
    @pytest.mark.parametrize("status", [401, 403])
    def test_is_a_matter_of_permission(self, status: int) -> None:
        with stand_in(scripted(Reply(status))) as server, pytest.raises(NotPermitted, match="not permitted"):
            a_web(server).get(server.url)
        assert len(server.asked) == 1

    @pytest.mark.parametrize("status", [400, 404, 410, 422])
    def test_or_of_what_is_asked(self, status: int) -> None:
        reply = Reply(status, body={"error": "ExpiredCursor", "message": "private words"})
        with stand_in(scripted(reply)) as server, pytest.raises(ServiceRefused) as failed:
            a_web(server).get(server.url)
        assert (failed.value.status, failed.value.code) == (str(status), "ExpiredCursor")
        assert "private" not in str(failed.value)

    def test_too_much_is_refused(self) -> None:
        with stand_in(scripted(Reply(body=b"x" * 5000))) as server, pytest.raises(ServiceRefused) as failed:
            a_web(server).get(server.url, max_bytes=1000)
        assert failed.value.status == "too_large"

    def test_a_small_body_that_unpacks_to_too_much_is_refused(self) -> None:
        bomb = gzip.compress(bytes(20_000_000))
        reply = Reply(body=bomb, headers={"Content-Encoding": "gzip"})
        with stand_in(scripted(reply)) as server, pytest.raises(ServiceRefused) as failed:
            a_web(server).get(server.url, max_bytes=1_000_000)
        assert len(bomb) < 1_000_000
        assert failed.value.status == "too_large"


class TestRedirects:
    def test_are_followed(self) -> None:
        def answer(asked: Asked) -> Reply:
            return Reply(body="there") if asked.path == "/new" else Reply(302, headers={"Location": "/new?a=1"})

        with stand_in(answer) as server:
            assert a_web(server).get(f"{server.url}/old").body == b"there"
        assert server.asked[1].query == {"a": ["1"]}

    def test_never_lead_into_a_private_network(self) -> None:
        with stand_in(scripted(Reply(body="the city's own"))) as inner:
            lead = scripted(Reply(302, headers={"Location": inner.url}))
            with (
                stand_in(lead) as server,
                pytest.raises(NotPermitted, match="without encryption") as failed,
            ):
                a_web(server).get(server.url)
        assert failed.value.status == "unsafe_address"
        assert not inner.asked

    def test_do_not_carry_credentials_to_another_host(self) -> None:
        with (
            stand_in(scripted(Reply(body="ok"))) as other,
            stand_in(scripted(Reply(302, headers={"Location": other.url}))) as server,
        ):
            a_web(server, other).get(server.url, headers={"Authorization": "Bearer hidden", "X-Key": "hidden"})
        assert server.asked[0].headers["authorization"] == "Bearer hidden"
        assert "hidden" not in json.dumps(other.asked[0].headers)

    def test_end_somewhere(self) -> None:
        lead = scripted(Reply(302, headers={"Location": "/again"}))
        with stand_in(lead) as server, pytest.raises(ServiceRefused, match="redirects"):
            a_web(server).get(server.url)
        assert len(server.asked) == 6

    def test_of_a_post_are_not_followed(self) -> None:
        lead = scripted(Reply(307, headers={"Location": "/new"}))
        with stand_in(lead) as server, pytest.raises(ServiceRefused, match="moved"):
            a_web(server).post(server.url, json={})


class TestTheRecord:
    def test_holds_every_request_and_no_value(self) -> None:
        with stand_in(scripted(Reply(503), Reply(body="12345"), Reply(404))) as server:
            web = a_web(server)
            web.get(f"{server.url}/a", params={"q": "hidden", "key": "hidden"})
            web.note(records=3, cursor={"since": 7})
            with pytest.raises(ServiceRefused):
                web.get(f"{server.url}/b")
        rows = web.log.frame()
        assert rows["request"].to_list() == [f"GET {server.host}/a (q, key)", f"GET {server.host}/b"]
        assert rows.select("number", "status", "tries", "records", "bytes", "cursor").rows() == [
            (1, "200", 2, 3, 5, '{"since": 7}'),
            (2, "404", 1, 0, 0, None),
        ]


def test_a_host_that_fails_again_and_again_is_left_alone_and_asked_again_later() -> None:
    clock = FakeClock()
    with stand_in(scripted(*[Reply(500)] * 5, Reply(body="well again"))) as server:
        web = a_web(server, clock=clock, budget=a_budget(clock))
        for _ in range(2):
            with pytest.raises(ServiceUnavailable):
                web.get(server.url)
        with pytest.raises(ServiceUnavailable, match="left alone"):
            web.get(server.url)
        assert len(server.asked) == 5
        clock.sleep(61)
        assert web.get(server.url).body == b"well again"


def test_a_used_up_window_is_waited_for() -> None:
    clock = FakeClock()
    used_up = Reply(headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-05-09T23:04:00.000Z"})
    with stand_in(scripted(used_up, Reply())) as server:
        web = a_web(server, clock=clock)
        web.get(server.url)
        web.get(server.url)
    assert sum(clock.slept) == pytest.approx(240, abs=1)


def test_encryption_is_asked_for_unless_the_city_says_otherwise() -> None:
    web = PoliteWeb("s", "S", 1.0, a_budget(FakeClock()), gate=Gate(look_up=lambda host, port: ["93.184.216.34"]))
    with pytest.raises(NotPermitted, match="without encryption"):
        web.get("http://example.org")
