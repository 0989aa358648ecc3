"""4CAT's CSV exports."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.posts.fourcat import PARSER
from barometer.ingest.posts.post import TABLE
from barometer.ingest.source import Rejected, UnusableFile
from tests.ingest.helpers import a_context, pseudonym
from tests.ingest.posts.records import documented

CONTEXT = a_context("fourcat", platform="twitter")


def entry(**values: Any) -> dict[str, Any]:
    plain = {
        "id": "100",
        "thread_id": "100",
        "timestamp": "2026-05-08 10:00:05",
        "body": "the tram is late",
        "author": "ada",
    }
    return {**plain, **values}


def export(*entries: dict[str, Any]) -> bytes:
    names = list(dict.fromkeys(name for one in entries for name in one))
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, names)
    writer.writeheader()
    writer.writerows(entries)
    return file.getvalue().encode()


def rows(*entries: dict[str, Any]) -> list[dict[str, Any]]:
    parts = documented(PARSER, export(*entries), CONTEXT)
    assert [one for part in parts for one in part.rejected] == []
    return [row for part in parts if part.rows for row in part.rows[TABLE].to_dicts()]


def refusal(*entries: dict[str, Any]) -> Rejected:
    parts = documented(PARSER, export(*entries), CONTEXT)
    (rejected,) = (one for part in parts for one in part.rejected)
    return rejected


class TestRows:
    def test_every_export_has_what_is_needed(self) -> None:
        (row,) = rows(entry())
        assert row["post"] == pseudonym("post", "twitter:100")
        assert row["author"] == pseudonym("author", "twitter:ada")
        assert row["created_at"] == row["version_at"] == datetime(2026, 5, 8, 10, 0, 5, tzinfo=UTC)
        assert (row["text"], row["platform"], row["position"]) == (
            "masked the tram is late",
            "twitter",
            "posts/a.jsonl:2",
        )
        assert row["reply_to"] is None

    def test_what_some_exports_add_is_used(self) -> None:
        more = {
            "author_id": "42",
            "language_guess": "en",
            "retweet_count": "2",
            "like_count": "3",
            "place_name": "Mill Lane",
        }
        (row,) = rows(entry(thread_id="99", long_lat="0.5,0.5", **more))
        assert row["author"] == pseudonym("author", "twitter:42")
        assert (row["language_hint"], row["reach"], row["platform_place"]) == ("en", 5, "masked Mill Lane")
        assert row["reply_to"] == pseudonym("post", "twitter:99")
        assert row["area"] == "east"

    @pytest.mark.parametrize(
        "times",
        [
            {"timestamp": "2026-05-08 10:00:05"},
            {"timestamp": "2026-05-08T12:00:05+02:00"},
            {"timestamp": "1778234405.0"},
            {"timestamp": "whenever", "unix_timestamp": "1778234405"},
            {"timestamp": "", "unix_timestamp": "1778234405"},
        ],
    )
    def test_times_may_be_written_in_every_way_of_an_export(self, times: dict[str, str]) -> None:
        assert rows(entry(**times))[0]["created_at"] == datetime(2026, 5, 8, 10, 0, 5, tzinfo=UTC)

    def test_bodies_may_have_lines_and_quotation_marks(self) -> None:
        (first, second) = rows(entry(body='one\n"two", three\n'), entry(id="101"))
        assert first["text"] == 'masked one\n"two", three'
        assert second["position"] == "posts/a.jsonl:5"

    def test_a_retweet_is_known_as_one_and_its_copies_belong_together(self) -> None:
        retweet = {"is_retweet": "yes", "retweeted_user": "bo", "body": "RT @bo: words", "retweet_count": "9"}
        one, other, plain = rows(
            entry(**retweet), entry(id="101", author="cy", **retweet), entry(id="102", is_retweet="no")
        )
        assert one["repost_of"] == other["repost_of"] is not None
        assert one["reach"] is None
        assert plain["repost_of"] is None

    def test_without_the_option_the_source_is_the_platform(self) -> None:
        parts = documented(PARSER, export(entry()), a_context("fourcat"))
        assert parts[-1].rows[TABLE]["platform"].to_list() == ["a_source"]

    def test_many_rows_come_in_parts(self) -> None:
        parts = documented(PARSER, export(*(entry(id=str(i)) for i in range(4_100))), CONTEXT)
        assert [part.read for part in parts if part.read] == [2_000, 2_000, 100]


class TestRefusals:
    @pytest.mark.parametrize(
        ("values", "rule", "field"),
        [
            ({"id": ""}, "missing_field", "id"),
            ({"author": ""}, "missing_field", "author"),
            ({"timestamp": ""}, "missing_field", "timestamp"),
            ({"timestamp": "whenever"}, "invalid_date", "timestamp"),
            ({"timestamp": "nan"}, "invalid_date", "timestamp"),
            ({"timestamp": "1e30"}, "invalid_date", "timestamp"),
            ({"timestamp": "1969-01-01 00:00:00"}, "implausible_date", "created_at"),
            ({"timestamp": "2169-01-01 00:00:00"}, "implausible_date", "created_at"),
            ({"like_count": "many"}, "wrong_type", "like_count"),
            ({"like_count": "inf"}, "wrong_type", "like_count"),
            ({"long_lat": "somewhere"}, "impossible_point", "long_lat"),
            ({"long_lat": "nan,nan"}, "impossible_point", "longitude"),
        ],
    )
    def test_name_rule_and_field(self, values: dict[str, Any], rule: str, field: str) -> None:
        told = refusal(entry(**values))
        assert (told.rule, told.field, told.position) == (rule, field, "posts/a.jsonl:2")

    def test_name_post_and_author_by_pseudonym(self) -> None:
        told = refusal(entry(timestamp="whenever"))
        assert told.subject == pseudonym("post", "twitter:100")
        assert told.author == pseudonym("author", "twitter:ada")

    @pytest.mark.parametrize("missing", ["id", "body", "author", "timestamp"])
    def test_a_missing_column_makes_the_file_unusable(self, missing: str) -> None:
        content = export({name: value for name, value in entry().items() if name != missing})
        with pytest.raises(UnusableFile, match=f"columns missing: {missing}") as fault:
            documented(PARSER, content, CONTEXT)
        assert (fault.value.rule, fault.value.field) == ("missing_column", missing)

    def test_a_row_that_is_not_utf8_is_refused_alone(self) -> None:
        content = export(entry(), entry(id="101")).replace(b"101", b"10\xff")
        parts = documented(PARSER, content, CONTEXT)
        assert [one.rule for part in parts for one in part.rejected] == ["invalid_utf8"]
        assert sum(part.rows[TABLE].height for part in parts if part.rows) == 1


CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12)


@given(cells=st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), max_size=5))
def test_whatever_stands_in_the_cells_every_row_is_accounted_for(cells: list[tuple[str, str, str, str]]) -> None:
    entries = [entry(id=a, author=b, body=c, timestamp=d) for a, b, c, d in cells]
    if not entries:
        return
    read = sum(part.read for part in documented(PARSER, export(*entries), CONTEXT))
    assert read == len(entries)
