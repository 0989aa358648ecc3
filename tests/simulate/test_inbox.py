"""Deliveries follow each other without gap or overlap, and never change what was delivered."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadInput
from barometer.simulate.inbox import Delivery, next_delivery, write_csv, write_lines
from barometer.simulate.plan import Plan

PLAN = Plan(seed=1, first_day=date(2026, 3, 2), days=70)


def deliver(folder: Path, delivery: Delivery) -> None:
    write_lines(folder / "posts" / f"{delivery.name}.jsonl.zst", [{"day": day} for day in delivery.days])


class TestNextDelivery:
    def test_the_first_holds_everything_up_to_its_day(self, tmp_path: Path) -> None:
        delivery = next_delivery(tmp_path, PLAN, date(2026, 5, 9))
        assert delivery == Delivery(PLAN, 0, 68)
        assert delivery is not None
        assert delivery.name == "2026-03-02_to_2026-05-09"

    def test_the_next_holds_what_came_since(self, tmp_path: Path) -> None:
        deliver(tmp_path, Delivery(PLAN, 0, 68))
        assert next_delivery(tmp_path, PLAN, date(2026, 5, 10)) == Delivery(PLAN, 69, 69)

    def test_nothing_is_delivered_twice(self, tmp_path: Path) -> None:
        deliver(tmp_path, Delivery(PLAN, 0, 68))
        assert next_delivery(tmp_path, PLAN, date(2026, 5, 9)) is None
        assert next_delivery(tmp_path, PLAN, date(2026, 4, 1)) is None

    def test_nothing_is_delivered_beyond_the_plan(self, tmp_path: Path) -> None:
        assert next_delivery(tmp_path, PLAN, date(2027, 1, 1)) == Delivery(PLAN, 0, 69)
        deliver(tmp_path, Delivery(PLAN, 0, 69))
        assert next_delivery(tmp_path, PLAN, date(2027, 1, 1)) is None

    def test_nothing_is_delivered_before_the_plan(self, tmp_path: Path) -> None:
        assert next_delivery(tmp_path, PLAN, date(2026, 3, 1)) is None

    @given(st.lists(st.integers(0, 80), min_size=1, max_size=8))
    def test_every_day_is_delivered_once_whenever_one_asks(
        self, tmp_path_factory: pytest.TempPathFactory, asked: list[int]
    ) -> None:
        folder, days = tmp_path_factory.mktemp("inbox"), []
        for through in asked:
            delivery = next_delivery(folder, PLAN, PLAN.first_day + timedelta(days=through))
            if delivery is not None:
                deliver(folder, delivery)
                days += delivery.days
        assert days == list(range(min(max(asked), 69) + 1))


class TestWriting:
    def test_lines_are_json_in_zstd(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "b.jsonl.zst"
        write_lines(path, [{"id": "1", "text": "é"}, {"id": "2"}])
        text = zstandard.ZstdDecompressor().decompress(path.read_bytes()).decode()
        assert text == '{"id":"1","text":"é"}\n{"id":"2"}\n'
        assert [file.name for file in path.parent.iterdir()] == ["b.jsonl.zst"]

    def test_no_rows_are_no_file(self, tmp_path: Path) -> None:
        write_csv(tmp_path / "a.csv", pl.DataFrame({"x": []}))
        assert not (tmp_path / "a.csv").exists()

    def test_the_same_again_changes_nothing(self, tmp_path: Path) -> None:
        path, frame = tmp_path / "a.csv", pl.DataFrame({"x": [1]})
        write_csv(path, frame)
        before = path.stat().st_mtime_ns
        write_csv(path, frame)
        assert path.stat().st_mtime_ns == before

    def test_something_else_is_refused_and_what_is_there_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        write_csv(path, pl.DataFrame({"x": [1]}))
        with pytest.raises(BadInput, match=r"a\.csv: is there already"):
            write_csv(path, pl.DataFrame({"x": [2]}))
        assert path.read_text("utf-8") == "x\n1\n"
