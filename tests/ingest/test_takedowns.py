"""A city's own list of what must go."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.source import Part, Removal, UnusableFile
from barometer.ingest.takedowns import KINDS, PARSER, REASONS
from tests.ingest.helpers import a_context, pseudonym

HEADER = "kind,id,source,at,reason\n"
CONTEXT = a_context("csv", file="removals/list.csv")


def listed(*rows: str, header: str = HEADER) -> Part:
    (part,) = PARSER.parse_document(io.BytesIO((header + "\n".join(rows) + "\n").encode()), CONTEXT)
    assert part.read == len(part.removals) + len(part.rejected)
    return part


def removal(row: str, header: str = HEADER) -> Removal:
    (one,) = listed(row, header=header).removals
    return one


class TestRemovals:
    @pytest.mark.parametrize("kind", KINDS)
    def test_name_a_subject_by_its_id_where_it_is_known(self, kind: str) -> None:
        one = removal(f"{kind},17,panel,2026-05-03T08:00:00Z,operator")
        assert one.kind == kind
        assert one.subject == pseudonym(kind, "panel:17")
        assert one.effective_at == datetime(2026, 5, 3, 8, tzinfo=UTC)
        assert one.position == "removals/list.csv:2"

    def test_a_bluesky_post_is_named_by_its_address(self) -> None:
        uri = "at://did:plc:x/app.bsky.feed.post/3k"
        assert removal(f"post,{uri},bluesky,,").subject == pseudonym("post", f"bluesky:{uri}")

    def test_without_a_time_all_up_to_the_night(self) -> None:
        assert removal("post,17,forum,,").effective_at == CONTEXT.horizon
        assert removal("post,17,forum", header="kind,id,source\n").effective_at == CONTEXT.horizon

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            ("respondent", "consent_withdrawn"),
            ("rater", "consent_withdrawn"),
            ("post", "operator"),
            ("author", "operator"),
        ],
    )
    def test_without_a_reason_the_kind_says_it(self, kind: str, reason: str) -> None:
        assert removal(f"{kind},17,forum,,").reason == reason

    @pytest.mark.parametrize("reason", REASONS)
    def test_a_reason_is_kept(self, reason: str) -> None:
        assert removal(f"post,17,forum,,{reason.upper()}").reason == reason

    def test_another_offset_is_the_same_time(self) -> None:
        assert removal("post,17,forum,2026-05-03T10:00:00+02:00,").effective_at == datetime(2026, 5, 3, 8, tzinfo=UTC)


class TestRefusals:
    @pytest.mark.parametrize(
        ("row", "rule", "field"),
        [
            (",17,forum,,", "missing_field", "kind"),
            ("post,,forum,,", "missing_field", "id"),
            ("post,17,,,", "missing_field", "source"),
            ("city,17,forum,,", "unknown_kind", "kind"),
            ("post,17,forum,,edited", "unknown_reason", "reason"),
            ("post,17,forum,soon,", "invalid_date", "at"),
            ("post,17,forum,2026-05-03T08:00:00,", "invalid_date", "at"),
            ("post,17,forum,2169-05-03T08:00:00Z,", "implausible_date", "at"),
            ("post,17,forum,1969-05-03T08:00:00Z,", "implausible_date", "at"),
        ],
    )
    def test_name_rule_and_field_and_say_that_nothing_was_removed(self, row: str, rule: str, field: str) -> None:
        (one,) = listed(row).rejected
        assert (one.rule, one.field, one.position) == (rule, field, "removals/list.csv:2")
        assert one.reason.endswith("nothing was removed, correct the row")

    def test_a_bad_row_does_not_keep_the_next_from_being_done(self) -> None:
        part = listed("city,17,forum,,", "post,18,forum,,")
        assert (len(part.rejected), len(part.removals)) == (1, 1)

    @pytest.mark.parametrize("missing", ["kind", "id", "source"])
    def test_a_missing_column_makes_the_list_unusable(self, missing: str) -> None:
        with pytest.raises(UnusableFile, match=f"columns missing: {missing}"):
            listed("a,b", header=",".join(name for name in ("kind", "id", "source") if name != missing) + "\n")


CELL = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters=',"'), max_size=10)


@given(rows=st.lists(st.tuples(st.sampled_from([*KINDS, "x"]), CELL, CELL, CELL, CELL), min_size=1, max_size=5))
def test_whatever_stands_in_the_cells_every_row_is_accounted_for(rows: list[tuple[str, ...]]) -> None:
    assert listed(*(",".join(row) for row in rows)).read == len(rows)
