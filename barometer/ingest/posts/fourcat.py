"""CSV exports of 4CAT (https://4cat.nl), the capture tool of the Digital Methods Initiative.

Every 4CAT export has `id, thread_id, timestamp, body, author`; the exports of its data sources add columns, of which
those below are used where they are there. The export does not say which platform it came from: the source's option
`platform` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, BinaryIO

from barometer.ingest.posts.post import Outcome, Post, Record, Unusable, checked, to_part
from barometer.ingest.source import Context, Part, UnusableFile
from barometer.ingest.tables.cells import LINE, as_record, read_blocks

_ROWS_A_PART = 2_000
_NEEDED = ("id", "body", "author")
_TIMES = ("unix_timestamp", "timestamp")
_COUNTS = ("like_count", "likes", "retweet_count", "repost_count", "share_count", "shares")
_LANGUAGES = ("language_guess", "languages", "language")


class FourCat:
    """A `DocumentParser` of 4CAT's CSV exports."""

    def parse_document(self, stream: BinaryIO, context: Context) -> Iterable[Part]:
        """Every row as a post or rejected. Raises `UnusableFile` when a column that every export has is missing."""
        for block in read_blocks(stream, context):
            _require_columns(block.frame.columns)
            yield Part(read=len(block.rejected), rejected=block.rejected)
            for rows in block.frame.iter_slices(_ROWS_A_PART):
                yield to_part([_record(row, context) for row in rows.iter_rows(named=True)], context)


def _require_columns(columns: list[str]) -> None:
    missing = [name for name in _NEEDED if name not in columns]
    if not set(_TIMES) & set(columns):
        missing.append("timestamp")
    if missing:
        reason = f"columns missing: {', '.join(missing)}; export the data set from 4CAT again as CSV, with its header"
        raise UnusableFile(reason, rule="missing_column", field=missing[0])


def _record(row: dict[str, Any], context: Context) -> Record:
    platform = str(context.source.options.get("platform") or context.source.id)
    author = row.get("author_id") or row["author"]
    try:
        outcome: Outcome = checked(_post(row, platform, author), context)
    except Unusable as error:
        outcome = error
    raw = as_record(row).encode() if isinstance(outcome, Unusable) else b""
    return Record(context.position(row[LINE]), raw, outcome, platform, row["id"], author)


def _post(row: dict[str, Any], platform: str, author: str | None) -> Post:
    longitude, latitude = _point(row.get("long_lat"))
    return Post(
        platform=platform,
        id=row["id"] or "",
        author=author or "",
        created_at=_time(row),
        text=row["body"] or "",
        language=_first(row, _LANGUAGES),
        reply_to=row.get("thread_id") if row.get("thread_id") != row["id"] else None,
        repost_of=_repeated(row),
        reach=_reach(row),
        longitude=longitude,
        latitude=latitude,
        platform_place=row.get("place_name"),
    )


def _time(row: dict[str, Any]) -> datetime:
    """Seconds since 1970, or a time that is UTC where it states no offset, as 4CAT writes them."""
    field = next((name for name in _TIMES if row.get(name)), None)
    if field is None:
        raise Unusable("missing_field", "timestamp is missing: every row needs it", "timestamp")
    try:
        return datetime.fromtimestamp(float(row[field]), UTC)
    except (ValueError, OverflowError, OSError):
        return _iso_time(row[field], field)


def _iso_time(stated: str, field: str) -> datetime:
    try:
        return datetime.fromisoformat(stated)
    except ValueError:
        reason = f"{field} is neither seconds since 1970 nor YYYY-MM-DD HH:MM:SS: correct it"
        raise Unusable("invalid_date", reason, field) from None


def _repeated(row: dict[str, Any]) -> str | None:
    """What a retweet repeats: the export names the account but not the tweet, so the two and the words stand for it."""
    if str(row.get("is_retweet") or "").lower() not in ("yes", "true", "1"):
        return None
    return f"repeated:{row.get('retweeted_user') or ''}:{row['body']}"


def _reach(row: dict[str, Any]) -> int | None:
    counts = [_count(row[name], name) for name in _COUNTS if row.get(name)]
    return sum(counts) if counts and not _repeated(row) else None


def _count(stated: str, field: str) -> int:
    try:
        return int(float(stated))
    except (ValueError, OverflowError):
        raise Unusable("wrong_type", f"{field} is not a whole number: correct or empty it", field) from None


def _point(stated: str | None) -> tuple[float | None, float | None]:
    if not stated:
        return None, None
    try:
        longitude, latitude = (float(part) for part in stated.strip("[]()").replace(";", ",").split(","))
    except ValueError:
        raise Unusable(
            "impossible_point", "long_lat is not longitude,latitude: correct or empty it", "long_lat"
        ) from None
    return longitude, latitude


def _first(row: dict[str, Any], names: tuple[str, ...]) -> str | None:
    stated = next((row[name] for name in names if row.get(name)), None)
    return stated.split(",")[0].strip() or None if stated else None


PARSER = FourCat()
