"""Bluesky Jetstream events, one a line (https://docs.bsky.app/blog/jetstream).

Creates and updates of `app.bsky.feed.post` are posts; its deletes, and accounts that are no longer there, are
removals. All other collections (likes, follows, profiles, …), identity events and accounts coming back are out of
scope. So are reposts: a repost event has no text and Jetstream counts no reach, so there is nothing of it to keep.

The time of a version is the time of its event, set by Jetstream: `createdAt` is whatever the author's client says,
and a delete must always be later than the post it deletes. A deleted or deactivated account takes back what it posted
until then; if it comes back, what it posts afterwards is read again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from barometer.ingest.posts.jsonlines import NOT_THERE, JsonPosts, is_there, nested
from barometer.ingest.posts.post import Post, Takedown, Unusable, plausible
from barometer.ingest.source import Context

PLATFORM = "bluesky"
_POSTS = "app.bsky.feed.post"
_GONE = frozenset({"deleted", "takendown", "deactivated", "suspended"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MICROSECOND = int((datetime.max.replace(tzinfo=UTC) - _EPOCH) / timedelta(microseconds=1))


class _Commit(msgspec.Struct):
    operation: str
    collection: str
    rkey: str
    record: msgspec.Raw = NOT_THERE


class _Account(msgspec.Struct):
    active: bool
    status: str | None = None


class _Event(msgspec.Struct):
    did: str
    time_us: int
    kind: str
    commit: _Commit | None = None
    account: _Account | None = None


class _Link(msgspec.Struct):
    uri: str


class _Reply(msgspec.Struct):
    parent: _Link


class _PostRecord(msgspec.Struct):
    text: str
    created_at: datetime = msgspec.field(name="createdAt")
    langs: list[str] | None = None
    reply: _Reply | None = None


_EVENT = msgspec.json.Decoder(_Event)
_POST = msgspec.json.Decoder(_PostRecord)


def _read(data: bytes, context: Context) -> Post | Takedown | None:
    event = _EVENT.decode(data)
    if event.commit is not None and event.commit.collection == _POSTS:
        return _of_commit(event, event.commit, context)
    if event.account is not None and not event.account.active and event.account.status in {*_GONE, None}:
        at = _event_time(event, context)
        return Takedown(platform=PLATFORM, kind="author", id=event.did, at=at, reason="account_deleted")
    if event.kind == "commit" and event.commit is None:
        raise Unusable("missing_field", "commit is missing in a commit event: fetch the event again", "commit")
    return None


def _of_commit(event: _Event, commit: _Commit, context: Context) -> Post | Takedown:
    uri = f"at://{event.did}/{_POSTS}/{commit.rkey}"
    at = _event_time(event, context)
    if commit.operation == "delete":
        return Takedown(platform=PLATFORM, kind="post", id=uri, at=at, reason="deleted")
    if commit.operation not in ("create", "update"):
        raise Unusable("unknown_operation", "commit.operation is not create, update or delete", "commit.operation")
    if not is_there(commit.record):
        raise Unusable("missing_field", "commit.record is missing: fetch the event again", "commit.record")
    return _post(_POST.decode(commit.record), uri, event.did, at, context)


def _post(record: _PostRecord, uri: str, did: str, at: datetime, context: Context) -> Post:
    return Post(
        platform=PLATFORM,
        id=uri,
        author=did,
        # A client whose clock is fast must not date a post after its own event.
        created_at=min(plausible(record.created_at, "commit.record.createdAt", context), at),
        version_at=at,
        text=record.text,
        language=record.langs[0] if record.langs else None,
        reply_to=record.reply.parent.uri if record.reply else None,
    )


def _event_time(event: _Event, context: Context) -> datetime:
    if not 0 <= event.time_us <= _LAST_MICROSECOND:
        raise Unusable("implausible_date", "time_us is not a time in microseconds since 1970", "time_us")
    return plausible(_EPOCH + timedelta(microseconds=event.time_us), "time_us", context)


def _names(record: dict[str, Any], context: Context) -> tuple[str, Any, Any]:
    did, rkey = record.get("did"), nested(record, "commit", "rkey")
    is_post = nested(record, "commit", "collection") == _POSTS and isinstance(did, str) and isinstance(rkey, str)
    return PLATFORM, f"at://{did}/{_POSTS}/{rkey}" if is_post else None, did


PARSER = JsonPosts(_read, _names)
