"""Entries of news and forum feeds, one JSON object a line, as `live/feeds.py` makes them of RSS and Atom.

    {"feed": "https://paper.example/rss", "id": "…", "title": "…", "summary": "<p>…</p>", "published": "2026-05-01T…"}

and optionally `link`, `updated`, `language`. The author of an entry is its feed: who wrote it is a person's name, which
is not wanted, and a paper is one voice however much it prints.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from barometer.ingest.posts.jsonlines import JsonPosts
from barometer.ingest.posts.mastodon import to_text
from barometer.ingest.posts.post import Post, Unusable
from barometer.ingest.source import Context

PLATFORM = "feed"


class _Entry(msgspec.Struct):
    feed: str
    id: str = ""
    link: str = ""
    title: str = ""
    summary: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    language: str | None = None


_ENTRY = msgspec.json.Decoder(_Entry)


def _read(data: bytes, context: Context) -> Post:
    entry = _ENTRY.decode(data)
    published = entry.published or entry.updated
    if published is None:
        reason = "published is missing: the feed dates none of its entries, ask its publisher for pubDate or updated"
        raise Unusable("missing_field", reason, "published")
    return Post(
        platform=PLATFORM,
        id=_id(entry.feed, entry.id, entry.link),
        author=entry.feed,
        created_at=published,
        version_at=entry.updated,
        text="\n\n".join(part for part in (to_text(entry.title), to_text(entry.summary)) if part),
        language=entry.language,
    )


def _id(feed: str, stated: str, link: str) -> str:
    """An entry's own id, or its address. An id that is no address is unique within its feed only."""
    own = stated or link
    if not own:
        raise Unusable("missing_field", "id and link are missing: an entry needs one of them", "id")
    return own if "://" in own else f"{feed} {own}"


def _names(record: dict[str, Any], context: Context) -> tuple[str, Any, Any]:
    feed, own = record.get("feed"), record.get("id") or record.get("link")
    is_known = isinstance(feed, str) and isinstance(own, str)
    return PLATFORM, _id(feed, own, "") if is_known and feed and own else None, feed


PARSER = JsonPosts(_read, _names)
