"""Bluesky: events of both forms of the stream, and hits of a search."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.posts.bluesky import EVENTS, PARSER, SEARCH
from barometer.ingest.posts.post import TABLE
from tests.ingest.helpers import a_context, pseudonym
from tests.ingest.posts.bluesky_records import AT, STREAM, a_commit, a_hit, a_sync, an_account, as_frame, did, uri
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


class TestTerms:
    context = a_context(terms=["market"])

    def test_a_post_that_names_none_is_out_of_scope(self) -> None:
        part = parsed(
            PARSER, commit(text="quite another place"), commit(text="ein anderer Ort, schön"), context=self.context
        )
        assert part.out_of_scope == 2

    def test_a_post_that_names_one_is_kept(self) -> None:
        assert row_of(PARSER, commit(), self.context)["post"] == POST

    def test_tags_beside_the_text_count(self) -> None:
        assert row_of(PARSER, commit(text="come along", tags=["market"]), self.context)["post"] == POST

    def test_an_edit_that_takes_the_term_out_takes_back_what_was_there(self) -> None:
        (removal,) = parsed(PARSER, commit("update", text="closed"), context=self.context).removals
        assert (removal.kind, removal.subject, removal.reason) == ("post", POST, "edited")
        assert removal.effective_at == EVENT_AT

    def test_an_edit_that_brings_the_term_in_is_a_post(self) -> None:
        assert row_of(PARSER, commit("update"), self.context)["version_at"] == EVENT_AT

    def test_deletions_and_accounts_pass_whatever_is_wanted(self) -> None:
        part = parsed(PARSER, commit("delete"), account(active=False, status="deleted"), context=self.context)
        assert len(part.removals) == 2

    def test_languages_limit_too(self) -> None:
        context = a_context(languages=["en"])
        assert parsed(PARSER, commit(langs=["de"]), commit(langs=["en"]), context=context).out_of_scope == 1

    def test_a_broken_record_is_set_aside_not_passed_over(self) -> None:
        broken = json.dumps(commit(text="quite another place")).encode()[:-9]
        part = parsed(PARSER, broken, commit(text="the market"), commit(text=["market"]), context=self.context)
        assert [one.rule for one in part.rejected] == ["invalid_json", "wrong_type"]


class TestFrames:
    """The newer stream says the same of the same events."""

    @pytest.mark.parametrize(
        "told",
        [
            a_commit(),
            a_commit(operation="update", text="the market is closed", langs=["en"]),
            a_commit(operation="delete"),
            a_commit(collection="app.bsky.feed.like"),
            a_commit(text="elsewhere"),
            an_account(),
            an_account(status="throttled"),
            an_account(active=True, status=None),
        ],
    )
    def test_as_events_do(self, told: dict[str, Any]) -> None:
        context = a_context(terms=["market"])
        old, new = parsed(PARSER, told, context=context), parsed(EVENTS, as_frame(told), context=context)
        assert (old.out_of_scope, old.removals) == (new.out_of_scope, new.removals)
        assert [rows.to_dicts() for rows in old.rows.values()] == [rows.to_dicts() for rows in new.rows.values()]

    def test_a_sync_takes_back_what_came_before_it(self) -> None:
        part = parsed(EVENTS, as_frame(a_sync(at=AT)), as_frame(a_commit(at=AT)))
        (removal,) = part.removals
        assert (removal.kind, removal.reason) == ("author", "deleted")
        assert removal.effective_at < AT == part.rows[TABLE]["version_at"][0]

    def test_identities_and_notices_are_out_of_scope(self) -> None:
        identity = as_frame({**a_sync(), "kind": "identity", "identity": {"handle": "invented.example"}})
        notice = {"$type": "message", "payload": {"$type": f"{STREAM}#info", "name": "OutdatedCursor"}}
        assert parsed(EVENTS, identity, notice).out_of_scope == 2

    @pytest.mark.parametrize(
        ("record", "rule", "field"),
        [
            (as_frame(a_commit(operation="rename")), "unknown_operation", "commit.operation"),
            (as_frame(a_commit(at=datetime(2199, 1, 1, tzinfo=UTC))), "implausible_date", "payload.time"),
            ({"$type": "message"}, "missing_field", "payload"),
        ],
    )
    def test_refusals_name_rule_and_field(self, record: Any, rule: str, field: str) -> None:
        refusal = refusal_of(EVENTS, record)
        assert (refusal.rule, refusal.field) == (rule, field)

    def test_refusals_name_post_and_author_by_pseudonym(self) -> None:
        refusal = refusal_of(EVENTS, as_frame(a_commit(text=None)))  # type: ignore[arg-type]
        assert refusal.subject == pseudonym("post", f"bluesky:{uri('ada', '3k1')}")
        assert refusal.author == pseudonym("author", f"bluesky:{did('ada')}")


class TestHits:
    def test_a_hit_is_the_post_that_the_stream_brings(self) -> None:
        hit, event = row_of(SEARCH, a_hit()), row_of(PARSER, a_commit())
        same = ("post", "author", "platform", "created_at", "text", "repost_of")
        assert {name: hit[name] for name in same} == {name: event[name] for name in same}

    def test_its_reach_is_reposts_and_likes(self) -> None:
        assert row_of(SEARCH, a_hit())["reach"] == 5
        assert row_of(SEARCH, a_hit(repostCount=None, likeCount=None))["reach"] == 0

    def test_it_is_as_old_as_the_post_so_that_no_deletion_is_older(self) -> None:
        row = row_of(SEARCH, a_hit(indexed_at=AT + timedelta(minutes=1)))
        assert row["version_at"] == row["created_at"] == AT

    def test_a_client_whose_clock_is_fast_cannot_date_it_after_it_was_indexed(self) -> None:
        row = row_of(SEARCH, a_hit(at=AT + timedelta(hours=1), indexed_at=AT))
        assert row["version_at"] == row["created_at"] == AT

    @pytest.mark.parametrize(("labels", "kept"), [([], 1), ([{"val": "!no-unauthenticated"}], 0), ([{"val": "x"}], 1)])
    def test_of_an_account_that_asks_not_to_be_shown_to_visitors_is_not_kept(self, labels: Any, kept: int) -> None:
        assert parsed(SEARCH, a_hit(labels=labels)).out_of_scope == 1 - kept

    def test_of_one_that_takes_the_wish_back_is_kept(self) -> None:
        assert parsed(SEARCH, a_hit(labels=[{"val": "!no-unauthenticated", "neg": True}])).out_of_scope == 0

    def test_in_another_language_is_not_kept(self) -> None:
        part = parsed(SEARCH, a_hit(record={"langs": ["de"]}), context=a_context(languages=["en"]))
        assert part.out_of_scope == 1

    def test_need_not_name_the_terms_again_as_the_search_asked_for_them(self) -> None:
        assert row_of(SEARCH, a_hit(), a_context(terms=["markets"]))["author"] == pseudonym(
            "author", f"bluesky:{did('ada')}"
        )

    def test_that_is_no_post_of_its_author_is_refused(self) -> None:
        refusal = refusal_of(SEARCH, a_hit(uri=uri("bo", "3k1")))
        assert (refusal.rule, refusal.field) == ("wrong_type", "uri")


EVENTS_OR_NOT = st.sampled_from([a_commit(), a_commit(operation="delete"), an_account(), a_hit(), as_frame(a_sync())])


@given(record=EVENTS_OR_NOT, cut=st.integers(0, 400), junk=st.binary(max_size=8))
def test_whatever_is_sent_ends_in_exactly_one_place(record: Any, cut: int, junk: bytes) -> None:
    data = json.dumps(record).encode()[:cut] + junk
    for parser in (PARSER, EVENTS, SEARCH):
        parsed(parser, data or b"x", context=a_context(terms=["market"]))
