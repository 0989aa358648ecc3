"""Posts of social media: one file a format. `PARSERS` is the register of them, by (signal, format)."""

from __future__ import annotations

from barometer.ingest.posts import bluesky, feeds, fourcat, mastodon, own, reddit, telegram, twitter, youtube
from barometer.ingest.source import Parser

PARSERS: dict[tuple[str, str], Parser] = {
    ("posts", "jsonl"): own.PARSER,
    ("posts", "jetstream"): bluesky.PARSER,
    ("posts", "jetstream_events"): bluesky.EVENTS,
    ("posts", "bluesky_search"): bluesky.SEARCH,
    ("posts", "twitter_v1"): twitter.PARSER,
    ("posts", "mastodon"): mastodon.PARSER,
    ("posts", "fourcat"): fourcat.PARSER,
    ("posts", "feed"): feeds.PARSER,
    ("posts", "reddit"): reddit.PARSER,
    ("posts", "youtube"): youtube.PARSER,
    ("posts", "telegram"): telegram.PARSER,
}
