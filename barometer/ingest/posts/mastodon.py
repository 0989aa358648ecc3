"""Mastodon statuses as its API gives them (https://docs.joinmastodon.org/entities/Status/), one status or one page a
line.

Only public and unlisted statuses of accounts that do not ask to be left out of searches (`indexable: false`,
`noindex: true`) are in scope; a boost is in scope when the boosted status is too. Objects that are not statuses
(accounts, media, errors) are out of scope. A status with its source `text` instead of its `content` is the server's
answer to a deletion, and takes the status back up to the night. A status is known by its `uri`, which is the same on
every server; `in_reply_to_id` is a number of the server asked, so `reply_to` tells that a status is an answer but
seldom leads to the row it answers.

A deletion in a server's stream, `{"event": "delete", "server": …, "id": …}`, names the status by its number too. The
connector adds the `uri` where it has just seen it. Otherwise the removal is of `local:<server>/<number>`, which no row
is known by: `live/recheck.py`, which has the numbers of what is held, finds the row it means.
"""

from __future__ import annotations

from datetime import datetime
from html.parser import HTMLParser
from typing import Any

import msgspec

from barometer.ingest.posts.jsonlines import NOT_THERE, JsonPosts, is_there, nested
from barometer.ingest.posts.post import Post, Takedown, Unusable
from barometer.ingest.source import Context

PLATFORM = "mastodon"
_PUBLIC = frozenset({"public", "unlisted"})
_LINE_BREAK = frozenset({"br"})
_BLOCKS = frozenset({"p", "li", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6"})


class _Account(msgspec.Struct):
    uri: str | None = None
    url: str | None = None
    indexable: bool | None = None
    noindex: bool | None = None


class _Original(msgspec.Struct):
    account: _Account
    content: str
    created_at: datetime
    visibility: str
    uri: str | None = None
    url: str | None = None
    edited_at: datetime | None = None
    spoiler_text: str | None = None
    language: str | None = None
    in_reply_to_id: str | None = None
    reblogs_count: int | None = None
    favourites_count: int | None = None


class _Status(_Original):
    id: str | None = None
    reblog: _Original | None = None


class _Kind(msgspec.Struct):
    """Only what tells a status from the other things a server answers with, and a deleted one from the others."""

    event: str | None = None
    server: str = ""
    id: msgspec.Raw = NOT_THERE
    visibility: msgspec.Raw = NOT_THERE
    content: msgspec.Raw = NOT_THERE
    text: msgspec.Raw = NOT_THERE
    uri: str | None = None
    url: str | None = None


_KIND = msgspec.json.Decoder(_Kind)
_STATUS = msgspec.json.Decoder(_Status)


def _read(data: bytes, context: Context) -> Post | Takedown | None:
    kind = _KIND.decode(data)
    if kind.event == "delete":
        gone = kind.uri or local_id(kind.server, msgspec.json.decode(kind.id, type=str))
        return Takedown(platform=PLATFORM, kind="post", id=gone, at=context.horizon, reason="deleted")
    if not is_there(kind.visibility):
        return None
    if is_there(kind.text) and not is_there(kind.content):
        uri = _uri(kind.uri, kind.url, "uri")
        return Takedown(platform=PLATFORM, kind="post", id=uri, at=context.horizon, reason="deleted")
    status = _STATUS.decode(data)
    shown = status.reblog or status
    if not (_is_in_scope(status) and _is_in_scope(shown)):
        return None
    return _post(status, shown)


def _is_in_scope(status: _Original) -> bool:
    account = status.account
    return status.visibility in _PUBLIC and account.indexable is not False and not account.noindex


def _post(status: _Status, shown: _Original) -> Post:
    is_boost = shown is not status
    return Post(
        platform=PLATFORM,
        id=_uri(status.uri, status.url, "uri"),
        author=_uri(status.account.uri, status.account.url, "account.uri"),
        created_at=status.created_at,
        version_at=shown.edited_at,
        text="\n\n".join(part for part in (shown.spoiler_text, to_text(shown.content)) if part),
        language=shown.language,
        reply_to=f"local:{status.in_reply_to_id}" if status.in_reply_to_id else None,
        repost_of=_uri(shown.uri, shown.url, "reblog.uri") if is_boost else None,
        reach=None if is_boost else _reach(status),
        look_up_id=status.id,
    )


def local_id(server: str, status_id: str) -> str:
    """What a status is called of which only its number on a server is known."""
    return f"local:{server}/{status_id}"


def _reach(status: _Original) -> int | None:
    counts = [count for count in (status.reblogs_count, status.favourites_count) if count is not None]
    return sum(counts) if counts else None


def _uri(uri: str | None, url: str | None, field: str) -> str:
    found = uri or url
    if not found:
        raise Unusable("missing_field", f"{field} is missing: fetch the status from the server's API", field)
    return found


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _LINE_BREAK:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def to_text(content: str) -> str:
    """The words of a status: tags dropped, `<br>` and the ends of blocks as line breaks, entities as characters."""
    parser = _Text()
    parser.feed(content)
    parser.close()
    return "".join(parser.parts).strip()


def _names(record: dict[str, Any], context: Context) -> tuple[str, Any, Any]:
    author = nested(record, "account", "uri") or nested(record, "account", "url")
    return PLATFORM, record.get("uri") or record.get("url"), author


PARSER = JsonPosts(_read, _names)
