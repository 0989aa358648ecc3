"""Bluesky's records in their three forms, of invented people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

POSTS = "app.bsky.feed.post"
STREAM = "network.bsky.jetstream.subscribeEvents"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AT = datetime(2026, 5, 8, 10, 0, 5, tzinfo=UTC)


def did(name: str) -> str:
    return f"did:plc:invented{name}"


def uri(name: str, rkey: str) -> str:
    return f"at://{did(name)}/{POSTS}/{rkey}"


def as_us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def a_record(text: str, at: datetime = AT, **values: Any) -> dict[str, Any]:
    return {"$type": POSTS, "createdAt": at.isoformat(), "text": text, **values}


def a_commit(
    name: str = "ada",
    rkey: str = "3k1",
    *,
    operation: str = "create",
    text: str = "the market is open",
    at: datetime = AT,
    created_at: datetime | None = None,
    collection: str = POSTS,
    **record: Any,
) -> dict[str, Any]:
    """An event of `/subscribe`."""
    commit = {"rev": "3k", "operation": operation, "collection": collection, "rkey": rkey}
    if operation != "delete":
        commit |= {"record": a_record(text, created_at or at, **record), "cid": "bafyinvented"}
    return {"did": did(name), "time_us": as_us(at), "kind": "commit", "commit": commit}


def an_account(name: str = "ada", *, at: datetime = AT, active: bool = False, status: str | None = "deleted") -> Any:
    """An account event of `/subscribe`."""
    account = {"active": active, "did": did(name), "seq": 7, "time": at.isoformat()}
    return {
        "did": did(name),
        "time_us": as_us(at),
        "kind": "account",
        "account": account | ({"status": status} if status else {}),
    }


def as_frame(event: dict[str, Any], seq: int = 1) -> dict[str, Any]:
    """The same event as subscribeEvents would send it."""
    kind = event["kind"]
    body = event["commit"] if kind == "commit" else {kind: event[kind]}
    time = (EPOCH + timedelta(microseconds=event["time_us"])).isoformat(timespec="microseconds")
    head = {"$type": f"{STREAM}#{kind}", "seq": seq, "did": event["did"], "time": time.replace("+00:00", "Z")}
    return {"$type": "message", "payload": {**head, **body}}


def a_sync(name: str = "ada", *, at: datetime = AT) -> dict[str, Any]:
    """An event that only subscribeEvents has."""
    return {"did": did(name), "time_us": as_us(at), "kind": "sync", "sync": {"did": did(name), "seq": 8, "rev": "3k"}}


def a_hit(
    name: str = "ada",
    rkey: str = "3k1",
    *,
    text: str = "the market is open",
    at: datetime = AT,
    indexed_at: datetime | None = None,
    labels: list[dict[str, Any]] | None = None,
    record: dict[str, Any] | None = None,
    **values: Any,
) -> dict[str, Any]:
    """A post as a search gives it."""
    return {
        "uri": uri(name, rkey),
        "cid": "bafyinvented",
        "author": {"did": did(name), "handle": f"{name}.example", "displayName": name, "labels": labels or []},
        "record": a_record(text, at, **(record or {})),
        "indexedAt": (indexed_at or at).isoformat(),
        "replyCount": 9,
        "repostCount": 2,
        "likeCount": 3,
        "quoteCount": 1,
        **values,
    }
