"""Things of Reddit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.posts.reddit import PARSER
from tests.ingest.helpers import a_context, pseudonym
from tests.ingest.posts.records import parsed, refusal_of, row_of

MORNING = datetime(2026, 5, 8, 10, tzinfo=UTC)


def comment(number: str = "c1", **values: Any) -> dict[str, Any]:
    plain = {
        "id": number,
        "author": "ada",
        "author_fullname": "t2_ada",
        "created_utc": MORNING.timestamp(),
        "edited": False,
        "body": "the tram was late",
        "score": 4,
        "parent_id": "t3_p1",
        "subreddit": "testville",
    }
    return {"kind": "t1", "data": {**plain, **values}}


def link(number: str = "p1", **values: Any) -> dict[str, Any]:
    thing = comment(number, title="Trams", selftext="Late again", parent_id=None, **values)
    del thing["data"]["body"]
    return {**thing, "kind": "t3"}


class TestThings:
    def test_a_comment_lands_in_its_columns(self) -> None:
        row = row_of(PARSER, comment(edited=MORNING.timestamp() + 60))
        assert row["post"] == pseudonym("post", "reddit:t1_c1")
        assert row["author"] == pseudonym("author", "reddit:t2_ada")
        assert row["reply_to"] == pseudonym("post", "reddit:t3_p1")
        assert row["created_at"] == MORNING
        assert row["version_at"] == MORNING.replace(minute=1)
        assert (row["text"], row["reach"], row["platform"]) == ("masked the tram was late", 4, "reddit")

    def test_a_post_is_its_title_and_its_words(self) -> None:
        row = row_of(PARSER, link())
        assert row["post"] == pseudonym("post", "reddit:t3_p1")
        assert (row["text"], row["reply_to"]) == ("masked Trams\n\nLate again", None)

    def test_more_against_than_for_is_no_reach(self) -> None:
        assert row_of(PARSER, comment(score=-7))["reach"] == 0

    def test_a_crosspost_repeats(self) -> None:
        row = row_of(PARSER, link(crosspost_parent="t3_p0"))
        assert row["repost_of"] == pseudonym("post", "reddit:t3_p0")
        assert row["reach"] is None

    def test_very_old_edits_have_no_time(self) -> None:
        assert row_of(PARSER, comment(edited=True))["version_at"] == MORNING

    @pytest.mark.parametrize("other", [{"kind": "t5", "data": {}}, {"kind": "more", "data": {"count": 3}}, {}])
    def test_all_else_is_out_of_scope(self, other: dict[str, Any]) -> None:
        assert parsed(PARSER, other).out_of_scope == 1


class TestRemovals:
    @pytest.mark.parametrize(
        ("thing", "reason"),
        [
            (comment(body="[deleted]", author="[deleted]", author_fullname=None), "deleted"),
            (comment(body="[removed]"), "deleted"),
            (link(removed_by_category="moderator"), "deleted"),
            (comment(author="[deleted]", author_fullname=None), "account_deleted"),
        ],
    )
    def test_what_is_gone_is_taken_back(self, thing: dict[str, Any], reason: str) -> None:
        (removal,) = parsed(PARSER, thing).removals
        assert removal.subject == pseudonym("post", f"reddit:{thing['kind']}_{thing['data']['id']}")
        assert (removal.kind, removal.reason, removal.effective_at) == ("post", reason, a_context().horizon)

    def test_words_that_speak_of_it_are_no_marker(self) -> None:
        assert parsed(PARSER, comment(body="why does it say [deleted] here?")).removals == []


class TestRefusals:
    @pytest.mark.parametrize(
        ("thing", "rule", "field"),
        [
            (comment(created_utc=1e300), "invalid_date", "data.created_utc"),
            (comment(created_utc="soon"), "wrong_type", "data.created_utc"),
            (comment(created_utc=6e9), "implausible_date", "created_at"),
            (comment(score="many"), "wrong_type", "data.score"),
            ({"kind": "t1"}, "missing_field", "data"),
        ],
    )
    def test_name_rule_and_field(self, thing: dict[str, Any], rule: str, field: str) -> None:
        refusal = refusal_of(PARSER, thing)
        assert (refusal.rule, refusal.field) == (rule, field)

    def test_name_the_thing_by_pseudonym(self) -> None:
        refusal = refusal_of(PARSER, comment(score="many"))
        assert refusal.subject == pseudonym("post", "reddit:t1_c1")
        assert refusal.author == pseudonym("author", "reddit:t2_ada")

    @given(record=st.dictionaries(st.sampled_from(["kind", "data", "id"]), st.sampled_from(["t1", "t3", {}, None, 3])))
    def test_nothing_breaks_it(self, record: dict[str, Any]) -> None:
        assert parsed(PARSER, record).read == 1
