"""Feeds beyond what every connector survives: what stands in them, when they are asked, and XML that means harm."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from barometer.errors import ServiceRefused, SourceFailed
from barometer.ingest.live.connector import Call, Cursor, Page
from barometer.ingest.live.feeds import CONNECTOR, FeedOptions, entries
from barometer.ingest.live.web import Answer
from barometer.ingest.posts.feeds import PARSER
from tests.ingest.live.services_here import FeedsHere, items
from tests.ingest.live.stand_in import NOW, Asked, Reply, StandIn, a_call, stand_in
from tests.ingest.posts.records import parsed

FEED = "https://paper.example/rss"

ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="sv"><title>Paper</title><id>urn:paper</id>
<updated>2026-05-09T10:00:00Z</updated>
<entry><id>urn:paper:1</id><title type="html">Trams &amp;amp; trains</title>
<link href="https://paper.example/1"/><author><name>Ada Example</name></author>
<published>2026-05-08T10:00:00+02:00</published><updated>2026-05-09T09:00:00Z</updated>
<summary type="html">&lt;p&gt;Late &lt;script&gt;alert(1)&lt;/script&gt;again&lt;/p&gt;</summary></entry></feed>"""


def an_answer(body: str | bytes, **headers: str) -> Answer:
    return Answer(200, headers, body.encode() if isinstance(body, str) else body, FEED)


def a_call_of(*servers: StandIn, paths: tuple[str, ...] = ("/rss",), **values: Any) -> Call:
    return a_call(*servers, options=FeedOptions(feeds=tuple(f"{servers[0].url}{path}" for path in paths)), **values)


def read(server: StandIn, cursor: Cursor | None = None, **values: Any) -> list[Page]:
    return list(CONNECTOR.pages(a_call_of(server, **values), cursor))


class TestEntries:
    def test_of_atom(self) -> None:
        (entry,) = entries(an_answer(ATOM), FEED)
        assert entry["id"] == "urn:paper:1"
        assert entry["link"] == "https://paper.example/1"
        assert entry["published"] == "2026-05-08T08:00:00+00:00"
        assert entry["updated"] == "2026-05-09T09:00:00+00:00"
        assert "alert" not in entry["summary"]
        assert "Ada" not in json.dumps(entry)

    def test_of_rss_have_no_other_time_than_their_own(self) -> None:
        here = FeedsHere(items=items(1))
        (entry,) = entries(an_answer(here.xml()), FEED)
        assert "updated" not in entry
        assert entry["id"] == "n1"

    def test_become_posts_without_a_persons_name(self) -> None:
        records = [json.dumps(entry).encode() for entry in entries(an_answer(ATOM), FEED)]
        (row,) = parsed(PARSER, *records).rows["received_posts"].to_dicts()
        assert row["text"] == "masked Trams & trains\n\nLate again"

    @pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "windows-1252", "utf-16"])
    def test_are_read_in_the_encodings_that_feeds_have(self, encoding: str) -> None:
        body = ATOM.replace("trains", "trådbuss").replace('encoding="utf-8"', f'encoding="{encoding}"')
        (entry,) = entries(an_answer(body.encode(encoding)), FEED)
        assert "trådbuss" in entry["title"]

    def test_the_servers_word_on_the_encoding_goes_first(self) -> None:
        body = ATOM.replace("trains", "trådbuss").encode("iso-8859-1")
        (entry,) = entries(an_answer(body, **{"content-type": "text/xml; charset=ISO-8859-1"}), FEED)
        assert "trådbuss" in entry["title"]

    def test_of_a_feed_that_is_not_well_formed_are_read_as_far_as_possible(self) -> None:
        found = entries(an_answer(FeedsHere(items=items(3)).xml().replace("</channel>", "<b>")), FEED)
        assert len(found) == 3


BOMB = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
HARM = {
    "billion laughs": f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY l0 "lol">{BOMB}]><rss>&l9;</rss>',
    "a file of ours": '<!DOCTYPE rss [<!ENTITY f SYSTEM "file:///etc/passwd">]><rss><channel>&f;</channel></rss>',
    "an address within": '<!DOCTYPE rss SYSTEM "http://10.0.0.1/x.dtd"><rss></rss>',
    "a parameter entity": '<!DOCTYPE rss [<!ENTITY % p SYSTEM "http://10.0.0.1/p"> %p;]><rss></rss>',
    "in lower case": '<!doctype rss [<!entity l0 "lol">]><rss></rss>',
    "an entity on its own": '<rss><!ENTITY l0 "lol"></rss>',
}


class TestHarm:
    @pytest.mark.parametrize("body", HARM.values(), ids=HARM)
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
    def test_is_refused_before_it_is_read(self, body: str, encoding: str) -> None:
        packed = body.encode(encoding)
        began = time.monotonic()
        with pytest.raises(ServiceRefused, match="document type"):
            entries(an_answer(packed, **{"content-type": f"text/xml; charset={encoding}"}), FEED)
        assert time.monotonic() - began < 1

    @pytest.mark.parametrize("encoding", ["utf-7", "cp037", "utf-32", "rot13", "idna"])
    def test_is_not_hidden_in_an_encoding_only_the_parser_would_know(self, encoding: str) -> None:
        body = f'<?xml version="1.0" encoding="{encoding}"?><rss/>'.encode()
        with pytest.raises(ServiceRefused, match="encoding that is not read"):
            entries(an_answer(body), FEED)

    def test_of_size_is_refused_while_it_comes(self) -> None:
        body = b"<rss>" + bytes(6 << 20)
        with stand_in(lambda asked: Reply(body=body)) as server, pytest.raises(ServiceRefused, match="more than"):
            read(server)

    @pytest.mark.parametrize("body", ["", "hello", "<html><body>moved</body></html>", "{}", "\0" * 10])
    def test_what_is_no_feed_is_said_to_be_none(self, body: str) -> None:
        with pytest.raises(ServiceRefused):
            entries(an_answer(body), FEED)

    @settings(max_examples=60, deadline=None)
    @given(body=st.binary(max_size=120), head=st.sampled_from([b"", b"<rss>", b'<?xml version="1.0"?>', b"\xff\xfe"]))
    def test_no_bytes_break_it(self, body: bytes, head: bytes) -> None:
        try:
            found = entries(an_answer(head + body), FEED)
        except SourceFailed:
            return
        assert isinstance(found, list)


class TestPoliteness:
    def test_what_has_not_changed_is_not_sent_again(self) -> None:
        here = FeedsHere(items=items(3))
        with stand_in(here.answer) as server:
            first = read(server)
            second = read(server, first[-1].cursor)
        assert [len(page.records) for page in (*first, *second)] == [3, 0]
        assert "if-none-match" in server.asked[1].headers

    def test_the_time_of_the_last_change_serves_too(self) -> None:
        changed = "Sat, 09 May 2026 10:00:00 GMT"
        body = FeedsHere(items=items(1)).xml()
        with stand_in(lambda asked: Reply(body=body, headers={"Last-Modified": changed})) as server:
            read(server, read(server)[-1].cursor)
        assert server.asked[1].headers["if-modified-since"] == changed

    @pytest.mark.parametrize(
        ("head", "hours", "is_asked"),
        [
            ("<ttl>120</ttl>", 1, False),
            ("<ttl>120</ttl>", 3, True),
            ("<ttl>99999</ttl>", 24, True),
            ("<skipHours><hour>0</hour><hour>1</hour></skipHours>", 1, False),
            ("<skipHours><hour>0</hour><hour>1</hour></skipHours>", 24, True),
            ("<skipHours><hour>5</hour></skipHours>", 1, True),
            ("<skipDays><day>Sunday</day></skipDays>", 2, False),
            ("<skipDays><day>Monday</day></skipDays>", 2, True),
        ],
    )
    def test_a_feed_is_left_alone_when_it_asks_for_it_but_asked_once_a_day(
        self, head: str, hours: int, is_asked: bool
    ) -> None:
        here = FeedsHere(items=items(1), head=head)
        with stand_in(here.answer) as server:
            first = read(server, started_at=NOW)
            read(server, first[-1].cursor, started_at=NOW + timedelta(hours=hours))
        assert len(server.asked) == 1 + is_asked

    def test_each_feed_has_its_own_marks_and_one_that_fails_spoils_none(self) -> None:
        here = FeedsHere(items=items(2))

        def answer(asked: Asked) -> Reply:
            return Reply(404) if asked.path == "/gone" else here.answer(asked)

        pages: list[Page] = []
        with stand_in(answer) as server:
            call = a_call_of(server, paths=("/gone", "/rss", "/forum"))
            with pytest.raises(ServiceRefused):
                pages.extend(CONNECTOR.pages(call, None))
        assert [len(page.records) for page in pages] == [2, 2]
        assert set(pages[-1].cursor["feeds"]) == {f"{server.url}/rss", f"{server.url}/forum"}

    def test_a_feed_that_is_no_longer_configured_is_forgotten(self) -> None:
        here = FeedsHere(items=items(1))
        with stand_in(here.answer) as server:
            pages = read(server, {"feeds": {"https://old.example/rss": {"etag": "x"}}})
        assert set(pages[-1].cursor["feeds"]) == {f"{server.url}/rss"}


@pytest.mark.parametrize(
    "wrong", [(), ("paper.example/rss",), ("ftp://paper.example/rss",), ("https://a:b@paper.example",)]
)
def test_only_addresses_are_feeds(wrong: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        FeedOptions(feeds=wrong)
