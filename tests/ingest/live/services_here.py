"""Stand-ins of services that speak the real protocols: every one holds the same kind of items and pages them its way.

A new service joins `test_every_connector.py` by one class here and one line in `SERVICES`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec

from barometer.errors import ServiceUnavailable
from barometer.ingest.live.connector import Connector, Options, Page
from barometer.ingest.live.feeds import FeedOptions, Feeds
from barometer.ingest.live.kobo import Kobo, KoboOptions
from barometer.ingest.live.limesurvey import LimeSurvey, LimeSurveyOptions
from barometer.ingest.live.mastodon import Mastodon, MastodonOptions, id_at
from barometer.ingest.live.odk import Odk, OdkOptions
from barometer.ingest.live.open311 import Open311, Open311Options
from barometer.ingest.live.reddit import Reddit, RedditOptions
from barometer.ingest.live.web import Answer, Web
from barometer.ingest.live.youtube import YouTube, YouTubeOptions
from tests.ingest.live.form_servers import SECRET, Form, Submission, kobo_answering, limesurvey_answering, odk_answering
from tests.ingest.live.stand_in import NOW, Asked, Reply


@dataclass(frozen=True)
class Item:
    """Something somebody wrote: its number, and when."""

    number: int
    at: datetime


def items(count: int, *, first: int = 1, start: datetime = NOW - timedelta(hours=20)) -> list[Item]:
    """`count` items a minute apart."""
    return [Item(number, start + timedelta(minutes=number)) for number in range(first, first + count)]


class Here(Protocol):
    """A service as a stand-in speaks it."""

    items: list[Item]
    """What it holds; a test may add, double and reorder."""

    def connector(self, url: str) -> Connector: ...
    def options(self, url: str) -> Options: ...
    @property
    def secrets(self) -> Mapping[str, str]: ...
    def answer(self, asked: Asked) -> Reply: ...
    def number_of(self, record: bytes) -> int:
        """The number of the item that a record is of."""
        ...


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass
class MastodonHere:
    """Two timelines, walked forwards by `min_id`."""

    items: list[Item] = field(default_factory=list)
    secrets: Mapping[str, str] = field(default_factory=lambda: {"token": SECRET})

    def connector(self, url: str) -> Connector:
        return Mastodon()

    def options(self, url: str) -> Options:
        return MastodonOptions(server=url, timelines=("local",), hashtags=("testville",))

    def status(self, item: Item) -> dict[str, Any]:
        home = "https://town.example/users/ada"
        return {
            "id": self.id_of(item),
            "uri": f"{home}/statuses/{item.number}",
            "created_at": _time(item.at),
            "edited_at": None,
            "visibility": "public",
            "content": f"<p>words of {item.number}</p>",
            "account": {"uri": home},
        }

    @staticmethod
    def id_of(item: Item) -> str:
        return str(int(id_at(item.at)) + item.number)

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {self.secrets['token']}":
            return Reply(401, {"error": "The access token is invalid"})
        if asked.path == "/api/v1/statuses":
            wanted = set(asked.query["id[]"])
            return Reply(body=[self.status(item) for item in self.items if self.id_of(item) in wanted])
        after, limit = int(asked.query.get("min_id", ["0"])[0]), int(asked.query["limit"][0])
        newer = sorted((item for item in self.items if int(self.id_of(item)) > after), key=lambda i: int(self.id_of(i)))
        page = newer[:limit]
        link = f'<http://other.example{asked.path}?min_id={self.id_of(page[-1])}>; rel="prev"' if page else ""
        return Reply(body=[self.status(item) for item in reversed(page)], headers={"Link": link} if link else {})

    def number_of(self, record: bytes) -> int:
        return int(json.loads(record)["uri"].rpartition("/")[2])


@dataclass
class RedditHere:
    """One subreddit's comments, newest first, tied by `after`."""

    items: list[Item] = field(default_factory=list)
    secrets: Mapping[str, str] = field(default_factory=lambda: {"client_id": "the-id", "client_secret": SECRET})
    page_size: int = 30
    tokens: list[str] = field(default_factory=list)

    def connector(self, url: str) -> Connector:
        return Reddit(api=url, tokens=f"{url}/token")

    def options(self, url: str) -> Options:
        return RedditOptions(subreddits=("testville",), kinds=("comments",))

    def thing(self, item: Item) -> dict[str, Any]:
        data = {"id": f"c{item.number}", "created_utc": item.at.timestamp(), "body": f"words of {item.number}"}
        return {"kind": "t1", "data": {**data, "author": "ada", "author_fullname": "t2_ada", "edited": False}}

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/token":
            return self._token(asked)
        if asked.headers.get("authorization") not in {f"Bearer {token}" for token in self.tokens[-1:]}:
            return Reply(401, {"message": "Unauthorized", "error": 401})
        if asked.path == "/api/info":
            wanted = set(asked.query["id"][0].split(","))
            return self._listing([item for item in self.items if f"t1_c{item.number}" in wanted], None)
        newest_first = sorted(self.items, key=lambda item: item.at, reverse=True)
        after = asked.query.get("after", [""])[0]
        names = [f"t1_c{item.number}" for item in newest_first]
        start = names.index(after) + 1 if after in names else 0
        size = min(self.page_size, int(asked.query["limit"][0]))
        page = newest_first[start : start + size]
        return self._listing(page, names[start + size - 1] if start + size < len(names) else None)

    def _token(self, asked: Asked) -> Reply:
        pair = f"{self.secrets['client_id']}:{self.secrets['client_secret']}"
        if asked.headers.get("authorization") != f"Basic {base64.b64encode(pair.encode()).decode()}":
            return Reply(401, {"message": "Unauthorized", "error": 401})
        assert asked.form == {"grant_type": ["client_credentials"]}
        self.tokens.append(f"token-{len(self.tokens)}")
        return Reply(body={"access_token": self.tokens[-1], "token_type": "bearer", "expires_in": 86_400})

    def _listing(self, page: Sequence[Item], after: str | None) -> Reply:
        return Reply(
            body={"kind": "Listing", "data": {"after": after, "children": [self.thing(item) for item in page]}}
        )

    def number_of(self, record: bytes) -> int:
        return int(json.loads(record)["data"]["id"][1:])


@dataclass
class YouTubeHere:
    """One video's comments: of every ten items the first begins a thread, and the others answer it."""

    items: list[Item] = field(default_factory=list)
    secrets: Mapping[str, str] = field(default_factory=lambda: {"key": SECRET})
    page_size: int = 4
    inline: int = 1
    """Answers that a thread brings with it."""
    is_open: bool = True

    def connector(self, url: str) -> Connector:
        return YouTube(api=url)

    def options(self, url: str) -> Options:
        return YouTubeOptions(videos=("video1",))

    def comment(self, item: Item) -> dict[str, Any]:
        snippet = {"textDisplay": f"words of {item.number}", "authorChannelId": {"value": "UCada"}}
        times = {"publishedAt": _time(item.at), "updatedAt": _time(item.at)}
        return {"kind": "youtube#comment", "id": f"Ug{item.number}", "snippet": {**snippet, **times}}

    def threads(self) -> list[list[Item]]:
        unique = sorted(set(self.items), key=lambda item: item.number)
        return [unique[start : start + 10] for start in range(0, len(unique), 10)]

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("x-goog-api-key") != self.secrets["key"]:
            return self.refusal(403, "forbidden")
        if asked.path == "/comments":
            return self._comments(asked)
        if not self.is_open:
            return self.refusal(403, "commentsDisabled")
        if asked.path == "/search":
            return Reply(body={"items": [{"id": {"kind": "youtube#video", "videoId": "video2"}}]})
        newest_first = sorted(self.threads(), key=lambda thread: thread[0].at, reverse=True)
        start = self._start(asked)
        if start is None:
            return self.refusal(400, "invalidPageToken")
        page = newest_first[start : start + self.page_size]
        return self._page([self._thread(thread) for thread in page], start + self.page_size, len(newest_first))

    def _comments(self, asked: Asked) -> Reply:
        if "id" in asked.query:
            wanted = set(asked.query["id"][0].split(","))
            return Reply(body={"items": [self.comment(item) for item in self.items if f"Ug{item.number}" in wanted]})
        parent = asked.query["parentId"][0]
        answers = next(thread[1:] for thread in self.threads() if f"Ug{thread[0].number}" == parent)
        start = self._start(asked) or 0
        return self._page([self.comment(item) for item in answers[start : start + 5]], start + 5, len(answers))

    @staticmethod
    def _start(asked: Asked) -> int | None:
        token = asked.query.get("pageToken", ["at0"])[0]
        return int(token[2:]) if token.startswith("at") else None

    @staticmethod
    def _page(found: list[dict[str, Any]], following: int, total: int) -> Reply:
        return Reply(body={"items": found, **({"nextPageToken": f"at{following}"} if following < total else {})})

    def _thread(self, thread: Sequence[Item]) -> dict[str, Any]:
        inline = [self.comment(item) for item in thread[1 : 1 + self.inline]]
        snippet = {"topLevelComment": self.comment(thread[0]), "totalReplyCount": len(thread) - 1}
        return {"kind": "youtube#commentThread", "id": f"Ug{thread[0].number}", "snippet": snippet} | (
            {"replies": {"comments": inline}} if inline else {}
        )

    @staticmethod
    def refusal(status: int, reason: str) -> Reply:
        return Reply(status, {"error": {"code": status, "errors": [{"reason": reason, "domain": "youtube"}]}})

    def number_of(self, record: bytes) -> int:
        return int(json.loads(record)["id"][2:])


@dataclass
class FeedsHere:
    """One RSS feed that knows whether it has changed."""

    items: list[Item] = field(default_factory=list)
    secrets: Mapping[str, str] = field(default_factory=dict)
    head: str = ""

    def connector(self, url: str) -> Connector:
        return Feeds()

    def options(self, url: str) -> Options:
        return FeedOptions(feeds=(f"{url}/rss",))

    def xml(self) -> str:
        entries = "".join(
            f"<item><guid>n{item.number}</guid><title>words of {item.number}</title>"
            f"<author>ada@paper.example (Ada)</author><pubDate>{item.at:%a, %d %b %Y %H:%M:%S} GMT</pubDate></item>"
            for item in self.items
        )
        return (
            f'<?xml version="1.0"?><rss version="2.0"><channel><title>Paper</title>{self.head}{entries}</channel></rss>'
        )

    def answer(self, asked: Asked) -> Reply:
        body = self.xml()
        tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:16]}"'
        if asked.headers.get("if-none-match") == tag:
            return Reply(304)
        return Reply(body=body, headers={"ETag": tag, "Content-Type": "application/rss+xml; charset=utf-8"})

    def number_of(self, record: bytes) -> int:
        return int(json.loads(record)["id"][1:])


@dataclass
class _FormHere:
    """A practitioners' form; every item is a report."""

    items: list[Item] = field(default_factory=list)
    url: str = "https://service.example"
    questions: tuple[str, ...] = ("rater", "area", "date", "rating", "scale", "number")

    @property
    def secrets(self) -> Mapping[str, str]:
        return {"user": "ops@testville.example", "password": SECRET}

    @property
    def form(self) -> Form:
        report = {"rater": "r1", "area": "W1", "rating": "3", "scale": "1-5"}
        return Form(
            {item.number: Submission(item.number, {**report, "date": _time(item.at)}, item.at) for item in self.items}
        )


@dataclass
class KoboHere(_FormHere):
    """API v2, ten submissions a page."""

    @property
    def secrets(self) -> Mapping[str, str]:
        return {"token": SECRET}

    def connector(self, url: str) -> Connector:
        return Kobo()

    def options(self, url: str) -> Options:
        self.url = url
        return KoboOptions(server=url, form="aForm1")

    def answer(self, asked: Asked) -> Reply:
        return kobo_answering(self.form, page=10, base=lambda: self.url, group="", questions=self.questions)(asked)

    def number_of(self, record: bytes) -> int:
        return int(json.loads(record)["_id"])


@dataclass
class OdkHere(_FormHere):
    """OData, ten submissions a page."""

    def connector(self, url: str) -> Connector:
        return Odk()

    def options(self, url: str) -> Options:
        self.url = url
        return OdkOptions(server=url, project=7, form="pulse one")

    def answer(self, asked: Asked) -> Reply:
        return odk_answering(self.form, page=10, base=lambda: self.url, questions=self.questions)(asked)

    def number_of(self, record: bytes) -> int:
        return int(json.loads(record)["__id"].removeprefix("uuid:"))


@dataclass
class LimeSurveyHere(_FormHere):
    """RemoteControl 2."""

    keys: list[str] = field(default_factory=list)

    def connector(self, url: str) -> Connector:
        return LimeSurvey()

    def options(self, url: str) -> Options:
        return LimeSurveyOptions(server=f"{url}/rc", survey=4711, timezone="UTC")

    def answer(self, asked: Asked) -> Reply:
        return limesurvey_answering(self.form, keys=self.keys, questions=self.questions)(asked)

    def number_of(self, record: bytes) -> int:
        return int(json.loads(record)["id"])


@dataclass
class Open311Here:
    """Service requests, ten a page."""

    items: list[Item] = field(default_factory=list)
    secrets: Mapping[str, str] = field(default_factory=dict)

    def connector(self, url: str) -> Connector:
        return Open311()

    def options(self, url: str) -> Options:
        return Open311Options(endpoint=url, page_size=10, begin_days=30)

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/services.json":
            return Reply(body=[])
        begin, end = asked.query["start_date"][0], asked.query["end_date"][0]
        found = [item for item in self.items if begin <= _time(item.at) <= end]
        first = (int(asked.query["page"][0]) - 1) * 10
        page = found[first : first + 10]
        return Reply(
            body=[{"service_request_id": str(one.number), "requested_datetime": _time(one.at)} for one in page]
        )

    def number_of(self, record: bytes) -> int:
        return int(json.loads(record)["service_request_id"])


SERVICES: tuple[Callable[[], Here], ...] = (
    MastodonHere,
    RedditHere,
    YouTubeHere,
    FeedsHere,
    KoboHere,
    OdkHere,
    LimeSurveyHere,
    Open311Here,
)


@dataclass
class DirectWeb:
    """A `Web` without sockets and without patience, for tests with many examples; fails as `fails` says."""

    answer: Callable[[Asked], Reply]
    fails: Iterator[bool] = field(default_factory=lambda: iter(()))
    stream: Web | None = None
    """Whose WebSockets are used."""

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
    ) -> Answer:
        given = {name: value if isinstance(value, list) else [str(value)] for name, value in (params or {}).items()}
        url, _, query = url.partition("?")
        return self._asked("GET", url, {**parse_qs(query), **given}, headers, b"")

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
        form = "&".join(f"{name}={value}" for name, value in (data or {}).items())
        body = form.encode() if json is None else msgspec.json.encode(json)
        return self._asked("POST", url, {}, headers, body)

    def put(self, url: str, *, content: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        return self._asked("PUT", url, {}, headers, content)

    def frames(self, url: str, **values: Any) -> AbstractContextManager[Iterator[bytes]]:
        if self.stream is None:
            raise ServiceUnavailable("no sockets here")
        return self.stream.frames(url, **values)

    def note(self, *, records: int, cursor: Any) -> None:
        json.dumps(cursor)

    def _asked(
        self, method: str, url: str, query: dict[str, list[str]], headers: Mapping[str, str] | None, body: bytes
    ) -> Answer:
        if next(self.fails, False):
            raise ServiceUnavailable("broke off", status="truncated")
        path = "/" + url.partition("://")[2].partition("/")[2]
        asked = Asked(method, path, query, {name.lower(): value for name, value in (headers or {}).items()}, body)
        reply = self.answer(asked)
        return Answer(reply.status, {name.lower(): v for name, v in reply.headers.items()}, reply.as_bytes(), url)


def numbers(here: Here, pages: Iterable[Page]) -> list[int]:
    """Numbers of all items on the pages, in their order."""
    return [here.number_of(record) for page in pages for record in page.records]
