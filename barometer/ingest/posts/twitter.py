"""Twitter API v1.1 JSON, one object a line: tweets, extended tweets, retweets, deletion notices.

An object may be wrapped as in the RumourEval collection, {"kind": "source"|"reply", "data": tweet}. Lines that are
not tweets (a thread's structure, limit and withheld notices, users) are out of scope, and so are tweets of protected
accounts, which are not public. A retweet is kept with the text of what it repeats, and without that tweet's counts.
"""

from __future__ import annotations

import html
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from barometer.ingest.posts.jsonlines import NOT_THERE, JsonPosts, is_there, nested
from barometer.ingest.posts.post import Post, Takedown, Unusable, plausible
from barometer.ingest.source import Context

PLATFORM = "twitter"
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_NO_LANGUAGE = frozenset({"und", "qam", "qct", "qht", "qme", "qst", "zxx", "art"})


class _User(msgspec.Struct):
    id: int | str | None = None
    id_str: str | None = None
    location: str | None = None
    protected: bool | None = None


class _Point(msgspec.Struct):
    type: str
    coordinates: tuple[float, float]


class _Place(msgspec.Struct):
    full_name: str | None = None
    name: str | None = None


class _Extended(msgspec.Struct):
    full_text: str | None = None


class _Repeated(msgspec.Struct):
    id: int | str | None = None
    id_str: str | None = None
    text: str | None = None
    full_text: str | None = None
    extended_tweet: _Extended | None = None


class _Tweet(_Repeated):
    created_at: str | None = None
    user: _User | None = None
    lang: str | None = None
    in_reply_to_status_id: int | str | None = None
    in_reply_to_status_id_str: str | None = None
    retweet_count: int | None = None
    favorite_count: int | None = None
    coordinates: _Point | None = None
    place: _Place | None = None
    retweeted_status: _Repeated | None = None


class _Deleted(msgspec.Struct):
    id: int | str | None = None
    id_str: str | None = None


class _Notice(msgspec.Struct):
    status: _Deleted
    timestamp_ms: int | str | None = None


class _Envelope(msgspec.Struct):
    """Only what tells a tweet from the other things a file of tweets holds."""

    kind: str | None = None
    data: msgspec.Raw = NOT_THERE
    delete: _Notice | None = None
    id: msgspec.Raw = NOT_THERE
    id_str: msgspec.Raw = NOT_THERE
    text: msgspec.Raw = NOT_THERE
    full_text: msgspec.Raw = NOT_THERE

    @property
    def ids(self) -> tuple[msgspec.Raw, ...]:
        return self.id, self.id_str

    @property
    def texts(self) -> tuple[msgspec.Raw, ...]:
        return self.text, self.full_text


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_TWEET = msgspec.json.Decoder(_Tweet)


def _read(data: bytes, context: Context) -> Post | Takedown | None:
    envelope = _ENVELOPE.decode(data)
    if envelope.delete is not None:
        return _takedown(envelope.delete, context)
    if is_there(envelope.data) and envelope.kind is not None:
        return _read(bytes(envelope.data), context) if envelope.kind in ("source", "reply") else None
    has_id, has_text = (any(map(is_there, raws)) for raws in (envelope.ids, envelope.texts))
    return _post(_TWEET.decode(data)) if has_id and has_text else None


def _post(tweet: _Tweet) -> Post | None:
    if tweet.user is None:
        raise Unusable("missing_field", "user is missing: export tweets with their users", "user")
    if tweet.user.protected:
        return None
    repeated = tweet.retweeted_status
    point = tweet.coordinates.coordinates if tweet.coordinates else (None, None)
    return Post(
        platform=PLATFORM,
        id=_id(tweet.id_str, tweet.id, "id_str"),
        author=_id(tweet.user.id_str, tweet.user.id, "user.id_str"),
        created_at=_time(tweet.created_at),
        text=_text(repeated or tweet),
        language=None if tweet.lang in _NO_LANGUAGE else tweet.lang,
        reply_to=_optional_id(tweet.in_reply_to_status_id_str, tweet.in_reply_to_status_id),
        repost_of=_id(repeated.id_str, repeated.id, "retweeted_status.id_str") if repeated else None,
        reach=None if repeated else _reach(tweet),
        longitude=point[0],
        latitude=point[1],
        platform_place=(tweet.place.full_name or tweet.place.name) if tweet.place else None,
        profile_place=tweet.user.location or None,
    )


def _takedown(notice: _Notice, context: Context) -> Takedown:
    post_id = _id(notice.status.id_str, notice.status.id, "delete.status.id_str")
    return Takedown(platform=PLATFORM, kind="post", id=post_id, at=_notice_time(notice, context), reason="deleted")


def _notice_time(notice: _Notice, context: Context) -> datetime:
    if notice.timestamp_ms is None:
        return context.horizon
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(notice.timestamp_ms))
    except (ValueError, OverflowError):
        raise Unusable("invalid_date", "delete.timestamp_ms is not a time", "delete.timestamp_ms") from None
    return plausible(at, "delete.timestamp_ms", context)


def _text(tweet: _Repeated) -> str:
    extended = tweet.extended_tweet.full_text if tweet.extended_tweet else None
    return html.unescape(extended or tweet.full_text or tweet.text or "")


def _reach(tweet: _Tweet) -> int | None:
    counts = [count for count in (tweet.retweet_count, tweet.favorite_count) if count is not None]
    return sum(counts) if counts else None


def _id(text: str | None, number: int | str | None, field: str) -> str:
    found = _optional_id(text, number)
    if found is None:
        raise Unusable("missing_field", f"{field} is missing: export tweets whole", field)
    return found


def _optional_id(text: str | None, number: int | str | None) -> str | None:
    return text or (None if number is None else str(number))


def _time(stated: str | None) -> datetime:
    """`Wed Aug 27 13:08:45 +0000 2008`; Twitter always writes UTC."""
    try:
        _, month, day, clock, _, year = (stated or "").split()
        hour, minute, second = clock.split(":")
        return datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except (ValueError, KeyError):
        reason = "created_at is not a Twitter time (Wed Aug 27 13:08:45 +0000 2008): export tweets unchanged"
        raise Unusable("invalid_date", reason, "created_at") from None


def _names(record: dict[str, Any], context: Context) -> tuple[str, Any, Any]:
    tweet = record["data"] if isinstance(record.get("data"), dict) else record
    author = nested(tweet, "user", "id_str") or nested(tweet, "user", "id")
    return PLATFORM, tweet.get("id_str") or tweet.get("id"), author


PARSER = JsonPosts(_read, _names)
