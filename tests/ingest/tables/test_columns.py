"""Names of columns come to one form, ids to pseudonyms of their id space."""

from __future__ import annotations

import polars as pl
import pytest

from barometer.ingest.source import UnusableFile
from barometer.ingest.tables.columns import column, number, optional, plain_name, pseudonyms, with_plain_names
from tests.ingest.tables.desk import OpenDoor, a_context


class TestNames:
    @pytest.mark.parametrize(
        ("theirs", "ours"), [("Started At ", "started_at"), ("RATER", "rater"), ("scale-minimum", "scale_minimum")]
    )
    def test_they_are_plain(self, theirs: str, ours: str) -> None:
        assert plain_name(theirs) == ours

    def test_a_files_own_name_gives_way_to_ours(self) -> None:
        frame = with_plain_names(pl.DataFrame({"_line": [2], "Who": ["x"], "Area": ["y"]}), {"rater": "Who"})
        assert frame.columns == ["_line", "rater", "area"]

    def test_two_columns_may_not_come_to_one_name(self) -> None:
        with pytest.raises(UnusableFile, match="rater") as refusal:
            with_plain_names(pl.DataFrame({"Who": ["x"], "Rater": ["y"]}), {"rater": "Who"})
        assert refusal.value.rule == "repeated_column"


class TestPseudonyms:
    def test_they_are_of_the_source_and_kind(self) -> None:
        context = a_context("reports")
        made = pseudonyms(pl.Series(["7", None, "8", "7"]), "rater", context).to_list()
        assert made[0] == made[3] == OpenDoor().pseudonym("rater", "a_source:7")
        assert made[1] is None
        assert made[2] != made[0]

    def test_sources_may_share_an_id_space(self) -> None:
        ids = pl.Series(["7"])
        shared = pseudonyms(ids, "rater", a_context("reports", id_space="volunteers"))
        assert shared[0] == OpenDoor().pseudonym("rater", "volunteers:7")


class TestCells:
    def test_a_column_that_is_not_there_is_empty(self) -> None:
        frame = pl.DataFrame({"a": ["1", "2"]})
        assert column(frame, "b").to_list() == [None, None]
        assert frame.select("a", optional(frame, "b"))["b"].to_list() == [None, None]
        assert column(frame, "a").to_list() == ["1", "2"]

    @pytest.mark.parametrize(
        ("text", "value"), [("1.50", 1.5), ("-2", -2.0), ("1e3", 1000.0), ("x", None), (None, None)]
    )
    def test_numbers_are_read_or_none(self, text: str | None, value: float | None) -> None:
        frame = pl.DataFrame({"n": [text]}, schema={"n": pl.String})
        assert frame.select(number(pl.col("n"))).item() == value
