"""A post on its way through the door: checked, placed, masked, pseudonymised."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.posts.post import TABLE, Post, Record, Takedown, Unusable, checked, plausible, to_part
from barometer.ingest.source import incoming_schema
from tests.ingest.helpers import a_context, pseudonym

MADE = datetime(2026, 5, 1, 12, tzinfo=UTC)
CONTEXT = a_context()


def post(**values: Any) -> Post:
    plain = {"platform": "forum", "id": "1", "author": "ada", "created_at": MADE, "text": "words"}
    return Post(**(plain | values))


def row(**values: Any) -> dict[str, Any]:
    part = to_part([Record("f:1", b"", checked(post(**values), CONTEXT))], CONTEXT)
    return part.rows[TABLE].to_dicts()[0]


class TestChecked:
    def test_times_become_utc(self) -> None:
        there = timezone(timedelta(hours=2))
        told = checked(post(created_at=datetime(2026, 5, 1, 14, tzinfo=there)), CONTEXT)
        assert told.created_at == MADE
        assert told.created_at.utcoffset() == timedelta(0)

    def test_a_time_without_offset_is_utc(self) -> None:
        assert checked(post(created_at=datetime(2026, 5, 1, 12)), CONTEXT).created_at == MADE

    def test_a_post_that_was_never_edited_is_of_the_time_it_was_made(self) -> None:
        assert checked(post(), CONTEXT).version_at == MADE

    def test_a_version_is_never_older_than_the_post(self) -> None:
        assert checked(post(version_at=MADE - timedelta(days=1)), CONTEXT).version_at == MADE

    @pytest.mark.parametrize("year", [1, 1969, 2005, 2027, 2169, 9999])
    @pytest.mark.parametrize("field", ["created_at", "version_at"])
    def test_a_date_that_cannot_be_true_is_refused(self, year: int, field: str) -> None:
        with pytest.raises(Unusable) as refusal:
            checked(post(**{field: datetime(year, 6, 1, tzinfo=UTC)}), CONTEXT)
        assert (refusal.value.rule, refusal.value.field) == ("implausible_date", field)

    def test_the_limits_themselves_are_plausible(self) -> None:
        for limit in (CONTEXT.earliest, CONTEXT.latest):
            assert plausible(limit, "at", CONTEXT) == limit

    def test_the_refusal_does_not_depend_on_the_day_it_is_made(self) -> None:
        with pytest.raises(Unusable) as refusal:
            plausible(datetime(2169, 1, 1, tzinfo=UTC), "at", CONTEXT)
        assert "2006-01-01 to the present" in refusal.value.reason
        assert "2026" not in refusal.value.reason

    @pytest.mark.parametrize(("longitude", "latitude"), [(181, 0), (0, -90.1), (float("nan"), 0), (0, float("inf"))])
    def test_a_point_that_is_nowhere_is_refused(self, longitude: float, latitude: float) -> None:
        with pytest.raises(Unusable, match="impossible_point"):
            checked(post(longitude=longitude, latitude=latitude), CONTEXT)

    @pytest.mark.parametrize("known", ["longitude", "latitude"])
    def test_half_a_point_is_refused_naming_the_missing_half(self, known: str) -> None:
        with pytest.raises(Unusable) as refusal:
            checked(post(**{known: 0.5}), CONTEXT)
        assert refusal.value.field == ({"longitude", "latitude"} - {known}).pop()

    @pytest.mark.parametrize("field", ["id", "author"])
    @pytest.mark.parametrize("value", ["", "  "])
    def test_an_empty_id_is_refused(self, field: str, value: str) -> None:
        with pytest.raises(Unusable, match="missing_field"):
            checked(post(**{field: value}), CONTEXT)

    @pytest.mark.parametrize("reach", [-1, 2**63])
    def test_an_impossible_reach_is_refused(self, reach: int) -> None:
        with pytest.raises(Unusable, match="wrong_type"):
            checked(post(reach=reach), CONTEXT)

    @given(at=st.datetimes(timezones=st.timezones()))
    def test_any_time_is_either_within_the_limits_or_refused(self, at: datetime) -> None:
        try:
            told = plausible(at, "at", CONTEXT)
        except Unusable:
            assert not CONTEXT.earliest <= at <= CONTEXT.latest
        else:
            assert told == at


class TestRows:
    def test_have_the_columns_ingest_expects(self) -> None:
        part = to_part([Record("f:1", b"", checked(post(), CONTEXT))], CONTEXT)
        assert dict(part.rows[TABLE].schema) == incoming_schema(TABLE)

    def test_hold_pseudonyms_of_a_platform_s_ids(self) -> None:
        told = row(reply_to="7", repost_of="8")
        assert told["post"] == pseudonym("post", "forum:1")
        assert told["author"] == pseudonym("author", "forum:ada")
        assert told["reply_to"] == pseudonym("post", "forum:7")
        assert told["repost_of"] == pseudonym("post", "forum:8")

    def test_the_same_id_on_two_platforms_is_two_posts(self) -> None:
        assert row(platform="forum")["post"] != row(platform="twitter")["post"]

    def test_texts_and_places_are_masked(self) -> None:
        told = row(platform_place="Mill Lane", profile_place="Upper End")
        assert told["text"] == "masked words"
        assert told["platform_place"] == "masked Mill Lane"
        assert told["profile_place"] == "masked Upper End"

    def test_a_text_may_be_empty(self) -> None:
        assert row(text="")["text"] == "masked "

    def test_no_id_no_author_and_no_coordinate_is_in_a_row(self) -> None:
        told = str(row(id="secret-id", author="secret-author", longitude=0.123, latitude=0.456, postcode="WW1 2AB"))
        assert not any(secret in told for secret in ("secret", "0.123", "0.456", "2AB"))


class TestPlaces:
    @pytest.mark.parametrize(
        ("values", "area", "evidence"),
        [
            ({"longitude": -0.5, "latitude": 0.5}, "west", "point"),
            ({"longitude": 0.5, "latitude": 0.5}, "east", "point"),
            ({"longitude": 9.0, "latitude": 9.0}, None, None),
            ({"longitude": 9.0, "latitude": 9.0, "place_code": "W1"}, None, None),
            ({"place_code": "W1"}, "west", "code"),
            ({"place_code": "nonsense"}, None, None),
            ({"place_code": "E1", "postcode": "WW1 2AB"}, "east", "code"),
            ({"place_code": "nonsense", "postcode": "WW1 2AB"}, "west", "postcode"),
            ({"postcode": "ZZ9 9ZZ"}, None, None),
            ({}, None, None),
        ],
    )
    def test_by_point_else_code_else_postcode(self, values: dict[str, Any], area: str | None, evidence: str) -> None:
        told = row(**values)
        assert (told["area"], told["area_evidence"]) == (area, evidence)

    def test_each_post_of_a_batch_gets_its_own(self) -> None:
        places = [{"longitude": -0.5, "latitude": 0.5}, {}, {"place_code": "E1"}, {"longitude": 0.5, "latitude": 0.5}]
        records = [Record(f"f:{i}", b"", post(id=str(i), **place)) for i, place in enumerate(places)]
        rows = to_part(records, CONTEXT).rows[TABLE]
        assert rows["area"].to_list() == ["west", None, "east", "east"]
        assert rows["area_evidence"].to_list() == ["point", None, "code", "point"]


class TestParts:
    def test_each_record_is_in_one_place(self) -> None:
        takedown = Takedown(platform="forum", kind="post", id="3", at=MADE, reason="deleted")
        outcomes = [post(version_at=MADE), takedown, Unusable("a_rule", "a reason", "a field"), None]
        part = to_part([Record(f"f:{i}", b"raw", outcome) for i, outcome in enumerate(outcomes)], CONTEXT)
        assert (part.read, part.out_of_scope, part.rows[TABLE].height) == (4, 1, 1)
        assert [(r.kind, r.subject, r.effective_at, r.position) for r in part.removals] == [
            ("post", pseudonym("post", "forum:3"), MADE, "f:1")
        ]
        assert [(r.rule, r.field, r.record, r.position) for r in part.rejected] == [("a_rule", "a field", "raw", "f:2")]

    def test_only_the_beginning_of_a_long_rejected_record_is_held(self) -> None:
        part = to_part([Record("f:1", b"x" * 1_000_000, Unusable("a_rule", "a reason"))], CONTEXT)
        assert len(part.rejected[0].record or "") == 20_000

    def test_a_batch_without_posts_has_no_rows_and_masks_nothing(self) -> None:
        context = a_context()
        assert to_part([Record("f:1", b"", None)], context).rows == {}
        assert context.door.calls_of_mask == 0  # type: ignore[attr-defined]
