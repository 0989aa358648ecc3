"""The project's own JSON Lines of posts: `docs/formats.md` describes it for those who make such files.

One object a line, a post:

    {"id": "1", "platform": "forum", "author": "a7", "created_at": "2026-05-01T09:30:00Z", "text": "Late again"}

and optionally `edited_at`, `lang` (BCP 47), `place` (name or official code the platform attached), `place_code`
(official code), `postcode`, `longitude` and `latitude` (WGS84 degrees), `profile_place`, `repost_of`, `reply_to` (ids
on the same platform), `reach` (reposts and likes). Or a removal, of one post or of everything by one author up to a
time:

    {"remove": "post", "id": "1", "platform": "forum", "at": "2026-05-03T08:00:00Z"}
    {"remove": "author", "author": "a7", "platform": "forum", "at": "2026-05-03T08:00:00Z"}

`platform` may be left out where the source's option `platform` states it; `at` may be left out: all that came up to
that night. Unknown fields are ignored.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from barometer.ingest.posts.jsonlines import JsonPosts
from barometer.ingest.posts.post import Post, Takedown, Unusable, plausible
from barometer.ingest.source import Context


class _Line(msgspec.Struct):
    id: str | int | None = None
    author: str | int | None = None
    platform: str | None = None
    created_at: datetime | None = None
    text: str | None = None
    edited_at: datetime | None = None
    lang: str | None = None
    place: str | None = None
    place_code: str | None = None
    postcode: str | None = None
    longitude: float | None = None
    latitude: float | None = None
    profile_place: str | None = None
    repost_of: str | int | None = None
    reply_to: str | int | None = None
    reach: int | None = None
    remove: str | None = None
    at: datetime | None = None


_DECODER = msgspec.json.Decoder(_Line)


def _read(data: bytes, context: Context) -> Post | Takedown:
    line = _DECODER.decode(data)
    return _post(line, context) if line.remove is None else _takedown(line, context)


def _post(line: _Line, context: Context) -> Post:
    return Post(
        platform=_platform(line.platform, context),
        id=str(_required(line.id, "id")),
        author=str(_required(line.author, "author")),
        created_at=_required(line.created_at, "created_at"),
        version_at=line.edited_at,
        text=_required(line.text, "text"),
        language=line.lang,
        reply_to=_text(line.reply_to),
        repost_of=_text(line.repost_of),
        reach=line.reach,
        longitude=line.longitude,
        latitude=line.latitude,
        place_code=line.place_code or line.place,
        postcode=line.postcode,
        platform_place=line.place,
        profile_place=line.profile_place,
    )


def _takedown(line: _Line, context: Context) -> Takedown:
    at = plausible(line.at, "at", context) if line.at else context.horizon
    platform = _platform(line.platform, context)
    if line.remove == "post":
        return Takedown(platform=platform, kind="post", id=str(_required(line.id, "id")), at=at, reason="deleted")
    if line.remove == "author":
        author = str(_required(line.author, "author"))
        return Takedown(platform=platform, kind="author", id=author, at=at, reason="account_deleted")
    raise Unusable(
        "unknown_removal", 'remove is neither "post" nor "author": nothing was removed, correct the line', "remove"
    )


def _platform(stated: str | None, context: Context) -> str:
    platform = stated or context.source.options.get("platform")
    if not platform:
        raise Unusable(
            "missing_field", "platform is missing: add it to the record or to the source's options", "platform"
        )
    return str(platform)


def _required(value: Any, field: str) -> Any:
    if value is None:
        raise Unusable("missing_field", f"{field} is missing: every record of this kind needs it", field)
    return value


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def _names(record: dict[str, Any], context: Context) -> tuple[str, Any, Any]:
    platform = record.get("platform") or context.source.options.get("platform") or ""
    return str(platform), record.get("id"), record.get("author")


PARSER = JsonPosts(_read, _names)
