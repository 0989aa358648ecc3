"""Which event a RumourEval post is about, so that no event is both learnt from and tested on.

The labelled sets keep a post's text but not its thread: the thread is found by the text. The task's own test threads
carry no event name, though most belong to the training events: they are placed by time, as a tweet's id grows with it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import polars as pl

SOURCE = "rumoureval2017"
UNKNOWN = f"{SOURCE}:unknown"
_NAMED_SPLITS, _ALL_SPLITS = ("train", "dev"), ("train", "dev", "test", "trump")
# Tweet ids hold milliseconds above 22 bits ("snowflake"): an event's threads reach a few days beyond those known.
_SLACK = 4 * 24 * 3600 * 1000 << 22


def plain(text: str) -> str:
    """Words of a text without accounts, links, punctuation and case: equal for copies that were masked differently."""
    masked = re.sub(r"@\w+", "@user", re.sub(r"https?\S*", "http", html.unescape(text)))
    return re.sub(r"\W+", " ", masked.lower()).strip()


def with_events(posts: pl.DataFrame, data: Path) -> pl.DataFrame:
    """Fill `story` of RumourEval posts with their event; of the sample city's with a name that clashes with none."""
    events = event_of_text(data / "posts" / SOURCE)
    found = [
        events.get(plain(text), UNKNOWN) if source == SOURCE else (story and f"{source}:{story}")
        for source, text, story in posts.select("source", "text", "story").iter_rows()
    ]
    return posts.with_columns(pl.Series("story", found, dtype=pl.String))


def event_of_text(folder: Path) -> dict[str, str]:
    """Plain text of every tweet of the RumourEval threads in `folder` -> event; empty when the folder is not there."""
    tweets = [tweet for split in _ALL_SPLITS for tweet in _tweets(folder / f"{split}.jsonl", split)]
    spans = event_spans((event, thread) for split, event, thread, _ in tweets if split in _NAMED_SPLITS)
    return {
        plain(text): f"{SOURCE}:{event if split in _NAMED_SPLITS else event_at(thread, spans)}"
        for split, event, thread, text in tweets
    }


def event_spans(threads: Iterator[tuple[str, int]]) -> dict[str, tuple[int, int]]:
    """First and last thread id of every event."""
    spans: dict[str, tuple[int, int]] = {}
    for event, thread in threads:
        first, last = spans.get(event, (thread, thread))
        spans[event] = min(first, thread), max(last, thread)
    return spans


def event_at(thread: int, spans: dict[str, tuple[int, int]]) -> str:
    """The event in whose time the thread began; an event of its own where there is none."""
    near = [event for event, (first, last) in spans.items() if first - _SLACK <= thread <= last + _SLACK]
    return min(near, default=str(thread))


def _tweets(path: Path, split: str) -> Iterator[tuple[str, str, int, str]]:
    if not path.is_file():
        return
    with path.open("rb") as lines:
        for line in lines:
            record = msgspec.json.decode(line)
            text = record["data"].get("text") or record["data"].get("full_text")
            if text:
                yield split, record["event"], int(record["thread"]), text
