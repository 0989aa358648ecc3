"""The project's own JSON Lines."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from barometer.ingest.posts import PARSERS
from barometer.ingest.posts.own import PARSER, _Line
from barometer.ingest.posts.post import TABLE
from barometer.settings import PROJECT
from tests.ingest.helpers import a_context, a_post, pseudonym
from tests.ingest.posts.records import parsed, refusal_of, row_of

FULL = a_post(
    "7",
    edited_at="2026-05-08T11:30:00+01:00",
    lang="en-GB",
    place="Mill Lane",
    longitude=-0.5,
    latitude=0.5,
    profile_place="Upper End",
    repost_of="5",
    reply_to=6,
    reach=12,
    something_else={"is": "ignored"},
)


class TestPosts:
    def test_every_field_lands_in_its_column(self) -> None:
        assert row_of(PARSER, FULL) == {
            "post": pseudonym("post", "forum:7"),
            "author": pseudonym("author", "forum:ada"),
            "platform": "forum",
            "created_at": datetime(2026, 5, 8, 10, tzinfo=UTC),
            "version_at": datetime(2026, 5, 8, 10, 30, tzinfo=UTC),
            "text": "masked words of 7",
            "language_hint": "en-GB",
            "reply_to": pseudonym("post", "forum:6"),
            "repost_of": pseudonym("post", "forum:5"),
            "reach": 12,
            "area": "west",
            "area_evidence": "point",
            "platform_place": "masked Mill Lane",
            "profile_place": "masked Upper End",
            "position": "posts/a.jsonl:1",
        }

    def test_what_may_be_left_out_is_empty(self) -> None:
        row = row_of(PARSER, a_post())
        empty = {
            "language_hint",
            "reply_to",
            "repost_of",
            "reach",
            "area",
            "area_evidence",
            "platform_place",
            "profile_place",
        }
        assert {name for name, value in row.items() if value is None} == empty

    @pytest.mark.parametrize("field", ["id", "author", "created_at", "text", "platform"])
    @pytest.mark.parametrize("is_there", [True, False])
    def test_what_every_post_needs_is_missed_by_name(self, field: str, is_there: bool) -> None:
        record = a_post(**{field: None}) if is_there else {k: v for k, v in a_post().items() if k != field}
        refusal = refusal_of(PARSER, record)
        assert (refusal.rule, refusal.field) == ("missing_field", field)

    def test_the_source_may_state_the_platform(self) -> None:
        context = a_context(platform="letters")
        record = {k: v for k, v in a_post().items() if k != "platform"}
        assert row_of(PARSER, record, context)["platform"] == "letters"
        assert row_of(PARSER, a_post(), context)["platform"] == "forum"

    def test_ids_may_be_numbers(self) -> None:
        assert row_of(PARSER, a_post(7))["post"] == row_of(PARSER, a_post("7"))["post"]

    @pytest.mark.parametrize(
        ("values", "area", "evidence"),
        [
            ({"place": "E1"}, "east", "code"),
            ({"place_code": "W1", "place": "E1"}, "west", "code"),
            ({"postcode": "WW1 1AA"}, "west", "postcode"),
        ],
    )
    def test_places_may_be_official_codes_or_postcodes(self, values: dict[str, Any], area: str, evidence: str) -> None:
        row = row_of(PARSER, a_post(**values))
        assert (row["area"], row["area_evidence"]) == (area, evidence)


class TestRemovals:
    @pytest.mark.parametrize(
        ("record", "kind", "subject", "reason"),
        [
            ({"remove": "post", "id": "7"}, "post", pseudonym("post", "forum:7"), "deleted"),
            ({"remove": "author", "author": "ada"}, "author", pseudonym("author", "forum:ada"), "account_deleted"),
        ],
    )
    def test_take_back_a_post_or_all_of_an_author(self, record: Any, kind: str, subject: str, reason: str) -> None:
        part = parsed(PARSER, {**record, "platform": "forum", "at": "2026-05-03T08:00:00Z"})
        (removal,) = part.removals
        assert (removal.kind, removal.subject, removal.reason) == (kind, subject, reason)
        assert removal.effective_at == datetime(2026, 5, 3, 8, tzinfo=UTC)

    def test_without_a_time_all_up_to_the_night_is_taken_back(self) -> None:
        context = a_context()
        (removal,) = parsed(PARSER, {"remove": "post", "id": "7", "platform": "forum"}, context=context).removals
        assert removal.effective_at == context.horizon

    @pytest.mark.parametrize(
        ("record", "rule", "field"),
        [
            ({"remove": "everything", "id": "7"}, "unknown_removal", "remove"),
            ({"remove": "post"}, "missing_field", "id"),
            ({"remove": "author", "id": "7"}, "missing_field", "author"),
            ({"remove": "post", "id": "7", "at": "soon"}, "invalid_date", "at"),
            ({"remove": "post", "id": "7", "at": "2169-01-01T00:00:00Z"}, "implausible_date", "at"),
        ],
    )
    def test_that_cannot_be_understood_are_refused(self, record: Any, rule: str, field: str) -> None:
        refusal = refusal_of(PARSER, {"platform": "forum", **record})
        assert (refusal.rule, refusal.field) == (rule, field)


class TestDocumentation:
    """`docs/formats.md` says what the parser does."""

    text = (PROJECT / "docs/formats.md").read_text("utf-8")

    def test_its_examples_are_read(self) -> None:
        examples = re.findall(r'^\{".*\}$', self.text, re.MULTILINE)
        part = parsed(PARSER, *examples)
        assert (len(examples), part.rows[TABLE].height, len(part.removals)) == (3, 1, 2)

    def test_it_lists_every_field(self) -> None:
        fields = {field.name for field in msgspec.structs.fields(_Line)} - {"remove", "at"}
        section = self.text.partition("## Posts, format `jsonl`")[2].partition("A line with `remove`")[0]
        rows = "".join(line.split("|")[1] for line in section.splitlines() if line.startswith("|"))
        assert set(re.findall(r"`(\w+)`", rows)) == fields

    def test_it_names_every_format_of_posts(self) -> None:
        assert {form for _, form in PARSERS} <= set(re.findall(r"`(\w+)`", self.text))
