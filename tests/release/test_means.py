"""The attack on values that are not shown."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from barometer.release.coarse import finest_step
from barometer.release.disclosure import Total, rounded
from barometer.release.means import Means, pinned_means

TOTAL = Total("city", ("a", "b", "c"))


def means(values: dict[str, float], *, width: float = 0.4, own: str = "abc") -> Means:
    widths = dict.fromkeys(values, width)
    return Means(values, widths, frozenset(own) | {"city"}, lowest=0.0, highest=1.0)


def test_one_withheld_area_follows_from_the_city_and_the_others() -> None:
    persons = {"a": 9, "b": 20, "c": 30, "city": 59}
    of = means({"a": 0.9, "b": 0.5, "c": 0.5})
    found = pinned_means(persons, [TOTAL], of, sensitive={"a"}, shown={"b", "c", "city"})
    # 9 a = 59 V - 20 b - 30 c, each known to half its step (0.02, 0.05, 0.05)
    slack = (59 * 0.02 + 20 * 0.05 + 30 * 0.05) / 2 / 9
    assert found == {"a": pytest.approx((0.9 - slack, 1.0))}


@pytest.mark.parametrize("shown", [{"c", "city"}, {"b", "c"}])
def test_a_second_area_or_the_city_withheld_leaves_it_open(shown: set[str]) -> None:
    persons = {"a": 9, "b": 20, "c": 30, "city": 59}
    of = means({"a": 0.9, "b": 0.5, "c": 0.5})
    assert pinned_means(persons, [TOTAL], of, sensitive={"a"}, shown=shown) == {}


def test_a_value_that_a_model_made_says_nothing_of_the_people_there() -> None:
    persons = {"a": 9, "b": 20, "c": 30, "city": 59}
    of = means({"a": 0.9, "b": 0.5, "c": 0.5}, own="ac")
    assert pinned_means(persons, [TOTAL], of, sensitive={"a"}, shown={"b", "c", "city"}) == {}


def test_what_stays_wider_than_its_own_interval_is_no_find() -> None:
    persons = {"a": 2, "b": 20, "c": 30, "city": 52}
    of = means({"a": 0.5, "b": 0.5, "c": 0.5}, width=0.9)
    assert pinned_means(persons, [TOTAL], of, sensitive={"a"}, shown={"b", "c", "city"}) == {}


def test_without_a_value_of_its_own_the_widest_interval_of_so_few_is_the_measure() -> None:
    persons = {"a": 9, "b": 10, "c": 10, "city": 29}
    of = means({"b": 0.5, "c": 0.5})
    found = pinned_means(persons, [TOTAL], of, sensitive={"a"}, shown={"b", "c", "city"})
    # half the sum of 29 x 0.05, 10 x 0.1 and 10 x 0.1 is 1.725 people: a is known to 0.19 either way
    assert found["a"] == pytest.approx((0.5 - 1.725 / 9, 0.5 + 1.725 / 9))


def test_the_ranges_are_those_of_a_linear_programme() -> None:
    """Given random families, least and greatest mean under the same knowledge, found by another method."""
    chance = np.random.default_rng(6)
    compared = 0
    for _ in range(150):
        persons = dict(zip("abc", chance.integers(1, 60, 3).tolist(), strict=True))
        persons["city"] = sum(persons.values())
        values = dict(zip("abc", chance.random(3).tolist(), strict=True))
        shown = {"city"} | {cell for cell in "bc" if chance.random() < 0.7}
        of = means(values, width=1.0)
        found = pinned_means(persons, [TOTAL], of, sensitive={"a"}, shown=shown)
        expected = by_programme(persons, values, shown)
        if expected[1] - expected[0] < 1 - 1e-6:
            assert found["a"] == pytest.approx(expected, abs=1e-6)
            compared += 1
        else:
            assert found == {}
    assert compared > 40


def by_programme(persons: dict[str, int], values: dict[str, float], shown: set[str]) -> tuple[float, float]:
    city = sum(persons[c] * values[c] for c in "abc") / persons["city"]
    exact = [values[c] for c in "abc"] + [city]
    half = [finest_step(rounded(persons[c])) / 2 for c in ("a", "b", "c", "city")]
    bounds = [
        (v - h, v + h) if name in shown else (0.0, 1.0)
        for name, v, h in zip(("a", "b", "c", "city"), exact, half, strict=True)
    ]
    equation = [[persons["a"], persons["b"], persons["c"], -persons["city"]]]
    ends = [linprog([sign, 0, 0, 0], A_eq=equation, b_eq=[0.0], bounds=bounds).fun * sign for sign in (1, -1)]
    return ends[0], ends[1]
