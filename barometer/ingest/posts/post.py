"""A post of any platform, and how a batch of them passes the door and becomes rows of `received_posts`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypeAlias

import msgspec
import polars as pl

from barometer.ingest.source import Context, Part, Rejected, Removal, RemovalReason, incoming_schema

TABLE = "received_posts"
PLATFORM_IDS = "platform_ids"

_KEPT_OF_A_RECORD = 20_000
"""Bytes of a rejected record that are held until it is masked and cut; many long ones must not fill the memory."""


class Post(msgspec.Struct, kw_only=True, frozen=True):
    """One post as its platform gave it, still unmasked: never stored, never logged."""

    platform: str
    id: str
    author: str
    created_at: datetime
    text: str
    version_at: datetime | None = None
    """When this version was written; None: when it was created."""
    language: str | None = None
    reply_to: str | None = None
    repost_of: str | None = None
    reach: int | None = None
    longitude: float | None = None
    latitude: float | None = None
    place_code: str | None = None
    postcode: str | None = None
    platform_place: str | None = None
    profile_place: str | None = None
    look_up_id: str | None = None
    """What the service is asked for to see whether the post is still there; None: `id`. Kept sealed, if at all."""


class Takedown(msgspec.Struct, kw_only=True, frozen=True):
    """A record by which a platform takes back a post, or all posts of an author."""

    platform: str
    kind: Literal["post", "author"]
    id: str
    at: datetime
    reason: RemovalReason


@dataclass(eq=False)
class Unusable(Exception):
    """A record that cannot become a row. `reason` must not quote it."""

    rule: str
    reason: str
    field: str | None = None


Outcome: TypeAlias = Post | Takedown | Unusable | None
"""None: none of this source's business (out of scope)."""


class Record(NamedTuple):
    """One record, where it stands, and what was made of it."""

    position: str
    raw: bytes
    outcome: Outcome
    platform: str = ""
    post_id: str | None = None
    author: str | None = None


def checked(post: Post, context: Context) -> Post:
    """The post, its times in UTC; raises `Unusable` where an id is empty, or a time or point cannot be true."""
    for name, value in (("id", post.id), ("author", post.author)):
        if not value.strip():
            raise Unusable("missing_field", f"{name} is empty: every post needs one", name)
    _require_possible_point(post.longitude, post.latitude)
    if post.reach is not None and not 0 <= post.reach < 2**63:
        raise Unusable("wrong_type", "reach is not a possible count: give a whole number from 0 up", "reach")
    created_at = plausible(post.created_at, "created_at", context)
    version_at = plausible(post.version_at, "version_at", context) if post.version_at else created_at
    return msgspec.structs.replace(post, created_at=created_at, version_at=max(created_at, version_at))


def plausible(at: datetime, field: str, context: Context) -> datetime:
    """The time in UTC (a time without offset is taken as UTC); raises `Unusable` outside the context's limits."""
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    if context.is_implausible(at):
        reason = f"{field} is not from {context.plausible_times}: correct the date, or the clock that wrote it"
        raise Unusable("implausible_date", reason, field)
    return at.astimezone(UTC)


def _require_possible_point(longitude: float | None, latitude: float | None) -> None:
    for name, value, limit in (("longitude", longitude, 180), ("latitude", latitude, 90)):
        if value is not None and not (math.isfinite(value) and abs(value) <= limit):
            raise Unusable(
                "impossible_point", f"{name} is not a number from -{limit} to {limit}: correct or drop it", name
            )
    if (longitude is None) != (latitude is None):
        missing = "longitude" if longitude is None else "latitude"
        raise Unusable("impossible_point", f"{missing} is missing beside its twin: give both or neither", missing)


def to_part(records: Sequence[Record], context: Context) -> Part:
    """Rows, removals and rejected records of one batch; everything personal passes the door here, texts in one call."""
    posts = [(record.position, record.outcome) for record in records if isinstance(record.outcome, Post)]
    takedowns = [(record.position, record.outcome) for record in records if isinstance(record.outcome, Takedown)]
    rejected = [record for record in records if isinstance(record.outcome, Unusable)]
    return Part(
        read=len(records),
        out_of_scope=len(records) - len(posts) - len(takedowns) - len(rejected),
        rows=_tables(posts, context) if posts else {},
        removals=[_removal(position, takedown, context) for position, takedown in takedowns],
        rejected=[_rejected(record, context) for record in rejected],
    )


def _tables(posts: Sequence[tuple[str, Post]], context: Context) -> dict[str, pl.DataFrame]:
    rows = _rows(posts, context)
    if not context.look_up_service:
        return {TABLE: rows}
    ids = [one.look_up_id or one.id for _, one in posts]
    sealed = [context.door.seal(post, own) for post, own in zip(rows["post"], ids, strict=True)]
    kept = rows.select("post", "position").with_columns(
        service=pl.lit(context.look_up_service), sealed_id=pl.Series(sealed, dtype=pl.String), seen_at=context.horizon
    )
    schema = incoming_schema(PLATFORM_IDS)
    return {TABLE: rows, PLATFORM_IDS: kept.select(pl.col(name).cast(dtype) for name, dtype in schema.items())}


def _removal(position: str, takedown: Takedown, context: Context) -> Removal:
    subject = context.pseudonym(takedown.kind, takedown.id, platform=takedown.platform)
    return Removal(takedown.kind, subject, takedown.at.astimezone(UTC), takedown.reason, position)


def _rejected(record: Record, context: Context) -> Rejected:
    assert isinstance(record.outcome, Unusable)
    post = context.pseudonym("post", record.post_id, platform=record.platform) if record.post_id else None
    author = context.pseudonym("author", record.author, platform=record.platform) if record.author else None
    return Rejected(
        position=record.position,
        rule=record.outcome.rule,
        reason=record.outcome.reason,
        field=record.outcome.field,
        record=record.raw[:_KEPT_OF_A_RECORD].decode("utf-8", "replace"),
        subject=post,
        author=author,
    )


def _rows(posts: Sequence[tuple[str, Post]], context: Context) -> pl.DataFrame:
    only = [post for _, post in posts]
    texts, platform_places, profile_places = _masked(only, context)
    areas, evidence = _placed(only, context)
    columns = {
        "post": _pseudonyms("post", [(p.platform, p.id) for p in only], context),
        "author": _pseudonyms("author", [(p.platform, p.author) for p in only], context),
        "platform": [p.platform for p in only],
        "created_at": [p.created_at for p in only],
        "version_at": [p.version_at for p in only],
        "text": texts,
        "language_hint": [p.language for p in only],
        "reply_to": _pseudonyms("post", [(p.platform, p.reply_to) for p in only], context),
        "repost_of": _pseudonyms("post", [(p.platform, p.repost_of) for p in only], context),
        "reach": [p.reach for p in only],
        "area": areas,
        "area_evidence": evidence,
        "platform_place": platform_places,
        "profile_place": profile_places,
        "position": [position for position, _ in posts],
    }
    return pl.DataFrame(columns, schema=incoming_schema(TABLE))


def _pseudonyms(
    kind: Literal["post", "author"], ids: Iterable[tuple[str, str | None]], context: Context
) -> list[str | None]:
    return [context.pseudonym(kind, one, platform=platform) if one else None for platform, one in ids]


def _masked(posts: Sequence[Post], context: Context) -> tuple[list[str], list[str | None], list[str | None]]:
    """Texts, platform places and profile places, masked in one call; a place that many share is masked once."""
    places = sorted({place for p in posts for place in (p.platform_place, p.profile_place) if place})
    masked = context.door.mask([*(p.text for p in posts), *places])
    masked_place = dict(zip(places, masked[len(posts) :], strict=True))
    return (
        masked[: len(posts)],
        [masked_place.get(p.platform_place or "") for p in posts],
        [masked_place.get(p.profile_place or "") for p in posts],
    )


def _placed(posts: Sequence[Post], context: Context) -> tuple[list[str | None], list[str | None]]:
    """Area and evidence of each post, by point, else official code, else postcode, none of which goes further."""
    city = context.city
    pointed = [post for post in posts if post.longitude is not None]
    at_point = iter(city.locate([p.longitude for p in pointed], [p.latitude for p in pointed]) if pointed else [])
    by_code = city.place_code([post.place_code for post in posts])
    by_postcode = city.place_postcode([post.postcode for post in posts])
    found = [
        (next(at_point), "point")
        if post.longitude is not None
        else _first_found((code, "code"), (postcode, "postcode"))
        for post, code, postcode in zip(posts, by_code, by_postcode, strict=True)
    ]
    return [area for area, _ in found], [evidence if area else None for area, evidence in found]


def _first_found(*candidates: tuple[str | None, str]) -> tuple[str | None, str]:
    return next((candidate for candidate in candidates if candidate[0]), candidates[0])
