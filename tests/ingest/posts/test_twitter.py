"""Twitter API v1.1 JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from barometer.ingest.posts.twitter import PARSER
from tests.ingest.helpers import a_context, pseudonym
from tests.ingest.posts.records import parsed, refusal_of, row_of

USER: dict[str, Any] = {
    "id": 42,
    "id_str": "42",
    "screen_name": "invented",
    "location": "Upper End",
    "protected": False,
}


def tweet(**values: Any) -> dict[str, Any]:
    plain = {
        "id": 100,
        "id_str": "100",
        "text": "the tram is late",
        "created_at": "Fri May 08 10:00:05 +0000 2026",
        "user": USER,
        "lang": "en",
        "retweet_count": 2,
        "favorite_count": 3,
        "in_reply_to_status_id_str": None,
        "coordinates": None,
        "place": None,
    }
    return {**plain, **values}


class TestTweets:
    def test_every_field_lands_in_its_column(self) -> None:
        point = {"type": "Point", "coordinates": [0.5, 0.5]}
        place = {"full_name": "Mill Lane, Testville", "name": "Mill Lane"}
        row = row_of(PARSER, tweet(coordinates=point, place=place, in_reply_to_status_id_str="99"))
        assert row["post"] == pseudonym("post", "twitter:100")
        assert row["author"] == pseudonym("author", "twitter:42")
        assert row["created_at"] == row["version_at"] == datetime(2026, 5, 8, 10, 0, 5, tzinfo=UTC)
        assert (row["text"], row["language_hint"], row["reach"]) == ("masked the tram is late", "en", 5)
        assert row["reply_to"] == pseudonym("post", "twitter:99")
        assert (row["area"], row["area_evidence"]) == ("east", "point")
        assert (row["platform_place"], row["profile_place"]) == ("masked Mill Lane, Testville", "masked Upper End")

    @pytest.mark.parametrize(
        ("values", "text"),
        [
            ({"full_text": "all of it"}, "all of it"),
            ({"text": "cut off…", "extended_tweet": {"full_text": "all of it"}}, "all of it"),
            ({"text": None, "full_text": "all of it"}, "all of it"),
            ({"text": "bread &amp; butter &lt;3"}, "bread & butter <3"),
        ],
    )
    def test_the_whole_text_is_read_as_it_was_written(self, values: dict[str, Any], text: str) -> None:
        assert row_of(PARSER, tweet(**values))["text"] == f"masked {text}"

    @pytest.mark.parametrize("lang", ["und", "zxx", "qme", None])
    def test_no_language_is_no_hint(self, lang: str | None) -> None:
        assert row_of(PARSER, tweet(lang=lang))["language_hint"] is None

    def test_ids_may_be_numbers_only(self) -> None:
        bare = {k: v for k, v in tweet(user={"id": 42}).items() if k != "id_str"}
        row = row_of(PARSER, bare)
        assert row["post"] == pseudonym("post", "twitter:100")
        assert row["author"] == pseudonym("author", "twitter:42")

    def test_the_newest_ids_are_longer_than_a_float_can_tell(self) -> None:
        one = row_of(PARSER, {k: v for k, v in tweet(id=1999999999999999999).items() if k != "id_str"})
        other = row_of(PARSER, {k: v for k, v in tweet(id=1999999999999999998).items() if k != "id_str"})
        assert one["post"] != other["post"]

    def test_counts_may_be_missing(self) -> None:
        bare = {k: v for k, v in tweet().items() if not k.endswith("_count")}
        assert row_of(PARSER, bare)["reach"] is None

    def test_a_retweet_repeats_the_whole_text_and_has_no_reach_of_its_own(self) -> None:
        original = {"id_str": "7", "text": "cut…", "extended_tweet": {"full_text": "the whole original"}, "user": USER}
        row = row_of(PARSER, tweet(text="RT @invented: cut…", retweeted_status=original))
        assert row["repost_of"] == pseudonym("post", "twitter:7")
        assert row["text"] == "masked the whole original"
        assert row["reach"] is None

    @pytest.mark.parametrize("kind", ["source", "reply"])
    def test_may_be_wrapped(self, kind: str) -> None:
        wrapped = {"split": "train", "event": "e", "thread": "1", "kind": kind, "data": tweet()}
        assert row_of(PARSER, wrapped) == row_of(PARSER, tweet())


class TestOutOfScope:
    @pytest.mark.parametrize(
        "record",
        [
            {"kind": "structure", "thread": "1", "data": {"1": {"2": []}}},
            {"kind": "structure", "data": []},
            {"limit": {"track": 5}},
            {"status_withheld": {"id": 1, "user_id": 2}},
            {"scrub_geo": {"user_id": 1}},
            {"id": 42, "id_str": "42", "screen_name": "invented"},
            {},
            tweet(user={**USER, "protected": True}),
        ],
    )
    def test_is_what_is_not_a_public_tweet(self, record: Any) -> None:
        assert parsed(PARSER, record).out_of_scope == 1


class TestRemovals:
    def test_a_deletion_notice_takes_back_the_tweet(self) -> None:
        notice = {"delete": {"status": {"id": 100, "id_str": "100", "user_id": 42}, "timestamp_ms": "1778234405000"}}
        (removal,) = parsed(PARSER, notice).removals
        assert (removal.kind, removal.subject) == ("post", pseudonym("post", "twitter:100"))
        assert removal.effective_at == datetime(2026, 5, 8, 10, 0, 5, tzinfo=UTC)

    def test_without_a_time_all_up_to_the_night(self) -> None:
        (removal,) = parsed(PARSER, {"delete": {"status": {"id": 100}}}).removals
        assert removal.effective_at == a_context().horizon

    @pytest.mark.parametrize("stamp", ["soon", "99999999999999999999", 10**40])
    def test_with_a_time_that_is_none_it_is_refused(self, stamp: Any) -> None:
        refusal = refusal_of(PARSER, {"delete": {"status": {"id": 100}, "timestamp_ms": stamp}})
        assert (refusal.rule, refusal.field) == ("invalid_date", "delete.timestamp_ms")


class TestRefusals:
    @pytest.mark.parametrize(
        ("record", "rule", "field"),
        [
            (tweet(user=None), "missing_field", "user"),
            (tweet(user={"location": "x"}), "missing_field", "user.id_str"),
            (tweet(created_at="2026-05-08"), "invalid_date", "created_at"),
            (tweet(created_at="Fri Mai 08 10:00:05 +0000 2026"), "invalid_date", "created_at"),
            (tweet(created_at="Fri May 38 10:00:05 +0000 2026"), "invalid_date", "created_at"),
            (tweet(created_at=None), "invalid_date", "created_at"),
            (tweet(created_at="Fri May 08 10:00:05 +0000 1969"), "implausible_date", "created_at"),
            (tweet(coordinates={"type": "Point", "coordinates": [1]}), "wrong_type", "coordinates.coordinates"),
            (tweet(coordinates={"type": "Point", "coordinates": [200, 1]}), "impossible_point", "longitude"),
            (tweet(retweeted_status={"text": "no id"}), "missing_field", "retweeted_status.id_str"),
            (tweet(text=["words"]), "wrong_type", "text"),
        ],
    )
    def test_name_rule_and_field(self, record: Any, rule: str, field: str) -> None:
        refusal = refusal_of(PARSER, record)
        assert (refusal.rule, refusal.field) == (rule, field)

    @pytest.mark.parametrize("wrap", [lambda record: record, lambda record: {"kind": "reply", "data": record}])
    def test_name_tweet_and_author_by_pseudonym(self, wrap: Any) -> None:
        refusal = refusal_of(PARSER, wrap(tweet(created_at="never")))
        assert refusal.subject == pseudonym("post", "twitter:100")
        assert refusal.author == pseudonym("author", "twitter:42")


@pytest.mark.parametrize("month", range(1, 13))
def test_every_month_is_known(month: int) -> None:
    stated = datetime(2025, month, 3, 4, 5, 6, tzinfo=UTC)
    name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month - 1]
    assert row_of(PARSER, tweet(created_at=f"Mon {name} 03 04:05:06 +0000 2025"))["created_at"] == stated
