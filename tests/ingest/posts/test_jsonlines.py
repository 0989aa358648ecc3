"""Lines of JSON: every record of every line is accounted for, and a refusal says what to do without quoting anybody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.posts import PARSERS
from barometer.ingest.posts.jsonlines import nested
from barometer.ingest.posts.own import PARSER
from barometer.ingest.posts.post import TABLE
from barometer.ingest.source import Line, LineParser
from tests.ingest.helpers import PlainDoor, a_context, a_post, pseudonym
from tests.ingest.posts.records import is_balanced, parsed, refusal_of, rows_of

LINE_FORMATS = {form: parser for (_, form), parser in PARSERS.items() if isinstance(parser, LineParser)}


class TestLines:
    def test_each_line_is_a_record_with_its_position(self) -> None:
        rows = rows_of(PARSER, a_post("1"), a_post("2"))
        assert [row["position"] for row in rows] == ["posts/a.jsonl:1", "posts/a.jsonl:2"]

    def test_an_array_is_as_many_records(self) -> None:
        rows = rows_of(PARSER, a_post("1"), [a_post("2"), a_post("3")], "[]")
        assert [row["position"] for row in rows] == ["posts/a.jsonl:1", "posts/a.jsonl:2[0]", "posts/a.jsonl:2[1]"]

    def test_a_broken_record_of_an_array_does_not_take_the_others_with_it(self) -> None:
        part = parsed(PARSER, [a_post("1"), {"id": "2"}, 7, a_post("3")])
        assert part.rows[TABLE].height == 2
        assert [one.position for one in part.rejected] == ["posts/a.jsonl:1[1]", "posts/a.jsonl:1[2]"]

    def test_a_broken_array_is_one_record(self) -> None:
        assert refusal_of(PARSER, '[{"id": "1"},').rule == "invalid_json"

    def test_texts_of_a_batch_are_masked_in_one_call(self) -> None:
        context = a_context()
        rows_of(
            PARSER, *(a_post(str(i), place="Mill Lane", profile_place="Upper End") for i in range(50)), context=context
        )
        assert isinstance(context.door, PlainDoor)
        assert context.door.calls_of_mask == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("record", "rule", "field"),
        [
            ('{"id": "1"', "invalid_json", None),
            ("words", "invalid_json", None),
            ("{} {}", "invalid_json", None),
            ("null", "wrong_type", None),
            ("7", "wrong_type", None),
            ('"words"', "wrong_type", None),
            (b'{"id": "\xff"}', "invalid_utf8", None),
            (b"\xff\xfe{\x00}\x00", "invalid_utf8", None),
            ('{"id": "\\ud800"}', "invalid_json", None),
            ("[" * 50_000, "invalid_json", None),
            ('{"a":' * 50_000, "invalid_json", None),
            ({"id": {"a": 1}}, "wrong_type", "id"),
            (a_post(created_at="yesterday"), "invalid_date", "created_at"),
            (a_post(created_at=7), "invalid_date", "created_at"),
            (a_post(text=7), "wrong_type", "text"),
            (a_post(reach="many"), "wrong_type", "reach"),
            (json.dumps(a_post(longitude=float("nan"), latitude=0.5)), "not_finite", "longitude"),
            (json.dumps(a_post(longitude=0.5, latitude=float("-inf"))), "not_finite", "latitude"),
            (json.dumps(a_post(extra=[{"deep": float("nan")}])), "not_finite", "extra[0].deep"),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_names_rule_and_field(self, record: Any, rule: str, field: str | None) -> None:
        refusal = refusal_of(PARSER, record)
        assert (refusal.rule, refusal.field) == (rule, field)
        assert refusal.position == "posts/a.jsonl:1"
        assert "\n" not in refusal.reason

    def test_says_where_a_record_is_not_utf8(self) -> None:
        assert (
            refusal_of(PARSER, b'{"id":"\xff"}').reason == "byte 8 of the record is not UTF-8: save the file as UTF-8"
        )

    def test_a_line_that_is_too_long_is_told_and_the_next_is_read(self) -> None:
        lines = [Line(1, b'{"id": "1", ', too_long=True), Line(2, json.dumps(a_post("2")).encode())]
        part = PARSER.parse_lines(lines, a_context())
        assert [one.rule for one in part.rejected] == ["line_too_long"]
        assert part.rows[TABLE].height == 1

    def test_names_the_post_and_author_by_pseudonym_where_it_can(self) -> None:
        refusal = refusal_of(PARSER, a_post("9", created_at="never"))
        assert refusal.subject == pseudonym("post", "forum:9")
        assert refusal.author == pseudonym("author", "forum:ada")

    def test_the_record_goes_with_it_for_ingest_to_mask(self) -> None:
        record = json.dumps(a_post(created_at="never"))
        assert refusal_of(PARSER, record).record == record

    @pytest.mark.parametrize("value", [None, True, {"a": 1}, [1], 1.5])
    def test_an_id_that_is_none_names_nobody(self, value: Any) -> None:
        assert refusal_of(PARSER, a_post(value, created_at="never")).subject is None

    def test_never_quotes_the_record(self) -> None:
        secret = "zanzibar"
        for record in (
            a_post(secret, created_at=secret, author=secret, text=secret),
            a_post(reach=secret),
            {"remove": secret, "id": secret, "platform": "forum"},
            f'{{"{secret}": ',
        ):
            assert secret not in refusal_of(PARSER, record).reason


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=4),
    max_leaves=12,
)
FIELD_NAMES = (
    "id did text full_text author user account created_at createdAt time_us kind data commit record collection content "
    "visibility platform reblog remove delete coordinates"
)
FIELDS = st.sampled_from(FIELD_NAMES.split())


@pytest.mark.parametrize("form", sorted(LINE_FORMATS))
@given(lines=st.lists(st.binary(max_size=60) | st.builds(json.dumps, ANY_JSON).map(str.encode), max_size=6))
def test_whatever_comes_every_record_is_accounted_for_once(form: str, lines: list[bytes]) -> None:
    numbered = [Line(number, data) for number, data in enumerate(lines, start=1) if data.strip()]
    part = LINE_FORMATS[form].parse_lines(numbered, a_context(form))
    assert is_balanced(part)
    positions = [one.position for one in [*part.rejected, *part.removals]]
    positions += part.rows[TABLE]["position"].to_list() if part.rows else []
    assert len(set(positions)) == len(positions)


@pytest.mark.parametrize("form", sorted(LINE_FORMATS))
@given(record=st.dictionaries(FIELDS, ANY_JSON | st.dictionaries(FIELDS, ANY_JSON, max_size=4), max_size=6))
def test_objects_that_nearly_are_records_are_read_or_refused_but_never_crash(form: str, record: dict[str, Any]) -> None:
    part = parsed(LINE_FORMATS[form], record, context=a_context(form))
    assert part.read == 1


@given(value=ANY_JSON, names=st.lists(st.text(max_size=4), max_size=3))
def test_nested_gives_the_value_below_or_none(value: Any, names: list[str]) -> None:
    wrapped = value
    for name in reversed(names):
        wrapped = {name: wrapped}
    if names:
        found = nested(wrapped, *names)
        assert found is value
    assert nested({"a": 1}, "a", "b") is None
