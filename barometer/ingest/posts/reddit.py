"""Things of Reddit as its API (https://www.reddit.com/dev/api) gives them, one a line: posts `t3` and comments `t1`.

Other things (accounts, subreddits, "more" stubs) are out of scope. What stands as `[deleted]` or `[removed]`, or has
lost its author, is taken back up to the night: Reddit has no other signal, and asks that deleted content go. Text is
taken as it is: ask the API with `raw_json=1`, so that `&` is not `&amp;`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from barometer.ingest.posts.jsonlines import JsonPosts, nested
from barometer.ingest.posts.post import Post, Takedown, Unusable
from barometer.ingest.source import Context, RemovalReason

PLATFORM = "reddit"
_POST, _COMMENT = "t3", "t1"
_DELETED_AUTHOR = "[deleted]"
_MARKERS = frozenset({"[deleted]", "[removed]", "[deleted by user]", "[ removed by reddit ]"})


class _Data(msgspec.Struct):
    id: str
    created_utc: float
    author: str | None = None
    author_fullname: str | None = None
    edited: bool | float = False
    title: str = ""
    selftext: str = ""
    body: str = ""
    score: int | None = None
    parent_id: str | None = None
    crosspost_parent: str | None = None
    removed_by_category: str | None = None


class _Kind(msgspec.Struct):
    kind: str | None = None


class _Thing(msgspec.Struct):
    kind: str
    data: _Data


_KIND = msgspec.json.Decoder(_Kind)
_THING = msgspec.json.Decoder(_Thing)


def _read(data: bytes, context: Context) -> Post | Takedown | None:
    if _KIND.decode(data).kind not in (_POST, _COMMENT):
        return None
    thing = _THING.decode(data)
    reason = _gone(thing.data)
    if reason:
        return Takedown(
            platform=PLATFORM, kind="post", id=_fullname(thing.kind, thing.data.id), at=context.horizon, reason=reason
        )
    return _post(thing.kind, thing.data)


def _gone(data: _Data) -> RemovalReason | None:
    """Why a thing is no longer there: its words are gone, or its author's account."""
    words = {data.title.strip().lower(), data.selftext.strip().lower(), data.body.strip().lower()}
    if words & _MARKERS or data.removed_by_category:
        return "deleted"
    return "account_deleted" if data.author in (_DELETED_AUTHOR, None) else None


def _post(kind: str, data: _Data) -> Post:
    return Post(
        platform=PLATFORM,
        id=_fullname(kind, data.id),
        author=data.author_fullname or data.author or "",
        created_at=_time(data.created_utc, "data.created_utc"),
        # `edited` is false, or the time of the last edit; very old things say no more than true.
        version_at=_time(data.edited, "data.edited") if not isinstance(data.edited, bool) else None,
        text="\n\n".join(part for part in (data.title, data.selftext, data.body) if part.strip()),
        reply_to=data.parent_id,
        repost_of=data.crosspost_parent,
        reach=max(0, data.score) if data.score is not None and not data.crosspost_parent else None,
    )


def _fullname(kind: str, thing_id: str) -> str:
    return f"{kind}_{thing_id}"


def _time(seconds: float, field: str) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise Unusable("invalid_date", f"{field} is not a time in seconds since 1970", field) from None


def _names(record: dict[str, Any], context: Context) -> tuple[str, Any, Any]:
    thing_id, author = nested(record, "data", "id"), nested(record, "data", "author_fullname")
    is_known = isinstance(thing_id, str) and isinstance(record.get("kind"), str)
    post_id = _fullname(record["kind"], thing_id) if is_known else None
    return PLATFORM, post_id, author or nested(record, "data", "author")


PARSER = JsonPosts(_read, _names)
