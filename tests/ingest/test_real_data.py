"""Real payloads from outside, each counted a second time here, straight from the raw file and by other means."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from barometer.ingest.posts import bluesky
from barometer.ingest.removals import apply_removals
from barometer.ingest.run import ingest_source
from barometer.lake import Lake
from barometer.ledger import Counts, require_balance
from barometer.night import Night
from barometer.settings import Settings
from tests.ingest.helpers import PlainDoor, a_context, a_night, a_source, as_lines, pseudonym, table, write_lines
from tests.ingest.posts.bluesky_records import as_frame

NIGHT = date(2026, 8, 2)
LATEST = datetime(2026, 8, 3, tzinfo=UTC)


@pytest.fixture
def night(lake: Lake, settings_here: Settings) -> Night:
    return a_night(lake, settings_here, NIGHT)


def inbox(night: Night, name: str) -> Path:
    path = night.settings.inbox / "testville/posts" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


class TestRumourEval:
    """The threads of RumourEval 2017: 5,568 tweets of train, dev and test, among lines that are no tweets."""

    SPLITS = ("train", "dev", "test")

    def lines(self, shared_data: Path, split: str) -> list[bytes]:
        return (shared_data / f"posts/rumoureval2017/{split}.jsonl").read_bytes().splitlines()

    def test_every_tweet_becomes_a_row_and_all_else_is_out_of_scope(self, shared_data: Path, night: Night) -> None:
        for split in self.SPLITS:
            inbox(night, f"{split}.jsonl").write_bytes(b"\n".join(self.lines(shared_data, split)) + b"\n")
        counts = ingest_source(night, a_source("twitter_v1"), PlainDoor())
        assert counts == Counts(read=5_893, out_of_scope=325, received=5_568, written=5_568)
        require_balance(night)

    def test_the_counts_are_those_of_the_raw_files(self, shared_data: Path) -> None:
        lines = [line for split in self.SPLITS for line in self.lines(shared_data, split)]
        assert len(lines) == 5_893
        assert sum(b'"kind": "structure"' in line for line in lines) == 325
        assert sum(b'"kind": "source"' in line or b'"kind": "reply"' in line for line in lines) == 5_568

    def test_ids_answers_and_places_are_those_of_the_raw_files(self, shared_data: Path, night: Night) -> None:
        lines = self.lines(shared_data, "dev")
        inbox(night, "dev.jsonl").write_bytes(b"\n".join(lines))
        ingest_source(night, a_source("twitter_v1"), PlainDoor())
        tweets = [told["data"] for told in map(json.loads, lines) if told["kind"] != "structure"]
        rows = table(night, "received_posts")
        assert set(rows["post"]) == {pseudonym("post", f"twitter:{tweet['id_str']}") for tweet in tweets}
        assert rows["reply_to"].drop_nulls().len() == sum(bool(t.get("in_reply_to_status_id")) for t in tweets)
        assert rows["platform_place"].drop_nulls().len() == sum(bool(t.get("place")) for t in tweets)
        assert rows["profile_place"].drop_nulls().len() == sum(bool(t["user"].get("location")) for t in tweets)
        assert rows["author"].n_unique() == len({tweet["user"]["id"] for tweet in tweets})


class TestJetstream:
    """A minute of the real Bluesky stream, as Jetstream gives it."""

    def raw(self, shared_data: Path) -> bytes:
        return (shared_data / "formats/jetstream_fixture/internal/corpus/testdata/expected_v1.jsonl").read_bytes()

    def test_posts_are_rows_and_deletes_are_removals(self, shared_data: Path, night: Night) -> None:
        inbox(night, "frames.jsonl").write_bytes(self.raw(shared_data))
        counts = ingest_source(night, a_source("jetstream"), PlainDoor())
        assert counts == Counts(read=152, out_of_scope=134, received=18, written=17, removed=1)
        assert apply_removals(night).removed == 1
        assert table(night, "received_posts").height == 17

    def test_the_counts_are_those_of_the_raw_file(self, shared_data: Path) -> None:
        lines = self.raw(shared_data).splitlines()
        is_post = [b'"collection":"app.bsky.feed.post"' in line for line in lines]
        assert len(lines) == 152
        assert sum(is_post) == 18
        assert sum(b'"operation":"delete"' in line for line, post in zip(lines, is_post, strict=True) if post) == 1
        assert not any(b'"active":false' in line for line in lines)

    def test_the_newer_stream_would_say_the_same_of_the_same_events(self, shared_data: Path) -> None:
        lines = self.raw(shared_data).splitlines()
        frames = [json.dumps(as_frame(json.loads(line), seq)).encode() for seq, line in enumerate(lines)]
        context = a_context()
        old = bluesky.PARSER.parse_lines(as_lines(*lines), replace(context, latest=LATEST))
        new = bluesky.EVENTS.parse_lines(as_lines(*frames), replace(context, latest=LATEST))
        assert old.rows["received_posts"].equals(new.rows["received_posts"])
        assert (old.removals, old.out_of_scope, old.rejected) == (new.removals, new.out_of_scope, new.rejected)

    def test_terms_keep_what_an_own_search_of_the_raw_file_finds(self, shared_data: Path) -> None:
        lines = self.raw(shared_data).splitlines()
        texts = [json.loads(line).get("commit", {}).get("record", {}).get("text") for line in lines]
        for word in ("the", "and", "you"):
            found = [text for text in texts if text and re.search(rf"(?i)(?<!\w){word}(?!\w)", text)]
            context = replace(a_context(terms=[word]), latest=LATEST)
            rows = bluesky.PARSER.parse_lines(as_lines(*lines), context).rows
            kept = rows["received_posts"]["text"].to_list() if rows else []
            assert sorted(kept) == sorted(f"masked {text}" for text in found)


class TestAtProtocol:
    """A recorded answer of the AT Protocol with a post as a search gives it."""

    def test_its_post_is_a_hit(self, shared_data: Path) -> None:
        folder = shared_data / "formats/atproto_fixtures/tests/test_atproto_client/models/test_data"
        post = json.loads((folder / "thread_view_post_with_embed_media.json").read_bytes())["thread"]["post"]
        part = bluesky.SEARCH.parse_lines(as_lines(post), a_context())
        (row,) = part.rows["received_posts"].to_dicts()
        assert row["post"] == pseudonym("post", f"bluesky:{post['uri']}")
        assert row["author"] == pseudonym("author", f"bluesky:{post['author']['did']}")
        assert row["reach"] == post["repostCount"] + post["likeCount"]
        assert row["text"] == f"masked {post['record']['text']}"


class TestMastodon:
    """Statuses of recorded exchanges with a Mastodon server; one status a line."""

    @pytest.fixture
    def statuses(self, shared_data: Path) -> list[dict[str, Any]]:
        folder = shared_data / "formats/mastodon_fixtures/tests/cassettes"
        bodies = (body for path in sorted(folder.glob("*.yaml")) for body in bodies_of(path))
        return [status for body in bodies for status in statuses_of(body)]

    def test_public_statuses_are_rows_and_no_others(self, statuses: list[dict[str, Any]], night: Night) -> None:
        write_lines(inbox(night, "statuses.jsonl"), *statuses)
        counts = ingest_source(night, a_source("mastodon"), PlainDoor())
        deleted = [status for status in statuses if "content" not in status]
        in_scope = [status for status in statuses if "content" in status and is_for_everybody(status)]
        assert counts.read == len(statuses)
        assert counts.received == len(in_scope) + len(deleted)
        gone = {status["uri"] for status in deleted}
        kept = {s["uri"] for s in in_scope if not gone & {s["uri"], (s["reblog"] or {}).get("uri")}}
        assert set(table(night, "received_posts")["post"]) == {pseudonym("post", f"mastodon:{uri}") for uri in kept}

    def test_nearly_all_were_deleted_again_at_the_end_of_their_exchange(
        self, statuses: list[dict[str, Any]], night: Night
    ) -> None:
        write_lines(inbox(night, "statuses.jsonl"), *statuses)
        counts = ingest_source(night, a_source("mastodon"), PlainDoor())
        assert counts == Counts(read=126, out_of_scope=33, received=93, written=2, duplicate=2, removed=89)

    def test_of_a_status_shown_several_times_the_newest_version_is_kept(
        self, statuses: list[dict[str, Any]], night: Night
    ) -> None:
        shown = [status for status in statuses if "content" in status]
        write_lines(inbox(night, "statuses.jsonl"), *shown)
        counts = ingest_source(night, a_source("mastodon"), PlainDoor())
        newest = {
            s["uri"]: s["edited_at"] or s["created_at"] for s in sorted(shown, key=last_change) if is_for_everybody(s)
        }
        rows = table(night, "received_posts").filter(pl.col("repost_of").is_null())
        versions = dict(rows.select("post", pl.col("version_at").dt.strftime("%Y-%m-%dT%H:%M:%S.%3fZ")).iter_rows())
        assert counts == Counts(read=88, out_of_scope=33, received=55, written=36, duplicate=18, removed=1)
        assert versions.items() <= {pseudonym("post", f"mastodon:{u}"): at for u, at in newest.items()}.items()

    def test_whole_answers_of_the_server_can_be_read_too(self, shared_data: Path, night: Night) -> None:
        folder = shared_data / "formats/mastodon_fixtures/tests/cassettes"
        bodies = [body for path in sorted(folder.glob("*.yaml")) for body in bodies_of(path)]
        write_lines(inbox(night, "answers.jsonl"), *bodies)
        counts = ingest_source(night, a_source("mastodon"), PlainDoor())
        assert counts.is_balanced
        assert counts.read == sum(len(body) if isinstance(body, list) else 1 for body in bodies)
        assert counts.quarantined == 0


def bodies_of(path: Path) -> Iterator[Any]:
    """What a server answered in each exchange of a recording, where that is JSON."""
    for exchange in yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)["interactions"]:
        body = exchange["response"]["body"].get("string")
        if isinstance(body, str) and body[:1] in ("{", "["):
            yield json.loads(body)


def statuses_of(body: Any) -> list[dict[str, Any]]:
    """Statuses that an answer is, lists, or holds in its lists."""
    if isinstance(body, dict) and "visibility" in body:
        return [body]
    listed = (
        body if isinstance(body, list) else [one for value in body.values() if isinstance(value, list) for one in value]
    )
    return [one for one in listed if isinstance(one, dict) and "visibility" in one]


def last_change(status: dict[str, Any]) -> str:
    return str(status["edited_at"] or status["created_at"])


def is_for_everybody(status: dict[str, Any]) -> bool:
    shown = [status, *([status["reblog"]] if status["reblog"] else [])]
    seen = Counter((one["visibility"] in ("public", "unlisted") and one["account"]["indexable"]) for one in shown)
    return seen[True] == len(shown)
