"""Reddit: new posts and comments of subreddits, by an application's own credentials.

A listing comes newest first in pages of 100 tied by `after`, and ends after about 1,000 things
(https://www.reddit.com/dev/api#listings). A walk goes back to the time where the last one began. `before` is not used:
a listing before a thing that was deleted since is empty, as if there was nothing new. Where a listing ends before the
time it should reach, things were missed, and the page says so.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

import msgspec
from pydantic import Field

from barometer.errors import NotPermitted, ServiceRefused
from barometer.ingest.live.connector import Call, Cursor, Options, Page, Secret
from barometer.ingest.live.several import bearer, decoded, each, until
from barometer.ingest.live.web import Answer

API = "https://oauth.reddit.com"
TOKENS = "https://www.reddit.com/api/v1/access_token"
PAGE_SIZE = 100
LISTING_END = 900
"""A listing that ends after so many things has come to Reddit's limit, not to the subreddit's first post."""
_MOST_PAGES = 20


class RedditOptions(Options):
    """Which subreddits."""

    subreddits: tuple[str, ...] = Field(min_length=1, description="names of subreddits, without r/")
    kinds: tuple[Literal["new", "comments"], ...] = Field(
        default=("new", "comments"), min_length=1, description="posts (new), comments, or both"
    )
    days_back: float = Field(default=7, ge=0, description="days the first reading goes back")
    overlap_hours: float = Field(default=1, ge=0, description="hours read again each time, for what appeared late")

    @property
    def listings(self) -> list[str]:
        """What each listing is called in the bookmark and at Reddit."""
        return [f"{name.removeprefix('r/').lower()}/{kind}" for name in self.subreddits for kind in self.kinds]


class _Data(msgspec.Struct):
    children: list[msgspec.Raw] = []
    after: str | None = None


class _Listing(msgspec.Struct):
    data: _Data


class _Facts(msgspec.Struct):
    created_utc: float
    id: str


class _Thing(msgspec.Struct):
    kind: str
    data: _Facts


class _Token(msgspec.Struct):
    access_token: str


@dataclass
class _Reading:
    """One reading: the bookmarks as they move, and the token, which is asked for once and again when it is too old."""

    call: Call
    api: str
    tokens: str
    marks: dict[str, float]
    token: str = ""

    @property
    def options(self) -> RedditOptions:
        return self.call.options  # type: ignore[no-any-return]

    def page(self, records: Sequence[bytes], *, has_gap: bool = False) -> Page:
        cursor: Cursor = {"listings": dict(self.marks)}
        self.call.web.note(records=len(records), cursor=cursor)
        return Page(records, cursor, has_gap)

    def ask(self, path: str, params: Mapping[str, str | int]) -> Answer:
        is_fresh = not self.token
        try:
            return self._ask_once(path, params)
        except NotPermitted as refusal:
            if refusal.status != "401" or is_fresh:
                raise
        self.token = ""
        return self._ask_once(path, params)

    def _ask_once(self, path: str, params: Mapping[str, str | int]) -> Answer:
        self.token = self.token or _new_token(self.call, self.tokens)
        return self.call.web.get(f"{self.api}/{path}", params={**params, "raw_json": 1}, headers=bearer(self.token))


@dataclass(frozen=True)
class Reddit:
    """A `Connector`; also looks things up again for `recheck.py`."""

    service: str = "reddit"
    title: str = "Reddit"
    signals: tuple[str, ...] = ("posts",)
    format: str = "reddit"
    options: type[Options] = RedditOptions
    secrets: tuple[Secret, ...] = (
        Secret("client_id", "the id of an approved application (reddit.com/prefs/apps): below its name"),
        Secret("client_secret", "the application's secret, shown when it is edited"),
    )
    requests_per_second: float = 100 / 60
    terms: str = (
        "What is deleted on Reddit is deleted here, and the Data API needs Reddit's approval "
        "(https://www.redditinc.com/policies/data-api-terms)."
    )
    api: str = API
    tokens: str = TOKENS
    platform: str = "reddit"
    look_up_size: int = 100
    look_ups_a_night: int = 2_000

    def pages(self, call: Call, cursor: Cursor | None) -> Iterator[Page]:
        """New things of every listing, each newest first. See `Connector.pages`."""
        reading = self._reading(call, cursor or {})
        return each([partial(_walk, reading, name) for name in reading.options.listings])

    def probe(self, call: Call) -> str:
        """Ask each listing for one thing."""
        reading = self._reading(call, {})
        for name in reading.options.listings:
            _listed(reading, name, {"limit": 1})
        return f"Reddit shows {', '.join(f'r/{name}' for name in reading.options.listings)}"

    def look_up(self, call: Call, ids: Sequence[str]) -> Sequence[bytes]:
        """Things that are still there, of up to 100 by their fullnames; see `lookups.Lookup`."""
        answer = self._reading(call, {}).ask("api/info", {"id": ",".join(ids)})
        return [bytes(raw) for raw in decoded(answer, _Listing, "a listing").data.children]

    def alias(self, call: Call, platform_id: str) -> str:
        """Nothing takes them back by another name."""
        return ""

    def name_of(self, record: bytes) -> str:
        """A thing's fullname."""
        thing = msgspec.json.decode(record, type=_Thing)
        return f"{thing.kind}_{thing.data.id}"

    def _reading(self, call: Call, cursor: Mapping[str, Any]) -> _Reading:
        return _Reading(call, self.api, self.tokens, dict(cursor.get("listings", {})))


def _new_token(call: Call, address: str) -> str:
    """A token for the application itself (https://github.com/reddit-archive/reddit/wiki/OAuth2)."""
    pair = f"{call.secrets['client_id']}:{call.secrets['client_secret']}".encode()
    headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    answer = call.web.post(address, data={"grant_type": "client_credentials"}, headers=headers)
    try:
        return decoded(answer, _Token, "a token").access_token
    except ServiceRefused:
        # Reddit says so with status 200 and {"error": …}.
        words = (
            "Reddit gives no token for client_id and client_secret: check both, and that the application is approved"
        )
        raise NotPermitted(words, status=str(answer.status)) from None


def _walk(reading: _Reading, name: str) -> Iterator[Page]:
    """Things of one listing, newest first, back to its mark; the mark moves when the walk is done."""
    mark, newest, seen, after = reading.marks.get(name), 0.0, 0, ""
    reach = _reach(reading, mark)
    for number in range(1, _MOST_PAGES + 1):
        listing = _listed(reading, name, {"limit": PAGE_SIZE, **({"after": after} if after else {})})
        found = [(_thing(bytes(raw)), bytes(raw)) for raw in listing.children]
        seen += len(found)
        known = [(thing, raw) for thing, raw in found if _written_at(thing) <= until(reading.call)]
        newest = max([newest, *(thing.data.created_utc for thing, _ in known)])
        is_reached = any(_written_at(thing) <= reach for thing, _ in found)
        is_last = is_reached or not listing.after or number == _MOST_PAGES
        if is_last and newest:
            reading.marks[name] = max(mark or 0.0, newest)
        has_gap = is_last and not is_reached and seen >= LISTING_END
        yield reading.page([raw for thing, raw in known if _written_at(thing) >= reach], has_gap=has_gap)
        if is_last:
            return
        after = listing.after or ""


def _reach(reading: _Reading, mark: float | None) -> datetime:
    if mark is None:
        return until(reading.call) - timedelta(days=reading.options.days_back)
    return datetime.fromtimestamp(mark, UTC) - timedelta(hours=reading.options.overlap_hours)


def _listed(reading: _Reading, name: str, params: Mapping[str, str | int]) -> _Data:
    return decoded(reading.ask(f"r/{name}", params), _Listing, "a listing").data


def _thing(raw: bytes) -> _Thing:
    try:
        return msgspec.json.decode(raw, type=_Thing)
    except msgspec.MsgspecError:
        raise ServiceRefused("Reddit answered things without kind, id or created_utc: has its API changed?") from None


def _written_at(thing: _Thing) -> datetime:
    return datetime.fromtimestamp(thing.data.created_utc, UTC)


CONNECTOR = Reddit()
