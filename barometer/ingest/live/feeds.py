"""RSS and Atom feeds of local news and forums, each with its own marks.

A feed is asked for with what it said last time (`ETag`, `Last-Modified`); not before its `ttl` is over, nor in its
`skipHours` and `skipDays`, but once a day whatever it says. XML from outside is read with care: a feed that declares a
document type or entities is refused before any parser sees it, in whatever encoding it hides them, and so is one of
more than 5 MiB. The parser (feedparser) then gets UTF-8 without declarations, fetches nothing, and follows no
reference.
"""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import feedparser
from pydantic import Field, field_validator

from barometer.errors import ServiceRefused
from barometer.ingest.live.connector import Call, Cursor, Options, Page, Secret
from barometer.ingest.live.several import each, until
from barometer.ingest.live.web import Answer

MAXIMUM_BYTES = 5 << 20
LONGEST_REST = timedelta(hours=23)
"""After this a feed is asked, whatever it says: else a nightly run at an hour it skips would never read it."""
_ENCODINGS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "utf-16", "utf-16le", "utf-16be"})
_ONE_BYTE = re.compile(r"(iso-?8859-?\d{1,2}|windows-?125\d|cp125\d|latin-?1|koi8-[ru])")
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_ENCODING = re.compile(rb"""^\s*<\?xml[^>]*encoding\s*=\s*["']([\w.\-]{1,40})["']""")
_DANGER = re.compile(r"<!\s*(DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)", re.IGNORECASE)
_SKIPPED = {
    "skip_hours": re.compile(r"<skipHours>(.*?)</skipHours>", re.IGNORECASE | re.DOTALL),
    "skip_days": re.compile(r"<skipDays>(.*?)</skipDays>", re.IGNORECASE | re.DOTALL),
}
_TTL = re.compile(r"<ttl>\s*(\d{1,6})\s*</ttl>")
_VALUE = re.compile(r"<(?:hour|day)>\s*(\w+)\s*</", re.IGNORECASE)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class FeedOptions(Options):
    """Which feeds."""

    feeds: tuple[str, ...] = Field(min_length=1, description="addresses of RSS or Atom feeds")

    @field_validator("feeds")
    @classmethod
    def _are_addresses(cls, feeds: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [feed for feed in feeds if not re.fullmatch(r"https?://[^\s@]+", feed)]
        if wrong:
            raise ValueError(f"these are no addresses (https://…, without a user): {', '.join(wrong)}")
        return feeds


@dataclass
class _Reading:
    """One reading: the marks of every feed as they move."""

    call: Call
    marks: dict[str, dict[str, Any]]

    def page(self, records: Sequence[bytes]) -> Page:
        cursor: Cursor = {"feeds": {feed: dict(mark) for feed, mark in self.marks.items()}}
        self.call.web.note(records=len(records), cursor=cursor)
        return Page(records, cursor)


@dataclass(frozen=True)
class Feeds:
    """A `Connector`."""

    service: str = "feeds"
    title: str = "RSS and Atom feeds"
    signals: tuple[str, ...] = ("posts",)
    format: str = "feed"
    options: type[Options] = FeedOptions
    secrets: tuple[Secret, ...] = ()
    requests_per_second: float = 0.5
    terms: str = (
        "A feed is offered for reading; what may be done with its text is the publisher's to say, so only shares and "
        "counts leave the barometer (https://www.rssboard.org/rss-specification)."
    )

    def pages(self, call: Call, cursor: Cursor | None) -> Iterator[Page]:
        """Entries of every feed that has changed. See `Connector.pages`."""
        marks = {feed: dict(mark) for feed, mark in (cursor or {}).get("feeds", {}).items()}
        reading = _Reading(call, {feed: mark for feed, mark in marks.items() if feed in call.options.feeds})
        return each([partial(_read, reading, feed) for feed in call.options.feeds])

    def probe(self, call: Call) -> str:
        """Fetch and read the first feed."""
        first = call.options.feeds[0]
        found = entries(call.web.get(first, max_bytes=MAXIMUM_BYTES), first)
        return f"the first of {len(call.options.feeds)} feeds answers with {len(found)} entries"


def _read(reading: _Reading, feed: str) -> Iterator[Page]:
    mark = reading.marks.get(feed, {})
    if _wants_rest(mark, reading.call.started_at):
        return
    answer = reading.call.web.get(feed, headers=_conditions(mark), max_bytes=MAXIMUM_BYTES)
    read_at = {"read_at": reading.call.started_at.astimezone(UTC).isoformat()}
    if answer.status == 304:
        reading.marks[feed] = {**mark, **read_at}
        yield reading.page([])
        return
    found = entries(answer, feed)
    known = [entry for entry in found if _is_in_time(entry, until(reading.call))]
    # What is from after the horizon must come again, so the feed is asked for the whole of it the next time.
    is_whole = len(known) == len(found)
    reading.marks[feed] = {**_marks(answer, is_whole=is_whole), **read_at}
    yield reading.page([json.dumps(entry, ensure_ascii=False).encode() for entry in known])


def _conditions(mark: Mapping[str, Any]) -> dict[str, str]:
    stated = {"If-None-Match": mark.get("etag"), "If-Modified-Since": mark.get("modified")}
    return {name: value for name, value in stated.items() if value}


def _marks(answer: Answer, *, is_whole: bool) -> dict[str, Any]:
    text = _text(answer)
    ttl = _TTL.search(text)
    stated = {
        "etag": answer.headers.get("etag") if is_whole else None,
        "modified": answer.headers.get("last-modified") if is_whole else None,
        "ttl_minutes": int(ttl[1]) if ttl else None,
        **{name: _VALUE.findall(found[1]) for name, wanted in _SKIPPED.items() if (found := wanted.search(text))},
    }
    return {name: value for name, value in stated.items() if value}


def _wants_rest(mark: Mapping[str, Any], now: datetime) -> bool:
    """Whether a feed asks not to be asked now; hours and days are of Greenwich (RSS 2.0)."""
    at = now.astimezone(UTC)
    rested = at - datetime.fromisoformat(mark["read_at"]) if mark.get("read_at") else LONGEST_REST
    if rested >= LONGEST_REST:
        return False
    hours = {int(hour) % 24 for hour in mark.get("skip_hours", ()) if str(hour).isdecimal()}
    days = {str(day).capitalize() for day in mark.get("skip_days", ())}
    is_skipped = at.hour in hours or _DAYS[at.weekday()] in days
    return is_skipped or rested < timedelta(minutes=mark.get("ttl_minutes", 0))


def entries(answer: Answer, feed: str) -> list[dict[str, str]]:
    """Entries of a feed as `posts/feeds.py` reads them.

    Raises `ServiceRefused` for what is no feed, or declares what a feed must not.
    """
    text = _text(answer)
    if _DANGER.search(text):
        words = f"the feed {answer.url} declares a document type or entities, which a feed has no need of: not read"
        raise ServiceRefused(words, status=str(answer.status))
    content = io.BytesIO(_DECLARATION.sub("", text, count=1).encode())
    # An id is taken as it is: made absolute by the feed's address, one article would have an id in each feed.
    parsed = feedparser.parse(
        content, response_headers={"content-type": "application/xml; charset=utf-8"}, resolve_relative_uris=False
    )
    if not parsed.entries and not parsed.get("version"):
        words = f"what {answer.url} answers is no RSS or Atom feed: correct the address"
        raise ServiceRefused(words, status=str(answer.status))
    return [_entry(entry, parsed.feed, feed) for entry in parsed.entries]


def _text(answer: Answer) -> str:
    """The body as text. Only encodings in which `<!` cannot hide are read: the parser would believe others."""
    encoding = _encoding(answer)
    if encoding not in (*_ENCODINGS, "utf-8-sig") and not _ONE_BYTE.fullmatch(encoding):
        words = (
            f"the feed {answer.url} is in an encoding that is not read ({encoding[:20]}): ask its publisher for UTF-8"
        )
        raise ServiceRefused(words, status=str(answer.status))
    text = answer.body.decode(encoding, "replace")
    if "\0" in text:
        raise ServiceRefused(f"the feed {answer.url} is not text: not read", status=str(answer.status))
    return text


def _encoding(answer: Answer) -> str:
    """By the byte order mark, else the server's word, else the document's own, else UTF-8 (RFC 7303)."""
    marked = next((name for mark, name in _MARKS if answer.body.startswith(mark)), None)
    served = re.search(r"charset\s*=\s*[\"']?([\w.\-]{1,40})", answer.headers.get("content-type", ""), re.IGNORECASE)
    own = _ENCODING.search(answer.body[:200])
    stated = served[1] if served else own[1].decode("ascii") if own else "utf-8"
    return marked or stated.lower()


def _entry(entry: Any, head: Any, feed: str) -> dict[str, str]:
    stated = {
        "feed": feed,
        "id": entry.get("id", ""),
        "link": entry.get("link", ""),
        "title": entry.get("title", ""),
        "summary": _words(entry),
        # As a plain mapping: the parser's own would give the date of publication for the date of the last change.
        "published": _time(dict.get(entry, "published_parsed")),
        "updated": _time(dict.get(entry, "updated_parsed")),
        "language": head.get("language", ""),
    }
    return {name: value for name, value in stated.items() if value}


def _words(entry: Any) -> str:
    """The summary, else the whole text: an article is judged by what a passer-by reads of it."""
    content = entry.get("content") or [{}]
    return str(entry.get("summary") or content[0].get("value", ""))


def _time(parsed: time.struct_time | None) -> str:
    if parsed is None:
        return ""
    try:
        return datetime(*parsed[:6], tzinfo=UTC).isoformat()
    except ValueError:
        return ""


def _is_in_time(entry: Mapping[str, str], latest: datetime) -> bool:
    stated = entry.get("updated") or entry.get("published")
    return stated is None or datetime.fromisoformat(stated) <= latest


CONNECTOR = Feeds()
