"""Bluesky posts in three forms: Jetstream events (`jetstream`, https://docs.bsky.app/blog/jetstream), frames of
Jetstream's newer stream (`jetstream_events`, lexicon network.bsky.jetstream.subscribeEvents) and hits of a search
(`bluesky_search`, lexicon app.bsky.feed.defs#postView). One a line; a post has the same id in all three.

| event | becomes |
|---|---|
| commit of `app.bsky.feed.post`: create | a post |
| update | a newer version; if the city's terms no longer are in it, a removal of the older ones |
| delete | a removal of the post |
| account, not active: deleted, deactivated, suspended, takendown, or not said why | a removal of all it posted |
| account, not active: throttled, desynchronized; active again | out of scope |
| sync: its repository was replaced; what is still in it follows as creates | a removal of all it posted before |
| identity, info, commits of other collections (likes, follows, profiles, reposts, …) | out of scope |
| a search hit of an account that asks not to be shown to visitors (`!no-unauthenticated`) | out of scope |

An account that comes back is read again from then on. A repost has no text and Jetstream counts no reach, so there is
nothing of it to keep. The time of a version is the time of its event, set by Jetstream: `createdAt` is whatever the
author's client says, and a delete must always be later than the post it deletes. A search hit does not tell when the
event was, so its version is as old as the post: no delete is older.

Options `terms`, `places` and `languages` limit what is kept (see `scope.py`); a search has asked for the terms already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from barometer.ingest.posts.jsonlines import NOT_THERE, JsonPosts, Namer, is_there, nested
from barometer.ingest.posts.post import Post, Takedown, Unusable, plausible
from barometer.ingest.posts.scope import Scope, scope_of
from barometer.ingest.source import Context, Line, Part, RemovalReason

PLATFORM = "bluesky"
_POSTS = "app.bsky.feed.post"
_GONE = frozenset({"deleted", "takendown", "deactivated", "suspended"})
_NOT_FOR_VISITORS = "!no-unauthenticated"
_OTHER_OPERATIONS = (b'"update"', b'"delete"')
_MICROSECOND = timedelta(microseconds=1)
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


class _Commit2(_Commit, tag_field="$type", tag="network.bsky.jetstream.subscribeEvents#commit", kw_only=True):
    did: str
    time: datetime


class _Account2(msgspec.Struct, tag_field="$type", tag="network.bsky.jetstream.subscribeEvents#account"):
    did: str
    time: datetime
    account: _Account


class _Sync2(msgspec.Struct, tag_field="$type", tag="network.bsky.jetstream.subscribeEvents#sync"):
    did: str
    time: datetime


class _Identity2(msgspec.Struct, tag_field="$type", tag="network.bsky.jetstream.subscribeEvents#identity"):
    pass


class _Info2(msgspec.Struct, tag_field="$type", tag="network.bsky.jetstream.subscribeEvents#info"):
    pass


class _Frame(msgspec.Struct):
    payload: _Commit2 | _Account2 | _Sync2 | _Identity2 | _Info2


class _Link(msgspec.Struct):
    uri: str


class _Reply(msgspec.Struct):
    parent: _Link


class _PostRecord(msgspec.Struct):
    text: str
    created_at: datetime = msgspec.field(name="createdAt")
    langs: list[str] | None = None
    tags: list[str] | None = None
    reply: _Reply | None = None


class _Label(msgspec.Struct):
    val: str
    neg: bool = False


class _Author(msgspec.Struct):
    did: str
    labels: list[_Label] | None = None


class _Hit(msgspec.Struct, rename="camel"):
    uri: str
    author: _Author
    record: _PostRecord
    indexed_at: datetime
    repost_count: int | None = None
    like_count: int | None = None


_EVENT = msgspec.json.Decoder(_Event)
_FRAME = msgspec.json.Decoder(_Frame)
_POST = msgspec.json.Decoder(_PostRecord)
_HIT = msgspec.json.Decoder(_Hit)


@dataclass(frozen=True)
class _Scoped:
    """A `LineParser` whose reader knows what the source wants."""

    read: Callable[[bytes, Context, Scope], Post | Takedown | None]
    names: Namer

    def parse_lines(self, lines: Sequence[Line], context: Context) -> Part:
        """Every record of the lines, as a row, a removal, out of scope or rejected."""
        scope = scope_of(context)
        return JsonPosts(lambda data, at: self.read(data, at, scope), self.names).parse_lines(lines, context)


def _read_event(data: bytes, context: Context, scope: Scope) -> Post | Takedown | None:
    if _is_of_no_interest(data, scope):
        return None
    event = _EVENT.decode(data)
    if event.commit is not None and event.commit.collection == _POSTS:
        return _of_commit(event.commit, event.did, _event_time(event.time_us, context), context, scope)
    if event.account is not None and _is_gone(event.account):
        return _author_takedown(event.did, _event_time(event.time_us, context), "account_deleted")
    if event.kind == "commit" and event.commit is None:
        raise Unusable("missing_field", "commit is missing in a commit event: fetch the event again", "commit")
    return None


def _read_frame(data: bytes, context: Context, scope: Scope) -> Post | Takedown | None:
    if _is_of_no_interest(data, scope):
        return None
    told = _FRAME.decode(data).payload
    if isinstance(told, _Identity2 | _Info2):
        return None
    at = plausible(told.time, "payload.time", context)
    if isinstance(told, _Commit2):
        return _of_commit(told, told.did, at, context, scope) if told.collection == _POSTS else None
    if isinstance(told, _Sync2):
        # What replaces the repository may carry the very time of its sync event.
        return _author_takedown(told.did, at - _MICROSECOND, "deleted")
    return _author_takedown(told.did, at, "account_deleted") if _is_gone(told.account) else None


def _read_hit(data: bytes, context: Context, scope: Scope) -> Post | None:
    hit = _HIT.decode(data)
    is_kept_from_visitors = any(label.val == _NOT_FOR_VISITORS and not label.neg for label in hit.author.labels or ())
    if is_kept_from_visitors or not scope.speaks(hit.record.langs):
        return None
    if not hit.uri.startswith(f"at://{hit.author.did}/{_POSTS}/"):
        raise Unusable("wrong_type", "uri is not of a post by this author: fetch it again", "uri")
    indexed_at = plausible(hit.indexed_at, "indexedAt", context)
    post = _post(hit.record, hit.uri, hit.author.did, indexed_at, context)
    return msgspec.structs.replace(
        post, version_at=post.created_at, reach=(hit.repost_count or 0) + (hit.like_count or 0)
    )


def _is_of_no_interest(data: bytes, scope: Scope) -> bool:
    """Whether the bytes alone show a complete commit of another collection, or a new post that names no term."""
    if b"\\u" in data or not data.endswith(b"}") or b'"collection"' not in data:
        return False
    if b'"app.bsky.feed.post"' not in data:
        return True
    return b'"create"' in data and not any(other in data for other in _OTHER_OPERATIONS) and not scope.may_name(data)


def _is_gone(account: _Account) -> bool:
    return not account.active and account.status in {*_GONE, None}


def _author_takedown(did: str, at: datetime, reason: RemovalReason) -> Takedown:
    return Takedown(platform=PLATFORM, kind="author", id=did, at=at, reason=reason)


def _of_commit(commit: _Commit, did: str, at: datetime, context: Context, scope: Scope) -> Post | Takedown | None:
    uri = f"at://{did}/{_POSTS}/{commit.rkey}"
    if commit.operation == "delete":
        return Takedown(platform=PLATFORM, kind="post", id=uri, at=at, reason="deleted")
    if commit.operation not in ("create", "update"):
        raise Unusable("unknown_operation", "commit.operation is not create, update or delete", "commit.operation")
    if not is_there(commit.record):
        raise Unusable("missing_field", "commit.record is missing: fetch the event again", "commit.record")
    record = _POST.decode(commit.record)
    if scope.wants([record.text, *(f"#{tag}" for tag in record.tags or ())], record.langs):
        return _post(record, uri, did, at, context)
    # An edit may take the city's name out of a post that is held: its older versions must go.
    is_edit = commit.operation == "update"
    return Takedown(platform=PLATFORM, kind="post", id=uri, at=at, reason="edited") if is_edit else None


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


def _event_time(time_us: int, context: Context) -> datetime:
    if not 0 <= time_us <= _LAST_MICROSECOND:
        raise Unusable("implausible_date", "time_us is not a time in microseconds since 1970", "time_us")
    return plausible(_EPOCH + timedelta(microseconds=time_us), "time_us", context)


def _names_of_event(record: dict[str, Any], context: Context) -> tuple[str, Any, Any]:
    return _names(record.get("did"), record.get("commit"))


def _names_of_frame(record: dict[str, Any], context: Context) -> tuple[str, Any, Any]:
    return _names(nested(record, "payload", "did"), record.get("payload"))


def _names_of_hit(record: dict[str, Any], context: Context) -> tuple[str, Any, Any]:
    return PLATFORM, record.get("uri"), nested(record, "author", "did")


def _names(did: Any, commit: Any) -> tuple[str, Any, Any]:
    told = commit if isinstance(commit, dict) else {}
    rkey = told.get("rkey")
    is_post = told.get("collection") == _POSTS and isinstance(did, str) and isinstance(rkey, str)
    return PLATFORM, f"at://{did}/{_POSTS}/{rkey}" if is_post else None, did


PARSER = _Scoped(_read_event, _names_of_event)
EVENTS = _Scoped(_read_frame, _names_of_frame)
SEARCH = _Scoped(_read_hit, _names_of_hit)
