"""Entries of feeds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from barometer.ingest.posts.feeds import PARSER
from tests.ingest.helpers import pseudonym
from tests.ingest.posts.records import refusal_of, row_of

FEED = "https://paper.example/rss"


def entry(**values: Any) -> dict[str, Any]:
    plain = {"feed": FEED, "id": "17", "title": "Trams &amp; trains", "summary": "<p>Late <b>again</b></p>"}
    return {**plain, "published": "2026-05-08T10:00:00+00:00", "language": "en", **values}


class TestEntries:
    def test_every_field_lands_in_its_column(self) -> None:
        row = row_of(PARSER, entry(updated="2026-05-08T11:00:00Z"))
        assert row["post"] == pseudonym("post", f"feed:{FEED} 17")
        assert row["author"] == pseudonym("author", f"feed:{FEED}")
        assert row["created_at"] == datetime(2026, 5, 8, 10, tzinfo=UTC)
        assert row["version_at"] == datetime(2026, 5, 8, 11, tzinfo=UTC)
        assert (row["text"], row["language_hint"]) == ("masked Trams & trains\n\nLate again", "en")

    def test_two_feeds_of_one_paper_tell_of_the_same_article(self) -> None:
        address = "https://paper.example/17"
        one, other = entry(id=address), entry(id=address, feed="https://paper.example/north.rss")
        assert row_of(PARSER, one)["post"] == row_of(PARSER, other)["post"]

    def test_numbers_of_two_feeds_do_not_meet(self) -> None:
        assert row_of(PARSER, entry())["post"] != row_of(PARSER, entry(feed="https://forum.example/rss"))["post"]

    def test_the_address_serves_where_there_is_no_id(self) -> None:
        row = row_of(PARSER, entry(id="", link="https://paper.example/17"))
        assert row["post"] == pseudonym("post", "feed:https://paper.example/17")

    def test_who_wrote_it_is_nowhere(self) -> None:
        assert "Ada" not in str(row_of(PARSER, entry(author="Ada Example")))

    def test_the_last_change_dates_what_has_no_date(self) -> None:
        row = row_of(PARSER, entry(published=None, updated="2026-05-08T11:00:00Z"))
        assert row["created_at"] == datetime(2026, 5, 8, 11, tzinfo=UTC)


class TestRefusals:
    @pytest.mark.parametrize(
        ("record", "rule", "field"),
        [
            (entry(published=None), "missing_field", "published"),
            (entry(id=""), "missing_field", "id"),
            (entry(published="yesterday"), "invalid_date", "published"),
            (entry(feed=None), "wrong_type", "feed"),
        ],
    )
    def test_name_rule_and_field(self, record: dict[str, Any], rule: str, field: str) -> None:
        refusal = refusal_of(PARSER, record)
        assert (refusal.rule, refusal.field) == (rule, field)

    def test_name_the_entry_by_pseudonym(self) -> None:
        refusal = refusal_of(PARSER, entry(published="yesterday"))
        assert refusal.subject == pseudonym("post", f"feed:{FEED} 17")
        assert refusal.author == pseudonym("author", f"feed:{FEED}")
