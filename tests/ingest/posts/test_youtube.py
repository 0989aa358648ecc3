"""Comments of YouTube."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from barometer.ingest.posts.youtube import PARSER
from tests.ingest.helpers import pseudonym
from tests.ingest.posts.records import parsed, refusal_of, row_of


def comment(number: str = "Ugx1", **values: Any) -> dict[str, Any]:
    snippet = {
        "textDisplay": "the tram was late",
        "authorDisplayName": "@ada",
        "authorChannelId": {"value": "UCada"},
        "likeCount": 3,
        "publishedAt": "2026-05-08T10:00:00Z",
        "updatedAt": "2026-05-08T10:00:00Z",
    }
    return {"kind": "youtube#comment", "id": number, "snippet": {**snippet, **values}}


def thread(**values: Any) -> dict[str, Any]:
    first = {"topLevelComment": comment(**values), "totalReplyCount": 0}
    return {"kind": "youtube#commentThread", "id": "Ugx1", "snippet": first}


def without(field: str) -> dict[str, Any]:
    record = comment()
    del record["snippet"][field]
    return record


class TestComments:
    def test_every_field_lands_in_its_column(self) -> None:
        row = row_of(PARSER, comment(updatedAt="2026-05-08T11:00:00Z", parentId="Ugx0"))
        assert row["post"] == pseudonym("post", "youtube:Ugx1")
        assert row["author"] == pseudonym("author", "youtube:UCada")
        assert row["reply_to"] == pseudonym("post", "youtube:Ugx0")
        assert row["created_at"] == datetime(2026, 5, 8, 10, tzinfo=UTC)
        assert row["version_at"] == datetime(2026, 5, 8, 11, tzinfo=UTC)
        assert (row["text"], row["reach"], row["platform"]) == ("masked the tram was late", 3, "youtube")

    def test_a_thread_is_its_first_comment(self) -> None:
        assert row_of(PARSER, thread()) == row_of(PARSER, comment())

    def test_what_was_written_goes_before_what_is_shown(self) -> None:
        assert row_of(PARSER, comment(textOriginal="a < b"))["text"] == "masked a < b"

    def test_the_channels_address_serves_where_its_id_is_missing(self) -> None:
        record = without("authorChannelId")
        record["snippet"]["authorChannelUrl"] = "https://video.example/@ada"
        assert row_of(PARSER, record)["author"] == pseudonym("author", "youtube:https://video.example/@ada")

    @pytest.mark.parametrize("waiting", ["heldForReview", "likelySpam", "rejected"])
    def test_what_waits_for_moderation_is_out_of_scope(self, waiting: str) -> None:
        assert parsed(PARSER, comment(moderationStatus=waiting)).out_of_scope == 1

    @pytest.mark.parametrize("other", [{"kind": "youtube#video", "id": "v"}, {"id": "v"}])
    def test_so_is_what_is_no_comment(self, other: dict[str, Any]) -> None:
        assert parsed(PARSER, other).out_of_scope == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("record", "rule", "field"),
        [
            (without("authorChannelId"), "missing_field", "snippet.authorChannelId"),
            (without("textDisplay"), "missing_field", "snippet.textDisplay"),
            (without("publishedAt"), "missing_field", "publishedAt"),
            (comment(publishedAt="then"), "invalid_date", "snippet.publishedAt"),
            (comment(publishedAt="2169-05-08T10:00:00Z"), "implausible_date", "created_at"),
            (comment(likeCount=-1), "wrong_type", "reach"),
        ],
    )
    def test_name_rule_and_field(self, record: dict[str, Any], rule: str, field: str) -> None:
        refusal = refusal_of(PARSER, record)
        assert (refusal.rule, refusal.field) == (rule, field)

    @pytest.mark.parametrize("record", [comment(likeCount="x"), thread(likeCount="x")])
    def test_name_comment_and_author_by_pseudonym(self, record: dict[str, Any]) -> None:
        refusal = refusal_of(PARSER, record)
        assert refusal.subject == pseudonym("post", "youtube:Ugx1")
        assert refusal.author == pseudonym("author", "youtube:UCada")
