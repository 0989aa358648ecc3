"""Broken rows are told from usable ones, each for the first rule it breaks."""

from __future__ import annotations

import json

import polars as pl
import pytest

from barometer.ingest.source import POSITION, UnusableFile
from barometer.ingest.tables.cells import LINE
from barometer.ingest.tables.sift import AUTHOR, SUBJECT, Fault, implausible, require_columns, sift
from tests.ingest.tables.desk import EARLIEST, LATEST, a_context

CONTEXT = a_context("counts")
NEGATIVE = Fault("negative", "n", pl.col("n") < 0, "below nought; mend it")
ODD = Fault("odd", "n", pl.col("n") % 2 != 0, "odd; mend it")


def numbers(*values: int | None) -> pl.DataFrame:
    return pl.DataFrame({LINE: range(2, 2 + len(values)), "n": values}, schema={LINE: pl.Int64, "n": pl.Int64})


class TestSift:
    def test_usable_rows_get_their_position(self) -> None:
        good, rejected = sift(numbers(2, 4), [NEGATIVE, ODD], CONTEXT)
        assert good[POSITION].to_list() == ["inbox/file.csv:2", "inbox/file.csv:3"]
        assert not rejected

    def test_a_row_is_rejected_once_for_the_first_rule_it_breaks(self) -> None:
        good, rejected = sift(numbers(-3, 1, 2), [NEGATIVE, ODD], CONTEXT)
        assert good["n"].to_list() == [2]
        assert [(one.position, one.rule) for one in rejected] == [
            ("inbox/file.csv:2", "negative"),
            ("inbox/file.csv:3", "odd"),
        ]

    def test_a_rule_that_cannot_be_worked_out_is_not_broken(self) -> None:
        good, rejected = sift(numbers(None), [NEGATIVE, ODD], CONTEXT)
        assert good.height == 1
        assert not rejected

    def test_a_rejected_record_keeps_its_cells_and_whose_it_is(self) -> None:
        frame = numbers(-1).with_columns(pl.lit("s").alias(SUBJECT), pl.lit("a").alias(AUTHOR))
        _, (rejected,) = sift(frame, [NEGATIVE], CONTEXT)
        assert (rejected.subject, rejected.author, rejected.field) == ("s", "a", "n")
        assert json.loads(rejected.record or "") == {"n": -1}

    def test_without_rules_every_row_is_usable(self) -> None:
        good, rejected = sift(numbers(-1, 1), [], CONTEXT)
        assert good.height == 2
        assert not rejected

    @pytest.mark.parametrize("faults", [[], [NEGATIVE]])
    def test_no_rows_stay_no_rows(self, faults: list[Fault]) -> None:
        good, rejected = sift(numbers(), faults, CONTEXT)
        assert good.height == 0
        assert POSITION in good.columns
        assert not rejected


class TestRequireColumns:
    def test_all_missing_ones_are_named_at_once_with_what_there_is(self) -> None:
        with pytest.raises(UnusableFile) as refusal:
            require_columns(numbers(), ["n", "area", "date"], advice="add them")
        assert str(refusal.value) == "columns missing: area, date (the file has: n); add them"
        assert (refusal.value.rule, refusal.value.field) == ("missing_column", "area")

    def test_one_missing_column_is_one(self) -> None:
        with pytest.raises(UnusableFile, match=r"^column missing: area "):
            require_columns(numbers(), ["area", "area"], advice="add it")

    def test_nothing_happens_when_all_are_there(self) -> None:
        require_columns(numbers(), ["n"], advice="")


class TestImplausible:
    @pytest.mark.parametrize(
        ("at", "is_fine"),
        [
            (EARLIEST, True),
            (EARLIEST.replace(year=2005), False),
            (EARLIEST.replace(year=1969), False),
            (LATEST, True),
            (LATEST.replace(minute=1), False),
            (LATEST.replace(year=2169), False),
        ],
    )
    def test_limits_are_plausible_and_what_lies_beyond_is_not(self, at: object, is_fine: bool) -> None:
        frame = pl.DataFrame({LINE: [2], "t": [at]})
        good, rejected = sift(frame, [implausible("t", CONTEXT, field="date")], CONTEXT)
        assert good.height == int(is_fine)
        assert [one.field for one in rejected] == ([] if is_fine else ["date"])
