"""Comments of YouTube as its Data API gives them (https://developers.google.com/youtube/v3/docs/comments), one a line.

A `youtube#commentThread` stands for its first comment; the answers in it are comments of their own and come as such.
Other resources (videos, channels, search results) are out of scope, and so are comments that wait for the moderation
of a channel's owner. Text is taken as it is: ask the API with `textFormat=plainText`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from barometer.ingest.posts.jsonlines import JsonPosts, nested
from barometer.ingest.posts.post import Post, Unusable
from barometer.ingest.source import Context

PLATFORM = "youtube"
_COMMENT, _THREAD = "youtube#comment", "youtube#commentThread"
_PUBLISHED = frozenset({None, "published"})


class _Channel(msgspec.Struct):
    value: str | None = None


class _Snippet(msgspec.Struct, rename="camel"):
    published_at: datetime
    updated_at: datetime | None = None
    text_original: str | None = None
    text_display: str | None = None
    author_channel_id: _Channel | None = None
    author_channel_url: str | None = None
    like_count: int | None = None
    parent_id: str | None = None
    moderation_status: str | None = None


class _Comment(msgspec.Struct):
    id: str
    snippet: _Snippet


class _ThreadSnippet(msgspec.Struct, rename="camel"):
    top_level_comment: _Comment


class _Thread(msgspec.Struct):
    snippet: _ThreadSnippet


class _Kind(msgspec.Struct):
    kind: str | None = None


_KIND = msgspec.json.Decoder(_Kind)
_ONE_COMMENT = msgspec.json.Decoder(_Comment)
_ONE_THREAD = msgspec.json.Decoder(_Thread)


def _read(data: bytes, context: Context) -> Post | None:
    kind = _KIND.decode(data).kind
    if kind not in (_COMMENT, _THREAD):
        return None
    comment = _ONE_COMMENT.decode(data) if kind == _COMMENT else _ONE_THREAD.decode(data).snippet.top_level_comment
    return _post(comment) if comment.snippet.moderation_status in _PUBLISHED else None


def _post(comment: _Comment) -> Post:
    snippet = comment.snippet
    return Post(
        platform=PLATFORM,
        id=comment.id,
        author=_author(snippet),
        created_at=snippet.published_at,
        version_at=snippet.updated_at,
        text=_text(snippet),
        reply_to=snippet.parent_id,
        reach=snippet.like_count,
    )


def _author(snippet: _Snippet) -> str:
    author = (snippet.author_channel_id and snippet.author_channel_id.value) or snippet.author_channel_url
    if not author:
        field = "snippet.authorChannelId"
        raise Unusable("missing_field", f"{field} is missing: a comment without a channel has no voice to count", field)
    return author


def _text(snippet: _Snippet) -> str:
    text = snippet.text_original if snippet.text_original is not None else snippet.text_display
    if text is None:
        raise Unusable("missing_field", "snippet.textDisplay is missing: ask for part=snippet", "snippet.textDisplay")
    return text


def _names(record: dict[str, Any], context: Context) -> tuple[str, Any, Any]:
    inner = nested(record, "snippet", "topLevelComment")
    comment = inner if isinstance(inner, dict) else record
    author = nested(comment, "snippet", "authorChannelId", "value") or nested(comment, "snippet", "authorChannelUrl")
    return PLATFORM, comment.get("id"), author


PARSER = JsonPosts(_read, _names)
