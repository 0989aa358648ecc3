"""A changed configuration, and the comparison of what it makes with what is published."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from barometer.city_files import Thresholds
from barometer.errors import BadConfiguration, BadInput
from barometer.estimate.composite import Composite
from barometer.estimate.what_if import MOVES_SCHEMA, Change, compare, read_overrides, summary, tell, with_overrides
from barometer.tables import TABLES
from tests.estimate.made import INDICATORS
from tests.rows import rows


class TestOverrides:
    """What a file of changes does to the indicators."""

    def test_what_is_named_changes_and_the_rest_stays(self) -> None:
        found, _ = with_overrides(INDICATORS, {"indicators": {"trust_police": {"minimum_n": 5}}})
        assert found["trust_police"].minimum_n == 5
        assert found["trust_police"].title == INDICATORS["trust_police"].title
        assert [i.id for i in found.indicators] == [i.id for i in INDICATORS.indicators]
        assert found["trust_council"] == INDICATORS["trust_council"]

    def test_the_published_settings_are_left_alone(self) -> None:
        before = INDICATORS.model_dump()
        with_overrides(INDICATORS, {"lookback_days": 60, "indicators": {"trust_police": {"minimum_n": 5}}})
        assert INDICATORS.model_dump() == before

    def test_every_change_is_told_with_its_place(self) -> None:
        _, changes = with_overrides(INDICATORS, {"lookback_days": 60, "indicators": {"trust_police": {"minimum_n": 5}}})
        assert changes == (
            Change("lookback_days", INDICATORS.lookback_days, 60),
            Change("indicators.trust_police.minimum_n", 10, 5),
        )
        assert str(changes[1]) == "indicators.trust_police.minimum_n: 10 → 5"

    def test_what_is_said_as_it_was_is_no_change(self) -> None:
        found, changes = with_overrides(INDICATORS, {"indicators": {"trust_police": {"minimum_n": 10}}})
        assert changes == ()
        assert found == INDICATORS

    def test_a_measure_is_changed_in_part(self) -> None:
        found, _ = with_overrides(INDICATORS, {"indicators": {"wallet_police": {"measure": {"yes_from": 4}}}})
        assert found["wallet_police"].measure.model_dump() == {
            "kind": "answer_share",
            "item": "wallet_police",
            "lowest_answer": 1,
            "highest_answer": 4,
            "yes_from": 4,
        }

    def test_a_measure_of_another_kind_takes_its_place(self) -> None:
        other = {
            "kind": "answer_share",
            "item": "trust_police",
            "lowest_answer": 0,
            "highest_answer": 10,
            "yes_from": 6,
        }
        changed = {"measure": other, "scale": {"maximum": 1}, "unit": "share"}
        found, changes = with_overrides(INDICATORS, {"indicators": {"trust_police": changed}})
        assert found["trust_police"].is_share
        assert [change.place.rsplit(".", 1)[-1] for change in changes] == ["unit", "maximum", "measure"]

    def test_labels_are_merged(self) -> None:
        measure = {"labels": {"target": "people"}}
        found, _ = with_overrides(INDICATORS, {"indicators": {"posts_trust_share": {"measure": measure}}})
        assert found["posts_trust_share"].measure.labels == {"trust": "trust", "target": "people"}  # type: ignore[union-attr]

    def test_a_period_of_another_shape(self) -> None:
        changed = {"practitioner_trust": {"period": {"calendar_weeks": 8}}}
        found, changes = with_overrides(INDICATORS, {"indicators": changed})
        assert found["practitioner_trust"].period.calendar_weeks == 8  # type: ignore[union-attr]
        assert changes[0].before == 4

    @pytest.mark.parametrize(
        ("overrides", "complaint"),
        [
            ({"colour": 1}, "the top has no colour; it has lookback_days, weeks_anchor, indicators"),
            (
                {"indicators": {"trust_polise": {"minimum_n": 1}}},
                "indicators has no trust_polise; it has wallet_neighbour",
            ),
            (
                {"indicators": {"trust_police": {"minimum": 1}}},
                "indicators.trust_police has no minimum; it has id, title",
            ),
            ({"indicators": {"trust_police": {"measure": {"labels": {}}}}}, "trust_police.measure has no labels"),
            ({"indicators": {"trust_police": {"minimum_n": -1}}}, "indicators.trust_police.minimum_n: .*greater than"),
            ({"indicators": {"trust_police": {"minimum_n": "few"}}}, "indicators.trust_police.minimum_n: .*integer"),
            ({"indicators": {"trust_police": "gone"}}, "indicators.trust_police|indicators.*valid"),
            ({"indicators": {"wallet_police": {"measure": {"yes_from": 9}}}}, "wallet_police.measure.*yes_from must"),
            ({"lookback_days": 1}, "lookback_days: .*28"),
            ({"indicators": []}, "indicators: .*at least 1"),
        ],
    )
    def test_a_mistake_is_named_with_its_place(self, overrides: dict[str, Any], complaint: str) -> None:
        with pytest.raises(BadConfiguration, match=rf"tuning\.yaml: .*(?:{complaint})"):
            with_overrides(INDICATORS, overrides, source="tuning.yaml")

    def test_all_mistakes_are_told_at_once(self) -> None:
        wrong = {"colour": 1, "indicators": {"nonsense": {}, "trust_police": {"size": 2}}}
        with pytest.raises(BadConfiguration) as found:
            with_overrides(INDICATORS, wrong)
        for word in ("colour", "nonsense", "size"):
            assert f"has no {word}" in str(found.value)

    def test_other_settings_work_the_same_way(self) -> None:
        """A city's thresholds, and a composite's weights."""
        name = next(iter(Thresholds.model_fields))
        with pytest.raises(BadConfiguration, match=f"the top has no nonsense; it has {name}"):
            with_overrides(Thresholds(), {"nonsense": 1})
        index = Composite.model_validate(
            {"id": "index", "parts": ({"id": "people", "parts": ({"id": "a"}, {"id": "b"})}, {"id": "c"})}
        )
        found, changes = with_overrides(
            index, {"aggregation": "geometric", "parts": {"people": {"weight": 3, "parts": {"b": {"weight": 0.5}}}}}
        )
        assert found.aggregation == "geometric"
        assert [leaf.weight for leaf in found.leaves] == [1, 0.5, 1]
        assert [change.place for change in changes] == [
            "parts.people.weight",
            "parts.people.parts.b.weight",
            "aggregation",
        ]

    @given(st.integers(0, 200), st.integers(28, 3660))
    def test_changing_back_gives_what_there_was(self, minimum_n: int, days: int) -> None:
        there, _ = with_overrides(
            INDICATORS, {"lookback_days": days, "indicators": {"footfall_rate": {"minimum_n": minimum_n}}}
        )
        back = {"lookback_days": INDICATORS.lookback_days, "indicators": {"footfall_rate": {"minimum_n": 0}}}
        assert with_overrides(there, back)[0] == INDICATORS


class TestFile:
    """Reading the changes."""

    def test_it_is_yaml(self, tmp_path: Path) -> None:
        path = tmp_path / "tuning.yaml"
        path.write_text("indicators:\n  trust_police: {minimum_n: 5}\n", "utf-8")
        assert read_overrides(path) == {"indicators": {"trust_police": {"minimum_n": 5}}}

    @pytest.mark.parametrize("content", ["", "- a\n", "a: [1\n", "text", "{}"])
    def test_what_holds_no_settings_is_refused(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "tuning.yaml"
        path.write_text(content, "utf-8")
        with pytest.raises(BadConfiguration, match=r"tuning\.yaml"):
            read_overrides(path)

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(BadConfiguration, match=r"absent\.yaml: cannot be read"):
            read_overrides(tmp_path / "absent.yaml")


START, END = date(2026, 4, 20), date(2026, 5, 17)


def _row(area: str, value: float | None, error: float = 0.2, **values: Any) -> dict[str, Any]:
    ends = {} if value is None else {"standard_error": error, "lower": value - 2 * error, "upper": value + 2 * error}
    reason = None if value is not None else "too_few"
    plain = {"area": area, "indicator": "trust_police", "geography": "msoa21", "value": value, "missing_reason": reason}
    return plain | ends | {"period_start": START, "period_end": END, "n": 20, "method": "direct"} | values


def _frame(*made: dict[str, Any]) -> pl.DataFrame:
    return rows("estimates", *made)


def _move(moves: pl.DataFrame, area: str) -> dict[str, Any]:
    return moves.filter(area=area).row(0, named=True)


PUBLISHED = _frame(
    _row("A", 7.0),
    _row("B", 5.0),
    _row("C", 4.9),
    _row("D", 3.0, 0.05),
    _row("E", None),
    _row("F", None),
    _row("G", 6.0),
)
OTHERWISE = _frame(
    _row("A", 7.1),
    _row("B", 4.5, n=12),
    _row("C", 5.2),
    _row("D", 3.2, 0.1),
    _row("E", 6.0),
    _row("F", None),
    _row("G", None),
)


class TestCompare:
    """Seven places, each with its own fate."""

    MOVED = compare(PUBLISHED, OTHERWISE)

    @pytest.mark.parametrize(
        ("area", "movement"),
        [
            ("A", "stays"),
            ("B", "falls"),
            ("C", "rises"),
            ("D", "rises"),
            ("E", "appears"),
            ("F", "missing"),
            ("G", "vanishes"),
        ],
    )
    def test_movements(self, area: str, movement: str) -> None:
        assert _move(self.MOVED, area)["movement"] == movement

    def test_columns_and_order(self) -> None:
        assert dict(self.MOVED.schema) == MOVES_SCHEMA
        assert self.MOVED["area"].to_list() == list("ABCDEFG")

    def test_change_in_the_indicator_s_unit_and_in_errors(self) -> None:
        row = _move(self.MOVED, "B")
        assert row["change"] == pytest.approx(-0.5)
        assert row["change_in_errors"] == pytest.approx(-2.5)
        assert (row["value"], row["value_if"], row["n"], row["n_if"]) == (5.0, 4.5, 20, 12)

    def test_outside_the_published_interval(self) -> None:
        outside = dict(self.MOVED.select("area", "is_outside_interval").iter_rows())
        assert outside == {"A": False, "B": True, "C": False, "D": True, "E": None, "F": None, "G": None}

    def test_ranks_with_what_the_intervals_leave_open(self) -> None:
        """A is alone at the top; B (4.6-5.4) and C (4.5-5.3) cannot be told apart; G (5.6-6.4) is surely above both."""
        ranks = {row["area"]: (row["rank"], row["rank_lower"], row["rank_upper"]) for row in self.MOVED.to_dicts()}
        assert ranks["A"] == (1, 1, 1)
        assert ranks["G"] == (2, 2, 2)
        assert ranks["B"] == (3, 3, 4)
        assert ranks["C"] == (4, 3, 4)
        assert ranks["D"] == (5, 5, 5)
        assert ranks["E"] == (None, None, None)

    def test_ranks_of_the_other_are_among_its_own(self) -> None:
        assert _move(self.MOVED, "C")["rank_if"] == 3
        assert _move(self.MOVED, "B")["rank_if"] == 4

    def test_the_same_twice_moves_nothing(self) -> None:
        same = compare(PUBLISHED, PUBLISHED)
        assert set(same["movement"]) == {"stays", "missing"}
        assert same["change"].drop_nulls().abs().sum() == 0

    def test_turning_it_round_turns_the_moves_round(self) -> None:
        back = compare(OTHERWISE, PUBLISHED)
        assert back["change"].drop_nulls().to_list() == pytest.approx((-self.MOVED["change"]).drop_nulls().to_list())
        assert _move(back, "G")["movement"] == "appears"
        assert _move(back, "E")["movement"] == "vanishes"

    def test_a_place_that_only_one_has(self) -> None:
        moves = compare(PUBLISHED.filter(pl.col("area") != "A"), OTHERWISE)
        assert _move(moves, "A")["movement"] == "appears"
        assert moves.height == 7

    def test_without_a_published_error_any_change_is_one(self) -> None:
        moves = compare(_frame(_row("A", 5.0, 0.0), _row("B", 5.0, 0.0)), _frame(_row("A", 5.01), _row("B", 5.0)))
        assert _move(moves, "A")["movement"] == "rises"
        assert _move(moves, "A")["change_in_errors"] is None
        assert _move(moves, "B")["movement"] == "stays"

    def test_a_place_twice_is_refused(self) -> None:
        with pytest.raises(BadInput, match="what-if estimates have trust_police of A twice"):
            compare(PUBLISHED, pl.concat([OTHERWISE, OTHERWISE]))

    def test_two_empty_frames(self) -> None:
        empty = pl.DataFrame(schema=TABLES["estimates"].schema)
        found = compare(empty, empty)
        assert found.is_empty()
        assert dict(found.schema) == MOVES_SCHEMA

    @given(st.permutations(range(7)), st.permutations(range(7)))
    def test_the_order_of_rows_changes_nothing(self, left: list[int], right: list[int]) -> None:
        assert compare(PUBLISHED[left], OTHERWISE[right]).equals(self.MOVED)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 2)), min_size=1, max_size=20))
def test_a_rank_interval_holds_the_rank_and_every_rank_the_intervals_allow(drawn: list[tuple[float, float]]) -> None:
    frame = _frame(*(_row(f"A{i:02d}", value, error) for i, (value, error) in enumerate(drawn)))
    found = compare(frame, frame)
    assert (found["rank_lower"] <= found["rank"]).all()
    assert (found["rank"] <= found["rank_upper"]).all()
    lower, upper = frame["lower"].to_numpy(), frame["upper"].to_numpy()
    surely_above = (lower[None, :] > upper[:, None]).sum(axis=1)
    surely_below = (upper[None, :] < lower[:, None]).sum(axis=1)
    assert np.array_equal(found["rank_lower"].to_numpy(), 1 + surely_above)
    assert np.array_equal(found["rank_upper"].to_numpy(), len(drawn) - surely_below)


def test_summary_by_indicator() -> None:
    other = PUBLISHED.with_columns(indicator=pl.lit("trust_council"))
    found = summary(compare(pl.concat([PUBLISHED, other]), pl.concat([OTHERWISE, other])))
    assert found["indicator"].to_list() == ["trust_council", "trust_police"]
    still, moving = found.iter_rows(named=True)
    assert (still["rises"], still["falls"], still["appears"], still["vanishes"], still["stays"]) == (0, 0, 0, 0, 5)
    assert (moving["rises"], moving["falls"], moving["appears"], moving["vanishes"], moving["stays"]) == (2, 1, 1, 1, 1)
    assert moving["n"] == 7
    assert moving["largest_in_errors"] == pytest.approx(4)
    assert moving["ratio_of_errors"] == pytest.approx((0.2 * 3 + 0.1) / (0.2 * 3 + 0.05))


class TestTold:
    """In words."""

    CHANGES = (Change("indicators.trust_police.minimum_n", 10, 5),)
    TITLES, NAMES = {"trust_police": "Trust in the police"}, {"B": "Burley", "D": "Denholme", "E": "Eccleshill"}

    def _lines(self) -> list[str]:
        return tell(compare(PUBLISHED, OTHERWISE), self.CHANGES, titles=self.TITLES, names=self.NAMES)

    def test_first_what_was_changed_then_the_whole(self) -> None:
        lines = self._lines()
        assert lines[0] == "Changed: indicators.trust_police.minimum_n: 10 → 5."
        assert lines[1] == (
            "Trust in the police, 2026-04-20 to 2026-05-17: of 7 places, 2 rise, 1 falls, 1 appears, 1 vanishes; "
            "errors are 1.08 times the published ones."
        )

    def test_a_move_with_its_size_its_ranks_and_what_else_changed(self) -> None:
        told = next(line for line in self._lines() if line.startswith("Burley"))
        assert told == (
            "Burley, Trust in the police: falls from 5 to 4.5 (2.5 of its standard errors, outside the published "
            "interval); rank 3 (3–4) becomes 4 (3–4); n 20 → 12."
        )

    def test_what_appears_and_what_vanishes_say_why(self) -> None:
        lines = self._lines()
        assert "Eccleshill, Trust in the police: a value appears (6), missing as published (too_few)." in lines
        assert "G, Trust in the police: no value any more (too_few), published as 6." in lines

    def test_the_largest_moves_come_first_and_what_stays_is_not_told(self) -> None:
        who = [line.split(",")[0] for line in self._lines()[2:]]
        assert who == ["Eccleshill", "G", "Denholme", "Burley", "C"]

    def test_nothing_changed_is_said(self) -> None:
        lines = tell(compare(PUBLISHED, PUBLISHED))
        assert lines[0] == "Nothing was changed."
        assert lines[1].endswith(
            "of 7 places, none moves by a standard error or more; errors are 1.00 times the published ones."
        )
        assert len(lines) == 2

    def test_a_value_without_a_published_error(self) -> None:
        lines = tell(compare(_frame(_row("A", 5.0, 0.0)), _frame(_row("A", 5.5))))
        assert "the published one has no error, outside the published interval" in lines[2]

    def test_another_method_is_named(self) -> None:
        lines = tell(compare(_frame(_row("A", 5.0)), _frame(_row("A", 5.9, method="model", effective_n=33.4))))
        assert "method direct → model; effective n 0.5 → 33.4" in lines[2]


def test_settings_of_any_kind_are_kept_whole() -> None:
    class Plain(BaseModel):
        numbers: tuple[int, ...] = (1, 2)
        named: dict[str, int] = {"a": 1}

    found, changes = with_overrides(Plain(), {"numbers": [3], "named": {"b": 2}})
    assert found == Plain(numbers=(3,), named={"a": 1, "b": 2})
    assert len(changes) == 2
