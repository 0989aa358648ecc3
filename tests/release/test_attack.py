"""The reader's attack, held against every table that fits, one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.errors import ReleaseRefused
from barometer.release.attack import Equation, Puzzle, feasible_range, pinned

ANYTHING = (0.0, float("inf"))


def city(*ranges: tuple[float, float], whole: tuple[float, float]) -> Puzzle:
    """Areas a, b, … that add up to the city."""
    named = dict(zip("abcdefgh", ranges, strict=False))
    terms = {**dict.fromkeys(named, 1), "city": -1}
    return Puzzle(named | {"city": whole}, [Equation(terms, 0)])


def test_one_withheld_area_follows_from_the_city_within_the_rounding_of_the_others() -> None:
    puzzle = city(ANYTHING, (38, 42), whole=(43, 47))
    assert feasible_range(puzzle, "a") == (1, 9)


def test_counts_that_are_not_rounded_leave_one_number() -> None:
    assert feasible_range(city(ANYTHING, (40, 40), whole=(47, 47)), "a") == (7, 7)


def test_two_withheld_areas_are_free_between_nobody_and_both_together() -> None:
    puzzle = city(ANYTHING, ANYTHING, (40, 40), whole=(52, 52))
    assert feasible_range(puzzle, "a") == feasible_range(puzzle, "b") == (0, 12)


def test_a_withheld_city_leaves_its_areas_free() -> None:
    assert feasible_range(city(ANYTHING, (38, 42), whole=ANYTHING), "a") == ANYTHING


def test_an_unknown_of_no_equation_is_what_it_is_by_itself() -> None:
    puzzle = Puzzle({"a": (3, 8)}, [])
    assert feasible_range(puzzle, "a") == (3, 8)
    assert pinned(puzzle, {"a": 5}) == {}
    assert pinned(puzzle, {"a": 6}) == {"a": (3, 8)}


@pytest.mark.parametrize(("width", "is_pinned"), [(7, False), (8, False), (9, True)])
def test_a_range_is_narrow_below_the_width_asked_for(width: int, is_pinned: bool) -> None:
    # given an area that can be 1 to 9
    found = pinned(city(ANYTHING, (38, 42), whole=(43, 47)), {"a": width})
    assert found == ({"a": (1, 9)} if is_pinned else {})


def crossing(*, corner: tuple[float, float] = ANYTHING) -> Puzzle:
    """Two areas by two groups: three inner cells withheld, the fourth as given, all margins known exactly."""
    ranges = {"xm": ANYTHING, "xf": ANYTHING, "ym": ANYTHING, "yf": corner}
    margins = {"x": 12, "y": 30, "m": 10, "f": 32}
    terms = {"x": ("xm", "xf"), "y": ("ym", "yf"), "m": ("xm", "ym"), "f": ("xf", "yf")}
    return Puzzle(ranges, [Equation(dict.fromkeys(cells, 1), margins[name]) for name, cells in terms.items()])


def test_crossing_totals_close_a_rectangle() -> None:
    assert pinned(crossing(corner=(25, 25)), {"xm": 1}) == {"xm": (5, 5)}
    assert feasible_range(crossing(corner=(25, 25)), "xm") == (5, 5)


def test_a_free_corner_opens_it_as_far_as_the_smallest_margin() -> None:
    assert feasible_range(crossing(), "xm") == (0, 10)
    assert pinned(crossing(), {"xm": 10, "xf": 10, "ym": 10, "yf": 10}) == {}
    assert pinned(crossing(), {"xm": 11})["xm"] == (0, 10)


def test_whole_numbers_are_told_from_fractions() -> None:
    # given 2a = b + c with b, c between 0 and 1: over fractions a is 0 to 1, and 1/2 is no count of people
    puzzle = Puzzle(
        {"a": ANYTHING, "d": ANYTHING, "b": (0, 1), "c": (1, 1)},
        [Equation({"a": 1, "d": -1}, 0), Equation({"a": 1, "d": 1, "b": -1, "c": -1}, 0)],
    )
    assert feasible_range(puzzle, "a") == (1, 1)


def test_a_puzzle_that_no_table_fits_is_said_to_be_one() -> None:
    contradiction = Puzzle({"a": (0, 5), "b": (0, 5)}, [Equation({"a": 1, "b": 1}, 3), Equation({"a": 1, "b": 1}, 4)])
    with pytest.raises(ReleaseRefused, match="found no answer"):
        pinned(contradiction, {"a": 1})


def bounded_puzzles(equations: int) -> st.SearchStrategy[Puzzle]:
    """Puzzles of three areas, a city and (with two equations) a second geography of two areas, true of some table."""
    parts = st.lists(st.integers(0, 7), min_size=3, max_size=3)
    return st.tuples(parts, st.integers(0, 7), st.lists(st.booleans(), min_size=6, max_size=6), st.just(equations)).map(
        _puzzle
    )


def _puzzle(drawn: tuple[list[int], int, list[bool], int]) -> Puzzle:
    areas, first, is_withheld, equations = drawn
    total = sum(areas)
    table = dict(zip("abc", areas, strict=True)) | {"city": total}
    wards = {"w": min(first, total), "v": total - min(first, total)} if equations == 2 else {}
    ranges = {
        name: (0.0, 21.0) if withheld else (float(max(0, n - 1)), float(n + 1))
        for (name, n), withheld in zip((table | wards).items(), is_withheld, strict=False)
    }
    found = [Equation({"a": 1, "b": 1, "c": 1, "city": -1}, 0)]
    return Puzzle(ranges, found + ([Equation({"w": 1, "v": 1, "city": -1}, 0)] if wards else []))


@given(bounded_puzzles(1))
@settings(max_examples=40, deadline=None)
def test_one_equation_gives_the_range_of_all_tables_that_fit(puzzle: Puzzle) -> None:
    expected = ranges_of(puzzle, most=40)
    assert {name: feasible_range(puzzle, name) for name in puzzle.ranges} == expected


@given(bounded_puzzles(2))
@settings(max_examples=12, deadline=None)
def test_two_geographies_give_the_range_of_all_tables_that_fit(puzzle: Puzzle) -> None:
    vectorised = ranges_of(puzzle, most=40)
    assert {name: feasible_range(puzzle, name) for name in puzzle.ranges} == vectorised


@given(bounded_puzzles(2), st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_the_narrow_ones_are_those_of_a_narrow_range(puzzle: Puzzle, width: int) -> None:
    expected = {n: (low, high) for n, (low, high) in ranges_of(puzzle, most=40).items() if high - low < width}
    assert pinned(puzzle, dict.fromkeys(puzzle.ranges, width)) == expected


def ranges_of(puzzle: Puzzle, *, most: int) -> Mapping[str, tuple[float, float]]:
    """The same by trial, all tables at once: unknowns that stand alone in an equation with a whole follow from it."""
    names = sorted(puzzle.ranges)
    axes = [np.arange(int(low), int(min(high, most)) + 1) for low, high in (puzzle.ranges[n] for n in names)]
    free: Sequence[int] = [k for k, name in enumerate(names) if name not in {"c", "v"}]
    grid = dict(zip((names[k] for k in free), np.meshgrid(*(axes[k] for k in free), indexing="ij"), strict=True))
    grid["c"] = grid["city"] - grid["a"] - grid["b"]
    if "v" in names:
        grid["v"] = grid["city"] - grid["w"]
    fits = np.ones_like(grid["city"], dtype=bool)
    for name in names:
        low, high = puzzle.ranges[name]
        fits &= (grid[name] >= low) & (grid[name] <= high)
    return {name: (float(grid[name][fits].min()), float(grid[name][fits].max())) for name in names}


@given(st.data())
def test_a_table_that_fits_changes_nothing_but_the_time(data: st.DataObject) -> None:
    """The true table is only where the attack begins; what it finds is the same from anywhere."""
    parts = [f"a{k}" for k in range(data.draw(st.integers(2, 4)))]
    sides = ("x", "y")
    true = {f"{part}{side}": float(data.draw(st.integers(0, 25))) for part in parts for side in sides}
    true |= {side: sum(true[f"{part}{side}"] for part in parts) for side in sides}
    true |= {part: sum(true[f"{part}{side}"] for side in sides) for part in parts}
    rows = [Equation({**{f"{part}{side}": 1 for part in parts}, side: -1}, 0) for side in sides]
    rows += [Equation({**{f"{part}{side}": 1 for side in sides}, part: -1}, 0) for part in parts]
    shown = {name for name in true if data.draw(st.booleans())}
    ranges = {name: (max(v - 2, 0.0), v + 2) if name in shown else (0.0, float("inf")) for name, v in true.items()}
    widths = {name: 9 for name in true if name not in shown}
    assert pinned(Puzzle(ranges, rows, true), widths) == pinned(Puzzle(ranges, rows), widths)
