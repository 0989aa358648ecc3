"""What sources and parsers agree on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadInput
from barometer.ingest import run
from barometer.ingest.settle import IDENTITIES
from barometer.ingest.source import (
    POSITION,
    Batch,
    DocumentParser,
    LineParser,
    Part,
    UnusableFile,
    id_space,
    identity,
    incoming_schema,
)
from barometer.tables import TABLES
from tests.ingest.helpers import a_context, a_source, pseudonym

IDS = st.text(min_size=1, max_size=10)
PLATFORMS = st.text(st.characters(exclude_characters=":"), min_size=1, max_size=8)


class TestIdentity:
    def test_is_the_platform_and_the_id(self) -> None:
        assert identity("twitter", "123") == "twitter:123"

    @given(one=st.tuples(PLATFORMS, IDS), other=st.tuples(PLATFORMS, IDS))
    def test_two_subjects_never_share_one(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        assert (identity(*one) == identity(*other)) == (one == other)

    def test_ids_are_a_source_s_own_unless_it_shares_them(self) -> None:
        assert id_space(a_source(id="panel_2026")) == "panel_2026"
        assert id_space(a_source(id="panel_2026", options={"id_space": "panel"})) == "panel"


class TestContext:
    def test_a_pseudonym_is_of_a_platform_s_id_or_of_the_source_s(self) -> None:
        context = a_context()
        assert context.pseudonym("post", "1", platform="forum") == pseudonym("post", "forum:1")
        assert context.pseudonym("respondent", "1") == pseudonym("respondent", "a_source:1")

    def test_sources_that_share_ids_share_pseudonyms(self) -> None:
        one, other = a_context(id_space="panel"), a_context(id_space="panel")
        other = replace(other, source=a_source(id="another", options={"id_space": "panel"}))
        assert one.pseudonym("respondent", "1") == other.pseudonym("respondent", "1")

    def test_a_position_is_file_and_line(self) -> None:
        assert a_context(file="posts/deep/a.jsonl").position(7) == "posts/deep/a.jsonl:7"

    @pytest.mark.parametrize("days", [-1, 0, 1])
    def test_times_outside_the_limits_are_implausible(self, days: int) -> None:
        context, day = a_context(), timedelta(days=days)
        assert context.is_implausible(context.earliest + day) is (days < 0)
        assert context.is_implausible(context.latest + day) is (days > 0)

    def test_the_limits_in_words_do_not_say_what_day_it_is(self) -> None:
        context = a_context()
        later = replace(context, latest=datetime(2031, 1, 1, tzinfo=UTC))
        assert context.plausible_times == later.plausible_times == "2006-01-01 to the present"


class TestIncomingSchema:
    @pytest.mark.parametrize("table", [one.table for one in IDENTITIES.values()] + ["answers"])
    def test_is_the_table_s_without_what_ingest_adds(self, table: str) -> None:
        schema = incoming_schema(table)
        assert set(TABLES[table].schema) - set(schema) == {"night", "source", "synthetic"}
        assert set(schema) - set(TABLES[table].schema) == {POSITION}
        assert schema[POSITION] == pl.String()


class TestRegister:
    @pytest.mark.parametrize(("signal", "form"), sorted(run.PARSERS))
    def test_every_parser_keeps_the_protocol(self, signal: str, form: str) -> None:
        parser = run.PARSERS[(signal, form)]
        assert isinstance(parser, LineParser) != hasattr(parser, "parse_document")
        assert form.islower()

    def test_every_signal_has_a_format_and_an_identity_unless_it_only_takes_back(self) -> None:
        signals = {signal for signal, _ in run.PARSERS}
        assert signals == {*IDENTITIES, "removals"}

    def test_documents_are_told_from_lines(self) -> None:
        document: DocumentParser = run._TABLES["counts"]  # type: ignore[assignment]
        assert not isinstance(document, LineParser)


def test_parts_and_batches_start_empty() -> None:
    part = Part(read=0)
    assert (part.out_of_scope, part.rows, part.removals, part.rejected) == (0, {}, [], [])
    batch = Batch({}, [], [], 0, 0, {"files": {}})
    assert batch.cursor == {"files": {}}


def test_an_unusable_file_is_bad_input_with_a_rule_and_a_field() -> None:
    fault = UnusableFile("a column is missing: add it", rule="missing_column", field="id")
    assert isinstance(fault, BadInput)
    assert (str(fault), fault.rule, fault.field) == ("a column is missing: add it", "missing_column", "id")
