"""Disclosure control at its exact boundaries, and under attack."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.release.disclosure import (
    MINIMUM_PERSONS,
    ROUNDING_BASE,
    Former,
    Total,
    derivable_cells,
    is_small,
    rounded,
    withheld_cells,
)

CITY = Total("city", ("a", "b", "c", "d"))


def counts(*parts: int) -> dict[str, int]:
    """Persons of cells a, b, c, … and of the city they add up to."""
    named = dict(zip("abcdefgh", parts, strict=False))
    return named | {"city": sum(parts)}


@pytest.mark.parametrize(("persons", "small"), [(0, False), (1, True), (9, True), (10, False), (11, False)])
def test_a_cell_is_small_below_ten_people_and_never_when_empty(persons: int, small: bool) -> None:
    assert is_small(persons) is small


def test_the_policy_is_the_one_published() -> None:
    assert (MINIMUM_PERSONS, ROUNDING_BASE) == (10, 5)


@pytest.mark.parametrize(("persons", "shown"), [(0, 0), (2, 0), (3, 5), (7, 5), (8, 10), (10, 10), (12, 10), (13, 15)])
def test_counts_are_shown_to_the_nearest_five(persons: int, shown: int) -> None:
    assert rounded(persons) == shown


@given(st.integers(0, 10_000))
def test_rounding_never_moves_a_count_by_more_than_two(persons: int) -> None:
    assert rounded(persons) % ROUNDING_BASE == 0
    assert abs(rounded(persons) - persons) <= ROUNDING_BASE // 2


def test_nothing_is_withheld_when_every_cell_is_large_enough() -> None:
    assert withheld_cells(counts(10, 11, 50, 12), [CITY]) == frozenset()


@pytest.mark.parametrize(("persons", "withheld"), [(9, {"a", "b"}), (10, set()), (11, set())])
def test_one_small_cell_takes_the_next_smallest_with_it(persons: int, withheld: set[str]) -> None:
    assert withheld_cells(counts(persons, 12, 50, 60), [CITY]) == withheld


def test_small_cells_that_together_stay_small_take_one_more() -> None:
    # given two small cells of six people together: the total would give the six away
    assert withheld_cells(counts(4, 2, 50, 60), [CITY]) == {"a", "b", "c"}


def test_small_cells_that_together_could_be_shown_need_no_cover() -> None:
    assert withheld_cells(counts(6, 4, 50, 60), [CITY]) == {"a", "b"}


def test_the_total_goes_when_no_part_is_left_to_cover_a_small_one() -> None:
    assert withheld_cells(counts(5), [Total("city", ("a",))]) == {"a", "city"}


def test_an_empty_part_is_spared_as_long_as_anything_else_helps() -> None:
    persons = counts(5, 0, 0, 30)
    assert withheld_cells(persons, [CITY]) == {"a", "d"}


def test_a_city_may_ask_for_more_people() -> None:
    assert withheld_cells(counts(15, 25, 50, 60), [CITY], minimum=20) == {"a", "b"}


def test_crossing_totals_are_attacked_together() -> None:
    # given a table of two areas by two groups, with both margins
    persons = {"xm": 3, "xf": 40, "ym": 45, "yf": 50, "x": 43, "y": 95, "m": 48, "f": 90, "all": 138}
    totals = [
        Total("x", ("xm", "xf")),
        Total("y", ("ym", "yf")),
        Total("m", ("xm", "ym")),
        Total("f", ("xf", "yf")),
        Total("all", ("x", "y")),
        Total("all", ("m", "f")),
    ]
    # when the small inner cell is covered in its row and its column only, the other corner closes the rectangle
    withheld = withheld_cells(persons, totals)
    assert {"xm", "xf", "ym", "yf"} <= withheld
    assert not derivable_cells(persons, totals, withheld)


def test_the_attack_succeeds_on_an_unprotected_table() -> None:
    assert derivable_cells(counts(9, 12, 50, 60), [CITY], frozenset({"a"})) == {"a"}


def test_the_attack_fails_on_two_unknowns() -> None:
    assert derivable_cells(counts(9, 12, 50, 60), [CITY], frozenset({"a", "b"})) == frozenset()


def test_one_person_less_since_the_last_release_is_not_worked_out_from_it() -> None:
    # given a release that showed everything, and one person of cell a who withdrew since
    former = Former(withheld=frozenset(), unchanged=frozenset("bcd"))
    persons = counts(9, 12, 50, 60)
    # when cells are withheld now
    withheld = withheld_cells(persons, [CITY], formers=[former])
    # then no cover among the unchanged, which everybody knows, would do: the total must go
    assert withheld == {"a", "city"}
    assert not derivable_cells(persons, [CITY], withheld, formers=[former])


def test_a_cover_stays_withheld_while_it_would_give_away_the_release_before() -> None:
    # given a release in which b covered a, and one person more in a since
    former = Former(withheld=frozenset("ab"), unchanged=frozenset("bcd"))
    persons = counts(10, 11, 50, 60)
    # when a could be shown by itself, showing b would give away what a was
    assert derivable_cells(persons, [CITY], frozenset(), formers=[former]) == {"a"}
    withheld = withheld_cells(persons, [CITY], formers=[former])
    assert "b" in withheld
    assert not derivable_cells(persons, [CITY], withheld, formers=[former])


def test_everything_may_be_shown_once_everything_has_moved_on() -> None:
    former = Former(withheld=frozenset("ab"), unchanged=frozenset())
    assert withheld_cells(counts(25, 30, 52, 61), [CITY], formers=[former]) == frozenset()


persons_of_parts = st.lists(st.integers(0, 40), min_size=1, max_size=7)


@given(persons_of_parts)
def test_every_small_cell_is_withheld_and_none_can_be_solved_for(parts: list[int]) -> None:
    persons = counts(*parts)
    total = Total("city", tuple("abcdefgh"[: len(parts)]))
    withheld = withheld_cells(persons, [total])
    assert {cell for cell, count in persons.items() if is_small(count)} <= withheld
    assert not solvable(persons, [(total, withheld)])


@given(persons_of_parts)
def test_what_a_total_gives_away_of_small_cells_could_itself_be_shown(parts: list[int]) -> None:
    persons = counts(*parts)
    withheld = withheld_cells(persons, [Total("city", tuple("abcdefgh"[: len(parts)]))])
    hidden = sum(persons[cell] for cell in withheld if cell != "city")
    assert "city" in withheld or hidden == 0 or hidden >= MINIMUM_PERSONS


@given(st.lists(st.integers(0, 14), min_size=2, max_size=4))
def test_a_reader_who_tries_every_table_never_pins_a_small_cell_down(parts: list[int]) -> None:
    persons = counts(*parts)
    names = "abcdefgh"[: len(parts)]
    withheld = withheld_cells(persons, [Total("city", tuple(names))])
    for cell in names:
        others = (table for table in tables_that_fit(persons, names, withheld) if table[cell] != persons[cell])
        assert not is_small(persons[cell]) or next(others, None), f"{cell} can only be {persons[cell]}"


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-3, 12)), min_size=2, max_size=6))
def test_two_releases_together_give_nothing_away(parts: list[tuple[int, int]]) -> None:
    # given a first release, and a second after some cells gained or lost people
    then = counts(*(before for before, _ in parts))
    persons = counts(*(max(before + step, 0) for before, step in parts))
    total = Total("city", tuple("abcdefgh"[: len(parts)]))
    first = withheld_cells(then, [total])
    same = frozenset(cell for cell in persons if persons[cell] == then[cell])
    # when the second is protected against the first
    second = withheld_cells(persons, [total], formers=[Former(withheld=first, unchanged=same)])
    # then no cell small in either can be solved for, unless all the second shows was known before
    shows_news = set(persons) - second - (same - first)
    if shows_news:
        known = solvable(persons, [(total, second), (total, first)], same=same, then=then)
        assert not known & {cell for cell in second if cell not in same - first}


@given(st.lists(st.lists(st.integers(0, 25), min_size=3, max_size=3), min_size=2, max_size=4))
def test_a_table_by_area_and_group_gives_nothing_away(rows: list[list[int]]) -> None:
    persons, totals = two_way(rows)
    withheld = withheld_cells(persons, totals)
    assert {cell for cell, count in persons.items() if is_small(count)} <= withheld
    assert not solvable(persons, [(total, withheld) for total in totals])


@given(persons_of_parts)
def test_the_same_table_is_always_protected_the_same_way(parts: list[int]) -> None:
    total = Total("city", tuple("abcdefgh"[: len(parts)]))
    forwards, backwards = counts(*parts), dict(reversed(counts(*parts).items()))
    assert withheld_cells(forwards, [total]) == withheld_cells(backwards, [total])


def two_way(rows: list[list[int]]) -> tuple[dict[str, int], list[Total]]:
    """Cells and totals of areas by groups, with both margins."""
    inner = {f"{i}{j}": n for i, row in enumerate(rows) for j, n in enumerate(row)}
    areas = {f"area{i}": sum(row) for i, row in enumerate(rows)}
    groups = {f"group{j}": sum(row[j] for row in rows) for j in range(3)}
    totals = [Total(f"area{i}", tuple(f"{i}{j}" for j in range(3))) for i in range(len(rows))]
    totals += [Total(f"group{j}", tuple(f"{i}{j}" for i in range(len(rows)))) for j in range(3)]
    totals += [Total("all", tuple(areas)), Total("all", tuple(groups))]
    return inner | areas | groups | {"all": sum(areas.values())}, totals


def solvable(
    persons: Mapping[str, int],
    shown: Sequence[tuple[Total, frozenset[str]]],
    *,
    same: frozenset[str] = frozenset(),
    then: Mapping[str, int] | None = None,
) -> set[str]:
    """An attack of its own making: unknowns whose unit vector lies in the row space of the equations, by rank.

    `shown`: an equation and what it hides; with `then`, the first is of now and the second of the release before.
    """
    equations = []
    for at, (total, hidden) in enumerate(shown):
        is_then = then is not None and at == 1
        public = same - (shown[1][1] if then is not None else frozenset())
        names = {
            c: c if not is_then or c in same else f"{c} then" for c in total.cells if c in hidden and c not in public
        }
        equations.append({names[c]: -1 if c == total.whole else 1 for c in total.cells if c in names})
    if then is not None:
        shown_now = set(persons) - shown[0][1]
        equations[1] = {name: sign for name, sign in equations[1].items() if name not in shown_now & same}
    unknowns = sorted({name for equation in equations for name in equation})
    if not unknowns:
        return set()
    matrix = np.array([[equation.get(name, 0) for name in unknowns] for equation in equations], dtype=float)
    rank = np.linalg.matrix_rank(matrix)
    units = zip(unknowns, np.eye(len(unknowns)), strict=True)
    return {name for name, unit in units if np.linalg.matrix_rank(np.vstack([matrix, unit])) == rank}


def tables_that_fit(persons: Mapping[str, int], names: str, withheld: frozenset[str]) -> Iterator[dict[str, int]]:
    """Every table of whole numbers that agrees with what is shown exactly."""
    hidden = [name for name in names if name in withheld]
    shown = {name: persons[name] for name in names if name not in withheld}
    for guess in itertools.product(range(21), repeat=len(hidden)):
        table = shown | dict(zip(hidden, guess, strict=True))
        if "city" in withheld or sum(table.values()) == persons["city"]:
            yield table
