"""Telegram Desktop's export."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.posts.telegram import PARSER
from barometer.ingest.source import UnusableFile
from tests.ingest.helpers import a_context, pseudonym
from tests.ingest.posts.records import documented


def message(number: int = 1, **values: Any) -> dict[str, Any]:
    plain = {
        "id": number,
        "type": "message",
        "date": "2026-05-08T11:00:00",
        "date_unixtime": "1778234400",
        "from": "Ada Example",
        "from_id": "user7",
        "text": "the tram was late",
        "text_entities": [{"type": "plain", "text": "the tram was late"}],
    }
    return {**plain, **values}


def chat(*messages: dict[str, Any], kind: str = "public_supergroup", number: int = 55) -> dict[str, Any]:
    return {"name": "Testville talks", "type": kind, "id": number, "messages": list(messages)}


def account(*chats: dict[str, Any]) -> dict[str, Any]:
    return {"about": "…", "personal_information": {"first_name": "Ada"}, "chats": {"about": "…", "list": list(chats)}}


def rows(export: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    parts = documented(PARSER, json.dumps(export).encode(), a_context("telegram", **options))
    assert not any(part.rejected for part in parts)
    return [row for part in parts for frame in part.rows.values() for row in frame.to_dicts()]


def row(**values: Any) -> dict[str, Any]:
    (one,) = rows(chat(message(**values)))
    return one


def out_of_scope(export: dict[str, Any], **options: Any) -> int:
    parts = documented(PARSER, json.dumps(export).encode(), a_context("telegram", **options))
    return sum(part.out_of_scope for part in parts)


class TestMessages:
    def test_every_field_lands_in_its_column(self) -> None:
        found = row(edited_unixtime="1778238000", reply_to_message_id=9, reactions=[{"emoji": "+", "count": 2}])
        assert found["post"] == pseudonym("post", "telegram:55/1")
        assert found["author"] == pseudonym("author", "telegram:user7")
        assert found["reply_to"] == pseudonym("post", "telegram:55/9")
        assert found["created_at"] == datetime(2026, 5, 8, 10, tzinfo=UTC)
        assert found["version_at"] == datetime(2026, 5, 8, 11, tzinfo=UTC)
        assert (found["text"], found["reach"], found["platform"]) == ("masked the tram was late", 2, "telegram")

    def test_entities_are_the_whole_text_in_pieces(self) -> None:
        pieces = [{"type": "plain", "text": "late: "}, {"type": "link", "text": "https://a.example"}]
        assert row(text_entities=pieces)["text"] == "masked late: https://a.example"

    def test_older_exports_have_the_pieces_in_the_text(self) -> None:
        found = row(text=["late ", {"type": "bold", "text": "again"}], text_entities=None)
        assert found["text"] == "masked late again"

    def test_older_exports_have_the_local_time_only(self) -> None:
        assert row(date_unixtime=None)["created_at"] == datetime(2026, 5, 8, 10, tzinfo=UTC)

    def test_a_forwarded_message_repeats_and_two_of_one_repeat_the_same(self) -> None:
        first, second = rows(chat(message(1, forwarded_from="The Paper"), message(2, forwarded_from="The Paper")))
        assert first["repost_of"] == second["repost_of"] is not None
        assert first["post"] != second["post"]

    def test_an_answer_may_lead_to_another_chat(self) -> None:
        found = row(reply_to_message_id=9, reply_to_peer_id="channel3")
        assert found["reply_to"] == pseudonym("post", "telegram:channel3/9")

    @pytest.mark.parametrize("other", [{"type": "service", "action": "join_group"}, {"text": "", "text_entities": []}])
    def test_service_messages_and_those_without_words_are_out_of_scope(self, other: dict[str, Any]) -> None:
        assert out_of_scope(chat(message(**other))) == 1

    def test_long_chats_come_in_several_parts(self) -> None:
        export = json.dumps(chat(*(message(number) for number in range(2_500)))).encode()
        parts = documented(PARSER, export, a_context("telegram"))
        assert [part.read for part in parts] == [2_000, 500]


class TestPrivacy:
    @pytest.mark.parametrize("kind", ["personal_chat", "bot_chat", "saved_messages", "private_supergroup"])
    def test_one_private_chat_is_refused_and_nothing_is_read(self, kind: str) -> None:
        with pytest.raises(UnusableFile, match="nothing of it was read") as refusal:
            rows(chat(message(), kind=kind))
        assert refusal.value.rule == "private_chat"

    def test_in_an_account_private_chats_are_out_of_scope(self) -> None:
        export = account(chat(message(), kind="personal_chat"), chat(message(2), kind="public_channel"))
        assert len(rows(export)) == 1
        assert out_of_scope(export) == 1

    def test_a_private_group_the_city_runs_may_be_listed(self) -> None:
        assert len(rows(chat(message(), kind="private_supergroup"), chats=[55])) == 1

    def test_a_conversation_between_persons_may_not(self) -> None:
        with pytest.raises(UnusableFile, match="remove the file"):
            rows(chat(message(), kind="personal_chat"), chats=[55])


class TestRefusals:
    @pytest.mark.parametrize(
        ("values", "rule"),
        [
            ({"date_unixtime": "soon"}, "invalid_date"),
            ({"date_unixtime": "9999999999"}, "implausible_date"),
            ({"from_id": None}, "missing_field"),
            ({"id": "x"}, "wrong_type"),
        ],
    )
    def test_name_rule_and_place_but_no_id(self, values: dict[str, Any], rule: str) -> None:
        content = json.dumps(chat(message(777001), {**message(777002), **values})).encode()
        (part,) = documented(PARSER, content, a_context("telegram", file="posts/result.json"))
        (rejected,) = part.rejected
        assert (rejected.rule, rejected.position) == (rule, "posts/result.json:message 1.2")

    @pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"<html>", b'{"chats": 3}', b'{"type": "public_channel"}'])
    def test_what_is_no_export_is_refused_as_a_file(self, content: bytes) -> None:
        with pytest.raises(UnusableFile, match="not an export"):
            list(PARSER.parse_document(io.BytesIO(content), a_context("telegram")))

    @given(values=st.dictionaries(st.sampled_from(list(message())), st.none() | st.integers() | st.text(max_size=9)))
    def test_no_message_breaks_it(self, values: dict[str, Any]) -> None:
        (part,) = documented(PARSER, json.dumps(chat({**message(), **values})).encode(), a_context("telegram"))
        assert part.read == 1
