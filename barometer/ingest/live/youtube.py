"""YouTube: comments on given videos, on a channel's videos, and, if asked for, on videos a search finds.

`commentThreads.list` and `comments.list` cost 1 unit of the key's daily quota, `search.list` 100; the day is that of
the Pacific (https://developers.google.com/youtube/v3/determine_quota_cost). Units are counted in the bookmark before a
request is sent, so that the quota is never exceeded. Threads come newest first: a walk goes back to where the last one
began and a few days further, as old threads get new answers. A walk that is cut short goes on at its page token, or
from the top where the token is no longer known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from pydantic import Field, model_validator

from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable, SourceFailed
from barometer.ingest.live.connector import Call, Cursor, Options, Page, Secret
from barometer.ingest.live.several import Params, decoded, each, until

API = "https://www.googleapis.com/youtube/v3"
PAGE_SIZE = 100
LOOK_UP_SIZE = 50
DAILY_UNITS = 10_000
"""What a key has a day unless Google grants more: https://developers.google.com/youtube/v3/getting-started#quota"""
SEARCH_UNITS = 100
PACIFIC = ZoneInfo("America/Los_Angeles")
_MOST_FOUND = 50
_CLOSED = "commentsDisabled"
_NO_QUOTA = frozenset({"quotaExceeded", "dailyLimitExceeded", "rateLimitExceeded", "userRateLimitExceeded"})
_NO_SUCH_PAGE = frozenset({"invalidPageToken", "processingFailure"})


class YouTubeOptions(Options):
    """Which comments, and how much of the quota they may cost."""

    videos: tuple[str, ...] = Field(default=(), description="ids of videos whose comments are read")
    channels: tuple[str, ...] = Field(default=(), description="ids of channels (UC…): comments on all their videos")
    search_terms: tuple[str, ...] = Field(
        default=(), description="words videos are searched by, each night, for 100 units a term"
    )
    follow_days: float = Field(default=14, gt=0, description="days a found video's comments are read")
    days_back: float = Field(default=30, ge=0, description="days the first reading goes back")
    overlap_days: float = Field(default=3, ge=0, description="days read again each time, for late answers")
    daily_units: int = Field(default=DAILY_UNITS, ge=1, description="units of the key's daily quota that may be used")

    @model_validator(mode="after")
    def _asks_for_something(self) -> YouTubeOptions:
        if not (self.videos or self.channels or self.search_terms):
            raise ValueError("name at least one of videos, channels or search_terms")
        return self


class _Page(msgspec.Struct, rename="camel"):
    items: list[msgspec.Raw] = []
    next_page_token: str | None = None


class _Snippet(msgspec.Struct, rename="camel"):
    published_at: datetime


class _Comment(msgspec.Struct):
    id: str
    snippet: _Snippet


class _ThreadSnippet(msgspec.Struct, rename="camel"):
    top_level_comment: msgspec.Raw
    total_reply_count: int = 0


class _Replies(msgspec.Struct):
    comments: list[msgspec.Raw] = []


class _Thread(msgspec.Struct):
    id: str
    snippet: _ThreadSnippet
    replies: _Replies = msgspec.field(default_factory=_Replies)


class _VideoId(msgspec.Struct, rename="camel"):
    video_id: str | None = None


class _Found(msgspec.Struct):
    id: _VideoId


@dataclass
class _Reading:
    """One reading: the units used today, where each walk is, and since when each video was found."""

    call: Call
    api: str
    used: int
    places: dict[str, dict[str, str]]
    found: dict[str, str]

    @property
    def options(self) -> YouTubeOptions:
        return self.call.options  # type: ignore[no-any-return]

    @property
    def day(self) -> str:
        return self.call.started_at.astimezone(PACIFIC).date().isoformat()

    def page(self, records: Sequence[bytes]) -> Page:
        cursor: Cursor = {
            "quota": {"day": self.day, "units": self.used},
            "places": {name: dict(place) for name, place in self.places.items()},
            "found": dict(self.found),
        }
        self.call.web.note(records=len(records), cursor=cursor)
        return Page(records, cursor)

    def ask(self, resource: str, params: Params, *, units: int = 1) -> _Page:
        """One page of a resource. Raises `ServiceUnavailable` rather than exceed the quota."""
        if self.used + units > self.options.daily_units:
            words = f"{self.used} of {self.options.daily_units} units of today's quota are used: the rest is read when"
            advice = "the Pacific's day is over; ask for less, or raise daily_units if the key has more"
            raise ServiceUnavailable(f"YouTube: {words} {advice}", code="quotaExceeded")
        self.used += units
        headers = {"X-Goog-Api-Key": self.call.secrets["key"]}
        try:
            answer = self.call.web.get(f"{self.api}/{resource}", params=params, headers=headers)
        except NotPermitted as refusal:
            raise _in_words(refusal) from None
        return decoded(answer, _Page, f"a list of {resource}")


@dataclass(frozen=True)
class YouTube:
    """A `Connector`; also looks comments up again for `recheck.py`."""

    service: str = "youtube"
    title: str = "YouTube comments"
    signals: tuple[str, ...] = ("posts",)
    format: str = "youtube"
    options: type[Options] = YouTubeOptions
    secrets: tuple[Secret, ...] = (
        Secret("key", "an API key: console.cloud.google.com, enable YouTube Data API v3, Credentials, API key"),
    )
    requests_per_second: float = 5.0
    terms: str = (
        "Stored data is deleted or refreshed within 30 days and deleted with its source "
        "(https://developers.google.com/youtube/terms/developer-policies)."
    )
    api: str = API
    platform: str = "youtube"
    look_up_size: int = LOOK_UP_SIZE
    look_ups_a_night: int = 1_000

    def pages(self, call: Call, cursor: Cursor | None) -> Iterator[Page]:
        """New comments, and comments of threads of the last days again. See `Connector.pages`."""
        reading = self._reading(call, cursor or {})
        videos = [partial(_walk, reading, "videoId", one) for one in reading.options.videos]
        channels = [partial(_walk, reading, "allThreadsRelatedToChannelId", one) for one in reading.options.channels]
        yield from each([partial(_search, reading), *videos, *channels])
        yield from each([partial(_walk, reading, "videoId", one) for one in list(reading.found)])

    def probe(self, call: Call) -> str:
        """Ask for one comment of the first video or channel, or for YouTube's languages, for 1 unit."""
        reading = self._reading(call, {})
        options = reading.options
        try:
            if options.videos or options.channels:
                kind, one = _first(options)
                reading.ask("commentThreads", {"part": "id", kind: one, "maxResults": 1})
            else:
                reading.ask("i18nLanguages", {"part": "snippet"})
        except NotPermitted as refusal:
            if refusal.code != _CLOSED:
                raise
            return "YouTube answers, but the first video's comments are switched off"
        return f"YouTube answers; {options.daily_units} units a day may be used"

    def look_up(self, call: Call, ids: Sequence[str]) -> Sequence[bytes]:
        """Comments that are still there, of up to 50 by their ids; see `lookups.Lookup`."""
        reading = self._reading(call, {})
        params = {"part": "snippet", "id": ",".join(ids), "textFormat": "plainText"}
        return [bytes(raw) for raw in reading.ask("comments", params).items]

    def alias(self, call: Call, platform_id: str) -> str:
        """Nothing takes them back by another name."""
        return ""

    def name_of(self, record: bytes) -> str:
        """A comment's id."""
        return _comment(record).id

    def _reading(self, call: Call, cursor: Mapping[str, Any]) -> _Reading:
        reading = _Reading(call, self.api, 0, dict(cursor.get("places", {})), dict(cursor.get("found", {})))
        quota = cursor.get("quota", {})
        reading.used = int(quota.get("units", 0)) if quota.get("day") == reading.day else 0
        return reading


def _first(options: YouTubeOptions) -> tuple[str, str]:
    if options.videos:
        return "videoId", options.videos[0]
    return "allThreadsRelatedToChannelId", options.channels[0]


def _walk(reading: _Reading, kind: str, one: str) -> Iterator[Page]:
    """Threads of a video or channel, newest first, back to where the last walk began and some days further."""
    place = dict(reading.places.get(one, {}))
    reach, is_resumed = _reach(reading, place), "token" in place
    while True:
        try:
            page = _threads(reading, kind, one, place.get("token"))
        except NotPermitted as refusal:
            if refusal.code != _CLOSED:
                raise
            return
        except ServiceRefused as refusal:
            if refusal.code not in _NO_SUCH_PAGE or "token" not in place:
                raise
            place = {name: value for name, value in place.items() if name == "newest"}
            continue
        threads = [_thread(bytes(raw)) for raw in page.items]
        times = [_comment(bytes(thread.snippet.top_level_comment)).snippet.published_at for thread in threads]
        records = [record for thread in threads for record in _comments(reading, thread)]
        place.setdefault("top", max((at.isoformat() for at in times if at <= until(reading.call)), default=""))
        is_last = page.next_page_token is None or any(at < reach for at in times)
        reading.places[one] = _moved(place, page.next_page_token, is_last=is_last)
        place = dict(reading.places[one])
        yield reading.page([record for record in records if _is_in_time(record, reading)])
        if is_last:
            break
    if is_resumed:
        # What was written since the walk was cut short stands above the place where it went on.
        yield from _walk(reading, kind, one)


def _reach(reading: _Reading, place: Mapping[str, str]) -> datetime:
    options = reading.options
    if place.get("newest"):
        return datetime.fromisoformat(place["newest"]) - timedelta(days=options.overlap_days)
    return until(reading.call) - timedelta(days=options.days_back)


def _moved(place: Mapping[str, str], token: str | None, *, is_last: bool) -> dict[str, str]:
    """Where the next walk begins: its mark moves only when this one is done, as threads come newest first."""
    if is_last:
        newest = max(place.get("newest", ""), place["top"])
        return {"newest": newest} if newest else {}
    return {**place, "token": token or ""}


def _threads(reading: _Reading, kind: str, one: str, token: str | None) -> _Page:
    asked: Params = {
        "part": "snippet,replies",
        kind: one,
        "order": "time",
        "textFormat": "plainText",
        "maxResults": PAGE_SIZE,
    }
    return reading.ask("commentThreads", {**asked, **({"pageToken": token} if token else {})})


def _comments(reading: _Reading, thread: _Thread) -> list[bytes]:
    """A thread's first comment and all answers; those that did not fit into the thread are asked for."""
    first, answers = bytes(thread.snippet.top_level_comment), [bytes(raw) for raw in thread.replies.comments]
    if thread.snippet.total_reply_count > len(answers):
        answers = list(_answers(reading, thread.id))
    return [first, *answers]


def _answers(reading: _Reading, parent: str) -> Iterator[bytes]:
    token: str | None = ""
    while token is not None:
        asked: Params = {"part": "snippet", "parentId": parent, "textFormat": "plainText", "maxResults": PAGE_SIZE}
        page = reading.ask("comments", {**asked, **({"pageToken": token} if token else {})})
        yield from (bytes(raw) for raw in page.items)
        token = page.next_page_token


def _search(reading: _Reading) -> Iterator[Page]:
    """Look for videos of the last days, and forget those that were found too long ago."""
    now = until(reading.call)
    oldest = now - timedelta(days=reading.options.follow_days)
    for old in [video for video, since in reading.found.items() if datetime.fromisoformat(since) < oldest]:
        del reading.found[old]
        reading.places.pop(old, None)
    for term in reading.options.search_terms:
        asked: Params = {"part": "id", "type": "video", "q": term, "order": "date", "maxResults": _MOST_FOUND}
        page = reading.ask("search", {**asked, "publishedAfter": f"{oldest:%Y-%m-%dT%H:%M:%SZ}"}, units=SEARCH_UNITS)
        for raw in page.items:
            video = msgspec.json.decode(raw, type=_Found).id.video_id
            if video and video not in reading.options.videos:
                reading.found.setdefault(video, now.isoformat())
        yield reading.page([])


def _thread(raw: bytes) -> _Thread:
    try:
        return msgspec.json.decode(raw, type=_Thread)
    except msgspec.MsgspecError:
        raise ServiceRefused("YouTube answered threads without a first comment: has its API changed?") from None


def _comment(raw: bytes) -> _Comment:
    try:
        return msgspec.json.decode(raw, type=_Comment)
    except msgspec.MsgspecError:
        raise ServiceRefused("YouTube answered comments without id or publishedAt: has its API changed?") from None


def _is_in_time(record: bytes, reading: _Reading) -> bool:
    return _comment(record).snippet.published_at <= until(reading.call)


def _in_words(refusal: NotPermitted) -> SourceFailed:
    """Quota and comments that are switched off come as 403 too, with their own code."""
    if refusal.code in _NO_QUOTA:
        words = "the key's quota is used up: read again when the Pacific's day is over, or ask Google for more"
        return ServiceUnavailable(f"YouTube: {words}", status=refusal.status, code=refusal.code)
    return refusal


CONNECTOR = YouTube()
