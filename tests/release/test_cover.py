"""Which cells are withheld: enough against every attack, and hardly more than the best choice there is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest

from barometer.release.before import FormerRelease, estimates_before
from barometer.release.cover import Before, Family, attacked, cells_to_withhold, exposed_cells, protection_width
from barometer.release.disclosure import MINIMUM_PERSONS, Former, Total, derivable_cells, gives_away, rounded
from tests.rows import rows

MANY_TABLES = 1500
MANY_SEQUENCES = 1200


def family(*parts: int, **changes: object) -> Family:
    """Areas a, b, … that add up to the city."""
    named = dict(zip("abcdefgh", parts, strict=False))
    plain = {"persons": named | {"city": sum(parts)}, "totals": [Total("city", tuple(named))], "minimum": 10}
    return Family(**(plain | changes))  # type: ignore[arg-type]


def shown(of: Family, withheld: frozenset[str]) -> dict[str, int]:
    return {cell: rounded(n) for cell, n in of.persons.items() if cell not in withheld}


@pytest.mark.parametrize(("persons", "withheld"), [(9, {"a", "b"}), (10, set()), (11, set())])
def test_the_policy_at_its_boundary(persons: int, withheld: set[str]) -> None:
    assert cells_to_withhold(family(persons, 12, 50, 60)) == withheld


def test_a_small_cell_may_not_be_known_better_than_that_it_is_small() -> None:
    assert protection_width(MINIMUM_PERSONS) == 9


def test_a_dominated_cell_is_withheld_however_many_it_has() -> None:
    withheld = cells_to_withhold(family(40, 12, 50, 60, dominated=frozenset("a")))
    assert withheld == {"a", "b"}


def test_one_withheld_area_between_two_shown_numbers_is_exposed() -> None:
    # given an area of six, and a neighbour whose rounded count leaves it 2 to 10
    two = family(6, 40)
    assert attacked(two, {"b": 40, "city": 45}) == {"a": (1, 9)}
    assert attacked(two, {"city": 45}) == {}


def test_a_shown_count_that_is_not_rounded_gives_a_rater_away() -> None:
    raters = family(2, 5, minimum=3, is_rounded=False)
    assert attacked(raters, {"b": 5, "city": 7}) == {"a": (2, 2)}
    assert not attacked(raters, shown(raters, cells_to_withhold(raters)))


def two_way(inner: np.ndarray) -> Family:
    """Areas by groups, with both margins."""
    height, width = inner.shape
    cells = {f"{i}{j}": int(inner[i, j]) for i in range(height) for j in range(width)}
    areas = {f"area{i}": int(inner[i].sum()) for i in range(height)}
    groups = {f"group{j}": int(inner[:, j].sum()) for j in range(width)}
    totals = [Total(f"area{i}", tuple(f"{i}{j}" for j in range(width))) for i in range(height)]
    totals += [Total(f"group{j}", tuple(f"{i}{j}" for i in range(height))) for j in range(width)]
    totals += [Total("all", tuple(areas)), Total("all", tuple(groups))]
    return Family(cells | areas | groups | {"all": int(inner.sum())}, totals, minimum=10)


def test_crossing_tables_survive_the_attack_and_no_cover_is_idle() -> None:
    chance = np.random.default_rng(3)
    for _ in range(8):
        table = two_way(chance.integers(0, 26, size=(3, 3)))
        withheld = cells_to_withhold(table)
        assert table.sensitive <= withheld
        assert not exposed_cells(table, withheld)
        for cover in withheld - table.sensitive:
            assert not is_safe(table, withheld - {cover})


def is_safe(of: Family, withheld: frozenset[str]) -> bool:
    if any(gives_away(of.persons, total, withheld, of.minimum) for total in of.totals):
        return False
    return not derivable_cells(of.persons, of.totals, withheld) and not exposed_cells(of, withheld)


def cost(of: Family, withheld: frozenset[str]) -> int:
    """People behind the covers: what a reader loses beyond what must go."""
    return sum(of.persons[cell] for cell in withheld - of.sensitive)


def cheapest(of: Family) -> int:
    """What the best set of covers costs, all of them tried."""
    left = sorted(set(of.persons) - of.sensitive)
    choices = (frozenset(c) for k in range(len(left) + 1) for c in itertools.combinations(left, k))
    safe = (cost(of, of.sensitive | covers) for covers in choices if is_safe(of, of.sensitive | covers))
    return min(safe)


def test_a_single_total_loses_no_more_than_the_best_choice() -> None:
    chance = np.random.default_rng(1)
    for _ in range(60):
        table = family(*chance.integers(0, 40, size=chance.integers(2, 6)).tolist())
        assert cost(table, cells_to_withhold(table)) == cheapest(table)


def test_a_crossing_table_loses_hardly_more_than_the_best_choice() -> None:
    chance = np.random.default_rng(2)
    tables = [two_way(chance.integers(0, 26, size=(2, 2))) for _ in range(4)]
    lost = [(cost(table, cells_to_withhold(table)), cheapest(table)) for table in tables]
    assert all(mine <= 1.5 * best + 10 for mine, best in lost)
    assert sum(mine for mine, _ in lost) <= 1.15 * sum(best for _, best in lost)


def every_guess(of: Family, stated: Mapping[str, int], *, most: int = 32) -> np.ndarray:
    """Every table of three areas that agrees with the stated counts, by trial: an attacker of its own making."""
    names = [cell for cell in of.persons if cell != "city"]
    slack = 2 if of.is_rounded else 0
    axes = [
        np.arange(max(stated[c] - slack, 0), stated[c] + slack + 1) if c in stated else np.arange(most) for c in names
    ]
    tables = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(names))
    total = tables.sum(axis=1)
    return tables[np.abs(total - stated["city"]) <= slack] if "city" in stated else tables


def test_thousands_of_tables_are_tried_and_none_gives_a_small_cell_away() -> None:
    chance = np.random.default_rng(4)
    reconstructed = []
    for parts in chance.integers(0, 22, size=(MANY_TABLES, 3)).tolist():
        table = family(*parts)
        stated = shown(table, cells_to_withhold(table))
        guesses = every_guess(table, stated)
        span = guesses.max(axis=0) - guesses.min(axis=0)
        small = [k for k, n in enumerate(parts) if 0 < n < MINIMUM_PERSONS]
        assert all("abc"[k] not in stated for k in small)
        reconstructed += [(parts, k) for k in small if span[k] < protection_width(MINIMUM_PERSONS)]
    assert reconstructed == []


def sequence(chance: np.random.Generator) -> Iterator[dict[str, int]]:
    """Three nights of three areas, on each of which some gain or lose a few people."""
    parts = chance.integers(0, 22, size=3)
    for _ in range(3):
        yield dict(zip("abc", parts.tolist(), strict=True)) | {"city": int(parts.sum())}
        moves = chance.integers(-2, 4, size=3) * (chance.random(3) < 0.4)
        parts = np.maximum(parts + moves, 0)


def published_one_by_one(nights: list[dict[str, int]]) -> list[frozenset[str]]:
    """What is withheld of each night, each protected against all the nights before it."""
    withheld: list[frozenset[str]] = []
    for k, persons in enumerate(nights):
        before = [
            Before(
                Former(
                    withheld[j],
                    frozenset(c for c in persons if nights[j][c] == persons[c]),
                    {c: str(n) for c, n in nights[j].items()},
                ),
                nights[j],
                {c: rounded(n) for c, n in nights[j].items() if c not in withheld[j]},
            )
            for j in range(k)
        ]
        withheld.append(cells_to_withhold(Family(persons, [Total("city", tuple("abc"))], 10, before=before)))
    return withheld


def test_thousands_of_sequences_of_releases_give_no_small_cell_away() -> None:
    """A cell's row is one unknown as long as it stays the same; a reader knows every count that was ever shown."""
    chance = np.random.default_rng(5)
    for _ in range(MANY_SEQUENCES // 3):
        nights = list(sequence(chance))
        withheld = published_one_by_one(nights)
        for night, hidden in zip(nights, withheld, strict=True):
            assert {c for c, n in night.items() if 0 < n < 10} <= hidden | shown_before(nights, withheld, night)
        for k, night in enumerate(nights):
            told = dict(solved(nights[: k + 1], withheld[: k + 1]))
            in_any_case = dict(solved(nights[: k + 1], [*withheld[:k], frozenset(night)]))
            news = {row: n for row, n in told.items() if row not in in_any_case}
            assert not [row for row, n in news.items() if 0 < n < 10], f"{news}: {nights} {withheld}"


def shown_before(nights: list[dict[str, int]], withheld: list[frozenset[str]], night: dict[str, int]) -> set[str]:
    earlier = nights[: nights.index(night)]
    return {c for k, each in enumerate(earlier) for c in each if each[c] == night[c] and c not in withheld[k]}


def solved(nights: list[dict[str, int]], withheld: list[frozenset[str]]) -> Iterator[tuple[str, int]]:
    """Withheld rows that follow by elimination from exact counts: equations with one unknown left, again and again."""
    known = {f"{c}={n[c]}" for n, hidden in zip(nights, withheld, strict=True) for c in n if c not in hidden}
    equations = [[(c, n[c]) for c in n] for n in nights]
    while True:
        fresh = {
            open_[0]
            for equation in equations
            if len(open_ := [(c, n) for c, n in equation if f"{c}={n}" not in known]) == 1
        }
        if not fresh:
            return
        for cell, n in fresh:
            known.add(f"{cell}={n}")
            yield f"{cell}={n}", n


def test_an_earlier_night_is_guarded_for_ever() -> None:
    # given a night that hid a behind b, and many nights later the same b
    nights = [
        {"a": 6, "b": 12, "c": 40, "city": 58},
        {"a": 14, "b": 15, "c": 40, "city": 69},
        {"a": 20, "b": 12, "c": 44, "city": 76},
    ]
    withheld = published_one_by_one(nights)
    assert withheld[:2] == [{"a", "b"}, frozenset()]
    # then b stays hidden on the third night: with it the first night's a would follow
    assert "b" in withheld[2]


def test_an_unchanged_table_is_withheld_as_before() -> None:
    # given a release that withheld more than it had to
    persons = {"a": 6, "b": 14, "c": 40, "city": 60}
    former = Former(frozenset("ac"), frozenset(persons), {c: str(n) for c, n in persons.items()})
    before = [Before(former, persons, {"b": 15, "city": 60})]
    again = Family(persons, [Total("city", tuple("abc"))], 10, before=before)
    assert cells_to_withhold(again) == {"a", "c"}
    # and a city that became stricter since
    assert "b" in cells_to_withhold(replace(again, minimum=20))


def test_the_same_release_again_adds_no_memory() -> None:
    persons = {"a": 6, "b": 14, "c": 40, "city": 60}
    places = [{"geography": "city" if c == "city" else "areas", "area": c, "n": n} for c, n in persons.items()]
    exact = rows("estimates", *({"city": "city", "indicator": "asked"} | place for place in places))
    published = exact.with_columns(missing_reason=None)
    once = estimates_before([FormerRelease(published, exact)], exact)
    again = estimates_before([FormerRelease(published, exact)] * 5, exact)
    assert [len(found) for found in once.values()] == [len(found) for found in again.values()] == [1]
