"""Bluesky Jetstream events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from barometer.ingest.posts.bluesky import PARSER
from barometer.ingest.posts.post import TABLE
from tests.ingest.helpers import a_context, pseudonym
from tests.ingest.posts.records import parsed, refusal_of, row_of

DID = "did:plc:inventedinventedinvented"
URI = f"at://{DID}/app.bsky.feed.post/3kabc"
POST = pseudonym("post", f"bluesky:{URI}")
AUTHOR = pseudonym("author", f"bluesky:{DID}")
EVENT_AT = datetime(2026, 5, 8, 10, 0, 5, tzinfo=UTC)
TIME_US = int(EVENT_AT.timestamp() * 1_000_000)


def event(**values: Any) -> dict[str, Any]:
    return {"did": DID, "time_us": TIME_US, "kind": "commit", **values}


def commit(operation: str = "create", collection: str = "app.bsky.feed.post", **record: Any) -> dict[str, Any]:
    plain = {"$type": collection, "createdAt": "2026-05-08T10:00:00.000Z", "text": "the market is open"}
    body = {"rev": "3k", "operation": operation, "collection": collection, "rkey": "3kabc"}
    return event(commit=body if operation == "delete" else {**body, "record": {**plain, **record}, "cid": "bafy"})


def account(**values: Any) -> dict[str, Any]:
    return event(kind="account", account={"did": DID, "seq": 1, "time": "2026-05-08T10:00:05Z", **values})


class TestPosts:
    def test_a_create_is_a_post(self) -> None:
        row = row_of(PARSER, commit(langs=["en", "cy"]))
        assert (row["post"], row["author"], row["platform"]) == (POST, AUTHOR, "bluesky")
        assert row["text"] == "masked the market is open"
        assert row["created_at"] == datetime(2026, 5, 8, 10, tzinfo=UTC)
        assert row["language_hint"] == "en"
        assert row["reach"] is None

    def test_its_version_is_of_the_time_of_the_event(self) -> None:
        assert row_of(PARSER, commit())["version_at"] == EVENT_AT

    def test_an_update_is_a_later_version_of_the_same_post(self) -> None:
        later = {**commit("update", text="the market is closed"), "time_us": TIME_US + 60_000_000}
        row = row_of(PARSER, later)
        assert row["post"] == POST
        assert row["version_at"] == EVENT_AT + timedelta(minutes=1)

    def test_a_client_whose_clock_is_fast_cannot_date_a_post_after_its_own_event(self) -> None:
        row = row_of(PARSER, commit(createdAt="2026-05-08T11:00:00Z"))
        assert row["created_at"] == row["version_at"] == EVENT_AT

    def test_so_a_delete_always_is_later_than_what_it_deletes(self) -> None:
        delete = {**commit("delete"), "time_us": TIME_US + 1}
        part = parsed(PARSER, commit(createdAt="2026-05-08T23:00:00Z"), delete)
        assert part.rows[TABLE]["version_at"][0] < part.removals[0].effective_at

    def test_an_answer_names_what_it_answers(self) -> None:
        parent = "at://did:plc:other/app.bsky.feed.post/3k1"
        row = row_of(PARSER, commit(reply={"parent": {"uri": parent, "cid": "c"}, "root": {"uri": parent, "cid": "c"}}))
        assert row["reply_to"] == pseudonym("post", f"bluesky:{parent}")

    @pytest.mark.parametrize("langs", [None, []])
    def test_languages_may_be_left_out(self, langs: Any) -> None:
        assert row_of(PARSER, commit(langs=langs))["language_hint"] is None


class TestRemovals:
    def test_a_delete_takes_back_the_post_up_to_its_time(self) -> None:
        (removal,) = parsed(PARSER, commit("delete")).removals
        assert (removal.kind, removal.subject, removal.reason) == ("post", POST, "deleted")
        assert removal.effective_at == EVENT_AT

    @pytest.mark.parametrize("status", ["deleted", "takendown", "deactivated", "suspended"])
    def test_an_account_that_is_gone_takes_back_all_it_posted(self, status: str) -> None:
        (removal,) = parsed(PARSER, account(active=False, status=status)).removals
        assert (removal.kind, removal.subject, removal.reason) == ("author", AUTHOR, "account_deleted")
        assert removal.effective_at == EVENT_AT

    def test_an_inactive_account_of_which_nothing_is_said_is_gone(self) -> None:
        assert len(parsed(PARSER, account(active=False)).removals) == 1

    @pytest.mark.parametrize("status", ["throttled", "desynchronized"])
    def test_an_account_that_is_only_out_of_step_is_not(self, status: str) -> None:
        assert parsed(PARSER, account(active=False, status=status)).out_of_scope == 1


class TestOutOfScope:
    @pytest.mark.parametrize(
        "record",
        [
            account(active=True),
            event(kind="identity", identity={"did": DID, "handle": "invented.example"}),
            commit(collection="app.bsky.feed.like"),
            commit(collection="app.bsky.feed.repost"),
            commit("delete", "app.bsky.feed.repost"),
            commit("update", "app.bsky.actor.profile"),
            event(kind="something new"),
        ],
    )
    def test_is_all_that_is_not_a_post(self, record: Any) -> None:
        part = parsed(PARSER, record)
        assert (part.out_of_scope, part.rows, part.removals) == (1, {}, [])

    def test_records_of_other_collections_are_not_even_looked_at(self) -> None:
        record = commit(collection="app.bsky.feed.like", createdAt=7, text=None)
        assert parsed(PARSER, record).out_of_scope == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("record", "rule", "field"),
        [
            (commit(text=None), "wrong_type", "text"),
            (commit(createdAt="then"), "invalid_date", "createdAt"),
            (commit(createdAt="2169-01-01T00:00:00Z"), "implausible_date", "commit.record.createdAt"),
            (commit(createdAt="1969-01-01T00:00:00Z"), "implausible_date", "commit.record.createdAt"),
            (commit("rename"), "unknown_operation", "commit.operation"),
            (
                event(commit={"operation": "create", "collection": "app.bsky.feed.post", "rkey": "1"}),
                "missing_field",
                "commit.record",
            ),
            (event(), "missing_field", "commit"),
            ({"did": DID, "kind": "commit"}, "missing_field", "time_us"),
            ({**commit(), "time_us": -1}, "implausible_date", "time_us"),
            ({**commit(), "time_us": 10**30}, "implausible_date", "time_us"),
            ({**commit(), "did": None}, "wrong_type", "did"),
        ],
    )
    def test_name_rule_and_field(self, record: Any, rule: str, field: str) -> None:
        refusal = refusal_of(PARSER, record)
        assert (refusal.rule, refusal.field) == (rule, field)

    def test_name_post_and_author_by_pseudonym(self) -> None:
        refusal = refusal_of(PARSER, commit(text=7))
        assert (refusal.subject, refusal.author) == (POST, AUTHOR)

    def test_of_an_account_event_name_only_the_author(self) -> None:
        refusal = refusal_of(PARSER, account(active="no"))
        assert (refusal.subject, refusal.author) == (None, AUTHOR)


def test_the_source_s_options_do_not_rename_the_platform() -> None:
    assert row_of(PARSER, commit(), a_context(platform="other"))["post"] == POST
