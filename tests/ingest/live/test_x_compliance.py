"""Compliance jobs of X: only ids are shared, results become removals, and a job may outlast a night."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable, SourceFailed
from barometer.ingest.live.address import Gate
from barometer.ingest.live.connector import Call
from barometer.ingest.live.lookups import Gone
from barometer.ingest.live.recheck import recheck_source
from barometer.ingest.live.services import CONNECTORS
from barometer.ingest.live.x_compliance import XCompliance, XComplianceOptions
from barometer.ingest.removals import apply_removals
from barometer.ingest.run import ingest_source
from barometer.lake import Lake
from barometer.ledger import Counts
from barometer.settings import Settings
from tests.ingest.helpers import NIGHT, PlainDoor, a_night, a_source, pseudonym, table, write_lines
from tests.ingest.live.services_here import SECRET
from tests.ingest.live.stand_in import Asked, Reply, StandIn, a_call, stand_in

NEXT = NIGHT + timedelta(days=1)


@dataclass
class XHere:
    """X as far as its compliance jobs go; uploads and results are at the same host, as signed addresses."""

    gone: dict[str, str] = field(default_factory=dict)
    """Id -> reason."""
    looks: int = 1
    """Looks at a job before it is complete."""
    status: str = "complete"
    uploaded: list[list[str]] = field(default_factory=list)
    url: str = ""
    jobs: int = 0
    seen: int = 0

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/store/upload":
            assert (asked.method, asked.headers["content-type"]) == ("PUT", "text/plain")
            assert "authorization" not in asked.headers
            self.uploaded.append(asked.body.decode().split())
            return Reply()
        if asked.path == "/store/results":
            assert "authorization" not in asked.headers
            return Reply(body="\n".join(self._results()))
        if asked.headers.get("authorization") != f"Bearer {SECRET}":
            return Reply(401, {"title": "Unauthorized"})
        if asked.method == "POST":
            assert asked.json() == {"type": "tweets"}
            self.jobs, self.seen = self.jobs + 1, 0
            return self._job("created")
        if asked.path.endswith("/jobs"):
            return Reply(body={"meta": {"result_count": 0}})
        self.seen += 1
        return self._job("in_progress" if self.seen < self.looks else self.status)

    def _job(self, status: str) -> Reply:
        store = self.url.replace("127.0.0.1", "localhost")
        job = {"id": str(self.jobs), "type": "tweets", "status": status}
        return Reply(
            body={"data": {**job, "upload_url": f"{store}/store/upload", "download_url": f"{store}/store/results"}}
        )

    def _results(self) -> list[str]:
        plain = {"action": "delete", "created_at": "2014-08-09T10:00:00.000Z"}
        return [json.dumps({"id": one, "reason": reason, **plain}) for one, reason in self.gone.items()]


@pytest.fixture
def here() -> XHere:
    return XHere(gone={"11": "deleted", "12": "suspended", "13": "scrub_geo", "14": "deactivated"})


def an_x(server: StandIn) -> XCompliance:
    return XCompliance(api=f"{server.url}/2", requests_per_second=1e6)


def a_call_of(server: StandIn, wait_minutes: float = 0.05, token: str = SECRET) -> Call:
    options = XComplianceOptions(wait_minutes=wait_minutes, poll_seconds=0)
    gate = Gate(allowed=frozenset({server.host, f"localhost:{server.port}"}))
    return a_call(server, options=options, secrets={"token": token}, gate=gate)


class TestAJob:
    def test_shares_ids_and_nothing_else_and_says_what_is_gone(self, here: XHere) -> None:
        with stand_in(here.answer) as server:
            here.url = server.url
            answered = an_x(server).find_gone(a_call_of(server), ["11", "15"], {})
        assert here.uploaded == [["11", "15"]]
        assert answered.bookmark == {}
        assert answered.gone == (
            Gone("11", "deleted"),
            Gone("12", "account_deleted"),
            Gone("13", "deleted"),
            Gone("14", "account_deleted"),
        )

    def test_is_waited_for(self, here: XHere) -> None:
        here.looks = 3
        with stand_in(here.answer) as server:
            here.url = server.url
            assert len(an_x(server).find_gone(a_call_of(server), ["11"], {}).gone) == 4

    def test_that_takes_longer_is_left_to_the_next_night(self, here: XHere) -> None:
        here.looks = 4
        with stand_in(here.answer) as server:
            here.url = server.url
            first = an_x(server).find_gone(a_call_of(server, wait_minutes=0), ["11"], {})
            assert (first.gone, first.bookmark, first.is_asked) == ((), {"job": "1"}, True)
            second = an_x(server).find_gone(a_call_of(server), ["99"], first.bookmark)
        assert (len(second.gone), second.bookmark, second.is_asked) == (4, {}, False)
        assert here.uploaded == [["11"]]

    @pytest.mark.parametrize("status", ["failed", "expired"])
    def test_that_fails_is_made_anew(self, here: XHere, status: str) -> None:
        here.status = status
        with stand_in(here.answer) as server:
            here.url = server.url
            with pytest.raises(ServiceRefused, match="made anew"):
                an_x(server).find_gone(a_call_of(server), ["11"], {})
            with pytest.raises(ServiceRefused, match="made anew"):
                an_x(server).find_gone(a_call_of(server), ["11"], {"job": "1"})
        assert here.jobs == 2

    def test_that_x_no_longer_knows_is_made_anew(self, here: XHere) -> None:
        def answer(asked: Asked) -> Reply:
            return Reply(404) if asked.path.endswith("/jobs/77") else here.answer(asked)

        with stand_in(answer) as server:
            here.url = server.url
            assert an_x(server).find_gone(a_call_of(server), ["11"], {"job": "77"}).gone
        assert here.uploaded == [["11"]]

    @pytest.mark.parametrize(
        ("reply", "kind"),
        [(Reply(401), NotPermitted), (Reply(503), ServiceUnavailable), (Reply(body="?"), SourceFailed)],
    )
    def test_that_cannot_be_made_is_said_in_words(self, reply: Reply, kind: type[Exception]) -> None:
        with stand_in(lambda asked: reply) as server, pytest.raises(kind) as failed:
            an_x(server).find_gone(a_call_of(server), ["11"], {})
        assert SECRET not in str(failed.value)
        assert len(server.asked) == 1

    def test_whose_result_is_broken_removes_nothing(self, here: XHere) -> None:
        def answer(asked: Asked) -> Reply:
            return Reply(body='{"id": "11"}\nrubbish') if asked.path == "/store/results" else here.answer(asked)

        with stand_in(answer) as server:
            here.url, call, service = server.url, a_call_of(server), an_x(server)
            with pytest.raises(ServiceRefused, match="nothing was removed"):
                service.find_gone(call, ["11"], {})


def test_it_brings_no_posts_and_says_how_it_is_used(here: XHere) -> None:
    with stand_in(here.answer) as server:
        here.url = server.url
        assert "jobs" in an_x(server).probe(a_call_of(server))
        call, service = a_call_of(server), an_x(server)
        with pytest.raises(ServiceRefused, match="recheck x_compliance"):
            service.pages(call, None)


def a_tweet(number: int) -> dict[str, Any]:
    author = {"id_str": "7", "protected": False}
    made = {"created_at": "Fri May 08 13:08:45 +0000 2026", "text": f"words of {number}", "lang": "en"}
    return {"id_str": str(number), "user": author, **made}


def test_an_archive_of_files_is_rechecked(
    here: XHere, lake: Lake, settings_here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nights: the first job is still at work when its night ends, the second night applies its result."""
    options = {"recheck": "x_compliance", "recheck_options": {"wait_minutes": 0, "poll_seconds": 0, "allow_http": True}}
    source = a_source("twitter_v1", options=options)
    monkeypatch.setenv("BAROMETER_SECRET_X_COMPLIANCE_TOKEN", SECRET)
    write_lines(settings_here.inbox / "testville/posts/a.jsonl", *(a_tweet(number) for number in range(10, 16)))
    with stand_in(here.answer) as server:
        here.url, here.looks = server.url, 3
        monkeypatch.setitem(CONNECTORS, "x_compliance", an_x(server))
        settings = settings_here.model_copy(update={"allow_hosts": f"{server.host},localhost:{server.port}"})
        nights = [a_night(lake, settings, NIGHT + timedelta(days=ahead)) for ahead in range(3)]
        assert ingest_source(nights[0], source, PlainDoor()).written == 6
        assert table(nights[0], "platform_ids")["service"].to_list() == ["x_compliance"] * 6
        assert recheck_source(nights[1], source, PlainDoor()) == Counts()
        assert recheck_source(nights[2], source, PlainDoor()) == Counts(read=4, received=4, removed=4)
        apply_removals(nights[2])
    assert sorted(here.uploaded[0]) == [str(number) for number in range(10, 16)]
    kept = {pseudonym("post", f"twitter:{number}") for number in (10, 15)}
    assert set(table(nights[0], "received_posts")["post"]) == kept
